-- +goose Up
-- How the sweeper is to work. What the document means is the sweeper's to say; at first nobody has set anything.
CREATE TABLE sweep_settings (
    id         INTEGER NOT NULL PRIMARY KEY CHECK (id = 1), -- there is one row
    version    INTEGER NOT NULL CHECK (version >= 1),       -- grows with every change
    document   TEXT NOT NULL,                               -- a JSON object
    changed_at INTEGER,                                     -- null: never
    changed_by TEXT NOT NULL
) STRICT;
INSERT INTO sweep_settings (id, version, document, changed_at, changed_by) VALUES (1, 1, '{}', NULL, '');
