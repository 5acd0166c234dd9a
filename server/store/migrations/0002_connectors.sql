-- +goose Up
CREATE TABLE connector (
    id             INTEGER NOT NULL PRIMARY KEY,
    name           TEXT NOT NULL UNIQUE,
    kind           TEXT NOT NULL,
    label          TEXT NOT NULL,
    client_id      TEXT NOT NULL,
    client_secret  TEXT NOT NULL, -- sealed, in base64
    secret_expires BIGINT,
    secret_warned  INTEGER NOT NULL,
    tenant         TEXT NOT NULL,
    issuer         TEXT NOT NULL,
    enabled        BOOLEAN NOT NULL,
    signup         BOOLEAN NOT NULL,
    trust_verified BOOLEAN NOT NULL,
    created_at     BIGINT NOT NULL
);

CREATE TABLE company_tenant (
    company_id INTEGER NOT NULL REFERENCES company (id) ON DELETE CASCADE,
    tenant     TEXT NOT NULL,
    PRIMARY KEY (company_id, tenant)
);

-- The connector is kept by name and without a reference: an identity belongs to its provider, and outlives the
-- connector it came through.
CREATE TABLE identity (
    id         INTEGER NOT NULL PRIMARY KEY,
    account_id INTEGER NOT NULL REFERENCES account (id) ON DELETE CASCADE,
    issuer     TEXT NOT NULL,
    subject    TEXT NOT NULL,
    tenant     TEXT NOT NULL,
    object     TEXT NOT NULL,
    connector  TEXT NOT NULL,
    email      TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    seen_at    BIGINT NOT NULL,
    UNIQUE (issuer, subject)
);
CREATE INDEX identity_account ON identity (account_id);

-- Apart from its registration: one by form has none.
CREATE TABLE registration_identity (
    registration_id INTEGER NOT NULL PRIMARY KEY REFERENCES registration (id) ON DELETE CASCADE,
    connector       TEXT NOT NULL,
    issuer          TEXT NOT NULL,
    subject         TEXT NOT NULL,
    tenant          TEXT NOT NULL,
    object          TEXT NOT NULL,
    email           TEXT NOT NULL,
    browser_hash    BYTEA NOT NULL
);
CREATE INDEX registration_identity_key ON registration_identity (issuer, subject);

-- One code for an account and an identity: the newest.
CREATE TABLE link_code (
    account_id INTEGER NOT NULL REFERENCES account (id) ON DELETE CASCADE,
    issuer     TEXT NOT NULL,
    subject    TEXT NOT NULL,
    code_hash  BYTEA NOT NULL,
    tries      INTEGER NOT NULL,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    PRIMARY KEY (account_id, issuer, subject)
);
CREATE INDEX link_code_expires ON link_code (expires_at);
