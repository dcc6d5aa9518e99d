-- +goose Up
-- Accounts can be deleted. What stays is the id, for the audit, and the links, as tombstones.
ALTER TABLE accounts ADD COLUMN deleted_at bigint;

-- A session lives while its epoch is the account's: all of them end by one number, those too that a login is just opening
-- with a password that has been changed since.
ALTER TABLE accounts ADD COLUMN session_epoch bigint NOT NULL DEFAULT 0;
ALTER TABLE sessions ADD COLUMN epoch bigint NOT NULL DEFAULT 0;
