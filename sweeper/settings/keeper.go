package settings

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"rekey/accounts"
)

// A Keeper shows the settings and changes them. Documents.Store is required. It may be used by many at once.
type Keeper struct {
	Documents accounts.SweepDocuments
	Checks    Checks
	// Signals returns what holds the sweeper up beside the settings, or in words why it is slower than they say; nil: that is not
	// known here.
	Signals func(context.Context) (holds []Hold, slowed string, err error)

	good atomic.Int64 // the version that was last found to be as it must be
}

// A Cause is what kind of thing holds the sweeper up.
type Cause string

// Causes.
const (
	CauseOff    Cause = "off"
	CausePaused Cause = "paused" // by a person
	CauseWindow Cause = "window" // by the schedule
	CauseRate   Cause = "rate"   // it is set to 0
	CauseSignal Cause = "signal" // by the governor
)

// A Hold is why nothing runs.
type Hold struct {
	Cause Cause      `json:"cause"`
	Text  string     `json:"text"`            // a sentence, for people
	Until *time.Time `json:"until,omitempty"` // when it ends by itself; nil: it does not, or nobody knows
}

// A View is what there is to see of the settings.
type View struct {
	Version   int64      `json:"version"`
	ChangedAt *time.Time `json:"changed_at,omitempty"`
	ChangedBy string     `json:"changed_by,omitempty"`
	At        time.Time  `json:"at"` // when it was looked at

	Settings       Document   `json:"settings"`                  // as they are set
	Effective      Settings   `json:"effective"`                 // as they hold at that time
	EffectiveUntil *time.Time `json:"effective_until,omitempty"` // when an override ends; nil: none holds

	Holds  []Hold     `json:"holds"`            // why nothing runs: all of it; empty: it may
	Slowed string     `json:"slowed,omitempty"` // why it is slower than it is set; "": it is not, or nobody knows
	Closes *time.Time `json:"closes,omitempty"` // when the window ends that it is in; nil: it is in none, or it has no end

	DryRun  bool     `json:"dry_run,omitempty"` // it is as it would be
	Changes []Change `json:"changes,omitempty"` // that were made
}

// Read returns the settings and their version, for who works by them. Its error is an *accounts.UnavailableError, or says that
// the stored document cannot be read, or has what this version does not take: nothing may run then.
func (k *Keeper) Read(ctx context.Context) (Document, int64, error) {
	row, err := k.Documents.Read(ctx)
	if err != nil {
		return Document{}, 0, err
	}
	d, err := Decode(row.JSON)
	if err != nil {
		return Document{}, 0, err
	}
	if k.good.Load() != row.Version { // a filter takes a while to compile, and many ask twice a second
		if err := d.Check(Checks{}); err != nil {
			return Document{}, 0, errStored(err)
		}
		k.good.Store(row.Version)
	}
	return d, row.Version, nil
}

// Look returns what there is to see. Its error is an *accounts.UnavailableError, or says that the stored document cannot be
// read.
func (k *Keeper) Look(ctx context.Context) (View, error) {
	row, err := k.Documents.Read(ctx)
	if err != nil {
		return View{}, err
	}
	return k.view(ctx, row)
}

// retries bounds how often a change that names no version is tried: each time somebody else was quicker.
const retries = 20

// Change makes a change, and returns what there is to see then. What is so already changes nothing, and leaves no event. Its
// errors are those of Look, an *accounts.InvalidError for each field that cannot be so, joined, and accounts.ErrStale if the
// settings have another version than the change names.
func (k *Keeper) Change(ctx context.Context, c accounts.SweepChange) (View, error) {
	if err := c.By.Check(); err != nil {
		return View{}, err
	}
	var err error
	for range retries {
		var v View
		v, err = k.change(ctx, c)
		if c.Version != 0 || !errors.Is(err, accounts.ErrStale) {
			return v, err
		}
	}
	return View{}, err
}

