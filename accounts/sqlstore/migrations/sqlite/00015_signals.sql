-- +goose Up
-- What each process measures of itself, and what their leader makes of it: how fast a sweep may go.

CREATE TABLE signals (
    replica  TEXT NOT NULL PRIMARY KEY REFERENCES replicas (id) ON DELETE CASCADE,
    at       INTEGER NOT NULL, -- by the database's clock
    measured TEXT NOT NULL -- a JSON object
) STRICT;

CREATE TABLE sweep_verdict (
    id    INTEGER NOT NULL PRIMARY KEY CHECK (id = 1), -- there is one row
    fence INTEGER NOT NULL, -- of the claim under which its leader leads
    at    INTEGER NOT NULL, -- by the database's clock
    text  TEXT NOT NULL -- a JSON object
) STRICT;
