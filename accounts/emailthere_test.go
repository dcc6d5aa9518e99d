package accounts_test

import (
	"errors"
	"testing"
	"time"

	"rekey/accounts"
	"rekey/accounts/password"
	"rekey/accounts/phase"
	"rekey/legacy"
)

const (
	oldAddress = "anna@example.org"
	newAddress = "anna@new.example"
)

// asked returns anna's session and the token of the letter to an address that she wants.
func (v *village) asked(t *testing.T, address string) (accounts.Session, password.Secret) {
	t.Helper()
	session := v.open(t, mustLogin(t, v.Service, "anna", "tulip"))
	must(t, "ask", v.askEmail(t, session, "tulip", address), nil)
	return session, v.letter(t, accounts.LetterVerify, address)
}

// moved fails unless anna has the new address in the shop and wherever else she is, is known by it alone at both processes under
// her one subject, and nothing is on its way. The copy that is here, if the phase makes one, is equal to the shop.
func (v *village) moved(t *testing.T) {
	t.Helper()
	v.waiting(t, 0)
	if user, _ := v.there(t, "7"); user.Email != newAddress || !user.Profile.EmailVerified {
		t.Errorf("the shop has %s, verified: %v", user.Email, user.Profile.EmailVerified)
	}
	for _, s := range []*accounts.Service{v.Service, v.second} {
		if p := mustLogin(t, s, "Anna@New.Example", "tulip"); p.ID != anna {
			t.Error("the subject has changed")
		}
		mustRefuse(t, s, oldAddress, "tulip")
	}
	if n := v.count(t, anna, accounts.EventEmail); n != 1 {
		t.Errorf("%d events of it, want 1", n)
	}
	v.equal(t)
}

// equal fails if anna is here, and a comparison of both stores finds a difference.
func (v *village) equal(t *testing.T) {
	t.Helper()
	rec, err := v.store.ByID(t.Context(), anna)
	if errors.Is(err, accounts.ErrNotFound) {
		return
	}
	must(t, "read anna", err, nil)
	if rec.Pinned || rec.ChangedHere || rec.InDoubt || rec.Link.Drifted {
		t.Errorf("pinned %v, changed here %v, in doubt %v, drifted %v", rec.Pinned, rec.ChangedHere, rec.InDoubt, rec.Link.Drifted)
	}
	user, _ := v.there(t, "7")
	if verdict, err := v.Compare(t.Context(), "shop", user); err != nil || verdict.Verdict != accounts.VerdictEqual {
		t.Errorf("the stores are %s (%v)", verdict, err)
	}
}

// inBoth is a village in which both stores are written and the shop answers.
func inBoth(t *testing.T) *village {
	t.Helper()
	v := newVillage(t, phase.DualWrite, accounts.CopyBackFull, salted(t, "7", "anna", "tulip"))
	v.move(t, phase.Shadow, phase.Both)
	return v
}

// The happy road in each phase in which the shop must have it.
func TestEmailWhereLegacyAnswers(t *testing.T) {
	t.Parallel()
	inEach(t, func(t *testing.T, v *village) {
		session := v.open(t, mustLogin(t, v.Service, "anna", "tulip"))
		must(t, "a wrong password", v.askEmail(t, session, "rose", newAddress), accounts.ErrCredentials)
		_, token := v.asked(t, "Anna@New.Example")
		if user, _ := v.there(t, "7"); user.Email != oldAddress {
			t.Error("the shop has it before she has shown that it is hers")
		}
		must(t, "confirm", confirmEmail(t, v.second, token), nil)
		v.letter(t, accounts.LetterEmailChanged, oldAddress)
		v.moved(t)
		must(t, "the token again", confirmEmail(t, v.Service, token), accounts.ErrTicket)

		// What was hers is free, and what is hers is not.
		_, err := register(v.Service, "zoe", newAddress, orchids)
		must(t, "register her new address", err, accounts.ErrTakenIdentifier)
		if at, _ := v.store.Phase(t.Context()); at.Phase >= phase.Both {
			v.address(t, session, "Anna@New.Example", true)
			mustRegister(t, v.Service, "zoe", oldAddress, orchids)
		}
	})
}

