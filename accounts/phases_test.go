package accounts_test

import (
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"rekey/accounts"
	"rekey/accounts/phase"
	"rekey/legacy"
)

// Along plan dual-write and back: who answers, what a login leaves, and the subject.
func TestLoginAlongDualWrite(t *testing.T) {
	t.Parallel()
	users := []legacy.User{salted(t, "7", "anna", "tulip")}
	for n := 20; n < 26; n++ {
		users = append(users, salted(t, fmt.Sprint(n), fmt.Sprintf("person%d", n), "tulip"))
	}
	v := newVillage(t, phase.DualWrite, accounts.CopyBackFull, users...)
	next := 20
	for _, step := range []struct {
		to     phase.Phase // 0: stay
		copied bool        // by a login in this phase
		here   bool        // the new store answers for who was copied in this phase
	}{
		{0, false, false},
		{phase.Shadow, true, false},
		{phase.Both, true, false},
		{phase.Ramp, true, true},
		{phase.NewFirst, true, true},
		{phase.Ramp, true, true},
	} {
		if step.to != 0 {
			v.move(t, step.to)
		}
		v.takes(t, "tulip")
		v.refuses(t, "rose")
		id, name := fmt.Sprint(next), fmt.Sprintf("person%d", next)
		next++
		sub := accounts.SubjectFor("shop", id)
		for _, s := range []*accounts.Service{v.Service, v.second} {
			mustRefuse(t, s, name, "rose")
			if p := mustLogin(t, s, name, "tulip"); p.ID != sub {
				t.Errorf("%s: the subject is %s, want %s", step.to, p.ID, sub)
			}
		}
		rec, err := v.store.ByID(t.Context(), sub)
		if copied := err == nil; copied != step.copied {
			t.Errorf("%s: copied is %v (%v), want %v", step.to, copied, err, step.copied)
		}
		if err == nil && len(rec.Identifiers) != 2 {
			t.Errorf("%s: she has %d names here", step.to, len(rec.Identifiers))
		}
		// The old application changes her password and nobody marks it.
		v.source.Change(id, func(u *legacy.User) { u.Password = salted(t, id, name, "rose").Password })
		want, not := "rose", "tulip"
		if step.here {
			want, not = "tulip", "rose"
		}
		mustRefuse(t, v.Service, name, not)
		mustLogin(t, v.second, name, want)
		v.source.Change(id, func(u *legacy.User) { u.Password = salted(t, id, name, "tulip").Password })
		mustLogin(t, v.Service, name, "tulip")
		// A drift mark ends trust at once.
		v.raw(t, `UPDATE legacy_links SET drifted = TRUE WHERE legacy_id = '`+id+`'`)
		v.source.Change(id, func(u *legacy.User) { u.Password = salted(t, id, name, "rose").Password })
		mustRefuse(t, v.Service, name, "tulip")
		mustLogin(t, v.second, name, "rose")
		rec, err = v.store.ByID(t.Context(), sub)
		if step.copied && (err != nil || rec.Link.Drifted) {
			t.Errorf("%s: the mark stands (%v)", step.to, err)
		}
	}
}

// A copy that is older than the trust epoch counts as absent, and so does a dirty one.
func TestUntrustedCopies(t *testing.T) {
	t.Parallel()
	for _, mark := range []string{`copied_epoch = 1`, `dirty = TRUE`, `drifted = TRUE`} {
		for _, to := range []phase.Phase{phase.Ramp, phase.NewFirst} {
			t.Run(to.String()+" "+mark, func(t *testing.T) {
				t.Parallel()
				v := newVillage(t, phase.DualWrite, accounts.CopyBackFull, salted(t, "7", "anna", "tulip"))
				v.move(t, phase.Shadow, phase.Both, phase.Ramp)
				if to == phase.NewFirst {
					v.move(t, to)
				}
				session := v.open(t, mustLogin(t, v.Service, "anna", "tulip"))
				spoil := func(pw string) {
					v.raw(t, `UPDATE legacy_links SET `+mark)
					v.source.Change("7", func(u *legacy.User) { u.Password = salted(t, "7", "anna", pw).Password })
				}
				spoil("rose")
				v.refuses(t, "tulip")
				v.takes(t, "rose")
				v.source.SetDown(errDown) // now the copy is equal again, and answers
				v.takes(t, "rose")
				v.source.SetDown(nil)

				spoil("daisy")
				must(t, "change by the copy's password", change(v.Service, session, "rose", orchids), accounts.ErrCredentials)
				must(t, "deletion by the copy's password", erase(v.Service, session, "rose"), accounts.ErrCredentials)
				must(t, "change", change(v.second, session, "daisy", orchids), nil)
				v.takes(t, orchids)
				v.refuses(t, "daisy")
				v.deliver(t, v.Service)
				v.sold(t, "7", orchids, true)

				spoil("iris")
				must(t, "deletion", erase(v.second, session, "iris"), nil)
				v.deliver(t, v.Service)
				v.refuses(t, "iris")
				if _, ok := v.there(t, "7"); ok {
					t.Error("the shop still has her")
				}
			})
		}
	}
}

