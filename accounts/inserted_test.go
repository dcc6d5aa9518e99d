package accounts_test

import (
	"errors"
	"testing"
	"time"

	"rekey/accounts"
)

// deletedOnTheirWay is a village in which bert was born here and is inserted in the shop as 8; the answer is lost, and before the
// relay has heard of it they are deleted. The shop has them, and no link says who that is.
func deletedOnTheirWay(t *testing.T) (v *village, bert accounts.Person) {
	t.Helper()
	v, _ = copying(t)
	bert = mustRegister(t, v.Service, "bert", "", orchids)
	v.source.LoseAnswers(errDown)
	v.deliver(t, v.second)
	v.source.LoseAnswers(nil)
	if _, ok := v.there(t, "8"); !ok {
		t.Fatal("the shop has no bert")
	}
	must(t, "delete", erase(v.Service, v.open(t, bert), orchids), nil)
	return v, bert
}

// They stay deleted all the same, and their name is free.
func TestDeletedBeforeTheInsertIsKnown(t *testing.T) {
	t.Parallel()
	v, bert := deletedOnTheirWay(t)
	for _, process := range []*accounts.Service{v.Service, v.second} {
		_, err := process.Login(t.Context(), try("bert", orchids))
		must(t, "login of the deleted", err, accounts.ErrCredentials)
	}
	mustMigrate(t, v.second, swept("8"), accounts.OutcomeDeleted)
	if n := v.noted(t, accounts.NoteInvalidIdentifier); n != 0 {
		t.Errorf("%d notes of a person who was deleted", n)
	}
	again := mustRegister(t, v.Service, "bert", "", tulips)
	if again.ID == bert.ID {
		t.Error("another bert has his subject")
	}
	v.later(t, time.Minute)
	for range 3 {
		v.deliver(t, v.Service)
		v.later(t, time.Minute)
	}
	_, err := v.Login(t.Context(), try("bert", orchids))
	must(t, "login of the deleted, at rest", err, accounts.ErrCredentials)
	if _, err := v.Login(t.Context(), try("bert", tulips)); err != nil {
		t.Errorf("login of the other bert: %v", err)
	}
}

// The shop has somebody new, and our half of that is not written yet. Until it is, they cannot be deleted: the relay would not
// find them, and make them once more.
func TestDeletedBeforeARegistrationEnds(t *testing.T) {
	t.Parallel()
	inEach(t, func(t *testing.T, v *village) {
		v.doors.beforeFinish = func() error { return errDown }
		_, err := register(v.Service, "bert", "", orchids)
		if _, doubt := errors.AsType[*accounts.UnavailableError](err); err != nil && !doubt {
			t.Fatal(err)
		}
		v.doors.beforeFinish = nil
		v.waiting(t, 1)
		session := v.open(t, mustLogin(t, v.Service, "bert", orchids))
		for what, err := range map[string]error{
			"deletion": erase(v.second, session, orchids), "change": change(v.second, session, orchids, tulips),
		} {
			if _, ok := errors.AsType[*accounts.UnavailableError](err); !ok {
				t.Errorf("%s in the middle of the registration: %v", what, err)
			}
		}
		v.later(t, time.Minute)
		v.deliver(t, v.second)
		v.waiting(t, 0)
		must(t, "deletion", erase(v.second, session, orchids), nil)
		v.later(t, time.Minute)
		v.deliver(t, v.Service)
		v.deliver(t, v.second)
		if _, ok := v.there(t, "8"); ok {
			t.Error("the shop has bert again")
		}
		_, err = v.Login(t.Context(), try("bert", orchids))
		must(t, "login of the deleted", err, accounts.ErrCredentials)
	})
}