// Somebody whom no login could copy gets an address, and, where there are copies, an account with it and the password of before.
func TestEmailOfTheUnmoved(t *testing.T) {
	t.Parallel()
	inEach(t, func(t *testing.T, v *village) {
		v.doors.beforeCreate = func() error { return errDown }
		_, token := v.asked(t, newAddress)
		v.doors.beforeCreate = nil
		must(t, "confirm", confirmEmail(t, v.Service, token), nil)
		v.letter(t, accounts.LetterEmailChanged, oldAddress)
		_, err := v.store.ByID(t.Context(), anna)
		if at, _ := v.store.Phase(t.Context()); (err == nil) != (at.Phase >= phase.Shadow) {
			t.Errorf("her account: %v", err)
		}
		v.moved(t)
	})
}

// A login has read the shop before the change, and would make her account after it.
func TestALateCopyDoesNotReviveAnAddress(t *testing.T) {
	t.Parallel()
	inEach(t, func(t *testing.T, v *village) {
		v.doors.beforeCreate = func() error { return errDown }
		_, token := v.asked(t, newAddress)
		v.doors.beforeCreate = func() error {
			must(t, "confirm while a login is about to copy", confirmEmail(t, v.second, token), nil)
			return nil
		}
		mustLogin(t, v.Service, "anna", "tulip")
		if v.doors.beforeCreate != nil { // nothing is copied in this phase
			v.doors.beforeCreate = nil
			must(t, "confirm", confirmEmail(t, v.second, token), nil)
		}
		v.moved(t)
	})
}

// Her own address is marked as hers in the shop, and nobody is told of a change.
func TestEmailVerificationWhereLegacyAnswers(t *testing.T) {
	t.Parallel()
	inEach(t, func(t *testing.T, v *village) {
		session, token := v.asked(t, oldAddress)
		must(t, "confirm", confirmEmail(t, v.Service, token), nil)
		if letters := v.mail(t, v.second); len(letters) != 0 {
			t.Errorf("%d letters, want none", len(letters))
		}
		if user, _ := v.there(t, "7"); user.Email != oldAddress || !user.Profile.EmailVerified {
			t.Errorf("the shop has %s, verified: %v", user.Email, user.Profile.EmailVerified)
		}
		v.equal(t)

		// A shop that keeps no such mark: it is noted here, where anything is.
		v.source.Allow.EmailVerified = false
		v.source.Change("7", func(u *legacy.User) { u.Profile.EmailVerified = false })
		err := v.askEmail(t, session, "tulip", oldAddress)
		at, _ := v.store.Phase(t.Context())
		if at.Phase == phase.LegacyOnly {
			must(t, "ask where nobody could note it", err, accounts.ErrManagedElsewhere)
			return
		}
		must(t, "ask", err, nil)
		written := v.source.Written.Load()
		must(t, "confirm", confirmEmail(t, v.Service, v.letter(t, accounts.LetterVerify, oldAddress)), nil)
		v.address(t, session, oldAddress, true)
		if n := v.source.Written.Load() - written; n != 0 {
			t.Errorf("the shop was written %d times", n)
		}
		v.equal(t)
	})
}

// What the shop says no to is not done: the old address goes on, and so does the link where it may help.
func TestEmailRefusedThere(t *testing.T) {
	t.Parallel()
	v := inBoth(t)
	_, token := v.asked(t, newAddress)
	for what, no := range map[string]error{
		"refused":  &legacy.RefusedError{Field: "Email", Reason: "too long"},
		"taken":    &legacy.RefusedError{Field: "Email", Taken: true},
		"not sent": errors.Join(errDown, legacy.ErrNotSent),
	} {
		v.shop.before = func() error { return no }
		err := confirmEmail(t, v.Service, token)
		switch policy, _ := errors.AsType[*accounts.PolicyError](err); what {
		case "refused":
			if policy == nil || policy.Field != "email" {
				t.Errorf("%s: %v, want the address named", what, err)
			}
		case "taken":
			must(t, what, err, accounts.ErrTakenIdentifier)
		default:
			doubtful(t, what, err)
		}
		v.waiting(t, 0)
		mustLogin(t, v.second, oldAddress, "tulip")
		if n := len(v.mail(t, v.second)); n != 0 {
			t.Errorf("%s: %d letters", what, n)
		}
	}
	must(t, "confirm", confirmEmail(t, v.Service, token), nil)
	v.letter(t, accounts.LetterEmailChanged, oldAddress)
	v.moved(t)
}

