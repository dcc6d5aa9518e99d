// Package settings is the document that says how the sweeper works: its fields, what they may be, and how the document is
// changed while the sweeper runs. It reads no store and starts nothing.
//
// What is stored is sparse: only what somebody has set. What nobody has set is as Default says, in the version that reads it.
package settings

import (
	"encoding/json"
	"errors"
	"math"
	"slices"
	"strings"
	"time"

	"rekey/sweeper/schedule"
)

// A State is what people want of the sweeper. Whether it then works depends on the schedule and the governor too.
type State string

// States.
const (
	Off      State = "off"      // nothing runs, and no run begins
	Running  State = "running"  // runs go on
	Paused   State = "paused"   // runs stay where they are
	Draining State = "draining" // what is under way is finished and nothing is begun; then it is off
)

// An Order says whom a run takes first.
type Order string

// Orders.
const (
	ByKey    Order = "key"      // as the old store has them
	Inactive Order = "inactive" // whose last login is longest ago
	Weakest  Order = "weakest"  // who has the weakest hash
)

// A Hash says what becomes of a hash whose password nobody has typed.
type Hash string

// What becomes of it.
const (
	Auto  Hash = "auto"  // a strong one is carried, others are wrapped
	Carry Hash = "carry" // a strong one is carried, others are not moved
	Wrap  Hash = "wrap"  // any is wrapped
	Reset Hash = "reset" // none is kept: the person sets a new password
)

// Settings are how the sweeper works.
type Settings struct {
	State    State    `json:"state"`
	Schedule Schedule `json:"schedule"`
	Workers  int      `json:"workers"` // of the whole fleet
	// AccountsPerSecond is of the whole fleet too, and of people who may be moved: who is here already takes no turn. At 0 it stands still.
	AccountsPerSecond Rate        `json:"accounts_per_second"`
	Batch             Batch       `json:"batch"`
	Chunk             int         `json:"chunk"` // people that a worker claims at once, at most: of a small source fewer, so that all workers have some
	Order             Order       `json:"order"`
	Filter            string      `json:"filter"` // an expression that tells whom a run takes; "": everybody
	Hash              Hash        `json:"hash"`
	DryRun            bool        `json:"dry_run"`
	ErrorBudget       ErrorBudget `json:"error_budget"`
	Sources           []string    `json:"sources"` // empty: all
	Every             Interval    `json:"every"`   // from the end of a run to the beginning of the next
	// Governor is the limits of the governor, which reads them; null: its own.
	Governor json.RawMessage `json:"governor"`
}

// A Schedule says when the sweeper may work; see package schedule.
type Schedule struct {
	Zone     string   `json:"zone"` // "": UTC
	Windows  []string `json:"windows"`
	Blackout []string `json:"blackout"`
}

// Compile returns the schedule as it can be asked. What Document.Check has passed compiles.
func (s Schedule) Compile() (schedule.Schedule, error) {
	return schedule.New(s.Zone, s.Windows, s.Blackout)
}

// A Batch is what one transaction writes.
type Batch struct {
	TargetMS int `json:"target_ms"` // milliseconds that one is to take: the number of people is adapted to it
	Max      int `json:"max"`       // people
}

// Target returns how long a batch is to take.
func (b Batch) Target() time.Duration { return time.Duration(b.TargetMS) * time.Millisecond }

// An ErrorBudget says how many people of a run may fail before it pauses itself.
type ErrorBudget struct {
	Share   float64 `json:"share"`    // of those tried, 0 to 1
	AtLeast int     `json:"at_least"` // fewer than this never pause it, whatever their share
}

// Spent reports whether so many failures of so many people are too many.
func (b ErrorBudget) Spent(failed, tried int64) bool {
	return failed >= int64(b.AtLeast) && float64(failed) > b.Share*float64(tried)
}

// A Rate is a number of accounts a second.
type Rate float64

// Max is a Rate without a bound.
var Max = Rate(math.Inf(1))

// Unbounded reports whether it has no bound.
func (r Rate) Unbounded() bool { return math.IsInf(float64(r), 1) }

// MarshalJSON writes a number, or "max".
func (r Rate) MarshalJSON() ([]byte, error) {
	if r.Unbounded() {
		return []byte(`"max"`), nil
	}
	return json.Marshal(float64(r))
}

var errRate = errors.New("not a number, nor max")

// UnmarshalJSON reads a number, or "max".
func (r *Rate) UnmarshalJSON(text []byte) error {
	if string(text) == `"max"` {
		*r = Max
		return nil
	}
	var number float64
	if text[0] == '"' || json.Unmarshal(text, &number) != nil {
		return errRate
	}
	*r = Rate(number)
	return nil
}

// An Interval is a time between two runs. At 0 none begins by itself.
type Interval time.Duration

