package accounts_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"rekey/accounts"
	"rekey/accounts/password"
	"rekey/legacy"
)

func TestDelete(t *testing.T) {
	t.Parallel()
	w := newWorld(t, plain("7", "anna", "tulip"))
	other := w.restart(t, cheap)
	person := mustLogin(t, w.Service, "anna", "tulip")
	here, there := w.open(t, person), w.open(t, person)

	must(t, "a wrong password", erase(w.Service, here, "rose"), accounts.ErrCredentials)
	mustLogin(t, w.Service, "anna", "tulip")
	w.mustLive(t, "a session after a wrong password", there, true)

	must(t, "delete", erase(w.Service, here, "tulip"), nil)
	var pool *password.Pool
	counted := w.serve(t, func(c *accounts.Config) { pool = c.Permits })
	for _, s := range []*accounts.Service{w.Service, other, counted} {
		for _, name := range []string{"anna", "ANNA"} {
			before := pool.Stats().Begun
			_, err := s.Login(t.Context(), try(name, "tulip"))
			if refused, ok := errors.AsType[*accounts.RefusedError](err); !ok || refused.Class != "unknown" {
				t.Errorf("login of a deleted person as %s: %v, want it refused like one of nobody", name, err)
			}
			if n := pool.Stats().Begun - before; s == counted && n != 1 {
				t.Errorf("login of a deleted person as %s costs %d hashes, want 1", name, n)
			}
		}
		if _, err := s.Find(t.Context(), "anna"); !errors.Is(err, accounts.ErrCredentials) {
			t.Errorf("a deleted person is found: %v", err)
		}
		if _, err := s.Resume(t.Context(), there); !errors.Is(err, accounts.ErrCredentials) {
			t.Errorf("a deleted person is resumed: %v", err)
		}
		must(t, "change", change(s, there, "tulip", orchids), accounts.ErrCredentials)
		must(t, "delete again", erase(s, there, "tulip"), accounts.ErrCredentials)
	}
	w.mustLive(t, "this session", here, false)
	w.mustLive(t, "the other session", there, false)
	if n, err := w.store.CountAccounts(t.Context()); err != nil || n != 0 {
		t.Errorf("there are %d accounts (%v), want none", n, err)
	}
	want := []accounts.EventKind{accounts.EventMigrated, accounts.EventDeleted}
	if got := w.kinds(t, person.ID); !slices.Equal(got, want) {
		t.Errorf("events are %v, want %v", got, want)
	}
	if n := w.Stats().Deleted.Load(); n != 1 {
		t.Errorf("%d deletions counted, want 1", n)
	}
}

// A sweep or an import would make the deleted person again, by their link or by their id.
func TestNothingIsMadeOfADeletedPerson(t *testing.T) {
	t.Parallel()
	w := newWorld(t, plain("7", "anna", "tulip"))
	person := mustLogin(t, w.Service, "anna", "tulip")
	rec, err := w.store.ByID(t.Context(), person.ID)
	if err != nil {
		t.Fatal(err)
	}
	must(t, "delete", erase(w.Service, w.open(t, person), "tulip"), nil)
	for _, id := range []accounts.Record{rec, {Account: accounts.Account{ID: newID(t), CreatedAt: time.Now()}, Credential: rec.Credential, Link: rec.Link}} {
		event := accounts.Event{ID: newID(t), At: time.Now(), AccountID: id.ID, Kind: accounts.EventMigrated, Actor: "system", RequestID: "test"}
		must(t, "create", w.store.Create(t.Context(), id, event), accounts.ErrLinked)
	}
	mustRefuse(t, w.Service, "anna", "tulip")
	_ = w.kinds(t, person.ID) // each tells who did it
}

// The name is free: who registers it is somebody else, and the old row does not stand in their way under any spelling.
func TestNameOfADeletedPerson(t *testing.T) {
	t.Parallel()
	w := newWorld(t, plain("7", "anna", "tulip"))
	first := mustLogin(t, w.Service, "anna", "tulip")
	old := w.open(t, first)
	must(t, "delete", erase(w.Service, old, "tulip"), nil)

	second := mustRegister(t, w.Service, "Anna", "", orchids)
	if second.ID == first.ID {
		t.Fatal("the new person has the old one's subject")
	}
	for _, name := range []string{"anna", "Anna", "ANNA"} {
		if p := mustLogin(t, w.Service, name, orchids); p.ID != second.ID || p.Source != "" {
			t.Errorf("%s is %+v, want the new person", name, p)
		}
		mustRefuse(t, w.Service, name, "tulip")
	}
	w.mustLive(t, "the old person's session", old, false)
	if _, err := w.Resume(t.Context(), old); !errors.Is(err, accounts.ErrCredentials) {
		t.Errorf("the old person's session is the new one's: %v", err)
	}
	must(t, "change by the old session", change(w.Service, old, orchids, tulips), accounts.ErrCredentials)

	// And once more: an account that was born here leaves no link, and its name is free again.
	must(t, "delete", erase(w.Service, w.open(t, second), orchids), nil)
	mustRefuse(t, w.Service, "anna", orchids)
	third := mustRegister(t, w.Service, "anna", "", tulips)
	if third.ID == first.ID || third.ID == second.ID {
		t.Error("a subject was given twice")
	}
}

