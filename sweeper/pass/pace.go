package pass

import (
	"context"
	"fmt"
	"time"

	"rekey/accounts"
)

// A pace lets so many people pass in a second, of all processes together, and no more for having waited. The store counts them: who
// dies leaves no more behind than the wait for one batch.
type pace struct {
	service *accounts.Service
	rate    int // 0: any number
}

// batch is how many are to pass at once, at most.
func (p pace) batch(most int) int {
	if p.rate <= 0 {
		return most
	}
	return max(1, min(most, p.rate*int(batchFor/time.Second)))
}

// take waits until n people may pass.
func (p pace) take(ctx context.Context, wait Wait, n int) error {
	for p.rate > 0 && n > 0 {
		batch := p.batch(n)
		d, err := p.service.VerifyTurn(ctx, batch, p.rate)
		if err != nil {
			return err
		}
		if d > 0 {
			if err := wait(ctx, d); err != nil {
				return fmt.Errorf("wait for the rate: %w", err)
			}
		}
		n -= batch
	}
	return ctx.Err()
}

// wait waits, and keeps the claim of the chunk meanwhile.
func (d *doing) wait(ctx context.Context, left time.Duration) error {
	for {
		step := min(left, d.Claim/3)
		if err := d.Wait(ctx, step); err != nil {
			return err
		}
		if left -= step; left <= 0 {
			return nil
		}
		if err := d.v.Hold(ctx, d.c, d.Claim); err != nil {
			return err
		}
	}
}
