package survey

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"rekey/accounts"
	"rekey/legacy"
)

// A Report is what a survey found. Its JSON is for other people's scripts: fields are added and never renamed.
type Report struct {
	At          time.Time      `json:"at"` // when the survey began, in UTC
	Accounts    int64          `json:"accounts"`
	Limit       int64          `json:"limit,omitempty"` // only so many people of each source were looked at
	Sources     []SourceReport `json:"sources"`
	Collisions  Collisions     `json:"collisions"`
	Forecast    Forecast       `json:"forecast"`
	Sweep       Sweep          `json:"sweep"`
	Roads       []Road         `json:"roads"`
	Recommended string         `json:"recommended"`
}

// A SourceReport is what was found in one source.
type SourceReport struct {
	Name     string `json:"name"`
	Walked   bool   `json:"walked"` // false: the source cannot list its people, and the numbers below are 0
	Accounts int64  `json:"accounts"`
	// BytesRead is the length of everything that was read of them; StoreBytes, what the store says that the table takes.
	BytesRead  int64 `json:"bytes_read"`
	StoreBytes int64 `json:"store_bytes,omitempty"`

	Schemes    []SchemeCount `json:"schemes"`
	Unreadable []Foreign     `json:"unreadable"`
	NoPassword int64         `json:"no_password"` // none, empty or locked: no password matches
	NotShown   int64         `json:"not_shown"`   // the source verifies, and does not show their hashes

	Identifiers    map[accounts.Kind]int64 `json:"identifiers"`
	Respelled      int64                   `json:"respelled"`
	BadIdentifiers []Counted               `json:"bad_identifiers"`
	Nameless       int64                   `json:"nameless"`

	Disabled      int64 `json:"disabled"`
	NeverLoggedIn int64 `json:"never_logged_in"` // -1: the source does not tell last logins
	Unverified    int64 `json:"unverified"`      // of those with an e-mail; -1: the source does not tell
	SecondFactor  int64 `json:"second_factor"`
	External      int64 `json:"external"`

	BadRows    int64     `json:"bad_rows"`
	BadReasons []Counted `json:"bad_reasons"`
	BadKeys    []string  `json:"bad_keys,omitempty"` // of the first few; "line 7" of a record of a file that has none

	Notes []Note `json:"notes"` // what had to be mended before people could be looked at

	LastLogins   []Bin        `json:"last_logins"`
	Dependents   *Dependents  `json:"dependents,omitempty"` // nil: it cannot be asked
	Changes      *Changes     `json:"changes,omitempty"`    // nil: there is no earlier survey to compare with
	Capabilities []Capability `json:"capabilities"`
}

// A SchemeCount is a line of the table of schemes.
type SchemeCount struct {
	Scheme   string   `json:"scheme"`
	Strength Strength `json:"strength"`
	Carried  bool     `json:"carried"` // strong enough to be kept as it is; the others are wrapped
	Count    int64    `json:"count"`
}

// Counted is a name and how often it was met.
type Counted struct {
	Name  string `json:"name"`
	Count int64  `json:"count"`
}

// A Bin is a bar of the histogram of last logins: people whose last login is less than Days ago, and in no bar before.
type Bin struct {
	Label string `json:"label"`
	Days  int    `json:"days"` // 0: longer ago than any other
	Count int64  `json:"count"`
}

// Dependents is what hangs on a source, as far as the source shows it.
type Dependents struct {
	Found    []Dependent `json:"found"`
	Unmapped []string    `json:"unmapped"` // columns that are not read
	Bytes    int64       `json:"-"`        // what the source takes; 0: not known
	Rows     int64       `json:"-"`        // how many people it has by its own estimate; 0: not known
	Hidden   []string    `json:"hidden"`   // what could not be looked at, and why
}

// A Dependent is one thing that would notice if the source were gone.
type Dependent struct {
	Kind   string `json:"kind"`
	Name   string `json:"name"`
	Detail string `json:"detail"`
}

// Changes is what others have done to a source since the survey before. Numbers above a handful are estimates, good to
// some percent.
type Changes struct {
	Since    time.Time `json:"since"`
	Came     int64     `json:"came"`
	Went     int64     `json:"went"`
	Changed  int64     `json:"changed"`   // credential, identifiers, status, roles or verification
	LoggedIn int64     `json:"logged_in"` // the last login is another
	More     bool      `json:"more"`      // and more than these: there were too many to tell apart
}

// bins are the bars of the histogram.
var bins = []Bin{
	{Label: "today", Days: 1}, {Label: "week", Days: 7}, {Label: "month", Days: 30}, {Label: "3 months", Days: 90},
	{Label: "6 months", Days: 180}, {Label: "year", Days: 365}, {Label: "2 years", Days: 730}, {Label: "5 years", Days: 1825},
	{Label: "longer ago"},
}

func (s *survey) report(dependents []*Dependents, collisions Collisions, t timing) *Report {
	r := &Report{At: s.state.Started, Limit: s.c.Limit, Collisions: collisions}
	all := newTally()
	var reading time.Duration
	for i, source := range s.c.Sources {
		p := s.state.Sources[i]
		all.add(p.Tally)
		reading += p.Reading
		one := sourceReport(source, p.Tally, dependents[i])
		one.Changes, one.Notes = s.changes(i), append([]Note{}, p.Notes...)
		r.Sources = append(r.Sources, one)
	}
	r.Accounts = all.People
	r.Forecast = forecastOf(all, r.Sources, r.At)
	r.Sweep = sweepOf(all, reading, t)
	r.Roads, r.Recommended = roadsOf(r)
	return r
}

