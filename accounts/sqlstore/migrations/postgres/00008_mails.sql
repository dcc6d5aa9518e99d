-- +goose Up
-- What is to be mailed. A row goes when the mail server has the mail. Who is asked for, and where it goes, is sealed.
CREATE TABLE mails (
    id         uuid NOT NULL PRIMARY KEY,
    account_id uuid NOT NULL, -- all zeros while nobody has looked whom it is for
    kind       text COLLATE "C" NOT NULL CHECK (kind <> ''),
    sealed     bytea NOT NULL,
    created_at bigint NOT NULL,
    next_at    bigint NOT NULL,           -- not tried before
    attempts   bigint NOT NULL DEFAULT 0,
    fence      bigint NOT NULL DEFAULT 0, -- grows with every claim: what an older claim writes is refused
    claimed_to bigint NOT NULL DEFAULT 0  -- until then somebody is at it
);

CREATE INDEX mails_due ON mails (next_at);

-- What the links in mails are good for. Of a token its SHA-256 is kept, and of each account the newest of a kind.
CREATE TABLE resets (
    account_id uuid NOT NULL,
    kind       text COLLATE "C" NOT NULL CHECK (kind <> ''),
    digest     bytea NOT NULL UNIQUE CHECK (length(digest) = 32),
    sealed     bytea NOT NULL,
    expires_at bigint NOT NULL,
    PRIMARY KEY (account_id, kind)
);

CREATE INDEX resets_expiry ON resets (expires_at);
