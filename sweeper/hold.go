package sweeper

import (
	"context"
	"errors"
	"time"

	"github.com/google/uuid"

	"rekey/accounts"
	"rekey/sweeper/governor"
	"rekey/sweeper/settings"
)

// A standing is what decides, beside the settings, whether people are moved.
type standing struct {
	run     accounts.Run // zero: there is none
	spec    Spec         // its
	moves   error        // why nobody moves in this phase; nil: people do
	verdict governor.Verdict
}

// holds returns why nobody is moved, beside what the settings say: settings.Document.Holds tells that.
func (s standing) holds() []settings.Hold {
	var holds []settings.Hold
	switch {
	case s.run.ID == uuid.Nil:
		holds = append(holds, settings.Hold{Cause: settings.CauseNoRun, Text: "no run is under way"})
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

// readStanding reads it, but for the phase.
func readStanding(ctx context.Context, store accounts.RunStore) (s standing, err error) {
	if s.run, err = runOf(ctx, store); err != nil {
		return s, err
	}
	if s.run.ID != uuid.Nil {
		if s.spec, err = SpecOf(s.run); err != nil {
			return s, err
		}
	}
	s.verdict, err = CurrentVerdict(ctx, store)
	return s, err
}

// Beside returns what a settings.Keeper is to be told by: why nobody is moved, beside what the settings say.
func Beside(store accounts.RunStore) func(context.Context, settings.Document, time.Time) ([]settings.Hold, error) {
	return func(ctx context.Context, _ settings.Document, _ time.Time) ([]settings.Hold, error) {
		s, err := readStanding(ctx, store)
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
