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
		if err := s.replaceProfile(ctx, tx, r); err != nil {
			return err
		}
		return s.insertEvent(ctx, tx, e)
	})
	if err != nil && s.engine.unique(err) {
		return accounts.ErrTaken
	}
	return storeError("copy account again", err)
}

// noteCopy writes that a link is of a new copy, and whether legacy has disabled the person, if it still is as it was.
func (s *Store) noteCopy(ctx context.Context, tx querier, r accounts.Record) error {
	bar := accounts.NotBarred
	if r.DisabledThere {
		bar = accounts.BarredDisabled
	}
	whatever, was := r.Was == nil, accounts.LegacyLink{}
	if r.Was != nil {
		was = *r.Was
	}
	n, err := s.exec(ctx, tx, `
UPDATE legacy_links SET fingerprint = $4, copied_epoch = $5, dirty = FALSE, drifted = FALSE, barred = $6
 WHERE source = $1 AND legacy_id = $2 AND account_id = $3 AND ($7 OR fingerprint = $8 AND dirty = $9 AND drifted = $10 AND barred = $11)`,
		r.Link.Source, r.Link.LegacyID, r.ID, notNull(r.Link.Fingerprint), max(r.Link.CopiedEpoch, 1), string(bar),
		whatever, notNull(was.Fingerprint), was.Dirty, was.Drifted, string(was.Barred))
	if err == nil && n == 0 {
		err = s.whyUnchanged(ctx, tx, `SELECT 1 FROM legacy_links WHERE source = $1 AND legacy_id = $2 AND account_id = $3`,
			r.Link.Source, r.Link.LegacyID, r.ID)
	}
	return err
}

// disableAsThere makes an account disabled as its links say, unless somebody else says so too. Its sessions end with that.
func (s *Store) disableAsThere(ctx context.Context, tx querier, r accounts.Record) error {
	n, err := s.exec(ctx, tx, `UPDATE accounts SET disabled = `+disabled+` WHERE id = $1 AND disabled <> (`+disabled+`)`, r.ID)
	if err != nil || n == 0 || !r.DisabledThere {
		return err
	}
	return s.endSessions(ctx, tx, r.ID, uuid.Nil)
}

// SetLink implements accounts.Writes.
func (s *Store) SetLink(ctx context.Context, was, is accounts.LegacyLink, e accounts.Event) error {
	err := s.inTx(ctx, func(tx querier) error {
		n, err := s.exec(ctx, tx, `
UPDATE legacy_links SET fingerprint = $3, copied_epoch = $4, dirty = $5, drifted = $6
 WHERE source = $1 AND legacy_id = $2 AND fingerprint = $7 AND copied_epoch = $8 AND dirty = $9 AND drifted = $10
   AND EXISTS (SELECT 1 FROM accounts a WHERE a.id = account_id AND a.deleted_at IS NULL)`,
			was.Source, was.LegacyID, notNull(is.Fingerprint), is.CopiedEpoch, is.Dirty, is.Drifted,
			notNull(was.Fingerprint), was.CopiedEpoch, was.Dirty, was.Drifted)
		switch {
		case err != nil:
			return err
		case n == 0:
			return s.whyUnchanged(ctx, tx, `
SELECT 1 FROM legacy_links l JOIN accounts a ON a.id = l.account_id
 WHERE l.source = $1 AND l.legacy_id = $2 AND a.deleted_at IS NULL`, was.Source, was.LegacyID)
		}
		return s.insertEvent(ctx, tx, e)
	})
	return storeError("set link", err)
}

func (s *Store) recopy(ctx context.Context, tx querier, r accounts.Record, from int64) error {
	if err := s.replaceCredential(ctx, tx, r.ID, from, r.Credential); err != nil {
		return err
	}
	if _, err := s.exec(ctx, tx, `DELETE FROM identifiers WHERE account_id = $1`, r.ID); err != nil {
		return fmt.Errorf("remove identifiers: %w", err)
	}
	if err := s.insertIdentifiers(ctx, tx, r); err != nil {
		return err
	}
	if err := s.owePassword(ctx, tx, r.ID, r.NeedsChange); err != nil {
		return err
	}
	if err := s.recopyFactors(ctx, tx, r); err != nil {
		return err
	}
	if err := s.noteCopy(ctx, tx, r); err != nil {
		return fmt.Errorf("note the copy: %w", err)
	}
	if err := s.disableAsThere(ctx, tx, r); err != nil {
		return fmt.Errorf("disable as legacy does: %w", err)
	}
	return s.resolveNotes(ctx, tx, accounts.LegacyKey{Source: r.Link.Source, LegacyID: r.Link.LegacyID}, "", r.Link.At)
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
