package sqlstore

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"

	"rekey/accounts"
	"rekey/accounts/phase"
)

// Apart implements accounts.Phases. Who was born here has an id by time (UUIDv7), and what of the index begins with its first
// byte, from 2004 to 2039, has one id in 256 of the others.
func (s *Store) Apart(ctx context.Context, limit int) ([]accounts.LegacyKey, error) {
	var people []accounts.LegacyKey
	err := s.each(ctx, s.read, func(scan scan) error {
		var p accounts.LegacyKey
		err := scan(&p.Source, &p.LegacyID)
		people = append(people, p)
		return err
	}, `
SELECT l.source, l.legacy_id FROM accounts a JOIN legacy_links l ON l.account_id = a.id WHERE a.disabled OR a.pinned OR a.changed_here
UNION
SELECT l.source, l.legacy_id FROM factors f JOIN legacy_links l ON l.account_id = f.account_id
UNION
SELECT l.source, l.legacy_id FROM accounts a JOIN legacy_links l ON l.account_id = a.id
 WHERE a.id >= $2 AND a.id < $3 AND substr(CAST(a.id AS text), 15, 1) = '7'
LIMIT $1`, limit+1, uuid.UUID{1}, uuid.UUID{2})
	if err == nil && len(people) > limit {
		err = fmt.Errorf("more than %d people", limit)
	}
	if err != nil {
		return nil, storeError("read who is apart", err)
	}
	return people, nil
}

// EndAlone implements accounts.Phases.
func (s *Store) EndAlone(ctx context.Context, next phase.State, people []accounts.LegacyKey, at time.Time, events ...accounts.Event) error {
	err := s.inTx(ctx, func(tx querier) error {
		if next.Epoch != 0 {
			if err := s.storeNext(ctx, tx, next); err != nil {
				return err
			}
		}
		if err := s.markDirty(ctx, tx, people); err != nil {
			return err
		}
		for _, p := range people {
			if _, err := s.revokeSessions(ctx, tx, accounts.SubjectFor(p.Source, p.LegacyID), at); err != nil {
				return fmt.Errorf("end sessions: %w", err)
			}
		}
		for _, e := range events {
			there, err := s.exists(ctx, tx, `SELECT 1 FROM events WHERE id = $1`, e.ID)
			if err == nil && !there {
				err = s.insertEvent(ctx, tx, e)
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
	return storeError("take note of what was written alone", err)
}
