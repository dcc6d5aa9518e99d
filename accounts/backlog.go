package accounts

import (
	"context"
	"time"

	"github.com/google/uuid"
)

// What staff see of the deliveries that have not arrived, and what they can do about them: once the legacy store has been
// mended, nobody has to wait for the next try.

// A DeliveryQuery says which deliveries are wanted.
type DeliveryQuery struct {
	Account uuid.UUID // uuid.Nil: everybody's
	Refused bool      // only what the legacy store has said no to
	After   uuid.UUID // a delivery's id: only later ones; uuid.Nil: from the oldest on
	Limit   int
}

// A DeliveryState is what staff see of a delivery. It holds no secret, and no value of a person.
type DeliveryState struct {
	ID        uuid.UUID    `json:"id"`
	AccountID uuid.UUID    `json:"account_id"`
	Source    string       `json:"source"`
	Kind      DeliveryKind `json:"kind"`
	// Intent: the change is not made here either, until it is delivered. Those are taken on by themselves.
	Intent    bool      `json:"intent"`
	CreatedAt time.Time `json:"created_at"` // the change
	Attempts  int64     `json:"attempts"`
	// NextAt is the next try. One that is past is due, or waits for an older delivery of the same account.
	NextAt  time.Time `json:"next_at"`
	Refused string    `json:"refused,omitempty"` // what the legacy store said the last time; empty if it was not asked or did not answer
}

// Deliveries returns what the legacy stores have yet to hear, oldest first. Its error is an *UnavailableError.
func (s *Service) Deliveries(ctx context.Context, q DeliveryQuery) ([]DeliveryState, error) {
	waiting, err := s.store.Deliveries(ctx, q)
	if err != nil {
		return nil, cannotTell("read deliveries", err)
	}
	states := make([]DeliveryState, len(waiting))
	for i, d := range waiting {
		states[i] = DeliveryState{d.ID, d.AccountID, d.Source, d.Kind, d.Intent, d.CreatedAt, d.Attempts, d.NextAt, d.Refused}
	}
	return states, nil
}

// Backlog counts what the legacy stores have yet to hear. Its error is an *UnavailableError.
func (s *Service) Backlog(ctx context.Context) (Backlog, error) {
	b, err := s.store.Backlog(ctx)
	if err != nil {
		return Backlog{}, cannotTell("read the backlog", err)
	}
	return b, nil
}

// TryNow has those deliveries of an account, or of everybody for uuid.Nil, tried at once that wait for their next try, and
// returns how many those are. One that somebody is at is left to them. With dryRun they are only counted. Its error is an
// *InvalidError (the reason) or an *UnavailableError.
func (s *Service) TryNow(ctx context.Context, account uuid.UUID, dryRun bool, by By) (n int64, err error) {
	if err := by.Check(); err != nil {
		return 0, err
	}
	now := s.now()
	if dryRun {
		n, err = s.store.Postponed(ctx, account, now)
	} else {
		err = s.outlive(ctx, func(ctx context.Context) (err error) {
			n, err = s.store.TryNow(ctx, account, now, by.event(account, EventTriedNow, now))
			return err
		})
	}
	if err != nil {
		return 0, cannotTell("have deliveries tried", err)
	}
	if n > 0 && !dryRun {
		s.nudge(JobCopyBack)
	}
	return n, nil
}
