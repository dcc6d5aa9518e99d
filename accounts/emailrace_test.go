package accounts_test

import (
	"errors"
	"sync"
	"testing"

	"rekey/accounts"
	"rekey/accounts/phase"
	"rekey/legacy"
)

// unmovedAsks is a village that has not moved anna, and the token of the letter to the address that she wants.
func unmovedAsks(t *testing.T, to phase.Phase) (v *village, session accounts.Session, confirm func() error) {
	t.Helper()
	v = inBoth(t)
	if to == phase.Ramp {
		v.move(t, phase.Ramp)
	}
	session = v.open(t, legacyPerson(v, "anna", "7"))
	must(t, "ask", v.askEmail(t, session, "tulip", newAddress), nil)
	token := v.letter(t, accounts.LetterVerify, newAddress)
	return v, session, func() error { return confirmEmail(t, v.second, token) }
}

// heldAtFinish runs a change up to where its end would be written, and returns what lets it go on and returns its error.
func (v *village) heldAtFinish(t *testing.T, change func() error) (end func() error) {
	t.Helper()
	ended, reached, free := make(chan error, 1), make(chan struct{}), make(chan struct{})
	v.doors.beforeFinish = func() error { close(reached); <-free; return nil }
	let := sync.OnceFunc(func() { close(free) })
	t.Cleanup(let)
	go func() { ended <- change() }()
	select {
	case <-reached:
	case err := <-ended:
		ended <- err
	}
	return func() error { let(); return <-ended }
}

// alsoAnna is somebody who comes to have anna's name once the shop has her address, so that no account is made of either.
func alsoAnna(t *testing.T, v *village) {
	t.Helper()
	bert := salted(t, "8", "anna", "rose")
	bert.Email = "bert@example.org"
	v.shop.before = func() error {
		v.shop.beforeGet = func() { v.source.Put(bert) }
		return nil
	}
}

// An address has come to legacy, and its change has found nobody here. Then a batch that has read anna before makes her account, and
// the change ends after that: the account gets the address.
func TestABatchComesBeforeTheEndOfAnAddress(t *testing.T) {
	t.Parallel()
	for name, contested := range map[string]bool{"whose end would make her": false, "whose end would not": true} {
		for _, to := range []phase.Phase{phase.Both, phase.Ramp} {
			t.Run(name+" in "+to.String(), func(t *testing.T) {
				t.Parallel()
				v, _, confirm := unmovedAsks(t, to)
				h := newHerd(t, v.world, "7")
				var end func() error
				v.doors.beforeCreate = func() error {
					if contested {
						alsoAnna(t, v)
					}
					end = v.heldAtFinish(t, confirm)
					return nil
				}
				h.mustMove(t, v.Service, h.batch(t), map[accounts.Outcome]int64{accounts.OutcomeMoved: 1})
				must(t, "confirm", end(), nil)
				v.source.Remove("8")
				rec, err := v.store.ByID(t.Context(), anna)
				must(t, "read anna", err, nil)
				if rec.Named(accounts.Email) != newAddress {
					t.Errorf("she has %s here", rec.Named(accounts.Email))
				}
				v.moved(t)
			})
		}
	}
}

// An address whose change has ended between the last look of a batch and its commit, and left nothing here, is not lost to what the
// batch has read. Her sessions go on.
func TestABatchDoesNotReviveAnAddress(t *testing.T) {
	t.Parallel()
	for name, known := range map[string]bool{"before the commit": false, "while the last look is taken": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			v, session, confirm := unmovedAsks(t, phase.Both)
			h := newHerd(t, v.world, "7")
			b := h.batch(t)
			change := func() error {
				alsoAnna(t, v)
				return confirm()
			}
			if known {
				h.readKnown(t, v.Service, &b, func() { must(t, "confirm", change(), nil) })
			} else {
				v.doors.beforeCreate = change
			}
			tally, err := v.MigrateMany(t.Context(), b)
			must(t, "MigrateMany", err, nil)
			if tally.Refused[accounts.NoteContested] != 1 {
				t.Errorf("%+v", tally)
			}
			if rec, err := v.store.ByID(t.Context(), anna); !errors.Is(err, accounts.ErrNotFound) {
				t.Errorf("she is here with %s (%v)", rec.Named(accounts.Email), err)
			}
			if got, err := v.store.Session(t.Context(), session.ID); err != nil || got.Superseded {
				t.Errorf("her session: %+v (%v)", got, err)
			}
			v.source.Remove("8")
			h.mustMove(t, v.Service, h.batch(t), map[accounts.Outcome]int64{accounts.OutcomeMoved: 1})
			v.mustLive(t, "her session", session, true)
			v.moved(t)
		})
	}
}

// Legacy is written by others between our write and the end of the change, and a batch has made the account of that: what the change
// brings is older, and the account counts no more until it was copied again.
func TestABatchHasReadALaterRecord(t *testing.T) {
	t.Parallel()
	v, _, confirm := unmovedAsks(t, phase.Ramp)
	end := v.heldAtFinish(t, confirm)
	v.source.Change("7", func(u *legacy.User) { u.Email = "theirs@example.org" })
	h := newHerd(t, v.world, "7")
	h.mustMove(t, v.Service, h.batch(t), map[accounts.Outcome]int64{accounts.OutcomeMoved: 1})
	must(t, "confirm", end(), nil)
	v.takes(t, "tulip")
	mustRefuse(t, v.Service, newAddress, "tulip")
	mustLogin(t, v.Service, "theirs@example.org", "tulip")
	v.equal(t)
}
