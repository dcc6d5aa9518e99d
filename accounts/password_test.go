package accounts_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"

	"rekey/accounts"
	"rekey/accounts/password"
	"rekey/legacy"
)

func TestChangePassword(t *testing.T) {
	t.Parallel()
	w := newWorld(t, plain("7", "anna", "tulip"))
	other := w.restart(t, cheap)
	person := mustLogin(t, w.Service, "anna", "tulip")
	here, there := w.open(t, person), w.open(t, person)

	must(t, "a wrong current password", change(w.Service, here, "rose", orchids), accounts.ErrCredentials)
	mustLogin(t, w.Service, "anna", "tulip")
	w.mustLive(t, "the other session after a wrong current password", there, true)

	must(t, "change", change(w.Service, here, "tulip", orchids), nil)
	for _, s := range []*accounts.Service{w.Service, other} {
		mustRefuse(t, s, "anna", "tulip")
		mustRefuse(t, s, "ANNA", "tulip") // the legacy store is asked for a namesake, and still has the old password
		if again := mustLogin(t, s, "anna", orchids); again.ID != person.ID {
			t.Error("the sub has changed")
		}
	}
	w.mustLive(t, "this session", here, true)
	w.mustLive(t, "the other session", there, false)
	w.mustLive(t, "a session by the new password", w.open(t, mustLogin(t, other, "anna", orchids)), true)

	must(t, "the old password as the current one", change(other, here, "tulip", tulips), accounts.ErrCredentials)
	must(t, "change again", change(other, here, orchids, tulips), nil)
	mustRefuse(t, w.Service, "anna", orchids)
	mustLogin(t, w.Service, "anna", tulips)
	want := []accounts.EventKind{accounts.EventMigrated, accounts.EventPassword, accounts.EventPassword}
	if got := w.kinds(t, person.ID); !slices.Equal(got, want) {
		t.Errorf("events are %v, want %v", got, want)
	}
	if a, b := w.Stats().Changed.Load(), other.Stats().Changed.Load(); a != 1 || b != 1 {
		t.Errorf("%d and %d changes counted, want one each", a, b)
	}
}

// The shape of both passwords is looked at first, and the rule for new ones only once the current one is proven.
func TestChangePasswordShapes(t *testing.T) {
	t.Parallel()
	w := newWorld(t, plain("7", "anna", "tulip"))
	session := w.open(t, mustLogin(t, w.Service, "anna", "tulip"))
	for _, test := range []struct{ current, next, field string }{
		{"", orchids, "current_password"},
		{"a\x00b", orchids, "current_password"},
		{strings.Repeat("a", 1025), orchids, "current_password"},
		{"tulip", "", "new_password"},
		{"tulip", "a\x00b" + orchids, "new_password"},
		{"tulip", orchids + "\xff", "new_password"},
		{"tulip", strings.Repeat("a", 1025), "new_password"},
		{"rose", "", "new_password"},
	} {
		err := change(w.Service, session, test.current, test.next)
		if invalid, ok := errors.AsType[*accounts.InvalidError](err); !ok || invalid.Field != test.field {
			t.Errorf("%.20q to %.20q: got %v, want %s named", test.current, test.next, err, test.field)
		}
	}
	err := change(w.Service, session, "tulip", strings.Repeat("ä", 14))
	if policy, ok := errors.AsType[*accounts.PolicyError](err); !ok || policy.Field != "new_password" {
		t.Errorf("14 characters of 28 bytes: got %v, want the rule", err)
	}
	must(t, "a short one behind a wrong one", change(w.Service, session, "rose", "short"), accounts.ErrCredentials)
	mustLogin(t, w.Service, "anna", "tulip")
	must(t, "15 characters", change(w.Service, session, "tulip", fifteen), nil)
	longest := strings.Repeat("a horse of its own ", 54)[:1024]
	must(t, "1024 bytes", change(w.Service, session, fifteen, longest), nil)
	mustLogin(t, w.Service, "anna", longest)
	mustRefuse(t, w.Service, "anna", longest[1:])
}

// Somebody who could not be moved when they logged in is moved by the change, and nothing is written to the old store.
func TestChangePasswordOfTheUnmoved(t *testing.T) {
	t.Parallel()
	w := newWorld(t, plain("7", "anna", "tulip"))
	w.store.failCreate.Store(true)
	person := mustLogin(t, w.Service, "anna", "tulip")
	here, there := w.open(t, person), w.open(t, person)
	if here.Source == "" {
		t.Fatal("she has moved: the test needs that she has not")
	}
	doubtful(t, "change while nobody can be moved", change(w.Service, here, "tulip", orchids))
	w.store.failCreate.Store(false)

	must(t, "a wrong current password", change(w.Service, here, "rose", orchids), accounts.ErrCredentials)
	if n, err := w.store.CountAccounts(t.Context()); err != nil || n != 0 {
		t.Errorf("a wrong password made %d accounts (%v)", n, err)
	}
	w.source.SetDown(errDown)
	doubtful(t, "change while the legacy store is down", change(w.Service, here, "tulip", orchids))
	w.source.SetDown(nil)

	must(t, "change", change(w.Service, here, "tulip", orchids), nil)
	mustRefuse(t, w.Service, "anna", "tulip")
	if again := mustLogin(t, w.Service, "anna", orchids); again.ID != person.ID || again.Source != "" {
		t.Errorf("afterwards she is %+v", again)
	}
	w.mustLive(t, "this session", here, true)
	w.mustLive(t, "the other one from before the move", there, false)
	want := []accounts.EventKind{accounts.EventMigrated, accounts.EventPassword}
	if got := w.kinds(t, person.ID); !slices.Equal(got, want) {
		t.Errorf("events are %v, want %v", got, want)
	}
	if n := w.Stats().Migrated.Load(); n != 1 {
		t.Errorf("%d moves counted, want 1", n)
	}
}

