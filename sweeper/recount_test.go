package sweeper

import (
	"errors"
	"testing"
	"time"

	"rekey/accounts"
	"rekey/legacy"
)

// While a run is long and fast, another search finds who has taken somebody's name since the first, before that is believed no more.
// Where it would cost more than it spares, or cannot be made, the first one stands.
func TestNamesAreLookedForAgain(t *testing.T) {
	t.Parallel()
	const people, first = 400, 100
	for name, test := range map[string]struct {
		since     time.Duration // the first search
		perSecond float64
		down      error
		again     bool
	}{
		"in time":    {90 * time.Second, 1000, nil, true},
		"too early":  {time.Minute, 1000, nil, false},
		"too slow":   {90 * time.Second, 0.1, nil, false},
		"store down": {90 * time.Second, 1000, errors.New("down"), false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, people)
			s := w.sweeper()
			w.set(s, `{"state": "running", "accounts_per_second": "max", "chunk": 100, "workers": 1}`)
			for range 3 {
				w.tick(s)
			}
			before, err := FoundBy(w.lastRun())
			if err != nil || before.Shared.Len() != 0 || !before.Believed.After(before.Counted) {
				t.Fatalf("%+v (%v)", before, err)
			}
			if more, err := s.Work(t.Context()); err != nil || !more { // a chunk
				t.Fatal(more, err)
			}
			w.exactly(first)

			was := before
			was.Counted = time.Now().Add(-test.since).Truncate(time.Millisecond)
			was.Believed = was.Counted.Add(believedLeast)
			if err := changeFound(t.Context(), w.store, w.lastRun().ID, func(f *Found) { *f = was }); err != nil {
				t.Fatal(err)
			}
			w.shop.Change("1150", func(u *legacy.User) { u.Username = "user350" })
			w.shop.SetDown(test.down)
			s.planner.Names.run, s.planner.pace = [16]byte{}, pace{run: w.lastRun().ID, at: time.Now(), perSecond: test.perSecond}
			w.tick(s)
			s.planner.ending.Wait()
			w.shop.SetDown(nil)
			is, err := FoundBy(w.lastRun())
			if err != nil || is.Counted.After(was.Counted) != test.again || (is.Shared.Len() == 1) != test.again || is.People["shop"][0] != people {
				t.Fatalf("%+v (%v)", is, err)
			}
			if s.planner.Names.run = [16]byte{}; !test.again {
				return
			}
			for range 5 {
				if err := w.work(s); err != nil {
					t.Fatal(err)
				}
				w.tick(s)
			}
			found, err := FoundBy(w.lastRun())
			if err != nil || found.Counts == nil || found.Counts.Refused[accounts.NoteContested] != 2 {
				t.Fatalf("%+v (%v)", found, err)
			}
			w.exactly(people - 2)
		})
	}
}

// A search is believed for longer the longer it takes, within bounds.
func TestBelieved(t *testing.T) {
	t.Parallel()
	began := time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)
	for took, want := range map[time.Duration]time.Duration{
		time.Second: 2 * time.Minute, 20 * time.Second: 5 * time.Minute, time.Minute: 15 * time.Minute, time.Hour: 30 * time.Minute,
	} {
		until := believed(began, began.Add(took))
		if until.Sub(began) != want {
			t.Errorf("one of %s is believed for %s", took, until.Sub(began))
		}
		if again := (Found{Counted: began, Believed: until}).again(); again.Sub(began) != want*2/3 {
			t.Errorf("after one of %s another begins after %s", took, again.Sub(began))
		}
	}
}
