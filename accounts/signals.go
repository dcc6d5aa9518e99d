package accounts

import (
	"context"
	"time"
)

// Signals is the part of a Store that keeps what the processes measure of themselves, and what their leader makes of it. Both are
// texts that are not read here.
type Signals interface {
	// PublishSignals stores what a replica measures in the place of what it said before, with the time by the store's clock. It goes
	// with the replica's lease: ErrNotFound if the replica is not known, or has stopped.
	PublishSignals(ctx context.Context, replica, text string) error
	// Signals returns what every replica that is known has said last, dead ones too, and the time by the clock that all this runs by.
	Signals(ctx context.Context) ([]Measured, time.Time, error)
	// KeepSweepVerdict stores what the leader makes of it, with the time by the store's clock. fence is that of the claim under which it
	// leads: ErrStale, and nothing is changed, if the one that stands was stored under a later claim.
	KeepSweepVerdict(ctx context.Context, fence int64, text string) error
	// SweepVerdict returns the one that stands, and the time by the clock of its own; ErrNotFound if there never was one.
	SweepVerdict(ctx context.Context) (SweepVerdict, time.Time, error)
}

// A Measured is what a replica said last of what it measures.
type Measured struct {
	Replica
	At   time.Time // by the store's clock
	Text string
}

// A SweepVerdict is what the leader made last of what is measured.
type SweepVerdict struct {
	Fence int64
	At    time.Time // by the store's clock
	Text  string
}
