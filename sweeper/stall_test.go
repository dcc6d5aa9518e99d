package sweeper

import (
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"rekey/accounts"
	"rekey/legacy"
)

// A batch that is given up is not tried as it is again: what is next is cut from it, down to the one person who stalls it, within a
// few claims. Behind them the batches are as large as before.
func TestStalled(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct {
		stalls func(users []legacy.User, tries int) bool
		here   int
		within time.Duration
	}{
		"a person": {func(users []legacy.User, _ int) bool {
			return slices.ContainsFunc(users, func(u legacy.User) bool { return u.ID == "1100" })
		}, 599, 5*batchTime + batchTime/2},
		"a large batch": {func(users []legacy.User, _ int) bool { return len(users) > 40 && users[0].ID < "1150" }, 600, 3*batchTime + batchTime/2},
		"for a while":   {func(_ []legacy.User, tries int) bool { return tries <= 2 }, 600, 2*batchTime + batchTime/2},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, 600)
				s := w.sweeper()
				s.worker.Waits = true
				w.set(s, `{"state": "running", "accounts_per_second": "max", "chunk": 100000, "batch": {"max": 100}}`)
				w.tick(s)
				w.tick(s)
				w.tick(s)
				run := w.lastRun()
				var sizes []int
				tries := 0
				w.shop.stalls = func(users []legacy.User) bool {
					sizes = append(sizes, len(users))
					tries++
					return row.stalls(users, tries)
				}
				began := time.Now()
				for range 300 {
					s.desk.Forget()
					if err := s.governing.step(t.Context()); err != nil {
						t.Fatal(err)
					}
					_, _ = s.Work(t.Context()) // it fails again and again
					chunks, _ := w.counts(run.ID)
					if chunks[0].Done {
						break
					}
					if chunks[0].ClaimedFor > 0 {
						t.Fatalf("it was given back, and is held: %+v", chunks[0])
					}
				}
				took := time.Since(began)
				chunks, n := w.counts(run.ID)
				if !chunks[0].Done || n.Outcomes[accounts.OutcomeMoved] != int64(row.here) || n.People() != 600 {
					t.Fatalf("%+v, %+v", chunks, n)
				}
				if took > row.within {
					t.Errorf("it took %v, want at most %v: %v", took, row.within, sizes)
				}
				if chunks[0].Bound != 0 || slices.Max(sizes) < 90 {
					t.Errorf("the batches never grow again: bound %d, %v", chunks[0].Bound, sizes)
				}
			})
		})
	}
}

// While an old store hangs nobody is passed over, however long that takes and however it is asked: it is not one person's doing. A
// person who stalls it is still passed over, also where the next ones do too.
func TestHangingStore(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct {
		apart  bool // people are read by themselves too
		lists  func(users []legacy.User, since time.Duration) bool
		gets   func(id string, since time.Duration) bool
		passed []string
	}{
		"its lists": {lists: func(_ []legacy.User, since time.Duration) bool { return since < 10*time.Minute }},
		// It comes back while others are asked for, behind three tries of 20 s.
		"just then":  {lists: func(_ []legacy.User, since time.Duration) bool { return since < 3*batchTime+3*time.Second }},
		"its people": {apart: true, gets: func(_ string, since time.Duration) bool { return since < 10*time.Minute }},
		"two people": {
			lists: func(users []legacy.User, _ time.Duration) bool {
				return slices.ContainsFunc(users, func(u legacy.User) bool { return u.ID == "1000" || u.ID == "1001" })
			},
			passed: []string{"1000", "1001"},
		},
		"by themselves": {
			apart: true, gets: func(id string, _ time.Duration) bool { return id == "1000" || id == "1001" },
			passed: []string{"1000", "1001"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				const people = 150
				w := newWorld(t, people)
				s := w.sweeper()
				s.worker.Waits = true
				run := w.onlyChunk(s)
				began := time.Now()
				w.shop.apart = row.apart
				if row.lists != nil {
					w.shop.stalls = func(users []legacy.User) bool { return row.lists(users, time.Since(began)) }
				}
				if row.gets != nil {
					w.shop.onGet = func(id string) {
						if row.gets(id, time.Since(began)) {
							time.Sleep(batchTime + time.Second)
						}
					}
				}
				for range 500 {
					s.desk.Forget()
					if err := s.governing.step(t.Context()); err != nil {
						t.Fatal(err)
					}
					_, _ = s.Work(t.Context()) // it fails again and again
					if chunks, _ := w.counts(run.ID); chunks[0].Done {
						break
					}
				}
				chunks, n := w.counts(run.ID)
				moved := n.Outcomes[accounts.OutcomeMoved] + n.Outcomes[accounts.OutcomeUnchanged] // who moved by themselves before a batch was given up
				if !chunks[0].Done || moved != int64(people-len(row.passed)) || !slices.Equal(n.Examples[accounts.NotePoisoned], row.passed) {
					t.Errorf("%+v, %+v after %v", chunks, n, time.Since(began))
				}
			})
		})
	}
}

// Whoever dies of asking for others blames without it before long.
func TestDiesOfAsking(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 3)
	s := w.sweeper()
	run := w.onlyChunk(s)
	type death struct{}
	w.shop.stalls = func([]legacy.User) bool { panic(death{}) }
	for claim := 1; claim <= asks+1; claim++ {
		c, err := w.store.ClaimChunk(t.Context(), run.ID, "test", 1, claimFor)
		if err != nil {
			t.Fatal(err)
		}
		work := &task{Worker: s.worker, chunk: c, letGo: func() {}}
		counts, err := CountsOf(c)
		if err != nil || counts.Asked != min(claim-1, asks) {
			t.Fatalf("claim %d: %+v (%v)", claim, counts, err)
		}
		// It is written down before anybody is asked for, so that this counts.
		if may, err := work.mayBlame(t.Context(), "1000"); err != nil || may != (claim > 1) {
			t.Errorf("claim %d: blamed %v (%v)", claim, may, err)
		}
		if err := work.leave(t.Context(), 0); err != nil {
			t.Fatal(err)
		}
	}
}

// A claim is held no more before its chunk is given back: else it might be held once more after it, and nobody is at it.
func TestGiveBackEndsHolding(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 3)
	run := w.begin(nil)
	part := accounts.Part{Source: "shop"}
	whole := part
	whole.Whole = true
	if err := w.store.CutChunks(t.Context(), run.ID, part, whole, []accounts.Chunk{{}}); err != nil {
		t.Fatal(err)
	}
	c, err := w.store.ClaimChunk(t.Context(), run.ID, "test", 1, claimFor)
	if err != nil {
		t.Fatal(err)
	}
	claimed := func() bool {
		chunks, _ := w.counts(run.ID)
		return chunks[0].ClaimedFor > 0
	}
	wasClaimed := false
	work := &task{Worker: &Worker{Service: w.Service}, chunk: c, letGo: func() { wasClaimed = claimed() }}
	if err := work.giveBack(t.Context(), 0); err != nil || !wasClaimed || claimed() {
		t.Errorf("claimed when it is held no more: %v, then: %v (%v)", wasClaimed, claimed(), err)
	}
}
