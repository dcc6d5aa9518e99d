-- +goose Up
-- What a gate asks of a pass, beside its report.
ALTER TABLE validations ADD complete boolean NOT NULL DEFAULT FALSE;
ALTER TABLE validations ADD clean boolean NOT NULL DEFAULT FALSE;
UPDATE validations SET complete = report::json ->> 'complete' = 'true', clean = NOT EXISTS (
    SELECT 1 FROM json_array_elements(CASE json_typeof(report::json -> 'sources') WHEN 'array' THEN report::json -> 'sources' ELSE '[]' END) s,
                  json_each_text(CASE json_typeof(s.value -> 'counts') WHEN 'object' THEN s.value -> 'counts' ELSE '{}' END) c
     WHERE c.key NOT IN ('equal', 'ahead', 'deleted', 'unmovable', 'waiting', 'ignored') AND c.value::bigint > 0);
CREATE INDEX validations_complete ON validations (began) WHERE complete;
CREATE INDEX validations_found ON validations (began) WHERE NOT clean;
