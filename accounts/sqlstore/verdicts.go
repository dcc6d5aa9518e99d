package sqlstore

import (
	"context"

	"rekey/accounts"
	"rekey/accounts/phase"
)

// standing are the disagreements d that count, with the links l and the accounts a that they are about.
const standing = `
  FROM disagreements d JOIN legacy_links l ON l.source = d.source AND l.legacy_id = d.legacy_id AND l.fingerprint = d.fingerprint
  JOIN accounts a ON a.id = l.account_id AND a.deleted_at IS NULL JOIN credentials c ON c.account_id = a.id AND c.kind = 'password' AND c.version = d.version`

// KeepDisagreement implements accounts.Verdicts.
func (s *Store) KeepDisagreement(ctx context.Context, d accounts.Disagreement, e accounts.Event) (kept bool, err error) {
	err = s.inTx(ctx, func(tx querier) error {
		kept = false // in a transaction that was undone it was not
		n, err := s.exec(ctx, tx, `
INSERT INTO disagreements (source, legacy_id, version, fingerprint, taken, at)
SELECT l.source, l.legacy_id, c.version, l.fingerprint, $5, CAST($6 AS bigint)
  FROM legacy_links l JOIN accounts a ON a.id = l.account_id AND a.deleted_at IS NULL JOIN credentials c ON c.account_id = a.id AND c.kind = 'password'
 WHERE l.source = $1 AND l.legacy_id = $2 AND c.version = $3 AND l.fingerprint = $4
ON CONFLICT (source, legacy_id) DO UPDATE SET version = excluded.version, fingerprint = excluded.fingerprint, taken = excluded.taken, at = excluded.at
 WHERE disagreements.version <> excluded.version OR disagreements.fingerprint <> excluded.fingerprint OR disagreements.taken <> excluded.taken`,
			d.Source, d.LegacyID, d.Version, notNull(d.Fingerprint), d.Taken.String(), micros(d.At))
		if err != nil || n == 0 {
			return err
		}
		kept = true
		return s.insertEvent(ctx, tx, e)
	})
	return kept && err == nil, storeError("keep a disagreement", err)
}

// DisagreementsOf implements accounts.Verdicts.
func (s *Store) DisagreementsOf(ctx context.Context, source string, legacyIDs []string) ([]accounts.Disagreement, error) {
	return s.disagreements(ctx, ` WHERE d.source = $1 AND d.legacy_id IN `+s.engine.texts("$2")+` ORDER BY d.legacy_id`, source, legacyIDs)
}

// Disagreements implements accounts.Verdicts.
func (s *Store) Disagreements(ctx context.Context, limit int) ([]accounts.Disagreement, error) {
	return s.disagreements(ctx, ` ORDER BY d.at DESC, d.source, d.legacy_id LIMIT $1`, max(limit, 0))
}

func (s *Store) disagreements(ctx context.Context, which string, args ...any) ([]accounts.Disagreement, error) {
	var all []accounts.Disagreement
	err := s.each(ctx, s.read, func(scan scan) error {
		var d accounts.Disagreement
		var taken string
		var at int64
		if err := scan(&d.Source, &d.LegacyID, &d.Version, &d.Fingerprint, &taken, &at); err != nil {
			return err
		}
		d.Taken, d.At = phase.Legacy, moment(at)
		if taken == phase.New.String() {
			d.Taken = phase.New
		}
		all = append(all, d)
		return nil
	}, `SELECT d.source, d.legacy_id, d.version, d.fingerprint, d.taken, d.at`+standing+which, args...)
	return all, storeError("read disagreements", err)
}

// CountDisagreements implements accounts.Verdicts.
func (s *Store) CountDisagreements(ctx context.Context) (counts map[phase.Store]int64, err error) {
	counts = map[phase.Store]int64{}
	err = s.each(ctx, s.read, func(scan scan) error {
		var legacy, here int64
		err := scan(&legacy, &here)
		counts[phase.Legacy], counts[phase.New] = legacy, here
		return err
	}, `
SELECT coalesce(sum(CASE WHEN d.taken = 'legacy' THEN 1 ELSE 0 END), 0), coalesce(sum(CASE WHEN d.taken = 'new' THEN 1 ELSE 0 END), 0)`+standing+`
 WHERE NOT EXISTS (SELECT 1 FROM verify_ignored i WHERE i.source = d.source AND i.legacy_id = d.legacy_id AND i.verdict = $1 AND i.at >= d.at)`,
		string(accounts.VerdictDisagreeing))
	return counts, storeError("count disagreements", err)
}
