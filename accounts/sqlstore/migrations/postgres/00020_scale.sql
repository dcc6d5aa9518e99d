-- +goose Up
-- The id of who was moved is made of the legacy person's, and is a UUID of version 5. Of the others, who are few, it is asked
-- whether any legacy store knows them. Of an equation the planner knows by itself that it holds of few.
CREATE INDEX accounts_born_here ON accounts (id) WHERE CASE get_byte(uuid_send(id), 6) / 16 WHEN 5 THEN 0 ELSE 1 END = 1;

-- The rate of all comparisons together, as sweep_turns.
CREATE TABLE verify_turns (
    id      bigint NOT NULL PRIMARY KEY CHECK (id = 1), -- there is one row
    version bigint NOT NULL, -- 1
    tat     bigint NOT NULL  -- the theoretical arrival time
);