// Pinned accounts are answered here in every phase, and so are those that legacy does not know the last change of.
func TestStayingAlongDualWrite(t *testing.T) {
	t.Parallel()
	for _, mark := range []string{"pinned", "changed_here"} {
		t.Run(mark, func(t *testing.T) {
			t.Parallel()
			v := newVillage(t, phase.DualWrite, accounts.CopyBackNone, salted(t, "7", "anna", "tulip"))
			v.move(t, phase.Shadow)
			session := v.open(t, mustLogin(t, v.Service, "anna", "tulip"))
			v.raw(t, `UPDATE accounts SET `+mark+` = TRUE`)
			v.source.Change("7", func(u *legacy.User) { u.Password = salted(t, "7", "anna", "rose").Password })
			current := "tulip"
			for i, to := range []phase.Phase{phase.Both, phase.Ramp, phase.NewFirst, phase.Ramp, phase.Both, phase.Shadow, phase.LegacyOnly} {
				v.move(t, to)
				v.takes(t, current)
				v.refuses(t, "rose")
				next := fmt.Sprintf("the password number %d", i)
				must(t, "change", change(v.Service, session, current, next), nil)
				v.refuses(t, current)
				current = next
				v.takes(t, current)
			}
			v.sold(t, "7", "rose", true) // nobody has told the shop
			must(t, "delete", erase(v.Service, session, current), nil)
			v.move(t, phase.Shadow, phase.Both, phase.Ramp, phase.NewFirst, phase.NewOnly)
			v.refuses(t, "rose")
			v.refuses(t, current)
		})
	}
}

// Deleted stays deleted in every phase, though the shop still has the row.
func TestTombstoneInEveryPhase(t *testing.T) {
	t.Parallel()
	v := newVillage(t, phase.DualWrite, accounts.CopyBackNone, salted(t, "7", "anna", "tulip"))
	v.move(t, phase.Shadow, phase.Both, phase.Ramp, phase.NewFirst)
	must(t, "delete", erase(v.Service, v.open(t, mustLogin(t, v.Service, "anna", "tulip")), "tulip"), nil)
	v.refuses(t, "tulip")
	for _, to := range []phase.Phase{phase.Ramp, phase.Both, phase.Shadow, phase.LegacyOnly, phase.Shadow, phase.Both, phase.Ramp, phase.NewFirst, phase.NewOnly} {
		v.move(t, to)
		v.refuses(t, "tulip")
	}
	if _, ok := v.there(t, "7"); !ok {
		t.Error("the shop was written to")
	}
}

// In new-only the shop may be switched off: nobody asks it, and nothing is owed to it.
func TestNewOnlyAsksNobody(t *testing.T) {
	t.Parallel()
	v := newVillage(t, phase.Lazy, accounts.CopyBackFull, salted(t, "7", "anna", "tulip"), salted(t, "8", "bert", "daisy"))
	session := v.open(t, mustLogin(t, v.Service, "anna", "tulip"))
	v.doors.beforeCreate = func() error { return errDown }
	unmoved := v.open(t, mustLogin(t, v.Service, "bert", "daisy"))
	v.move(t, phase.NewOnly)
	v.source.SetDown(errDown)
	asked := v.source.Lookups.Load()
	v.takes(t, "tulip")
	v.refuses(t, "rose")
	mustRefuse(t, v.Service, "ANNA", "rose") // no namesake is looked for
	mustRefuse(t, v.Service, "bert", "daisy")
	must(t, "change", change(v.Service, session, "tulip", orchids), nil)
	v.takes(t, orchids)
	if _, err := v.Resume(t.Context(), unmoved); !errors.Is(err, accounts.ErrCredentials) {
		t.Errorf("who was given up is resumed: %v", err)
	}
	must(t, "change of who was given up", change(v.Service, unmoved, "daisy", orchids), accounts.ErrCredentials)
	person := mustRegister(t, v.Service, "bert", "", orchids)
	must(t, "delete", erase(v.Service, v.open(t, person), orchids), nil)
	v.waiting(t, 0)
	if n := v.source.Lookups.Load() - asked; n != 0 {
		t.Errorf("the shop was asked %d times", n)
	}
}

