// Package pause waits, for whatever of the sweeper has to.
package pause

import (
	"context"
	"sync"
	"time"
)

// For waits for a while, or until ctx ends, and returns why it ended.
func For(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-timer.C:
		return nil
	}
}

// Every does something each time that d has gone by, until ctx ends or it reports that it need not be done again.
func Every(ctx context.Context, d time.Duration, do func(context.Context) (again bool)) {
	tick := time.NewTicker(d)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if ctx.Err() != nil || !do(ctx) { // of two that are ready a select takes either
			return
		}
	}
}

// Beside is Every in the background, until stop is called, which ends what it does and waits for it. It may be called again.
func Beside(ctx context.Context, d time.Duration, do func(context.Context) (again bool)) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	var doing sync.WaitGroup
	doing.Go(func() { Every(ctx, d, do) })
	return func() {
		cancel()
		doing.Wait()
	}
}
