package phase

import (
	"cmp"
	"fmt"
	"slices"
	"time"
)

// A Lease is how long a replica may go on with the state that it has read. The zero Lease grants nothing.
type Lease struct {
	TTL   time.Duration // from each renewal, as the new store's clock has it
	Renew time.Duration // how often a replica asks for the next
}

// DefaultLease is 10 s, renewed every 2 s: four renewals may fail in a row, and a replica that died holds a move up for
// 10 s.
func DefaultLease() Lease { return Lease{TTL: 10 * time.Second, Renew: 2 * time.Second} }

// Check returns an error if nobody could live by l.
func (l Lease) Check() error {
	if l.Renew <= 0 || l.TTL < 3*l.Renew {
		return fmt.Errorf("lease of %s, renewed every %s: want at least three renewals in a lease", l.TTL, l.Renew)
	}
	return nil
}

// A Replica is a row of the table of replicas.
type Replica struct {
	ID string `json:"id"`
	// Epoch is the newest that the replica has acknowledged: it has the state, and nothing of it runs under an older one.
	Epoch int64 `json:"epoch"`
	// Renewed is when the lease was last renewed, as the new store's clock has it.
	Renewed time.Time `json:"renewed"`
}

// Ends is when the lease of r ends, by the new store's clock.
func (l Lease) Ends(r Replica) time.Time { return r.Renewed.Add(l.TTL) }

// Live tells whether the lease of r runs at a time of the new store's clock.
func (l Lease) Live(r Replica, now time.Time) bool { return now.Before(l.Ends(r)) }

// Missing returns the replicas that hold up the step after an epoch: alive, and without having acknowledged it. Those that
// hold it up longest come first. now is a time of the new store's clock.
func (l Lease) Missing(epoch int64, replicas []Replica, now time.Time) []Replica {
	return l.live(replicas, now, func(r Replica) bool { return r.Epoch < epoch })
}

// Late returns the replicas that are alive, and have missed a renewal. Those whose lease runs longest come first. now is a time
// of the new store's clock.
func (l Lease) Late(replicas []Replica, now time.Time) []Replica {
	return l.live(replicas, now, func(r Replica) bool { return now.Sub(r.Renewed) > 2*l.Renew })
}

func (l Lease) live(replicas []Replica, now time.Time, which func(Replica) bool) []Replica {
	var some []Replica
	for _, r := range replicas {
		if l.Live(r, now) && which(r) {
			some = append(some, r)
		}
	}
	slices.SortFunc(some, func(a, b Replica) int {
		return cmp.Or(b.Renewed.Compare(a.Renewed), cmp.Compare(a.ID, b.ID))
	})
	return some
}

// WriteBy is the moment by which everything that a replica writes under its lease must have been answered. sent is when it
// sent the last renewal that was granted: not when the answer came, since the new store began to count somewhere between
// the two.
//
// The result has the monotonic reading of sent, and so is not moved by whoever sets the clock. A hundredth of the lease is
// left out: no two clocks run at the same speed. A machine that was suspended does not see the time pass; what it writes
// then, only compare-and-set stops.
func (l Lease) WriteBy(sent time.Time) time.Time { return sent.Add(l.TTL - l.TTL/100) }

// MayWrite tells, right before an outside write, whether a replica may begin it: whether a write that takes as long as its
// deadline allows still ends under the lease. sent is as in WriteBy; it is zero where no renewal was granted. now is from
// the same clock.
func (l Lease) MayWrite(sent, now time.Time, deadline time.Duration) bool {
	return !sent.IsZero() && !now.Before(sent) && now.Add(deadline).Before(l.WriteBy(sent))
}
