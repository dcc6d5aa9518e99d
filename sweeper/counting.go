package sweeper

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"github.com/google/uuid"

	"rekey/accounts"
	"rekey/legacy"
	"rekey/sweeper/pause"
	"rekey/sweeper/settings"
)

// A Counting is how far the search for names that several people hold is: everybody of all sources is read once.
type Counting struct {
	Run       uuid.UUID `json:"run"`
	Read      int64     `json:"read"`         // people
	Of        *int64    `json:"of,omitempty"` // about; nil: nobody knows
	PerSecond float64   `json:"per_second"`   // while nothing held it
}

// countingOf returns how far the search of a run is; nil if nobody is at it.
func countingOf(ctx context.Context, store accounts.RunStore, run accounts.Run) (*Counting, error) {
	if run.State != accounts.RunRunning || run.Kind != accounts.RunMove || run.Found != "" {
		return nil, nil
	}
	works, err := store.Works(ctx)
	if err != nil {
		return nil, err
	}
	for _, w := range works {
		var c Counting
		if w.Name == countWork && json.Unmarshal([]byte(w.Cursor), &c) == nil && c.Run == run.ID {
			return &c, nil
		}
	}
	return nil, nil
}

// errCounting ends a search that nobody wants any more, or that somebody else has taken over.
var errCounting = errors.New("the run has ended, or somebody else looks for its names")

// A gate is what a walk through everybody passes: it waits there while the orders hold it, goes no faster than the governor lets
// it, and says how far it is. It is for one goroutine.
type gate struct {
	run  uuid.UUID
	desk *Desk
	keep func(context.Context, Counting) error // writes it down, and keeps others from it

	at     Counting
	active time.Duration
	looked time.Time
	kept   time.Time
}

const (
	gateEvery = 256         // people between two looks: some milliseconds
	gateKeeps = time.Second // between two times that it is written down how far it is
	gateRest  = time.Second // at most, between two looks
)

// pass is called for each person.
func (g *gate) pass(ctx context.Context) error {
	if g.at.Read++; g.at.Read%gateEvery != 0 {
		return nil
	}
	if g.looked.IsZero() {
		g.looked = time.Now()
	}
	took := time.Since(g.looked)
	g.active += took
	if s := g.active.Seconds(); s > 0 {
		g.at.PerSecond = float64(g.at.Read) / s
	}
	share, err := g.wait(ctx)
	if err == nil {
		err = pause.For(ctx, min(rest(took, share), gateRest))
	}
	g.looked = time.Now()
	return err
}

// wait waits while the orders hold the search, and returns for which share of the time it may go on then.
func (g *gate) wait(ctx context.Context) (share float64, err error) {
	for {
		if time.Since(g.kept) >= gateKeeps {
			g.at.Run, g.kept = g.run, time.Now()
			if err := g.keep(ctx, g.at); err != nil {
				return 0, err
			}
		}
		o, err := g.desk.Orders(ctx) // an old store is not read while nobody knows whether it may be
		switch {
		case err != nil:
		case o.Run.ID != g.run:
			return 0, errCounting
		case o.moves(), o.only(settings.CauseNames):
			return o.Speed, nil
		}
		if err := pause.For(ctx, obeyed); err != nil {
			return 0, err
		}
	}
}

// A crowd is how many people a search has seen, by source and band.
type crowd struct {
	service *accounts.Service
	run     accounts.Run
	spec    Spec
	people  map[string][]int64

	source string // of whom was seen last
	of     choice
	count  []int64 // its people; nil: the run does not go through it
}

func newCrowd(service *accounts.Service, run accounts.Run) (*crowd, error) {
	spec, err := SpecOf(run)
	c := &crowd{service: service, run: run, spec: spec, people: map[string][]int64{}}
	for _, source := range spec.Sources {
		c.people[source] = make([]int64, bands(spec.Order))
	}
	return c, err
}

// see counts somebody.
func (c *crowd) see(source string, user legacy.User) {
	if source != c.source {
		c.source, c.count = source, c.people[source]
		c.of = choice{spec: c.spec, source: source, began: c.run.Began, hashOf: c.service.LegacyHash}
	}
	if c.count != nil {
		c.count[c.of.bandOf(user)]++
	}
}
