-- +goose Up
-- What each process measures of itself, and what their leader makes of it: how fast a sweep may go.

CREATE TABLE signals (
    replica  text NOT NULL PRIMARY KEY REFERENCES replicas (id) ON DELETE CASCADE,
    at       bigint NOT NULL, -- by the database's clock
    measured text NOT NULL -- a JSON object
);

CREATE TABLE sweep_verdict (
    id    bigint NOT NULL PRIMARY KEY CHECK (id = 1), -- there is one row
    fence bigint NOT NULL, -- of the claim under which its leader leads
    at    bigint NOT NULL, -- by the database's clock
    text  text NOT NULL -- a JSON object
);
