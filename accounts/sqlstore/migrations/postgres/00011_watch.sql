-- +goose Up
-- Who has disabled somebody: staff, or the legacy store. An account is disabled while one of them says so.
ALTER TABLE accounts ADD COLUMN disabled_here boolean NOT NULL DEFAULT false;
UPDATE accounts SET disabled_here = disabled;
ALTER TABLE legacy_links ADD COLUMN barred text NOT NULL DEFAULT '' CHECK (barred IN ('', 'disabled', 'gone'));

-- Work that one process does at a time, and how far it is.
CREATE TABLE work (
    name       text COLLATE "C" NOT NULL PRIMARY KEY CHECK (name <> ''),
    cursor     text NOT NULL,
    done_at    bigint NOT NULL, -- when it was wholly done the last time
    claimed_to bigint NOT NULL, -- until then somebody is at it
    fence      bigint NOT NULL  -- grows with every claim: what an older claim writes is refused
);
