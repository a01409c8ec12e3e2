-- +goose Up

-- The software token: one, sealed under its PIN, for all nodes.
CREATE TABLE software_token (
    id         INTEGER PRIMARY KEY CHECK (id = 1),
    sealed     BYTEA NOT NULL,
    created_at TIMESTAMPTZ NOT NULL
);

CREATE TABLE configuration_signing_key (
    id          TEXT PRIMARY KEY,
    node        TEXT NOT NULL, -- the central server that signs with it
    source_type TEXT NOT NULL CONSTRAINT configuration_signing_key_source CHECK (source_type IN ('INTERNAL', 'EXTERNAL')),
    label       TEXT NOT NULL,
    algorithm   TEXT NOT NULL CONSTRAINT configuration_signing_key_algorithm CHECK (algorithm IN ('RSA', 'EC')),
    sealed      BYTEA NOT NULL,
    certificate BYTEA NOT NULL,
    active      BOOLEAN NOT NULL,
    created_at  TIMESTAMPTZ NOT NULL
);
-- One key of a source signs at each node.
CREATE UNIQUE INDEX configuration_signing_key_active ON configuration_signing_key (node, source_type) WHERE active;

-- An anchor names all nodes, so it is the same on each.
CREATE TABLE configuration_anchor (
    source_type  TEXT PRIMARY KEY CONSTRAINT configuration_anchor_source CHECK (source_type IN ('INTERNAL', 'EXTERNAL')),
    anchor       BYTEA NOT NULL,
    hash         TEXT NOT NULL,
    generated_at TIMESTAMPTZ NOT NULL
);

-- +goose Down
DROP TABLE configuration_anchor;
DROP TABLE configuration_signing_key;
DROP TABLE software_token;
