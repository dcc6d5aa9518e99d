package sweeper

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/google/uuid"

	"rekey/accounts"
	"rekey/sweeper/settings"
)

// planned says that a process has planned some time ago.
func (w *world) planned(ago time.Duration) {
	w.t.Helper()
	now := time.Now()
	work, err := w.store.ClaimWork(w.t.Context(), planWork, now, now, 0)
	if err == nil {
		work.DoneAt = now.Add(-ago)
		err = w.store.KeepWork(w.t.Context(), work, now)
	}
	if err != nil {
		w.t.Fatal(err)
	}
}

// A run of the settings whose last process has gone is ended by who stops the sweep, and another can begin. One that a process is
// at, or plans, is left to it.
func TestStopOfARunThatIsLeft(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct {
		state   string
		claimed bool
		planned time.Duration
		want    settings.State
		ended   bool
	}{
		"left":               {`{"state": "running"}`, false, time.Minute, settings.Off, true},
		"left while it ends": {`{"state": "draining"}`, false, time.Minute, settings.Off, true},
		"left and off":       {`{}`, false, time.Minute, settings.Off, true},
		"a worker is at it":  {`{"state": "running"}`, true, time.Minute, settings.Draining, false},
		"it is planned":      {`{"state": "running"}`, false, 0, settings.Draining, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, 30)
			w.document(row.state)
			run := w.begin(nil)
			part := accounts.Part{Source: "shop"}
			if err := w.store.CutChunks(t.Context(), run.ID, part, accounts.Part{Source: "shop", Whole: true}, []accounts.Chunk{{}}); err != nil {
				t.Fatal(err)
			}
			if row.claimed {
				if _, err := w.store.ClaimChunk(t.Context(), run.ID, "another", 1, time.Hour); err != nil {
					t.Fatal(err)
				}
			}
			w.planned(row.planned)
			seen, err := w.keeper().Change(t.Context(), accounts.SweepChange{Command: accounts.SweepStop, By: aSpec().by(), DryRun: true})
			if told := len(seen.Changes) > 0 && seen.Changes[len(seen.Changes)-1].Field == "run"; err != nil || told != row.ended {
				t.Errorf("as it would be: %+v (%v)", seen.Changes, err)
			}
			if r, err := w.store.RunByID(t.Context(), run.ID); err != nil || r.State != accounts.RunRunning {
				t.Errorf("after a dry run it is %s (%v)", r.State, err)
			}
			v := w.command(accounts.SweepStop)
			if v.Settings.State != row.want {
				t.Errorf("it is %s, want %s", v.Settings.State, row.want)
			}
			r, err := w.store.RunByID(t.Context(), run.ID)
			if ended := r.State == accounts.RunStopped; err != nil || ended != row.ended {
				t.Errorf("the run is %s: %s (%v)", r.State, r.Why, err)
			}
			if !row.ended {
				return
			}
			if len(v.Changes) == 0 {
				t.Error("what was done is not told")
			}
			if report, err := w.attend(t.Context(), nil); err != nil || report.Outcomes[accounts.OutcomeMoved] != 30 {
				t.Errorf("at a terminal: %+v (%v)", report, err)
			}
		})
	}
}

// An interrupted run at a terminal is gone on with, and that is told; after a day it begins anew, and comes to everybody.
func TestAttendGoesOn(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct {
		ago     time.Duration
		another bool // process is at it
		moved   int64
	}{
		"of today":                     {time.Hour, false, 24},
		"of before":                    {freshFor + time.Hour, false, 30},
		"of before, and still at work": {freshFor + time.Hour, true, 24},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, 30)
			spec := aSpec()
			spec.Attended = true
			text, _ := json.Marshal(spec) // texts, and nothing else
			began := time.Now().Add(-row.ago).Truncate(time.Microsecond)
			run := accounts.Run{ID: uuid.Must(uuid.NewV7()), Kind: accounts.RunMove, State: accounts.RunRunning, Spec: string(text), Began: began}
			must := func(err error) {
				t.Helper()
				if err != nil {
					t.Fatal(err)
				}
			}
			must(w.BeginRun(t.Context(), run, spec.parts(), spec.by()))
			part := accounts.Part{Source: "shop"}
			must(w.store.CutChunks(t.Context(), run.ID, part, accounts.Part{Source: "shop", Whole: true}, []accounts.Chunk{{}}))
			chunk, err := w.store.ClaimChunk(t.Context(), run.ID, "who was interrupted", 1, time.Minute)
			must(err)
			chunk.Cursor = "1005" // six people are behind it
			must(w.store.KeepChunk(t.Context(), chunk, time.Minute, 0))
			must(w.store.LeaveChunk(t.Context(), chunk, 0))
			if row.another {
				_, err := w.store.ClaimWork(t.Context(), attendWork, time.Now(), time.Now().Add(time.Hour), 0)
				must(err)
			}
			var told []time.Time
			r, err := w.attend(t.Context(), func(c *AttendConfig) { c.GoesOn = func(at time.Time) { told = append(told, at) } })
			if err != nil || r.Outcomes[accounts.OutcomeMoved] != row.moved {
				t.Errorf("%+v (%v)", r, err)
			}
			if goesOn := row.moved < 30; goesOn != (len(told) == 1) || goesOn && !told[0].Equal(began) {
				t.Errorf("told %v of one that began %v", told, began)
			}
		})
	}
}
