-- +goose Up
-- What a gate asks of a pass, beside its report.
ALTER TABLE validations ADD COLUMN complete INTEGER NOT NULL DEFAULT 0;
ALTER TABLE validations ADD COLUMN clean INTEGER NOT NULL DEFAULT 0;
UPDATE validations SET complete = json_extract(report, '$.complete'), clean = NOT EXISTS (
    SELECT 1 FROM json_each(report, '$.sources') s, json_each(s.value, '$.counts') c
     WHERE c.key NOT IN ('equal', 'ahead', 'deleted', 'unmovable', 'waiting', 'ignored') AND c.value > 0);
CREATE INDEX validations_complete ON validations (began) WHERE complete;
CREATE INDEX validations_found ON validations (began) WHERE NOT clean;
