-- +goose Up

-- Programs of the office's that hand over mail.
CREATE TABLE program (
    name          TEXT NOT NULL PRIMARY KEY,
    password_hash BYTEA NOT NULL,
    senders       TEXT NOT NULL,
    local_user    TEXT NOT NULL,
    enabled       BOOLEAN NOT NULL,
    created_at    BIGINT NOT NULL,
    seen_at       BIGINT
);

-- A user of this machine is one program: which one would hand over the mail otherwise?
CREATE UNIQUE INDEX program_local_user ON program (local_user) WHERE local_user <> '';
