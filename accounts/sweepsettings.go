package accounts

import (
	"context"
	"encoding/json"
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

// SweepDocuments reads and changes how the sweeper is to work. It needs no legacy store: a sweeper can be paused whatever else
// is down. Store is required.
type SweepDocuments struct {
	Store SweepSettings
	Now   func() time.Time // nil means time.Now
}

// At returns the time that changes are written down with.
func (s SweepDocuments) At() time.Time {
	if s.Now == nil {
		return time.Now()
	}
	return s.Now()
}

// Read returns how the sweeper is to work. Its error is an *UnavailableError.
func (s SweepDocuments) Read(ctx context.Context) (SweepDocument, error) {
	d, err := s.Store.SweepDocument(ctx)
	if err != nil {
		return SweepDocument{}, cannotTell("read the sweeper's settings", err)
	}
	return d, nil
}

// Put changes how the sweeper is to work, if the document still has version from. changes go into the audit: they say what was
// changed, before and after. Its error is an *InvalidError for the reason, ErrStale if somebody else has changed it first, or
// an *UnavailableError: then it is not known whether it was changed.
func (s SweepDocuments) Put(ctx context.Context, from int64, document []byte, changes map[string]string, by By) (SweepDocument, error) {
	if err := by.Check(); err != nil {
		return SweepDocument{}, err
	}
	now := s.At().UTC().Truncate(time.Microsecond)
	e := by.event(uuid.Nil, EventSweepSet, now)
	e.Detail = changes
	err := s.Store.PutSweepDocument(ctx, from, document, e)
	switch {
	case errors.Is(err, ErrStale):
		return SweepDocument{}, ErrStale
	case err != nil:
		return SweepDocument{}, cannotTell("change the sweeper's settings", err)
	}
	return SweepDocument{Version: from + 1, JSON: document, ChangedAt: now, ChangedBy: by.Actor}, nil
}

// A SweepChange is what somebody wants changed of how the sweeper works. Patch and
// Command exclude each other.
type SweepChange struct {
	Version int64           // that it was decided on; 0: whichever there is
	Patch   json.RawMessage // a merge patch (RFC 7396) of the settings
	Until   time.Time       // when the patch ends by itself; zero: it holds for good
	Command SweepCommand
	DryRun  bool // say what would be changed, and change nothing
	By      By
}

// A SweepCommand is a change of what is wanted of the sweeper.
type SweepCommand string

// Commands.
const (
	SweepStart  SweepCommand = "start"  // begin, or go on
	SweepResume SweepCommand = "resume" // go on with what was paused
	SweepPause  SweepCommand = "pause"  // stay where it is
	SweepStop   SweepCommand = "stop"   // finish what is under way
)

// A SweepView is what there is to see of how the sweeper works.
type SweepView struct {
	Version int64
	JSON    json.RawMessage // an object
}
