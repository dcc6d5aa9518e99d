package jobs

import (
	"context"
	"sync"
	"time"
)

// localSpell bounds one go at a kind. Nothing depends on it here: the next go follows at once.
const localSpell = time.Minute

// A local engine works in this process: one goroutine for each kind, which sleeps. Beside other processes on the same store
// each looks for itself, and what the rows are claimed by decides who does what.
type local struct {
	set    *Set
	nudged map[string]chan struct{}

	mu      sync.Mutex
	cancel  context.CancelFunc // ends what runs; nil before Start
	running sync.WaitGroup
}

// New returns the engine that works in this process.
func New(set *Set) Engine {
	e := &local{set: set, nudged: make(map[string]chan struct{})}
	for _, k := range set.kinds {
		e.nudged[k.Name] = make(chan struct{}, 1)
	}
	return e
}

func (e *local) Start(ctx context.Context) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.cancel != nil || e.set.stopped() {
		return nil
	}
	var running context.Context
	running, e.cancel = context.WithCancel(context.WithoutCancel(ctx))
	for _, k := range e.set.kinds {
		e.running.Go(func() { e.run(running, k.Kind) })
	}
	return nil
}

func (e *local) Nudge(kind string) {
	select {
	case e.nudged[kind] <- struct{}{}:
	default: // one waits already, or there is no such kind here
	}
}

// run works on a kind at once, for nobody knows what a process before this one has left, and then whenever there is reason.
func (e *local) run(ctx context.Context, k Kind) {
	failures := 0
	for {
		wait := k.Every
		switch more, err := e.set.Drain(ctx, k.Name, localSpell); {
		case err != nil:
			failures++
			wait = k.Backoff(failures)
		case more:
			failures, wait = 0, 0
		default:
			failures = 0
		}
		timer := time.NewTimer(wait)
		select {
		case <-e.set.stopping:
			timer.Stop()
			return
		case <-e.nudged[k.Name]:
		case <-timer.C:
		}
		timer.Stop()
	}
}

func (e *local) Close(ctx context.Context) error {
	e.set.Stop()
	e.mu.Lock()
	cancel := e.cancel
	e.mu.Unlock()
	if cancel == nil {
		return nil
	}
	defer cancel()
	done := make(chan struct{})
	go func() {
		e.running.Wait()
		close(done)
	}()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
