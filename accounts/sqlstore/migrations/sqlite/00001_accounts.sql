-- +goose Up
-- Times are microseconds since 1970 in UTC; ids are UUIDs in their text form, so that a person at the sqlite3 prompt
-- can read them. The PostgreSQL folder holds the same tables.

CREATE TABLE accounts (
    id         TEXT    NOT NULL PRIMARY KEY CHECK (length(id) = 36),
    disabled   INTEGER NOT NULL DEFAULT FALSE CHECK (disabled IN (FALSE, TRUE)),
    created_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE identifiers (
    canonical  TEXT    NOT NULL PRIMARY KEY CHECK (canonical <> ''),
    account_id TEXT    NOT NULL REFERENCES accounts (id),
    position   INTEGER NOT NULL CHECK (position >= 0), -- the order in which the account lists them
    kind       TEXT    NOT NULL CHECK (kind IN ('username', 'email', 'phone')),
    spelling   TEXT    NOT NULL CHECK (spelling <> ''),
    contested  INTEGER NOT NULL DEFAULT FALSE CHECK (contested IN (FALSE, TRUE)),
    UNIQUE (account_id, position)
) STRICT, WITHOUT ROWID;

CREATE TABLE credentials (
    account_id   TEXT    NOT NULL REFERENCES accounts (id),
    kind         TEXT    NOT NULL CHECK (kind <> ''),
    version      INTEGER NOT NULL CHECK (version >= 1),
    scheme       TEXT    NOT NULL,
    encoded      TEXT    NOT NULL CHECK (encoded <> ''),
    fold         TEXT    NOT NULL DEFAULT '',
    legacy       TEXT    NOT NULL DEFAULT '',
    needs_change INTEGER NOT NULL DEFAULT FALSE CHECK (needs_change IN (FALSE, TRUE)),
    PRIMARY KEY (account_id, kind),
    -- A stored password is never plaintext and never a bare legacy hash.
    CHECK (kind <> 'password' OR scheme IN ('argon2id', 'wrapped')),
    CHECK (scheme <> 'argon2id' OR substr(encoded, 1, 10) = '$argon2id$'),
    CHECK (scheme = 'wrapped' OR legacy = '')
) STRICT, WITHOUT ROWID;

CREATE TABLE legacy_links (
    source            TEXT    NOT NULL CHECK (source <> ''),
    legacy_id         TEXT    NOT NULL CHECK (legacy_id <> ''),
    account_id        TEXT    NOT NULL REFERENCES accounts (id),
    fingerprint       BLOB    NOT NULL,
    legacy_created_at INTEGER,
    how               TEXT    NOT NULL CHECK (how <> ''),
    at                INTEGER NOT NULL,
    PRIMARY KEY (source, legacy_id)
) STRICT, WITHOUT ROWID;

CREATE INDEX legacy_links_account ON legacy_links (account_id);

-- No reference to accounts: people who could not be moved have events too.
CREATE TABLE events (
    id         TEXT    NOT NULL PRIMARY KEY CHECK (length(id) = 36), -- UUIDv7, so that ids sort by time
    at         INTEGER NOT NULL,
    account_id TEXT    NOT NULL CHECK (length(account_id) = 36),
    kind       TEXT    NOT NULL CHECK (kind <> ''),
    actor      TEXT    NOT NULL,
    reason     TEXT    NOT NULL,
    request_id TEXT    NOT NULL,
    detail     TEXT    NOT NULL -- a flat JSON object, or empty
) STRICT;

CREATE INDEX events_account ON events (account_id, id);

CREATE TABLE quarantine (
    source    TEXT    NOT NULL CHECK (source <> ''),
    legacy_id TEXT    NOT NULL CHECK (legacy_id <> ''),
    class     TEXT    NOT NULL CHECK (class <> ''),
    reason    TEXT    NOT NULL,
    at        INTEGER NOT NULL,
    PRIMARY KEY (source, legacy_id, class)
) STRICT, WITHOUT ROWID;

-- No reference to accounts: a session may belong to a person who is not moved yet.
CREATE TABLE sessions (
    id         TEXT    NOT NULL PRIMARY KEY CHECK (length(id) = 36),
    account_id TEXT    NOT NULL CHECK (length(account_id) = 36),
    source     TEXT    NOT NULL,
    legacy_id  TEXT    NOT NULL,
    generation INTEGER NOT NULL CHECK (generation >= 0),
    client     TEXT    NOT NULL,
    address    TEXT    NOT NULL,
    created_at INTEGER NOT NULL,
    rotated_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    revoked_at INTEGER
) STRICT, WITHOUT ROWID;

CREATE INDEX sessions_expiry ON sessions (expires_at);

CREATE TABLE signing_keys (
    seq        INTEGER NOT NULL PRIMARY KEY CHECK (seq >= 1),
    id         TEXT    NOT NULL UNIQUE CHECK (id <> ''),
    algorithm  TEXT    NOT NULL CHECK (algorithm IN ('EdDSA', 'ES256', 'RS256')),
    sealed     BLOB    NOT NULL,
    created_at INTEGER NOT NULL,
    active_at  INTEGER NOT NULL
) STRICT;

CREATE TABLE meta (
    name  TEXT NOT NULL PRIMARY KEY CHECK (name <> ''),
    value TEXT NOT NULL
) STRICT, WITHOUT ROWID;
