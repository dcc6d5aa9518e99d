-- +goose Up
-- People are moved without their password. A strong hash of the old store is carried: what it is made of is sealed, in legacy.
CREATE TABLE credentials_next (
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
    CHECK (kind <> 'password' OR scheme IN ('argon2id', 'wrapped', 'carried')),
    CHECK (scheme <> 'argon2id' OR substr(encoded, 1, 10) = '$argon2id$'),
    CHECK (scheme <> 'carried' OR substr(encoded, 1, 15) = '$rekey-carried$' AND legacy <> ''),
    CHECK (scheme IN ('wrapped', 'carried') OR legacy = '')
) STRICT, WITHOUT ROWID;
INSERT INTO credentials_next (account_id, kind, version, scheme, encoded, fold, legacy, needs_change)
SELECT account_id, kind, version, scheme, encoded, fold, legacy, needs_change FROM credentials;
DROP TABLE credentials;
ALTER TABLE credentials_next RENAME TO credentials;

-- What passes over both stores have found.
CREATE TABLE validations (
    id      TEXT    NOT NULL PRIMARY KEY,
    began   INTEGER NOT NULL,
    ended   INTEGER NOT NULL,
    epoch   INTEGER NOT NULL, -- of the phase in which it began
    report  TEXT    NOT NULL  -- a JSON object: counts, and examples by source and legacy id
) STRICT;

CREATE INDEX validations_began ON validations (began);
