package sweeper

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"rekey/accounts"
	"rekey/accounts/phase"
	"rekey/sweeper/governor"
	"rekey/sweeper/settings"
)

// When the next run begins depends on how the last one ended, and on whether another was asked for since.
func TestAfter(t *testing.T) {
	t.Parallel()
	ended := time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)
	day := ended.Add(24 * time.Hour)
	for name, row := range map[string]struct {
		last func(r *accounts.Run)
		with func(w *Wanted)
		want time.Time
	}{
		"it was done":                  {want: day},
		"and none begins by itself":    {with: func(w *Wanted) { w.Every = 0 }, want: unasked},
		"it was asked for since":       {with: func(w *Wanted) { w.Every, w.Starts = 0, 3 }},
		"something else is asked for":  {with: func(w *Wanted) { w.Spec.DryRun = true }},
		"but none begins by itself":    {with: func(w *Wanted) { w.Spec.DryRun, w.Every = true, 0 }, want: unasked},
		"it has failed":                {last: func(r *accounts.Run) { r.State = accounts.RunFailed }, with: func(w *Wanted) { w.Every = 0 }, want: ended.Add(retryEvery)},
		"and was asked for since":      {last: func(r *accounts.Run) { r.State = accounts.RunFailed }, with: func(w *Wanted) { w.Starts = 3 }},
		"another version has asked":    {last: func(r *accounts.Run) { r.Spec = "-" }, with: func(w *Wanted) { w.Every = 0 }},
		"another version has ended it": {last: func(r *accounts.Run) { r.Found = "-" }},
	} {
		wanted := Wanted{Spec: aSpec(), Starts: 2, Every: 24 * time.Hour}
		spec, err := json.Marshal(wanted.Spec)
		if err != nil {
			t.Fatal(err)
		}
		last := accounts.Run{Kind: accounts.RunMove, State: accounts.RunDone, Spec: string(spec), Found: `{"starts":2}`, Ended: ended}
		if row.last != nil {
			row.last(&last)
		}
		if row.with != nil {
			row.with(&wanted)
		}
		if got := wanted.after(last); !got.Equal(row.want) {
			t.Errorf("%s: %v, want %v", name, got, row.want)
		}
	}
}

// However many verifications and runs at a terminal there were since: the last one of the settings' own counts.
func TestBeginsAfterOthers(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 3)
	wanted := Wanted{Spec: aSpec(), Starts: 1}
	begins := func() time.Time {
		t.Helper()
		at, err := wanted.begins(t.Context(), w.store)
		if err != nil {
			t.Fatal(err)
		}
		return at
	}
	if at := begins(); !at.IsZero() {
		t.Errorf("where there was none: %v", at)
	}
	run := w.begin(nil)
	if _, err := End(t.Context(), w.store, Orders{Run: run, Starts: 1}, accounts.RunDone, ""); err != nil {
		t.Fatal(err)
	}
	for i := range lastRuns + 1 {
		other := w.begin(func(s *Spec) { s.Attended = true })
		if i%2 == 0 {
			verify := accounts.Run{ID: uuid.Must(uuid.NewV7()), Kind: accounts.RunVerify, State: accounts.RunRunning, Spec: "{}", Began: time.Now()}
			if err := w.BeginRun(t.Context(), verify, nil, aSpec().by()); err != nil {
				t.Fatal(err)
			}
			verify.State, verify.Ended = accounts.RunDone, time.Now()
			if err := accounts.EndRun(t.Context(), w.store, verify, aSpec().by()); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := End(t.Context(), w.store, Orders{Run: other}, accounts.RunDone, ""); err != nil {
			t.Fatal(err)
		}
	}
	if at := begins(); !at.Equal(unasked) {
		t.Errorf("it begins by itself: %v", at)
	}
	wanted.Every = time.Hour
	if at := begins(); time.Until(at) > time.Hour || at.Before(time.Now()) {
		t.Errorf("it begins %v", at)
	}
}

// Where nobody moves in the phase, that is told, and no run is promised.
func TestHeldByPhase(t *testing.T) {
	t.Parallel()
	w := newWorldOn(t, phase.DualWrite, 3)
	s := w.sweeper()
	w.set(s, `{"state": "running"}`)
	o := w.tick(s)
	if w.told(o); !o.held(settings.CausePhase) || o.hold(settings.CauseNoRun) != "no run is under way; one begins when nothing else is in the way" {
		t.Errorf("%+v", o.Holds)
	}
	if !strings.Contains(o.hold(settings.CausePhase), "nobody is moved or copied: legacy-only") || len(w.noRuns()) > 0 {
		t.Errorf("%+v", o.Holds)
	}
}

