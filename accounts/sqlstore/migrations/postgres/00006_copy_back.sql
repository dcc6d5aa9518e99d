-- +goose Up
-- What was changed, or is being changed, and is to be written to the legacy store, in the order of the changes. A row goes when the legacy
-- store has it.
CREATE TABLE copy_back (
    id         uuid NOT NULL PRIMARY KEY, 
    account_id uuid NOT NULL, -- somebody who was never copied has no row there
    seq        bigint NOT NULL,           -- the order of one account's changes: clocks of several machines do not tell it
    source     text COLLATE "C" NOT NULL CHECK (source <> ''),
    kind       text NOT NULL CHECK (kind IN ('insert', 'password', 'delete')),
    intent     boolean NOT NULL, -- the change is not made here yet either: it is, together with the row's end
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

-- A change of the account is under way that legacy may have already.
ALTER TABLE accounts ADD COLUMN in_doubt boolean NOT NULL DEFAULT false;
