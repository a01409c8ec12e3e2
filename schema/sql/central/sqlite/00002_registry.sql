-- +goose Up

-- Every identifier ever seen; rows are never removed, so that requests and history keep pointing at something.
CREATE TABLE identifier (
    id             INTEGER PRIMARY KEY AUTOINCREMENT,
    object_type    TEXT NOT NULL CONSTRAINT identifier_object_type CHECK (object_type IN ('MEMBER', 'SUBSYSTEM', 'SERVER')),
    instance       TEXT NOT NULL,
    member_class   TEXT NOT NULL,
    member_code    TEXT NOT NULL,
    subsystem_code TEXT NOT NULL DEFAULT '',
    server_code    TEXT NOT NULL DEFAULT '',
    created_at     DATETIME NOT NULL,
    CHECK ((object_type = 'SUBSYSTEM') = (subsystem_code <> '')),
    CHECK ((object_type = 'SERVER') = (server_code <> ''))
);
CREATE UNIQUE INDEX identifier_key ON identifier (member_class, member_code, subsystem_code, server_code, object_type, instance);

CREATE INDEX identifier_server ON identifier (id, instance, member_class, member_code, server_code) WHERE object_type = 'SERVER';

CREATE TABLE member_class (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    code        TEXT NOT NULL,
    description TEXT NOT NULL,
    created_at  DATETIME NOT NULL,
    updated_at  DATETIME NOT NULL
);
CREATE UNIQUE INDEX member_class_code ON member_class (code);
CREATE UNIQUE INDEX member_class_description ON member_class (description);

CREATE TABLE member (
    id              INTEGER PRIMARY KEY AUTOINCREMENT,
    identifier_id   INTEGER NOT NULL REFERENCES identifier (id),
    member_class_id INTEGER NOT NULL REFERENCES member_class (id),
    name            TEXT NOT NULL,
    created_at      DATETIME NOT NULL,
    updated_at      DATETIME NOT NULL
);
CREATE UNIQUE INDEX member_identifier ON member (identifier_id);
CREATE INDEX member_by_class ON member (member_class_id);

CREATE TABLE subsystem (
    id            INTEGER PRIMARY KEY AUTOINCREMENT,
    identifier_id INTEGER NOT NULL REFERENCES identifier (id),
    member_id     INTEGER NOT NULL REFERENCES member (id),
    name          TEXT NOT NULL DEFAULT '',
    created_at    DATETIME NOT NULL,
    updated_at    DATETIME NOT NULL
);
CREATE UNIQUE INDEX subsystem_identifier ON subsystem (identifier_id);
CREATE INDEX subsystem_by_member ON subsystem (member_id);

-- Members and subsystems in one list, as administrators search and sort them. Keys are folded to lower case by the program; search holds all that
-- a free text is looked for in, line by line.
CREATE TABLE client (
    id             INTEGER PRIMARY KEY REFERENCES identifier (id),
    type           TEXT NOT NULL,
    instance       TEXT NOT NULL,
    member_class   TEXT NOT NULL,
    member_code    TEXT NOT NULL,
    subsystem_code TEXT NOT NULL,
    member_name    TEXT NOT NULL,
    subsystem_name TEXT NOT NULL,
    member_id      INTEGER REFERENCES member (id) ON DELETE CASCADE,
    subsystem_id   INTEGER REFERENCES subsystem (id) ON DELETE CASCADE,
    instance_key   TEXT NOT NULL,
    class_key      TEXT NOT NULL,
    code_key       TEXT NOT NULL,
    subsystem_key  TEXT NOT NULL,
    name_key       TEXT NOT NULL,
    search         TEXT NOT NULL,
    CHECK ((member_id IS NULL) <> (subsystem_id IS NULL))
);
CREATE UNIQUE INDEX client_member ON client (member_id) WHERE member_id IS NOT NULL;
CREATE UNIQUE INDEX client_subsystem ON client (subsystem_id) WHERE subsystem_id IS NOT NULL;
CREATE INDEX client_by_identifier ON client (member_class, member_code, subsystem_code);
CREATE INDEX client_by_instance ON client (instance_key, id, search);
CREATE INDEX client_by_class ON client (class_key, id, search);
CREATE INDEX client_by_code ON client (code_key, id, search);
CREATE INDEX client_by_name ON client (name_key, id, search);
CREATE INDEX client_by_type ON client (type, id, search);
CREATE INDEX client_by_search ON client (id, search);

