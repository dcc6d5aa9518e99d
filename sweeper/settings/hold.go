package settings

import (
	"fmt"
	"time"
)

// A Cause is what kind of thing keeps everybody from being moved.
type Cause string

// Causes. The settings and the schedule are those that a Document tells; the others are package sweeper's.
const (
	CauseOff      Cause = "off"      // nobody has asked for a run
	CausePaused   Cause = "paused"   // by a person, or by the error budget
	CauseDraining Cause = "draining" // what was begun is ended, and nothing more begun
	CauseRate     Cause = "rate"     // it is set to 0
	CauseWindow   Cause = "window"   // by the schedule
	CauseNoRun    Cause = "no-run"   // there is nothing to do, or it has yet to begin
	CauseNames    Cause = "names"    // those that several people hold are being looked for
	CauseOther    Cause = "other-run"
	CausePhase    Cause = "phase"
	CauseSignal   Cause = "signal" // by the governor
)

// A Hold is why nobody is moved. Several may hold at once, and each is told.
type Hold struct {
	Cause Cause      `json:"cause"`
	Text  string     `json:"text"`            // a sentence, for people
	Until *time.Time `json:"until,omitempty"` // when it ends by itself; nil: it does not, or nobody knows
}

// Holds returns why the document lets nobody be moved at a time: by its state, its rate and its schedule. Where it is off nothing
// else counts. The document is one that Check has passed.
func (d Document) Holds(now time.Time) []Hold {
	effective := d.Effective(now)
	holds := d.stateHolds(now)
	if effective.State == Off {
		return holds
	}
	if effective.AccountsPerSecond == 0 {
		holds = append(holds, Hold{Cause: CauseRate, Text: "accounts_per_second is 0"})
	}
	return append(holds, effective.Schedule.holds(now)...)
}

// stateHolds returns why the state lets nothing run.
func (d Document) stateHolds(now time.Time) []Hold {
	change := d.StateChange
	switch d.State {
	case Off:
		return []Hold{{Cause: CauseOff, Text: changedBy("off", change)}}
	case Paused:
		return []Hold{{Cause: CausePaused, Text: changedBy("paused", change)}}
	case Draining:
		return []Hold{{Cause: CauseDraining, Text: changedBy("draining", change) + "; what was begun is ended, and nothing more is begun"}}
	case Running:
	}
	for _, o := range d.live(now) {
		if d.with(o).State == Paused {
			return []Hold{{CausePaused, fmt.Sprintf("paused by %s until %s: %s", o.By, o.Until.Format(time.RFC3339), o.Reason), orNil(o.Until)}}
		}
	}
	return []Hold{}
}

func changedBy(state string, c *StateChange) string {
	if c == nil {
		return "nobody has started it"
	}
	return fmt.Sprintf("%s since %s by %s: %s", state, c.At.Format(time.RFC3339), c.By, c.Reason)
}

// holds returns whether it is closed.
func (s Schedule) holds(now time.Time) []Hold {
	windows, err := s.Compile()
	if err != nil {
		return []Hold{{Cause: CauseWindow, Text: "the schedule cannot be read"}}
	}
	switch opens, _ := windows.Next(now); {
	case opens.Equal(now):
		return nil
	case opens.IsZero():
		return []Hold{{Cause: CauseWindow, Text: "outside the windows, and none opens within a year"}}
	default:
		text := "outside the windows; the next one opens " + opens.In(windows.Zone()).Format("Mon 2006-01-02 15:04 MST")
		return []Hold{{CauseWindow, text, orNil(opens)}}
	}
}
