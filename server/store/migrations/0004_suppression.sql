-- +goose Up

-- Addresses whose mail server said that no mail to them will ever arrive. They get none until the administrator lifts it
-- or one does arrive.
CREATE TABLE suppression (
    email_key TEXT NOT NULL PRIMARY KEY,
    address   TEXT NOT NULL,
    reason    TEXT NOT NULL,
    at        BIGINT NOT NULL
);
