package accounts_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"rekey/accounts"
	"rekey/accounts/password"
	"rekey/legacy"
)

func TestRegister(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	person, err := w.Register(t.Context(), accounts.Registration{
		Username: " Anna", Email: "Anna@Example.org", Phone: "+49 30 1234", DisplayName: " Anna of the Tulips ", Locale: "pt-br",
		Password: password.NewSecret([]byte(orchids)), RequestID: "test",
	})
	must(t, "register", err, nil)
	if v := person.ID.Version(); v != 7 || person.Source != "" || person.Name() != "Anna" {
		t.Errorf("she is %+v, with an id of version %d; want 7", person, v)
	}
	for _, name := range []string{"anna", "ANNA", "anna@example.org", "+49301234"} {
		if p := mustLogin(t, w.Service, name, orchids); p.ID != person.ID {
			t.Errorf("%s is %s, want %s", name, p.ID, person.ID)
		}
	}
	mustRefuse(t, w.Service, "anna", tulips)
	rec, err := w.store.ByID(t.Context(), person.ID)
	if err != nil {
		t.Fatal(err)
	}
	if c := rec.Credential; rec.Link != nil || c.Scheme != accounts.SchemeArgon2id || c.Fold != "" || slices.ContainsFunc(rec.Identifiers, func(id accounts.Identifier) bool { return id.Verified }) {
		t.Errorf("stored as %s, fold %q, link %v, identifiers %v", c.Scheme, c.Fold, rec.Link, rec.Identifiers)
	}
	profile, err := w.store.Profile(t.Context(), person.ID)
	if diff := cmp.Diff(accounts.Profile{DisplayName: "Anna of the Tulips", Locale: "pt-BR"}, profile); err != nil || diff != "" {
		t.Errorf("profile (%v, -want +got):\n%s", err, diff)
	}
	if got := w.kinds(t, person.ID); !slices.Equal(got, []accounts.EventKind{accounts.EventRegistered}) {
		t.Errorf("events are %v", got)
	}
	if n := w.Stats().Registered.Load(); n != 1 {
		t.Errorf("%d registrations counted, want 1", n)
	}
	w.mustLive(t, "her session", w.open(t, person), true)
}

// What any store has is taken, in any spelling and by any kind of identifier, and nobody is told which store that is.
func TestRegisterTaken(t *testing.T) {
	t.Parallel()
	users := []legacy.User{plain("1", "Bert", "daisy"), plain("2", "Carl", "rose"), plain("3", "off", "x"), plain("4", "m@example.org", "x")}
	users[1].Email, users[1].Phone, users[1].Aliases = "carl@example.org", "+49 (30) 99", []string{"charly"}
	users[2].Disabled = true
	w := newWorld(t, users...)
	mustRegister(t, w.Service, "anna", "anna@example.org", orchids)
	mustLogin(t, w.Service, "Bert", "daisy") // moved
	for name, r := range map[string]accounts.Registration{
		"registered here":                       {Username: "anna"},
		"registered here, spelled otherwise":    {Username: "ANNA"},
		"registered here, the second of two":    {Username: "free1", Email: "ANNA@example.org"},
		"moved":                                 {Username: "bert"},
		"unmoved":                               {Username: "Carl"},
		"unmoved, canonical":                    {Username: "carl"},
		"unmoved, in capitals":                  {Username: "CARL"},
		"unmoved, by e-mail":                    {Username: "free2", Email: "Carl@example.ORG"},
		"unmoved, by an alias":                  {Username: "Charly"},
		"disabled in the legacy store":          {Username: "off"},
		"an address that is another's username": {Email: "M@example.org"},
	} {
		r.Password = password.NewSecret([]byte(orchids))
		if _, err := w.Register(t.Context(), r); !errors.Is(err, accounts.ErrTakenIdentifier) {
			t.Errorf("%s: got %v, want it taken", name, err)
		}
	}
	w.source.SetDown(legacy.ErrTooMany)
	if _, err := register(w.Service, "everybody", "", orchids); !errors.Is(err, accounts.ErrTakenIdentifier) {
		t.Errorf("held by more people than the store returns: got %v, want it taken", err)
	}
	w.source.SetDown(nil)
	if n, err := w.store.CountAccounts(t.Context()); err != nil || n != 2 {
		t.Errorf("there are %d accounts (%v), want 2", n, err)
	}
	mustLogin(t, w.Service, "carl", "rose")
	mustRegister(t, w.Service, "free1", "free2@example.org", orchids) // what was refused has left nothing behind
}