// change tries it once.
func (k *Keeper) change(ctx context.Context, c accounts.SweepChange) (View, error) {
	row, err := k.Documents.Read(ctx)
	if err != nil {
		return View{}, err
	}
	if c.Version != 0 && c.Version != row.Version {
		return View{}, accounts.ErrStale
	}
	e := Edit{Patch: c.Patch, Until: c.Until, By: c.By.Actor, Reason: c.By.Reason}
	if c.Command != "" {
		if e.Patch, err = command(row.JSON, c.Command); err != nil {
			return View{}, err
		}
	}
	next, changes, err := Apply(row.JSON, e, k.Documents.At(), k.Checks)
	switch {
	case err != nil:
		return View{}, err
	case c.DryRun:
		row.JSON = next
	case len(changes) > 0:
		if row, err = k.Documents.Put(ctx, row.Version, next, Detail(changes), c.By); err != nil {
			return View{}, err
		}
	}
	v, err := k.view(ctx, row)
	v.DryRun, v.Changes = c.DryRun, changes
	return v, err
}

// commands is what state each leads to from each. One that is missing is refused.
var commands = map[accounts.SweepCommand]map[State]State{
	accounts.SweepStart:  {Off: Running, Running: Running, Paused: Running, Draining: Running},
	accounts.SweepResume: {Running: Running, Paused: Running, Draining: Running},
	accounts.SweepPause:  {Off: Off, Running: Paused, Paused: Paused, Draining: Paused},
	accounts.SweepStop:   {Off: Off, Running: Draining, Paused: Off, Draining: Draining}, // paused: nothing is under way
}

// command returns the patch that a command is.
func command(stored []byte, c accounts.SweepCommand) ([]byte, error) {
	d, err := Decode(stored)
	if err != nil {
		return nil, err
	}
	to, known := commands[c]
	state, ok := to[d.State]
	switch {
	case !known:
		return nil, invalid("command", "must be start, resume, pause or stop")
	case !ok:
		return nil, invalid("state", fmt.Sprintf("is %s: there is nothing to %s", d.State, c))
	}
	return written(map[string]State{"state": state}), nil
}

func (k *Keeper) view(ctx context.Context, row accounts.SweepDocument) (View, error) {
	d, err := Decode(row.JSON)
	if err != nil {
		return View{}, err
	}
	now := k.Documents.At().UTC()
	v := View{
		Version: row.Version, ChangedAt: orNil(row.ChangedAt), ChangedBy: row.ChangedBy, At: now, Settings: d, Effective: d.Effective(now),
		EffectiveUntil: orNil(d.ChangesAfter(now)),
	}
	v.Settings.Overrides = d.live(now)
	windows, err := v.Effective.Schedule.Compile()
	if err != nil {
		return View{}, errStored(err)
	}
	v.Holds = append(d.stateHolds(now), v.Effective.rateHolds()...)
	opens, closes := windows.Next(now)
	switch {
	case opens.Equal(now):
		v.Closes = orNil(closes)
	case opens.IsZero():
		v.Holds = append(v.Holds, Hold{Cause: CauseWindow, Text: "outside the windows, and none opens within a year"})
	default:
		text := "outside the windows; the next one opens " + opens.In(windows.Zone()).Format("Mon 2006-01-02 15:04 MST")
		v.Holds = append(v.Holds, Hold{CauseWindow, text, orNil(opens)})
	}
	if k.Signals == nil {
		return v, nil
	}
	signals, slowed, err := k.Signals(ctx)
	if err != nil { // what cannot be read holds it up
		signals = []Hold{{Cause: CauseSignal, Text: "what the governor says cannot be read"}}
	}
	v.Holds, v.Slowed = append(v.Holds, signals...), slowed
	return v, nil
}

// stateHolds returns why the state lets nothing run.
func (d Document) stateHolds(now time.Time) []Hold {
	change := d.StateChange
	switch d.State {
	case Off:
		return []Hold{{Cause: CauseOff, Text: changedBy("off", change)}}
	case Paused:
		return []Hold{{Cause: CausePaused, Text: changedBy("paused", change)}}
	case Running, Draining:
	}
	for _, o := range d.live(now) {
		if d.State == Running && d.with(o).State == Paused {
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

func (s Settings) rateHolds() []Hold {
	if s.AccountsPerSecond == 0 {
		return []Hold{{Cause: CauseRate, Text: "accounts_per_second is 0"}}
	}
	return nil
}

func orNil(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	t = t.UTC()
	return &t
}
