package sqlstore

import (
	"context"
	"errors"
	"strconv"
	"time"

	"github.com/google/uuid"

	"rekey/accounts"
)

// Deliveries implements accounts.Outbox. There is a text for an account, so that its deliveries are read from their index.
func (s *Store) Deliveries(ctx context.Context, q accounts.DeliveryQuery) ([]accounts.Delivery, error) {
	if q.Account == uuid.Nil {
		return s.deliveries(ctx, `WHERE id > $1 AND (NOT $3 OR refused <> '') ORDER BY id LIMIT $2`, q.After, max(q.Limit, 0), q.Refused)
	}
	return s.deliveries(ctx, `WHERE account_id = $4 AND id > $1 AND (NOT $3 OR refused <> '') ORDER BY id LIMIT $2`,
		q.After, max(q.Limit, 0), q.Refused, q.Account)
}

// postponed are the deliveries that are not due at a time, of all accounts or of one. Those that somebody is at were due.
const postponed = ` WHERE next_at > $1 AND ($2 OR account_id = $3)`

// Postponed implements accounts.Outbox.
func (s *Store) Postponed(ctx context.Context, account uuid.UUID, at time.Time) (n int64, err error) {
	err = s.each(ctx, s.read, func(scan scan) error { return scan(&n) }, `SELECT count(*) FROM copy_back`+postponed,
		micros(at), account == uuid.Nil, account)
	return n, storeError("count postponed deliveries", err)
}

// TryNow implements accounts.Outbox. A delivery that is claimed at the same moment is postponed, or gone, when its claim ends.
func (s *Store) TryNow(ctx context.Context, account uuid.UUID, at time.Time, e accounts.Event) (n int64, err error) {
	err = s.inTx(ctx, func(tx querier) error {
		n, err = s.exec(ctx, tx, `UPDATE copy_back SET next_at = $1`+postponed, micros(at), account == uuid.Nil, account)
		switch {
		case err != nil:
			return err
		case n == 0:
			return errUndone
		}
		return s.insertTried(ctx, tx, e, n)
	})
	switch {
	case errors.Is(err, errUndone):
		return 0, nil
	case err != nil:
		return 0, storeError("try deliveries now", err)
	}
	return n, nil
}

// insertTried writes the event, with how many it was.
func (s *Store) insertTried(ctx context.Context, tx querier, e accounts.Event, n int64) error {
	e.Detail = map[string]string{"deliveries": strconv.FormatInt(n, 10)}
	return s.insertEvent(ctx, tx, e)
}

// Inserts implements accounts.Outbox.
func (s *Store) Inserts(ctx context.Context, source string) ([]accounts.Delivery, error) {
	return s.deliveries(ctx, `
 WHERE kind = 'insert' AND source = $1 AND (intent OR account_id IN (SELECT id FROM accounts WHERE deleted_at IS NOT NULL))`, source)
}

// deliveries returns the deliveries that the end of a SELECT chooses.
func (s *Store) deliveries(ctx context.Context, which string, args ...any) ([]accounts.Delivery, error) {
	var all []accounts.Delivery
	err := s.each(ctx, s.read, func(scan scan) error {
		d, err := scanDelivery(scan)
		all = append(all, d)
		return err
	}, `SELECT `+deliveryColumns+` FROM copy_back `+which, args...)
	return all, storeError("read deliveries", err)
}

// Backlog implements accounts.Outbox.
func (s *Store) Backlog(ctx context.Context) (accounts.Backlog, error) {
	var b accounts.Backlog
	var oldest *int64
	err := s.each(ctx, s.read, func(scan scan) error { return scan(&b.Waiting, &b.Refused, &oldest) },
		`SELECT count(*), count(*) FILTER (WHERE refused <> ''), min(created_at) FROM copy_back`)
	if oldest != nil {
		b.Oldest = moment(*oldest)
	}
	return b, storeError("read backlog", err)
}
