// Package pass goes through everybody of both stores once, and compares them.
//
// It serves the command `rekey verify`. It judges nobody: what is a difference is accounts.Service's to say.
package pass

import (
	"context"
	"errors"
	"time"

	"rekey/accounts"
	"rekey/sweeper/pause"
)

// Progress is how far a pass is in one source.
type Progress struct {
	Source string
	Done   int64
}

const tries = 5 // for one person, while something does not answer

// A Wait waits for a while, or until ctx ends, and returns why it ended.
type Wait func(ctx context.Context, d time.Duration) error

// again runs something for one person until it does not end in "cannot tell", within bounds.
func (wait Wait) again(ctx context.Context, do func() error) error {
	if wait == nil {
		wait = pause.For
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
