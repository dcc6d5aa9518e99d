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
	still   bool // the rate is 0
	now     time.Time
	moves   error // why nobody moves in this phase; nil: people do
	verdict governor.Verdict
}

// hash is what is done with the hashes of people: of the run that is under way, or of the next.
func (s standing) hash() accounts.Keep {
	switch {
	case s.run.ID != uuid.Nil:
		return s.spec.hash()
	case s.wanted != nil:
		return s.wanted.Spec.hash()
	}
	return accounts.KeepAuto
}

// holds returns why nobody is moved, beside what the settings say: settings.Document.Holds tells that.
func (s standing) holds() []settings.Hold {
	var holds []settings.Hold
	switch {
	case s.run.ID == uuid.Nil:
		holds = append(holds, s.noRun())
	case s.spec.Attended:
		holds = append(holds, settings.Hold{Cause: settings.CauseOther, Text: "a run of " + s.spec.Actor + " at a terminal has not ended: " + s.spec.Reason})
	case s.wanted != nil && !s.wanted.asksFor(s.spec):
		holds = append(holds, settings.Hold{Cause: settings.CauseOutdated, Text: "the settings ask for another run than the one that is under way: it ends, and the next begins"})
	case s.run.Found == "":
		holds = append(holds, settings.Hold{Cause: settings.CauseNames, Text: "looking for names that several people hold"})
	}
	if s.moves != nil {
		holds = append(holds, settings.Hold{Cause: settings.CausePhase, Text: s.moves.Error()})
	}
	if !stops(s.verdict) {
		return holds
	}
	hold := signalHold(s.verdict)
	if s.verdict.Silent() {
		hold.Text = "nobody governs the sweep yet: a gateway, or rekey sweep worker, does within seconds of its start or of the sweep's"
	}
	return append(holds, hold)
}

// noRun says when there is to be one.
func (s standing) noRun() settings.Hold {
	hold := settings.Hold{Cause: settings.CauseNoRun, Text: "no run is under way"}
	at := s.begins
	if at.Before(s.now) {
		at = s.now
	}
	if opens, _ := s.windows.Next(at); !opens.IsZero() {
		at = opens
	}
	switch {
	case s.wanted == nil:
	case s.begins.Equal(unasked):
		hold.Text += ", and none begins by itself: rekey sweep start begins one"
	case at.After(s.now):
		at = at.UTC().Truncate(time.Second)
		hold.Text, hold.Until = hold.Text+"; the next begins "+at.Format(time.RFC3339), &at
	case s.moves != nil, s.still, stops(s.verdict):
		hold.Text += "; one begins when nothing else is in the way"
	default:
		hold.Text += "; one begins within seconds"
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
		s.still = effective.AccountsPerSecond == 0
		s.windows, err = effective.Schedule.Compile()
	}
	if err != nil {
		return s, err
	}
	s.verdict, err = CurrentVerdict(ctx, store)
	return s, err
}

// Beside returns what a settings.Keeper is to be told by: why nobody is moved, beside what the settings say. The sources are all
// that there are, and mails says whether any are sent.
func Beside(store accounts.RunStore, sources []string, mails bool) func(context.Context, settings.Document, time.Time) ([]settings.Hold, error) {
	return func(ctx context.Context, d settings.Document, now time.Time) ([]settings.Hold, error) {
		s, err := readStanding(ctx, store, d, sources, now)
		if err != nil {
			return nil, err
		}
		at, err := store.Phase(ctx)
		switch {
		case err == nil:
			s.moves = accounts.MovesIn(at, s.hash(), mails)
		case !errors.Is(err, accounts.ErrNotFound): // before the first process nothing moves anyhow
			return nil, err
		}
		return s.holds(), nil
	}
}
