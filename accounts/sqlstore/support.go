package sqlstore

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"strconv"
	"time"

	"github.com/google/uuid"

	"rekey/accounts"
)

// NotesOf implements accounts.Support.
func (s *Store) NotesOf(ctx context.Context, account uuid.UUID) ([]accounts.Note, error) {
	notes, err := s.notes(ctx, `
SELECT q.source, q.legacy_id, q.class, q.reason, q.at
  FROM legacy_links l JOIN quarantine q ON q.source = l.source AND q.legacy_id = l.legacy_id
 WHERE l.account_id = $1 AND q.state <> 'resolved' ORDER BY q.at DESC, q.source, q.legacy_id, q.class`, account)
	return notes, storeError("read notes of account", err)
}

// RecentEvents implements accounts.Support. There is a text for each question, so that each is answered from one index.
func (s *Store) RecentEvents(ctx context.Context, q accounts.EventQuery) ([]accounts.Event, error) {
	before := q.Before
	if before == uuid.Nil {
		before = uuid.Max
	}
	var (
		events []accounts.Event
		err    error
	)
	if q.Account == uuid.Nil {
		events, err = s.events(ctx, `WHERE id < $1 ORDER BY id DESC LIMIT $2`, before, max(q.Limit, 0))
	} else {
		events, err = s.events(ctx, `WHERE account_id = $3 AND id < $1 ORDER BY id DESC LIMIT $2`, before, max(q.Limit, 0), q.Account)
	}
	return events, storeError("read recent events", err)
}

// SetDisabled implements accounts.Support.
func (s *Store) SetDisabled(
	ctx context.Context, account uuid.UUID, disabled bool, at time.Time, e accounts.Event,
) (changed bool, ended []uuid.UUID, err error) {
	err = s.inTx(ctx, func(tx querier) error {
		if err := s.setDisabled(ctx, tx, account, disabled); err != nil {
			return err
		}
		ended, err = s.revokeSessions(ctx, tx, account, at)
		if err != nil {
			return err
		}
		// A link that was mailed before must not come to life again with the account.
		if _, err := s.exec(ctx, tx, `DELETE FROM resets WHERE account_id = $1`, account); err != nil {
			return fmt.Errorf("remove tickets: %w", err)
		}
		return s.insertEvent(ctx, tx, counting(e, ended))
	})
	switch {
	case errors.Is(err, accounts.ErrStale): // it is so already
		return false, nil, nil
	case err != nil:
		return false, nil, storeError("set disabled", err)
	}
	return true, ended, nil
}

// setDisabled says what staff say. Whoever enables is the last to be asked.
func (s *Store) setDisabled(ctx context.Context, tx querier, account uuid.UUID, disabled bool) error {
	text := `UPDATE accounts SET disabled_here = TRUE, disabled = TRUE WHERE id = $1 AND NOT disabled_here AND deleted_at IS NULL`
	if !disabled {
		text = `UPDATE accounts SET disabled_here = FALSE, disabled = FALSE WHERE id = $1 AND disabled AND deleted_at IS NULL`
	}
	n, err := s.exec(ctx, tx, text, account)
	if err == nil && n == 0 {
		err = s.whyUnchanged(ctx, tx, livingAccount, account)
	}
	if err == nil && !disabled {
		_, err = s.exec(ctx, tx, `UPDATE legacy_links SET barred = '' WHERE account_id = $1 AND barred <> ''`, account)
	}
	return err
}

// RevokeSessions implements accounts.Support.
func (s *Store) RevokeSessions(ctx context.Context, account uuid.UUID, at time.Time, e accounts.Event) (ended []uuid.UUID, err error) {
	err = s.inTx(ctx, func(tx querier) error {
		ended, err = s.revokeSessions(ctx, tx, account, at)
		switch {
		case err != nil:
			return err
		case len(ended) == 0:
			return errUndone
		}
		return s.insertEvent(ctx, tx, counting(e, ended))
	})
	switch {
	case errors.Is(err, errUndone):
		return nil, nil
	case err != nil:
		return nil, storeError("revoke sessions", err)
	}
	return ended, nil
}

// revokeSessions ends all sessions of an account, also those that are just being opened, and revokes the ones that are
// there, which it returns. Two that do so at once wait for one another at the account's row, or, where there is none, take the
// sessions in the order of one index; where they still block one another, one is undone and run again.
func (s *Store) revokeSessions(ctx context.Context, tx querier, account uuid.UUID, at time.Time) ([]uuid.UUID, error) {
	if err := s.endSessions(ctx, tx, account, uuid.Nil); err != nil {
		return nil, err
	}
	return column[uuid.UUID](ctx, s, tx,
		`UPDATE sessions SET revoked_at = $2 WHERE account_id = $1 AND revoked_at IS NULL RETURNING id`, account, micros(at))
}

// counting returns an event that says how many sessions were ended.
func counting(e accounts.Event, ended []uuid.UUID) accounts.Event {
	detail := map[string]string{"sessions": strconv.Itoa(len(ended))}
	maps.Copy(detail, e.Detail)
	e.Detail = detail
	return e
}

// LivingSessions implements accounts.Support.
func (s *Store) LivingSessions(ctx context.Context, account uuid.UUID, at time.Time, limit int) ([]accounts.Session, error) {
	var living []accounts.Session
	err := s.each(ctx, s.read, func(scan scan) error {
		var row sessionRow
		err := scan(row.into()...)
		living = append(living, *row.session())
		return err
	}, `
SELECT `+sessionColumns+` FROM sessions
 WHERE account_id = $1 AND revoked_at IS NULL AND expires_at > $2 AND `+current+` ORDER BY id DESC LIMIT $3`, account, micros(at), max(limit, 0))
	return living, storeError("read living sessions", err)
}
