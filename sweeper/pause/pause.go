// Package pause waits, for whatever of the sweeper has to.
package pause

import (
	"context"
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