// Between two phases that may not coexist: people log in, nothing is copied, and changes have to come again.
func TestFrozen(t *testing.T) {
	t.Parallel()
	v := newVillage(t, phase.Lazy, accounts.CopyBackFull, salted(t, "7", "anna", "tulip"), salted(t, "8", "bert", "daisy"))
	v.takes(t, "tulip")
	for _, to := range []phase.Phase{phase.LegacyOnly, phase.NewFirst} {
		for {
			state := v.step(t, to, 0)
			v.hear(t)
			if !state.Frozen {
				break
			}
			v.takes(t, "tulip")
			v.refuses(t, "rose")
			bert := mustLogin(t, v.second, "bert", "daisy")
			if _, err := v.store.ByID(t.Context(), bert.ID); !errors.Is(err, accounts.ErrNotFound) || bert.Source != "shop" {
				t.Errorf("frozen %s: bert was copied (%v)", state.Phase, err)
			}
			for _, who := range []accounts.Person{{ID: anna}, bert} {
				session := v.open(t, who)
				current := map[bool]string{true: "tulip", false: "daisy"}[who.ID == anna]
				doubtful(t, "change", change(v.Service, session, current, orchids))
				doubtful(t, "delete", erase(v.Service, session, current))
			}
			_, err := register(v.Service, "carl", "", orchids)
			doubtful(t, "register", err)
		}
		v.waiting(t, 0)
	}
	v.takes(t, "tulip")
	mustLogin(t, v.second, "bert", "daisy")
	if _, err := v.store.ByID(t.Context(), accounts.SubjectFor("shop", "8")); err != nil {
		t.Errorf("bert was not moved: %v", err)
	}
}

// A process whose lease has ended serves nobody, and serves again when it has heard of the phase.
func TestLapsedLease(t *testing.T) {
	t.Parallel()
	v := newVillage(t, phase.Lazy, accounts.CopyBackFull, salted(t, "7", "anna", "tulip"))
	session := v.open(t, mustLogin(t, v.Service, "anna", "tulip"))
	v.clock.advance(9 * time.Second)
	v.takes(t, "tulip")
	v.clock.advance(time.Second)
	v.move(t, phase.LegacyOnly) // moves and is heard of
	v.clock.advance(10 * time.Second)
	for _, s := range []*accounts.Service{v.Service, v.second} {
		_, err := s.Login(t.Context(), try("anna", "tulip"))
		doubtful(t, "login", err)
		doubtful(t, "change", change(s, session, "tulip", orchids))
		doubtful(t, "delete", erase(s, session, "tulip"))
		_, err = register(s, "bert", "", orchids)
		doubtful(t, "register", err)
	}
	must(t, "renew", v.leases[0].Renew(t.Context()), nil)
	mustLogin(t, v.Service, "anna", "tulip")
	_, err := v.second.Login(t.Context(), try("anna", "tulip"))
	doubtful(t, "login at the one that has not renewed", err)
}

// A move waits for who is alive and has not acknowledged, names them, and goes on when their lease has ended.
func TestMoveWaitsForTheSilent(t *testing.T) {
	t.Parallel()
	v := newVillage(t, phase.Lazy, accounts.CopyBackNone, salted(t, "7", "anna", "tulip"))
	v.hear(t)
	var waited atomic.Int64
	report, err := v.MovePhase(t.Context(), accounts.PhaseMove{
		To: phase.LegacyOnly, By: accounts.By{Actor: "test", Reason: "to see who answers"},
		Progress: func(step accounts.PhaseStep) {
			must(t, "the first process", v.leases[0].Renew(t.Context()), nil)
			missing := slices.DeleteFunc(step.Missing, func(r accounts.Replica) bool { return r.ID == "first" })
			if len(missing) == 0 {
				return
			}
			if at, err := v.store.Phase(t.Context()); err != nil || at.Epoch != step.State.Epoch {
				t.Errorf("the phase went on to %d (%v) without the second", at.Epoch, err)
			}
			if waited.Add(1); len(missing) != 1 || missing[0].Name != "host second" {
				t.Errorf("it waits for %+v", missing)
			}
			if waited.Load() == 3 { // its lease has ended
				v.raw(t, `UPDATE replicas SET renewed = renewed - 10000000 WHERE id = 'second'`)
			}
		},
	})
	must(t, "move", err, nil)
	if len(report.Steps) != 3 || waited.Load() != 3 {
		t.Errorf("%d steps, and waited %d times", len(report.Steps), waited.Load())
	}
	mustLogin(t, v.Service, "anna", "tulip")
}

