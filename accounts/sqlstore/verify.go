package sqlstore

import (
	"context"
	"errors"
	"fmt"

	"github.com/google/uuid"

	"rekey/accounts"
)

// EachChunk implements accounts.Verifies.
func (s *Store) EachChunk(ctx context.Context, run uuid.UUID, visit func(accounts.Chunk) error) error {
	err := s.each(ctx, s.read, func(scan scan) error {
		var clock int64
		c, err := scanChunk(scan, &clock)
		if err != nil {
			return err
		}
		return visit(c)
	}, `SELECT `+chunkColumns+`, `+s.engine.clock+` FROM sweep_chunks WHERE run_id = $1 ORDER BY seq`, run)
	return storeError("read chunks", err)
}

// DropChunks implements accounts.Verifies.
func (s *Store) DropChunks(ctx context.Context, kind accounts.RunKind) error {
	err := s.inTx(ctx, func(tx querier) error {
		for _, table := range []string{"sweep_chunks", "sweep_parts"} {
			_, err := s.exec(ctx, tx, `DELETE FROM `+table+` WHERE run_id IN (SELECT id FROM sweep_runs WHERE kind = $1 AND state <> 'running')`, string(kind))
			if err != nil {
				return err
			}
		}
		return nil
	})
	return storeError("remove old chunks", err)
}

// Written implements accounts.Verifies.
func (s *Store) Written(ctx context.Context, source string, after accounts.WrittenPlace, limit int) ([]accounts.WrittenPlace, error) {
	var places []accounts.WrittenPlace
	err := s.each(ctx, s.read, func(scan scan) error {
		var p accounts.WrittenPlace
		err := scan(&p.Event, &p.LegacyID)
		places = append(places, p)
		return err
	}, `
SELECT e.id, l.legacy_id FROM events e JOIN legacy_links l ON l.account_id = e.account_id
 WHERE e.id >= $2 AND (e.id > $2 OR l.legacy_id > $3) AND l.source = $1 ORDER BY e.id, l.legacy_id LIMIT $4`,
		source, after.Event, after.LegacyID, max(limit, 0))
	return places, storeError("read what was written", err)
}

// MarkedIDs implements accounts.Verifies.
func (s *Store) MarkedIDs(ctx context.Context, source, after string, limit int) ([]string, error) {
	ids, err := column[string](ctx, s, s.read, `
SELECT legacy_id FROM legacy_links WHERE (dirty OR drifted) AND source = $1 AND legacy_id > $2 ORDER BY legacy_id LIMIT $3`,
		source, after, max(limit, 0))
	return ids, storeError("read marked people", err)
}

const ignoredColumns = `source, legacy_id, verdict, theirs, ours, actor, reason, at`

// KeepIgnored implements accounts.Verifies.
func (s *Store) KeepIgnored(ctx context.Context, i accounts.Ignored, e accounts.Event) error {
	err := s.inTx(ctx, func(tx querier) error {
		_, err := s.exec(ctx, tx, `
INSERT INTO verify_ignored (`+ignoredColumns+`) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
ON CONFLICT (source, legacy_id) DO UPDATE SET verdict = excluded.verdict, theirs = excluded.theirs, ours = excluded.ours,
   actor = excluded.actor, reason = excluded.reason, at = excluded.at`,
			i.Source, i.LegacyID, string(i.Verdict), notNull(i.Theirs), notNull(i.Ours), i.Actor, i.Reason, micros(i.At))
		if err != nil {
			return fmt.Errorf("insert: %w", err)
		}
		return s.insertEvent(ctx, tx, e)
	})
	return storeError("keep what is ignored", err)
}

// Ignored implements accounts.Verifies.
func (s *Store) Ignored(ctx context.Context, source, legacyID string) (accounts.Ignored, error) {
	ignored, err := first(s.ignored(ctx, `WHERE source = $1 AND legacy_id = $2`, source, legacyID))
	if errors.Is(err, errText) {
		err = accounts.ErrNotFound // no such text is ever stored
	}
	return ignored, storeError("read what is ignored", err)
}

// AllIgnored implements accounts.Verifies.
func (s *Store) AllIgnored(ctx context.Context, limit int) ([]accounts.Ignored, error) {
	found, err := s.ignored(ctx, `ORDER BY at DESC, source, legacy_id LIMIT $1`, max(limit, 0))
	return found, storeError("read all that is ignored", err)
}

func (s *Store) ignored(ctx context.Context, which string, args ...any) ([]accounts.Ignored, error) {
	var all []accounts.Ignored
	err := s.each(ctx, s.read, func(scan scan) error {
		var i accounts.Ignored
		var verdict string
		var at int64
		err := scan(&i.Source, &i.LegacyID, &verdict, &i.Theirs, &i.Ours, &i.Actor, &i.Reason, &at)
		i.Verdict, i.At = accounts.Verdict(verdict), moment(at)
		all = append(all, i)
		return err
	}, `SELECT `+ignoredColumns+` FROM verify_ignored `+which, args...)
	return all, err
}
