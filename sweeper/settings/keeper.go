package settings

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync/atomic"
	"time"

	"github.com/google/uuid"

	"rekey/accounts"
)

// A Keeper shows the settings and changes them. Documents.Store is required. It may be used by many at once.
type Keeper struct {
	Documents accounts.SweepDocuments
	Checks    Checks
	// Beside returns what holds the sweeper up beside a document at a time, where that is not off; nil: that is not known here.
	Beside func(ctx context.Context, d Document, now time.Time) ([]Hold, error)
	// Attended returns the run of somebody at a terminal that has not ended, or nil; and EndAttended ends it. nil: none is known here.
	Attended    func(ctx context.Context) (*Attended, error)
	EndAttended func(ctx context.Context, by accounts.By) error
	// EndLeft ends the run of the settings if no process is at it, unless it is a dry run, and reports whether there is such a run.
	// nil: none is known here.
	EndLeft func(ctx context.Context, by accounts.By, dryRun bool) (bool, error)
	// Slowed returns in words why the sweeper is slower than it is set; "": it is not. nil: that is not known here.
	Slowed func(context.Context) (string, error)

	good atomic.Int64 // the version that was last found to be as it must be
}

// Attended is a run of somebody at a terminal. The settings are not what it obeys, but a pause holds it and a stop ends it.
type Attended struct {
	Run    uuid.UUID `json:"run"`
	By     string    `json:"by"`
	Reason string    `json:"reason"`
	Began  time.Time `json:"began"`
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

	// Unconfigured are the sources that are set, now or by an override, and that the configuration does not have.
	Unconfigured []string `json:"unconfigured,omitempty"`

	Attended *Attended `json:"attended,omitempty"` // what runs beside the settings; nil: nothing does

	Warning string   `json:"warning,omitempty"` // what cannot be taken back of the changes; "": all can
	DryRun  bool     `json:"dry_run,omitempty"` // it is as it would be
	Changes []Change `json:"changes,omitempty"` // that were made
}

// Why returns why nothing runs, a text for each hold, as people are to be told: while somebody's run at a terminal goes on, that
// too.
func (v View) Why() []string {
	texts := make([]string, len(v.Holds))
	for i, h := range v.Holds {
		texts[i] = h.Text
		if v.Attended != nil && v.Settings.Pause(v.At) == nil {
			texts[i] += " (the run of " + v.Attended.By + " at a terminal is not held by that)"
		}
	}
	return texts
}

// An Overridden is a setting in whose place an override holds.
type Overridden struct {
	Field, Value string // the value is JSON
	Override
}

// Overridden returns them.
func (v View) Overridden() []Overridden {
	set, now := v.Settings.Fields(), v.Effective.Fields()
	var all []Overridden
	for _, field := range slices.Sorted(maps.Keys(set)) {
		if set[field] == now[field] {
			continue
		}
		for _, o := range slices.Backward(v.Settings.Overrides) { // a later one goes before an earlier one
			if v.Settings.with(o).Fields()[field] == now[field] {
				all = append(all, Overridden{field, now[field], o})
				break
			}
		}
	}
	return all
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
		if err := d.Check(); err != nil {
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
	e.Go = e.Start || c.Command == accounts.SweepResume
	left := false
	if c.Command == accounts.SweepStop && k.EndLeft != nil {
		if left, err = k.EndLeft(ctx, c.By, true); err != nil {
			return View{}, err
		}
	}
	if c.Command != "" {
		if e.Patch, err = command(row.JSON, c.Command, left, k.Documents.At()); err != nil {
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
	if err == nil && c.Command == accounts.SweepStop && v.Attended != nil {
		changes = append(changes, Change{"run", string(written("of " + v.Attended.By + " at a terminal")), string(written("stopped"))})
		if !c.DryRun {
			if err = k.EndAttended(ctx, c.By); err == nil {
				v, err = k.view(ctx, row)
			}
		}
	}
	if err == nil && left {
		changes = append(changes, Change{"run", string(written("of the settings, which no process is at")), string(written("stopped"))})
		if !c.DryRun {
			if _, err = k.EndLeft(ctx, c.By, false); err == nil {
				v, err = k.view(ctx, row)
			}
		}
	}
	v.DryRun, v.Changes, v.Warning = c.DryRun, changes, warningOf(changes, v.Settings)
	return v, err
}

// warningOf says what cannot be taken back of changes that have led to a document.
func warningOf(changes []Change, d Document) string {
	touches := func(c Change) bool { return slices.Contains([]string{"hash", "overrides", "started"}, c.Field) }
	if !d.resets() || !slices.ContainsFunc(changes, touches) {
		return ""
	}
	return "hash is reset: whoever has not moved yet (LEFT in rekey sweep status) loses their password when the sweep comes to them, and has to set a new " +
		"one by a link in a mail; nothing takes that back"
}

// commands is what state each leads to from each. One that is missing is refused.
var commands = map[accounts.SweepCommand]map[State]State{
	accounts.SweepStart:  {Off: Running, Running: Running, Paused: Running, Draining: Running},
	accounts.SweepResume: {Running: Running, Paused: Running, Draining: Running},
	accounts.SweepPause:  {Off: Paused, Running: Paused, Paused: Paused, Draining: Paused},
	accounts.SweepStop:   {Off: Off, Running: Draining, Paused: Off, Draining: Draining}, // paused: nothing is under way
}

// command returns the patch that a command is. left: no process is at the run, so that nothing has to be finished.
func command(stored []byte, c accounts.SweepCommand, left bool, now time.Time) ([]byte, error) {
	d, err := Decode(stored)
	if err != nil {
		return nil, err
	}
	to, known := commands[c]
	state, ok := to[d.State]
	if c == accounts.SweepResume && (d.pausedOff() || d.State == Off && d.Pause(now) != nil) {
		state, ok = Off, true
	}
	if left && state == Draining {
		state = Off
	}
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
	v.Unconfigured = k.Checks.unconfigured(append(slices.Clone(d.Sources), v.Effective.Sources...))
	if k.Attended != nil {
		if v.Attended, err = k.Attended(ctx); err != nil {
			return View{}, err
		}
	}
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
