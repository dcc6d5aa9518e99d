-- +goose Up
-- People are moved without their password. A strong hash of the old store is carried: what it is made of is sealed, in legacy.
ALTER TABLE credentials DROP CONSTRAINT credentials_check;
ALTER TABLE credentials DROP CONSTRAINT credentials_check2;
-- A stored password is never plaintext and never a bare legacy hash.
ALTER TABLE credentials ADD CONSTRAINT credentials_schemes CHECK (kind <> 'password' OR scheme IN ('argon2id', 'wrapped', 'carried'));
ALTER TABLE credentials ADD CONSTRAINT credentials_carried CHECK (scheme <> 'carried' OR substr(encoded, 1, 15) = '$rekey-carried$' AND legacy <> '');
ALTER TABLE credentials ADD CONSTRAINT credentials_legacy CHECK (scheme IN ('wrapped', 'carried') OR legacy = '');

-- What passes over both stores have found.
CREATE TABLE validations (
    id     uuid   NOT NULL PRIMARY KEY,
    began  bigint NOT NULL,
    ended  bigint NOT NULL,
    epoch  bigint NOT NULL, -- of the phase in which it began
    report text   NOT NULL  -- a JSON object: counts, and examples by source and legacy id
);

CREATE INDEX validations_began ON validations (began);
