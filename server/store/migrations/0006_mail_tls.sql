-- +goose Up

-- Mail servers of other domains that have had TLS, and since when they have none.
CREATE TABLE mail_tls (
    host    TEXT NOT NULL PRIMARY KEY,
    seen_at BIGINT NOT NULL,
    version TEXT NOT NULL,
    cipher  TEXT NOT NULL,
    lost_at BIGINT
);

-- What other domains say about TLS to their mail servers.
CREATE TABLE mta_sts (
    domain     TEXT NOT NULL PRIMARY KEY,
    id         TEXT NOT NULL,
    mode       TEXT NOT NULL,
    mx         TEXT NOT NULL, -- patterns with blanks between them
    fetched_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL
);
