package accounts_test

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"rekey/accounts"
	"rekey/accounts/password"
	"rekey/accounts/phase"
	"rekey/legacy"
	"rekey/legacy/legacytest"
)

// verdicts are what came of the logins that were compared.
type verdicts struct{ agreed, legacy, here, unknown, stale, dropped int64 }

// compared compares what waits, and fails unless this is what has come of it since the service began.
func compared(t *testing.T, s *accounts.Service, want verdicts) {
	t.Helper()
	s.CompareAll(t.Context())
	n := s.Stats()
	got := verdicts{
		n.VerdictsAgreed.Load(), n.VerdictsLegacyAlone.Load(), n.VerdictsNewAlone.Load(),
		n.VerdictsUnknown.Load(), n.VerdictsStale.Load(), n.VerdictsDropped.Load(),
	}
	if got != want {
		t.Fatalf("compared: %+v, want %+v", got, want)
	}
}

// comparing is a process of the village that compares every login once it is told to.
func (v *village) comparing(t *testing.T, change func(*accounts.Config)) *accounts.Service {
	t.Helper()
	s := v.serve(t, func(c *accounts.Config) {
		c.Store, c.Lease, c.Now = v.doors, v.leases[0], v.clock.now
		c.Sources = []accounts.Source{{Name: "shop", Source: v.shop, CopyBack: accounts.CopyBackFull}}
		c.Compare = accounts.CompareLogins{Share: 1, PerSecond: 1000}
		change(c)
	})
	s.OpenComparer()
	return s
}

func asItIs(*accounts.Config) {}

// comparingIn is a village in which anna has been copied, in a phase.
func comparingIn(t *testing.T, way ...phase.Phase) (*village, *accounts.Service) {
	t.Helper()
	v := newVillage(t, phase.DualWrite, accounts.CopyBackFull, salted(t, "7", "anna", "tulip"))
	v.move(t, way...)
	mustLogin(t, v.Service, "anna", "tulip")
	return v, v.comparing(t, asItIs)
}

// plant makes another password count for anna here, as a bad copy would.
func (v *village) plant(t *testing.T, pw string) {
	t.Helper()
	encoded, err := password.Hasher{Policy: cheap}.Hash([]byte(pw))
	must(t, "hash", err, nil)
	v.raw(t, `UPDATE credentials SET encoded = ? WHERE account_id = ?`, encoded, anna.String())
}

// out makes the ramp so low that anna is not in it.
func (v *village) out(t *testing.T) {
	t.Helper()
	if at := v.step(t, phase.Ramp, 1); phase.Bucket(at.Salt, anna) < 1 {
		t.Fatal("anna is in the ramp at its lowest")
	}
	v.hear(t)
}

