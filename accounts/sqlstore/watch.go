package sqlstore

import (
	"bytes"
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"

	"rekey/accounts"
)

// See implements accounts.Writes. The account's row is locked first: whoever says whether it is disabled comes one after the
// other, and reads what the other has said.
func (s *Store) See(ctx context.Context, sight accounts.Sighting, e accounts.Event) (ended []uuid.UUID, err error) {
	was, now := sight.Was, sight.Now
	err = s.inTx(ctx, func(tx querier) error {
		ended = nil
		n, err := s.exec(ctx, tx, `UPDATE accounts SET disabled = disabled WHERE id = $1 AND deleted_at IS NULL`, sight.Account)
		if err != nil {
			return fmt.Errorf("lock account: %w", err)
		}
		if n == 0 {
			return accounts.ErrNotFound
		}
		barOnly := bytes.Equal(was.Fingerprint, now.Fingerprint) && was.Drifted == now.Drifted
		n, err = s.exec(ctx, tx, `
UPDATE legacy_links SET fingerprint = $4, drifted = $5, barred = $6
 WHERE source = $1 AND legacy_id = $2 AND account_id = $3 AND fingerprint = $7 AND drifted = $8 AND barred = $9
   AND ($10 OR NOT EXISTS (SELECT 1 FROM copy_back WHERE account_id = $3))`,
			was.Source, was.LegacyID, sight.Account, notNull(now.Fingerprint), now.Drifted, string(now.Barred),
			notNull(was.Fingerprint), was.Drifted, string(was.Barred), barOnly)
		if err != nil {
			return fmt.Errorf("write link: %w", err)
		}
		if n == 0 {
			return accounts.ErrStale
		}
		if was.Barred != now.Barred {
			if ended, err = s.bar(ctx, tx, sight); err != nil {
				return err
			}
			e = counting(e, ended)
		}
		if e.Kind == "" {
			return nil
		}
		return s.insertEvent(ctx, tx, e)
	})
	return ended, storeError("write what was seen", err)
}

// disabled is whether the account $1 is: staff say so, or one of its links.
const disabled = `disabled_here OR EXISTS (SELECT 1 FROM legacy_links WHERE account_id = $1 AND barred <> '')`

// bar makes an account as disabled as its links and staff say, and ends its sessions.
func (s *Store) bar(ctx context.Context, tx querier, sight accounts.Sighting) ([]uuid.UUID, error) {
	_, err := s.exec(ctx, tx, `UPDATE accounts SET disabled = `+disabled+` WHERE id = $1`, sight.Account)
	if err != nil {
		return nil, fmt.Errorf("set disabled: %w", err)
	}
	return s.revokeSessions(ctx, tx, sight.Account, sight.At)
}

// LinkedIDs implements accounts.Watching.
func (s *Store) LinkedIDs(ctx context.Context, source, after string, limit int) ([]string, error) {
	ids, err := column[string](ctx, s, s.read, `
SELECT l.legacy_id FROM legacy_links l JOIN accounts a ON a.id = l.account_id
 WHERE l.source = $1 AND l.legacy_id > $2 AND a.deleted_at IS NULL ORDER BY l.legacy_id LIMIT $3`, source, after, max(limit, 0))
	return ids, storeError("read linked people", err)
}

// ClaimWork implements accounts.Watching.
func (s *Store) ClaimWork(ctx context.Context, name string, at, until time.Time, every time.Duration) (accounts.Work, error) {
	var claimed *accounts.Work
	err := s.retry(func() error {
		claimed = nil
		return s.each(ctx, s.write, func(scan scan) error {
			var done int64
			w := accounts.Work{Name: name}
			err := scan((*place)(&w.Cursor), &done, &w.Fence)
			if done > 0 {
				w.DoneAt = moment(done)
			}
			claimed = &w
			return err
		}, `
INSERT INTO work (name, cursor, done_at, claimed_to, fence) VALUES ($1, '', 0, $3, 1)
ON CONFLICT (name) DO UPDATE SET claimed_to = excluded.claimed_to, fence = work.fence + 1
 WHERE work.claimed_to <= $2 AND work.done_at <= $4
RETURNING cursor, done_at, fence`, name, micros(at), micros(until), micros(at.Add(-every)))
	})
	if err == nil && claimed == nil {
		err = accounts.ErrNotFound
	}
	if err != nil {
		return accounts.Work{}, storeError("claim work", err)
	}
	return *claimed, nil
}

// KeepWork implements accounts.Watching.
func (s *Store) KeepWork(ctx context.Context, w accounts.Work, until time.Time) error {
	done := int64(0)
	if !w.DoneAt.IsZero() {
		done = micros(w.DoneAt)
	}
	err := s.fenced(ctx, s.write, `UPDATE work SET cursor = $2, done_at = $3, claimed_to = $4 WHERE name = $1 AND fence = $5`,
		w.Name, place(w.Cursor), done, micros(until), w.Fence)
	return storeError("keep work", err)
}
