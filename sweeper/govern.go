// Package sweeper moves people in the background, at the operator's pace.
package sweeper

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"rekey/accounts"
	"rekey/accounts/phase"
	"rekey/sweeper/governor"
)

// A GoverningStore is what governing needs of a store.
type GoverningStore interface {
	accounts.Signals
	Backlog(ctx context.Context) (accounts.Backlog, error)
}

// GoverningConfig is what a Governing is made of. Store, Limits and Idle are required.
type GoverningConfig struct {
	Store  GoverningStore
	Limits func() governor.Limits // as they are now
	// Idle tells that no process has been moving anybody for half a minute: what is measured then is the life without a sweep.
	Idle  func() bool
	Terms phase.Lease // of the replicas; zero: phase.DefaultLease
	Log   *slog.Logger
}

// A Governing is the governor at work: it reads what every process measures, decides, and stores the verdict for all of them.
// It is for the one process that leads.
type Governing struct {
	c GoverningConfig

	fence   int64
	decides *governor.Governor // nil: what the last leader remembers has not been read
	backlog governor.Reading
	asked   time.Time // for the backlog

	mu       sync.Mutex
	readings []governor.Reading
}

// NewGoverning returns a Governing. It asks nothing yet.
func NewGoverning(c GoverningConfig) *Governing {
	if c.Terms == (phase.Lease{}) {
		c.Terms = phase.DefaultLease()
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	return &Governing{c: c}
}

// Readings returns the worst of each signal as the last Tick has seen it.
func (g *Governing) Readings() []governor.Reading {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.readings
}

// Tick decides once; it is to be called each second, by one goroutine, under the claim with this fence. Its error wraps accounts.ErrStale if
// another process has claimed the lead since. Without a verdict that is stored nobody goes on for longer than governor.Unread.
func (g *Governing) Tick(ctx context.Context, fence int64) (governor.Verdict, error) {
	all, now, err := g.c.Store.Signals(ctx)
	if err != nil {
		return governor.Verdict{}, err
	}
	if g.decides == nil || g.fence != fence {
		if err := g.takeOver(ctx, fence); err != nil {
			return governor.Verdict{}, err
		}
	}
	readings := heard(all, g.c.Terms, now)
	readings = append(readings, g.readBacklog(ctx, now))
	g.mu.Lock()
	g.readings = readings
	g.mu.Unlock()

	before := g.decides.State()
	g.decides.Limits = g.c.Limits()
	verdict := g.decides.Step(now, readings, g.c.Idle())
	text, err := json.Marshal(governor.Memory{Verdict: verdict, State: g.decides.State()})
	if err != nil {
		return governor.Verdict{}, fmt.Errorf("write the verdict: %w", err)
	}
	if err := g.c.Store.KeepSweepVerdict(ctx, fence, string(text)); err != nil {
		g.decides = nil // what stands is what somebody else has stored, or nobody knows what
		return governor.Verdict{}, err
	}
	if verdict.Zone != before.Zone || !verdict.WakesAt.Equal(before.WakesAt) {
		g.tell(ctx, before.Zone, verdict)
	}
	return verdict, nil
}

// takeOver goes on from what the last leader remembers.
func (g *Governing) takeOver(ctx context.Context, fence int64) error {
	g.fence, g.decides = fence, nil
	memory, _, err := readMemory(ctx, g.c.Store)
	switch {
	case errors.Is(err, accounts.ErrNotFound):
	case errors.Is(err, errMemory):
		g.c.Log.WarnContext(ctx, "what the last leader of the sweep remembers cannot be read; the governor begins anew")
	case err != nil:
		return err
	}
	g.decides = governor.New(governor.Limits{}, memory.State)
	return nil
}

// backlogEvery is how often the backlog is counted, which costs as much as it is long.
const backlogEvery = 5 * time.Second

// readBacklog returns the newest count.
func (g *Governing) readBacklog(ctx context.Context, now time.Time) governor.Reading {
	if now.Sub(g.asked) >= backlogEvery || now.Before(g.asked) {
		g.asked = now
		if g.backlog.At.IsZero() || now.Before(g.backlog.At) {
			g.backlog = governor.Reading{Signal: governor.Backlog, At: now} // and if it cannot be counted: was to be
		}
		if b, err := g.c.Store.Backlog(ctx); err == nil {
			g.backlog.Value, g.backlog.At = float64(b.Waiting), now
		}
	}
	return g.backlog
}

// tell logs a change, with all that has tripped.
func (g *Governing) tell(ctx context.Context, was governor.Zone, v governor.Verdict) {
	level := slog.LevelInfo
	if v.Zone == governor.Stop {
		level = slog.LevelWarn
	}
	g.c.Log.LogAttrs(ctx, level, "sweep governor", slog.String("zone", v.Zone.String()), slog.String("was", was.String()),
		slog.Float64("factor", v.Factor), slog.String("why", v.String()))
}

var errMemory = errors.New("not a verdict")

// readMemory returns what is stored, and the time by the store's clock.
func readMemory(ctx context.Context, store accounts.Signals) (governor.Memory, time.Time, error) {
	stored, now, err := store.SweepVerdict(ctx)
	if err != nil {
		return governor.Memory{}, now, err
	}
	var m governor.Memory
	if err := json.Unmarshal([]byte(stored.Text), &m); err != nil {
		return governor.Memory{}, now, errMemory
	}
	m.Verdict.At = stored.At
	return m, now, nil
}

// CurrentVerdict returns what the leader says. Where nobody ever led, where nothing has been said for too long, and where what was said cannot
// be read, it is a stop. Its error is that of a store that cannot be asked.
func CurrentVerdict(ctx context.Context, store accounts.Signals) (governor.Verdict, error) {
	m, now, err := readMemory(ctx, store)
	if err != nil && !errors.Is(err, accounts.ErrNotFound) && !errors.Is(err, errMemory) {
		return governor.Verdict{}, err
	}
	return m.Verdict.Current(now), nil
}
