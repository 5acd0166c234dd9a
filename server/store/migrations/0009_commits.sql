-- +goose Up

-- How often something was committed. The marker beside the database knows it too: a database that knows of less has lost its write-ahead log.
ALTER TABLE instance ADD COLUMN commits BIGINT NOT NULL DEFAULT 0;