// A store that compares byte by byte has a name in a spelling that nobody would ask for. Who registers it in another takes
// nothing away: the old password goes on working under the old spelling, and only there.
func TestRegisterBesideAnUnseenNamesake(t *testing.T) {
	t.Parallel()
	user := plain("7", "carl", "daisy")
	user.Email = "Carl@Example.org"
	w := newWorld(t, user)
	person := mustRegister(t, w.Service, "", "carl@example.org", orchids)
	for range 2 {
		if p := mustLogin(t, w.Service, "Carl@Example.org", "daisy"); p.ID != accounts.SubjectFor("shop", "7") {
			t.Errorf("the old person is %s", p.ID)
		}
		mustLogin(t, w.Service, "carl", "daisy")
		for _, name := range []string{"carl@example.org", "CARL@example.org"} {
			if p := mustLogin(t, w.Service, name, orchids); p.ID != person.ID {
				t.Errorf("%s is %s, want the new person", name, p.ID)
			}
			mustRefuse(t, w.Service, name, "daisy")
		}
		mustRefuse(t, w.Service, "Carl@Example.org", orchids)
	}
	notes, err := w.store.Notes(t.Context(), 10)
	if err != nil || len(notes) != 1 || notes[0].Class != accounts.NoteContested {
		t.Errorf("notes are %+v (%v), want one for support", notes, err)
	}
}

// A value that several legacy people hold is nobody's to take.
func TestRegisterContested(t *testing.T) {
	t.Parallel()
	w := newWorld(t, plain("1", "Anna", "tulip"), plain("2", "anna", "daisy"))
	for _, name := range []string{"Anna", "anna", "ANNA"} {
		if _, err := register(w.Service, name, "", orchids); !errors.Is(err, accounts.ErrTakenIdentifier) {
			t.Errorf("%s: got %v, want it taken", name, err)
		}
	}
	mustLogin(t, w.Service, "Anna", "tulip")
}

// While a store does not answer nobody knows whether a name is free.
func TestRegisterInDoubt(t *testing.T) {
	t.Parallel()
	w := newWorld(t, plain("1", "bert", "daisy"))
	mustRegister(t, w.Service, "anna", "", orchids)
	w.source.SetDown(errDown)
	for _, name := range []string{"anna", "bert", "carl"} {
		_, err := register(w.Service, name, "", orchids)
		doubtful(t, name+" while the legacy store is down", err)
	}
	w.source.SetDown(nil)
	w.store.down.Store(true)
	_, err := register(w.Service, "carl", "", orchids)
	doubtful(t, "new store down", err)
	w.store.down.Store(false)
	w.store.failCreate.Store(true)
	_, err = register(w.Service, "carl", "", orchids)
	doubtful(t, "the account cannot be written", err)
	w.store.failCreate.Store(false)
	mustRegister(t, w.Service, "carl", "", orchids)
}

