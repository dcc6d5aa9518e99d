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
	if err := s.empty(ctx, tx, account); err != nil {
		return err
	}
	if _, err := s.revokeSessions(ctx, tx, account, f.At); err != nil {
		return fmt.Errorf("end sessions: %w", err)
	}
	return nil
}

// changedThere counts a change of somebody who is not here that legacy has, and of which nothing is written here: who makes an
// account of what was read before finds that the epoch of their sessions has grown. The sessions go on under it.
func (s *Store) changedThere(ctx context.Context, tx querier, account uuid.UUID) error {
	n, err := s.exec(ctx, tx, `
INSERT INTO session_epochs (account_id, epoch) SELECT $1, 1 WHERE NOT EXISTS (SELECT 1 FROM accounts WHERE id = $1)
ON CONFLICT (account_id) DO UPDATE SET epoch = session_epochs.epoch + 1`, account)
	if err == nil && n > 0 {
		_, err = s.exec(ctx, tx, `UPDATE sessions SET epoch = epoch + 1 WHERE account_id = $1 AND epoch + 1 = `+epochOf("$1"), account)
	}
	if err != nil {
		return fmt.Errorf("count a change in legacy: %w", err)
	}
	return nil
}

// keepLinkOf is keepLink of a delivery. The change of somebody who is not here leaves no link: there is nothing that it could be of.
// Where the account was made during the change, of what others have written to legacy meanwhile, our half is older than that, and the
// account has drifted.
func (s *Store) keepLinkOf(ctx context.Context, tx querier, d accounts.Delivery, l accounts.LegacyLink, was []byte) error {
	if !d.Intent {
		return s.keepLink(ctx, tx, d.AccountID, l, was)
	}
	here, err := s.exists(ctx, tx, `SELECT 1 FROM accounts WHERE id = $1`, d.AccountID)
	if err != nil || !here {
		return err
	}
	if err := s.keepLink(ctx, tx, d.AccountID, l, was); err != nil || was == nil || l.Drifted || d.Kind == accounts.DeliverDelete {
		return err
	}
	_, err = s.exec(ctx, tx, `UPDATE legacy_links SET drifted = TRUE WHERE source = $1 AND legacy_id = $2 AND account_id = $3 AND fingerprint <> $4`,
		l.Source, l.LegacyID, d.AccountID, notNull(l.Fingerprint))
	if err != nil {
		return fmt.Errorf("mark link: %w", err)
	}
	return nil
}