// In the phases in which both stores are kept equal both are asked, whichever of them answers, about right passwords and wrong.
func TestCompareLogins(t *testing.T) {
	t.Parallel()
	both := []phase.Phase{phase.Shadow, phase.Both}
	ramp := append(slices.Clone(both), phase.Ramp)
	for name, tt := range map[string]struct {
		way  []phase.Phase
		then func(*village)
		none bool
		here bool // the new store answers
	}{
		"legacy-only":     {none: true},
		"shadow":          {way: both[:1]},
		"both":            {way: both},
		"ramp, out of it": {way: both, then: func(v *village) { v.out(t) }},
		"ramp":            {way: ramp, here: true},
		"new-first":       {way: append(slices.Clone(ramp), phase.NewFirst), none: true, here: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			v, s := comparingIn(t, tt.way...)
			if tt.then != nil {
				tt.then(v)
			}
			mustLogin(t, s, "anna", "tulip")
			mustRefuse(t, s, "anna", "rose")
			mustRefuse(t, s, "nobody", "rose")
			if tt.none {
				compared(t, s, verdicts{})
				return
			}
			compared(t, s, verdicts{agreed: 2})

			v.plant(t, "rose")
			answered, other := "tulip", "rose"
			if tt.here {
				answered, other = other, answered
			}
			mustLogin(t, s, "anna", answered)
			mustRefuse(t, s, "anna", "daisy")
			want := verdicts{agreed: 3, legacy: 1}
			if tt.here {
				want = verdicts{agreed: 3, here: 1}
			}
			compared(t, s, want)
			mustRefuse(t, s, "anna", other)
			want.legacy, want.here = 1, 1
			compared(t, s, want)
			if n := v.count(t, anna, accounts.EventDisagreement); n != 2 {
				t.Errorf("%d events, want one for each way", n)
			}
			mustRefuse(t, s, "anna", other)
			s.CompareAll(t.Context())
			if n := v.count(t, anna, accounts.EventDisagreement); n != 2 {
				t.Errorf("%d events, want none for what is known", n)
			}
			events, err := v.store.Events(t.Context(), anna, 100)
			must(t, "events", err, nil)
			for _, e := range events {
				for _, text := range e.Detail {
					if strings.Contains(text, "rose") || strings.Contains(text, "tulip") || strings.Contains(text, "$") {
						t.Errorf("an event of kind %s tells a secret", e.Kind)
					}
				}
				if e.Kind == accounts.EventDisagreement && (e.Actor != "system" || e.RequestID != "test" || e.Detail["legacy_id"] != "7") {
					t.Errorf("%+v", e)
				}
			}
		})
	}
}

// What was found is a difference for whoever compares the stores, holds the ramp up, is marked by a repair, and ends once the person
// was copied again.
func TestDisagreement(t *testing.T) {
	t.Parallel()
	v, s := comparingIn(t, phase.Shadow, phase.Both)
	asked := func() (line accounts.ReadyLine) {
		t.Helper()
		r, err := s.Ready(t.Context())
		must(t, "ready", err, nil)
		i := slices.IndexFunc(r.Checks, func(l accounts.ReadyLine) bool { return l.Hurdle == accounts.HurdleVerdicts })
		return r.Checks[i]
	}
	state := func(want accounts.PersonState, words string) {
		t.Helper()
		view, err := s.View(t.Context(), "anna")
		must(t, "view", err, nil)
		if view.State != want || !strings.Contains(view.Why, words) {
			t.Errorf("%s: %s", view.State, view.Why)
		}
	}
	user := v.person(t, "7")
	v.judged(t, user, accounts.VerdictEqual)
	if line := asked(); !line.OK || *line.Count != 0 {
		t.Errorf("%+v", line)
	}
	v.plant(t, "rose")
	v.judged(t, user, accounts.VerdictEqual) // nothing but a password tells
	mustLogin(t, s, "anna", "tulip")
	compared(t, s, verdicts{legacy: 1})
	v.judged(t, user, accounts.VerdictDisagreeing)
	if line := asked(); line.OK || *line.Count != 1 || !strings.Contains(line.Found, "the old store alone took the password of 1 person, the new store alone that of nobody") {
		t.Errorf("%+v", line)
	}
	state(accounts.StateDisagreeing, "the copy here did not, at ")
	if all, err := s.Disagreements(t.Context(), 10); err != nil || len(all) != 1 || all[0].Taken != phase.Legacy {
		t.Errorf("%+v (%v)", all, err)
	}

	if marked, err := s.MarkDrifted(t.Context(), "shop", "7", because); !marked || err != nil {
		t.Fatalf("marked: %t (%v)", marked, err)
	}
	if marked, err := s.MarkDrifted(t.Context(), "shop", "7", because); marked || err != nil {
		t.Errorf("marked again: %t (%v)", marked, err)
	}
	state(accounts.StateDisagreeing, "it is marked, and the legacy store answers")
	v.judged(t, user, accounts.VerdictDisagreeing)
	v.reconcile(t, v.Service) // it reads that the record is as it was, and the mark stays
	v.judged(t, user, accounts.VerdictDisagreeing)
	state(accounts.StateDisagreeing, "it is marked, and the legacy store answers")
	mustMigrate(t, s, swept("7"), accounts.OutcomeRecopied)
	v.judged(t, user, accounts.VerdictEqual)
	if line := asked(); !line.OK {
		t.Errorf("%+v", line)
	}
	state(accounts.StateLegacyAnswers, "")
	mustLogin(t, s, "anna", "tulip")
	mustRefuse(t, s, "anna", "rose")
	compared(t, s, verdicts{agreed: 2, legacy: 1})
}