// The process dies at each of its steps. Whatever the shop has counts meanwhile, nobody else begins a change, and the relay of
// the other process brings it to its end, with its letter.
func TestEmailInterrupted(t *testing.T) {
	t.Parallel()
	inEach(t, func(t *testing.T, v *village) {
		session, token := v.asked(t, newAddress)
		for _, step := range []struct {
			what, now string
			fail      func()
			token     password.Secret
		}{
			{"before the write", oldAddress, func() { v.shop.before = func() error { return errDown } }, token},
			{"before the answer", "third@example.org", func() { v.source.LoseAnswers(errDown) }, password.Secret{}},
		} {
			if step.token.Len() == 0 {
				must(t, "ask", v.askEmail(t, session, "tulip", step.now), nil)
				step.token = v.letter(t, accounts.LetterVerify, step.now)
			}
			step.fail()
			doubtful(t, step.what, confirmEmail(t, v.Service, step.token))
			v.source.LoseAnswers(nil)
			mustLogin(t, v.second, step.now, "tulip")
			doubtful(t, "a password meanwhile", change(v.second, session, "tulip", orchids))
			doubtful(t, "a deletion meanwhile", erase(v.second, session, "tulip"))
			v.later(t, 31*time.Second)
			v.deliver(t, v.second)
			v.waiting(t, 0)
			v.equal(t)
			if n := len(v.mail(t, v.second)); n != 1 {
				t.Errorf("%s: %d letters, want one to the address of before", step.what, n)
			}
		}
		if n := v.count(t, anna, accounts.EventEmail); n != 2 {
			t.Errorf("%d events, want 2", n)
		}
		mustLogin(t, v.second, "third@example.org", "tulip")
		must(t, "change", change(v.Service, session, "tulip", orchids), nil)
	})
}

// Our half cannot be written: the shop has it and answers, and the relay writes ours.
func TestEmailKilledBeforeOurHalf(t *testing.T) {
	t.Parallel()
	inEach(t, func(t *testing.T, v *village) {
		_, token := v.asked(t, newAddress)
		v.doors.beforeFinish = func() error { return errDown }
		err := confirmEmail(t, v.Service, token)
		if at, _ := v.store.Phase(t.Context()); at.Phase >= phase.Both {
			doubtful(t, "confirm", err)
		} else {
			must(t, "confirm", err, nil)
		}
		mustLogin(t, v.second, newAddress, "tulip")
		v.later(t, 31*time.Second)
		written := v.source.Written.Load()
		v.deliver(t, v.second)
		if n := v.source.Written.Load() - written; n != 0 {
			t.Errorf("the shop was written %d times more", n)
		}
		v.letter(t, accounts.LetterEmailChanged, oldAddress)
		v.moved(t)
	})
}

// Others write to the shop while the change is in doubt. Where it had not arrived it is dropped; where it had it stands, and what
// is here counts no more until it was copied again.
func TestEmailOvertaken(t *testing.T) {
	t.Parallel()
	for name, arrived := range map[string]bool{"not there": false, "there": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			v := inBoth(t)
			_, token := v.asked(t, newAddress)
			if arrived {
				v.source.LoseAnswers(errDown)
			} else {
				v.shop.before = func() error { return errDown }
			}
			doubtful(t, "confirm", confirmEmail(t, v.Service, token))
			v.source.LoseAnswers(nil)
			v.source.Change("7", func(u *legacy.User) { u.Password = salted(t, "7", "anna", "a third one").Password })
			v.later(t, 31*time.Second)
			v.deliver(t, v.second)
			v.waiting(t, 0)
			want := map[bool]string{false: oldAddress, true: newAddress}[arrived]
			v.refuses(t, "tulip")
			mustLogin(t, v.second, want, "a third one")
			if user, _ := v.there(t, "7"); user.Email != want {
				t.Errorf("the shop has %s", user.Email)
			}
			if n := v.count(t, anna, accounts.EventEmail); n != len(map[bool][]int{true: {1}}[arrived]) {
				t.Errorf("arrived %v: %d events", arrived, n)
			}
			v.equal(t)
		})
	}
}

