package sweeper

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"sync"
	"time"

	"github.com/google/uuid"

	"rekey/accounts"
	"rekey/sweeper/settings"
)

// Orders are what workers obey: the settings, the schedule, the governor's verdict and the run, as they are at a moment.
type Orders struct {
	Run  accounts.Run // zero: there is none
	Spec Spec         // its
	// Holds are why nobody is moved; none: people are.
	Holds []settings.Hold

	Version int64         // of the settings
	Turns   int64         // another one for each rate; see accounts.Sweeps.TakeTurn
	Workers int           // chunks at once, on all machines together
	Share   float64       // of its time that each worker may work, above 0 and up to 1
	Speed   float64       // share of full speed that the governor lets it have
	Rate    float64       // people a second, on all machines together; math.Inf(1): as fast as it goes
	Batch   int           // people that are committed together, at most
	Target  time.Duration // how long that should take
	Chunk   int           // people of a chunk, at most; see chunkOf

	// Wanted is the run that is to begin while there is none; nil: none is.
	Wanted *Wanted
	Starts int64     // how often a run was asked for
	Begins time.Time // when it is to begin; see Wanted.begins
	// Spent reports whether so many failures of so many people are too many; nil: they never are.
	Spent func(failed, people int64) bool
	// Resumed is when somebody has resumed it, from when on failures count; zero: from the run's beginning.
	Resumed time.Time

	limits  json.RawMessage // of the governor
	attends bool            // the run is one that this process attends
	own     int             // workers of this process, if it does
}

// moves reports whether people are moved.
func (o Orders) moves() bool { return len(o.Holds) == 0 }

// held reports whether one of the holds is of a cause.
func (o Orders) held(cause settings.Cause) bool {
	for _, h := range o.Holds {
		if h.Cause == cause {
			return true
		}
	}
	return false
}

// Off reports whether nothing is to be done at all, for as long as nobody wants anything.
func (o Orders) Off() bool { return o.held(settings.CauseOff) && o.Run.ID == uuid.Nil }

// only reports whether nothing else holds.
func (o Orders) only(cause settings.Cause) bool { return len(o.Holds) == 1 && o.held(cause) }

// hold says a hold in words; "" if it does not hold.
func (o Orders) hold(cause settings.Cause) string {
	for _, h := range o.Holds {
		if h.Cause == cause {
			return h.Text
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
