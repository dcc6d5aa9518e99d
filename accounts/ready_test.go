package accounts_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"rekey/accounts"
	"rekey/accounts/password"
	"rekey/accounts/phase"
	"rekey/legacy"
	"rekey/legacy/legacytest"
)

// A readyWorld is one in which a legacy store may be switched off, until a test puts something in the way.
type readyWorld struct {
	*world
	clock *clock
	list  listing
}

// A listing is how an old store is read from end to end.
type listing struct {
	unreadable []string
	err        error
}

// wholly is an old store that can be read from end to end: it has some of the people 1 to 9.
type wholly struct {
	*legacytest.Memory
	*listing
}

func (l wholly) List(ctx context.Context, after string, limit int) (page []legacy.User, err error) {
	for id := range strings.SplitSeq("123456789", "") {
		user, err := l.Get(ctx, id)
		switch {
		case err == nil && id > after && len(page) < limit:
			page = append(page, user)
		case err != nil && !errors.Is(err, legacy.ErrNoUser):
			return nil, err
		}
	}
	err = l.err
	for _, id := range l.unreadable {
		err = errors.Join(err, &legacy.RowError{Key: id, Column: "name", Reason: "no text"})
	}
	return page, err
}

func newReadyWorld(t *testing.T) *readyWorld {
	t.Helper()
	w := &readyWorld{newWorld(t, weaklings(3)...), &clock{still: time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)}, listing{}}
	w.Service = w.again(t)
	for _, id := range []string{"1", "2", "3"} {
		if _, err := w.Login(t.Context(), try("name"+id, "geheim")); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(t.Context()); err != nil { // the logins are noted
		t.Fatal(err)
	}
	w.clock.advance(7 * 24 * time.Hour)
	w.validated(t, accounts.ValidationReport{Complete: true, Sources: []accounts.Comparison{{Source: "shop", Counts: map[accounts.Verdict]int{accounts.VerdictEqual: 3}}}})
	return w
}

// again returns a service that has counted nothing yet.
func (w *readyWorld) again(t *testing.T) *accounts.Service {
	t.Helper()
	return w.serve(t, func(c *accounts.Config) {
		c.Now, c.Mailer = w.clock.now, &postbox{}
		c.Sources[0].Source = wholly{w.source, &w.list}
	})
}

func (w *readyWorld) validated(t *testing.T, found accounts.ValidationReport) {
	t.Helper()
	v := accounts.Validation{ID: uuid.Must(uuid.NewV7()), Began: w.clock.now(), Ended: w.clock.now(), Epoch: 1, Found: found}
	if err := w.store.AddValidation(t.Context(), v); err != nil {
		t.Fatal(err)
	}
}

