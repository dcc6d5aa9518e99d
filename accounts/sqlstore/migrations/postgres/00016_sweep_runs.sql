-- +goose Up
-- Background work over everybody of the legacy stores.
CREATE TABLE sweep_runs (
    id     uuid   NOT NULL PRIMARY KEY, -- UUIDv7, so that ids sort by time
    kind   text   COLLATE "C" NOT NULL CHECK (kind <> ''),
    state  text   NOT NULL CHECK (state IN ('running', 'done', 'stopped', 'failed')),
    spec   text   NOT NULL, -- a JSON object: what was asked
    found  text   NOT NULL, -- a JSON object, or empty
    why    text   NOT NULL,
    began  bigint NOT NULL,
    ended  bigint,
    chunks bigint NOT NULL DEFAULT 0 -- how many were cut
);

-- One run of a kind at a time.
CREATE UNIQUE INDEX sweep_runs_running ON sweep_runs (kind) WHERE state = 'running';

CREATE TABLE sweep_parts (
    run_id uuid    NOT NULL REFERENCES sweep_runs (id),
    source text    COLLATE "C" NOT NULL CHECK (source <> ''),
    band   bigint  NOT NULL,
    cut    text    NOT NULL, -- chunks are cut up to this key
    whole  boolean NOT NULL, -- and up to the end
    total  bigint  NOT NULL,
    PRIMARY KEY (run_id, source, band)
);

CREATE TABLE sweep_chunks (
    run_id     uuid    NOT NULL REFERENCES sweep_runs (id),
    seq        bigint  NOT NULL,
    source     text    COLLATE "C" NOT NULL,
    band       bigint  NOT NULL,
    after_key  text    NOT NULL,
    through    text    NOT NULL,
    cursor     text    NOT NULL DEFAULT '',
    done       boolean NOT NULL DEFAULT false,
    attempts   bigint  NOT NULL DEFAULT 0, -- claims since the cursor moved
    bound      bigint  NOT NULL DEFAULT 0, -- the most people of a batch; 0: no bound
    next_at    bigint  NOT NULL DEFAULT 0, -- not claimed before; by the database's clock, as is the next
    claimed_to bigint  NOT NULL DEFAULT 0, -- until then somebody is at it
    fence      bigint  NOT NULL DEFAULT 0, -- grows with every claim: what an older claim writes is refused
    worker     text    NOT NULL DEFAULT '',
    counts     text    NOT NULL DEFAULT '', -- a JSON object, or empty
    PRIMARY KEY (run_id, seq)
);

CREATE INDEX sweep_chunks_open ON sweep_chunks (run_id, seq) WHERE NOT done;

-- The rate of all machines together, by the generic cell rate algorithm.
CREATE TABLE sweep_turns (
    id      bigint NOT NULL PRIMARY KEY CHECK (id = 1), -- there is one row
    version bigint NOT NULL, -- of the settings that the last turn was taken under
    tat     bigint NOT NULL  -- the theoretical arrival time
);
