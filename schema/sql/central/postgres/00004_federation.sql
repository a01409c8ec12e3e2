-- +goose Up

-- The external anchors of the instances that this one is federated with; the configuration publishes them.
CREATE TABLE trusted_anchor (
    id           BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    instance     TEXT NOT NULL,
    anchor       BYTEA NOT NULL,
    hash         TEXT NOT NULL,
    generated_at TIMESTAMPTZ,
    created_at   TIMESTAMPTZ NOT NULL
);
CREATE UNIQUE INDEX trusted_anchor_instance ON trusted_anchor (instance);
CREATE UNIQUE INDEX trusted_anchor_hash ON trusted_anchor (hash);

-- Optional parts of the configuration as they were uploaded.
CREATE TABLE configuration_part (
    content_identifier TEXT PRIMARY KEY CONSTRAINT configuration_part_identifier CHECK (content_identifier IN ('MONITORING', 'FETCHINTERVAL', 'NEXTUPDATE')),
    data               BYTEA NOT NULL,
    updated_at         TIMESTAMPTZ NOT NULL
);

-- +goose Down
DROP TABLE configuration_part;
DROP TABLE trusted_anchor;
