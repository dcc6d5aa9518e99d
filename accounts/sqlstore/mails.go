package sqlstore

import (
	"context"
	"fmt"
	"time"

	"rekey/accounts"
)

// AddMail implements accounts.Mails.
func (s *Store) AddMail(ctx context.Context, m accounts.Mail, events ...accounts.Event) error {
	err := s.inTx(ctx, func(tx querier) error {
		err := s.insertMail(ctx, tx, m)
		for _, e := range events {
			if err == nil {
				err = s.insertEvent(ctx, tx, e)
			}
		}
		return err
	})
	return storeError("add mail", err)
}

func (s *Store) insertMail(ctx context.Context, tx querier, m accounts.Mail) error {
	_, err := s.exec(ctx, tx, `INSERT INTO mails (id, account_id, kind, sealed, created_at, next_at) VALUES ($1, $2, $3, $4, $5, $5)`,
		m.ID, m.AccountID, string(m.Kind), notNull(m.Sealed), micros(m.CreatedAt))
	return err
}

func (s *Store) insertMails(ctx context.Context, tx querier, mails []accounts.Mail) error {
	for _, m := range mails {
		if err := s.insertMail(ctx, tx, m); err != nil {
			return fmt.Errorf("insert mail: %w", err)
		}
	}
	return nil
}

// ClaimMail implements accounts.Mails. Two who want the same one are told apart by the outer condition, as ClaimDelivery's are.
func (s *Store) ClaimMail(ctx context.Context, at, until time.Time) (accounts.Mail, error) {
	var claimed *accounts.Mail
	err := s.retry(func() error {
		claimed = nil
		return s.each(ctx, s.write, func(scan scan) error {
			var (
				m             accounts.Mail
				created, next int64
			)
			err := scan(&m.ID, &m.AccountID, &m.Kind, &m.Sealed, &created, &next, &m.Attempts, &m.Fence)
			m.CreatedAt, m.NextAt = moment(created), moment(next)
			claimed = &m
			return err
		}, `
UPDATE mails SET claimed_to = $2, fence = fence + 1, attempts = attempts + 1
 WHERE claimed_to <= $1 AND id = (SELECT due.id FROM mails due WHERE due.next_at <= $1 AND due.claimed_to <= $1 ORDER BY due.next_at LIMIT 1)
RETURNING id, account_id, kind, sealed, created_at, next_at, attempts, fence`, micros(at), micros(until))
	})
	if err == nil && claimed == nil {
		err = accounts.ErrNotFound
	}
	if err != nil {
		return accounts.Mail{}, storeError("claim mail", err)
	}
	return *claimed, nil
}

// FinishMail implements accounts.Mails.
func (s *Store) FinishMail(ctx context.Context, m accounts.Mail) error {
	return storeError("finish mail", s.removeMail(ctx, s.write, m))
}

func (s *Store) removeMail(ctx context.Context, q querier, m accounts.Mail) error {
	return s.fenced(ctx, q, `DELETE FROM mails WHERE id = $1 AND fence = $2`, m.ID, m.Fence)
}

// GiveUpMail implements accounts.Mails.
func (s *Store) GiveUpMail(ctx context.Context, m accounts.Mail, e accounts.Event) error {
	err := s.inTx(ctx, func(tx querier) error {
		if err := s.removeMail(ctx, tx, m); err != nil {
			return err
		}
		return s.insertEvent(ctx, tx, e)
	})
	return storeError("give up mail", err)
}

// PostponeMail implements accounts.Mails.
func (s *Store) PostponeMail(ctx context.Context, m accounts.Mail, next time.Time) error {
	err := s.fenced(ctx, s.write, `UPDATE mails SET next_at = $3, claimed_to = 0 WHERE id = $1 AND fence = $2`, m.ID, m.Fence, micros(next))
	return storeError("postpone mail", err)
}

// KeepTicket implements accounts.Mails.
func (s *Store) KeepTicket(ctx context.Context, t accounts.Ticket, at time.Time) error {
	err := s.inTx(ctx, func(tx querier) error {
		_, err := s.exec(ctx, tx, `
INSERT INTO resets (account_id, kind, digest, sealed, expires_at) VALUES ($1, $2, $3, $4, $5)
ON CONFLICT (account_id, kind) DO UPDATE SET digest = excluded.digest, sealed = excluded.sealed, expires_at = excluded.expires_at`,
			t.AccountID, string(t.Kind), t.Digest[:], notNull(t.Sealed), micros(t.ExpiresAt))
		if err == nil {
			_, err = s.exec(ctx, tx, `DELETE FROM resets WHERE expires_at <= $1`, micros(at))
		}
		return err
	})
	return storeError("keep ticket", err)
}

// TicketByDigest implements accounts.Mails.
func (s *Store) TicketByDigest(ctx context.Context, digest [32]byte, at time.Time) (accounts.Ticket, error) {
	var found *accounts.Ticket
	err := s.each(ctx, s.read, func(scan scan) error {
		t := accounts.Ticket{Digest: digest}
		var expires int64
		err := scan(&t.AccountID, &t.Kind, &t.Sealed, &expires)
		t.ExpiresAt = moment(expires)
		found = &t
		return err
	}, `SELECT account_id, kind, sealed, expires_at FROM resets WHERE digest = $1 AND expires_at > $2`, digest[:], micros(at))
	if err == nil && found == nil {
		err = accounts.ErrNotFound
	}
	if err != nil {
		return accounts.Ticket{}, storeError("read ticket", err)
	}
	return *found, nil
}

// DropTicket implements accounts.Mails.
func (s *Store) DropTicket(ctx context.Context, digest [32]byte) error {
	_, err := s.exec(ctx, s.write, `DELETE FROM resets WHERE digest = $1`, digest[:])
	return storeError("drop ticket", err)
}