// A copy about which the stores disagree is not taken for a good one because the phase has begun to trust copies.
func TestDisagreementIsNotTrusted(t *testing.T) {
	t.Parallel()
	v, s := comparingIn(t, phase.Shadow)
	v.plant(t, "rose")
	mustLogin(t, s, "anna", "tulip")
	compared(t, s, verdicts{legacy: 1})
	v.move(t, phase.Both)
	mustMigrate(t, s, swept("7"), accounts.OutcomeRecopied)
	v.move(t, phase.Ramp)
	v.takes(t, "tulip")
	v.refuses(t, "rose")
}

// Whoever accepts a disagreement accepts that one, and no later one.
func TestIgnoreDisagreement(t *testing.T) {
	t.Parallel()
	v, s := comparingIn(t, phase.Shadow, phase.Both)
	user := v.person(t, "7")
	for range 2 {
		v.plant(t, "rose")
		mustLogin(t, s, "anna", "tulip")
		s.CompareAll(t.Context())
		v.judged(t, user, accounts.VerdictDisagreeing)
		if counts, err := v.store.CountDisagreements(t.Context()); err != nil || counts[phase.Legacy] != 1 {
			t.Errorf("%v (%v)", counts, err)
		}
		v.clock.advance(time.Second)
		verdict, err := s.IgnoreDifference(t.Context(), "shop", "7", because)
		if err != nil || verdict != accounts.VerdictDisagreeing {
			t.Fatalf("ignored: %s (%v)", verdict, err)
		}
		v.judged(t, user, accounts.VerdictIgnored)
		if counts, err := v.store.CountDisagreements(t.Context()); err != nil || counts[phase.Legacy] != 0 {
			t.Errorf("%v (%v)", counts, err)
		}
		mustLogin(t, s, "anna", "tulip") // which copies her again
		v.judged(t, user, accounts.VerdictEqual)
		v.clock.advance(time.Second)
	}
}

// What is of another generation on one side is thrown away.
func TestCompareGenerations(t *testing.T) {
	t.Parallel()
	t.Run("changed meanwhile", func(t *testing.T) {
		t.Parallel()
		for name, way := range ways() {
			if name == "legacy-only" {
				continue
			}
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				v, s := comparingIn(t, way...)
				p := mustLogin(t, s, "anna", "tulip")
				must(t, "change", change(v.Service, v.open(t, p), "tulip", orchids), nil)
				compared(t, s, verdicts{stale: 1})
				mustLogin(t, s, "anna", orchids)
				mustRefuse(t, s, "anna", "tulip")
				compared(t, s, verdicts{agreed: 2, stale: 1})
			})
		}
	})
	t.Run("another phase", func(t *testing.T) {
		t.Parallel()
		v, s := comparingIn(t, phase.Shadow, phase.Both)
		mustLogin(t, s, "anna", "tulip")
		v.move(t, phase.Ramp)
		compared(t, s, verdicts{stale: 1})
	})
	t.Run("another record, found by the comparison", func(t *testing.T) {
		t.Parallel()
		v, s := comparingIn(t, phase.Shadow, phase.Both, phase.Ramp)
		mustLogin(t, s, "anna", "tulip")
		v.source.Change("7", func(u *legacy.User) { u.Password.Hash = md5hex(md5hex("rose") + u.Password.Salt) })
		compared(t, s, verdicts{stale: 1})
	})
	t.Run("another record, found by the login", func(t *testing.T) {
		t.Parallel()
		v, s := comparingIn(t, phase.Shadow)
		v.source.Change("7", func(u *legacy.User) { u.Password.Hash = md5hex(md5hex("rose") + u.Password.Salt) })
		mustRefuse(t, s, "anna", "tulip") // a right one would have copied her again
		mustLogin(t, s, "anna", "rose")
		compared(t, s, verdicts{})
	})
	t.Run("of a store that shows no hashes", func(t *testing.T) {
		t.Parallel()
		v, s, d := comparingDirectory(t, phase.Shadow, phase.Both)
		mustLogin(t, s, "anna", "tulip")
		compared(t, s, verdicts{agreed: 1})
		d.before = func() { // the change of both comes between the two reads of the login
			d.passwords["7"] = "rose"
			v.plant(t, "rose")
			v.raw(t, `UPDATE credentials SET version = version + 1`)
		}
		mustRefuse(t, s, "anna", "tulip")
		compared(t, s, verdicts{agreed: 1, stale: 1})
	})
}

