// Package pass goes through everybody of the legacy stores once: to move or copy them, or to compare both stores.
//
// It serves the commands `rekey sweep run` and `rekey verify`. It decides about nobody: what becomes of a person is
// accounts.Service's to say. One bad account costs one account, and a store that does not answer ends the pass.
package pass

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"rekey/accounts"
	"rekey/legacy"
)

// Progress is how far a pass is in one source.
type Progress struct {
	Source string
	Done   int64
}

const (
	page     = 500
	examples = 10 // people of each class that a report names
	tries    = 5  // for one person, while something does not answer
	// giveUpAfter is how many people in a row may find a store that does not answer before the pass ends.
	giveUpAfter = 3
)

// A walker goes through the sources with several workers.
type walker struct {
	service  *accounts.Service
	workers  int
	progress func(Progress)
}

// source visits everybody of one source with all workers, and returns the first error that ended it. work is called by
// several goroutines; told of each record that cannot be read is one.
func (w walker) source(ctx context.Context, name string, work func(context.Context, legacy.User) error, unreadable func(*legacy.RowError)) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	people := make(chan legacy.User)
	var workers sync.WaitGroup
	var mu sync.Mutex
	var done int64
	for range max(w.workers, 1) {
		workers.Go(func() {
			for user := range people {
				if err := work(ctx, user); err != nil {
					cancel(err)
					return
				}
				mu.Lock()
				done++
				if w.progress != nil {
					w.progress(Progress{name, done})
				}
				mu.Unlock()
			}
		})
	}
	err := w.service.Walk(ctx, name, page, func(user legacy.User) error {
		select {
		case people <- user:
			return nil
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}, unreadable)
	close(people)
	workers.Wait()
	if cause := context.Cause(ctx); cause != nil {
		err = cause
	}
	if err != nil {
		return fmt.Errorf("source %s: %w", name, err)
	}
	return nil
}

// A Wait waits for a while, or until ctx ends, and returns why it ended.
type Wait func(ctx context.Context, d time.Duration) error

func waitFor(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-timer.C:
		return nil
	}
}

// again runs something for one person until it does not end in "cannot tell", within bounds.
func (wait Wait) again(ctx context.Context, do func() error) error {
	if wait == nil {
		wait = waitFor
	}
	for try := 1; ; try++ {
		err := do()
		doubt, ok := errors.AsType[*accounts.UnavailableError](err)
		if !ok || try == tries {
			return err
		}
		if err := wait(ctx, doubt.RetryAfter); err != nil {
			return err
		}
	}
}

// A doubts counts the people in a row who could not be told about.
type doubts struct {
	mu sync.Mutex
	n  int
}

// count returns the error if the pass should end with it.
func (d *doubts) count(err error) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err == nil {
		d.n = 0
		return nil
	}
	if d.n++; d.n >= giveUpAfter {
		return err
	}
	return nil
}
