package accounts

import "context"

// Renew is one renewal of a lease, which Start does by the clock.
func (l *Lease) Renew(ctx context.Context) error { return l.renew(ctx) }

// MirrorAll makes the lookups that wait for a worker once more, and stores what was measured, which Measure does by the clock.
func (s *Service) MirrorAll(ctx context.Context) {
	for {
		select {
		case job := <-s.meter.jobs:
			s.mirror(ctx, job)
		default:
			s.storeWindows(ctx)
			return
		}
	}
}

// MirrorQueue is how many lookups wait at most.
const MirrorQueue = mirrorQueue
