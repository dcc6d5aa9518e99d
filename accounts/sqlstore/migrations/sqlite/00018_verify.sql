-- +goose Up
-- Differences between the stores that somebody has looked at and accepts. One counts until either side is another.
CREATE TABLE verify_ignored (
    source    TEXT   NOT NULL CHECK (source <> ''),
    legacy_id TEXT   NOT NULL CHECK (legacy_id <> ''),
    verdict   TEXT   NOT NULL CHECK (verdict <> ''),
    theirs    BLOB   NOT NULL, -- the fingerprint of the legacy record; empty if there was none that could be read
    ours      BLOB   NOT NULL, -- and that of the link; empty if there was none
    actor     TEXT   NOT NULL,
    reason    TEXT   NOT NULL,
    at        INTEGER NOT NULL,
    PRIMARY KEY (source, legacy_id)
) STRICT;

-- The copies that nobody trusts are compared by each look at what has changed. There are few.
CREATE INDEX legacy_links_marked ON legacy_links (source, legacy_id) WHERE dirty OR drifted;
