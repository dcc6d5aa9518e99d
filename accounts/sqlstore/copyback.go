package sqlstore

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/google/uuid"

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
	n, err := s.exec(ctx, tx, `DELETE FROM copy_back WHERE id = $1 AND fence = $2`, d.ID, d.Fence)
	switch {
	case err != nil:
		return err
	case n == 0:
		return accounts.ErrStale
	case !d.Intent:
		return nil
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

// BeginIntent implements accounts.Writes. Two who begin at once want the same number, and one of them gets it.
func (s *Store) BeginIntent(ctx context.Context, d accounts.Delivery, until time.Time) (accounts.Delivery, error) {
	d.Intent, d.Fence, d.Attempts, d.NextAt, d.ClaimedTo = true, 1, 1, d.CreatedAt, until
	err := s.inTx(ctx, func(tx querier) error {
		text := `
INSERT INTO copy_back (id, account_id, seq, source, kind, intent, sealed, created_at, next_at, attempts, fence, claimed_to)
SELECT $1, $2, 1, $3, $4, TRUE, $5, $6, $6, 1, 1, $7 WHERE NOT EXISTS (SELECT 1 FROM copy_back WHERE account_id = $2)`
		if failpoint.Without(failpoint.AccountLock) {
			text = strings.NewReplacer("$2, 1,", "$2, (SELECT coalesce(max(seq), 0) + 1 FROM copy_back WHERE account_id = $2),", "NOT EXISTS", "TRUE OR NOT EXISTS").Replace(text)
		}
		n, err := s.exec(ctx, tx, text,
			d.ID, d.AccountID, d.Source, string(d.Kind), notNull(d.Sealed), micros(d.CreatedAt), micros(until))
		switch {
		case err != nil && s.engine.unique(err), err == nil && n == 0:
			return accounts.ErrStale
		case err != nil:
			return err
		}
		_, err = s.exec(ctx, tx, `UPDATE accounts SET in_doubt = TRUE WHERE id = $1`, d.AccountID)
		return err
	})
	return d, storeError("begin intent", err)
}

// finishHere writes our half of an intent.
func (s *Store) finishHere(ctx context.Context, tx querier, d accounts.Delivery, f accounts.Finish) error {
	switch {
	case f.Delete:
		return s.bury(ctx, tx, d.AccountID, f)
	case f.Credential != nil && f.Create == nil:
		c := *f.Credential
		_, err := s.exec(ctx, tx, `
UPDATE credentials SET version = version + 1, scheme = $2, encoded = $3, fold = $4, legacy = $5
 WHERE account_id = $1 AND kind = 'password'`, d.AccountID, string(c.Scheme), c.Encoded, c.Fold, c.Legacy)
		if err != nil {
			return fmt.Errorf("replace credential: %w", err)
		}
		if err := s.owePassword(ctx, tx, d.AccountID, false); err != nil {
			return err
		}
	}
	if d.Kind == accounts.DeliverEmail && d.Intent && f.Create == nil {
		if err := s.changedThere(ctx, tx, d.AccountID); err != nil {
			return err
		}
	}
	if f.Address != nil && f.Create == nil {
		return s.finishEmail(ctx, tx, d.AccountID, *f.Address)
	}
	if d.Kind != accounts.DeliverPassword || !d.Intent {
		return nil
	}
	return s.endSessions(ctx, tx, d.AccountID, f.Keep)
}

// bury makes a tombstone of an account, or makes one for somebody who was never here.
func (s *Store) bury(ctx context.Context, tx querier, account uuid.UUID, f accounts.Finish) error {
	_, err := s.exec(ctx, tx, `
INSERT INTO accounts (id, disabled, disabled_here, created_at, deleted_at, session_epoch) VALUES ($1, TRUE, TRUE, $2, $2, `+epochOf("$1")+`)
ON CONFLICT (id) DO UPDATE SET disabled = TRUE, disabled_here = TRUE, deleted_at = excluded.deleted_at`, account, micros(f.At))
	if err != nil {
		return fmt.Errorf("bury account: %w", err)
	}
	for _, table := range emptied {
		if _, err := s.exec(ctx, tx, `DELETE FROM `+table+` WHERE account_id = $1`, account); err != nil {
			return fmt.Errorf("empty %s: %w", table, err)
		}
	}
	if _, err := s.revokeSessions(ctx, tx, account, f.At); err != nil {
		return fmt.Errorf("end sessions: %w", err)
	}
	return nil
}

// keepLink adds a link to an account, or writes down what the legacy record looks like now, if it is the link that was; nil is
// any. One that has drifted is marked, and stays as it was.
func (s *Store) keepLink(ctx context.Context, tx querier, account uuid.UUID, l accounts.LegacyLink, was []byte) error {
	if l.Drifted {
		_, err := s.exec(ctx, tx, `UPDATE legacy_links SET drifted = TRUE WHERE source = $1 AND legacy_id = $2 AND account_id = $3`, l.Source, l.LegacyID, account)
		if err != nil {
			return fmt.Errorf("mark link: %w", err)
		}
		return nil
	}
	_, err := s.exec(ctx, tx, `
INSERT INTO legacy_links (source, legacy_id, account_id, fingerprint, legacy_created_at, how, at, copied_epoch)
VALUES ($1, $2, $3, $4, $5, $6, $7, (SELECT coalesce(max(epoch), 1) FROM phase))
ON CONFLICT (source, legacy_id) DO UPDATE SET fingerprint = excluded.fingerprint, copied_epoch = excluded.copied_epoch, drifted = FALSE
 WHERE legacy_links.account_id = excluded.account_id AND ($9 OR legacy_links.fingerprint = $8)`,
		l.Source, l.LegacyID, account, notNull(l.Fingerprint), microsOrNull(l.LegacyCreatedAt), string(l.How), micros(l.At), notNull(was), was == nil)
	if err != nil {
		return fmt.Errorf("keep link: %w", err)
	}
	return nil
}

// KeepLink implements accounts.Outbox.
func (s *Store) KeepLink(ctx context.Context, account uuid.UUID, link accounts.LegacyLink) error {
	return storeError("keep link", s.inTx(ctx, func(tx querier) error { return s.keepLink(ctx, tx, account, link, nil) }))
}

// PostponeDelivery implements accounts.Outbox.
func (s *Store) PostponeDelivery(ctx context.Context, d accounts.Delivery, next time.Time, refused string) error {
	n, err := s.exec(ctx, s.write, `UPDATE copy_back SET next_at = $3, claimed_to = 0, refused = $4 WHERE id = $1 AND fence = $2`,
		d.ID, d.Fence, micros(next), plain(refused))
	if err == nil && n == 0 {
		err = accounts.ErrStale
	}
	return storeError("postpone delivery", err)
}

// Inserts implements accounts.Outbox.
func (s *Store) Inserts(ctx context.Context, source string) ([]accounts.Delivery, error) {
	return s.deliveries(ctx, `
 WHERE kind = 'insert' AND source = $1 AND (intent OR account_id IN (SELECT id FROM accounts WHERE deleted_at IS NOT NULL))`, source)
}

// deliveries returns the deliveries that the end of a SELECT chooses.
func (s *Store) deliveries(ctx context.Context, which string, args ...any) ([]accounts.Delivery, error) {
	var all []accounts.Delivery
	err := s.each(ctx, s.read, func(scan scan) error {
		d, err := scanDelivery(scan)
		all = append(all, d)
		return err
	}, `SELECT `+deliveryColumns+` FROM copy_back `+which, args...)
	return all, storeError("read deliveries", err)
}

// Backlog implements accounts.Outbox.
func (s *Store) Backlog(ctx context.Context) (accounts.Backlog, error) {
	var b accounts.Backlog
	var oldest *int64
	err := s.each(ctx, s.read, func(scan scan) error { return scan(&b.Waiting, &b.Refused, &oldest) },
		`SELECT count(*), count(*) FILTER (WHERE refused <> ''), min(created_at) FROM copy_back`)
	if oldest != nil {
		b.Oldest = moment(*oldest)
	}
	return b, storeError("read backlog", err)
}
