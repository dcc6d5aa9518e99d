-- +goose Up
-- Second factors are asked for, and what people owe before they are wholly in.

-- A factor that moved with its person, which a copy that is made again replaces; the others were enrolled here.
ALTER TABLE factors ADD COLUMN carried INTEGER NOT NULL DEFAULT TRUE;

-- Codes that were used, and challenges that were answered. No reference to accounts: people who were not moved use codes too.
CREATE TABLE spent_codes (
    account_id TEXT    NOT NULL CHECK (length(account_id) = 36),
    digest     BLOB    NOT NULL, -- keyed; of the secret, the recovery code, or the challenge
    step       INTEGER NOT NULL, -- the last one that was used
    until      INTEGER,          -- the row can go after; NULL: never
    PRIMARY KEY (account_id, digest)
) STRICT, WITHOUT ROWID;

-- Guesses at codes, by the generic cell rate algorithm.
CREATE TABLE code_guesses (
    account_id TEXT    NOT NULL PRIMARY KEY CHECK (length(account_id) = 36),
    tat        INTEGER NOT NULL -- the theoretical arrival time
) STRICT, WITHOUT ROWID;

-- A secret that was shown, and of which no code has been seen yet: the newest of each account.
CREATE TABLE enrolments (
    account_id TEXT    NOT NULL PRIMARY KEY REFERENCES accounts (id),
    session_id TEXT    NOT NULL CHECK (length(session_id) = 36),
    secret     BLOB    NOT NULL,
    expires_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

ALTER TABLE accounts ADD COLUMN incomplete INTEGER NOT NULL DEFAULT FALSE; -- the profile lacked what is asked for when the person was moved
ALTER TABLE accounts ADD COLUMN terms TEXT NOT NULL DEFAULT '';            -- the version that was accepted last
ALTER TABLE accounts ADD COLUMN untold INTEGER NOT NULL DEFAULT FALSE;     -- something was changed here that no legacy store is ever told
