package accounts

import (
	"context"
	"errors"
	"time"
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
	if !c.source.writes().Insert {
		return nil, nil //nolint:nilnil // nobody is made there
	}
	open, err := s.store.Inserts(ctx, c.source.Name)
	if err != nil {
		return nil, err
	}
	for _, d := range open {
		p, err := s.unpack(d)
		if err != nil {
			return nil, err
		}
		if (&delivery{parcel: p}).carries(c.user) {
			return &d, nil
		}
	}
	return nil, nil //nolint:nilnil // there is none
}

// errReused says why somebody cannot be logged in: their subject would be that of a person who is deleted.
var errReused = errors.New("the legacy id belonged to an account that was deleted")

// retryReused is when to try again after errReused: support has to settle it.
const retryReused = time.Minute

func (s *Service) doubtReused(ctx context.Context, c candidate, a Attempt) error {
	s.note(ctx, c, NoteIDReused, "the id belonged to a person who was deleted, and its row is another's now", a)
	return &UnavailableError{RetryAfter: retryReused, Err: errReused}
}
