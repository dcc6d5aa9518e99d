-- +goose Up
-- Where the installation is on its way, and which processes have heard of it.

CREATE TABLE phase (
    id    bigint NOT NULL PRIMARY KEY CHECK (id = 1), -- there is one row
    epoch bigint NOT NULL CHECK (epoch >= 1),
    state text NOT NULL -- a JSON object
);

CREATE TABLE replicas (
    id      text NOT NULL PRIMARY KEY CHECK (id <> ''),
    name    text NOT NULL, -- for people: host and address
    epoch   bigint NOT NULL, -- the newest that was acknowledged
    renewed bigint NOT NULL  -- by the database's clock
);

-- What is known of a copy. Everybody who was moved before there were phases was moved in the first epoch of new-first.
ALTER TABLE legacy_links ADD COLUMN copied_epoch bigint NOT NULL DEFAULT 1;
ALTER TABLE legacy_links ADD COLUMN dirty boolean NOT NULL DEFAULT false;   -- a write that went to legacy did not reach us
ALTER TABLE legacy_links ADD COLUMN drifted boolean NOT NULL DEFAULT false; -- somebody else has written to legacy since

ALTER TABLE accounts ADD COLUMN pinned boolean NOT NULL DEFAULT false;       -- answered here in every phase, by decision
ALTER TABLE accounts ADD COLUMN changed_here boolean NOT NULL DEFAULT false; -- legacy does not know the last change
