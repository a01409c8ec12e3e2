-- +goose Up

-- The external anchors of the instances that this one is federated with; the configuration publishes them.
CREATE TABLE trusted_anchor (
    id           INTEGER PRIMARY KEY AUTOINCREMENT,
    instance     TEXT NOT NULL,
    anchor       BLOB NOT NULL,
    hash         TEXT NOT NULL,
    generated_at DATETIME,
    created_at   DATETIME NOT NULL
);
CREATE UNIQUE INDEX trusted_anchor_instance ON trusted_anchor (instance);
CREATE UNIQUE INDEX trusted_anchor_hash ON trusted_anchor (hash);

-- Optional parts of the configuration as they were uploaded.
CREATE TABLE configuration_part (
    content_identifier TEXT PRIMARY KEY CONSTRAINT configuration_part_identifier CHECK (content_identifier IN ('MONITORING', 'FETCHINTERVAL', 'NEXTUPDATE')),
    data               BLOB NOT NULL,
    updated_at         DATETIME NOT NULL
);

-- +goose Down
DROP TABLE configuration_part;
DROP TABLE trusted_anchor;