// Somebody who was deleted before they were moved is moved for it, so that there is a tombstone.
func TestDeleteTheUnmoved(t *testing.T) {
	t.Parallel()
	w := newWorld(t, plain("7", "anna", "tulip"))
	w.store.failCreate.Store(true)
	session := w.open(t, mustLogin(t, w.Service, "anna", "tulip"))
	doubtful(t, "delete while nobody can be moved", erase(w.Service, session, "tulip"))
	w.store.failCreate.Store(false)
	must(t, "delete", erase(w.Service, session, "tulip"), nil)
	mustRefuse(t, w.Service, "anna", "tulip")
	if _, err := w.Resume(t.Context(), session); !errors.Is(err, accounts.ErrCredentials) {
		t.Errorf("resumed from the legacy store: %v", err)
	}
	mustRegister(t, w.Service, "anna", "", orchids)
}

// A deletion ends all links of a merged account.
func TestDeleteLinked(t *testing.T) {
	t.Parallel()
	w := newTown(t, policy(accounts.CollisionsLink), []legacy.User{plain("1", "anna", "tulip")}, []legacy.User{plain("a", "anna", "tulip")})
	session := w.open(t, mustLogin(t, w.Service, "anna", "tulip"))
	must(t, "delete", erase(w.Service, session, "tulip"), nil)
	mustRefuse(t, w.Service, "anna", "tulip")
	mustRegister(t, w.Service, "anna", "", orchids)
	mustLogin(t, w.Service, "anna", orchids)
}

// An old store gives a number out again. Its new owner must not be let in under the deleted person's subject, nor be told
// that their password is wrong: they are put aside, once, and support settles it.
func TestIDReused(t *testing.T) {
	t.Parallel()
	w := newWorld(t, plain("7", "anna", "tulip"))
	other := w.restart(t, cheap)
	person := mustLogin(t, w.Service, "anna", "tulip")
	must(t, "delete", erase(w.Service, w.open(t, person), "tulip"), nil)
	w.source.Change("7", func(u *legacy.User) {
		u.Username, u.CreatedAt, u.Password.Hash = "zoe", u.CreatedAt.AddDate(5, 0, 0), "daisy"
	})
	for range 2 {
		for _, s := range []*accounts.Service{w.Service, other} {
			mustDoubt(t, s, "zoe", "daisy")
			mustDoubt(t, s, "zoe", "wrong")
			if _, err := s.Find(t.Context(), "zoe"); !errors.Is(err, accounts.ErrCredentials) {
				t.Errorf("found under a deleted person's subject: %v", err)
			}
		}
	}
	if _, err := register(w.Service, "zoe", "", orchids); !errors.Is(err, accounts.ErrTakenIdentifier) {
		t.Errorf("the name of the new owner is free: %v", err)
	}
	notes, err := w.store.Notes(t.Context(), 10)
	if err != nil || len(notes) != 1 || notes[0].Class != accounts.NoteIDReused || notes[0].LegacyID != "7" {
		t.Errorf("notes are %+v (%v), want one", notes, err)
	}
	want := []accounts.EventKind{accounts.EventMigrated, accounts.EventDeleted, accounts.EventQuarantined}
	if got := w.kinds(t, person.ID); !slices.Equal(got, want) {
		t.Errorf("events are %v, want %v", got, want)
	}
	mustRefuse(t, w.Service, "anna", "tulip")
}

// Without times of creation on both sides nobody can tell: the row is the deleted person's.
func TestDeletedWithoutATimeOfCreation(t *testing.T) {
	t.Parallel()
	for name, times := range map[string][2]time.Time{
		"none at first": {{}, time.Unix(1, 0)}, "none later": {time.Unix(1, 0), {}}, "none": {},
		"the same, below a microsecond": {time.Unix(1, 2000), time.Unix(1, 2999)},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, plain("7", "anna", "tulip"))
			w.source.Change("7", func(u *legacy.User) { u.CreatedAt = times[0] })
			must(t, "delete", erase(w.Service, w.open(t, mustLogin(t, w.Service, "anna", "tulip")), "tulip"), nil)
			w.source.Change("7", func(u *legacy.User) { u.CreatedAt = times[1] })
			mustRefuse(t, w.Service, "anna", "tulip")
		})
	}
}