// The address is somebody else's by the time that ours is written. The shop has it as hers and answers.
func TestEmailTakenHereInDoubt(t *testing.T) {
	t.Parallel()
	inEach(t, func(t *testing.T, v *village) {
		_, token := v.asked(t, newAddress)
		v.doors.beforeFinish = func() error {
			zoe := accounts.Record{Account: accounts.Account{ID: newID(t), CreatedAt: time.Now()}}
			zoe.Identifiers = []accounts.Identifier{{Kind: accounts.Email, Canonical: newAddress, Spelling: newAddress}}
			zoe.Credential = accounts.Credential{Scheme: accounts.SchemeArgon2id, Encoded: "$argon2id$v=19$m=64,t=1,p=1$c2FsdHNhbHQ$aGFzaGhhc2g"}
			must(t, "somebody else", v.store.Create(t.Context(), zoe, accounts.Event{ID: newID(t), At: time.Now(), AccountID: zoe.ID, Kind: accounts.EventRegistered, Actor: "test"}), nil)
			return nil
		}
		must(t, "confirm", confirmEmail(t, v.Service, token), nil)
		v.waiting(t, 0)
		if n := v.count(t, anna, accounts.EventEmail); n != 1 {
			t.Errorf("%d events, want 1", n)
		}
		if p := mustLogin(t, v.second, "anna", "tulip"); p.ID != anna {
			t.Error("she is somebody else")
		}
		at, _ := v.store.Phase(t.Context())
		if rec, err := v.store.ByID(t.Context(), anna); err == nil && at.Phase >= phase.Shadow && !rec.Link.Drifted {
			t.Error("a copy without her address is trusted")
		}
	})
}

// Others have the address between the letter and its link; whose it is in the shop alone counts too.
func TestEmailTakenMeanwhile(t *testing.T) {
	t.Parallel()
	v := inBoth(t)
	session, token := v.asked(t, newAddress)
	bert := salted(t, "8", "bert", "rose")
	bert.Email = newAddress
	v.source.Put(bert)
	must(t, "confirm", confirmEmail(t, v.Service, token), accounts.ErrTakenIdentifier)
	must(t, "ask again", v.askEmail(t, session, "tulip", newAddress), nil)
	if n := len(v.mail(t, v.second)); n != 0 {
		t.Errorf("%d letters to bert", n)
	}
	v.waiting(t, 0)
}

// The link is bound to what the shop says of her: what is changed there since, by whomever, ends it.
func TestEmailTokenEndsWithTheRecord(t *testing.T) {
	t.Parallel()
	v := inBoth(t)
	session, token := v.asked(t, newAddress)
	must(t, "change", change(v.second, session, "tulip", orchids), nil)
	must(t, "confirm after a new password", confirmEmail(t, v.Service, token), accounts.ErrTicket)
	must(t, "ask", v.askEmail(t, session, orchids, newAddress), nil)
	token = v.letter(t, accounts.LetterVerify, newAddress)
	reset := v.token(t, "anna")
	must(t, "confirm", confirmEmail(t, v.Service, token), nil)
	must(t, "a reset that went to the old address", confirmReset(t, v.Service, reset, tulips), accounts.ErrTicket)
	must(t, "delete", erase(v.Service, session, orchids), nil)
}

// In new-first with copy-back a new address is owed, delivered, and on the way back there; nobody is pinned.
func TestEmailIsCopiedBack(t *testing.T) {
	t.Parallel()
	v, session := copying(t)
	must(t, "ask", v.askEmail(t, session, "tulip", newAddress), nil)
	v.source.SetDown(nil)
	must(t, "confirm", confirmEmail(t, v.Service, v.letter(t, accounts.LetterVerify, newAddress)), nil)
	v.letter(t, accounts.LetterEmailChanged, oldAddress)
	v.waiting(t, 1)
	v.knows(t, false)
	v.source.LoseAnswers(errDown)
	v.deliver(t, v.second)
	v.source.LoseAnswers(nil)
	v.waiting(t, 1)
	v.later(t, time.Minute)
	v.deliver(t, v.second)
	v.moved(t)
	if n := v.source.Written.Load(); n != 1 || v.noted(t, accounts.NoteDrifted) != 0 {
		t.Errorf("the shop was written %d times, %d notes of drift", n, v.noted(t, accounts.NoteDrifted))
	}
	v.move(t, phase.LegacyOnly)
	v.moved(t)
	v.move(t, phase.NewFirst)
	v.moved(t)
}

