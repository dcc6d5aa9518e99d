-- +goose Up
-- Who may use the admin listener. Of a token its SHA-256 is kept.

CREATE TABLE staff_tokens (
    id           uuid   NOT NULL PRIMARY KEY,
    name         text   NOT NULL CHECK (name <> ''),
    role         text   NOT NULL CHECK (role IN ('support', 'operator', 'auditor', 'admin')),
    digest       bytea  NOT NULL UNIQUE CHECK (length(digest) = 32),
    created_at   bigint NOT NULL,
    expires_at   bigint NOT NULL CHECK (expires_at > created_at),
    last_used_at bigint,
    revoked_at   bigint
);

-- The sessions of one account.
CREATE INDEX sessions_account ON sessions (account_id, id);
