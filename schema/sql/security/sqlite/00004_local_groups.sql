-- +goose Up
-- Groups that a client makes for its own access rights.
CREATE TABLE local_group (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    client_id   INTEGER NOT NULL REFERENCES client (id) ON DELETE CASCADE,
    code        TEXT NOT NULL,
    description TEXT NOT NULL,
    updated_at  DATETIME NOT NULL,
    UNIQUE (client_id, code)
);

-- Members are subsystems by their encoded identifier: most are not clients of this server.
CREATE TABLE local_group_member (
    group_id INTEGER NOT NULL REFERENCES local_group (id) ON DELETE CASCADE,
    member   TEXT NOT NULL,
    added_at DATETIME NOT NULL,
    PRIMARY KEY (group_id, member)
);
CREATE INDEX local_group_member_member ON local_group_member (member);

-- A local group's subject is its id.
CREATE TABLE access_right_next (
    id           INTEGER PRIMARY KEY AUTOINCREMENT,
    client_id    INTEGER NOT NULL REFERENCES client (id) ON DELETE CASCADE,
    service_code TEXT NOT NULL,
    subject_type TEXT NOT NULL CHECK (subject_type IN ('SUBSYSTEM', 'GLOBALGROUP', 'LOCALGROUP')),
    subject      TEXT NOT NULL,
    given_at     DATETIME NOT NULL,
    UNIQUE (client_id, service_code, subject_type, subject)
);
INSERT INTO access_right_next SELECT id, client_id, service_code, subject_type, subject, given_at FROM access_right;
DROP TABLE access_right;
ALTER TABLE access_right_next RENAME TO access_right;
CREATE INDEX access_right_subject ON access_right (subject);