CREATE TABLE security_server (
    id                       INTEGER PRIMARY KEY AUTOINCREMENT,
    identifier_id            INTEGER NOT NULL REFERENCES identifier (id),
    owner_id                 INTEGER NOT NULL REFERENCES member (id),
    address                  TEXT NOT NULL DEFAULT '',
    in_maintenance_mode      BOOLEAN NOT NULL DEFAULT FALSE,
    maintenance_mode_message TEXT NOT NULL DEFAULT '',
    created_at               DATETIME NOT NULL,
    updated_at               DATETIME NOT NULL
);
CREATE UNIQUE INDEX security_server_identifier ON security_server (identifier_id);
CREATE INDEX security_server_by_owner ON security_server (owner_id);

-- The relation between a server and its clients. The owner is a client without a row.
CREATE TABLE server_client (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    server_id  INTEGER NOT NULL REFERENCES security_server (id),
    member_id  INTEGER REFERENCES member (id),
    subsystem_id INTEGER REFERENCES subsystem (id),
    enabled    BOOLEAN NOT NULL DEFAULT TRUE,
    created_at DATETIME NOT NULL,
    CHECK ((member_id IS NULL) <> (subsystem_id IS NULL))
);
CREATE UNIQUE INDEX server_client_member ON server_client (server_id, member_id) WHERE member_id IS NOT NULL;
CREATE UNIQUE INDEX server_client_subsystem ON server_client (server_id, subsystem_id) WHERE subsystem_id IS NOT NULL;
CREATE INDEX server_client_by_server ON server_client (server_id);
CREATE INDEX server_client_by_member ON server_client (member_id);
CREATE INDEX server_client_by_subsystem ON server_client (subsystem_id);

CREATE TABLE global_group (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    code        TEXT NOT NULL,
    description TEXT NOT NULL,
    created_at  DATETIME NOT NULL,
    updated_at  DATETIME NOT NULL
);
CREATE UNIQUE INDEX global_group_code ON global_group (code);

CREATE TABLE global_group_member (
    id            INTEGER PRIMARY KEY AUTOINCREMENT,
    group_id      INTEGER NOT NULL REFERENCES global_group (id) ON DELETE CASCADE,
    identifier_id INTEGER NOT NULL REFERENCES identifier (id),
    created_at    DATETIME NOT NULL
);
CREATE UNIQUE INDEX global_group_member_key ON global_group_member (group_id, identifier_id);
CREATE INDEX global_group_member_by_identifier ON global_group_member (identifier_id);

CREATE TABLE approved_ca (
    id                                    INTEGER PRIMARY KEY AUTOINCREMENT,
    name                                  TEXT NOT NULL,
    certificate                           BLOB NOT NULL,
    certificate_hash                      TEXT NOT NULL,
    certificate_profile_info              TEXT NOT NULL,
    tls_auth                              BOOLEAN NOT NULL,
    default_csr_format                    TEXT NOT NULL CONSTRAINT approved_ca_default_csr_format CHECK (default_csr_format IN ('PEM', 'DER')),
    acme_server_directory_url             TEXT NOT NULL DEFAULT '',
    acme_server_ip_address                TEXT NOT NULL DEFAULT '',
    authentication_certificate_profile_id TEXT NOT NULL DEFAULT '',
    signing_certificate_profile_id        TEXT NOT NULL DEFAULT '',
    created_at                            DATETIME NOT NULL,
    updated_at                            DATETIME NOT NULL
);
CREATE UNIQUE INDEX approved_ca_certificate ON approved_ca (certificate_hash);