// A person logs in while they delete themselves on another device: wherever the login is, nobody is let in for longer
// than an access token lives, and nothing of them comes back.
func TestLoginRacingWithADeletion(t *testing.T) {
	t.Parallel()
	w := newWorld(t, plain("7", "anna", "tulip"))
	session := w.open(t, mustLogin(t, w.Service, "anna", "tulip"))
	proven := mustLogin(t, w.Service, "anna", "tulip")
	must(t, "delete", erase(w.Service, session, "tulip"), nil)
	w.mustLive(t, "opened after the deletion", w.open(t, proven), false)

	// The login wants to rehash, and finds nobody.
	w = newWorld(t, plain("7", "anna", "tulip"))
	session = w.open(t, mustLogin(t, w.Service, "anna", "tulip"))
	s := w.stopped(t, &stopStore{beforeReplace: func() { must(t, "delete", erase(w.Service, session, "tulip"), nil) }}, stronger)
	w.mustLive(t, "opened after the deletion", w.open(t, mustLogin(t, s, "anna", "tulip")), false)
	if n := s.Stats().NotRehashed.Load(); n != 0 {
		t.Errorf("%d failed rehashes counted, want none", n)
	}

	// The login has seen that they are not deleted, and then they are.
	w = newWorld(t, plain("7", "anna", "tulip"))
	session = w.open(t, mustLogin(t, w.Service, "anna", "tulip"))
	w.source.Change("7", func(u *legacy.User) { u.Username = "annette" }) // a name that only the legacy store has
	s = w.stopped(t, &stopStore{afterTombstone: func() { must(t, "delete", erase(w.Service, session, "tulip"), nil) }}, cheap)
	mustRefuse(t, s, "annette", "tulip")

	// The login is about to move them, and somebody else has done so and deleted them.
	w = newWorld(t, plain("7", "anna", "tulip"))
	s = w.stopped(t, &stopStore{beforeCreate: func() {
		must(t, "delete", erase(w.Service, w.open(t, mustLogin(t, w.Service, "anna", "tulip")), "tulip"), nil)
	}}, cheap)
	mustRefuse(t, s, "anna", "tulip")
	if n, err := w.store.CountAccounts(t.Context()); err != nil || n != 0 {
		t.Errorf("there are %d accounts (%v), want none", n, err)
	}
}

// A password is changed while the account is deleted with the old one: the deletion is of a version that is gone.
func TestDeletionRacingWithAChange(t *testing.T) {
	t.Parallel()
	w := newWorld(t, plain("7", "anna", "tulip"))
	person := mustLogin(t, w.Service, "anna", "tulip")
	here, there := w.open(t, person), w.open(t, person)
	s := w.stopped(t, &stopStore{beforeDelete: func() { must(t, "change", change(w.Service, here, "tulip", orchids), nil) }}, cheap)
	must(t, "delete with the old password", erase(s, there, "tulip"), accounts.ErrCredentials)
	mustLogin(t, w.Service, "anna", orchids)
	must(t, "delete with the new one", erase(s, here, orchids), nil)

	w = newWorld(t, plain("7", "anna", "tulip"))
	person = mustLogin(t, w.Service, "anna", "tulip")
	here, there = w.open(t, person), w.open(t, person)
	s = w.stopped(t, &stopStore{beforeSet: func() { must(t, "delete", erase(w.Service, there, "tulip"), nil) }}, cheap)
	must(t, "change of a deleted account", change(s, here, "tulip", orchids), accounts.ErrCredentials)
	mustRefuse(t, w.Service, "anna", orchids)
}

// A tombstone is nobody by itself, not for being disabled too: whoever is enabled again does not come back from it.
func TestTombstoneIsNobody(t *testing.T) {
	t.Parallel()
	w := newWorld(t, plain("7", "anna", "tulip"))
	w.store.failCreate.Store(true)
	unmoved := mustLogin(t, w.Service, "anna", "tulip")
	w.store.failCreate.Store(false)
	session := w.open(t, unmoved)
	must(t, "delete", erase(w.Service, session, "tulip"), nil)
	s := w.stopped(t, &stopStore{enabled: true}, cheap)
	w.source.Change("7", func(u *legacy.User) { u.CreatedAt = u.CreatedAt.AddDate(1, 0, 0) }) // so that the row is looked at again
	for what, err := range map[string]error{
		"login":       login(s, "anna", "tulip"),
		"resume":      second(s.Resume(t.Context(), session)),
		"find":        second(s.Find(t.Context(), "anna")),
		"the profile": second(s.ProfileOf(t.Context(), unmoved)),
		"change":      change(s, session, "tulip", orchids),
		"delete":      erase(s, session, "tulip"),
	} {
		if what == "login" {
			doubtful(t, what, err) // the row is somebody else's now
		} else if !errors.Is(err, accounts.ErrCredentials) {
			t.Errorf("%s: got %v, want a refusal", what, err)
		}
	}
}

func login(s *accounts.Service, identifier, pw string) error {
	return second(s.Login(context.Background(), try(identifier, pw)))
}

// second returns the error of a call.
func second[T any](_ T, err error) error { return err }
