-- +goose Up

-- The body of a mail that a program has handed over: one for all its recipients. Sealed, as in message_data.
CREATE TABLE relayed (
    id         INTEGER NOT NULL PRIMARY KEY,
    program    TEXT NOT NULL,
    data       BYTEA NOT NULL,
    size       BIGINT NOT NULL,
    created_at BIGINT NOT NULL
);
CREATE INDEX relayed_size ON relayed (size); -- adds up without reading through the data

-- rank 0 is Foyer's own mail, which goes first, and rank 1 that of programs and what is said about it.
ALTER TABLE message ADD COLUMN rank INTEGER NOT NULL DEFAULT 0;
ALTER TABLE message ADD COLUMN program TEXT NOT NULL DEFAULT '';
ALTER TABLE message ADD COLUMN relayed_id BIGINT REFERENCES relayed (id);
ALTER TABLE message ADD COLUMN steps TEXT NOT NULL DEFAULT ''; -- of the last attempt, in JSON
ALTER TABLE message ADD COLUMN late_at BIGINT;                 -- when the sender was told that it is late

CREATE INDEX message_relayed ON message (relayed_id) WHERE relayed_id IS NOT NULL;

-- Only what waits is in them: to write down an attempt takes longer with each index that changes.
CREATE INDEX message_lane ON message (rank, recipient_domain, next_attempt) WHERE state IN ('queued', 'deferred');
DROP INDEX message_due;
CREATE INDEX message_due ON message (rank, next_attempt) WHERE state IN ('queued', 'deferred');

-- What limits count is Foyer's own mail; a hundred thousand of a program's must not be in the way.
DROP INDEX message_base;
CREATE INDEX message_base ON message (recipient_base, created_at) WHERE rank = 0;
DROP INDEX message_domain;
CREATE INDEX message_domain ON message (recipient_domain, created_at) WHERE rank = 0;
DROP INDEX message_ended;
CREATE INDEX message_ended ON message (rank, ended_at) WHERE ended_at IS NOT NULL;
CREATE INDEX message_state ON message (state, id) WHERE state IN ('deferred', 'held', 'failed', 'captured');
CREATE INDEX message_own ON message (created_at) WHERE rank = 0;
