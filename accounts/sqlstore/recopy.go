package sqlstore

import (
	"context"
	"fmt"

	"github.com/google/uuid"

	"rekey/accounts"
)

// Recopy implements accounts.Writes.
func (s *Store) Recopy(ctx context.Context, r accounts.Record, from int64, e accounts.Event) error {
	if err := checkRecord(r); err != nil {
		return fmt.Errorf("copy account again: %w", err)
	}
	err := s.inTx(ctx, func(tx querier) error {
		if err := s.recopy(ctx, tx, r, from); err != nil {
			return err
		}
		return s.insertEvent(ctx, tx, e)
	})
	if err != nil && s.engine.unique(err) {
		return accounts.ErrTaken
	}
	return storeError("copy account again", err)
}

func (s *Store) recopy(ctx context.Context, tx querier, r accounts.Record, from int64) error {
	if err := s.replaceCredential(ctx, tx, r.ID, from, r.Credential); err != nil {
		return err
	}
	if _, err := s.exec(ctx, tx, `DELETE FROM identifiers WHERE account_id = $1`, r.ID); err != nil {
		return fmt.Errorf("remove identifiers: %w", err)
	}
	if err := s.insertIdentifiers(ctx, tx, r); err != nil {
		return fmt.Errorf("insert identifier: %w", err)
	}
	if err := s.owePassword(ctx, tx, r.ID, r.NeedsChange); err != nil {
		return err
	}
	if err := s.recopyFactors(ctx, tx, r); err != nil {
		return err
	}
	n, err := s.exec(ctx, tx, `
UPDATE legacy_links SET fingerprint = $4, copied_epoch = $5, dirty = FALSE, drifted = FALSE
 WHERE source = $1 AND legacy_id = $2 AND account_id = $3`,
		r.Link.Source, r.Link.LegacyID, r.ID, notNull(r.Link.Fingerprint), r.Link.CopiedEpoch)
	if err != nil {
		return fmt.Errorf("note the copy: %w", err)
	}
	if n == 0 {
		return accounts.ErrNotFound
	}
	return nil
}

// TakeOver implements accounts.Writes.
func (s *Store) TakeOver(ctx context.Context, r accounts.Record, from int64, e accounts.Event) error {
	if from == 0 {
		return s.create(ctx, r, func(tx querier) error {
			if err := s.insertRecord(ctx, tx, r, e); err != nil {
				return err
			}
			return s.endSessions(ctx, tx, r.ID, uuid.Nil)
		})
	}
	if err := checkRecord(r); err != nil {
		return fmt.Errorf("take account over: %w", err)
	}
	err := s.inTx(ctx, func(tx querier) error {
		if err := s.recopy(ctx, tx, r, from); err != nil {
			return err
		}
		return s.changedHere(ctx, tx, r.ID, uuid.Nil, r.Owed, e)
	})
	if err != nil && s.engine.unique(err) {
		return accounts.ErrTaken
	}
	return storeError("take account over", err)
}