// Whoever was born here, changes everything at once, and is told of in the order of the changes.
func TestEmailAmongOtherChanges(t *testing.T) {
	t.Parallel()
	v, _ := copying(t)
	zoe := v.open(t, mustRegister(t, v.Service, "zoe", "zoe@example.org", orchids))
	v.mail(t, v.second) // the welcome
	set := func(pw, address string) {
		t.Helper()
		must(t, "ask", v.askEmail(t, zoe, pw, address), nil)
		must(t, "confirm", confirmEmail(t, v.Service, v.letter(t, accounts.LetterVerify, address)), nil)
		v.mail(t, v.second)
	}
	set(orchids, "second@example.org")
	must(t, "change", change(v.Service, zoe, orchids, tulips), nil)
	set(tulips, "third@example.org")
	v.waiting(t, 4)
	written := v.source.Written.Load()
	v.deliver(t, v.second)
	v.waiting(t, 0)
	if n := v.source.Written.Load() - written; n != 3 {
		t.Errorf("the shop was written %d times, want 3: the second address is nobody's", n)
	}
	rec, err := v.store.ByID(t.Context(), zoe.AccountID)
	if err != nil || rec.ChangedHere || rec.Pinned || rec.Link == nil || v.noted(t, accounts.NoteDrifted) != 0 {
		t.Errorf("she is %+v (%v)", rec.Account, err)
	}
	v.move(t, phase.LegacyOnly)
	if p := mustLogin(t, v.Service, "third@example.org", tulips); p.ID != zoe.AccountID {
		t.Error("the subject has changed")
	}
	mustRefuse(t, v.Service, "zoe", orchids)
	v.move(t, phase.NewFirst)
	mustLogin(t, v.Service, "zoe", tulips)
	set(tulips, "fourth@example.org")
	must(t, "delete while the shop has yet to hear of an address", erase(v.Service, zoe, tulips), nil)
	v.deliver(t, v.second)
	v.waiting(t, 0)
	if _, ok := v.there(t, zoeID(t, v, zoe)); ok {
		t.Error("the shop still has her")
	}
}

func zoeID(t *testing.T, v *village, zoe accounts.Session) string {
	t.Helper()
	links, err := v.store.Links(t.Context(), zoe.AccountID)
	if err != nil || len(links) != 1 {
		t.Fatalf("%d links (%v)", len(links), err)
	}
	return links[0].LegacyID
}

// Others change the record before the address arrives. Their password stands: that of here counts no more. Their address does not.
func TestEmailMeetsDrift(t *testing.T) {
	t.Parallel()
	for _, theirs := range []string{"password", "address"} {
		t.Run(theirs, func(t *testing.T) {
			t.Parallel()
			v, session := copying(t)
			must(t, "ask", v.askEmail(t, session, "tulip", newAddress), nil)
			must(t, "confirm", confirmEmail(t, v.Service, v.letter(t, accounts.LetterVerify, newAddress)), nil)
			v.source.Change("7", func(u *legacy.User) {
				if theirs == "password" {
					u.Password = salted(t, "7", "anna", "a third one").Password
				} else {
					u.Email = "theirs@example.org"
				}
			})
			v.takes(t, "tulip") // what was changed here makes this her home
			v.deliver(t, v.second)
			v.waiting(t, 0)
			if n := v.noted(t, accounts.NoteDrifted); n != 1 {
				t.Errorf("%d notes of drift, want 1", n)
			}
			current := "tulip"
			if theirs == "password" {
				current = "a third one"
				v.refuses(t, "tulip")
			}
			if p := mustLogin(t, v.second, newAddress, current); p.ID != anna {
				t.Error("the subject has changed")
			}
			v.equal(t)
			v.move(t, phase.LegacyOnly)
			mustLogin(t, v.second, newAddress, current)
		})
	}
}

// A relay that wakes when its claim has long ended does not bring an older address back, nor the one before it.
func TestARelayWakesLateWithAnAddress(t *testing.T) {
	t.Parallel()
	v, session := copying(t)
	set := func(address string) {
		t.Helper()
		must(t, "ask", v.askEmail(t, session, "tulip", address), nil)
		must(t, "confirm", confirmEmail(t, v.second, v.letter(t, accounts.LetterVerify, address)), nil)
		v.mail(t, v.second)
	}
	set("second@example.org")
	v.shop.before = func() error {
		v.later(t, 31*time.Second)
		v.deliver(t, v.second)
		set(newAddress)
		v.deliver(t, v.second)
		return nil
	}
	v.deliver(t, v.Service)
	v.waiting(t, 0)
	if user, _ := v.there(t, "7"); user.Email != newAddress || v.noted(t, accounts.NoteDrifted) != 0 {
		t.Errorf("the shop has %s, %d notes of drift", user.Email, v.noted(t, accounts.NoteDrifted))
	}
	v.equal(t)
}

