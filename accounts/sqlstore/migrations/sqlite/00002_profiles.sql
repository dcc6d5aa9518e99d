-- +goose Up
-- What moves with a person beside their password. Secrets are sealed or digested with the master key.

ALTER TABLE identifiers ADD COLUMN verified INTEGER NOT NULL DEFAULT FALSE CHECK (verified IN (FALSE, TRUE));

-- Lists and attributes are JSON.
CREATE TABLE profiles (
    account_id   TEXT NOT NULL PRIMARY KEY REFERENCES accounts (id),
    display_name TEXT NOT NULL,
    locale       TEXT NOT NULL,
    roles        TEXT NOT NULL,
    groups       TEXT NOT NULL,
    attributes   TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE factors (
    id         TEXT NOT NULL PRIMARY KEY CHECK (length(id) = 36), -- UUIDv7, so that ids sort by time
    account_id TEXT NOT NULL REFERENCES accounts (id),
    kind       TEXT NOT NULL CHECK (kind IN ('totp', 'recovery')),
    name       TEXT NOT NULL,
    secret     BLOB NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX factors_account ON factors (account_id, id);

CREATE TABLE external_identities (
    provider   TEXT NOT NULL CHECK (provider <> ''),
    subject    TEXT NOT NULL CHECK (subject <> ''),
    account_id TEXT NOT NULL REFERENCES accounts (id),
    PRIMARY KEY (provider, subject)
) STRICT, WITHOUT ROWID;

CREATE INDEX external_identities_account ON external_identities (account_id);
