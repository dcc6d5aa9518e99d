package survey

import (
	"fmt"
	"slices"
	"strings"
)

// A Road is a way to move everybody.
type Road struct {
	Name        string `json:"name"`
	Possible    bool   `json:"possible"`
	Outage      Range  `json:"outage_seconds"` // nobody logs in for so long
	Takes       string `json:"takes"`
	Works       string `json:"works"`    // what works meanwhile
	WayBack     string `json:"way_back"` // what a rollback costs
	Why         string `json:"why"`      // what speaks for it or against it here
	Recommended bool   `json:"recommended"`
}

// The roads.
const (
	roadOffline = "offline copy"
	roadLazy    = "lazy"
	roadDual    = "dual-write"
)

// shortOutage is what many would accept at night, in seconds.
const shortOutage = 30 * 60

// dualPhases is how many phases of dual-write want to be watched before the next: shadow, both, ramp. A day each is the
// least that shows a whole day's traffic, a week each shows a weekend too.
const dualPhases = 3

// situation is what the choice of a road depends on.
type situation struct {
	verifyOnly bool  // a source does not show its passwords
	notShown   int64 // people whose password is not shown
	unlisted   bool  // some source cannot list its people
	writable   bool  // every source takes changes back
	writers    []string
	hidden     bool // something could not be looked at
}

func situationOf(r *Report) situation {
	s := situation{writable: true}
	for _, source := range r.Sources {
		s.verifyOnly = s.verifyOnly || verifyOnly(source.Accounts, source.NotShown)
		s.notShown += source.NotShown
		s.unlisted = s.unlisted || !source.Walked
		s.writable = s.writable && slices.ContainsFunc(source.Capabilities, func(c Capability) bool { return c.Name == "takes changes back" && c.Has })
		if c := source.Changes; c != nil && c.Came+c.Went+c.Changed > 0 {
			s.writers = append(s.writers, fmt.Sprintf("%s of %s changed by others since %s", counting(c.Came+c.Went+c.Changed, "row"), source.Name, c.Since.Format("2006-01-02 15:04")))
		}
		if source.Dependents == nil {
			s.hidden = true
			continue
		}
		s.hidden = s.hidden || len(source.Dependents.Hidden) > 0
		for _, kind := range []string{"trigger", "routine", "foreign key", "client"} {
			if n := countKind(source.Dependents, kind); n > 0 {
				s.writers = append(s.writers, fmt.Sprintf("%s has %s", source.Name, plural(n, kind)))
			}
		}
	}
	return s
}

func countKind(d *Dependents, kind string) int {
	n := 0
	for _, one := range d.Found {
		if one.Kind == kind {
			n++
		}
	}
	return n
}

func plural(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// roadsOf compares the roads and recommends one.
//
// Lazy is recommended unless something speaks against it: nothing is switched off and nothing is written to the old store.
// Dual-write is recommended where others work with the old rows and every source takes changes: they would go on seeing
// what they always saw. An offline copy is never more than an alternative: it is the only one that shuts people out.
func roadsOf(r *Report) ([]Road, string) {
	s := situationOf(r)
	sweep := span(r.Sweep.Seconds)
	offline := Road{
		Name: roadOffline, Possible: !s.verifyOnly && !s.unlisted, Outage: r.Sweep.Seconds, Takes: sweep + ", in one go",
		Works:   "nothing that asks for a login: the old store must not change while it is copied",
		WayBack: "until it is opened again: at once, the old store was only read; after that, what changed here is lost to the old store",
	}
	switch {
	case s.unlisted:
		offline.Why = "not possible: a source cannot list its people"
	case s.verifyOnly:
		offline.Why = "not possible: a source does not show its hashes, and everybody would need a reset"
	case r.Sweep.Seconds.High <= shortOutage:
		offline.Why = "if nobody minds " + sweep + " without logins at night, this is the shortest road"
	default:
		offline.Why = "an outage of " + sweep
	}
	if offline.Possible && s.notShown > 0 {
		offline.Why += fmt.Sprintf("; %s whose password is not shown would need a reset", persons(s.notShown))
	}
	lazy := Road{
		Name: roadLazy, Possible: true,
		Takes:   "no outage; people move as they log in, and the sweeper moves the others in " + sweep + " of work, spread as one likes",
		Works:   "everything; the old store is only read, and must stay readable until the last account has moved",
		WayBack: "accounts that have not moved: at once; those whose password was changed here stay here, or need copy-back",
		Why:     "nobody is shut out, and nothing is written to the old store",
	}
	if f := r.Forecast; f.Known && len(f.Horizons) > 1 {
		lazy.Takes = fmt.Sprintf("no outage; %s people move by themselves in %d days, the sweeper moves the others in %s of work, spread as one likes",
			people(f.Horizons[1].Moved), f.Horizons[1].Days, sweep)
	}
	if s.verifyOnly || s.unlisted {
		lazy.Takes = "no outage; until everybody who will come has come: the sweeper cannot move passwords that it is not shown"
		lazy.Why = "the only road: passwords of one source at least are seen only when they are typed"
	}
	dual := Road{
		Name: roadDual, Possible: s.writable && !s.verifyOnly && !s.unlisted,
		Takes:   fmt.Sprintf("no outage; %s of sweeping, and %d phases to be watched for a day to a week each", sweep, dualPhases),
		Works:   "everything, for the applications beside it too: each change is written to both stores",
		WayBack: "at any time and without a loss, to the old store as it then is",
		Why:     "for those who must be able to go back at every step",
	}
	if !dual.Possible {
		dual.Why = "not possible: a source takes no changes back"
	}
	best := &lazy
	if dual.Possible && len(s.writers) > 0 {
		best = &dual
		dual.Why = "others work with the old rows: " + firstFew(s.writers)
	} else if len(s.writers) > 0 {
		lazy.Why += "; mind that others work with the old rows and will not see what changes here: " + firstFew(s.writers)
	}
	if s.hidden && len(s.writers) == 0 {
		lazy.Why += "; not everything that depends on the sources could be looked at"
	}
	best.Recommended = true
	return []Road{offline, lazy, dual}, best.Name + ": " + best.Why
}

// firstFew joins some reasons.
func firstFew(reasons []string) string {
	const most = 3
	text := strings.Join(reasons[:min(len(reasons), most)], ", ")
	if len(reasons) > most {
		text += ", …"
	}
	return text
}
