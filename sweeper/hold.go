package sweeper

import (
	"context"
	"errors"
	"time"

	"github.com/google/uuid"

	"rekey/accounts"
	"rekey/sweeper/governor"
	"rekey/sweeper/schedule"
	"rekey/sweeper/settings"
)

// A standing is what decides, beside the settings, whether people are moved.
type standing struct {
	run     accounts.Run // zero: there is none
	spec    Spec         // its
	wanted  *Wanted      // that is to begin while there is none; nil: none is
	begins  time.Time    // it; see Wanted.begins
	windows schedule.Schedule
	now     time.Time
	moves   error // why nobody moves in this phase; nil: people do
	verdict governor.Verdict
}

// holds returns why nobody is moved, beside what the settings say: settings.Document.Holds tells that.
func (s standing) holds() []settings.Hold {
	var holds []settings.Hold
	switch {
	case s.run.ID == uuid.Nil:
		holds = append(holds, s.noRun())
	case s.spec.Attended:
		holds = append(holds, settings.Hold{Cause: settings.CauseOther, Text: "a run of " + s.spec.Actor + " at a terminal has not ended: " + s.spec.Reason})
	case s.run.Found == "":
		holds = append(holds, settings.Hold{Cause: settings.CauseNames, Text: "looking for names that several people hold"})
	}
	if s.moves != nil {
		holds = append(holds, settings.Hold{Cause: settings.CausePhase, Text: s.moves.Error()})
	}
	if s.verdict.Factor > 0 && s.verdict.Zone != governor.Stop {
		return holds
	}
	hold := settings.Hold{Cause: settings.CauseSignal, Text: s.verdict.String()}
	if s.verdict.Silent() {
		hold.Text = "no process governs the sweep; a gateway, or rekey sweep worker, does within seconds of its start"
	}
	if wakes := s.verdict.WakesAt; !wakes.IsZero() {
		hold.Until = &wakes
	}
	return append(holds, hold)
}

// noRun says when there is to be one.
func (s standing) noRun() settings.Hold {
	hold := settings.Hold{Cause: settings.CauseNoRun, Text: "no run is under way"}
	switch {
	case s.wanted == nil:
	case s.begins.Equal(unasked):
		hold.Text += ", and none begins by itself: rekey sweep start begins one"
	case !s.begins.After(s.now):
		hold.Text += "; one begins within seconds"
	default:
		at := s.begins
		if opens, _ := s.windows.Next(at); !opens.IsZero() {
			at = opens
		}
		at = at.UTC().Truncate(time.Second)
		hold.Text, hold.Until = hold.Text+"; the next begins "+at.Format(time.RFC3339), &at
	}
	return hold
}

// readStanding reads it, but for the phase. Of all sources are those that there are.
func readStanding(ctx context.Context, store accounts.RunStore, d settings.Document, all []string, now time.Time) (s standing, err error) {
	s.now = now
	if s.run, err = runOf(ctx, store); err != nil {
		return s, err
	}
	effective := d.Effective(now)
	if effective.State == settings.Running {
		s.wanted = wantedBy(d, effective, all)
	}
	switch {
	case s.run.ID != uuid.Nil:
		s.spec, err = SpecOf(s.run)
	case s.wanted != nil:
		s.begins, err = s.wanted.begins(ctx, store)
	}
	if err == nil {
		s.windows, err = effective.Schedule.Compile()
	}
	if err != nil {
		return s, err
	}
	s.verdict, err = CurrentVerdict(ctx, store)
	return s, err
}

// Beside returns what a settings.Keeper is to be told by: why nobody is moved, beside what the settings say. The sources are all
// that there are.
func Beside(store accounts.RunStore, sources []string) func(context.Context, settings.Document, time.Time) ([]settings.Hold, error) {
	return func(ctx context.Context, d settings.Document, now time.Time) ([]settings.Hold, error) {
		s, err := readStanding(ctx, store, d, sources, now)
		if err != nil {
			return nil, err
		}
		at, err := store.Phase(ctx)
		switch {
		case err == nil:
			s.moves = accounts.MovesIn(at)
		case !errors.Is(err, accounts.ErrNotFound): // before the first process nothing moves anyhow
			return nil, err
		}
		return s.holds(), nil
	}
}
