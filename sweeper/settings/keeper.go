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
	// Beside returns what holds the sweeper up beside a document at a time, where that is not off; nil: that is not known here.
	Beside func(ctx context.Context, d Document, now time.Time) ([]Hold, error)
	// Slowed returns in words why the sweeper is slower than it is set; "": it is not. nil: that is not known here.
	Slowed func(context.Context) (string, error)

	good atomic.Int64 // the version that was last found to be as it must be
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
	e := Edit{Patch: c.Patch, Until: c.Until, By: c.By.Actor, Reason: c.By.Reason, Start: c.Command == accounts.SweepStart}
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
	if opens, closes := windows.Next(now); opens.Equal(now) {
		v.Closes = orNil(closes)
	}
	v.Holds = d.Holds(now)
	if k.Beside == nil || v.Effective.State == Off {
		return v, nil
	}
	beside, err := k.Beside(ctx, d, now)
	if err != nil { // what cannot be read holds it up
		beside = []Hold{{Cause: CauseSignal, Text: "what the run and the governor say cannot be read"}}
	}
	v.Holds = append(v.Holds, beside...)
	if k.Slowed != nil && len(v.Holds) == 0 {
		if slowed, err := k.Slowed(ctx); err == nil {
			v.Slowed = slowed
		}
	}
	return v, nil
}

func orNil(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	t = t.UTC()
	return &t
}
