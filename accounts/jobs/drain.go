package jobs

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"
)

// Drain works on a kind until there is nothing more, a piece fails, the spell is over or Stop was called, and reports
// whether something may be left. It is for engines. The error is the first failure, which is logged here: it says nothing
// of what the work was about.
func (s *Set) Drain(ctx context.Context, name string, spell time.Duration) (more bool, err error) {
	k := s.find(name)
	if k == nil {
		return false, fmt.Errorf("there is no work of kind %q here", name)
	}
	d := drain{set: s, kind: k, until: time.Now().Add(spell), workers: 1}
	d.running.Go(func() { d.work(ctx) })
	d.running.Wait()
	return d.left, d.err
}

// errFailed is all that an engine may keep of a failure.
var errFailed = errors.New("a piece of work failed; the log says how")

// A drain is one go at a kind, by as many workers as there is work for.
type drain struct {
	set     *Set
	kind    *kind
	until   time.Time
	running sync.WaitGroup

	mu      sync.Mutex
	workers int
	over    bool  // nothing more is begun
	left    bool  // though there may be more
	err     error // why
}

func (d *drain) work(ctx context.Context) {
	for d.goesOn(ctx) {
		more, err := d.set.piece(ctx, d.kind)
		d.mu.Lock()
		switch {
		case ctx.Err() != nil: // what was cut short has not failed
			d.over, d.left = true, true
		case err != nil:
			d.over, d.err = true, errFailed
		case !more:
			d.over = true
		case d.workers < d.kind.Workers && !d.over:
			d.workers++
			d.running.Go(func() { d.work(ctx) })
		}
		d.mu.Unlock()
	}
}

// goesOn reports whether another piece is to be begun.
func (d *drain) goesOn(ctx context.Context) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if !d.over && (d.set.stopped() || ctx.Err() != nil || !time.Now().Before(d.until)) {
		d.over, d.left = true, true
	}
	return !d.over
}

// piece does one piece, counts it and logs how it failed.
func (s *Set) piece(ctx context.Context, k *kind) (more bool, err error) {
	limited, cancel := context.WithTimeout(ctx, k.Timeout)
	defer cancel()
	k.runs.Add(1)
	err = Guarded(func() (err error) {
		more, err = k.Work(limited)
		return err
	})
	switch {
	case err == nil:
		k.at.Store(time.Now().UnixMicro())
	case ctx.Err() == nil:
		k.failures.Add(1)
		s.log.WarnContext(ctx, "background work failed; it is tried again", "kind", k.Name, "error", err)
	}
	return more, err
}

// Stop lets no further piece begin. It is for engines.
func (s *Set) Stop() { s.stop.Do(func() { close(s.stopping) }) }

func (s *Set) stopped() bool {
	select {
	case <-s.stopping:
		return true
	default:
		return false
	}
}

// Backoff is how long a kind that has failed so many times in a row waits: a second, doubled each time, up to what it goes
// without being looked for and to a minute.
func (k Kind) Backoff(failures int) time.Duration {
	return min(time.Second<<min(max(0, failures-1), 6), time.Minute, k.Every)
}
