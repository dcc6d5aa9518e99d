-- +goose Up
-- Passwords of real logins that one store has taken and the other has not. One counts until the password here, or the legacy
-- record that it was copied from, is another.
CREATE TABLE disagreements (
    source      TEXT    NOT NULL CHECK (source <> ''),
    legacy_id   TEXT    NOT NULL CHECK (legacy_id <> ''),
    version     INTEGER NOT NULL, -- of the credential
    fingerprint BLOB    NOT NULL, -- of the link, and of the legacy record
    taken       TEXT    NOT NULL CHECK (taken IN ('legacy', 'new')),
    at          INTEGER NOT NULL,
    PRIMARY KEY (source, legacy_id)
) STRICT;
