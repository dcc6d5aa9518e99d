-- +goose Up
-- The credential that a delivery carries: when it arrives, legacy knows that one and no later one. 0: it carries none.
ALTER TABLE copy_back ADD COLUMN version bigint NOT NULL DEFAULT 0;
UPDATE copy_back SET version = coalesce((SELECT version FROM credentials c WHERE c.account_id = copy_back.account_id AND c.kind = 'password'), 0)
 WHERE NOT intent AND kind <> 'delete';

-- What each process measured of the new store while legacy answered, by the minute.
CREATE TABLE shadow_windows (
    began         bigint NOT NULL, -- when the phase began that it was measured in
    minute        bigint NOT NULL, -- when the minute began
    replica       text NOT NULL CHECK (replica <> ''),
    logins        bigint NOT NULL,
    mirrored      bigint NOT NULL, -- of the logins
    failed        bigint NOT NULL, -- of those mirrored
    differing     bigint NOT NULL, -- of those mirrored: one store has somebody, the other nobody
    legacy_failed bigint NOT NULL, -- of the logins
    writes        bigint NOT NULL, -- that were tried here after legacy had them
    lost          bigint NOT NULL, -- of the writes
    here          bytea NOT NULL,    -- a histogram of the times of the mirrored lookups
    legacy        bytea NOT NULL,    -- and of the lookups that they mirror
    PRIMARY KEY (began, minute, replica)
);

-- Whom legacy alone cannot answer for is asked every other second.
CREATE INDEX accounts_apart ON accounts (id) WHERE disabled OR pinned OR changed_here;