// open returns what is not done.
func (w *readyWorld) open(t *testing.T) (open []accounts.ReadyLine, r accounts.Readiness) {
	t.Helper()
	r, err := w.again(t).Ready(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range r.Checks {
		if line.Found == "" || line.OK != (line.Do == "") {
			t.Errorf("%s: found %q, to do %q", line.Hurdle, line.Found, line.Do)
		}
		if !line.OK {
			open = append(open, line)
		}
	}
	return open, r
}

// ofPart is what a pass over a part has found of four people.
func ofPart(v accounts.Verdict) accounts.ValidationReport {
	return accounts.ValidationReport{Sources: []accounts.Comparison{{Source: "shop", Counts: map[accounts.Verdict]int{v: 4}}}}
}

func event(account uuid.UUID, kind accounts.EventKind, at time.Time) accounts.Event {
	return accounts.Event{ID: uuid.Must(uuid.NewV7()), At: at, AccountID: account, Kind: kind, Actor: "system"}
}

func (w *readyWorld) must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// TestReady puts one thing at a time in the way.
func TestReady(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		stand func(t *testing.T, w *readyWorld)
		want  []accounts.Hurdle
		count int64 // of the first; -1: there is none
		later bool
	}{
		"nothing":      {stand: func(*testing.T, *readyWorld) {}},
		"somebody new": {func(_ *testing.T, w *readyWorld) { w.source.Put(weakling("4")) }, []accounts.Hurdle{accounts.HurdleUnmoved}, 1, false},
		"somebody new, hidden by somebody who has gone": {func(_ *testing.T, w *readyWorld) {
			w.source.Remove("1")
			w.source.Put(weakling("4"))
		}, []accounts.Hurdle{accounts.HurdleUnmoved}, 1, false},
		"somebody in quarantine, who is counted there": {func(t *testing.T, w *readyWorld) {
			w.source.Put(weakling("4"))
			n := accounts.Note{Source: "shop", LegacyID: "4", Class: accounts.NoteWeakHash, Reason: "so", At: w.clock.now()}
			_, err := w.store.AddNote(t.Context(), n, event(uuid.Max, accounts.EventQuarantined, w.clock.now()))
			w.must(t, err)
		}, []accounts.Hurdle{accounts.HurdleQuarantine}, 1, false},
		"a record that nobody can read":          {func(_ *testing.T, w *readyWorld) { w.list.unreadable = []string{"5", "6", "3"} }, []accounts.Hurdle{accounts.HurdleUnmoved}, 2, false},
		"an old store that cannot be read whole": {func(_ *testing.T, w *readyWorld) { w.list.err = errDown }, []accounts.Hurdle{accounts.HurdleUnmoved}, -1, false},
		"somebody deleted, who may be gone": {func(t *testing.T, w *readyWorld) {
			id := accounts.SubjectFor("shop", "1")
			w.must(t, w.store.Delete(t.Context(), id, 1, w.clock.now(), event(id, accounts.EventDeleted, w.clock.now())))
			w.source.Put(weakling("4"))
			w.clock.advance(25 * time.Hour) // the validation is too old to tell
		}, []accounts.Hurdle{accounts.HurdleUnmoved, accounts.HurdleValidation}, -1, false},
		"a drifted copy": {func(t *testing.T, w *readyWorld) {
			rec, err := w.store.ByLink(t.Context(), "shop", "1")
			w.must(t, err)
			is := *rec.Link
			is.Drifted = true
			w.must(t, w.store.SetLink(t.Context(), *rec.Link, is, event(rec.ID, accounts.EventDrifted, w.clock.now())))
		}, []accounts.Hurdle{accounts.HurdleCopies, accounts.HurdleMarked}, 1, false},
		"quarantine": {func(t *testing.T, w *readyWorld) {
			for id, class := range map[string]accounts.NoteClass{"8": accounts.NoteWeakHash, "9": accounts.NoteContested} {
				n := accounts.Note{Source: "shop", LegacyID: id, Class: class, Reason: "so", At: w.clock.now()}
				_, err := w.store.AddNote(t.Context(), n, event(uuid.Max, accounts.EventQuarantined, w.clock.now()))
				w.must(t, err)
			}
		}, []accounts.Hurdle{accounts.HurdleQuarantine, accounts.HurdleContested}, 1, false},
		"a change under way": {func(t *testing.T, w *readyWorld) {
			d := accounts.Delivery{
				ID: uuid.Must(uuid.NewV7()), AccountID: accounts.SubjectFor("shop", "1"), Source: "shop", Kind: accounts.DeliverPassword, Sealed: []byte{1},
				CreatedAt: w.clock.now(), NextAt: w.clock.now(),
			}
			_, err := w.store.BeginIntent(t.Context(), d, w.clock.now().Add(time.Minute))
			w.must(t, err)
		}, []accounts.Hurdle{accounts.HurdleCopies, accounts.HurdleInDoubt, accounts.HurdleUndelivered}, 1, false},
		"a run": {func(t *testing.T, w *readyWorld) {
			run := accounts.Run{ID: uuid.Must(uuid.NewV7()), Kind: accounts.RunVerify, State: accounts.RunRunning, Began: w.clock.now()}
			w.must(t, w.store.BeginRun(t.Context(), run, nil, event(uuid.Max, "run.began", w.clock.now())))
			for range 20 {
				ended := accounts.Run{ID: uuid.Must(uuid.NewV7()), Kind: accounts.RunMove, State: accounts.RunRunning, Began: w.clock.now()}
				w.must(t, w.store.BeginRun(t.Context(), ended, nil, event(uuid.Max, "run.began", w.clock.now())))
				ended.State, ended.Ended = accounts.RunDone, w.clock.now()
				w.must(t, w.store.EndRun(t.Context(), ended, event(uuid.Max, "run.ended", w.clock.now())))
			}
		}, []accounts.Hurdle{accounts.HurdleRuns}, 1, false},
		"an old validation": {func(_ *testing.T, w *readyWorld) { w.clock.advance(25 * time.Hour) }, []accounts.Hurdle{accounts.HurdleValidation}, 0, false},
		"a validation of a part": {func(t *testing.T, w *readyWorld) {
			w.clock.advance(25 * time.Hour)
			w.validated(t, accounts.ValidationReport{Sources: []accounts.Comparison{{Source: "shop", Counts: map[accounts.Verdict]int{accounts.VerdictEqual: 3}}}})
		}, []accounts.Hurdle{accounts.HurdleValidation}, 0, false},
		"many validations of a part": {stand: func(t *testing.T, w *readyWorld) {
			for range 20 {
				w.clock.advance(time.Second)
				w.validated(t, ofPart(accounts.VerdictEqual))
			}
		}},
		"a part that differs": {func(t *testing.T, w *readyWorld) {
			w.clock.advance(time.Second)
			w.validated(t, ofPart(accounts.VerdictDifferent))
			w.clock.advance(time.Second)
			w.validated(t, ofPart(accounts.VerdictEqual)) // clears nothing
		}, []accounts.Hurdle{accounts.HurdleValidation}, 4, false},
		"a part that differed": {stand: func(t *testing.T, w *readyWorld) {
			w.validated(t, ofPart(accounts.VerdictDifferent))
			w.clock.advance(time.Second)
			whole := ofPart(accounts.VerdictEqual)
			whole.Complete = true
			w.validated(t, whole)
		}},
		"somebody who cannot move": {func(t *testing.T, w *readyWorld) {
			w.validated(t, accounts.ValidationReport{Complete: true, Sources: []accounts.Comparison{{Source: "shop", Counts: map[accounts.Verdict]int{accounts.VerdictUnmovable: 4}}}})
		}, []accounts.Hurdle{accounts.HurdleValidation}, 4, false},
		"a login": {func(t *testing.T, w *readyWorld) {
			w.source.Put(weakling("4"))
			s := w.again(t)
			_, err := s.Login(t.Context(), try("name4", "geheim"))
			w.must(t, err)
			w.must(t, s.Close(t.Context()))
		}, []accounts.Hurdle{accounts.HurdleLegacyLogin}, -1, false},
		"a password that was taken away": {stand: func(t *testing.T, w *readyWorld) {
			taken := weakling("4")
			taken.Email = "name4@example.org"
			w.source.Put(taken)
			mustMigrate(t, w.again(t), resetting("4"), accounts.OutcomeReset)
		}},
		"a password that a login has to bring": {func(t *testing.T, w *readyWorld) {
			w.source.Put(weakling("4"))
			sweptAll(t, w.again(t), "4")
			waiting := (password.Hasher{}).Dummy()
			w.must(t, w.store.SetPassword(t.Context(), accounts.SubjectFor("shop", "4"), 1, accounts.Credential{Scheme: accounts.SchemeArgon2id, Encoded: waiting},
				uuid.Nil, event(accounts.SubjectFor("shop", "4"), accounts.EventPassword, w.clock.now())))
		}, []accounts.Hurdle{accounts.HurdleResets}, 1, false},
		"a wrapped password": {func(t *testing.T, w *readyWorld) {
			w.source.Put(weakling("4"))
			sweptAll(t, w.again(t), "4")
		}, []accounts.Hurdle{accounts.HurdleOldHashes}, 1, true},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newReadyWorld(t)
			tt.stand(t, w)
			open, r := w.open(t)
			var got []accounts.Hurdle
			for _, line := range open {
				got = append(got, line.Hurdle)
			}
			if !slices.Equal(got, tt.want) || r.Ready != (len(tt.want) == 0 || tt.later) || r.Removable != (len(tt.want) == 0) {
				t.Fatalf("in the way are %v, ready %v, removable %v; want %v\n%+v", got, r.Ready, r.Removable, tt.want, open)
			}
			if len(open) == 0 {
				return
			}
			if n := open[0].Count; n == nil && tt.count >= 0 || n != nil && *n != tt.count {
				t.Errorf("%s: %+v, want %d", open[0].Hurdle, open[0], tt.count)
			}
		})
	}
}

