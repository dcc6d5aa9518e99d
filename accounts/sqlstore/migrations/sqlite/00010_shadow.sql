-- +goose Up
-- The credential that a delivery carries: when it arrives, legacy knows that one and no later one. 0: it carries none.
ALTER TABLE copy_back ADD COLUMN version INTEGER NOT NULL DEFAULT 0;
UPDATE copy_back SET version = coalesce((SELECT version FROM credentials c WHERE c.account_id = copy_back.account_id AND c.kind = 'password'), 0)
 WHERE NOT intent AND kind <> 'delete';

-- What each process measured of the new store while legacy answered, by the minute.
CREATE TABLE shadow_windows (
    began         INTEGER NOT NULL, -- when the phase began that it was measured in
    minute        INTEGER NOT NULL, -- when the minute began
    replica       TEXT NOT NULL CHECK (replica <> ''),
    logins        INTEGER NOT NULL,
    mirrored      INTEGER NOT NULL, -- of the logins
    failed        INTEGER NOT NULL, -- of those mirrored
    differing     INTEGER NOT NULL, -- of those mirrored: one store has somebody, the other nobody
    legacy_failed INTEGER NOT NULL, -- of the logins
    writes        INTEGER NOT NULL, -- that were tried here after legacy had them
    lost          INTEGER NOT NULL, -- of the writes
    here          BLOB NOT NULL,    -- a histogram of the times of the mirrored lookups
    legacy        BLOB NOT NULL,    -- and of the lookups that they mirror
    PRIMARY KEY (began, minute, replica)
) STRICT;

-- Whom legacy alone cannot answer for is asked every other second.
CREATE INDEX accounts_apart ON accounts (id) WHERE disabled OR pinned OR changed_here;
