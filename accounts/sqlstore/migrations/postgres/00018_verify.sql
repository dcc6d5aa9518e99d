-- +goose Up
-- Differences between the stores that somebody has looked at and accepts. One counts until either side is another.
CREATE TABLE verify_ignored (
    source    text   COLLATE "C" NOT NULL CHECK (source <> ''),
    legacy_id text   COLLATE "C" NOT NULL CHECK (legacy_id <> ''),
    verdict   text   NOT NULL CHECK (verdict <> ''),
    theirs    bytea  NOT NULL, -- the fingerprint of the legacy record; empty if there was none that could be read
    ours      bytea  NOT NULL, -- and that of the link; empty if there was none
    actor     text   NOT NULL,
    reason    text   NOT NULL,
    at        bigint NOT NULL,
    PRIMARY KEY (source, legacy_id)
);

-- The copies that nobody trusts are compared by each look at what has changed. There are few.
CREATE INDEX legacy_links_marked ON legacy_links (source, legacy_id) WHERE dirty OR drifted;
