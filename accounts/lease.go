package accounts

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"rekey/accounts/phase"
)

// A Lease is this process's view of the phase: the state that it may act on, and for how long.
//
// Every flow enters an epoch before it decides anything, and leaves it when it has ended. A process acknowledges an epoch
// when it has the state and nothing of it runs under an older one, and a move waits for that. A process that cannot renew
// its lease in time enters nothing any more: others may have gone on without it. What it has sent before is refused by
// the epoch that its writes hold.
type Lease struct {
	store Phases
	self  Replica
	terms phase.Lease
	now   func() time.Time
	log   *slog.Logger

	failed atomic.Int64 // renewals
	alone  alone

	mu      sync.Mutex
	state   phase.State
	sent    time.Time // when the last renewal that was granted was sent; its monotonic reading counts
	running map[int64]int
	changed chan struct{} // closed when an older epoch has drained or the state has moved on
}

// LeaseConfig is what a Lease is made of. Store and ID are required.
type LeaseConfig struct {
	Store Phases
	ID    string      // of this process; no other ever had it
	Name  string      // for people
	First phase.State // of a new installation
	Terms phase.Lease // zero: phase.DefaultLease
	Alone AloneConfig // without a journal nothing is written to legacy alone
	Now   func() time.Time
	Log   *slog.Logger
}

// NewLease reads the phase, makes the process known and returns its lease.
func NewLease(ctx context.Context, c LeaseConfig) (*Lease, error) {
	l := &Lease{
		store: c.Store, self: Replica{Name: c.Name}, terms: c.Terms, now: c.Now, log: c.Log,
		running: make(map[int64]int), changed: make(chan struct{}), alone: alone{AloneConfig: c.Alone},
	}
	l.self.ID = c.ID
	if l.terms == (phase.Lease{}) {
		l.terms = phase.DefaultLease()
	}
	if l.now == nil {
		l.now = time.Now
	}
	if l.log == nil {
		l.log = slog.New(slog.DiscardHandler)
	}
	state, err := c.Store.InitPhase(ctx, c.First)
	if err != nil {
		return nil, err
	}
	if state.Plan != c.First.Plan {
		return nil, fmt.Errorf("the store is on plan %s and the configuration says plan %s: set plan: %s", state.Plan, c.First.Plan, state.Plan)
	}
	l.state = state
	if err := l.renew(ctx); err != nil {
		return nil, err
	}
	l.readApart(ctx)
	return l, nil
}

// errLapsed is why a process that could not renew its lease serves nobody.
var errLapsed = errors.New("the lease on the phase has run out and the store did not renew it")

// retryFrozen is when to try again what a move keeps waiting.
const retryFrozen = 2 * time.Second

// enter returns the state to act on. leave must be called when nothing is done under it any more.
func (l *Lease) enter() (state phase.State, leave func(), err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.terms.MayWrite(l.sent, l.now(), 0) {
		return phase.State{}, nil, cannotTell("act on the phase", errLapsed)
	}
	epoch := l.state.Epoch
	l.running[epoch]++
	return l.state, func() { l.leave(epoch) }, nil
}

func (l *Lease) leave(epoch int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.running[epoch]--; l.running[epoch] > 0 {
		return
	}
	delete(l.running, epoch)
	if epoch < l.state.Epoch {
		l.signal()
	}
}

// signal wakes Run; l.mu is held.
func (l *Lease) signal() {
	close(l.changed)
	l.changed = make(chan struct{})
}

// State returns the newest state that is known, whether it may still be acted on or not.
func (l *Lease) State() phase.State {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.state
}

// ID returns under which id this process is known to the others.
func (l *Lease) ID() string { return l.self.ID }

// Failed counts the renewals that the store did not grant since the start.
func (l *Lease) Failed() int64 { return l.failed.Load() }

// acknowledged is the newest epoch under which or after which everything runs here; l.mu is held.
func (l *Lease) acknowledged() int64 {
	epoch := l.state.Epoch
	for running := range l.running {
		epoch = min(epoch, running)
	}
	return epoch
}

// renew tells the store what was acknowledged and takes the state that it answers.
func (l *Lease) renew(ctx context.Context) error {
	if err := l.comeBack(ctx); err != nil {
		return fmt.Errorf("come back: %w", err)
	}
	l.mu.Lock()
	l.self.Epoch = l.acknowledged()
	self := l.self
	l.mu.Unlock()

	sent := l.now()
	state, err := l.store.RenewLease(ctx, self)
	if err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.sent, l.alone.returning = sent, false
	if state.Epoch > l.state.Epoch {
		l.log.InfoContext(ctx, "phase", "epoch", state.Epoch, "phase", state.Phase.String(), "percent", state.Percent.String(), "frozen", state.Frozen)
		l.state = state
		l.signal()
	}
	return nil
}

// lookEvery is how often a process looks whether the phase has moved on; a renewal is one look.
const lookEvery = 250 * time.Millisecond

// Start renews the lease until stop is called, which gives it back. Nothing may run under it any more then.
func (l *Lease) Start(ctx context.Context) (stop func(context.Context) error) {
	running, cancel := context.WithCancel(context.WithoutCancel(ctx))
	done := make(chan struct{})
	go func() {
		defer close(done)
		l.run(running)
	}()
	return func(ctx context.Context) error {
		cancel()
		<-done
		return l.store.EndLease(ctx, l.self.ID)
	}
}

func (l *Lease) run(ctx context.Context) {
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for {
		l.mu.Lock()
		changed := l.changed
		due := l.acknowledged() != l.self.Epoch || l.now().Sub(l.sent) >= l.terms.Renew
		l.mu.Unlock()
		if due || l.moved(ctx) {
			limited, cancel := context.WithTimeout(ctx, l.terms.Renew)
			if err := l.renew(limited); err != nil && ctx.Err() == nil {
				l.failed.Add(1)
				l.log.WarnContext(ctx, "lease not renewed", "error", err)
			} else if err == nil {
				l.readApart(limited)
			}
			cancel()
		}
		select {
		case <-ctx.Done():
			return
		case <-changed:
		case <-tick.C:
		}
	}
}

// moved reports whether the store knows a newer epoch.
func (l *Lease) moved(ctx context.Context) bool {
	ctx, cancel := context.WithTimeout(ctx, l.terms.Renew)
	defer cancel()
	epoch, err := l.store.PhaseEpoch(ctx)
	return err == nil && epoch > l.State().Epoch
}
