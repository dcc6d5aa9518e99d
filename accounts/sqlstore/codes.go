package sqlstore

import (
	"context"
	"database/sql"
	"time"

	"github.com/google/uuid"

	"rekey/accounts"
)

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
	digests, err := column[[]byte](ctx, s, s.read, `SELECT digest FROM spent_codes WHERE account_id = $1`, account)
	return digests, storeError("read spent codes", err)
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
