package sweeper

import (
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"rekey/accounts"
	"rekey/legacy"
)

// In a store that cannot be cut nobody knows who stands behind a record that stalls whoever reads it: the run ends, and says where. While
// the store itself hangs it goes on.
func TestImpassable(t *testing.T) {
	t.Parallel()
	has := func(users []legacy.User) bool {
		return slices.ContainsFunc(users, func(u legacy.User) bool { return u.ID == "1100" })
	}
	for name, row := range map[string]struct {
		stalls func(users []legacy.User, since time.Duration) bool
		ends   bool
	}{
		"it hangs":       {func(users []legacy.User, _ time.Duration) bool { return has(users) }, true},
		"it breaks":      {func(users []legacy.User, _ time.Duration) bool { return has(users) && panics() }, true},
		"the store does": {func(_ []legacy.User, since time.Duration) bool { return since < 20*time.Minute }, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, 150)
				w.shop.uncut = true
				s := w.sweeper()
				s.worker.Waits = true
				run := w.onlyChunk(s)
				began := time.Now()
				w.shop.stalls = func(users []legacy.User) bool { return row.stalls(users, time.Since(began)) }
				ended := func() bool {
					chunks, _ := w.counts(run.ID)
					return chunks[0].Done || w.lastRun().State != accounts.RunRunning
				}
				for tries := 0; tries < 500 && !ended(); tries++ {
					s.desk.Forget()
					if err := s.governing.step(t.Context()); err != nil {
						t.Fatal(err)
					}
					_, _ = s.Work(t.Context()) // it fails again and again
				}
				_, n := w.counts(run.ID)
				moved, is := n.Outcomes[accounts.OutcomeMoved]+n.Outcomes[accounts.OutcomeUnchanged], w.lastRun()
				switch {
				case row.ends && (is.State != accounts.RunFailed || moved != 100 || !strings.Contains(is.Why, `behind the key "1099"`)):
					t.Errorf("%s (%s) after %v, %+v", is.State, is.Why, time.Since(began), n)
				case !row.ends && moved != 150:
					t.Errorf("%s (%s) after %v, %+v", is.State, is.Why, time.Since(began), n)
				}
			})
		})
	}
}

func panics() bool { panic("a record that nobody can read") }

// While anything else of the run is to be done, it goes on.
func TestImpassableLast(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 3)
	run := w.begin(nil)
	part := accounts.Part{Source: "shop"}
	whole := part
	whole.Whole = true
	if err := w.store.CutChunks(t.Context(), run.ID, part, whole, []accounts.Chunk{{Through: "1000"}, {After: "1000"}}); err != nil {
		t.Fatal(err)
	}
	for _, want := range []bool{false, true} {
		chunks, err := w.store.Chunks(t.Context(), run.ID)
		if err != nil {
			t.Fatal(err)
		}
		work := &task{Worker: &Worker{Service: w.Service}, chunk: chunks[1]}
		if last, err := work.isLast(t.Context()); err != nil || last != want {
			t.Errorf("it is the last: %v (%v), want %v", last, err, want)
		}
		c, err := w.store.ClaimChunk(t.Context(), run.ID, "test", 1, claimFor)
		if err != nil {
			t.Fatal(err)
		}
		c.Done = true
		if err := w.store.KeepChunk(t.Context(), c, claimFor, 0); err != nil {
			t.Fatal(err)
		}
	}
}

// Whoever hangs in reading who is next, whatever is asked of them, keeps the chunk from nobody.
func TestHangingAtWhoIsNext(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 3)
		w.shop.uncut = true
		s := w.sweeper()
		run := w.onlyChunk(s)
		c, err := w.store.ClaimChunk(t.Context(), run.ID, "test", 1, claimFor)
		if err != nil {
			t.Fatal(err)
		}
		c.Attempts, c.Bound = patience, 1
		if err := w.store.LeaveChunk(t.Context(), c, 0); err != nil {
			t.Fatal(err)
		}
		goOn := make(chan struct{})
		w.shop.stalls = func([]legacy.User) bool { <-goOn; return false }
		s.desk.Forget()
		done := make(chan struct{})
		go func() { defer close(done); _, _ = s.Work(t.Context()) }()
		held := func() bool { // by the clock of the store, which stands still: whether it is held anew
			chunks, _ := w.counts(run.ID)
			if err := w.store.HoldChunk(t.Context(), chunks[0], 0); err != nil {
				t.Fatal(err)
			}
			time.Sleep(2 * holdEvery) // of the bubble's clock, as below
			chunks, _ = w.counts(run.ID)
			return chunks[0].ClaimedFor > 0
		}
		time.Sleep(batchTime)
		is := held()
		time.Sleep(batchTime)
		if then := held(); !is || then {
			t.Errorf("after %s it is held: %v, and after %s: %v", batchTime, is, 2*batchTime, then)
		}
		close(goOn)
		<-done
	})
}
