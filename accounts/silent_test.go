package accounts_test

import (
	"errors"
	"testing"
	"time"

	"rekey/accounts"
	"rekey/legacy"
	"rekey/legacy/legacytest"
)

// What is answered while one of several legacy stores is silent.

// mustDoubtJudged wants "cannot tell" that counts as a guess, or that does not.
func mustDoubtJudged(t *testing.T, s *accounts.Service, identifier, pw string, judged bool) {
	t.Helper()
	mustDoubt(t, s, identifier, pw)
	_, err := s.Login(t.Context(), try(identifier, pw))
	var doubt *accounts.UnavailableError
	if !errors.As(err, &doubt) || doubt.Judged != judged {
		t.Errorf("%q: %v, want that it was judged: %t", identifier, err, judged)
	}
}

func (w *town) mustCount(t *testing.T, want int64) {
	t.Helper()
	if n, err := w.store.CountAccounts(t.Context()); err != nil || n != want {
		t.Errorf("%d accounts (%v), want %d", n, err, want)
	}
}

func TestSilentStoreOfOthers(t *testing.T) {
	t.Parallel()
	disabled := md5Salted(t, "2", "dora", "", "aster")
	disabled.Disabled = true
	w := newTown(t, nil, []legacy.User{md5Salted(t, "1", "anna", "Anna@example.org", "tulip"), disabled}, []legacy.User{md5Salted(t, "7", "bert", "", "daisy")})
	w.crm.SetDown(errDown)

	p := mustLogin(t, w.Service, "anna", "tulip")
	if p.ID != accounts.SubjectFor("shop", "1") || p.Source != "shop" || p.LegacyID != "1" {
		t.Errorf("anna is %+v, want the person of the shop", p)
	}
	w.mustCount(t, 0)
	mustDoubtJudged(t, w.Service, "anna", "rose", true)
	mustDoubtJudged(t, w.Service, "dora", "aster", true)
	// Under another spelling somebody of the silent store may be meant, with the same password.
	mustDoubtJudged(t, w.Service, "Anna", "tulip", false)
	mustDoubtJudged(t, w.Service, "bert", "daisy", false)
	mustDoubtJudged(t, w.Service, "nobody", "rose", false)
	if _, err := w.Find(t.Context(), "anna"); errors.Is(err, accounts.ErrCredentials) || err == nil {
		t.Errorf("who anna is: %v, want a doubt", err)
	}
	if notes, err := w.store.Notes(t.Context(), 10); err != nil || len(notes) != 0 {
		t.Errorf("notes %+v (%v): nothing is known that support could settle", notes, err)
	}

	w.crm.SetDown(nil)
	if again := mustLogin(t, w.Service, "anna", "tulip"); again.ID != p.ID || again.Source != "" {
		t.Errorf("with all stores there anna is %+v, want the same person, moved", again)
	}
}

// Too many people are too many, whatever a silent store would say.
func TestSilentStoreAndTooMany(t *testing.T) {
	t.Parallel()
	w := newTown(t, nil, nil, nil)
	w.source.SetDown(errDown)
	w.crm.SetDown(legacy.ErrTooMany)
	mustRefuse(t, w.Service, "anna", "tulip")
	w.Service = w.serve(t, func(c *accounts.Config) {
		c.Sources = append(c.Sources, accounts.Source{Name: "crm", Source: w.crm})
		c.Collisions = accounts.CollisionsPreferOrder
	})
	mustDoubtJudged(t, w.Service, "anna", "tulip", false) // the silent one comes first
}

func TestSilentStorePreferOrder(t *testing.T) {
	t.Parallel()
	w := newTown(t, policy(accounts.CollisionsPreferOrder),
		[]legacy.User{md5Salted(t, "1", "anna", "", "tulip")}, []legacy.User{md5Salted(t, "7", "bert", "", "daisy")})
	w.crm.SetDown(errDown)
	mustRefuse(t, w.Service, "anna", "rose")
	if p := mustLogin(t, w.Service, "anna", "tulip"); p.Source != "" {
		t.Errorf("anna was not moved, though what is behind her store does not matter")
	}
	mustDoubtJudged(t, w.Service, "nobody", "rose", false)

	w.crm.SetDown(nil)
	w.source.SetDown(errDown)
	mustDoubtJudged(t, w.Service, "bert", "daisy", false) // the name may be somebody's of the first store
	w.mustCount(t, 1)
}

