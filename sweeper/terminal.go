package sweeper

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"rekey/accounts"
	"rekey/sweeper/governor"
	"rekey/sweeper/pause"
	"rekey/sweeper/settings"
)

// A run of somebody at a terminal obeys none of the settings. But whoever pauses or stops the sweep in an incident means all of it,
// and so does the governor: this is how they reach it.

// holds are what holds the run up. Where nobody governs there is no gateway that it could be felt by. What cannot be read holds it.
func (a *attendance) holds(ctx context.Context) ([]settings.Hold, error) {
	d, _, err := a.keeper.Read(ctx)
	switch {
	case errors.As(err, new(*accounts.UnavailableError)):
		return nil, err
	case err != nil:
		return []settings.Hold{{Cause: settings.CausePaused, Text: err.Error()}}, nil //nolint:nilerr // it is told, and holds the run until it is mended
	}
	return TerminalHolds(ctx, a.Service.RunStore(), d, a.keeper.Documents.At(), a.IgnoreGovernor)
}

// TerminalHolds returns what holds the runs of people at a terminal up at a time: a pause, and the governor, unless that is ignored.
func TerminalHolds(ctx context.Context, store accounts.RunStore, d settings.Document, now time.Time, ignoreGovernor bool) ([]settings.Hold, error) {
	var holds []settings.Hold
	if paused := d.Pause(now); paused != nil {
		holds = append(holds, *paused)
	}
	if ignoreGovernor {
		return holds, nil
	}
	v, err := CurrentVerdict(ctx, store)
	if err == nil && stops(v) && !v.Silent() {
		holds = append(holds, signalHold(v))
	}
	return holds, err
}

// stops reports whether a verdict lets nobody be moved.
func stops(v governor.Verdict) bool { return v.Factor <= 0 || v.Zone == governor.Stop }

// signalHold says a stop in words.
func signalHold(v governor.Verdict) settings.Hold {
	hold := settings.Hold{Cause: settings.CauseSignal, Text: v.String()}
	if wakes := v.WakesAt; !wakes.IsZero() {
		hold.Until = &wakes
	}
	return hold
}

// tell tells whoever waits at the terminal, when it changes.
func (a *attendance) tell(holds []settings.Hold) {
	texts := make([]string, len(holds))
	governor := len(holds) > 0
	for i, h := range holds {
		texts[i] = h.Text
		governor = governor && h.Cause == settings.CauseSignal
	}
	why := strings.Join(texts, "; ")
	if why != a.held && a.Held != nil {
		a.Held(why, governor)
	}
	a.held = why
}

// ended returns ErrEnded if the run has come to another end than its own.
func (a *attendance) ended(ctx context.Context, id uuid.UUID) error {
	run, err := a.Service.RunStore().RunByID(ctx, id)
	if err == nil && run.State != accounts.RunDone {
		err = fmt.Errorf("%w: %s", ErrEnded, run.Why)
	}
	return err
}

// attendWork is claimed while somebody attends a run: what is held up has no claim on a chunk.
const attendWork = "sweep-attended"

// present tells others that somebody is at the run, until stop is called.
func (a *attendance) present(ctx context.Context) (stop func()) {
	store := a.Service.RunStore()
	var claim accounts.Work
	keep := func(ctx context.Context, d time.Duration) { // and if it fails, what else is written fails too
		now := time.Now()
		if claim.Fence == 0 {
			claim, _ = store.ClaimWork(ctx, attendWork, now, now.Add(d), 0) // or another process that attends the run has it
		} else if err := store.KeepWork(ctx, claim, now.Add(d)); errors.Is(err, accounts.ErrStale) {
			claim = accounts.Work{}
		}
	}
	keep(ctx, claimFor)
	leave := pause.Beside(ctx, holdEvery, func(ctx context.Context) (again bool) { keep(ctx, claimFor); return true })
	return func() {
		leave()
		if claim.Fence > 0 {
			ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), leaveTime)
			defer cancel()
			keep(ctx, 0)
		}
	}
}

// forsaken reports whether a run was attended and is no more.
func forsaken(ctx context.Context, store accounts.RunStore, run accounts.Run, spec Spec) (bool, error) {
	if !spec.Attended {
		return false, nil
	}
	chunks, err := store.Chunks(ctx, run.ID)
	if err != nil {
		return false, err
	}
	if claimed(chunks) {
		return false, nil
	}
	there, err := somebodyThere(ctx, store)
	return !there, err
}

// claimed reports whether somebody is at one of these chunks.
func claimed(chunks []accounts.Chunk) bool {
	return slices.ContainsFunc(chunks, func(c accounts.Chunk) bool { return !c.Done && c.ClaimedFor > 0 })
}

// somebodyThere reports whether somebody attends a run, though they may be at no chunk.
func somebodyThere(ctx context.Context, store accounts.RunStore) (bool, error) {
	works, err := store.Works(ctx)
	return slices.ContainsFunc(works, func(w accounts.Work) bool { return w.Name == attendWork && w.ClaimedTo.After(time.Now()) }), err
}

// attendedRun returns the run of somebody at a terminal that has not ended; the zero Run if there is none.
func attendedRun(ctx context.Context, store accounts.RunStore) (accounts.Run, Spec, error) {
	run, err := runOf(ctx, store)
	if err != nil || run.ID == uuid.Nil {
		return accounts.Run{}, Spec{}, err
	}
	spec, err := SpecOf(run)
	if err != nil || !spec.Attended {
		return accounts.Run{}, Spec{}, err
	}
	return run, spec, nil
}

// Attended returns what a settings.Keeper is to show of the run of somebody at a terminal.
func Attended(store accounts.RunStore) func(context.Context) (*settings.Attended, error) {
	return func(ctx context.Context) (*settings.Attended, error) {
		run, spec, err := attendedRun(ctx, store)
		if err != nil || run.ID == uuid.Nil {
			return nil, err
		}
		return &settings.Attended{Run: run.ID, By: spec.Actor, Reason: spec.Reason, Began: run.Began.UTC()}, nil
	}
}

// EndAttended returns what a settings.Keeper ends that run by. Whoever attends it finds it ended before their next batch.
func EndAttended(store accounts.RunStore) func(context.Context, accounts.By) error {
	return func(ctx context.Context, by accounts.By) error {
		run, _, err := attendedRun(ctx, store)
		if err != nil || run.ID == uuid.Nil {
			return err
		}
		_, err = endBy(ctx, store, Orders{Run: run}, accounts.RunStopped, "stopped by "+by.Actor+": "+by.Reason, by)
		if errors.Is(err, accounts.ErrStale) {
			return nil // it has ended meanwhile
		}
		return err
	}
}