CREATE TABLE intermediate_ca (
    id               INTEGER PRIMARY KEY AUTOINCREMENT,
    ca_id            INTEGER NOT NULL REFERENCES approved_ca (id) ON DELETE CASCADE,
    certificate      BLOB NOT NULL,
    certificate_hash TEXT NOT NULL,
    created_at       DATETIME NOT NULL,
    updated_at       DATETIME NOT NULL
);
CREATE UNIQUE INDEX intermediate_ca_certificate ON intermediate_ca (ca_id, certificate_hash);

CREATE TABLE ocsp_responder (
    id              INTEGER PRIMARY KEY AUTOINCREMENT,
    ca_id           INTEGER REFERENCES approved_ca (id) ON DELETE CASCADE,
    intermediate_id INTEGER REFERENCES intermediate_ca (id) ON DELETE CASCADE,
    url             TEXT NOT NULL,
    cost_type       TEXT NOT NULL CONSTRAINT ocsp_responder_cost_type CHECK (cost_type IN ('FREE', 'PAID', 'UNDEFINED')),
    certificate     BLOB,
    created_at      DATETIME NOT NULL,
    updated_at      DATETIME NOT NULL,
    CHECK ((ca_id IS NULL) <> (intermediate_id IS NULL))
);
CREATE INDEX ocsp_responder_by_ca ON ocsp_responder (ca_id);
CREATE INDEX ocsp_responder_by_intermediate ON ocsp_responder (intermediate_id);

CREATE TABLE timestamping_service (
    id               INTEGER PRIMARY KEY AUTOINCREMENT,
    name             TEXT NOT NULL,
    url              TEXT NOT NULL,
    certificate      BLOB NOT NULL,
    certificate_hash TEXT NOT NULL,
    cost_type        TEXT NOT NULL CONSTRAINT timestamping_service_cost_type CHECK (cost_type IN ('FREE', 'PAID', 'UNDEFINED')),
    created_at       DATETIME NOT NULL,
    updated_at       DATETIME NOT NULL
);
CREATE UNIQUE INDEX timestamping_service_key ON timestamping_service (url, certificate_hash);

-- The status of one registration. Its subject says what is being registered: the hash of a certificate, a client at a server, a server.
CREATE TABLE request_processing (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    type       TEXT NOT NULL CONSTRAINT request_processing_type CHECK (type IN (
        'AUTH_CERT_REGISTRATION_REQUEST', 'CLIENT_REGISTRATION_REQUEST', 'OWNER_CHANGE_REQUEST')),
    subject    TEXT NOT NULL,
    status     TEXT NOT NULL CONSTRAINT request_processing_status CHECK (status IN (
        'WAITING', 'SUBMITTED FOR APPROVAL', 'APPROVED', 'DECLINED', 'REVOKED')),
    created_at DATETIME NOT NULL,
    updated_at DATETIME NOT NULL
);
-- One pending registration a subject. With the next constraint: the same origin cannot ask twice, whatever arrives at once.
CREATE UNIQUE INDEX request_processing_pending ON request_processing (type, subject)
    WHERE status IN ('WAITING', 'SUBMITTED FOR APPROVAL');
CREATE INDEX request_processing_by_status ON request_processing (status);