// Whoever was stopped between reading the shop and writing an address writes nothing when they wake, though the record is the very
// same again.
func TestAnAddressIsNotSentLate(t *testing.T) {
	t.Parallel()
	inEach(t, func(t *testing.T, v *village) {
		was, _ := v.there(t, "7")
		_, token := v.asked(t, newAddress)
		v.doors.afterBegin = func() {
			v.shop.beforeGet = func() {
				v.later(t, 31*time.Second)
				v.deliver(t, v.second)
				v.waiting(t, 0)
				v.source.Change("7", func(u *legacy.User) { *u = was })
			}
		}
		doubtful(t, "the late address", confirmEmail(t, v.Service, token))
		if user, _ := v.there(t, "7"); user.Email != was.Email {
			t.Errorf("the shop has %s", user.Email)
		}
		if n := v.source.Written.Load(); n != 1 {
			t.Errorf("the shop was written %d times, want once", n)
		}
	})
}

// What is on its way besides may never be told: then the arrival of the address does not say that the shop knows all.
func TestEmailAfterAnUntoldPassword(t *testing.T) {
	t.Parallel()
	v := newVillage(t, phase.Lazy, accounts.CopyBackNone, salted(t, "7", "anna", "tulip"))
	session := v.open(t, mustLogin(t, v.Service, "anna", "tulip"))
	must(t, "change", change(v.Service, session, "tulip", orchids), nil)
	first, err := v.store.Phase(t.Context())
	must(t, "read the phase", err, nil)
	v.second = v.process(t, "third", first, accounts.CopyBackFull) // from now on it is told
	must(t, "ask", v.askEmail(t, session, orchids, newAddress), nil)
	must(t, "confirm", confirmEmail(t, v.second, v.letter(t, accounts.LetterVerify, newAddress)), nil)
	v.deliver(t, v.second)
	v.move(t, phase.LegacyOnly)
	v.takes(t, orchids)
	v.refuses(t, "tulip")
	mustLogin(t, v.second, newAddress, orchids)
}

// A shop that does not take addresses: nobody gets another where it must have it, and in new-first they are pinned.
func TestEmailNotTaken(t *testing.T) {
	t.Parallel()
	v, session := copying(t)
	v.source.Allow.Email = false
	must(t, "ask", v.askEmail(t, session, "tulip", newAddress), nil)
	must(t, "confirm", confirmEmail(t, v.Service, v.letter(t, accounts.LetterVerify, newAddress)), nil)
	v.waiting(t, 0)
	rec, err := v.store.ByID(t.Context(), anna)
	if err != nil || !rec.Pinned {
		t.Errorf("she is not pinned (%v)", err)
	}
	v.move(t, phase.LegacyOnly)
	if p := mustLogin(t, v.Service, newAddress, "tulip"); p.ID != anna {
		t.Error("the subject has changed on the way back")
	}
}

// Who has not moved by the time of the link: in new-first they are moved by a password, which the link does not bring.
func TestEmailOfWhoHasYetToMove(t *testing.T) {
	t.Parallel()
	v := newVillage(t, phase.Lazy, accounts.CopyBackFull, salted(t, "7", "anna", "tulip"))
	v.move(t, phase.LegacyOnly)
	session, token := v.asked(t, newAddress)
	v.move(t, phase.NewFirst)
	must(t, "confirm", confirmEmail(t, v.Service, token), accounts.ErrManagedElsewhere)
	must(t, "ask, which moves her", v.askEmail(t, session, "tulip", newAddress), nil)
	must(t, "confirm", confirmEmail(t, v.Service, v.letter(t, accounts.LetterVerify, newAddress)), nil)
	v.deliver(t, v.second)
	v.moved(t)
}

