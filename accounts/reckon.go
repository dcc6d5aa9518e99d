package accounts

import (
	"context"
	"time"
)

// Reckoning is the part of a Store that says how far a migration is. What it counts it reads from end to end: callers ask seldom.
type Reckoning interface {
	// CountLinks counts the legacy people of whom there is a link, of deleted accounts too, at one moment.
	CountLinks(ctx context.Context, trustEpoch int64) ([]LinkCount, error)
	// CountCredentials counts the accounts that live, and their passwords.
	CountCredentials(ctx context.Context) (CredentialCounts, error)
	// CountNotes counts the people of whom a note is open, by source, class and reason: those of whom there is no account, and those whose
	// deleted account's key is another's now. Somebody with notes of several classes counts in each.
	CountNotes(ctx context.Context) ([]NoteCount, error)
	// CountHeld counts the people of each source of whom there is no link and who are in quarantine, each once.
	CountHeld(ctx context.Context) (map[string]Held, error)
	// CountIntents counts the changes of both stores that have not ended.
	CountIntents(ctx context.Context) (int64, error)
	// CountMoved counts who has moved since a time, of the newest events, which are at most so many; from is since when that is.
	CountMoved(ctx context.Context, since time.Time, most int) (moved int64, from time.Time, err error)
	// MovedByDay counts the links by the day (in UTC) on which they were made, oldest first.
	MovedByDay(ctx context.Context) ([]DayCount, error)
	// CountEvents counts all events by their kind.
	CountEvents(ctx context.Context) (map[EventKind]int64, error)
	// Works returns all work that was ever claimed, by name.
	Works(ctx context.Context) ([]Work, error)
}

// A LinkKind is what there is to know of a legacy person of whom there is a link, in order to count them.
type LinkKind struct {
	Source         string
	How            How
	Trusted        bool // copied in the trust epoch or later
	Dirty, Drifted bool

	Deleted  bool // here
	Disabled bool
	Stays    bool // answered here in every phase
	InDoubt  bool
	Gone     bool // there, when somebody last looked
}

// A LinkCount is how many people are of one kind.
type LinkCount struct {
	LinkKind
	People int64
}

// CredentialCounts are the accounts that live, and those of them that have a password, by how it is kept. Who waits for a login or a
// reset has none.
type CredentialCounts struct {
	Accounts    int64
	Passwords   map[Scheme]int64
	AwaitResets int64
}

// Held is how many people of a source are in quarantine: with a note that is open, and those with none but whom staff let be.
type Held struct {
	Open    int64
	Skipped int64
}

// A NoteCount is how many people of a source are in quarantine for one reason.
type NoteCount struct {
	Source string    `json:"source"`
	Class  NoteClass `json:"class"`
	Reason string    `json:"reason"`
	People int64     `json:"people"`
}

// A DayCount is how many people of a source became accounts on one day, and by what.
type DayCount struct {
	Day    time.Time `json:"day"`
	Source string    `json:"source"`
	How    How       `json:"how"`
	People int64     `json:"people"`
}
