-- +goose Up
-- The id of who was moved is made of the legacy person's, and is a UUID of version 5. Of the others, who are few, it is asked
-- whether any legacy store knows them.
CREATE INDEX accounts_born_here ON accounts (id) WHERE substr(id, 15, 1) <> '5';

-- The rate of all comparisons together, as sweep_turns.
CREATE TABLE verify_turns (
    id      INTEGER NOT NULL PRIMARY KEY CHECK (id = 1), -- there is one row
    version INTEGER NOT NULL, -- 1
    tat     INTEGER NOT NULL  -- the theoretical arrival time
) STRICT;