// String writes it as people do: 24h, 90m, off.
func (i Interval) String() string {
	if i == 0 {
		return "off"
	}
	text := time.Duration(i).String()
	if strings.HasSuffix(text, "m0s") {
		text = strings.TrimSuffix(text, "0s")
	}
	if strings.HasSuffix(text, "h0m") {
		text = strings.TrimSuffix(text, "0m")
	}
	return text
}

// MarshalJSON writes a duration such as "24h", or "off".
func (i Interval) MarshalJSON() ([]byte, error) { return json.Marshal(i.String()) }

var errInterval = errors.New("not a duration, nor off")

// UnmarshalJSON reads what MarshalJSON writes; off is 0 too.
func (i *Interval) UnmarshalJSON(text []byte) error {
	var word string
	switch err := json.Unmarshal(text, &word); {
	case string(text) == "0", word == "off":
		*i = 0
		return nil
	case err != nil:
		return errInterval
	}
	d, err := time.ParseDuration(word)
	if err != nil {
		return errInterval
	}
	*i = Interval(d)
	return nil
}

// A Document is the settings, and what holds for a while in their place.
type Document struct {
	Settings
	Overrides []Override `json:"overrides"` // a later one goes before an earlier one
	// StateChange is who has last changed the state; nil: nobody ever did.
	StateChange *StateChange `json:"state_change,omitempty"`
	// Started is who has last asked for a run; nil: nobody ever did.
	Started *Started `json:"started,omitempty"`
}

// A Started is who has asked for a run, and how often that was done: a run that has ended writes down the number, so that nobody
// has to compare the clocks of two machines to see whether another one was asked for since.
type Started struct {
	StateChange
	Number int64 `json:"number"` // from 1
}

// Starts returns how often a run was asked for.
func (d Document) Starts() int64 {
	if d.Started == nil {
		return 0
	}
	return d.Started.Number
}

// A StateChange is who has changed the state, when and why.
type StateChange struct {
	At     time.Time `json:"at"`
	By     string    `json:"by"`
	Reason string    `json:"reason"`
	From   State     `json:"from,omitempty"` // what it was
}

// Resumed returns when somebody has resumed what was paused; zero if that is not what makes it run.
func (d Document) Resumed() time.Time {
	if d.State != Running || d.StateChange == nil || d.StateChange.From != Paused {
		return time.Time{}
	}
	return d.StateChange.At
}

// pausedOff reports whether what is paused was off: runs of people at a terminal alone are held by it.
func (d Document) pausedOff() bool {
	return d.State == Paused && d.StateChange != nil && d.StateChange.From == Off
}

// An Override is settings that hold until some time, and then end by themselves.
type Override struct {
	Until  time.Time       `json:"until"`
	By     string          `json:"by"`
	Reason string          `json:"reason"`
	Set    json.RawMessage `json:"set"` // a part of Settings; of the states it can only have paused
}

// Live reports whether it holds at a time.
func (o Override) Live(at time.Time) bool { return at.Before(o.Until) }

// Default returns what holds while nobody has said anything. It does nothing until somebody starts it, and then goes slowly:
// who wants more says so.
func Default() Document {
	return Document{
		Settings: Settings{
			State: Off, Schedule: Schedule{Windows: []string{}, Blackout: []string{}},
			Workers:           1,   // who logs in feels a second one
			AccountsPerSecond: 200, // a million in 84 minutes, and a fortieth of what an old store on one machine takes
			Batch:             Batch{TargetMS: 500, Max: 2000}, Chunk: 10_000,
			Order: ByKey, Hash: Auto, ErrorBudget: ErrorBudget{Share: 0.05, AtLeast: 100}, Sources: []string{},
			Every: Interval(24 * time.Hour), // people register in the old stores, and change what kept them there
		},
		Overrides: []Override{},
	}
}

// Effective returns the settings that hold at a time. An override can pause what runs and never starts what does not: a
// person who pauses it has the last word.
func (d Document) Effective(at time.Time) Settings {
	s := d.Settings
	for _, o := range d.Overrides {
		if o.Live(at) {
			_ = read("", o.Set, &s, false) // Decode has read it before
		}
	}
	if d.State != Running {
		s.State = d.State
	}
	return s
}

// ChangesAfter returns when an override ends next after a time; zero if none does.
func (d Document) ChangesAfter(at time.Time) time.Time {
	var next time.Time
	for _, o := range d.Overrides {
		if o.Live(at) && (next.IsZero() || o.Until.Before(next)) {
			next = o.Until
		}
	}
	return next
}

// live returns the overrides that hold at a time.
func (d Document) live(at time.Time) []Override {
	return slices.DeleteFunc(slices.Clone(d.Overrides), func(o Override) bool { return !o.Live(at) })
}