// Whoever shares an identifier is not moved before support has settled whose it is, so there is nothing to change.
func TestContestedPersonCannotChange(t *testing.T) {
	t.Parallel()
	w := newWorld(t, plain("1", "Anna", "tulip"), plain("2", "anna", "daisy"))
	session := w.open(t, mustLogin(t, w.Service, "anna", "daisy"))
	must(t, "change", change(w.Service, session, "daisy", orchids), accounts.ErrContestedPerson)
	must(t, "delete", erase(w.Service, session, "daisy"), accounts.ErrContestedPerson)
	must(t, "change with a wrong password", change(w.Service, session, "rose", orchids), accounts.ErrCredentials)
	if n, err := w.store.CountAccounts(t.Context()); err != nil || n != 0 {
		t.Errorf("there are %d accounts (%v), want none", n, err)
	}
	mustLogin(t, w.Service, "anna", "daisy")
	mustLogin(t, w.Service, "Anna", "tulip")
}

// Whoever was disabled or has gone since they logged in changes nothing any more.
func TestChangePasswordOfTheGone(t *testing.T) {
	t.Parallel()
	w := newWorld(t, plain("7", "anna", "tulip"))
	w.store.failCreate.Store(true)
	session := w.open(t, mustLogin(t, w.Service, "anna", "tulip"))
	w.store.failCreate.Store(false)
	w.source.Change("7", func(u *legacy.User) { u.Disabled = true })
	must(t, "disabled in the legacy store", change(w.Service, session, "tulip", orchids), accounts.ErrCredentials)
	w.source.Change("7", func(u *legacy.User) { u.ID = "8" })
	must(t, "gone from the legacy store", change(w.Service, session, "tulip", orchids), accounts.ErrCredentials)
	session.Source, session.LegacyID = "", ""
	must(t, "known to nobody", change(w.Service, session, "tulip", orchids), accounts.ErrCredentials)
}

// What is set is the typed bytes: nothing of how the old password was folded or wrapped stays.
func TestChangeEndsFoldsAndWraps(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("0123456789", 8)
	for name, test := range map[string]struct {
		user    legacy.User
		current string
		folded  func(accounts.Credential) bool
	}{
		"fold": {
			legacy.User{ID: "7", Username: "anna", Password: &legacy.Stored{Scheme: "wordpress", Hash: md5hex("tulip")}},
			" tulip ", func(c accounts.Credential) bool { return c.Fold != "" },
		},
		"wrap": {
			legacy.User{ID: "7", Username: "anna", Password: &legacy.Stored{Hash: bcryptHash(t, []byte(long))}},
			long, func(c accounts.Credential) bool { return c.Scheme == accounts.SchemeWrapped },
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, test.user)
			session := w.open(t, mustLogin(t, w.Service, "anna", test.current))
			rec, err := w.store.ByID(t.Context(), session.AccountID)
			if err != nil || !test.folded(rec.Credential) {
				t.Fatalf("the old credential is %s, fold %q (%v): the test needs another", rec.Credential.Scheme, rec.Credential.Fold, err)
			}
			next := " " + orchids + " "
			must(t, "change", change(w.Service, session, test.current, next), nil)
			rec, err = w.store.ByID(t.Context(), session.AccountID)
			if c := rec.Credential; err != nil || c.Scheme != accounts.SchemeArgon2id || c.Fold != "" || c.Legacy != "" || c.Version != 2 {
				t.Errorf("stored as %s, fold %q, version %d (%v); want plain argon2id", c.Scheme, c.Fold, c.Version, err)
			}
			mustLogin(t, w.Service, "anna", next)
			for _, wrong := range []string{orchids, " " + orchids, test.current, strings.TrimSpace(test.current), long[:72]} {
				mustRefuse(t, w.Service, "anna", wrong)
			}
		})
	}
}

// stronger is a policy under which what cheap made is made again.
var stronger = password.Policy{MemoryKiB: 128, Time: 1, Lanes: 1}