// A move that the store keeps waiting, for a write of the epoch before, names who has not renewed their lease in time.
func TestMoveNamesWhoIsInTheMiddleOfAWrite(t *testing.T) {
	t.Parallel()
	v := newVillage(t, phase.Lazy, accounts.CopyBackNone, salted(t, "7", "anna", "tulip"))
	named := make(chan accounts.PhaseStep, 1)
	v.doors.beforeMove = func() error {
		v.raw(t, `UPDATE replicas SET renewed = renewed - 5000000 WHERE id = 'second'`)
		select {
		case step := <-named:
			if len(step.Missing) != 1 || step.Missing[0].Name != "host second" || step.State.Epoch != 1 {
				t.Errorf("in epoch %d it waits for %+v", step.State.Epoch, step.Missing)
			}
		case <-time.After(20 * time.Second):
			t.Error("nobody is named")
		}
		return errDown
	}
	_, err := v.MovePhase(t.Context(), accounts.PhaseMove{
		To: phase.LegacyOnly, By: accounts.By{Actor: "test", Reason: "to see who answers"},
		Progress: func(step accounts.PhaseStep) {
			if len(step.Missing) > 0 {
				select {
				case named <- step:
				default:
				}
			}
		},
	})
	doubtful(t, "a move whose store has gone", err)
}

// A flow that runs under an epoch keeps its process from acknowledging the next.
func TestAcknowledgesWhenNothingRuns(t *testing.T) {
	t.Parallel()
	v := newVillage(t, phase.Lazy, accounts.CopyBackNone, salted(t, "7", "anna", "tulip"))
	v.doors.beforeCreate = func() error {
		v.step(t, phase.LegacyOnly, 0)
		v.hear(t)
		all, _, err := v.store.Replicas(t.Context())
		must(t, "read the replicas", err, nil)
		for _, r := range all {
			if want := map[string]int64{"first": 1, "second": 2}[r.ID]; r.Epoch != want {
				t.Errorf("%s has acknowledged %d, want %d", r.ID, r.Epoch, want)
			}
		}
		return nil
	}
	// The move goes on behind its back: what it decided in the old epoch is not written.
	person := mustLogin(t, v.Service, "anna", "tulip")
	if _, err := v.store.ByID(t.Context(), anna); !errors.Is(err, accounts.ErrNotFound) || person.ID != anna {
		t.Errorf("it was copied in an epoch that was over (%v)", err)
	}
	v.hear(t)
	all, _, err := v.store.Replicas(t.Context())
	if err != nil || all[0].Epoch != 2 {
		t.Errorf("it has not acknowledged: %+v (%v)", all, err)
	}
}

// Whatever a flow decided in an epoch that is over changes nothing: not a copy, not a change, not an intent.
func TestDecidedTooEarly(t *testing.T) {
	t.Parallel()
	v := newVillage(t, phase.Lazy, accounts.CopyBackFull, salted(t, "7", "anna", "tulip"))
	session := v.open(t, mustLogin(t, v.Service, "anna", "tulip"))
	v.doors.beforeSet = func() error { v.move(t, phase.LegacyOnly); return nil }
	doubtful(t, "change decided in new-first", change(v.Service, session, "tulip", orchids))
	v.waiting(t, 0)
	v.takes(t, "tulip")
	v.sold(t, "7", "tulip", true)

	v.doors.beforeBegin = func() error { v.move(t, phase.NewFirst); return nil }
	doubtful(t, "change decided in legacy-only", change(v.Service, session, "tulip", orchids))
	v.waiting(t, 0)
	v.takes(t, "tulip")
	v.sold(t, "7", "tulip", true)

	// The copy is older than the trust epoch. A login that would make it again stops, the phase goes back, the password is
	// changed, and the phase comes again.
	v.move(t, phase.LegacyOnly, phase.NewFirst)
	v.doors.beforeRecopy = func() error {
		v.move(t, phase.LegacyOnly)
		must(t, "change in legacy-only", change(v.second, session, "tulip", orchids), nil)
		v.move(t, phase.NewFirst)
		return nil
	}
	mustLogin(t, v.Service, "anna", "tulip") // it began before
	if v.doors.beforeRecopy != nil {
		t.Fatal("nothing was copied")
	}
	v.takes(t, orchids)
	v.refuses(t, "tulip")
}

