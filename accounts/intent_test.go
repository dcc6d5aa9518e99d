package accounts_test

import (
	"errors"
	"testing"
	"time"

	"rekey/accounts"
	"rekey/accounts/phase"
	"rekey/legacy"
)

// The happy road: the shop has the change before it is acknowledged, the subject is the same, the other sessions have ended,
// and there is one event.
func TestChangeWhereLegacyAnswers(t *testing.T) {
	t.Parallel()
	inEach(t, func(t *testing.T, v *village) {
		person := mustLogin(t, v.Service, "anna", "tulip")
		here, there := v.open(t, person), v.open(t, person)
		must(t, "a wrong password", change(v.Service, here, "rose", orchids), accounts.ErrCredentials)
		v.takes(t, "tulip")
		must(t, "change", change(v.Service, here, "tulip", orchids), nil)
		v.sold(t, "7", orchids, true)
		v.waiting(t, 0)
		v.takes(t, orchids)
		v.refuses(t, "tulip")
		if n := v.count(t, anna, accounts.EventPassword); n != 1 {
			t.Errorf("%d events of the change, want 1", n)
		}
		if _, _, err := v.Renew(t.Context(), there.ID, 0, time.Now(), time.Hour, time.Hour); err == nil {
			t.Error("the other session lives")
		}
		must(t, "change again, by the other process", change(v.second, here, orchids, tulips), nil)
		v.takes(t, tulips)
		v.refuses(t, orchids)
		v.sold(t, "7", tulips, true)
	})
}

// Somebody whom no login has copied, because nothing could be copied then.
func TestChangeOfTheUnmoved(t *testing.T) {
	t.Parallel()
	inEach(t, func(t *testing.T, v *village) {
		v.doors.beforeCreate = func() error { return errDown }
		person := mustLogin(t, v.Service, "anna", "tulip")
		v.doors.beforeCreate = nil
		here, there := v.open(t, person), v.open(t, person)
		must(t, "change", change(v.Service, here, "tulip", orchids), nil)
		v.waiting(t, 0)
		v.sold(t, "7", orchids, true)
		v.takes(t, orchids)
		v.refuses(t, "tulip")
		if got, err := v.store.Session(t.Context(), there.ID); err != nil || !got.Superseded && got.RevokedAt.IsZero() {
			t.Errorf("the other session lives (%v)", err)
		}
		if got, err := v.store.Session(t.Context(), here.ID); err != nil || got.Superseded || !got.RevokedAt.IsZero() {
			t.Errorf("her own session has ended (%v)", err)
		}
		must(t, "change again", change(v.second, here, orchids, tulips), nil)
		v.takes(t, tulips)
	})
}

// A login with the old password has read the shop before the change, and opens its session after it, for somebody whom nothing
// has copied. The session never lives, and the next one does.
func TestLateSessionOfTheUnmoved(t *testing.T) {
	t.Parallel()
	inEach(t, func(t *testing.T, v *village) {
		opens := func(what string, p accounts.Person, live bool) accounts.Session {
			t.Helper()
			session, err := v.store.Session(t.Context(), v.open(t, p).ID)
			if err != nil || session.Superseded == live {
				t.Errorf("%s: superseded is %v (%v), want it to live: %v", what, session.Superseded, err, live)
			}
			return session
		}
		uncopied := func(pw string) accounts.Person {
			t.Helper()
			v.doors.beforeCreate = func() error { return errDown }
			defer func() { v.doors.beforeCreate = nil }()
			return mustLogin(t, v.Service, "anna", pw)
		}
		session := opens("the first", uncopied("tulip"), true)
		before := uncopied("tulip")
		must(t, "change", change(v.second, session, "tulip", orchids), nil)
		opens("of the old password", before, false)
		opens("of the new password", uncopied(orchids), true)
		opens("of a login that may copy", mustLogin(t, v.Service, "anna", orchids), true)
		v.doors.beforeEpoch = func() error {
			must(t, "change after a login has read the shop", change(v.second, session, orchids, tulips), nil)
			return nil
		}
		if p, err := v.Login(t.Context(), try("anna", orchids)); err == nil {
			opens("of a record from before the change", p, v.doors.beforeEpoch != nil) // or she is here by now
		}
	})
}

