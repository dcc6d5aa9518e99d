package sqlstore

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"

	"rekey/accounts"
	"rekey/accounts/failpoint"
)

// SetPassword implements accounts.Directory.
func (s *Store) SetPassword(
	ctx context.Context, account uuid.UUID, from int64, next accounts.Credential, keep uuid.UUID, e accounts.Event,
	owed ...accounts.Delivery,
) error {
	err := s.inTx(ctx, func(tx querier) error {
		failpoint.Hit(failpoint.ChangeBegun)
		if err := s.replaceCredential(ctx, tx, account, from, next); err != nil {
			return err
		}
		failpoint.Hit(failpoint.ChangeCredential)
		return s.changedHere(ctx, tx, account, keep, owed, e)
	})
	if err != nil {
		return storeError("set password", err)
	}
	failpoint.Hit(failpoint.ChangeCommitted)
	return nil
}

// changedHere writes what goes with a new password.
func (s *Store) changedHere(ctx context.Context, tx querier, account, keep uuid.UUID, owed []accounts.Delivery, e accounts.Event) error {
	if _, err := s.exec(ctx, tx, `UPDATE accounts SET changed_here = TRUE WHERE id = $1`, account); err != nil {
		return fmt.Errorf("note that legacy does not know: %w", err)
	}
	if err := s.owePassword(ctx, tx, account, false); err != nil {
		return err
	}
	if err := s.endSessions(ctx, tx, account, keep); err != nil {
		return err
	}
	failpoint.Hit(failpoint.ChangeSessions)
	if err := s.insertDeliveries(ctx, tx, owed); err != nil {
		return err
	}
	if err := s.insertEvent(ctx, tx, e); err != nil {
		return err
	}
	failpoint.Hit(failpoint.ChangeEvent)
	return nil
}

// endSessions ends all sessions of an account but one; those too that somebody has who is not here.
func (s *Store) endSessions(ctx context.Context, tx querier, account, keep uuid.UUID) error {
	n, err := s.exec(ctx, tx, `UPDATE accounts SET session_epoch = session_epoch + 1 WHERE id = $1`, account)
	if err == nil && n == 0 {
		_, err = s.exec(ctx, tx, `
INSERT INTO session_epochs (account_id, epoch) VALUES ($1, 1) ON CONFLICT (account_id) DO UPDATE SET epoch = session_epochs.epoch + 1`, account)
	}
	if err == nil && keep != uuid.Nil {
		_, err = s.exec(ctx, tx, `UPDATE sessions SET epoch = epoch + 1 WHERE id = $1 AND account_id = $2 AND epoch + 1 = `+epochOf("$2"), keep, account)
	}
	if err != nil {
		return fmt.Errorf("end sessions: %w", err)
	}
	return nil
}

// Delete implements accounts.Directory.
func (s *Store) Delete(ctx context.Context, account uuid.UUID, from int64, at time.Time, e accounts.Event, owed ...accounts.Delivery) error {
	err := s.inTx(ctx, func(tx querier) error {
		if err := s.deleteRecord(ctx, tx, account, from, at, e); err != nil {
			return err
		}
		return s.insertDeliveries(ctx, tx, owed)
	})
	if err != nil {
		return storeError("delete account", err)
	}
	failpoint.Hit(failpoint.DeleteCommitted)
	return nil
}

// deleteRecord makes a tombstone of an account.
func (s *Store) deleteRecord(ctx context.Context, tx querier, account uuid.UUID, from int64, at time.Time, e accounts.Event) error {
	failpoint.Hit(failpoint.DeleteBegun)
	n, err := s.exec(ctx, tx, `DELETE FROM credentials WHERE account_id = $1 AND kind = 'password' AND version = $2`, account, from)
	if err != nil {
		return err
	}
	if n == 0 {
		return s.whyUnchanged(ctx, tx, livingAccount, account)
	}
	failpoint.Hit(failpoint.DeleteCredential)

	// Disabled as well: whoever looks at nothing else does not let them in.
	if _, err := s.exec(ctx, tx, `UPDATE accounts SET disabled = TRUE, disabled_here = TRUE, deleted_at = $2 WHERE id = $1`, account, micros(at)); err != nil {
		return err
	}
	failpoint.Hit(failpoint.DeleteAccount)
	if err := s.empty(ctx, tx, account); err != nil {
		return err
	}
	failpoint.Hit(failpoint.DeleteEmptied)

	if err := s.endSessions(ctx, tx, account, uuid.Nil); err != nil {
		return err
	}
	failpoint.Hit(failpoint.DeleteSessions)
	if err := s.insertEvent(ctx, tx, e); err != nil {
		return err
	}
	failpoint.Hit(failpoint.DeleteEvent)
	if failpoint.Without(failpoint.Tombstone) {
		_, err = s.exec(ctx, tx, `DELETE FROM legacy_links WHERE account_id = $1`, account)
		if err == nil {
			_, err = s.exec(ctx, tx, `DELETE FROM accounts WHERE id = $1`, account)
		}
		return err
	}
	return nil
}

// emptied are the tables of which a deletion leaves nothing. The credentials come before them: the password's version
// decides who goes on.
var emptied = [...]string{
	"credentials", "identifiers", "profiles", "factors", "external_identities", "enrolments", "spent_codes", "code_guesses", "resets", "mails",
}

// empty removes what a deletion leaves nothing of.
func (s *Store) empty(ctx context.Context, tx querier, account uuid.UUID) error {
	for _, table := range emptied {
		if _, err := s.exec(ctx, tx, `DELETE FROM `+table+` WHERE account_id = $1`, account); err != nil {
			return fmt.Errorf("empty %s: %w", table, err)
		}
	}
	return nil
}

// livingAccount finds an account that is not deleted.
const livingAccount = `SELECT 1 FROM accounts WHERE id = $1 AND deleted_at IS NULL`

// owePassword notes whether a new password is owed.
func (s *Store) owePassword(ctx context.Context, tx querier, account uuid.UUID, owed bool) error {
	_, err := s.exec(ctx, tx, `UPDATE credentials SET needs_change = $2 WHERE account_id = $1 AND kind = 'password'`, account, owed)
	if err != nil {
		return fmt.Errorf("note whether a new password is owed: %w", err)
	}
	return nil
}

// keepHere notes a change that no legacy store will ever be told of: the account stays at home here in every phase.
func (s *Store) keepHere(ctx context.Context, tx querier, account uuid.UUID) error {
	n, err := s.exec(ctx, tx, `UPDATE accounts SET changed_here = TRUE, untold = TRUE WHERE id = $1 AND deleted_at IS NULL`, account)
	switch {
	case err != nil:
		return fmt.Errorf("note that legacy does not know: %w", err)
	case n == 0:
		return accounts.ErrNotFound
	}
	return nil
}
