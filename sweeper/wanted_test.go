package sweeper

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"rekey/accounts"
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
	if _, err := End(t.Context(), w.Service, Orders{Run: run, Starts: 1}, accounts.RunDone, ""); err != nil {
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
			if err := w.EndRun(t.Context(), verify, aSpec().by()); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := End(t.Context(), w.Service, Orders{Run: other}, accounts.RunDone, ""); err != nil {
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

// The next beginning is told as it will be: within a window.
func TestNextIsInAWindow(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	for begins, want := range map[time.Time]string{
		at.Add(-time.Hour):     "no run is under way; one begins within seconds",
		at.Add(6 * time.Hour):  "no run is under way; the next begins 2026-11-23T22:00:00Z",
		at.Add(11 * time.Hour): "no run is under way; the next begins 2026-11-23T23:00:00Z",
	} {
		windows, err := settings.Schedule{Windows: []string{"mon 10:00-13:00", "mon 22:00-05:00"}}.Compile()
		if err != nil {
			t.Fatal(err)
		}
		s := standing{wanted: &Wanted{}, begins: begins, windows: windows, now: at}
		h := s.noRun()
		if h.Text != want || (h.Until != nil) != strings.Contains(want, "the next") {
			t.Errorf("%+v, want %s", h, want)
		}
	}
}