// A login with the old password has read the shop before the change, and makes the account after it. Her account is then that of
// the new password, in whichever phase it is trusted.
func TestALateCopyDoesNotReviveAPassword(t *testing.T) {
	t.Parallel()
	inEach(t, func(t *testing.T, v *village) {
		v.doors.beforeCreate = func() error { return errDown }
		session := v.open(t, mustLogin(t, v.Service, "anna", "tulip"))
		v.doors.beforeCreate = func() error {
			must(t, "change while a login is about to copy", change(v.second, session, "tulip", orchids), nil)
			return nil
		}
		_, err := v.Login(t.Context(), try("anna", "tulip")) // it began before the change: either answer is right
		if err != nil && !errors.Is(err, accounts.ErrCredentials) {
			t.Errorf("the login in the middle: %v", err)
		}
		if v.doors.beforeCreate != nil { // nothing is copied in this phase
			v.doors.beforeCreate = nil
			return
		}
		v.raw(t, `UPDATE legacy_links SET copied_epoch = 99`) // were it trusted
		v.takes(t, orchids)
		v.refuses(t, "tulip")
		rec, err := v.store.ByID(t.Context(), anna)
		if err != nil || rec.InDoubt || rec.Credential.Version != 1 {
			t.Errorf("she is %+v (%v)", rec, err)
		}
	})
}

// The same while our half of the change is not written yet: legacy goes on answering.
func TestALateCopyInDoubt(t *testing.T) {
	t.Parallel()
	inEach(t, func(t *testing.T, v *village) {
		v.doors.beforeCreate = func() error { return errDown }
		session := v.open(t, mustLogin(t, v.Service, "anna", "tulip"))
		v.doors.beforeCreate = func() error {
			v.doors.beforeFinish = func() error { return errDown }
			_ = change(v.second, session, "tulip", orchids) // in doubt, or acknowledged, by phase
			return nil
		}
		mustLogin(t, v.Service, "anna", "tulip")
		if v.doors.beforeCreate != nil {
			v.doors.beforeCreate = nil
			return
		}
		v.takes(t, orchids)
		v.refuses(t, "tulip")
		v.clock.advance(31 * time.Second)
		v.hear(t)
		v.deliver(t, v.second)
		v.waiting(t, 0)
		v.takes(t, orchids)
		v.refuses(t, "tulip")
	})
}

func TestDeleteWhereLegacyAnswers(t *testing.T) {
	t.Parallel()
	inEach(t, func(t *testing.T, v *village) {
		row, _ := v.there(t, "7")
		session := v.open(t, mustLogin(t, v.Service, "anna", "tulip"))
		must(t, "a wrong password", erase(v.Service, session, "rose"), accounts.ErrCredentials)
		must(t, "delete", erase(v.Service, session, "tulip"), nil)
		if _, ok := v.there(t, "7"); ok {
			t.Error("the shop still has her")
		}
		v.refuses(t, "tulip")
		v.waiting(t, 0)
		if n := v.count(t, anna, accounts.EventDeleted); n != 1 {
			t.Errorf("%d events of the deletion, want 1", n)
		}
		if _, err := v.Resume(t.Context(), session); !errors.Is(err, accounts.ErrCredentials) {
			t.Errorf("her session goes on: %v", err)
		}
		// The old application brings the row back from a backup: deleted stays deleted.
		v.source.Put(row)
		v.refuses(t, "tulip")
		// And under her key with another time of creation it is somebody else, whom nobody can answer for.
		row.CreatedAt = row.CreatedAt.Add(time.Hour)
		v.source.Change("7", func(u *legacy.User) { u.CreatedAt = row.CreatedAt })
		_, err := v.Login(t.Context(), try("anna", "tulip"))
		doubtful(t, "a login of who has her key now", err)
	})
}

