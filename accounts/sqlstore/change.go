package sqlstore

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/google/uuid"

	"rekey/accounts"
	"rekey/accounts/failpoint"
)

// ReplaceCredential implements accounts.Directory.
func (s *Store) ReplaceCredential(
	ctx context.Context, account uuid.UUID, from int64, next accounts.Credential, e accounts.Event,
) error {
	err := s.inTx(ctx, func(tx querier) error {
		if err := s.replaceCredential(ctx, tx, account, from, next); err != nil {
			return err
		}
		if err := s.samePassword(ctx, tx, account, from); err != nil {
			return err
		}
		return s.insertEvent(ctx, tx, e)
	})
	return storeError("replace credential", err)
}

// replaceCredential writes the version after from, or says why it is not there.
func (s *Store) replaceCredential(ctx context.Context, tx querier, account uuid.UUID, from int64, next accounts.Credential) error {
	text := `
UPDATE credentials SET version = version + 1, scheme = $3, encoded = $4, fold = $5, legacy = $6
 WHERE account_id = $1 AND kind = 'password' AND version = $2`
	if failpoint.Without(failpoint.CompareAndSet) {
		text = strings.Replace(text, "version = $2", "version >= $2", 1)
	}
	n, err := s.exec(ctx, tx, text, account, from, string(next.Scheme), next.Encoded, next.Fold, next.Legacy)
	if err == nil && n == 0 {
		err = s.whyUnchanged(ctx, tx, livingAccount, account)
	}
	return err
}

// holdPassword looks at the version of a password by a write, so that nobody changes it before the end of the transaction.
const holdPassword = `UPDATE credentials SET version = version WHERE account_id = $1 AND kind = 'password' AND version = $2`

// samePassword says of a credential that has got the version after from that its password is the same: what is on its way with it
// still is what is here.
func (s *Store) samePassword(ctx context.Context, tx querier, account uuid.UUID, from int64) error {
	_, err := s.exec(ctx, tx, `UPDATE copy_back SET version = version + 1 WHERE account_id = $1 AND version = $2 AND $2 > 0`, account, from)
	if err != nil {
		return fmt.Errorf("renumber deliveries: %w", err)
	}
	return nil
}

// fenced runs a write that names a version or a fence. If it touches nothing, somebody else was first: accounts.ErrStale.
func (s *Store) fenced(ctx context.Context, q querier, text string, args ...any) error {
	n, err := s.exec(ctx, q, text, args...)
	if err == nil && n == 0 {
		err = accounts.ErrStale
	}
	return err
}

// whyUnchanged says why a write that named a version touched nothing.
func (s *Store) whyUnchanged(ctx context.Context, q querier, text string, args ...any) error {
	there, err := s.exists(ctx, q, text, args...)
	switch {
	case err != nil:
		return err
	case there:
		return accounts.ErrStale
	}
	return accounts.ErrNotFound
}

// storeError wraps what went wrong with what was done, and leaves alone what a caller asks for by name.
func storeError(what string, err error) error {
	if err == nil || errors.Is(err, accounts.ErrNotFound) || errors.Is(err, accounts.ErrStale) || errors.Is(err, accounts.ErrStaleEpoch) ||
		errors.Is(err, accounts.ErrSpent) || errors.Is(err, accounts.ErrTaken) {
		return err
	}
	return fmt.Errorf("%s: %w", what, err)
}

// once runs a change that happens at most once. It reports whether this call made it; if it touched nothing, the
// event is not written.
func (s *Store) once(ctx context.Context, what string, e accounts.Event, text string, args ...any) (bool, error) {
	err := s.inTx(ctx, func(tx querier) error {
		n, err := s.exec(ctx, tx, text, args...)
		if err != nil {
			return err
		}
		if n == 0 {
			return errUndone
		}
		return s.insertEvent(ctx, tx, e)
	})
	if errors.Is(err, errUndone) {
		return false, nil
	}
	return err == nil, storeError(what, err)
}

// Contest implements accounts.Directory.
func (s *Store) Contest(ctx context.Context, canonical string, e accounts.Event) (bool, error) {
	return s.once(ctx, "contest identifier", e,
		`UPDATE identifiers SET contested = TRUE WHERE canonical = $1 AND contested = FALSE`, canonical)
}

// Notes implements accounts.Directory.
func (s *Store) Notes(ctx context.Context, limit int) ([]accounts.Note, error) {
	notes, err := s.notes(ctx, `
SELECT source, legacy_id, class, reason, at FROM quarantine ORDER BY at DESC, source, legacy_id, class LIMIT $1`,
		max(limit, 0))
	return notes, storeError("read notes", err)
}

// notes returns the notes that a text returns.
func (s *Store) notes(ctx context.Context, text string, args ...any) ([]accounts.Note, error) {
	var notes []accounts.Note
	err := s.each(ctx, s.read, func(scan scan) error {
		var (
			n  accounts.Note
			at int64
		)
		err := scan(&n.Source, &n.LegacyID, &n.Class, &n.Reason, &at)
		n.At = moment(at)
		notes = append(notes, n)
		return err
	}, text, args...)
	return notes, err
}

func (s *Store) insertEvent(ctx context.Context, tx querier, e accounts.Event) error {
	row, err := appendEvent(nil, &e)
	if err != nil {
		return err
	}
	return s.insert(ctx, tx, eventsTable, row)
}

// Events implements accounts.Directory.
func (s *Store) Events(ctx context.Context, account uuid.UUID, limit int) ([]accounts.Event, error) {
	events, err := s.events(ctx, `WHERE account_id = $1 ORDER BY id LIMIT $2`, account, max(limit, 0))
	return events, storeError("read events", err)
}

// events returns the events that the end of a SELECT chooses.
func (s *Store) events(ctx context.Context, which string, args ...any) ([]accounts.Event, error) {
	var events []accounts.Event
	err := s.each(ctx, s.read, func(scan scan) error {
		var (
			e      accounts.Event
			at     int64
			detail string
		)
		err := scan(&e.ID, &at, &e.AccountID, &e.Kind, &e.Actor, &e.Reason, &e.RequestID, &detail)
		if err != nil {
			return err
		}
		e.At = moment(at)
		e.Detail, err = decodeDetail(detail)
		events = append(events, e)
		return err
	}, `SELECT id, at, account_id, kind, actor, reason, request_id, detail FROM events `+which, args...)
	return events, err
}