// TestReadyWithTheUnmovable: who cannot be moved is in the way in one line, and no longer once they are let be.
func TestReadyWithTheUnmovable(t *testing.T) {
	t.Parallel()
	w := newReadyWorld(t)
	stuck := weakling("4")
	stuck.Password.Hash = "*"
	w.source.Put(stuck)
	compared := func() accounts.Verdict {
		v, err := w.Compare(t.Context(), "shop", stuck)
		w.must(t, err)
		w.clock.advance(time.Second)
		w.validated(t, accounts.ValidationReport{Complete: true, Sources: []accounts.Comparison{{Source: "shop", Counts: map[accounts.Verdict]int{accounts.VerdictEqual: 3, v.Verdict: 1}}}})
		return v.Verdict
	}
	inTheWay := func(when string, want ...accounts.Hurdle) {
		t.Helper()
		open, r := w.open(t)
		var got []accounts.Hurdle
		for _, line := range open {
			got = append(got, line.Hurdle)
			if line.Count == nil || *line.Count != 1 {
				t.Errorf("%s: %+v, want 1 person", when, line)
			}
		}
		if !slices.Equal(got, want) || r.Ready != (len(want) == 0) {
			t.Errorf("%s: in the way are %v, want %v", when, got, want)
		}
	}
	if v := compared(); v != accounts.VerdictUnmovable {
		t.Errorf("before a sweep: %s", v)
	}
	inTheWay("before a sweep", accounts.HurdleUnmoved)
	_, err := w.NoteRefused(t.Context(), []accounts.Unmoved{{LegacyKey: accounts.LegacyKey{Source: "shop", LegacyID: "4"}, Class: accounts.NoteUnusableHash, Reason: "no password"}}, because)
	w.must(t, err)
	inTheWay("after it", accounts.HurdleQuarantine)
	if _, err := w.IgnoreDifference(t.Context(), "shop", "4", because); !isInvalid(err, "legacy_id") {
		t.Errorf("ignored: %v", err)
	}
	_, err = w.SkipQuarantined(t.Context(), accounts.LegacyKey{Source: "shop", LegacyID: "4"}, because)
	w.must(t, err)
	inTheWay("let be", accounts.HurdleValidation)
	if v := compared(); v != accounts.VerdictIgnored {
		t.Errorf("let be: %s", v)
	}
	inTheWay("compared again")
}

