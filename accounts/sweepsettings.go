package accounts

import (
	"context"
	"errors"
	"time"

	"github.com/google/uuid"
)

// A SweepDocument is how the sweeper is to work, as it is stored. What the document says is the sweeper's to know: it goes
// when the move is over, and the row stays.
type SweepDocument struct {
	Version   int64     // grows with every change; at least 1
	JSON      []byte    // an object; at first an empty one
	ChangedAt time.Time // zero: never
	ChangedBy string    // the actor of the change
}

// SweepSettings is the part of a Store that keeps how the sweeper is to work.
type SweepSettings interface {
	// SweepDocument returns the document. There is one in every store.
	SweepDocument(ctx context.Context) (SweepDocument, error)
	// PutSweepDocument stores a document as version from+1, with the event, whose time and actor are those of the change, if
	// the stored one still has version from; ErrStale if it has not.
	PutSweepDocument(ctx context.Context, from int64, document []byte, e Event) error
}

// SweepDocument returns how the sweeper is to work. Its error is an *UnavailableError.
func (s *Service) SweepDocument(ctx context.Context) (SweepDocument, error) {
	d, err := s.store.SweepDocument(ctx)
	if err != nil {
		return SweepDocument{}, cannotTell("read the sweeper's settings", err)
	}
	return d, nil
}

// PutSweepDocument changes how the sweeper is to work, if the document still has version from. changes go into the audit:
// they say what was changed, before and after. Its error is an *InvalidError for the reason, ErrStale if somebody else has
// changed it first, or an *UnavailableError: then it is not known whether it was changed.
func (s *Service) PutSweepDocument(ctx context.Context, from int64, document []byte, changes map[string]string, by By) (SweepDocument, error) {
	if err := by.Check(); err != nil {
		return SweepDocument{}, err
	}
	now := s.now().UTC().Truncate(time.Microsecond)
	e := by.event(uuid.Nil, EventSweepSet, now)
	e.Detail = changes
	err := s.store.PutSweepDocument(ctx, from, document, e)
	switch {
	case errors.Is(err, ErrStale):
		return SweepDocument{}, ErrStale
	case err != nil:
		return SweepDocument{}, cannotTell("change the sweeper's settings", err)
	}
	return SweepDocument{Version: from + 1, JSON: document, ChangedAt: now, ChangedBy: by.Actor}, nil
}
