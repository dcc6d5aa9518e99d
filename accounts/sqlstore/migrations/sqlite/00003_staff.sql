-- +goose Up
-- Who may use the admin listener. Of a token its SHA-256 is kept.

CREATE TABLE staff_tokens (
    id           TEXT    NOT NULL PRIMARY KEY CHECK (length(id) = 36),
    name         TEXT    NOT NULL CHECK (name <> ''),
    role         TEXT    NOT NULL CHECK (role IN ('support', 'operator', 'auditor', 'admin')),
    digest       BLOB    NOT NULL UNIQUE CHECK (length(digest) = 32),
    created_at   INTEGER NOT NULL,
    expires_at   INTEGER NOT NULL CHECK (expires_at > created_at),
    last_used_at INTEGER,
    revoked_at   INTEGER
) STRICT, WITHOUT ROWID;

-- The sessions of one account.
CREATE INDEX sessions_account ON sessions (account_id, id);