func sourceReport(source Source, t *tally, dependents *Dependents) SourceReport {
	_, walked := source.Source.(legacy.Lister)
	r := SourceReport{
		Name: source.Name, Walked: walked, Accounts: t.People, BytesRead: t.Bytes, NoPassword: t.NoPassword, NotShown: t.NotShown,
		Identifiers: t.Identifiers, Respelled: t.Respelled, BadIdentifiers: counted(t.BadIdentifiers), Nameless: t.Nameless,
		Disabled: t.Disabled, NeverLoggedIn: t.People - t.WithLogin, Unverified: t.WithEmail - t.Verified,
		SecondFactor: t.WithFactor, External: t.External,
		BadRows: t.BadRows, BadReasons: counted(t.BadReasons), BadKeys: t.BadKeys, LastLogins: histogram(t.Ages),
		Dependents: dependents, Schemes: []SchemeCount{}, Unreadable: []Foreign{}, Capabilities: capabilitiesOf(source, t),
	}
	// A source in which nobody has one has most likely no such column.
	if t.WithLogin == 0 {
		r.NeverLoggedIn, r.LastLogins = -1, []Bin{}
	}
	if t.Verified == 0 && !source.TellsVerified {
		r.Unverified = -1
	}
	if dependents != nil {
		r.StoreBytes = dependents.Bytes
	}
	for key, n := range t.Schemes {
		row := rowOf(key)
		r.Schemes = append(r.Schemes, SchemeCount{row.scheme, row.strength, row.carried, n})
	}
	slices.SortFunc(r.Schemes, func(a, b SchemeCount) int {
		return cmp.Or(cmp.Compare(b.Count, a.Count), cmp.Compare(a.Scheme, b.Scheme), cmp.Compare(a.Strength, b.Strength))
	})
	for _, f := range t.Unreadable {
		r.Unreadable = append(r.Unreadable, f.shown())
	}
	slices.SortFunc(r.Unreadable, func(a, b Foreign) int {
		return cmp.Or(cmp.Compare(b.Count, a.Count), cmp.Compare(a.key(), b.key()))
	})
	return r
}

func counted(counts map[string]int64) []Counted {
	list := []Counted{}
	for _, name := range slices.Sorted(maps.Keys(counts)) {
		list = append(list, Counted{name, counts[name]})
	}
	slices.SortStableFunc(list, func(a, b Counted) int { return cmp.Compare(b.Count, a.Count) })
	return list
}

func histogram(ages []int64) []Bin {
	list := slices.Clone(bins)
	for days, n := range ages {
		i := slices.IndexFunc(list, func(b Bin) bool { return days < b.Days })
		if i < 0 {
			i = len(list) - 1
		}
		list[i].Count += n
	}
	return list
}

// changes compares a source with the survey before.
func (s *survey) changes(i int) *Changes {
	previous := s.state.Previous
	if previous == nil {
		return nil
	}
	d := s.state.Sources[i].sketch.since(previous.Sketches[i])
	return &Changes{Since: previous.At, Came: d.came, Went: d.went, Changed: d.changed, LoggedIn: d.seen, More: d.saturated}
}

// A Capability is something that a source can or cannot do, and what follows for the move.
type Capability struct {
	Name    string `json:"name"`
	Has     bool   `json:"has"`
	Meaning string `json:"meaning"`
}

// capabilities is what sources differ in.
var capabilities = []struct {
	name      string
	has       func(Source, *tally) bool
	with      string
	otherwise string
}{
	{
		"lists its people", func(s Source, _ *tally) bool { _, ok := s.Source.(legacy.Lister); return ok },
		"the sweeper can move those who never log in",
		"nobody can be counted or swept: people move only by logging in, and at the end those who did not need a reset",
	},
	{
		"shows its hashes", func(_ Source, t *tally) bool { return t.People > t.NoPassword && !verifyOnly(t.People, t.NotShown) },
		"passwords are swept with their accounts, carried or wrapped",
		"profiles can be swept, passwords that it does not show cannot; at the end whoever has not logged in needs a reset",
	},
	{
		"is read by key", func(s Source, _ *tally) bool { _, ok := s.Source.(legacy.Getter); return ok },
		"somebody who is logged in and has not moved is checked again by their key",
		"a session of somebody who has not moved can only be checked by asking for their name again",
	},
	{
		"takes changes back", func(s Source, _ *tally) bool {
			w, ok := s.Source.(legacy.Writer)
			return ok && w.Writes().Password != legacy.PasswordNever && w.Writes().Conditional
		},
		"dual-write and copy-back are possible: a rollback loses nothing",
		"it is never written to: only the plan lazy is possible, and after a rollback passwords changed here are known here alone",
	},
	{
		"tells what changed", func(s Source, _ *tally) bool { _, ok := s.Source.(legacy.Watcher); return ok },
		"changes made there during the move are found as they happen",
		"changes made there during the move are found only by reading everything again",
	},
}

// verifyOnly reports whether a source is one that checks passwords and does not show them. Most do either; a directory that
// shows its hashes has some people without one, of whom it is not known whether they have a password.
func verifyOnly(people, notShown int64) bool { return notShown > 0 && 2*notShown >= people }

func capabilitiesOf(source Source, t *tally) []Capability {
	var list []Capability
	for _, c := range capabilities {
		one := Capability{Name: c.name, Has: c.has(source, t), Meaning: c.otherwise}
		if one.Has {
			one.Meaning = c.with
		}
		list = append(list, one)
	}
	return list
}
