package survey

import (
	"time"

	"rekey/legacy"
)

// A Remainder counts, of the people of a source, those who are left, by when they were last seen, and says how many of them will
// come by themselves. The zero Remainder is not usable: see NewRemainder.
type Remainder struct {
	since, at time.Time
	all       *tally // everybody, as they were when people began to move
	left      *tally
}

// NewRemainder returns one that has counted nobody, of a migration in which people move by logging in since a time.
func NewRemainder(since, at time.Time) *Remainder {
	if since.IsZero() || since.After(at) {
		since = at
	}
	return &Remainder{since, at, newTally(), newTally()}
}

// Add counts somebody, who is left or not. Whoever is not disabled counts as somebody who can log in.
func (r *Remainder) Add(u legacy.User, left bool) {
	r.all.People++
	before := u
	if before.LastLoginAt.After(r.since) { // an application that still has logins of its own
		before.LastLoginAt = r.since
	}
	r.all.times(&before, !u.Disabled, r.since)
	if left {
		r.left.People++
		r.left.times(&u, !u.Disabled, r.at)
	}
}

// A Rest is what a Remainder has counted.
type Rest struct {
	People int64 `json:"people"` // of the source
	Left   int64 `json:"left"`
	// LastLogins are those of who is left; empty: the source does not tell them. Never is how many of them it knows none of.
	LastLogins []Bin `json:"last_logins"`
	Never      int64 `json:"never_logged_in"`
	// Horizons say how many of who is left will come by themselves; empty: nobody knows.
	Horizons []Horizon `json:"horizons"`
}

// Rest returns what was counted. The forecast is the survey's (see forecastModel), of people as they were when they began to move:
// the share who then had been away for s to s+t days comes within the next t days, where s is how long people have moved by now.
func (r *Remainder) Rest() Rest {
	rest := Rest{People: r.all.People, Left: r.left.People, Never: r.left.People - r.left.WithLogin, LastLogins: []Bin{}, Horizons: []Horizon{}}
	if r.all.WithLogin == 0 {
		return rest
	}
	rest.LastLogins = histogram(r.left.Ages)
	passed := int(r.at.Sub(r.since) / (24 * time.Hour))
	were := r.all.within(passed)
	people := float64(rest.Left)
	for _, days := range horizons {
		come := r.all.within(passed + days)
		moved := Range{min(max(0, come.Low-were.Low), people), min(max(0, come.High-were.High), people)}
		moved.Low = min(moved.Low, moved.High)
		rest.Horizons = append(rest.Horizons, Horizon{Days: days, Moved: moved, Left: Range{people - moved.High, people - moved.Low}})
	}
	return rest
}
