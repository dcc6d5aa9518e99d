package accounts

import "context"

// Renew is one renewal of a lease, which Start does by the clock.
func (l *Lease) Renew(ctx context.Context) error { return l.renew(ctx) }
