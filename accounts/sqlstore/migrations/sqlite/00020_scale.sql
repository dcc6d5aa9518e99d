-- +goose Up
-- The id of who was moved is made of the legacy person's, and is a UUID of version 5. Of the others, who are few, it is asked
-- whether any legacy store knows them.
CREATE INDEX accounts_born_here ON accounts (id) WHERE substr(id, 15, 1) <> '5';
