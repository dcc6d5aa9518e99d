package sqlstore

import (
	"context"
	"fmt"

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
		err := s.fenced(ctx, tx, `DELETE FROM enrolments WHERE account_id = $1 AND session_id = $2 AND secret = $3`,
			of.AccountID, of.SessionID, notNull(of.Secret))
		if err != nil {
			return err
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
		n, err := s.exec(ctx, tx, holdPassword, account, from)
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

// Factors implements accounts.Directory.
func (s *Store) Factors(ctx context.Context, account uuid.UUID) ([]accounts.Factor, error) {
	var factors []accounts.Factor
	err := s.each(ctx, s.read, func(scan scan) error {
		var f accounts.Factor
		var kind string
		err := scan(&f.ID, &kind, &f.Name, &f.Secret)
		f.Kind = accounts.FactorKind(kind)
		factors = append(factors, f)
		return err
	}, `SELECT id, kind, name, secret FROM factors WHERE account_id = $1 ORDER BY id`, account)
	return factors, storeError("read second factors", err)
}