func TestRegisterShapes(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, test := range []struct {
		r     accounts.Registration
		field string
	}{
		{accounts.Registration{}, "username"},
		{accounts.Registration{Username: "anna@example.org"}, "username"},
		{accounts.Registration{Username: "+49301234"}, "username"},
		{accounts.Registration{Username: " "}, "username"},
		{accounts.Registration{Username: "an\x00na"}, "username"},
		{accounts.Registration{Username: "an\u202ena"}, "username"},
		{accounts.Registration{Username: "an\xffna"}, "username"},
		{accounts.Registration{Username: strings.Repeat("a", 321)}, "username"},
		{accounts.Registration{Username: "anna", Email: "anna"}, "email"},
		{accounts.Registration{Email: "@example.org"}, "email"},
		{accounts.Registration{Email: "anna@"}, "email"},
		{accounts.Registration{Email: "an\x00na@example.org"}, "email"},
		{accounts.Registration{Email: strings.Repeat("a", 320) + "@example.org"}, "email"},
		{accounts.Registration{Phone: "030 1234"}, "phone"},
		{accounts.Registration{Phone: "anna"}, "phone"},
		{accounts.Registration{Username: "anna", DisplayName: strings.Repeat("ä", 201)}, "display_name"},
		{accounts.Registration{Username: "anna", DisplayName: "An\x00na"}, "display_name"},
		{accounts.Registration{Username: "anna", DisplayName: "An\nna"}, "display_name"},
		{accounts.Registration{Username: "anna", DisplayName: "An\u009bna"}, "display_name"},
		{accounts.Registration{Username: "anna", DisplayName: "An\u2028na"}, "display_name"},
		{accounts.Registration{Username: "anna", DisplayName: "gro.\u202eanna"}, "display_name"},
		{accounts.Registration{Username: "anna", DisplayName: "An\xffna"}, "display_name"},
		{accounts.Registration{Username: "anna", Locale: "tulip and rose"}, "locale"},
		{accounts.Registration{Username: "anna", Locale: "\x00"}, "locale"},
		{accounts.Registration{Username: "anna", Locale: "xx-yy-zz"}, "locale"},
		{accounts.Registration{Username: "anna", Locale: "und"}, "locale"},
		{accounts.Registration{Username: "anna", Locale: "de-x-" + strings.Repeat("abcdefgh-", 4) + "a"}, "locale"},
	} {
		test.r.Password = password.NewSecret([]byte(orchids))
		_, err := w.Register(t.Context(), test.r)
		if invalid, ok := errors.AsType[*accounts.InvalidError](err); !ok || invalid.Field != test.field || invalid.Reason == "" {
			t.Errorf("%.40q: got %v, want %s named", []string{test.r.Username, test.r.Email, test.r.Phone, test.r.DisplayName, test.r.Locale}, err, test.field)
		}
	}
	for _, pw := range []string{"", "a\x00b" + orchids, strings.Repeat("a", 1025), orchids + "\xff"} {
		_, err := register(w.Service, "anna", "", pw)
		if invalid, ok := errors.AsType[*accounts.InvalidError](err); !ok || invalid.Field != "password" {
			t.Errorf("a password of %d bytes: got %v, want it named", len(pw), err)
		}
	}
	_, err := register(w.Service, "anna", "", strings.Repeat("ä", 14))
	if policy, ok := errors.AsType[*accounts.PolicyError](err); !ok || policy.Field != "password" {
		t.Errorf("14 characters of 28 bytes: got %v, want the rule", err)
	}
	if w.source.Lookups.Load() != 0 {
		t.Error("the legacy store was asked about input that cannot be used")
	}
	if n, err := w.store.CountAccounts(t.Context()); err != nil || n != 0 {
		t.Errorf("there are %d accounts (%v), want none", n, err)
	}
	for _, r := range []accounts.Registration{
		{Phone: "+49 30 1234", DisplayName: strings.Repeat("ä", 200), Locale: "zh-Hant-TW"},
		{Email: "zoe@example.org", DisplayName: "Zoë \U0001F469\u200D\U0001F680", Locale: "de"},
		{Username: "two words", DisplayName: "يوسف"},
	} {
		r.Password = password.NewSecret([]byte(fifteen))
		if _, err := w.Register(t.Context(), r); err != nil {
			t.Errorf("%+v: %v", r, err)
		}
	}
}