// TestReadyOfAFreshStore: that nobody has needed the old store for a week is not known before there was one.
func TestReadyOfAFreshStore(t *testing.T) {
	t.Parallel()
	w := &readyWorld{newWorld(t, weaklings(3)...), &clock{still: time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)}, listing{}}
	sweptAll(t, w.again(t), "1", "2", "3")
	quiet := func(when string, want bool) {
		t.Helper()
		open, _ := w.open(t)
		if got := !slices.ContainsFunc(open, func(line accounts.ReadyLine) bool { return line.Hurdle == accounts.HurdleLegacyLogin }); got != want {
			t.Errorf("%s: quiet %t, want %t", when, got, want)
		}
	}
	quiet("before there was a phase", false)
	first := phase.State{Epoch: 1, TrustEpoch: 1, Plan: phase.Lazy, Phase: phase.NewFirst, Began: w.clock.now(), Salt: "0123456789abcdef"}
	_, err := w.store.InitPhase(t.Context(), first)
	w.must(t, err)
	quiet("at once", false)
	w.clock.advance(7*24*time.Hour - time.Second)
	quiet("before the week is over", false)
	w.clock.advance(time.Second)
	quiet("after a week", true)
}

// TestReadyBeforeNewFirst: while the old store answers it cannot be switched off, and what cannot be counted is not done.
func TestReadyBeforeNewFirst(t *testing.T) {
	t.Parallel()
	w := newReadyWorld(t)
	s := w.serve(t, func(c *accounts.Config) {
		c.Now, c.Mailer = w.clock.now, &postbox{}
		c.Sources[0].Source = counter{w.source, func(context.Context) (int64, error) { return 0, legacy.ErrNotCounted }}
	})
	w.clock.advance(25 * time.Hour)
	first := phase.State{Epoch: 1, TrustEpoch: 1, Plan: phase.DualWrite, Phase: phase.Both, Began: w.clock.now(), Salt: "0123456789abcdef"}
	if _, err := w.store.InitPhase(t.Context(), first); err != nil {
		t.Fatal(err)
	}
	r, err := s.Ready(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range r.Checks {
		want := line.Hurdle != accounts.HurdlePhase && line.Hurdle != accounts.HurdleCopies && line.Hurdle != accounts.HurdleUnmoved && line.Hurdle != accounts.HurdleValidation
		if line.OK != want {
			t.Errorf("%+v", line)
		}
	}
	if r.Ready {
		t.Error("it is ready")
	}
}

// TestReadyDown: who cannot be counted is not ready, and it is not said that nobody is left.
func TestReadyDown(t *testing.T) {
	t.Parallel()
	w := newReadyWorld(t)
	w.store.down.Store(true)
	if r, err := w.again(t).Ready(t.Context()); err == nil || r.Ready {
		t.Errorf("Ready() = %+v, %v", r, err)
	}
}

// What neither a repair nor a sweep ends is told what does.
func TestReadySaysWhatEndsADifference(t *testing.T) {
	t.Parallel()
	w := newReadyWorld(t)
	w.clock.advance(time.Second)
	w.validated(t, accounts.ValidationReport{Complete: true, Sources: []accounts.Comparison{{
		Source: "shop", Counts: map[accounts.Verdict]int{accounts.VerdictGone: 1, accounts.VerdictMissingThere: 1, accounts.VerdictIDReused: 1},
	}}})
	open, _ := w.open(t)
	if len(open) != 1 || *open[0].Count != 2 || !strings.Contains(open[0].Do, "the next reconcile") || !strings.Contains(open[0].Do, "in quarantine") {
		t.Errorf("%+v", open)
	}
}
