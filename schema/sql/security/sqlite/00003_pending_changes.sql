-- +goose Up
-- A name that was sent to the central server, and the one it replaces: it is pending until the global configuration shows another than that.
ALTER TABLE client ADD COLUMN name_submitted BOOLEAN NOT NULL DEFAULT FALSE;
ALTER TABLE client ADD COLUMN replaced_name TEXT NOT NULL DEFAULT '';

-- What this server asked to be changed of itself and the global configuration does not show yet. One row a subject.
CREATE TABLE pending_change (
    subject      TEXT PRIMARY KEY CHECK (subject IN ('address', 'maintenance')),
    requested    TEXT NOT NULL,
    replaced     TEXT NOT NULL,
    requested_at DATETIME NOT NULL
);

-- +goose Down
DROP TABLE pending_change;
ALTER TABLE client DROP COLUMN replaced_name;
ALTER TABLE client DROP COLUMN name_submitted;