// Who is inside the ramp stays inside as it grows, and outside legacy answers.
func TestRampOfPeople(t *testing.T) {
	t.Parallel()
	var users []legacy.User
	for n := range 24 {
		users = append(users, salted(t, fmt.Sprint(n+1), fmt.Sprintf("person%d", n), "tulip"))
	}
	v := newVillage(t, phase.DualWrite, accounts.CopyBackFull, users...)
	v.move(t, phase.Shadow, phase.Both)
	for n := range users {
		mustLogin(t, v.Service, users[n].Username, "tulip")
		v.source.Change(users[n].ID, func(u *legacy.User) { u.Password = salted(t, u.ID, u.Username, "rose").Password })
	}
	inside := map[int]bool{}
	for _, percent := range []phase.Percent{0, 2500, 5000, phase.All} {
		v.step(t, phase.Ramp, percent)
		v.hear(t)
		state, err := v.store.Phase(t.Context())
		must(t, "read the phase", err, nil)
		for n, u := range users {
			is := state.InRamp(accounts.SubjectFor("shop", u.ID))
			if inside[n] && !is {
				t.Errorf("person %d has left at %s", n, percent)
			}
			inside[n] = is
			for _, s := range []*accounts.Service{v.Service, v.second} {
				_, err := s.Login(t.Context(), try(u.Username, "tulip")) // what the new store has
				if got := err == nil; got != is {
					t.Errorf("at %s person %d is answered here: %v (%v), want %v", percent, n, got, err, is)
				}
			}
		}
	}
}

// The way back with copy-back: what was changed, registered and deleted is right against the shop alone.
func TestRollbackInFull(t *testing.T) {
	t.Parallel()
	for _, plan := range []phase.Plan{phase.Lazy, phase.DualWrite} {
		t.Run(plan.String(), func(t *testing.T) {
			t.Parallel()
			v := newVillage(t, plan, accounts.CopyBackFull, salted(t, "7", "anna", "tulip"), salted(t, "8", "bert", "daisy"))
			if plan == phase.DualWrite {
				v.move(t, phase.Shadow, phase.Both, phase.Ramp, phase.NewFirst)
			}
			session := v.open(t, mustLogin(t, v.Service, "anna", "tulip"))
			must(t, "change", change(v.Service, session, "tulip", orchids), nil)
			carl := mustRegister(t, v.second, "carl", "carl@example.org", orchids)
			must(t, "change of who was just registered", change(v.Service, v.open(t, carl), orchids, tulips), nil)
			must(t, "delete", erase(v.second, v.open(t, mustLogin(t, v.Service, "bert", "daisy")), "daisy"), nil)
			gone := mustRegister(t, v.second, "dora", "", orchids)
			must(t, "delete who was just registered", erase(v.second, v.open(t, gone), orchids), nil)
			v.sold(t, "7", "tulip", true)
			v.deliver(t, v.second)
			v.waiting(t, 0)
			rec, err := v.store.ByID(t.Context(), anna)
			if err != nil || rec.ChangedHere {
				t.Errorf("legacy knows, and she still counts as changed here (%v)", err)
			}

			if plan == phase.DualWrite {
				v.move(t, phase.Ramp, phase.Both, phase.Shadow)
			}
			v.move(t, phase.LegacyOnly)
			v.takes(t, orchids)
			v.refuses(t, "tulip")
			mustRefuse(t, v.Service, "bert", "daisy")
			if p := mustLogin(t, v.second, "carl", tulips); p.ID != carl.ID {
				t.Errorf("carl's subject is %s, want %s", p.ID, carl.ID)
			}
			mustRefuse(t, v.Service, "carl", orchids)
			v.sold(t, "7", orchids, true)
			v.sold(t, "9", tulips, true)
			for _, id := range []string{"8", "10"} {
				if _, ok := v.there(t, id); ok {
					t.Errorf("the shop still has %s", id)
				}
			}
			// And on from there, both ways.
			must(t, "change in legacy-only", change(v.second, v.open(t, carl), tulips, orchids), nil)
			must(t, "change in legacy-only", change(v.second, session, orchids, tulips), nil)
			if plan == phase.DualWrite {
				v.move(t, phase.Shadow, phase.Both, phase.Ramp)
			}
			v.move(t, phase.NewFirst)
			v.takes(t, tulips)
			v.refuses(t, orchids)
			if p := mustLogin(t, v.second, "carl", orchids); p.ID != carl.ID {
				t.Errorf("carl's subject is %s, want %s", p.ID, carl.ID)
			}
			mustRefuse(t, v.Service, "carl", tulips)
		})
	}
}

