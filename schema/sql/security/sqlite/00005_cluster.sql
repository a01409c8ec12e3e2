-- +goose Up
-- Servers that share this database. The number rises with every change, so that each of them can keep in memory what it has read.
CREATE TABLE store_generation (
    id         INTEGER PRIMARY KEY CHECK (id = 1),
    generation INTEGER NOT NULL
);
INSERT INTO store_generation (id, generation) VALUES (1, 0);

-- The newest global configuration that states were compared with, by its expiry. One that expires earlier changes nothing any more.
CREATE TABLE configuration_seen (
    id      INTEGER PRIMARY KEY CHECK (id = 1),
    expires DATETIME NOT NULL,
    seen_at DATETIME NOT NULL
);

-- Work that one server does for all of them, until the time given.
CREATE TABLE cluster_lease (
    name  TEXT PRIMARY KEY,
    node  TEXT NOT NULL,
    until DATETIME NOT NULL
);

-- The key pair that all servers show to information systems: PKCS#8 and certificate in DER.
CREATE TABLE internal_tls (
    id          INTEGER PRIMARY KEY CHECK (id = 1),
    private_key BLOB NOT NULL,
    certificate BLOB NOT NULL,
    created_at  DATETIME NOT NULL
);

-- Which server sends the request.
ALTER TABLE request_submission ADD COLUMN node TEXT NOT NULL DEFAULT '';

-- Few of many: every new configuration asks for them.
CREATE INDEX request_submission_unresolved ON request_submission (id) WHERE outcome IN ('', 'unknown');
-- The newest of a subject by one index: requests about clients all have the same, empty certificate.
CREATE INDEX request_submission_subject ON request_submission (client, certificate_hash, id);
DROP INDEX request_submission_client;
DROP INDEX request_submission_certificate;

-- +goose Down
CREATE INDEX request_submission_client ON request_submission (client, id);
CREATE INDEX request_submission_certificate ON request_submission (certificate_hash, id);
DROP INDEX request_submission_subject;
DROP INDEX request_submission_unresolved;
ALTER TABLE request_submission DROP COLUMN node;
DROP TABLE internal_tls;
DROP TABLE cluster_lease;
DROP TABLE configuration_seen;
DROP TABLE store_generation;