func TestRegisterWhereLegacyAnswers(t *testing.T) {
	t.Parallel()
	inEach(t, func(t *testing.T, v *village) {
		person := mustRegister(t, v.Service, "bert", "bert@example.org", orchids)
		if want := accounts.SubjectFor("shop", "8"); person.ID != want {
			t.Errorf("the subject is %s, want %s", person.ID, want)
		}
		v.sold(t, "8", orchids, true)
		v.waiting(t, 0)
		for _, s := range []*accounts.Service{v.Service, v.second} {
			if p := mustLogin(t, s, "bert", orchids); p.ID != person.ID {
				t.Errorf("the subject is %s, want %s", p.ID, person.ID)
			}
			_, err := register(s, "bert", "", tulips)
			must(t, "the same name", err, accounts.ErrTakenIdentifier)
		}
		if n := v.count(t, person.ID, accounts.EventRegistered); n != 1 {
			t.Errorf("%d events of the registration, want 1", n)
		}
		session := v.open(t, person)
		must(t, "change", change(v.second, session, orchids, tulips), nil)
		mustLogin(t, v.Service, "bert", tulips)
		mustRefuse(t, v.Service, "bert", orchids)
		must(t, "delete", erase(v.Service, session, tulips), nil)
		mustRefuse(t, v.second, "bert", tulips)
		again := mustRegister(t, v.Service, "bert", "", orchids)
		if again.ID == person.ID {
			t.Error("a subject was given twice")
		}
	})
}

// What the shop says no to is not done, and is forgotten: the old password goes on working and the next change begins at once.
func TestRefusedThere(t *testing.T) {
	t.Parallel()
	inEach(t, func(t *testing.T, v *village) {
		session := v.open(t, mustLogin(t, v.Service, "anna", "tulip"))
		for what, no := range map[string]error{
			"refused":  &legacy.RefusedError{Field: "Password", Reason: "too good"},
			"conflict": legacy.ErrConflict,
			"not sent": errors.Join(errDown, legacy.ErrNotSent),
		} {
			v.shop.before = func() error { return no }
			err := change(v.Service, session, "tulip", orchids)
			if policy, ok := errors.AsType[*accounts.PolicyError](err); what == "refused" && (!ok || policy.Field != "new_password") {
				t.Errorf("%s: got %v, want the new password named", what, err)
			} else if what != "refused" {
				doubtful(t, what, err)
			}
			v.waiting(t, 0)
			v.takes(t, "tulip")
			v.refuses(t, orchids)
		}
		v.shop.before = func() error { return legacy.ErrNoUser }
		must(t, "gone", change(v.Service, session, "tulip", orchids), accounts.ErrCredentials)
		v.waiting(t, 0)
		v.shop.before = func() error { return &legacy.RefusedError{Field: "Username", Taken: true} }
		_, err := register(v.Service, "bert", "", orchids)
		must(t, "taken meanwhile", err, accounts.ErrTakenIdentifier)
		v.waiting(t, 0)
		must(t, "change", change(v.Service, session, "tulip", orchids), nil)
		v.takes(t, orchids)
	})
}

// The shop is down when it is asked how she looks now: nothing was sent, so the change is over, and not in doubt.
func TestDownBeforeTheWrite(t *testing.T) {
	t.Parallel()
	inEach(t, func(t *testing.T, v *village) {
		session := v.open(t, mustLogin(t, v.Service, "anna", "tulip"))
		v.doors.afterBegin = func() { v.source.SetDown(errDown) }
		doubtful(t, "change", change(v.Service, session, "tulip", orchids))
		v.source.SetDown(nil)
		v.waiting(t, 0)
		v.takes(t, "tulip")
		must(t, "change", change(v.Service, session, "tulip", orchids), nil)
		v.takes(t, orchids)
	})
}