// The way back without: who changed something stays here, and the old password is refused in every phase.
func TestRollbackWithNothing(t *testing.T) {
	t.Parallel()
	v := newVillage(t, phase.Lazy, accounts.CopyBackNone, salted(t, "7", "anna", "tulip"), salted(t, "8", "bert", "daisy"))
	session := v.open(t, mustLogin(t, v.Service, "anna", "tulip"))
	mustLogin(t, v.Service, "bert", "daisy")
	must(t, "change", change(v.Service, session, "tulip", orchids), nil)
	carl := mustRegister(t, v.second, "carl", "", orchids)
	v.waiting(t, 0)
	for _, to := range []phase.Phase{phase.LegacyOnly, phase.NewFirst, phase.LegacyOnly} {
		counts, err := v.store.PhaseCounts(t.Context(), time.Now())
		if err != nil || counts.Staying != 2 {
			t.Errorf("%d stay (%v), want anna and carl", counts.Staying, err)
		}
		for v.step(t, to, 0).Moving() {
			v.hear(t)
			v.takes(t, orchids)
			v.refuses(t, "tulip")
		}
		v.hear(t)
		v.takes(t, orchids)
		v.refuses(t, "tulip")
		if p := mustLogin(t, v.Service, "carl", orchids); p.ID != carl.ID {
			t.Errorf("carl's subject is %s, want %s", p.ID, carl.ID)
		}
		v.source.Change("8", func(u *legacy.User) { u.Password = salted(t, "8", "bert", "rose").Password })
	}
	mustLogin(t, v.Service, "bert", "rose") // who changed nothing is legacy's again
	mustRefuse(t, v.Service, "bert", "daisy")
}

// An intent that has not ended holds a crossing up, at once; one that has just begun holds up nothing else.
func TestOpenIntentsHoldACrossingUp(t *testing.T) {
	t.Parallel()
	v := newVillage(t, phase.Lazy, accounts.CopyBackFull, salted(t, "7", "anna", "tulip"))
	v.move(t, phase.LegacyOnly)
	session := v.open(t, mustLogin(t, v.Service, "anna", "tulip"))
	v.source.LoseAnswers(errDown)
	doubtful(t, "change", change(v.Service, session, "tulip", orchids))
	v.source.LoseAnswers(nil)
	heard := func(accounts.PhaseStep) {
		for _, lease := range v.leases {
			must(t, "renew", lease.Renew(t.Context()), nil)
		}
	}
	ask := accounts.PhaseMove{To: phase.NewFirst, By: accounts.By{Actor: "test", Reason: "to go on"}, Progress: heard}
	_, err := v.MovePhase(t.Context(), ask)
	held, ok := errors.AsType[*accounts.GateError](err)
	if !ok || len(held.Blockers) != 1 || held.Blockers[0].Gate != phase.GateIntents {
		t.Fatalf("the move: %v, want it held up by the intent", err)
	}
	if at, err := v.store.Phase(t.Context()); err != nil || at.Phase != phase.LegacyOnly || at.Frozen {
		t.Errorf("it stands at %+v (%v), want the old phase, open", at, err)
	}
	v.hear(t)
	v.takes(t, orchids)
	v.clock.advance(31 * time.Second)
	v.hear(t)
	v.deliver(t, v.second)
	_, err = v.MovePhase(t.Context(), ask)
	must(t, "move", err, nil)
	v.takes(t, orchids)
	v.refuses(t, "tulip")
}
