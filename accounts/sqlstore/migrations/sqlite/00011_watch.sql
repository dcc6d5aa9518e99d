-- +goose Up
-- Who has disabled somebody: staff, or the legacy store. An account is disabled while one of them says so.
ALTER TABLE accounts ADD COLUMN disabled_here INTEGER NOT NULL DEFAULT FALSE;
UPDATE accounts SET disabled_here = disabled;
ALTER TABLE legacy_links ADD COLUMN barred TEXT NOT NULL DEFAULT '' CHECK (barred IN ('', 'disabled', 'gone'));

-- Work that one process does at a time, and how far it is.
CREATE TABLE work (
    name       TEXT    NOT NULL PRIMARY KEY CHECK (name <> ''),
    cursor     TEXT    NOT NULL,
    done_at    INTEGER NOT NULL, -- when it was wholly done the last time
    claimed_to INTEGER NOT NULL, -- until then somebody is at it
    fence      INTEGER NOT NULL  -- grows with every claim: what an older claim writes is refused
) STRICT;
