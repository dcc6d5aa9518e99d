package sqlstore

import (
	"context"
	"fmt"
	"time"

	"rekey/accounts"
	"rekey/accounts/failpoint"
)

const deliveryColumns = `id, account_id, source, kind, intent, version, sealed, created_at, next_at, attempts, fence, refused`

// insertDeliveries writes what a change owes the legacy stores, in the change's own transaction. The change has locked the
// account's credential, or made it, so that nobody else counts at the same time, and the credential is the one that they carry.
func (s *Store) insertDeliveries(ctx context.Context, tx querier, owed []accounts.Delivery) error {
	for _, d := range owed {
		_, err := s.exec(ctx, tx, `
INSERT INTO copy_back (id, account_id, seq, source, kind, intent, version, sealed, created_at, next_at)
VALUES ($1, $2, (SELECT coalesce(max(seq), 0) + 1 FROM copy_back WHERE account_id = $2), $3, $4, FALSE,
        coalesce((SELECT version FROM credentials WHERE account_id = $2 AND kind = 'password'), 0), $5, $6, $6)`,
			d.ID, d.AccountID, d.Source, string(d.Kind), notNull(d.Sealed), micros(d.CreatedAt))
		if err != nil {
			return fmt.Errorf("insert delivery: %w", err)
		}
	}
	return nil
}

// ClaimDelivery implements accounts.Outbox. Only the oldest delivery of an account is ever claimed, so that one person's
// changes arrive in their order. Two who want the same one are told apart by the outer condition, which the database
// looks at again once the row is free.
func (s *Store) ClaimDelivery(ctx context.Context, at, until time.Time) (accounts.Delivery, error) {
	var claimed *accounts.Delivery
	err := s.retry(func() error {
		claimed = nil
		return s.each(ctx, s.write, func(scan scan) error {
			d, err := scanDelivery(scan)
			claimed = &d
			return err
		}, `
UPDATE copy_back SET claimed_to = $2, fence = fence + 1, attempts = attempts + 1
 WHERE claimed_to <= $1 AND id = (
       SELECT due.id FROM copy_back due
        WHERE due.next_at <= $1 AND due.claimed_to <= $1
          AND NOT EXISTS (SELECT 1 FROM copy_back first WHERE first.account_id = due.account_id AND first.seq < due.seq)
        ORDER BY due.next_at LIMIT 1)
RETURNING `+deliveryColumns, micros(at), micros(until))
	})
	if err == nil && claimed == nil {
		err = accounts.ErrNotFound
	}
	if err != nil {
		return accounts.Delivery{}, storeError("claim delivery", err)
	}
	claimed.ClaimedTo = until
	return *claimed, nil
}

func scanDelivery(scan scan) (accounts.Delivery, error) {
	var (
		d             accounts.Delivery
		created, next int64
	)
	err := scan(&d.ID, &d.AccountID, &d.Source, &d.Kind, &d.Intent, &d.Version, &d.Sealed, &created, &next, &d.Attempts, &d.Fence, &d.Refused)
	d.CreatedAt, d.NextAt = moment(created), moment(next)
	return d, err
}

// FinishDelivery implements accounts.Outbox.
func (s *Store) FinishDelivery(ctx context.Context, d accounts.Delivery, f accounts.Finish) error {
	err := s.inTx(ctx, func(tx querier) error {
		failpoint.Hit(failpoint.FinishBegun)
		if err := s.removeDelivery(ctx, tx, d); err != nil {
			return err
		}
		failpoint.Hit(failpoint.FinishRemoved)
		if err := s.insertMails(ctx, tx, f.Mails); err != nil {
			return err
		}
		if f.Create != nil {
			if err := s.insertRecord(ctx, tx, *f.Create, f.Event); err != nil {
				return err
			}
			return s.finishHere(ctx, tx, d, f)
		}
		if err := s.finishHere(ctx, tx, d, f); err != nil {
			return err
		}
		failpoint.Hit(failpoint.FinishHere)
		if f.Link != nil {
			if err := s.keepLinkOf(ctx, tx, d, *f.Link, f.Was); err != nil {
				return err
			}
		}
		failpoint.Hit(failpoint.FinishLink)
		if err := s.noteDelivered(ctx, tx, d); err != nil {
			return err
		}
		if err := s.insertEvent(ctx, tx, f.Event); err != nil {
			return err
		}
		failpoint.Hit(failpoint.FinishEvent)
		return nil
	})
	if err == nil {
		failpoint.Hit(failpoint.FinishCommitted)
	}
	if err != nil && (f.Create != nil || f.Address != nil) && s.engine.unique(err) {
		return accounts.ErrTaken
	}
	return storeError("finish delivery", err)
}

// noteDelivered notes that legacy knows of what was changed here, once nothing else waits. A later change that no delivery was
// made for, because the source was to be told no more, is one that it does not know.
func (s *Store) noteDelivered(ctx context.Context, tx querier, d accounts.Delivery) error {
	_, err := s.exec(ctx, tx, `
UPDATE accounts SET changed_here = FALSE
 WHERE id = $1 AND NOT untold AND NOT EXISTS (SELECT 1 FROM copy_back WHERE account_id = $1)
   AND NOT EXISTS (SELECT 1 FROM credentials WHERE account_id = $1 AND kind = 'password' AND version <> $2 AND $2 > 0)`, d.AccountID, d.Version)
	if err != nil {
		return fmt.Errorf("note that legacy knows: %w", err)
	}
	return nil
}

// removeDelivery removes a delivery under its claim. Its account is in doubt no more.
func (s *Store) removeDelivery(ctx context.Context, tx querier, d accounts.Delivery) error {
	if d.Intent {
		if err := s.engine.keepChange(ctx, s, tx, d.AccountID); err != nil {
			return fmt.Errorf("wait for a move: %w", err)
		}
	}
	err := s.fenced(ctx, tx, `DELETE FROM copy_back WHERE id = $1 AND fence = $2`, d.ID, d.Fence)
	if err != nil || !d.Intent {
		return err
	}
	_, err = s.exec(ctx, tx, `UPDATE accounts SET in_doubt = FALSE WHERE id = $1`, d.AccountID)
	return err
}

// DropDelivery implements accounts.Outbox.
func (s *Store) DropDelivery(ctx context.Context, d accounts.Delivery, drifted bool) error {
	err := s.inTx(ctx, func(tx querier) error {
		if err := s.removeDelivery(ctx, tx, d); err != nil || !drifted {
			return err
		}
		_, err := s.exec(ctx, tx, `UPDATE legacy_links SET drifted = TRUE WHERE account_id = $1 AND source = $2`, d.AccountID, d.Source)
		return err
	})
	return storeError("drop delivery", err)
}

// PostponeDelivery implements accounts.Outbox.
func (s *Store) PostponeDelivery(ctx context.Context, d accounts.Delivery, next time.Time, refused string) error {
	err := s.fenced(ctx, s.write, `UPDATE copy_back SET next_at = $3, claimed_to = 0, refused = $4 WHERE id = $1 AND fence = $2`,
		d.ID, d.Fence, micros(next), plain(refused))
	return storeError("postpone delivery", err)
}
