-- +goose Up
-- A new e-mail address is delivered too. What kinds there are is the program's to say.
CREATE TABLE copy_back_next (
    id         TEXT NOT NULL PRIMARY KEY,
    account_id TEXT NOT NULL, -- somebody who was never copied has no row there
    seq        INTEGER NOT NULL,           -- the order of one account's changes: clocks of several machines do not tell it
    source     TEXT NOT NULL CHECK (source <> ''),
    kind       TEXT NOT NULL CHECK (kind <> ''),
    intent     INTEGER NOT NULL, -- the change is not made here yet either: it is, together with the row's end
    sealed     BLOB NOT NULL,
    created_at INTEGER NOT NULL,
    next_at    INTEGER NOT NULL,           -- not tried before
    attempts   INTEGER NOT NULL DEFAULT 0,
    fence      INTEGER NOT NULL DEFAULT 0, -- grows with every claim: what an older claim writes is refused
    claimed_to INTEGER NOT NULL DEFAULT 0, -- until then somebody is at it
    refused    TEXT NOT NULL DEFAULT '', -- what the legacy store said the last time; never a value
    version    INTEGER NOT NULL DEFAULT 0, -- of the credential that was the account's when it was made; 0: it has none
    UNIQUE (account_id, seq)
) STRICT;
INSERT INTO copy_back_next (id, account_id, seq, source, kind, intent, sealed, created_at, next_at, attempts, fence, claimed_to, refused, version)
SELECT id, account_id, seq, source, kind, intent, sealed, created_at, next_at, attempts, fence, claimed_to, refused, version FROM copy_back;
DROP TABLE copy_back;
ALTER TABLE copy_back_next RENAME TO copy_back;

CREATE INDEX copy_back_due ON copy_back (next_at);
