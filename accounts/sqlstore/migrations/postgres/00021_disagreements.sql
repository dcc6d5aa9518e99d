-- +goose Up
-- Passwords of real logins that one store has taken and the other has not. One counts until the password here, or the legacy
-- record that it was copied from, is another.
CREATE TABLE disagreements (
    source      text   COLLATE "C" NOT NULL CHECK (source <> ''),
    legacy_id   text   COLLATE "C" NOT NULL CHECK (legacy_id <> ''),
    version     bigint NOT NULL, -- of the credential
    fingerprint bytea  NOT NULL, -- of the link, and of the legacy record
    taken       text   COLLATE "C" NOT NULL CHECK (taken IN ('legacy', 'new')),
    at          bigint NOT NULL,
    PRIMARY KEY (source, legacy_id)
);
