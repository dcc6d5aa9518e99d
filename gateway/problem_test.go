package gateway

import (
	"errors"
	"testing"

	"rekey/accounts"
)

// Whoever waits for a change that another process has gone on with can try again: that is a doubt, and not the stale version
// that staff gave.
func TestProblemOfAStaleDoubt(t *testing.T) {
	t.Parallel()
	if p, _ := problemFor(accounts.ErrStale); p.Status != 412 {
		t.Errorf("a stale version: %d", p.Status)
	}
	doubt := &accounts.UnavailableError{RetryAfter: 1, Err: errors.Join(errors.New("change the legacy record"), accounts.ErrStale)}
	if p, retry := problemFor(doubt); p.Status != 503 || retry != 1 {
		t.Errorf("a doubt: %d, Retry-After %s", p.Status, retry)
	}
}