// A hookedDirectory is one before whose next answer something happens.
type hookedDirectory struct {
	*directory
	before func()
}

func (d *hookedDirectory) Verify(ctx context.Context, u legacy.User, typed []byte) error {
	if before := d.before; before != nil {
		d.before = nil
		before()
	}
	return d.directory.Verify(ctx, u, typed)
}

// comparingDirectory is a village whose old store shows no hashes.
func comparingDirectory(t *testing.T, way ...phase.Phase) (*village, *accounts.Service, *hookedDirectory) {
	t.Helper()
	d := &hookedDirectory{directory: &directory{
		Memory:    legacytest.NewMemory(legacy.User{ID: "7", Username: "anna", Email: "anna@example.org"}),
		passwords: map[string]string{"7": "tulip"},
	}}
	v := newVillage(t, phase.DualWrite, accounts.CopyBackNone)
	v.move(t, way...)
	s := v.comparing(t, func(c *accounts.Config) { c.Sources = []accounts.Source{{Name: "shop", Source: d}} })
	mustLogin(t, s, "anna", "tulip")
	compared(t, s, verdicts{}) // who has just been copied has nothing to be compared
	return v, s, d
}

// A store that counts guesses is not asked about wrong passwords, and what it does not say is no verdict.
func TestCompareDirectory(t *testing.T) {
	t.Parallel()
	_, s, d := comparingDirectory(t, phase.Shadow, phase.Both, phase.Ramp)
	asked := d.asked.Load()
	mustRefuse(t, s, "anna", "rose")
	compared(t, s, verdicts{unknown: 1})
	if n := d.asked.Load() - asked; n != 0 {
		t.Errorf("the directory was asked %d times about a wrong password", n)
	}
	mustLogin(t, s, "anna", "tulip")
	compared(t, s, verdicts{agreed: 1, unknown: 1})
	d.passwords["7"] = "rose" // changed there, which no record tells
	mustLogin(t, s, "anna", "tulip")
	compared(t, s, verdicts{agreed: 1, here: 1, unknown: 1})
	for i, err := range []error{errDown, legacy.ErrNoUser} {
		d.err = err
		mustLogin(t, s, "anna", "tulip")
		compared(t, s, verdicts{agreed: 1, here: 1, unknown: 2 + int64(i)})
	}
}

// A person who has gone from the old store between two questions has not got a wrong password.
func TestCompareGone(t *testing.T) {
	t.Parallel()
	_, s, d := comparingDirectory(t, phase.Shadow)
	d.err = legacy.ErrNoUser
	mustRefuse(t, s, "anna", "tulip")
	compared(t, s, verdicts{})
}

// A store that does not answer, or a record that cannot be read, says nothing of the password.
func TestCompareUnknown(t *testing.T) {
	t.Parallel()
	v, s := comparingIn(t, phase.Shadow, phase.Both, phase.Ramp)
	v.source.SetDown(errDown)
	mustLogin(t, s, "anna", "tulip")
	compared(t, s, verdicts{unknown: 1})
	v.source.SetDown(nil)
	v.shop.beforeGet = func() { panic("a driver that panics") }
	mustLogin(t, s, "anna", "tulip")
	compared(t, s, verdicts{unknown: 2})
	v.source.Remove("7")
	mustLogin(t, s, "anna", "tulip")
	compared(t, s, verdicts{unknown: 3})

	v, s = comparingIn(t, phase.Shadow)
	v.raw(t, `UPDATE credentials SET encoded = '$argon2id$v=19$m=1,t=1,p=1$broken$broken'`)
	mustLogin(t, s, "anna", "tulip")
	compared(t, s, verdicts{unknown: 1})
}

