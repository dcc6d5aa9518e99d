-- +goose Up
-- Second factors are asked for, and what people owe before they are wholly in.

-- A factor that moved with its person, which a copy that is made again replaces; the others were enrolled here.
ALTER TABLE factors ADD COLUMN carried boolean NOT NULL DEFAULT true;

-- Codes that were used, and challenges that were answered. No reference to accounts: people who were not moved use codes too.
CREATE TABLE spent_codes (
    account_id uuid NOT NULL,
    digest     bytea NOT NULL,  -- keyed; of the secret, the recovery code, or the challenge
    step       bigint NOT NULL, -- the last one that was used
    until      bigint,          -- the row can go after; NULL: never
    PRIMARY KEY (account_id, digest)
);

-- Guesses at codes, by the generic cell rate algorithm.
CREATE TABLE code_guesses (
    account_id uuid NOT NULL PRIMARY KEY,
    tat        bigint NOT NULL -- the theoretical arrival time
);

-- A secret that was shown, and of which no code has been seen yet: the newest of each account.
CREATE TABLE enrolments (
    account_id uuid NOT NULL PRIMARY KEY REFERENCES accounts (id),
    session_id uuid NOT NULL,
    secret     bytea NOT NULL,
    expires_at bigint NOT NULL
);

ALTER TABLE accounts ADD COLUMN incomplete boolean NOT NULL DEFAULT false; -- the profile lacked what is asked for when the person was moved
ALTER TABLE accounts ADD COLUMN terms text NOT NULL DEFAULT '';            -- the version that was accepted last
ALTER TABLE accounts ADD COLUMN untold boolean NOT NULL DEFAULT false;     -- something was changed here that no legacy store is ever told