// The answer is lost: nobody can tell. The account waits, the shop answers for it, no second change begins, and once the claim
// has ended the relay of either process brings the change to its end.
func TestLostAnswer(t *testing.T) {
	t.Parallel()
	inEach(t, func(t *testing.T, v *village) {
		session := v.open(t, mustLogin(t, v.Service, "anna", "tulip"))
		v.source.LoseAnswers(errDown)
		doubtful(t, "change", change(v.Service, session, "tulip", orchids))
		v.source.LoseAnswers(nil)
		v.takes(t, orchids) // the shop has it
		v.refuses(t, "tulip")
		doubtful(t, "another change", change(v.second, session, orchids, tulips))
		v.deliver(t, v.second)
		v.waiting(t, 1) // the claim runs
		v.clock.advance(31 * time.Second)
		v.hear(t)
		written := v.source.Written.Load()
		v.deliver(t, v.second)
		v.waiting(t, 0)
		if n := v.source.Written.Load() - written; n != 0 {
			t.Errorf("the shop was written %d times more", n)
		}
		v.takes(t, orchids)
		v.refuses(t, "tulip")
		must(t, "another change", change(v.second, session, orchids, tulips), nil)
		if n := v.count(t, anna, accounts.EventPassword); n != 2 {
			t.Errorf("%d events of the changes, want 2", n)
		}

		v.source.LoseAnswers(errDown)
		_, err := register(v.Service, "bert", "", orchids)
		doubtful(t, "register", err)
		doubtful(t, "delete", erase(v.Service, session, tulips))
		v.source.LoseAnswers(nil)
		v.clock.advance(31 * time.Second)
		v.hear(t)
		v.deliver(t, v.Service)
		v.waiting(t, 0)
		v.refuses(t, tulips)
		mustLogin(t, v.Service, "bert", orchids)
		if n := v.source.Written.Load() - written; n != 3 {
			t.Errorf("the shop was written %d times, want 3", n)
		}
	})
}

// The process dies between the intent and the write: nothing was written, and the relay does it.
func TestKilledBeforeTheWrite(t *testing.T) {
	t.Parallel()
	inEach(t, func(t *testing.T, v *village) {
		session := v.open(t, mustLogin(t, v.Service, "anna", "tulip"))
		v.shop.before = func() error { return errDown } // nobody hears of an answer
		doubtful(t, "change", change(v.Service, session, "tulip", orchids))
		v.takes(t, "tulip") // the shop answers while it is in doubt
		v.refuses(t, orchids)
		v.clock.advance(31 * time.Second)
		v.hear(t)
		v.deliver(t, v.second)
		v.waiting(t, 0)
		v.takes(t, orchids)
		v.refuses(t, "tulip")
		v.sold(t, "7", orchids, true)
	})
}

// The process wakes after the relay has made the change, and legacy refuses it then, because it is there: nobody is told that it
// was not made.
func TestRefusedAfterTheRelay(t *testing.T) {
	t.Parallel()
	inEach(t, func(t *testing.T, v *village) {
		v.shop.before = func() error {
			v.clock.advance(31 * time.Second)
			v.hear(t)
			v.deliver(t, v.second)
			return &legacy.RefusedError{Field: "Username", Reason: "somebody else has it", Taken: true}
		}
		_, err := register(v.Service, "bert", "", orchids)
		doubtful(t, "register", err)
		v.waiting(t, 0)
		mustLogin(t, v.second, "bert", orchids)
	})
}

// What legacy refuses is told under the name that the request has for it, and under none where it has none.
func TestRefusedFields(t *testing.T) {
	t.Parallel()
	inEach(t, func(t *testing.T, v *village) {
		session := v.open(t, mustLogin(t, v.Service, "anna", "tulip"))
		refuse := func(field string) {
			v.shop.before = func() error { return &legacy.RefusedError{Field: field, Reason: "it is too long"} }
		}
		refuse("Password")
		mustBreak(t, "change", change(v.Service, session, "tulip", orchids), "new_password", "")
		refuse("")
		mustBreak(t, "change, for a reason that is not told", change(v.Service, session, "tulip", orchids), "", "")
		refuse("")
		mustBreak(t, "delete", erase(v.Service, session, "tulip"), "", "")
		for field, want := range map[string]string{"Password": "password", "Username": "username", "Email": "email", "DisplayName": "display_name", "": ""} {
			refuse(field)
			_, err := register(v.Service, "bert", "bert@example.org", orchids)
			mustBreak(t, "register, refused "+field, err, want, "")
		}
		v.takes(t, "tulip")
	})
}

