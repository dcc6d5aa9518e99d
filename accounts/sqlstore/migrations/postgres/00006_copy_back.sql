-- +goose Up
-- What was changed here and is to be written to the legacy store, in the order of the changes. A row goes when the legacy
-- store has it.
CREATE TABLE copy_back (
    id         uuid NOT NULL PRIMARY KEY, 
    account_id uuid NOT NULL REFERENCES accounts (id),
    seq        bigint NOT NULL,           -- the order of one account's changes: clocks of several machines do not tell it
    source     text COLLATE "C" NOT NULL CHECK (source <> ''),
    kind       text NOT NULL CHECK (kind IN ('insert', 'password', 'delete')),
    sealed     bytea NOT NULL,
    created_at bigint NOT NULL,
    next_at    bigint NOT NULL,           -- not tried before
    attempts   bigint NOT NULL DEFAULT 0,
    fence      bigint NOT NULL DEFAULT 0, -- grows with every claim: what an older claim writes is refused
    claimed_to bigint NOT NULL DEFAULT 0, -- until then somebody is at it
    refused    text NOT NULL DEFAULT '', -- what the legacy store said the last time; never a value
    UNIQUE (account_id, seq)
);

CREATE INDEX copy_back_due ON copy_back (next_at);