// A login that rehashes comes between what the change read and what it writes: the change is begun again.
func TestRehashDoesNotLoseTheChange(t *testing.T) {
	t.Parallel()
	w := newWorld(t, plain("7", "anna", "tulip"))
	session := w.open(t, mustLogin(t, w.Service, "anna", "tulip"))
	rehashing := w.restart(t, stronger)
	s := w.stopped(t, &stopStore{beforeSet: func() { mustLogin(t, rehashing, "anna", "tulip") }}, stronger)
	must(t, "change", change(s, session, "tulip", orchids), nil)
	if n := rehashing.Stats().Rehashed.Load(); n != 1 {
		t.Fatalf("%d rehashes, want 1: the test needs one", n)
	}
	mustRefuse(t, w.Service, "anna", "tulip")
	mustLogin(t, w.Service, "anna", orchids)

	// And the other way round: the change comes between what the login read and its rehash, which then writes nothing.
	w = newWorld(t, plain("7", "anna", "tulip"))
	session = w.open(t, mustLogin(t, w.Service, "anna", "tulip"))
	s = w.stopped(t, &stopStore{beforeReplace: func() {
		must(t, "change", change(w.Service, session, "tulip", orchids), nil)
	}}, stronger)
	late := w.open(t, mustLogin(t, s, "anna", "tulip"))
	mustRefuse(t, w.Service, "anna", "tulip")
	mustLogin(t, w.Service, "anna", orchids)
	w.mustLive(t, "the session of the login with the old password", late, false)
	if n := s.Stats().NotRehashed.Load(); n != 0 {
		t.Errorf("%d failed rehashes counted: losing to a newer password is none", n)
	}
}

// A change that always finds another version gives up with a doubt, not with a verdict.
func TestChangeGivesUp(t *testing.T) {
	t.Parallel()
	w := newWorld(t, plain("7", "anna", "tulip"))
	session := w.open(t, mustLogin(t, w.Service, "anna", "tulip"))
	tries := 0
	store := &stopStore{}
	store.beforeSet = func() {
		tries++
		setPassword(t, w, accounts.Person{ID: session.AccountID}, "tulip") // the same, in another version
	}
	store.again = true
	s := w.stopped(t, store, cheap)
	doubtful(t, "change", change(s, session, "tulip", orchids))
	if tries < 2 || tries > 5 {
		t.Errorf("%d tries, want a few", tries)
	}
	mustLogin(t, w.Service, "anna", "tulip")
}

// A login has proven the old password and is about to open its session when the password is changed: what it opens never
// lives. Whoever stole the password cannot win by being early.
func TestLoginRacingWithAChange(t *testing.T) {
	t.Parallel()
	w := newWorld(t, plain("7", "anna", "tulip"))
	session := w.open(t, mustLogin(t, w.Service, "anna", "tulip"))
	proven := mustLogin(t, w.Service, "anna", "tulip")
	must(t, "change", change(w.Service, session, "tulip", orchids), nil)
	late := w.open(t, proven)
	w.mustLive(t, "opened by the old password", late, false)
	w.mustLive(t, "that changed it", session, true)

	// The same for somebody who is moved meanwhile by the change itself: their login knew no account at all.
	w = newWorld(t, plain("7", "anna", "tulip"))
	w.store.failCreate.Store(true)
	session = w.open(t, mustLogin(t, w.Service, "anna", "tulip"))
	unmoved := mustLogin(t, w.Service, "anna", "tulip")
	w.store.failCreate.Store(false)
	must(t, "change", change(w.Service, session, "tulip", orchids), nil)
	w.mustLive(t, "opened by the old password, not moved", w.open(t, unmoved), false)
}

// Several sessions change the password at once: one of them wins, and its password is the one.
func TestChangesAtOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t, plain("7", "anna", "tulip"))
	replicas := []*accounts.Service{w.Service, w.restart(t, cheap)}
	const people = 8
	var wg sync.WaitGroup
	sessions, errs := make([]accounts.Session, people), make([]error, people)
	for i := range people {
		sessions[i] = w.open(t, mustLogin(t, w.Service, "anna", "tulip"))
	}
	for i := range people {
		wg.Go(func() { errs[i] = change(replicas[i%2], sessions[i], "tulip", orchids+string(rune('a'+i))) })
	}
	wg.Wait()
	winners := 0
	for i, err := range errs {
		if err == nil {
			winners++
			mustLogin(t, w.Service, "anna", orchids+string(rune('a'+i)))
		} else {
			must(t, "a loser", err, accounts.ErrCredentials)
			mustRefuse(t, w.Service, "anna", orchids+string(rune('a'+i)))
		}
		w.mustLive(t, "session", sessions[i], err == nil)
	}
	if winners != 1 {
		t.Errorf("%d changes won, want 1", winners)
	}
}

// Once the password is proven, hanging up does not undo the change.
func TestChangeOutlivesItsRequest(t *testing.T) {
	t.Parallel()
	w := newWorld(t, plain("7", "anna", "tulip"))
	session := w.open(t, mustLogin(t, w.Service, "anna", "tulip"))
	ctx, hangUp := context.WithCancel(t.Context())
	s := w.stopped(t, &stopStore{beforeSet: hangUp}, cheap)
	err := s.ChangePassword(ctx, accounts.Change{
		Session: session, Current: password.NewSecret([]byte("tulip")), New: password.NewSecret([]byte(orchids)), RequestID: "test",
	})
	must(t, "change", err, nil)
	mustLogin(t, w.Service, "anna", orchids)
}
