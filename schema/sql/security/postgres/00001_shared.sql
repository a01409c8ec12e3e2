-- +goose Up

-- Who may log in. The password is argon2id in PHC form; roles are names without the ROLE_ prefix.
CREATE TABLE user_account (
  name          text PRIMARY KEY CHECK (name <> ''),
  password_hash text NOT NULL,
  created_at    timestamptz NOT NULL,
  updated_at    timestamptz NOT NULL
);

CREATE TABLE user_account_role (
  user_name text NOT NULL REFERENCES user_account (name) ON DELETE CASCADE,
  role      text NOT NULL CHECK (role <> ''),
  PRIMARY KEY (user_name, role)
);

-- A session is found by the hash of its token; neither the token nor the CSRF token stands here in the clear.
CREATE TABLE user_session (
  token_hash text PRIMARY KEY,
  csrf_hash  text NOT NULL,
  user_name  text NOT NULL REFERENCES user_account (name) ON DELETE CASCADE,
  created_at timestamptz NOT NULL,
  used_at    timestamptz NOT NULL
);
CREATE INDEX user_session_used_at ON user_session (used_at);

CREATE TABLE api_key (
  id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  key_hash   text NOT NULL UNIQUE,
  created_at timestamptz NOT NULL,
  updated_at timestamptz NOT NULL
);

CREATE TABLE api_key_role (
  api_key_id bigint NOT NULL REFERENCES api_key (id) ON DELETE CASCADE,
  role       text NOT NULL CHECK (role <> ''),
  PRIMARY KEY (api_key_id, role)
);

-- The audit log. Rows are only ever added.
CREATE SEQUENCE audit_record_id;
CREATE TABLE audit_record (
  id             bigint PRIMARY KEY,
  recorded_at    timestamptz NOT NULL,
  correlation_id text NOT NULL,
  record         text NOT NULL
);

-- The number is drawn under a shared lock: whoever takes lock 7238 alone knows that no lower number is still to come.
-- +goose StatementBegin
CREATE FUNCTION audit_record_number() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  PERFORM pg_advisory_xact_lock_shared(7238);
  NEW.id := nextval('audit_record_id');
  RETURN NEW;
END $$;
-- +goose StatementEnd
CREATE TRIGGER audit_record_number BEFORE INSERT ON audit_record FOR EACH ROW EXECUTE FUNCTION audit_record_number();

-- +goose StatementBegin
CREATE FUNCTION audit_record_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'audit_record is append-only';
END $$;
-- +goose StatementEnd
CREATE TRIGGER audit_record_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_record
  FOR EACH STATEMENT EXECUTE FUNCTION audit_record_append_only();