// Where legacy answers, nobody's password is taken away, and it is told when it may be.
func TestResetHeldByPhase(t *testing.T) {
	t.Parallel()
	w := newWorldOn(t, phase.DualWrite, 3)
	at, err := w.store.Phase(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	next, err := at.Move(phase.Shadow, 0, time.Now())
	if err != nil || len(next) != 1 {
		t.Fatalf("%+v (%v)", next, err)
	}
	event := accounts.Event{ID: uuid.Must(uuid.NewV7()), At: time.Now(), Kind: accounts.EventPhaseMoved, Actor: "test"}
	if err := w.store.MovePhase(t.Context(), next[0], event); err != nil {
		t.Fatal(err)
	}
	w.Service, w.store = w.process(phase.DualWrite, "two")
	s := w.sweeper()
	w.set(s, `{"state": "running", "hash": "reset"}`)
	o := w.tick(s)
	if w.told(o); !strings.Contains(o.hold(settings.CausePhase), "from new-first on") {
		t.Errorf("%+v", o.Holds)
	}
	if _, err := w.attend(t.Context(), func(c *AttendConfig) { c.Spec.Hash = accounts.KeepReset }); !errors.Is(err, accounts.ErrNothingMoves) {
		t.Errorf("at a terminal: %v", err)
	}
	w.set(s, `{"hash": "auto"}`)
	if o := w.tick(s); o.held(settings.CausePhase) {
		t.Errorf("%+v", o.Holds)
	}
}

// Where no mail is sent, a run of settings of before that takes passwords away is held, and a worker who comes to it all the same leaves
// it as it was: no attempt counts, so that nobody is ever passed over for it.
func TestResetHeldWithoutMail(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 3)
	s := w.sweeper()
	w.set(s, `{"hash": "reset"}`)
	run := w.onlyChunk(s)
	w.unmailed = true
	w.Service, w.store = w.process(phase.Lazy, "two")
	other := &Worker{Service: w.Service, Desk: s.desk, Sizes: &Sizes{}, Names: &Names{}, Name: "two"} // whose desk does not know
	for range 2 * patience {
		if _, err := other.Step(t.Context()); !errors.Is(err, accounts.ErrNothingMoves) {
			t.Fatalf("a worker: %v", err)
		}
		chunks, _ := w.counts(run.ID)
		if c := chunks[0]; c.Done || c.Cursor != "" || c.Attempts != 0 {
			t.Fatalf("%+v", c)
		}
		if err := w.store.LeaveChunk(t.Context(), chunks[0], 0); err != nil { // and it is due at once
			t.Fatal(err)
		}
	}
	w.exactly(0)
	s = w.sweeper()
	o := w.tick(s)
	if w.told(o); !strings.Contains(o.hold(settings.CausePhase), accounts.ResetUnmailed) {
		t.Errorf("%+v", o.Holds)
	}
	if more, err := s.Work(t.Context()); more || err != nil {
		t.Errorf("there is work (%v)", err)
	}
	w.exactly(0)
}

// The next beginning is told as it will be: within a window.
func TestNextIsInAWindow(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	for begins, want := range map[time.Time]string{
		at.Add(-time.Hour):     "no run is under way; one begins within seconds",
		at.Add(time.Hour):      "no run is under way; the next begins 2026-11-23T22:00:00Z",
		at.Add(6 * time.Hour):  "no run is under way; the next begins 2026-11-23T22:00:00Z",
		at.Add(11 * time.Hour): "no run is under way; the next begins 2026-11-23T23:00:00Z",
	} {
		windows, err := settings.Schedule{Windows: []string{"mon 10:00-13:00", "mon 22:00-05:00"}}.Compile()
		if err != nil {
			t.Fatal(err)
		}
		s := standing{wanted: &Wanted{}, begins: begins, windows: windows, now: at, verdict: governor.Verdict{Factor: 1}}
		h := s.noRun()
		if h.Text != want || (h.Until != nil) != strings.Contains(want, "the next") {
			t.Errorf("%+v, want %s", h, want)
		}
	}
}