// Our half cannot be written. Where it is the best effort, the change is acknowledged; in each phase legacy has it and
// answers until the relay has written ours.
func TestKilledBeforeOurHalf(t *testing.T) {
	t.Parallel()
	inEach(t, func(t *testing.T, v *village) {
		session := v.open(t, mustLogin(t, v.Service, "anna", "tulip"))
		v.doors.beforeFinish = func() error { return errDown }
		err := change(v.Service, session, "tulip", orchids)
		if at, _ := v.store.Phase(t.Context()); at.Phase >= phase.Both {
			doubtful(t, "change", err)
		} else {
			must(t, "change", err, nil)
		}
		v.takes(t, orchids)
		v.refuses(t, "tulip")
		v.clock.advance(31 * time.Second)
		v.hear(t)
		v.deliver(t, v.second)
		v.waiting(t, 0)
		v.takes(t, orchids)
		v.refuses(t, "tulip")
		if n := v.count(t, anna, accounts.EventPassword); n != 1 {
			t.Errorf("%d events of the change, want 1", n)
		}
	})
}

// Two changes at once: one of them is told to come again.
func TestTwoChangesAtOnce(t *testing.T) {
	t.Parallel()
	inEach(t, func(t *testing.T, v *village) {
		session := v.open(t, mustLogin(t, v.Service, "anna", "tulip"))
		v.shop.before = func() error {
			doubtful(t, "the second change", change(v.second, session, "tulip", tulips))
			doubtful(t, "a deletion", erase(v.second, session, "tulip"))
			v.takes(t, "tulip") // a login in the middle
			return nil
		}
		must(t, "the first change", change(v.Service, session, "tulip", orchids), nil)
		v.takes(t, orchids)
		v.refuses(t, tulips)

		// The second one has proven the old password before the first began.
		v.doors.beforeBegin = func() error {
			must(t, "a change that is faster", change(v.second, session, orchids, tulips), nil)
			return nil
		}
		doubtful(t, "a change that is slower", change(v.Service, session, orchids, "roses of yesterday"))
		v.waiting(t, 0)
		v.takes(t, tulips)
		v.refuses(t, orchids)
	})
}

// Somebody else writes to the shop while a change is in doubt: that stands, the change is dropped, and what is here counts no
// more.
func TestOvertakenInDoubt(t *testing.T) {
	t.Parallel()
	inEach(t, func(t *testing.T, v *village) {
		session := v.open(t, mustLogin(t, v.Service, "anna", "tulip"))
		v.source.LoseAnswers(errDown)
		doubtful(t, "change", change(v.Service, session, "tulip", orchids))
		v.source.LoseAnswers(nil)
		v.source.Change("7", func(u *legacy.User) { u.Password = salted(t, "7", "anna", "a third one").Password })
		v.clock.advance(31 * time.Second)
		v.hear(t)
		v.deliver(t, v.second)
		v.waiting(t, 0)
		v.refuses(t, orchids)
		v.refuses(t, "tulip")
		v.takes(t, "a third one")
	})
}

// Her address was changed in the shop and nobody has noticed: a new password does not make the copy equal again.
func TestChangeOfADriftedCopy(t *testing.T) {
	t.Parallel()
	v := newVillage(t, phase.DualWrite, accounts.CopyBackFull, salted(t, "7", "anna", "tulip"))
	v.move(t, phase.Shadow, phase.Both)
	session := v.open(t, mustLogin(t, v.Service, "anna", "tulip"))
	v.source.Change("7", func(u *legacy.User) { u.Email = "anna@new.example" })
	must(t, "change", change(v.Service, session, "tulip", orchids), nil)
	v.takes(t, orchids)
	rec, err := v.store.ByID(t.Context(), anna)
	if err != nil || rec.Named(accounts.Email) != "anna@new.example" {
		t.Errorf("her address here is %q (%v)", rec.Named(accounts.Email), err)
	}
}

// A shop that takes no deletions says so, instead of asking to come again for ever.
func TestManagedElsewhere(t *testing.T) {
	t.Parallel()
	v := newVillage(t, phase.DualWrite, accounts.CopyBackNone, salted(t, "7", "anna", "tulip"))
	session := v.open(t, mustLogin(t, v.Service, "anna", "tulip"))
	v.source.Allow.Delete = false
	must(t, "delete", erase(v.Service, session, "tulip"), accounts.ErrManagedElsewhere)
	v.source.Allow.Conditional = false
	must(t, "change", change(v.Service, session, "tulip", orchids), accounts.ErrManagedElsewhere)
	_, err := register(v.Service, "bert", "", orchids)
	must(t, "register", err, accounts.ErrManagedElsewhere)
	v.waiting(t, 0)
}
