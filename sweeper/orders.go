package sweeper

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"

	"rekey/accounts"
	"rekey/sweeper/governor"
)

// A HoldKind says what keeps everybody from being moved.
type HoldKind string

// What does.
const (
	HeldOff     HoldKind = "off"    // nobody has asked for a run
	HeldNoRun   HoldKind = "no-run" // there is nothing to do, or the planner has yet to begin
	HeldPaused  HoldKind = "paused" // a person has, or the error budget
	HeldDrained HoldKind = "draining"
	HeldWindow  HoldKind = "window" // of the schedule
	HeldRate    HoldKind = "rate"   // it is 0
	HeldSignals HoldKind = "signals"
	HeldPhase   HoldKind = "phase"
	HeldNames   HoldKind = "names"     // those that several people hold are being looked for
	HeldOther   HoldKind = "other-run" // somebody at a terminal has one of their own
)

// A Hold is why nobody is moved now. Several may hold at once, and each is told.
type Hold struct {
	Kind HoldKind  `json:"kind"`
	By   string    `json:"by,omitempty"`   // the person
	Why  string    `json:"why,omitempty"`  // in their words, or the store's
	Till time.Time `json:"till,omitzero"`  // when it ends by itself, where that is known
	Over []Signal  `json:"over,omitempty"` // the signals that do
}

// A Signal is one that has reached a limit.
type Signal = governor.Tripped

// String says it in words.
func (h Hold) String() string {
	text := map[HoldKind]string{
		HeldOff: "off", HeldNoRun: "no run", HeldPaused: "paused", HeldDrained: "draining: what was begun is ended, and nothing more begun",
		HeldWindow: "outside the window", HeldRate: "the rate is 0", HeldSignals: "held by signals", HeldPhase: "the phase",
		HeldNames: "looking for names that several people hold",
		HeldOther: "a run of somebody at a terminal has not ended",
	}[h.Kind]
	if h.By != "" {
		text += " by " + h.By
	}
	var more []string
	if h.Why != "" {
		more = append(more, h.Why)
	}
	if !h.Till.IsZero() {
		more = append(more, "until "+h.Till.UTC().Format(time.RFC3339))
	}
	if len(more) > 0 {
		text += ": " + strings.Join(more, ", ")
	}
	return text
}

// Orders are what workers obey: the settings, the schedule, the governor's verdict and the run, as they are at a moment.
type Orders struct {
	Run  accounts.Run // zero: there is none
	Spec Spec         // its
	// Holds are why nobody is moved; none: people are.
	Holds []Hold

	Version int64         // of the settings
	Turns   int64         // another one for each rate; see accounts.Sweeps.TakeTurn
	Workers int           // chunks at once, on all machines together
	Share   float64       // of its time that each worker may work, above 0 and up to 1
	Rate    float64       // people a second, on all machines together; math.Inf(1): as fast as it goes
	Batch   int           // people that are committed together, at most
	Target  time.Duration // how long that should take
	Chunk   int           // people of a chunk, about

	// Wanted is the run that is to begin while there is none; nil: none is.
	Wanted *Spec
	// Spent reports whether so many failures of so many people are too many; nil: they never are.
	Spent func(failed, people int64) bool

	limits  json.RawMessage // of the governor
	attends bool            // the run is one that this process attends
}

// moves reports whether people are moved.
func (o Orders) moves() bool { return len(o.Holds) == 0 }

// held reports whether one of the holds is of a kind.
func (o Orders) held(kind HoldKind) bool {
	for _, h := range o.Holds {
		if h.Kind == kind {
			return true
		}
	}
	return false
}

// Off reports whether nothing is to be done at all, for as long as nobody wants anything.
func (o Orders) Off() bool { return o.held(HeldOff) && o.Run.ID == uuid.Nil }

// only reports whether nothing else holds.
func (o Orders) only(kind HoldKind) bool { return len(o.Holds) == 1 && o.held(kind) }

// hold says a hold in words; "" if it does not hold.
func (o Orders) hold(kind HoldKind) string {
	for _, h := range o.Holds {
		if h.Kind == kind {
			return h.String()
		}
	}
	return ""
}

// most is how many people may be in a batch, so that no change of the rate has to wait for one.
func (o Orders) most() int {
	most := o.Batch
	if !math.IsInf(o.Rate, 1) {
		most = min(most, int(o.Rate*obeyed.Seconds()))
	}
	return max(most, 1)
}

// obeyed is how old what workers obey may be, and how long they wait without looking again. Twice that, and a batch, is within
// the second that is promised.
const obeyed = 250 * time.Millisecond

// A Desk is where workers and the planner of a process ask for orders. It asks the store for them no more often than it has to. It
// is safe for concurrent use.
type Desk struct {
	// Read reads the orders as they are.
	Read func(context.Context) (Orders, error)

	mu     sync.Mutex
	read   time.Time
	known  bool
	orders Orders
}

// Orders returns what is to be obeyed now. Where the store does not tell, nothing may be done: its error is Read's.
func (d *Desk) Orders(ctx context.Context) (Orders, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if !d.read.IsZero() && time.Since(d.read) < obeyed {
		return d.orders, nil
	}
	began := time.Now()
	o, err := d.Read(ctx)
	if err != nil {
		return Orders{}, fmt.Errorf("read what the sweep is to obey: %w", err)
	}
	d.read, d.orders, d.known = began, o, true
	return o, nil
}

// last returns the orders that were read last.
func (d *Desk) last() (o Orders, known bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.orders, d.known
}

// Forget has the next who asks read again.
func (d *Desk) Forget() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.read = time.Time{}
}
