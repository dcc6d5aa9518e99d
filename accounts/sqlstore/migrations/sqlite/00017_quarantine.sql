-- +goose Up
-- The notes about people who were not moved become a quarantine that is worked with.
ALTER TABLE quarantine ADD COLUMN state    TEXT    NOT NULL DEFAULT 'open' CHECK (state IN ('open', 'resolved', 'skipped'));
ALTER TABLE quarantine ADD COLUMN seen_at  INTEGER NOT NULL DEFAULT 0;  -- last; at is since when
ALTER TABLE quarantine ADD COLUMN attempts INTEGER NOT NULL DEFAULT 0;  -- tries that were asked for
ALTER TABLE quarantine ADD COLUMN actor    TEXT    NOT NULL DEFAULT ''; -- who has skipped it, or opened it again
ALTER TABLE quarantine ADD COLUMN because  TEXT    NOT NULL DEFAULT ''; -- and why
UPDATE quarantine SET seen_at = at;

-- What was left out of an account is no reason not to be moved, and has a class of its own.
UPDATE quarantine SET class = 'identifier-left-out'
 WHERE class = 'invalid-identifier' AND reason = 'a stored identifier cannot be typed and was left out';