// Whoever has something about them in one store alone is not compared.
func TestCompareNobodyElse(t *testing.T) {
	t.Parallel()
	for name, text := range map[string]string{
		"pinned":       `UPDATE accounts SET pinned = TRUE`,
		"changed here": `UPDATE accounts SET changed_here = TRUE`,
		"in doubt":     `UPDATE accounts SET in_doubt = TRUE`,
		"dirty":        `UPDATE legacy_links SET dirty = TRUE`,
		"drifted":      `UPDATE legacy_links SET drifted = TRUE`,
		"untrusted":    `UPDATE legacy_links SET copied_epoch = 0`,
		"disabled":     `UPDATE accounts SET disabled = TRUE, disabled_here = TRUE`,
		"deleted":      `UPDATE accounts SET deleted_at = 1`,
		"waiting":      `UPDATE credentials SET encoded = '` + (password.Hasher{Policy: cheap}).Dummy() + `'`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			way := []phase.Phase{phase.Shadow}
			if name == "untrusted" { // where copies are to be trusted
				way = append(way, phase.Both)
			}
			v, s := comparingIn(t, way...)
			v.raw(t, text)
			_, err := s.Login(t.Context(), try("anna", "daisy"))
			if err == nil {
				t.Fatal("a wrong password")
			}
			compared(t, s, verdicts{})
		})
	}
	t.Run("disabled there", func(t *testing.T) {
		t.Parallel()
		v, s := comparingIn(t, phase.Shadow)
		v.source.Change("7", disable)
		mustMigrate(t, s, swept("7"), accounts.OutcomeRecopied)
		mustRefuse(t, s, "anna", "tulip")
		compared(t, s, verdicts{})
	})
}

// Chance chooses, within the limit of a second; and few wait, as long as somebody works on them and no longer.
func TestCompareBounds(t *testing.T) {
	t.Parallel()
	v, _ := comparingIn(t, phase.Shadow)
	v.stand()
	with := func(share float64, perSecond int) *accounts.Service {
		return v.comparing(t, func(c *accounts.Config) { c.Compare = accounts.CompareLogins{Share: share, PerSecond: perSecond} })
	}
	s := with(0, 1000)
	mustLogin(t, s, "anna", "tulip")
	compared(t, s, verdicts{})

	s = with(1, 4)
	for range 3 { // half of the room is for those who are right
		mustRefuse(t, s, "anna", "rose")
	}
	compared(t, s, verdicts{agreed: 2, dropped: 1})
	for range 3 {
		mustLogin(t, s, "anna", "tulip")
	}
	compared(t, s, verdicts{agreed: 4, dropped: 2})
	v.clock.advance(time.Second)
	mustLogin(t, s, "anna", "tulip")
	compared(t, s, verdicts{agreed: 5, dropped: 2})
	v.clock.advance(time.Second)
	mustLogin(t, s, "anna", "tulip")
	v.clock.advance(accounts.CompareLate + 1)
	compared(t, s, verdicts{agreed: 5, dropped: 3})
	v.hear(t)

	s = with(1, 1000)
	for range accounts.CompareQueue + 3 {
		mustLogin(t, s, "anna", "tulip")
	}
	passwords := s.Waiting()
	if len(passwords) != accounts.CompareQueue || !bytes.Equal(passwords[0], []byte("tulip")) {
		t.Fatalf("%d wait", len(passwords))
	}
	compared(t, s, verdicts{agreed: accounts.CompareQueue, dropped: 3})
	for _, pw := range passwords {
		if !bytes.Equal(pw, make([]byte, 5)) {
			t.Fatal("a password that was compared is still there")
		}
	}
}

