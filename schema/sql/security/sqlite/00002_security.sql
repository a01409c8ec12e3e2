-- +goose Up
CREATE TABLE client (
    id              INTEGER PRIMARY KEY AUTOINCREMENT,
    instance        TEXT NOT NULL,
    member_class    TEXT NOT NULL,
    member_code     TEXT NOT NULL,
    subsystem_code  TEXT NOT NULL DEFAULT '',
    pending_name    TEXT NOT NULL DEFAULT '',
    status          TEXT NOT NULL CHECK (status IN ('saved', 'registration in progress', 'registered', 'deletion in progress',
                        'global error', 'disabling in progress', 'disabled', 'enabling in progress')),
    connection_type TEXT NOT NULL CHECK (connection_type IN ('HTTP', 'HTTPS', 'HTTPS_NO_AUTH')),
    created_at      DATETIME NOT NULL,
    UNIQUE (instance, member_class, member_code, subsystem_code)
);

-- What this security server is: its anchor, its owner and its code. One row.
CREATE TABLE server_configuration (
    id           INTEGER PRIMARY KEY CHECK (id = 1),
    instance     TEXT NOT NULL,
    anchor       BLOB NOT NULL,
    anchor_hash  TEXT NOT NULL,
    generated_at DATETIME NOT NULL,
    owner_id     INTEGER REFERENCES client (id),
    server_code  TEXT NOT NULL DEFAULT ''
);

CREATE TABLE internal_certificate (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    client_id   INTEGER NOT NULL REFERENCES client (id) ON DELETE CASCADE,
    hash        TEXT NOT NULL,
    certificate BLOB NOT NULL,
    created_at  DATETIME NOT NULL,
    UNIQUE (client_id, hash)
);

-- A token's root key, sealed under its PIN.
CREATE TABLE token (
    id         TEXT PRIMARY KEY,
    name       TEXT NOT NULL,
    sealed     BLOB NOT NULL,
    created_at DATETIME NOT NULL
);

-- A private key, sealed under the token's root key; the public key is a SubjectPublicKeyInfo.
CREATE TABLE token_key (
    id         TEXT PRIMARY KEY,
    token_id   TEXT NOT NULL REFERENCES token (id),
    label      TEXT NOT NULL,
    name       TEXT NOT NULL,
    usage      TEXT NOT NULL DEFAULT '' CHECK (usage IN ('', 'AUTHENTICATION', 'SIGNING')),
    algorithm  TEXT NOT NULL,
    public_key BLOB NOT NULL UNIQUE,
    sealed     BLOB NOT NULL,
    created_at DATETIME NOT NULL
);

CREATE TABLE certificate_request (
    id         TEXT PRIMARY KEY,
    key_id     TEXT NOT NULL REFERENCES token_key (id) ON DELETE CASCADE,
    member     TEXT NOT NULL DEFAULT '',
    profile    TEXT NOT NULL,
    request    BLOB NOT NULL,
    created_at DATETIME NOT NULL
);
CREATE INDEX certificate_request_key ON certificate_request (key_id);

-- hash is the SHA-256 and sha1 the SHA-1 of the certificate, in lower-case hex.
CREATE TABLE token_certificate (
    hash        TEXT PRIMARY KEY,
    key_id      TEXT NOT NULL REFERENCES token_key (id),
    member      TEXT NOT NULL DEFAULT '',
    certificate BLOB NOT NULL,
    status      TEXT NOT NULL CHECK (status IN ('saved', 'registration in progress', 'registered', 'deletion in progress', 'global error')),
    active      BOOLEAN NOT NULL,
    ocsp_error  TEXT NOT NULL DEFAULT '',
    created_at  DATETIME NOT NULL
);
CREATE INDEX token_certificate_key ON token_certificate (key_id);

-- The newest verified answer for a certificate of ours, or of an intermediate authority above one.
CREATE TABLE ocsp_response (
    hash       TEXT PRIMARY KEY,
    sha1       TEXT NOT NULL,
    response   BLOB NOT NULL,
    fetched_at DATETIME NOT NULL
);
CREATE INDEX ocsp_response_sha1 ON ocsp_response (sha1);

