package sqlstore

import (
	"context"
	"fmt"

	"github.com/google/uuid"

	"rekey/accounts"
)

// SetEmail implements accounts.Writes. The credential comes first, as in every change: its version decides who goes on.
func (s *Store) SetEmail(
	ctx context.Context, account uuid.UUID, from int64, address accounts.Identifier, e accounts.Event, mails []accounts.Mail,
	owed ...accounts.Delivery,
) error {
	err := s.inTx(ctx, func(tx querier) error {
		n, err := s.exec(ctx, tx, `UPDATE credentials SET version = version + 1 WHERE account_id = $1 AND kind = 'password' AND version = $2`, account, from)
		switch {
		case err != nil:
			return err
		case n == 0:
			return s.whyUnchanged(ctx, tx, livingAccount, account)
		}
		if err := s.samePassword(ctx, tx, account, from); err != nil {
			return err
		}
		replaced, err := s.putEmail(ctx, tx, account, address)
		if err != nil {
			return err
		}
		if err := s.oweEmail(ctx, tx, account, from+1, replaced, owed); err != nil {
			return err
		}
		if err := s.insertMails(ctx, tx, mails); err != nil {
			return err
		}
		return s.insertEvent(ctx, tx, e)
	})
	if err != nil && s.engine.unique(err) {
		return accounts.ErrTaken
	}
	return storeError("set address", err)
}

// oweEmail writes what the legacy stores are owed for an address, which came with a version of the credential. Whose address was
// replaced, and who is owed nothing, is pinned.
func (s *Store) oweEmail(ctx context.Context, tx querier, account uuid.UUID, version int64, replaced bool, owed []accounts.Delivery) error {
	set := `changed_here = TRUE`
	switch {
	case len(owed) > 0:
		// All the rest is known, or on its way, or never will be and the account stays here for that.
		known, err := s.exists(ctx, tx, `
SELECT 1 FROM accounts WHERE id = $1
   AND (untold OR NOT changed_here OR EXISTS (SELECT 1 FROM copy_back WHERE account_id = $1 AND version = $2))`, account, version)
		if err != nil {
			return fmt.Errorf("see what legacy knows: %w", err)
		}
		if !known { // the arrival of an address says nothing of a password that legacy was not told
			set = `changed_here = TRUE, untold = TRUE`
		}
	case replaced:
		set = `pinned = TRUE`
	default:
		return nil
	}
	if _, err := s.exec(ctx, tx, `UPDATE accounts SET `+set+` WHERE id = $1`, account); err != nil {
		return fmt.Errorf("note that legacy does not know: %w", err)
	}
	return s.insertDeliveries(ctx, tx, owed)
}

// finishEmail makes an address that legacy has the account's. Tokens that are bound to the account as it was end.
func (s *Store) finishEmail(ctx context.Context, tx querier, account uuid.UUID, address accounts.Identifier) error {
	n, err := s.exec(ctx, tx, `UPDATE credentials SET version = version + 1 WHERE account_id = $1 AND kind = 'password'`, account)
	if err != nil {
		return fmt.Errorf("count the change: %w", err)
	}
	if n == 0 {
		return nil // they are not here
	}
	_, err = s.putEmail(ctx, tx, account, address)
	return err
}

// putEmail marks an account's own address, or puts another in the place of its first one, or behind its other identifiers.
func (s *Store) putEmail(ctx context.Context, tx querier, account uuid.UUID, address accounts.Identifier) (replaced bool, err error) {
	n, err := s.exec(ctx, tx, `UPDATE identifiers SET verified = $3 WHERE account_id = $1 AND canonical = $2`, account, address.Canonical, address.Verified)
	if err != nil {
		return false, fmt.Errorf("verify address: %w", err)
	}
	if n > 0 {
		return false, nil
	}
	n, err = s.exec(ctx, tx, `
UPDATE identifiers SET canonical = $2, spelling = $3, contested = FALSE, verified = $4
 WHERE account_id = $1 AND position = (SELECT min(position) FROM identifiers WHERE account_id = $1 AND kind = 'email')`,
		account, address.Canonical, address.Spelling, address.Verified)
	if err == nil && n == 0 {
		_, err = s.exec(ctx, tx, `
INSERT INTO identifiers (canonical, account_id, position, kind, spelling, contested, verified)
VALUES ($2, $1, (SELECT coalesce(max(position), -1) + 1 FROM identifiers WHERE account_id = $1), 'email', $3, FALSE, $4)`,
			account, address.Canonical, address.Spelling, address.Verified)
	}
	if err != nil {
		return false, fmt.Errorf("replace address: %w", err)
	}
	return true, nil
}
