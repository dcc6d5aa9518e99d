-- +goose Up
-- Times are microseconds since 1970 in UTC. The SQLite folder holds the same tables. Text that is a key is compared
-- byte by byte (COLLATE "C"): faster, and an upgrade of the system's locale data cannot damage its indexes.

CREATE TABLE accounts (
    id         uuid    NOT NULL PRIMARY KEY,
    disabled   boolean NOT NULL DEFAULT false,
    created_at bigint  NOT NULL
);

CREATE TABLE identifiers (
    canonical  text    COLLATE "C" NOT NULL PRIMARY KEY CHECK (canonical <> ''),
    account_id uuid    NOT NULL REFERENCES accounts (id),
    position   integer NOT NULL CHECK (position >= 0), -- the order in which the account lists them
    kind       text    NOT NULL CHECK (kind IN ('username', 'email', 'phone')),
    spelling   text    NOT NULL CHECK (spelling <> ''),
    contested  boolean NOT NULL DEFAULT false,
    UNIQUE (account_id, position)
);

CREATE TABLE credentials (
    account_id   uuid    NOT NULL REFERENCES accounts (id),
    kind         text    COLLATE "C" NOT NULL CHECK (kind <> ''),
    version      bigint  NOT NULL CHECK (version >= 1),
    scheme       text    NOT NULL,
    encoded      text    NOT NULL CHECK (encoded <> ''),
    fold         text    NOT NULL DEFAULT '',
    legacy       text    NOT NULL DEFAULT '',
    needs_change boolean NOT NULL DEFAULT false,
    PRIMARY KEY (account_id, kind),
    -- A stored password is never plaintext and never a bare legacy hash.
    CHECK (kind <> 'password' OR scheme IN ('argon2id', 'wrapped')),
    CHECK (scheme <> 'argon2id' OR substr(encoded, 1, 10) = '$argon2id$'),
    CHECK (scheme = 'wrapped' OR legacy = '')
);

CREATE TABLE legacy_links (
    source            text   COLLATE "C" NOT NULL CHECK (source <> ''),
    legacy_id         text   COLLATE "C" NOT NULL CHECK (legacy_id <> ''),
    account_id        uuid   NOT NULL REFERENCES accounts (id),
    fingerprint       bytea  NOT NULL,
    legacy_created_at bigint,
    how               text   NOT NULL CHECK (how <> ''),
    at                bigint NOT NULL,
    PRIMARY KEY (source, legacy_id)
);

CREATE INDEX legacy_links_account ON legacy_links (account_id);

-- No reference to accounts: people who could not be moved have events too.
CREATE TABLE events (
    id         uuid   NOT NULL PRIMARY KEY, -- UUIDv7, so that ids sort by time
    at         bigint NOT NULL,
    account_id uuid   NOT NULL,
    kind       text   NOT NULL CHECK (kind <> ''),
    actor      text   NOT NULL,
    reason     text   NOT NULL,
    request_id text   NOT NULL,
    detail     text   NOT NULL -- a flat JSON object, or empty
);

CREATE INDEX events_account ON events (account_id, id);

CREATE TABLE quarantine (
    source    text   COLLATE "C" NOT NULL CHECK (source <> ''),
    legacy_id text   COLLATE "C" NOT NULL CHECK (legacy_id <> ''),
    class     text   COLLATE "C" NOT NULL CHECK (class <> ''),
    reason    text   NOT NULL,
    at        bigint NOT NULL,
    PRIMARY KEY (source, legacy_id, class)
);

-- No reference to accounts: a session may belong to a person who is not moved yet.
CREATE TABLE sessions (
    id         uuid   NOT NULL PRIMARY KEY,
    account_id uuid   NOT NULL,
    source     text   NOT NULL,
    legacy_id  text   NOT NULL,
    generation bigint NOT NULL CHECK (generation >= 0),
    client     text   NOT NULL,
    address    text   NOT NULL,
    created_at bigint NOT NULL,
    rotated_at bigint NOT NULL,
    expires_at bigint NOT NULL,
    revoked_at bigint
);

CREATE INDEX sessions_expiry ON sessions (expires_at);

CREATE TABLE signing_keys (
    seq        bigint NOT NULL PRIMARY KEY CHECK (seq >= 1),
    id         text   COLLATE "C" NOT NULL UNIQUE CHECK (id <> ''),
    algorithm  text   NOT NULL CHECK (algorithm IN ('EdDSA', 'ES256', 'RS256')),
    sealed     bytea  NOT NULL,
    created_at bigint NOT NULL,
    active_at  bigint NOT NULL
);

CREATE TABLE meta (
    name  text COLLATE "C" NOT NULL PRIMARY KEY CHECK (name <> ''),
    value text NOT NULL
);
