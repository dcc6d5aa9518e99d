-- +goose Up
-- How the sweeper is to work. What the document means is the sweeper's to say; at first nobody has set anything.
CREATE TABLE sweep_settings (
    id         bigint NOT NULL PRIMARY KEY CHECK (id = 1), -- there is one row
    version    bigint NOT NULL CHECK (version >= 1),       -- grows with every change
    document   text NOT NULL,                              -- a JSON object
    changed_at bigint,                                     -- null: never
    changed_by text NOT NULL
);
INSERT INTO sweep_settings (id, version, document, changed_at, changed_by) VALUES (1, 1, '{}', NULL, '');
