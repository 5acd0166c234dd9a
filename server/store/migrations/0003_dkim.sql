-- +goose Up
CREATE TABLE dkim_key (
    algorithm   TEXT NOT NULL PRIMARY KEY,
    private_key BYTEA NOT NULL, -- PKCS #8, sealed
    created_at  BIGINT NOT NULL
);