// A store between two others may hold what the last one's person would take along, though one before it has answered.
func TestSilentStoreBetweenTwo(t *testing.T) {
	t.Parallel()
	w := newTown(t, nil, []legacy.User{md5Salted(t, "1", "anna", "", "tulip")}, nil)
	hr := legacytest.NewMemory(md5Salted(t, "9", "anna", "carl@example.org", "orchid"))
	w.Service = w.serve(t, func(c *accounts.Config) {
		c.Collisions = accounts.CollisionsPreferOrder
		c.Sources = append(c.Sources,
			accounts.Source{Name: "crm", Source: w.crm, Domains: []string{"corp.example"}}, // holds no other addresses
			accounts.Source{Name: "hr", Source: hr})
	})
	w.crm.SetDown(errDown)
	if p := mustLogin(t, w.Service, "carl@example.org", "orchid"); p.ID != accounts.SubjectFor("hr", "9") {
		t.Error("the address is somebody else's")
	}
	w.mustCount(t, 0) // "anna" was asked for too, and crm did not say
	w.crm.SetDown(nil)
	mustLogin(t, w.Service, "carl@example.org", "orchid")
	w.mustCount(t, 1)
}

func TestSilentStoreLink(t *testing.T) {
	t.Parallel()
	w := newTown(t, policy(accounts.CollisionsLink), []legacy.User{md5Salted(t, "1", "anna", "", "tulip")}, nil)
	w.crm.SetDown(errDown)
	mustDoubtJudged(t, w.Service, "anna", "tulip", false)
	mustDoubtJudged(t, w.Service, "anna", "rose", false)
}

// Somebody has moved, and a namesake is spelled like this in one store while another is silent: whom the silent one holds
// is not known, but it is not the account here that is meant.
func TestSilentStoreAndNamesake(t *testing.T) {
	t.Parallel()
	w := newTown(t, nil, []legacy.User{md5Salted(t, "1", "Anna", "", "tulip")}, nil)
	mustLogin(t, w.Service, "Anna", "tulip")
	w.crm = legacytest.NewMemory(md5Salted(t, "7", "anna", "", "orchid"))
	hr := legacytest.NewMemory()
	hr.SetDown(errDown)
	w.Service = w.serve(t, func(c *accounts.Config) {
		c.Sources = append(c.Sources, accounts.Source{Name: "crm", Source: w.crm}, accounts.Source{Name: "hr", Source: hr})
	})
	mustDoubtJudged(t, w.Service, "anna", "tulip", true)
	if p := mustLogin(t, w.Service, "anna", "orchid"); p.ID != accounts.SubjectFor("crm", "7") || p.Source != "crm" {
		t.Errorf("anna is %+v, want the person of the crm, not moved", p)
	}
	mustLogin(t, w.Service, "ANNA", "tulip") // nobody is known to be spelled like this, and who has moved does not notice
	mustLogin(t, w.Service, "Anna", "tulip")
}

// Stores are asked at once: each waits here until the other is asked too.
func TestStoresAreAskedAtOnce(t *testing.T) {
	t.Parallel()
	w := newTown(t, nil, []legacy.User{md5Salted(t, "1", "anna", "", "tulip")}, nil)
	meet := make(chan struct{})
	w.source.OnLookup = func() {
		select {
		case meet <- struct{}{}:
		case <-time.After(10 * time.Second):
			t.Error("the other store is not asked meanwhile")
		}
	}
	w.crm.OnLookup = func() {
		select {
		case <-meet:
		case <-time.After(10 * time.Second):
			t.Error("the other store is not asked meanwhile")
		}
	}
	if p := mustLogin(t, w.Service, "anna", "tulip"); p.Source != "" {
		t.Error("anna was not moved")
	}
}

// A store that panics ends the request, not the process.
func TestStoreThatPanics(t *testing.T) {
	t.Parallel()
	w := newTown(t, nil, nil, nil)
	w.source.OnLookup = func() { panic("a hash string of one byte") }
	defer func() {
		if recover() == nil {
			t.Error("the panic was lost")
		}
	}()
	_, err := w.Login(t.Context(), try("anna", "tulip"))
	t.Errorf("answered with %v", err)
}
