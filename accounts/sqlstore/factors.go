package sqlstore

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"github.com/google/uuid"

	"rekey/accounts"
)

func (s *Store) insertFactors(ctx context.Context, tx querier, account uuid.UUID, factors []accounts.Factor, carried bool) error {
	for _, f := range factors {
		_, err := s.exec(ctx, tx, `INSERT INTO factors (id, account_id, kind, name, secret, carried) VALUES ($1, $2, $3, $4, $5, $6)`,
			f.ID, account, string(f.Kind), plain(f.Name), notNull(f.Secret), carried)
		if err != nil {
			return fmt.Errorf("insert second factor: %w", err)
		}
	}
	return nil
}

// recopyFactors replaces the factors that moved with their person, if they were read again. Those that were enrolled here
// stay.
func (s *Store) recopyFactors(ctx context.Context, tx querier, r accounts.Record) error {
	if r.Factors == nil {
		return nil
	}
	if _, err := s.exec(ctx, tx, `DELETE FROM factors WHERE account_id = $1 AND carried`, r.ID); err != nil {
		return fmt.Errorf("remove carried second factors: %w", err)
	}
	return s.insertFactors(ctx, tx, r.ID, r.Factors, true)
}

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

// SpendCode implements accounts.Codes.
func (s *Store) SpendCode(ctx context.Context, account uuid.UUID, spent accounts.Spent, e accounts.Event) error {
	err := s.inTx(ctx, func(tx querier) error {
		if err := s.spend(ctx, tx, account, spent); err != nil {
			return err
		}
		return s.insertEvent(ctx, tx, e)
	})
	return storeError("spend code", err)
}

// spend makes a code one that counts no more. The row of its digest decides between two who use it at once.
func (s *Store) spend(ctx context.Context, tx querier, account uuid.UUID, spent accounts.Spent) error {
	rows := []spentRow{{spent.Digest, spent.Step, spent.Until}}
	if spent.Challenge != nil {
		rows = append(rows, spentRow{spent.Challenge, 1, spent.Until})
	}
	for _, row := range rows {
		n, err := s.exec(ctx, tx, `
INSERT INTO spent_codes (account_id, digest, step, until) VALUES ($1, $2, $3, $4)
ON CONFLICT (account_id, digest) DO UPDATE SET step = excluded.step, until = excluded.until WHERE spent_codes.step < excluded.step`,
			account, row.digest, row.step, microsOrNull(row.until))
		switch {
		case err != nil:
			return err
		case n == 0:
			return accounts.ErrSpent
		}
	}
	if spent.Factor != uuid.Nil {
		n, err := s.exec(ctx, tx, `DELETE FROM factors WHERE id = $1 AND account_id = $2`, spent.Factor, account)
		switch {
		case err != nil:
			return err
		case n == 0:
			return accounts.ErrSpent
		}
	}
	if _, err := s.exec(ctx, tx, `UPDATE code_guesses SET tat = tat - $2 WHERE account_id = $1`, account, spent.GiveBack.Microseconds()); err != nil {
		return err
	}
	_, err := s.exec(ctx, tx, `DELETE FROM spent_codes WHERE account_id = $1 AND until < $2`, account, micros(spent.At))
	return err
}

type spentRow struct {
	digest []byte
	step   int64
	until  time.Time
}

// SpentCodes implements accounts.Codes.
func (s *Store) SpentCodes(ctx context.Context, account uuid.UUID) ([][]byte, error) {
	var all [][]byte
	err := s.each(ctx, s.read, func(scan scan) error {
		var digest []byte
		err := scan(&digest)
		all = append(all, digest)
		return err
	}, `SELECT digest FROM spent_codes WHERE account_id = $1`, account)
	return all, storeError("read spent codes", err)
}

// TakeGuess implements accounts.Codes: the generic cell rate algorithm in one statement.
func (s *Store) TakeGuess(
	ctx context.Context, account uuid.UUID, at time.Time, every time.Duration, burst int, last accounts.Event,
) (wait time.Duration, err error) {
	now, interval := micros(at), every.Microseconds()
	full := now + int64(burst-1)*interval // the latest tat at which a guess is left
	err = s.inTx(ctx, func(tx querier) error {
		wait = 0
		var tat sql.NullInt64
		one := func(scan scan) error { return scan(&tat) }
		err := s.each(ctx, tx, one, `
INSERT INTO code_guesses (account_id, tat) VALUES ($1, $2)
ON CONFLICT (account_id) DO UPDATE SET tat = CASE WHEN code_guesses.tat > $3 THEN code_guesses.tat ELSE $3 END + $4
 WHERE code_guesses.tat <= $5
RETURNING tat`, account, now+interval, now, interval, full)
		switch {
		case err != nil:
			return err
		case tat.Valid && tat.Int64 > full:
			return s.insertEvent(ctx, tx, last)
		case tat.Valid:
			return nil
		}
		if err := s.each(ctx, tx, one, `SELECT tat FROM code_guesses WHERE account_id = $1`, account); err != nil {
			return err
		}
		wait = max(time.Duration(tat.Int64-full)*time.Microsecond, time.Microsecond)
		return nil
	})
	return wait, storeError("take a guess", err)
}

