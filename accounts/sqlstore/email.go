package sqlstore

import (
	"context"
	"fmt"

	"github.com/google/uuid"

	"rekey/accounts"
)

// SetEmail implements accounts.Writes. The credential comes first, as in every change: its version decides who goes on.
func (s *Store) SetEmail(
	ctx context.Context, account uuid.UUID, from int64, address accounts.Identifier, e accounts.Event, mails ...accounts.Mail,
) error {
	err := s.inTx(ctx, func(tx querier) error {
		n, err := s.exec(ctx, tx, `UPDATE credentials SET version = version + 1 WHERE account_id = $1 AND kind = 'password' AND version = $2`, account, from)
		switch {
		case err != nil:
			return err
		case n == 0:
			return s.whyUnchanged(ctx, tx, livingAccount, account)
		}
		// The password is the same: what is on its way with it still is what is here.
		_, err = s.exec(ctx, tx, `UPDATE copy_back SET version = version + 1 WHERE account_id = $1 AND version = $2 AND $2 > 0`, account, from)
		if err != nil {
			return fmt.Errorf("renumber deliveries: %w", err)
		}
		own, err := s.exec(ctx, tx, `UPDATE identifiers SET verified = $3 WHERE account_id = $1 AND canonical = $2`, account, address.Canonical, address.Verified)
		if err != nil {
			return fmt.Errorf("verify address: %w", err)
		}
		if own == 0 {
			if err := s.replaceEmail(ctx, tx, account, address); err != nil {
				return err
			}
		}
		for _, m := range mails {
			if err := s.insertMail(ctx, tx, m); err != nil {
				return fmt.Errorf("insert mail: %w", err)
			}
		}
		return s.insertEvent(ctx, tx, e)
	})
	if err != nil && s.engine.unique(err) {
		return accounts.ErrTaken
	}
	return storeError("set address", err)
}

// replaceEmail puts an address in the place of the account's first one, or behind its other identifiers.
func (s *Store) replaceEmail(ctx context.Context, tx querier, account uuid.UUID, address accounts.Identifier) error {
	n, err := s.exec(ctx, tx, `
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
		return fmt.Errorf("replace address: %w", err)
	}
	if _, err := s.exec(ctx, tx, `UPDATE accounts SET pinned = TRUE WHERE id = $1`, account); err != nil {
		return fmt.Errorf("pin account: %w", err)
	}
	return nil
}
