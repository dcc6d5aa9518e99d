-- +goose Up
-- What moves with a person beside their password. Secrets are sealed or digested with the master key.

ALTER TABLE identifiers ADD COLUMN verified boolean NOT NULL DEFAULT false;

-- Lists and attributes are JSON.
CREATE TABLE profiles (
    account_id   uuid NOT NULL PRIMARY KEY REFERENCES accounts (id),
    display_name text NOT NULL,
    locale       text NOT NULL,
    roles        text NOT NULL,
    groups       text NOT NULL,
    attributes   text NOT NULL
);

CREATE TABLE factors (
    id         uuid NOT NULL PRIMARY KEY, -- UUIDv7, so that ids sort by time
    account_id uuid NOT NULL REFERENCES accounts (id),
    kind       text NOT NULL CHECK (kind IN ('totp', 'recovery')),
    name       text NOT NULL,
    secret     bytea NOT NULL
);

CREATE INDEX factors_account ON factors (account_id, id);

CREATE TABLE external_identities (
    provider   text COLLATE "C" NOT NULL CHECK (provider <> ''),
    subject    text COLLATE "C" NOT NULL CHECK (subject <> ''),
    account_id uuid NOT NULL REFERENCES accounts (id),
    PRIMARY KEY (provider, subject)
);

CREATE INDEX external_identities_account ON external_identities (account_id);
