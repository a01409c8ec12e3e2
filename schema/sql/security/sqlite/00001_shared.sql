-- +goose Up

-- Who may log in. The password is argon2id in PHC form; roles are names without the ROLE_ prefix.
CREATE TABLE user_account (
  name          text NOT NULL PRIMARY KEY CHECK (name <> ''),
  password_hash text NOT NULL,
  created_at    datetime NOT NULL,
  updated_at    datetime NOT NULL
);

CREATE TABLE user_account_role (
  user_name text NOT NULL REFERENCES user_account (name) ON DELETE CASCADE,
  role      text NOT NULL CHECK (role <> ''),
  PRIMARY KEY (user_name, role)
);

-- A session is found by the hash of its token; neither the token nor the CSRF token stands here in the clear.
CREATE TABLE user_session (
  token_hash text NOT NULL PRIMARY KEY,
  csrf_hash  text NOT NULL,
  user_name  text NOT NULL REFERENCES user_account (name) ON DELETE CASCADE,
  created_at datetime NOT NULL,
  used_at    datetime NOT NULL
);
CREATE INDEX user_session_used_at ON user_session (used_at);

CREATE TABLE api_key (
  id         integer PRIMARY KEY AUTOINCREMENT,
  key_hash   text NOT NULL UNIQUE,
  created_at datetime NOT NULL,
  updated_at datetime NOT NULL
);

CREATE TABLE api_key_role (
  api_key_id integer NOT NULL REFERENCES api_key (id) ON DELETE CASCADE,
  role       text NOT NULL CHECK (role <> ''),
  PRIMARY KEY (api_key_id, role)
);

-- The audit log. Rows are only ever added.
CREATE TABLE audit_record (
  id             integer PRIMARY KEY AUTOINCREMENT,
  recorded_at    datetime NOT NULL,
  correlation_id text NOT NULL,
  record         text NOT NULL
);

-- +goose StatementBegin
CREATE TRIGGER audit_record_no_update BEFORE UPDATE ON audit_record
BEGIN
  SELECT RAISE(ABORT, 'audit_record is append-only');
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER audit_record_no_delete BEFORE DELETE ON audit_record
BEGIN
  SELECT RAISE(ABORT, 'audit_record is append-only');
END;
-- +goose StatementEnd