// With the end of the process what waits is forgotten, and nothing waits after it.
func TestCompareEnds(t *testing.T) {
	t.Parallel()
	_, s := comparingIn(t, phase.Shadow)
	mustLogin(t, s, "anna", "tulip")
	passwords := s.Waiting()
	ended, end := context.WithCancel(t.Context())
	end()
	s.CompareVerdicts(ended)
	if len(passwords) != 1 || !bytes.Equal(passwords[0], make([]byte, 5)) {
		t.Error("the password is still there")
	}
	mustLogin(t, s, "anna", "tulip")
	if len(s.Waiting()) != 0 {
		t.Error("a password waits for nobody")
	}
	compared(t, s, verdicts{dropped: 2})
}

// Logins that are compared are, while the process runs.
func TestCompareVerdicts(t *testing.T) {
	t.Parallel()
	v, _ := comparingIn(t, phase.Shadow)
	read := make(chan struct{})
	s := v.comparing(t, func(c *accounts.Config) { c.Store = tellsKept{v.doors, read} })
	running, end := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { defer close(done); s.CompareVerdicts(running) }()
	v.plant(t, "rose")
	mustLogin(t, s, "anna", "tulip")
	<-read
	end()
	<-done
	compared(t, s, verdicts{legacy: 1})
}

// tellsKept says that a disagreement was stored.
type tellsKept struct {
	accounts.Store
	kept chan struct{}
}

func (s tellsKept) KeepDisagreement(ctx context.Context, d accounts.Disagreement, e accounts.Event) (bool, error) {
	defer close(s.kept)
	return s.Store.KeepDisagreement(ctx, d, e)
}

// A comparison takes the room that logins leave: while what else is in no hurry has it, there is none.
func TestCompareWaitsBehindLogins(t *testing.T) {
	t.Parallel()
	for name, way := range map[string][]phase.Phase{"asking here": {phase.Shadow}, "asking there": {phase.Shadow, phase.Both, phase.Ramp}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			v, _ := comparingIn(t, way...)
			pool := password.NewPool(password.PoolConfig{Permits: 4, SweepPermits: 1, MaxWait: time.Millisecond})
			s := v.comparing(t, func(c *accounts.Config) { c.Permits = pool })
			begun, end, ended := make(chan struct{}), make(chan struct{}), make(chan error)
			go func() {
				ended <- pool.Do(t.Context(), 1, password.PrioritySweep, func() { close(begun); <-end })
			}()
			<-begun
			mustLogin(t, s, "anna", "tulip")
			compared(t, s, verdicts{dropped: 1})
			close(end)
			must(t, "the other", <-ended, nil)
			mustLogin(t, s, "anna", "tulip")
			compared(t, s, verdicts{agreed: 1, dropped: 1})
		})
	}
}

// What the store does not take is found again.
func TestDisagreementNotStored(t *testing.T) {
	t.Parallel()
	v, _ := comparingIn(t, phase.Shadow)
	store := &unkept{Store: v.doors, err: errors.New("disk full")}
	s := v.comparing(t, func(c *accounts.Config) { c.Store = store })
	v.plant(t, "rose")
	mustLogin(t, s, "anna", "tulip")
	compared(t, s, verdicts{legacy: 1})
	v.judged(t, v.person(t, "7"), accounts.VerdictEqual)
	store.err = nil
	mustLogin(t, s, "anna", "tulip")
	compared(t, s, verdicts{legacy: 2})
	v.judged(t, v.person(t, "7"), accounts.VerdictDisagreeing)
}

// unkept keeps no disagreement while it has an error.
type unkept struct {
	accounts.Store
	err error
}

func (s *unkept) KeepDisagreement(ctx context.Context, d accounts.Disagreement, e accounts.Event) (bool, error) {
	if s.err != nil {
		return false, s.err
	}
	return s.Store.KeepDisagreement(ctx, d, e)
}
