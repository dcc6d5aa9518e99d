package sqlstore

import (
	"context"
	"fmt"

	"github.com/google/uuid"

	"rekey/accounts"
)

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
