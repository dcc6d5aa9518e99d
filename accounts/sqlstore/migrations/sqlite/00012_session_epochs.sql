-- +goose Up
-- How often all sessions of somebody have ended who was not here: they have no account to say so. The account that is made of them
-- goes on from there.
CREATE TABLE session_epochs (
    account_id TEXT NOT NULL PRIMARY KEY,
    epoch      INTEGER NOT NULL
) STRICT;