CREATE TABLE service_description (
    id              INTEGER PRIMARY KEY AUTOINCREMENT,
    client_id       INTEGER NOT NULL REFERENCES client (id) ON DELETE CASCADE,
    type            TEXT NOT NULL CHECK (type IN ('WSDL')),
    url             TEXT NOT NULL,
    disabled        BOOLEAN NOT NULL,
    disabled_notice TEXT NOT NULL DEFAULT '',
    refreshed_at    DATETIME NOT NULL,
    UNIQUE (client_id, url)
);

-- client_id repeats the description's, so that one client cannot offer a service twice.
CREATE TABLE service (
    id              INTEGER PRIMARY KEY AUTOINCREMENT,
    description_id  INTEGER NOT NULL REFERENCES service_description (id) ON DELETE CASCADE,
    client_id       INTEGER NOT NULL REFERENCES client (id) ON DELETE CASCADE,
    code            TEXT NOT NULL,
    version         TEXT NOT NULL DEFAULT '',
    title           TEXT NOT NULL DEFAULT '',
    url             TEXT NOT NULL,
    timeout         INTEGER NOT NULL CHECK (timeout BETWEEN 0 AND 1000),
    tls_auth        BOOLEAN NOT NULL,
    UNIQUE (client_id, code, version)
);
CREATE INDEX service_description_of ON service (description_id);

-- Who may call a service code of a client: a subsystem or a global group, by its encoded identifier.
CREATE TABLE access_right (
    id           INTEGER PRIMARY KEY AUTOINCREMENT,
    client_id    INTEGER NOT NULL REFERENCES client (id) ON DELETE CASCADE,
    service_code TEXT NOT NULL,
    subject_type TEXT NOT NULL CHECK (subject_type IN ('SUBSYSTEM', 'GLOBALGROUP')),
    subject      TEXT NOT NULL,
    given_at     DATETIME NOT NULL,
    UNIQUE (client_id, service_code, subject_type, subject)
);
CREATE INDEX access_right_subject ON access_right (subject);

CREATE TABLE timestamping_service (
    id        INTEGER PRIMARY KEY AUTOINCREMENT,
    name      TEXT NOT NULL,
    url       TEXT NOT NULL UNIQUE,
    cost_type TEXT NOT NULL CHECK (cost_type IN ('FREE', 'PAID', 'UNDEFINED'))
);

-- What this server asked of the central server. The row stands before anything is sent; outcome stays empty until an answer came,
-- or until nothing can be known of it.
CREATE TABLE request_submission (
    id               INTEGER PRIMARY KEY AUTOINCREMENT,
    kind             TEXT NOT NULL,
    message_id       TEXT NOT NULL UNIQUE,
    server           TEXT NOT NULL,
    client           TEXT NOT NULL DEFAULT '',
    certificate_hash TEXT NOT NULL DEFAULT '',
    created_at       DATETIME NOT NULL,
    sent_at          DATETIME,
    request_id       BIGINT,
    outcome          TEXT NOT NULL DEFAULT '' CHECK (outcome IN ('', 'sent', 'unknown', 'failed')),
    reason           TEXT NOT NULL DEFAULT ''
);
CREATE INDEX request_submission_client ON request_submission (client, id);
CREATE INDEX request_submission_certificate ON request_submission (certificate_hash, id);
-- One question of a kind at a time: a second one waits until the first is answered or given up.
CREATE UNIQUE INDEX request_submission_open ON request_submission (kind, client, certificate_hash) WHERE outcome = '';

-- Signed messages that passed this server. Identifiers are JSON lists of their parts: others may use characters that ours must not.
CREATE TABLE message_record (
    id           INTEGER PRIMARY KEY AUTOINCREMENT,
    message_id   TEXT NOT NULL,
    side         TEXT NOT NULL CHECK (side IN ('client', 'server')),
    response     BOOLEAN NOT NULL,
    client       TEXT NOT NULL,
    service      TEXT NOT NULL,
    recorded_at  DATETIME NOT NULL,
    message      BLOB NOT NULL,
    attachments  TEXT NOT NULL,
    digest_uri   TEXT NOT NULL,
    signature    BLOB NOT NULL,
    hash_chain   BLOB,
    hash_result  BLOB,
    stamped_at   DATETIME
);
CREATE INDEX message_record_message ON message_record (message_id);
CREATE INDEX message_record_unstamped ON message_record (id) WHERE stamped_at IS NULL;