// Back to the address of before, while the shop still has it.
func TestEmailAndBack(t *testing.T) {
	t.Parallel()
	v, session := copying(t)
	for _, address := range []string{newAddress, oldAddress} {
		must(t, "ask", v.askEmail(t, session, "tulip", address), nil)
		must(t, "confirm", confirmEmail(t, v.Service, v.letter(t, accounts.LetterVerify, address)), nil)
		v.mail(t, v.second)
	}
	v.deliver(t, v.second)
	v.waiting(t, 0)
	v.equal(t)
	if user, _ := v.there(t, "7"); user.Email != oldAddress {
		t.Errorf("the shop has %s", user.Email)
	}
}

// A shop that is told of profiles alone hears of a new address and of who goes, and of no password: who has changed theirs stays here.
func TestCopyBackOfProfilesAlone(t *testing.T) {
	t.Parallel()
	v := newVillage(t, phase.Lazy, accounts.CopyBackProfile, salted(t, "7", "anna", "tulip"), salted(t, "8", "bert", "tulip"))
	session, bert := v.open(t, mustLogin(t, v.Service, "anna", "tulip")), v.open(t, mustLogin(t, v.Service, "bert", "tulip"))
	must(t, "ask", v.askEmail(t, session, "tulip", newAddress), nil)
	must(t, "confirm", confirmEmail(t, v.Service, v.letter(t, accounts.LetterVerify, newAddress)), nil)
	must(t, "change", change(v.Service, bert, "tulip", orchids), nil)
	mustRegister(t, v.Service, "carl", "carl@example.org", orchids)
	v.waiting(t, 1)
	v.deliver(t, v.Service)
	v.moved(t)
	v.sold(t, "8", "tulip", true)
	v.move(t, phase.LegacyOnly)
	mustLogin(t, v.second, newAddress, "tulip")
	mustLogin(t, v.second, "bert", orchids)
	mustLogin(t, v.second, "carl", orchids)
	mustRefuse(t, v.second, "bert", "tulip")
	v.move(t, phase.NewFirst)
	must(t, "change", change(v.Service, session, "tulip", tulips), nil)
	v.mail(t, v.Service)
	must(t, "ask", v.askEmail(t, session, tulips, "anna@newer.example"), nil)
	must(t, "confirm", confirmEmail(t, v.Service, v.letter(t, accounts.LetterVerify, "anna@newer.example")), nil)
	must(t, "delete", erase(v.Service, bert, orchids), nil)
	v.deliver(t, v.Service)
	if _, there := v.there(t, "8"); there {
		t.Error("the shop still has who was deleted")
	}
	if user, _ := v.there(t, "7"); user.Email != "anna@newer.example" {
		t.Errorf("the shop has %s of somebody whose password it was not told", user.Email)
	}
	v.move(t, phase.LegacyOnly)
	mustLogin(t, v.second, "anna@newer.example", tulips)
	mustRefuse(t, v.second, "anna@newer.example", "tulip")
	mustRefuse(t, v.second, newAddress, tulips)
}

// What somebody has shown to be theirs they need not show again because they are copied once more.
func TestProofOfAnAddressOutlivesACopy(t *testing.T) {
	t.Parallel()
	v, session := copying(t)
	v.source.Allow.EmailVerified = false
	v.source.SetDown(nil)
	must(t, "ask", v.askEmail(t, session, "tulip", oldAddress), nil)
	must(t, "confirm", confirmEmail(t, v.Service, v.letter(t, accounts.LetterVerify, oldAddress)), nil)
	v.move(t, phase.LegacyOnly, phase.NewFirst)
	mustLogin(t, v.second, "anna", "tulip")
	if n := v.Stats().Recopied.Load() + v.second.Stats().Recopied.Load(); n != 1 {
		t.Errorf("copied again %d times, want 1", n)
	}
	v.address(t, session, oldAddress, true)
}

// Whoever registers where legacy answers is written to as everywhere, and what they confirm is verified in the shop.
func TestWelcomeWhereLegacyAnswers(t *testing.T) {
	t.Parallel()
	inEach(t, func(t *testing.T, v *village) {
		mustRegister(t, v.Service, "bert", "bert@example.org", orchids)
		must(t, "confirm", confirmEmail(t, v.second, v.letter(t, accounts.LetterVerify, "bert@example.org")), nil)
		found, err := v.source.Lookup(t.Context(), "bert")
		must(t, "look him up", err, nil)
		if len(found) != 1 || !found[0].Profile.EmailVerified {
			t.Errorf("the shop has %d of him, verified: %v", len(found), len(found) == 1 && found[0].Profile.EmailVerified)
		}
	})
}