// A free name and a taken one cost the same: one hash, and one question to each store for each identifier.
func TestRegisterCostsTheSame(t *testing.T) {
	t.Parallel()
	w := newWorld(t, plain("1", "bert", "daisy"))
	mustRegister(t, w.Service, "anna", "", orchids)
	var pool *password.Pool
	s := w.serve(t, func(c *accounts.Config) { pool = c.Permits })
	for _, name := range []string{"anna", "bert", "carl"} {
		hashes, lookups := pool.Stats().Begun, w.source.Lookups.Load()
		_, err := register(s, name, "", orchids)
		if taken := errors.Is(err, accounts.ErrTakenIdentifier); taken != (name != "carl") {
			t.Errorf("%s: %v", name, err)
		}
		if h, l := pool.Stats().Begun-hashes, w.source.Lookups.Load()-lookups; h != 1 || l != 1 {
			t.Errorf("%s costs %d hashes and %d questions to the legacy store, want one each", name, h, l)
		}
	}
}

func TestRegisterAtOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	replicas := []*accounts.Service{w.Service, w.restart(t, cheap)}
	const people = 20
	var wg sync.WaitGroup
	persons, errs := make([]accounts.Person, people), make([]error, people)
	for i := range people {
		spelling := []string{"anna", "Anna", "ANNA"}[i%3]
		wg.Go(func() {
			persons[i], errs[i] = register(replicas[i%2], spelling, "", orchids+string(rune('a'+i)))
		})
	}
	wg.Wait()
	winners := 0
	for i, err := range errs {
		if err != nil {
			must(t, "a loser", err, accounts.ErrTakenIdentifier)
			mustRefuse(t, w.Service, "anna", orchids+string(rune('a'+i)))
			continue
		}
		winners++
		if p := mustLogin(t, w.Service, "anna", orchids+string(rune('a'+i))); p.ID != persons[i].ID {
			t.Error("the winner logs in as somebody else")
		}
	}
	if n, err := w.store.CountAccounts(t.Context()); winners != 1 || err != nil || n != 1 {
		t.Errorf("%d won, and there are %d accounts (%v); want one", winners, n, err)
	}
}

// Somebody registers a name while its unmoved owner logs in for the first time: there is one account, and it is the owner's.
func TestRegisterAgainstAFirstLogin(t *testing.T) {
	t.Parallel()
	for range 10 {
		w := newWorld(t, plain("7", "anna", "tulip"))
		other := w.restart(t, cheap)
		var wg sync.WaitGroup
		var registered, loggedIn error
		wg.Go(func() { _, registered = register(other, "Anna", "", orchids) })
		wg.Go(func() { _, loggedIn = w.Login(context.Background(), try("anna", "tulip")) })
		wg.Wait()
		must(t, "login", loggedIn, nil)
		must(t, "register", registered, accounts.ErrTakenIdentifier)
		if p := mustLogin(t, w.Service, "anna", "tulip"); p.ID != accounts.SubjectFor("shop", "7") {
			t.Error("the owner is somebody else")
		}
	}

	// The old row appears after the stores were asked: the first to be here has the name, the other is kept out of it.
	w := newWorld(t, plain("7", "nobody", "tulip"))
	s := w.stopped(t, &stopStore{beforeCreate: func() {
		w.source.Change("7", func(u *legacy.User) { u.Username = "anna" })
		mustLogin(t, w.Service, "anna", "tulip")
	}}, cheap)
	_, err := register(s, "anna", "", orchids)
	must(t, "register", err, accounts.ErrTakenIdentifier)
	mustLogin(t, w.Service, "anna", "tulip")
	if n, err := w.store.CountAccounts(t.Context()); err != nil || n != 1 {
		t.Errorf("there are %d accounts (%v), want 1", n, err)
	}
}
