package sweeper

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"rekey/accounts"
	"rekey/accounts/password"
	"rekey/accounts/phase"
	"rekey/legacy"
	"rekey/sweeper/settings"
)

// A bad account costs one account; everybody else is moved, once.
func TestAttend(t *testing.T) {
	t.Parallel()
	for name, uncut := range map[string]bool{"in pieces": false, "in one piece": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, 300)
			w.shop.uncut = uncut
			w.shop.Change("1003", func(u *legacy.User) { u.Password = nil })
			w.shop.Change("1005", func(u *legacy.User) { u.Username = "USER6" }) // another's name
			w.shop.unreadable = map[string]bool{"1100": true, "1299": true}
			for i, want := range []map[accounts.Outcome]int64{{accounts.OutcomeMoved: 295}, {accounts.OutcomeUnchanged: 295}} {
				var shown atomic.Int64
				r, err := w.attend(t.Context(), func(c *AttendConfig) {
					c.Progress = func(_ string, people int64) { shown.Store(people) }
				})
				if err != nil {
					t.Fatal(err)
				}
				for outcome, n := range want {
					if r.Outcomes[outcome] != n || len(r.Outcomes) != 1 {
						t.Errorf("%d: %+v", i, r)
					}
				}
				if r.People != 300 || r.Refused[accounts.NoteUnusableHash] != 1 || r.Refused[accounts.NoteContested] != 2 || r.Refused[accounts.NoteUnreadableRecord] != 2 {
					t.Errorf("%d: %+v", i, r)
				}
				if shown.Load() != 300 {
					t.Errorf("%d: the progress ended at %d", i, shown.Load())
				}
			}
			w.exactly(295)
		})
	}
}

// Of a run that is attended a chunk is hashed on all permits, also by the last worker that has one; a worker of the settings makes
// one hash at a time.
func TestAttendHashesTogether(t *testing.T) {
	t.Parallel()
	const permits = 4
	mustHash := func(t *testing.T, w *world, want int, run func() error) { // at once, while others hold all permits
		t.Helper()
		release := make(chan struct{})
		var all sync.WaitGroup
		for range permits {
			begun := make(chan struct{})
			all.Go(func() {
				if err := w.pool.Do(t.Context(), 1, password.PriorityLogin, func() { close(begun); <-release }); err != nil {
					t.Error(err)
				}
			})
			<-begun
		}
		ended := make(chan error, 1)
		go func() { ended <- run() }()
		for until := time.Now().Add(20 * time.Second); w.pool.Stats().WaitingSweep < want && time.Now().Before(until); {
			<-time.After(time.Millisecond)
		}
		<-time.After(20 * time.Millisecond) // for those who may not
		if n := w.pool.Stats().WaitingSweep; n != want {
			t.Errorf("%d hashes at a time, want %d", n, want)
		}
		close(release)
		all.Wait()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}
	t.Run("attended", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t, 20)
		mustHash(t, w, permits, func() error {
			_, err := w.attend(t.Context(), nil)
			return err
		})
		w.exactly(20)
	})
	t.Run("of the settings", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t, 20)
		s := w.sweeper()
		w.onlyChunk(s)
		mustHash(t, w, 1, func() error {
			_, err := s.Work(t.Context())
			return err
		})
		w.exactly(20)
	})
}