CREATE TABLE management_request (
    id                   INTEGER PRIMARY KEY AUTOINCREMENT,
    type                 TEXT NOT NULL CONSTRAINT management_request_type CHECK (type IN (
        'AUTH_CERT_REGISTRATION_REQUEST', 'AUTH_CERT_DELETION_REQUEST', 'CLIENT_REGISTRATION_REQUEST', 'CLIENT_DELETION_REQUEST',
        'CLIENT_DISABLE_REQUEST', 'CLIENT_ENABLE_REQUEST', 'CLIENT_RENAME_REQUEST', 'OWNER_CHANGE_REQUEST', 'ADDRESS_CHANGE_REQUEST',
        'MAINTENANCE_MODE_ENABLE_REQUEST', 'MAINTENANCE_MODE_DISABLE_REQUEST')),
    origin               TEXT NOT NULL CONSTRAINT management_request_origin CHECK (origin IN ('CENTER', 'SECURITY_SERVER')),
    processing_id        INTEGER REFERENCES request_processing (id),
    server_identifier_id INTEGER NOT NULL REFERENCES identifier (id),
    client_identifier_id INTEGER REFERENCES identifier (id),
    certificate          BLOB,
    certificate_hash     TEXT NOT NULL DEFAULT '',
    address              TEXT NOT NULL DEFAULT '',
    subsystem_name       TEXT NOT NULL DEFAULT '',
    comments             TEXT NOT NULL DEFAULT '',
    status               TEXT NOT NULL DEFAULT '', -- that of its processing, '' when it has none
    changed_by_id        INTEGER REFERENCES management_request (id),
    created_at           DATETIME NOT NULL,
    CHECK ((processing_id IS NOT NULL) = (type IN ('AUTH_CERT_REGISTRATION_REQUEST', 'CLIENT_REGISTRATION_REQUEST', 'OWNER_CHANGE_REQUEST')))
);
CREATE UNIQUE INDEX management_request_pair ON management_request (processing_id, origin);
-- A list of requests is walked in the order of one of these; they hold what its filters ask, so that no row is read that is not shown.
CREATE INDEX management_request_by_id ON management_request (id, server_identifier_id, type, origin, status);
CREATE INDEX management_request_by_time ON management_request (created_at, id, server_identifier_id, type, origin, status);
CREATE INDEX management_request_by_server ON management_request (server_identifier_id, id, created_at, type, origin, status);
CREATE INDEX management_request_by_client ON management_request (client_identifier_id, id, created_at, type, origin, status);
CREATE INDEX management_request_by_type ON management_request (type, id);
CREATE INDEX management_request_by_status ON management_request (status, id);

-- How many requests of each kind a server has: the length of a list is added up here, requests are not counted.
CREATE TABLE request_count (
    server_identifier_id INTEGER NOT NULL REFERENCES identifier (id),
    type                 TEXT NOT NULL,
    origin               TEXT NOT NULL,
    status               TEXT NOT NULL,
    number               INTEGER NOT NULL CHECK (number >= 0),
    PRIMARY KEY (server_identifier_id, type, origin, status)
);
CREATE INDEX request_count_by_kind ON request_count (status, type, origin, server_identifier_id, number);

CREATE TABLE authentication_certificate (
    id               INTEGER PRIMARY KEY AUTOINCREMENT,
    server_id        INTEGER NOT NULL REFERENCES security_server (id),
    certificate      BLOB NOT NULL,
    certificate_hash TEXT NOT NULL,
    request_id       INTEGER NOT NULL REFERENCES management_request (id),
    created_at       DATETIME NOT NULL
);
CREATE UNIQUE INDEX authentication_certificate_hash ON authentication_certificate (certificate_hash);
CREATE INDEX authentication_certificate_by_server ON authentication_certificate (server_id);

-- A parameter that belongs to one of several central servers on this database, such as its address, names that server's node.
CREATE TABLE system_parameter (
    key        TEXT NOT NULL,
    node       TEXT NOT NULL DEFAULT '',
    value      TEXT NOT NULL,
    updated_at DATETIME NOT NULL,
    PRIMARY KEY (key, node)
);

-- One row; the number rises in the transaction of each change that the global configuration must show.
CREATE TABLE configuration_generation (
    id     INTEGER PRIMARY KEY CHECK (id = 1),
    number INTEGER NOT NULL
);
INSERT INTO configuration_generation (id, number) VALUES (1, 0);

-- +goose Down
DROP TABLE configuration_generation;
DROP TABLE system_parameter;
DROP TABLE authentication_certificate;
DROP TABLE request_count;
DROP TABLE management_request;
DROP TABLE request_processing;
DROP TABLE timestamping_service;
DROP TABLE ocsp_responder;
DROP TABLE intermediate_ca;
DROP TABLE approved_ca;
DROP TABLE global_group_member;
DROP TABLE global_group;
DROP TABLE server_client;
DROP TABLE security_server;
DROP TABLE client;
DROP TABLE subsystem;
DROP TABLE member;
DROP TABLE member_class;
DROP TABLE identifier;
