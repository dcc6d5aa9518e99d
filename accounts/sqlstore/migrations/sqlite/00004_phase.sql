-- +goose Up
-- Where the installation is on its way, and which processes have heard of it.

CREATE TABLE phase (
    id    INTEGER NOT NULL PRIMARY KEY CHECK (id = 1), -- there is one row
    epoch INTEGER NOT NULL CHECK (epoch >= 1),
    state TEXT NOT NULL -- a JSON object
) STRICT;

CREATE TABLE replicas (
    id      TEXT NOT NULL PRIMARY KEY CHECK (id <> ''),
    name    TEXT NOT NULL, -- for people: host and address
    epoch   INTEGER NOT NULL, -- the newest that was acknowledged
    renewed INTEGER NOT NULL  -- by the database's clock
) STRICT;

-- What is known of a copy. Everybody who was moved before there were phases was moved in the first epoch of new-first.
ALTER TABLE legacy_links ADD COLUMN copied_epoch INTEGER NOT NULL DEFAULT 1;
ALTER TABLE legacy_links ADD COLUMN dirty INTEGER NOT NULL DEFAULT FALSE;   -- a write that went to legacy did not reach us
ALTER TABLE legacy_links ADD COLUMN drifted INTEGER NOT NULL DEFAULT FALSE; -- somebody else has written to legacy since

ALTER TABLE accounts ADD COLUMN pinned INTEGER NOT NULL DEFAULT FALSE;       -- answered here in every phase, by decision
ALTER TABLE accounts ADD COLUMN changed_here INTEGER NOT NULL DEFAULT FALSE; -- legacy does not know the last change
