-- +goose Up
CREATE TABLE instance (
    id     TEXT NOT NULL PRIMARY KEY,
    starts BIGINT NOT NULL
);

CREATE TABLE setting (
    key   TEXT NOT NULL PRIMARY KEY,
    value TEXT NOT NULL
);

CREATE TABLE company (
    id         INTEGER NOT NULL PRIMARY KEY,
    name       TEXT NOT NULL,
    name_key   TEXT NOT NULL UNIQUE,
    enabled    BOOLEAN NOT NULL,
    created_at BIGINT NOT NULL
);

-- One row a value, over all companies: the primary key is what makes an owner the only one. domain_rev is the
-- domain with its labels reversed ("com.company.sub"), so that everything below a domain is one range.
CREATE TABLE allow_entry (
    value      TEXT NOT NULL PRIMARY KEY,
    kind       TEXT NOT NULL,
    deny       BOOLEAN NOT NULL,
    domain_rev TEXT NOT NULL,
    company_id INTEGER NOT NULL REFERENCES company (id),
    created_at BIGINT NOT NULL
);
CREATE INDEX allow_entry_company ON allow_entry (company_id);
CREATE INDEX allow_entry_domain ON allow_entry (domain_rev);

CREATE TABLE account (
    id            INTEGER NOT NULL PRIMARY KEY,
    email         TEXT NOT NULL,
    email_key     TEXT NOT NULL UNIQUE,
    first_name    TEXT NOT NULL,
    last_name     TEXT NOT NULL,
    phone         TEXT NOT NULL,
    company_id    INTEGER NOT NULL REFERENCES company (id),
    state         TEXT NOT NULL,
    lang          TEXT NOT NULL,
    password_hash TEXT NOT NULL,
    entry         TEXT NOT NULL,
    created_at    BIGINT NOT NULL
);
CREATE INDEX account_company ON account (company_id, email_key);

CREATE TABLE account_group (
    id   INTEGER NOT NULL PRIMARY KEY,
    name TEXT NOT NULL UNIQUE
);
INSERT INTO account_group (id, name) VALUES (1, 'Customer Accounts');

CREATE TABLE membership (
    account_id INTEGER NOT NULL REFERENCES account (id) ON DELETE CASCADE,
    group_id   INTEGER NOT NULL REFERENCES account_group (id),
    PRIMARY KEY (account_id, group_id)
);

CREATE TABLE registration (
    id         INTEGER NOT NULL PRIMARY KEY,
    email      TEXT NOT NULL,
    email_key  TEXT NOT NULL UNIQUE,
    first_name TEXT NOT NULL,
    last_name  TEXT NOT NULL,
    phone      TEXT NOT NULL,
    company_id INTEGER NOT NULL REFERENCES company (id) ON DELETE CASCADE,
    entry      TEXT NOT NULL,
    lang       TEXT NOT NULL,
    ip         TEXT NOT NULL,
    token_hash BYTEA NOT NULL UNIQUE,
    code_hash  BYTEA NOT NULL,
    code_tries INTEGER NOT NULL,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL
);
CREATE INDEX registration_company ON registration (company_id);
CREATE INDEX registration_expires ON registration (expires_at);

-- Links that were used: a second visit is told "already confirmed".
CREATE TABLE spent_link (
    token_hash BYTEA NOT NULL PRIMARY KEY,
    spent_at   BIGINT NOT NULL
);
CREATE INDEX spent_link_at ON spent_link (spent_at);

CREATE TABLE reset_link (
    token_hash BYTEA NOT NULL PRIMARY KEY,
    account_id INTEGER NOT NULL REFERENCES account (id) ON DELETE CASCADE,
    expires_at BIGINT NOT NULL
);
CREATE INDEX reset_link_account ON reset_link (account_id);
CREATE INDEX reset_link_expires ON reset_link (expires_at);

CREATE TABLE session (
    token_hash BYTEA NOT NULL PRIMARY KEY,
    account_id INTEGER NOT NULL REFERENCES account (id) ON DELETE CASCADE,
    created_at BIGINT NOT NULL,
    seen_at    BIGINT NOT NULL
);
CREATE INDEX session_account ON session (account_id);
CREATE INDEX session_seen ON session (seen_at);

CREATE TABLE message (
    id               INTEGER NOT NULL PRIMARY KEY,
    kind             TEXT NOT NULL,
    sender           TEXT NOT NULL,
    recipient        TEXT NOT NULL,
    recipient_key    TEXT NOT NULL,
    recipient_base   TEXT NOT NULL,
    recipient_domain TEXT NOT NULL,
    subject          TEXT NOT NULL,
    message_id       TEXT NOT NULL,
    state            TEXT NOT NULL,
    attempts         INTEGER NOT NULL,
    reply            TEXT NOT NULL,
    created_at       BIGINT NOT NULL,
    next_attempt     BIGINT,
    lease_until      BIGINT,
    expires_at       BIGINT NOT NULL,
    ended_at         BIGINT
);
CREATE INDEX message_base ON message (recipient_base, created_at);
CREATE INDEX message_domain ON message (recipient_domain, created_at);
CREATE INDEX message_due ON message (next_attempt) WHERE next_attempt IS NOT NULL;
CREATE INDEX message_lease ON message (lease_until) WHERE lease_until IS NOT NULL;
CREATE INDEX message_ended ON message (ended_at) WHERE ended_at IS NOT NULL;

-- Apart from its message, so that lists and claims do not read through bodies. Sealed: a mail holds a link.
CREATE TABLE message_data (
    message_id INTEGER NOT NULL PRIMARY KEY REFERENCES message (id) ON DELETE CASCADE,
    data       BYTEA NOT NULL
);

CREATE TABLE mail_block (
    email_key TEXT NOT NULL PRIMARY KEY,
    until     BIGINT NOT NULL
);

CREATE TABLE audit (
    id      INTEGER NOT NULL PRIMARY KEY,
    at      BIGINT NOT NULL,
    actor   TEXT NOT NULL,
    ip      TEXT NOT NULL,
    action  TEXT NOT NULL,
    outcome TEXT NOT NULL,
    subject TEXT NOT NULL,
    company TEXT NOT NULL,
    entry   TEXT NOT NULL,
    detail  TEXT NOT NULL
);
