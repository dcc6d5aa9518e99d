package accounts

import (
	"context"
	"errors"
	"time"

	"rekey/legacy"
)

// Who is deleted stays deleted. The legacy row may live on (nobody may write there, or not yet), and old stores give a
// number out again; neither brings the person back, and neither lets somebody else in as them.

// tombstoned reports whether a legacy person was deleted here. Where the row under their key is not theirs any more, as
// its time of creation tells, c is marked as reused instead.
func (s *Service) tombstoned(ctx context.Context, c *candidate) (bool, error) {
	link, err := s.store.Tombstone(ctx, c.source.Name, c.user.ID)
	switch {
	case errors.Is(err, ErrNotFound):
		// Somebody who was born here may be there before any link says so.
		inserted, err := s.inserted(ctx, *c)
		return inserted != nil && !inserted.Intent, err
	case err != nil:
		return false, err
	}
	c.reused = !link.LegacyCreatedAt.IsZero() && !c.user.CreatedAt.IsZero() &&
		link.LegacyCreatedAt.UnixMicro() != c.user.CreatedAt.UnixMicro()
	return !c.reused, nil
}

// inserted returns the delivery that has made a legacy person, if it has not ended: an intent, or one of somebody who was deleted
// before. Nobody else has the hash that it brings.
func (s *Service) inserted(ctx context.Context, c candidate) (*Delivery, error) {
	open, err := s.inserts(ctx, c.source)
	if err != nil {
		return nil, err
	}
	return open.of(c.user), nil
}

// inserts are the deliveries that make people in a legacy store and have not ended.
type inserts []*delivery

// of returns the one that has made a legacy person, or nil.
func (open inserts) of(user legacy.User) *Delivery {
	for _, d := range open {
		if d.carries(user) {
			return &d.Delivery
		}
	}
	return nil
}

func (s *Service) inserts(ctx context.Context, source Source) (inserts, error) {
	if !source.writes().Insert {
		return nil, nil // nobody is made there
	}
	found, err := s.store.Inserts(ctx, source.Name)
	if err != nil {
		return nil, err
	}
	open := make(inserts, len(found))
	for i, d := range found {
		p, err := s.unpack(d)
		if err != nil {
			return nil, err
		}
		open[i] = &delivery{Delivery: d, parcel: p}
	}
	return open, nil
}

// errReused says why somebody cannot be logged in: their subject would be that of a person who is deleted.
var errReused = errors.New("the legacy id belonged to an account that was deleted")

// retryReused is when to try again after errReused: support has to settle it.
const retryReused = time.Minute

func (s *Service) doubtReused(ctx context.Context, c candidate, a Attempt) error {
	s.note(ctx, c, NoteIDReused, "the id belonged to a person who was deleted, and its row is another's now", a)
	return &UnavailableError{RetryAfter: retryReused, Err: errReused}
}
