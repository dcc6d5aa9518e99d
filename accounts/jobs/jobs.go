// Package jobs is background work as a small contract: what is worked on, when it is looked for, and what happens to what
// fails. It serves whoever has work that nobody waits for, such as copy-back, mail and cleaning.
//
// Rows are the truth, a job is a nudge. What is to be done stands in the tables of whoever wants it, and is claimed there; an
// engine only says "look now". So a nudge may come twice, late or never, and nothing is lost with an engine, or a machine.
//
// There are two engines, and one suite (package jobstest) that both pass: New's, which works in this process alone, and that
// of package riverjobs, which shares the work of any number of machines over PostgreSQL.
package jobs

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// A Kind is one kind of work.
type Kind struct {
	Name string // a-z and -; it stands in metrics, logs and the tables of an engine

	// Work does the next piece that is due, and reports whether there may be more. Its error, and a panic, is a failure: it is
	// tried again, later each time. It may be called at the same moment on several machines, and twice for one nudge.
	Work func(context.Context) (more bool, err error)

	Every   time.Duration // how long it goes without being looked for, at most, where nobody nudges
	Timeout time.Duration // of one piece, which ends with its context then; at most MaxTimeout; 0 means that
	Workers int           // pieces at once on one machine; 0 means 1

	// Alone is work of which no two pieces run at once, on whatever machine: as far as the engine reaches, which is this process
	// or all machines on one database. It spares double work and is no lock: a machine that stood still may go on beside another.
	Alone bool
}

// MaxTimeout is the longest that a piece may take.
const MaxTimeout = 30 * time.Second

// An Engine runs kinds of work.
type Engine interface {
	// Start begins to look for work and returns at once. What it does outlives ctx.
	Start(ctx context.Context) error
	// Nudge says that there may be work of a kind, after what was written for it was committed. It returns at once, and is
	// safe at any time: before Start, after Close, and with nobody there to hear it. Nudges that nobody has acted on are one.
	Nudge(kind string)
	// Close begins no further piece and waits for those that run. When ctx ends first, theirs end too, and its error is
	// ctx's.
	Close(ctx context.Context) error
}

// A Set is the kinds that a process works on, and what is counted of them. It belongs to one engine.
type Set struct {
	kinds    []*kind
	log      *slog.Logger
	stopping chan struct{} // closed: no further piece is begun
	stop     sync.Once
}

// kind is a Kind with what is counted of it.
type kind struct {
	Kind
	runs, failures atomic.Int64
	at             atomic.Int64 // when a piece last ended well, or counting began: microseconds since 1970
}

// NewSet checks the kinds. log may be nil.
func NewSet(log *slog.Logger, kinds ...Kind) (*Set, error) {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	s := &Set{log: log, stopping: make(chan struct{})}
	for _, k := range kinds {
		k.Timeout, k.Workers = cmp.Or(k.Timeout, MaxTimeout), max(1, k.Workers)
		if err := k.check(); err != nil {
			return nil, fmt.Errorf("jobs: kind %q: %w", k.Name, err)
		}
		if s.find(k.Name) != nil {
			return nil, fmt.Errorf("jobs: kind %q stands twice", k.Name)
		}
		counted := &kind{Kind: k}
		counted.at.Store(time.Now().UnixMicro())
		s.kinds = append(s.kinds, counted)
	}
	return s, nil
}

func (k Kind) check() error {
	switch {
	case !isName(k.Name):
		return fmt.Errorf("its name is not of a-z and -")
	case k.Work == nil:
		return fmt.Errorf("it has no work")
	case k.Every <= 0:
		return fmt.Errorf("nothing says how often it is looked for")
	case k.Timeout < 0 || k.Timeout > MaxTimeout:
		return fmt.Errorf("a piece may take up to %s", MaxTimeout)
	case k.Alone && k.Workers > 1:
		return fmt.Errorf("what is done alone has one worker")
	}
	return nil
}

func isName(name string) bool {
	for _, r := range name {
		if (r < 'a' || r > 'z') && r != '-' {
			return false
		}
	}
	return name != ""
}

// find returns the kind of a name, or nil.
func (s *Set) find(name string) *kind {
	if i := slices.IndexFunc(s.kinds, func(k *kind) bool { return k.Name == name }); i >= 0 {
		return s.kinds[i]
	}
	return nil
}

// Kinds returns the kinds, with the defaults filled in.
func (s *Set) Kinds() []Kind {
	kinds := make([]Kind, len(s.kinds))
	for i, k := range s.kinds {
		kinds[i] = k.Kind
	}
	return kinds
}

// A Count is what this process has done of a kind since it began.
type Count struct {
	Runs     int64         // pieces, those that failed too, and looks that found nothing
	Failures int64         // pieces that ended in an error or a panic
	Age      time.Duration // since a piece ended well here, or since the beginning
}

// Count reads what is counted of a kind.
func (s *Set) Count(name string) Count {
	k := s.find(name)
	if k == nil {
		return Count{}
	}
	return Count{k.runs.Load(), k.failures.Load(), max(0, time.Since(time.UnixMicro(k.at.Load())))}
}