// A store that does not answer ends the run's attendance, and the same goes on with it.
func TestAttendEnds(t *testing.T) {
	t.Parallel()
	t.Run("down", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t, 300)
		waited := 0
		down := func(c *AttendConfig) {
			c.Workers = 1
			c.Wait = func(context.Context, time.Duration) error { waited++; return nil }
			c.Progress = func(_ string, people int64) {
				if people > 0 {
					w.shop.SetDown(errors.New("connection refused"))
				}
			}
		}
		r, err := w.attend(t.Context(), down)
		if !errors.As(err, new(*accounts.UnavailableError)) || r.Outcomes[accounts.OutcomeMoved] != firstSize || waited != tries-1 {
			t.Errorf("%+v, %v, waited %d times", r, err, waited)
		}
		w.shop.SetDown(nil)
		if r, err = w.attend(t.Context(), nil); err != nil || r.Outcomes[accounts.OutcomeMoved] != 300 {
			t.Errorf("and on: %+v, %v", r, err)
		}
		if runs, err := w.store.Runs(t.Context(), 10); err != nil || len(runs) != 1 || runs[0].State != accounts.RunDone {
			t.Errorf("%+v (%v)", runs, err)
		}
		w.exactly(300)
	})
	t.Run("down for a moment", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t, 300)
		once := false
		r, err := w.attend(t.Context(), func(c *AttendConfig) {
			c.Wait = func(context.Context, time.Duration) error { w.shop.SetDown(nil); return nil }
			c.Progress = func(_ string, people int64) {
				if people > 0 && !once {
					once = true
					w.shop.SetDown(errors.New("connection refused"))
				}
			}
		})
		if err != nil || r.Outcomes[accounts.OutcomeMoved] != 300 {
			t.Errorf("%+v, %v", r, err)
		}
	})
	t.Run("stopped", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t, 300)
		ctx, stop := context.WithCancel(t.Context())
		r, err := w.attend(ctx, func(c *AttendConfig) {
			c.Progress = func(_ string, people int64) {
				if people > 0 {
					stop()
				}
			}
		})
		if !errors.Is(err, context.Canceled) || r.People < firstSize || r.People == 300 {
			t.Errorf("%+v, %v", r, err)
		}
		chunks, _ := w.counts(func() accounts.Run { runs, _ := w.store.Runs(t.Context(), 1); return runs[0] }().ID)
		for _, c := range chunks {
			if c.ClaimedFor > 0 || c.Attempts > 0 {
				t.Errorf("a chunk was not given back: %+v", c)
			}
		}
		if r, err = w.attend(t.Context(), nil); err != nil || r.Outcomes[accounts.OutcomeMoved] != 300 {
			t.Errorf("and on: %+v, %v", r, err)
		}
		w.exactly(300)
	})
}

// One run at a time: who attends another one has to end it first, unless nobody is at it any more.
func TestAttendOther(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 10)
	resident := w.begin(nil)
	if _, err := w.attend(t.Context(), nil); !errors.Is(err, ErrOtherRun) {
		t.Errorf("beside the settings' run: %v", err)
	}
	if _, err := End(t.Context(), w.store, Orders{Run: resident}, accounts.RunStopped, "test"); err != nil {
		t.Fatal(err)
	}
	left := w.begin(func(s *Spec) { s.Attended, s.DryRun = true, true })
	if err := w.store.CutChunks(t.Context(), left.ID, accounts.Part{Source: "shop"}, accounts.Part{Source: "shop", Whole: true}, []accounts.Chunk{{}}); err != nil {
		t.Fatal(err)
	}
	c, err := w.store.ClaimChunk(t.Context(), left.ID, "somebody", 1, time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.attend(t.Context(), nil); !errors.Is(err, ErrOtherRun) {
		t.Errorf("beside another that is attended: %v", err)
	}
	if err := w.store.LeaveChunk(t.Context(), c, 0); err != nil {
		t.Fatal(err)
	}
	if r, err := w.attend(t.Context(), nil); err != nil || r.Outcomes[accounts.OutcomeMoved] != 10 {
		t.Errorf("%+v, %v", r, err)
	}
	if was, err := w.store.RunByID(t.Context(), left.ID); err != nil || was.State != accounts.RunStopped {
		t.Errorf("%+v (%v)", was, err)
	}
}

func TestAttendNothingMoves(t *testing.T) {
	t.Parallel()
	w := newWorldOn(t, phase.DualWrite, 3)
	if r, err := w.attend(t.Context(), nil); !errors.Is(err, accounts.ErrNothingMoves) || r.People != 0 {
		t.Errorf("%+v, %v", r, err)
	}
	if runs, err := w.store.Runs(t.Context(), 10); err != nil || len(runs) != 0 {
		t.Errorf("%+v (%v)", runs, err)
	}
}

// What a run has found is not read again and again; how it has ended is.
func TestAttendReads(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 3)
	run := w.begin(func(s *Spec) { s.Attended = true })
	if err := w.store.KeepFound(t.Context(), run.ID, "", `{"alone": "too many names"}`); err != nil {
		t.Fatal(err)
	}
	a := &attendance{AttendConfig: AttendConfig{Service: w.Service}, keeper: *w.keeper()}
	o, err := a.read(t.Context(), run.ID)
	if err != nil || !o.moves() || o.Run.ID != run.ID || o.Run.Found != "{}" {
		t.Errorf("%+v (%v)", o, err)
	}
	if _, err := End(t.Context(), w.store, o, accounts.RunStopped, "test"); err != nil {
		t.Fatal(err)
	}
	w.begin(nil) // another one goes on
	o, err = a.read(t.Context(), run.ID)
	if err != nil || o.Run.ID != run.ID || o.hold(settings.CauseNoRun) != "test" {
		t.Errorf("%+v (%v)", o, err)
	}
}
