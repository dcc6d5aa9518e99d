-- +goose Up
-- Background work over everybody of the legacy stores.
CREATE TABLE sweep_runs (
    id     TEXT   NOT NULL PRIMARY KEY, -- UUIDv7, so that ids sort by time
    kind   TEXT   NOT NULL CHECK (kind <> ''),
    state  TEXT   NOT NULL CHECK (state IN ('running', 'done', 'stopped', 'failed')),
    spec   TEXT   NOT NULL, -- a JSON object: what was asked
    found  TEXT   NOT NULL, -- a JSON object, or empty
    why    TEXT   NOT NULL,
    began  INTEGER NOT NULL,
    ended  INTEGER,
    chunks INTEGER NOT NULL DEFAULT 0 -- how many were cut
) STRICT;

-- One run of a kind at a time.
CREATE UNIQUE INDEX sweep_runs_running ON sweep_runs (kind) WHERE state = 'running';

CREATE TABLE sweep_parts (
    run_id TEXT    NOT NULL REFERENCES sweep_runs (id),
    source TEXT    NOT NULL CHECK (source <> ''),
    band   INTEGER  NOT NULL,
    cut    TEXT    NOT NULL, -- chunks are cut up to this key
    whole  INTEGER NOT NULL, -- and up to the end
    total  INTEGER  NOT NULL,
    PRIMARY KEY (run_id, source, band)
) STRICT;

CREATE TABLE sweep_chunks (
    run_id     TEXT    NOT NULL REFERENCES sweep_runs (id),
    seq        INTEGER  NOT NULL,
    source     TEXT    NOT NULL,
    band       INTEGER  NOT NULL,
    after_key  TEXT    NOT NULL,
    through    TEXT    NOT NULL,
    cursor     TEXT    NOT NULL DEFAULT '',
    done       INTEGER NOT NULL DEFAULT FALSE,
    attempts   INTEGER  NOT NULL DEFAULT 0, -- claims since the cursor moved
    bound      INTEGER  NOT NULL DEFAULT 0, -- the most people of a batch; 0: no bound
    next_at    INTEGER  NOT NULL DEFAULT 0, -- not claimed before; by the database's clock, as is the next
    claimed_to INTEGER  NOT NULL DEFAULT 0, -- until then somebody is at it
    fence      INTEGER  NOT NULL DEFAULT 0, -- grows with every claim: what an older claim writes is refused
    worker     TEXT    NOT NULL DEFAULT '',
    counts     TEXT    NOT NULL DEFAULT '', -- a JSON object, or empty
    PRIMARY KEY (run_id, seq)
) STRICT;

CREATE INDEX sweep_chunks_open ON sweep_chunks (run_id, seq) WHERE NOT done;

-- The rate of all machines together, by the generic cell rate algorithm.
CREATE TABLE sweep_turns (
    id      INTEGER NOT NULL PRIMARY KEY CHECK (id = 1), -- there is one row
    version INTEGER NOT NULL, -- of the settings that the last turn was taken under
    tat     INTEGER NOT NULL  -- the theoretical arrival time
) STRICT;
