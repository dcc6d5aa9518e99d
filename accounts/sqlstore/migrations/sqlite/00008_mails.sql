-- +goose Up
-- What is to be mailed. A row goes when the mail server has the mail. Who is asked for, and where it goes, is sealed.
CREATE TABLE mails (
    id         TEXT NOT NULL PRIMARY KEY CHECK (length(id) = 36),
    account_id TEXT NOT NULL, -- all zeros while nobody has looked whom it is for
    kind       TEXT NOT NULL CHECK (kind <> ''),
    sealed     BLOB NOT NULL,
    created_at INTEGER NOT NULL,
    next_at    INTEGER NOT NULL,           -- not tried before
    attempts   INTEGER NOT NULL DEFAULT 0,
    fence      INTEGER NOT NULL DEFAULT 0, -- grows with every claim: what an older claim writes is refused
    claimed_to INTEGER NOT NULL DEFAULT 0  -- until then somebody is at it
) STRICT, WITHOUT ROWID;

CREATE INDEX mails_due ON mails (next_at);

-- What the links in mails are good for. Of a token its SHA-256 is kept, and of each account the newest of a kind.
CREATE TABLE resets (
    account_id TEXT NOT NULL,
    kind       TEXT NOT NULL CHECK (kind <> ''),
    digest     BLOB NOT NULL UNIQUE CHECK (length(digest) = 32),
    sealed     BLOB NOT NULL,
    expires_at INTEGER NOT NULL,
    PRIMARY KEY (account_id, kind)
) STRICT, WITHOUT ROWID;

CREATE INDEX resets_expiry ON resets (expires_at);
