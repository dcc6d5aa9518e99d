package accounts

import (
	"context"
	"time"

	"github.com/google/uuid"
)

// Barred says why a legacy person may not be in, as their store says.
type Barred string

// Why somebody is barred.
const (
	NotBarred      Barred = ""
	BarredDisabled Barred = "disabled"
	BarredGone     Barred = "gone" // their record is there no more, or is another's
)

// Watching is the part of a Store that keeps what is seen of the legacy stores.
type Watching interface {
	// LinkedIDs returns up to limit keys of the people of a source of whom living accounts were made, in their order, behind
	// one; "" is the beginning.
	LinkedIDs(ctx context.Context, source, after string, limit int) ([]string, error)

	// ClaimWork keeps others from some work until the time until, and returns how far it is. It returns ErrNotFound if somebody
	// else is at it, or if it was done less than every before at.
	ClaimWork(ctx context.Context, name string, at, until time.Time, every time.Duration) (Work, error)
	// KeepWork writes down how far it is, and keeps the claim until the time until; one that has passed gives it back. It returns
	// ErrStale if somebody else has claimed it since.
	KeepWork(ctx context.Context, w Work, until time.Time) error
}

// Work is something that one process does at a time.
type Work struct {
	Name   string
	Cursor string    // how far it is; "" is the beginning
	DoneAt time.Time // when it was wholly done the last time
	Fence  int64     // of the claim under which it was read
	// ClaimedTo is until when somebody is at it, as Works reads it; zero: nobody was.
	ClaimedTo time.Time
}

// A Sighting is what was found out about a legacy person of whom an account was made.
type Sighting struct {
	Account uuid.UUID
	Was     LegacyLink // as it was read before the legacy store was asked
	Now     LegacyLink // of which fingerprint, drift and bar count
	At      time.Time
}