// BeginEnrolment implements accounts.Codes.
func (s *Store) BeginEnrolment(ctx context.Context, e accounts.Enrolment) error {
	_, err := s.exec(ctx, s.write, `
INSERT INTO enrolments (account_id, session_id, secret, expires_at) VALUES ($1, $2, $3, $4)
ON CONFLICT (account_id) DO UPDATE SET session_id = excluded.session_id, secret = excluded.secret, expires_at = excluded.expires_at`,
		e.AccountID, e.SessionID, notNull(e.Secret), micros(e.ExpiresAt))
	return storeError("begin enrolment", err)
}

// Enrolment implements accounts.Codes.
func (s *Store) Enrolment(ctx context.Context, account uuid.UUID) (accounts.Enrolment, error) {
	e, found := accounts.Enrolment{AccountID: account}, false
	err := s.each(ctx, s.read, func(scan scan) error {
		found = true
		var expires int64
		err := scan(&e.SessionID, &e.Secret, &expires)
		e.ExpiresAt = moment(expires)
		return err
	}, `SELECT session_id, secret, expires_at FROM enrolments WHERE account_id = $1`, account)
	if err == nil && !found {
		err = accounts.ErrNotFound
	}
	if err != nil {
		return accounts.Enrolment{}, storeError("read enrolment", err)
	}
	return e, nil
}

// AddFactors implements accounts.Writes. The enrolment's row decides between two who end it at once.
func (s *Store) AddFactors(ctx context.Context, of accounts.Enrolment, factors []accounts.Factor, spent accounts.Spent, e accounts.Event) error {
	err := s.inTx(ctx, func(tx querier) error {
		n, err := s.exec(ctx, tx, `DELETE FROM enrolments WHERE account_id = $1 AND session_id = $2 AND secret = $3`,
			of.AccountID, of.SessionID, notNull(of.Secret))
		switch {
		case err != nil:
			return err
		case n == 0:
			return accounts.ErrStale
		}
		if err := s.keepHere(ctx, tx, of.AccountID); err != nil {
			return err
		}
		there, err := s.exists(ctx, tx, `SELECT 1 FROM factors WHERE account_id = $1 AND kind = 'totp'`, of.AccountID)
		switch {
		case err != nil:
			return err
		case there:
			return accounts.ErrTaken
		}
		if err := s.spend(ctx, tx, of.AccountID, spent); err != nil {
			return err
		}
		if _, err := s.exec(ctx, tx, `DELETE FROM factors WHERE account_id = $1`, of.AccountID); err != nil {
			return err
		}
		if err := s.insertFactors(ctx, tx, of.AccountID, factors, false); err != nil {
			return err
		}
		return s.insertEvent(ctx, tx, e)
	})
	return storeError("add second factors", err)
}

// RemoveFactors implements accounts.Writes.
func (s *Store) RemoveFactors(ctx context.Context, account uuid.UUID, from int64, spent accounts.Spent, e accounts.Event) error {
	err := s.inTx(ctx, func(tx querier) error {
		// The version is looked at by a write, so that nobody changes it before the end.
		n, err := s.exec(ctx, tx, `UPDATE credentials SET version = version WHERE account_id = $1 AND kind = 'password' AND version = $2`, account, from)
		switch {
		case err != nil:
			return err
		case n == 0:
			return s.whyUnchanged(ctx, tx, livingAccount, account)
		}
		if err := s.keepHere(ctx, tx, account); err != nil {
			return err
		}
		if err := s.spend(ctx, tx, account, spent); err != nil {
			return err
		}
		if _, err := s.exec(ctx, tx, `DELETE FROM factors WHERE account_id = $1`, account); err != nil {
			return err
		}
		return s.insertEvent(ctx, tx, e)
	})
	return storeError("remove second factors", err)
}

// UpdateProfile implements accounts.Writes.
func (s *Store) UpdateProfile(ctx context.Context, account uuid.UUID, u accounts.Update, events ...accounts.Event) error {
	err := s.inTx(ctx, func(tx querier) error {
		n, err := s.exec(ctx, tx, `
UPDATE accounts SET terms = coalesce($2, terms), incomplete = incomplete AND NOT $3 WHERE id = $1 AND deleted_at IS NULL`,
			account, textOrNull(u.Terms), u.Complete)
		switch {
		case err != nil:
			return err
		case n == 0:
			return accounts.ErrNotFound
		}
		if u.DisplayName != nil || u.Locale != nil {
			if err := s.keepHere(ctx, tx, account); err != nil {
				return err
			}
			_, err := s.exec(ctx, tx, `
INSERT INTO profiles (account_id, display_name, locale, roles, groups, attributes)
VALUES ($1, coalesce($2, ''), coalesce($3, ''), 'null', 'null', 'null')
ON CONFLICT (account_id) DO UPDATE SET display_name = coalesce($2, profiles.display_name), locale = coalesce($3, profiles.locale)`,
				account, textOrNull(u.DisplayName), textOrNull(u.Locale))
			if err != nil {
				return err
			}
		}
		for _, e := range events {
			if err := s.insertEvent(ctx, tx, e); err != nil {
				return err
			}
		}
		return nil
	})
	return storeError("update profile", err)
}

func textOrNull(text *string) sql.NullString {
	if text == nil {
		return sql.NullString{}
	}
	return sql.NullString{String: plain(*text), Valid: true}
}
