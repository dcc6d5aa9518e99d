package accounts_test

import (
	"errors"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"rekey/accounts"
	"rekey/legacy"
	"rekey/legacy/legacytest"
)

// A town is a service over two legacy stores, shop before crm.
type town struct {
	*world
	crm *legacytest.Memory
}

func newTown(t *testing.T, change func(*accounts.Config), shop, crm []legacy.User) *town {
	t.Helper()
	w := newWorld(t, shop...)
	town := &town{world: w, crm: legacytest.NewMemory(crm...)}
	w.Service = w.serve(t, func(c *accounts.Config) {
		c.Sources = append(c.Sources, accounts.Source{Name: "crm", Source: town.crm})
		if change != nil {
			change(c)
		}
	})
	return town
}

func policy(p accounts.Collisions) func(*accounts.Config) {
	return func(c *accounts.Config) { c.Collisions = p }
}

func (w *town) account(t *testing.T, source, id string) (accounts.Record, bool) {
	t.Helper()
	rec, err := w.store.ByLink(t.Context(), source, id)
	return rec, err == nil
}

func TestRoutingByDomain(t *testing.T) {
	t.Parallel()
	w := newTown(t, func(c *accounts.Config) { c.Sources[1].Domains = []string{"corp.example"} },
		[]legacy.User{md5Salted(t, "1", "anna", "anna@corp.example", "tulip"), md5Salted(t, "2", "bert", "bert@example.org", "daisy")},
		[]legacy.User{md5Salted(t, "7", "carl", "anna@corp.example", "orchid"), md5Salted(t, "8", "dora", "dora@example.org", "aster")})

	// An address of a claimed domain is that store's, whoever holds it elsewhere.
	if p := mustLogin(t, w.Service, "Anna@Corp.example", "orchid"); p.ID != accounts.SubjectFor("crm", "7") {
		t.Error("the address is not answered by the store that claims its domain")
	}
	// The move asks once more, for the username too; only that question goes to every store.
	if n := w.source.Lookups.Load(); n > 1 {
		t.Errorf("the other store was asked %d times", n)
	}
	// Its holder elsewhere moves without it.
	mustLogin(t, w.Service, "anna", "tulip")
	rec, ok := w.account(t, "shop", "1")
	if !ok || len(rec.Identifiers) != 1 || rec.Identifiers[0].Canonical != "anna" {
		t.Errorf("moved with %+v (%t), want the username alone", rec.Identifiers, ok)
	}
	// A store that claims domains has no other addresses, as far as we are concerned.
	mustRefuse(t, w.Service, "dora@example.org", "aster")
	mustLogin(t, w.Service, "dora", "aster")
	if rec, ok := w.account(t, "crm", "8"); !ok || len(rec.Identifiers) != 1 {
		t.Errorf("moved with %+v (%t), want the username alone", rec.Identifiers, ok)
	}
	mustLogin(t, w.Service, "bert@example.org", "daisy")
}

func TestCollisionsQuarantine(t *testing.T) {
	t.Parallel()
	w := newTown(t, nil, []legacy.User{md5Salted(t, "1", "anna", "", "tulip")}, []legacy.User{md5Salted(t, "7", "anna", "", "tulip")})
	if p := mustLogin(t, w.Service, "anna", "tulip"); p.ID != accounts.SubjectFor("shop", "1") {
		t.Error("the first store in order does not answer")
	}
	if n, err := w.store.CountAccounts(t.Context()); err != nil || n != 0 {
		t.Errorf("%d accounts (%v), want none moved", n, err)
	}
}

func TestCollisionsPreferOrder(t *testing.T) {
	t.Parallel()
	w := newTown(t, policy(accounts.CollisionsPreferOrder),
		[]legacy.User{md5Salted(t, "1", "anna", "a@example.org", "tulip")},
		[]legacy.User{md5Salted(t, "7", "anna", "b@example.org", "orchid"), md5Salted(t, "8", "ANNA", "", "aster")})
	mustRefuse(t, w.Service, "anna", "orchid")
	if p := mustLogin(t, w.Service, "b@example.org", "orchid"); p.ID != accounts.SubjectFor("crm", "7") {
		t.Error("the later store's person is not who they are by an address of their own")
	}
	// Before the first store's person has moved, and after.
	for range 2 {
		mustRefuse(t, w.Service, "anna", "orchid")
		if p := mustLogin(t, w.Service, "anna", "tulip"); p.ID != accounts.SubjectFor("shop", "1") {
			t.Error("the name is not the first store's person's")
		}
	}
	rec, ok := w.account(t, "shop", "1")
	if !ok || len(rec.Identifiers) != 2 {
		t.Errorf("the first store's person moved with %+v (%t)", rec.Identifiers, ok)
	}
	// Two people of one store who share a name stay contested, so this one has not moved.
	if _, ok := w.account(t, "crm", "7"); ok {
		t.Error("somebody moved whose name two people of their own store hold")
	}
}

func TestPreferOrderLeavesTheNameBehind(t *testing.T) {
	t.Parallel()
	w := newTown(t, policy(accounts.CollisionsPreferOrder),
		[]legacy.User{md5Salted(t, "1", "anna", "", "tulip")}, []legacy.User{md5Salted(t, "7", "anna", "b@example.org", "orchid")})
	mustLogin(t, w.Service, "b@example.org", "orchid")
	rec, ok := w.account(t, "crm", "7")
	if !ok || len(rec.Identifiers) != 1 || rec.Identifiers[0].Canonical != "b@example.org" {
		t.Errorf("moved with %+v (%t), want the address alone", rec.Identifiers, ok)
	}
	if p := mustLogin(t, w.Service, "anna", "tulip"); p.ID != accounts.SubjectFor("shop", "1") {
		t.Error("the name went to the wrong person")
	}
}

func TestCollisionsLink(t *testing.T) {
	t.Parallel()
	w := newTown(t, policy(accounts.CollisionsLink),
		[]legacy.User{md5Salted(t, "1", "anna", "a@example.org", "tulip")},
		[]legacy.User{md5Salted(t, "7", "anna", "b@example.org", "tulip")})
	// However many logins there are at once, there is one account with both links.
	var all sync.WaitGroup
	var mu sync.Mutex
	ids := map[uuid.UUID]bool{}
	for range 8 {
		all.Go(func() {
			p, err := w.Login(t.Context(), try("anna", "tulip"))
			if err != nil {
				t.Error(err)
			}
			mu.Lock()
			defer mu.Unlock()
			ids[p.ID] = true
		})
	}
	all.Wait()
	if len(ids) != 1 || !ids[accounts.SubjectFor("shop", "1")] {
		t.Errorf("%d different people were answered", len(ids))
	}
	first, ok1 := w.account(t, "shop", "1")
	second, ok2 := w.account(t, "crm", "7")
	if !ok1 || !ok2 || first.ID != second.ID || len(first.Identifiers) != 3 {
		t.Fatalf("accounts %s (%t) and %s (%t) with %d identifiers, want one with three", first.ID, ok1, second.ID, ok2, len(first.Identifiers))
	}
	if first.Link.Source != "shop" {
		t.Errorf("the account is named after %s", first.Link.Source)
	}
	for _, name := range []string{"a@example.org", "b@example.org", "anna"} {
		if p := mustLogin(t, w.Service, name, "tulip"); p.ID != first.ID {
			t.Errorf("%s is somebody else", name)
		}
	}
	events, err := w.store.Events(t.Context(), first.ID, 10)
	if err != nil || len(events) != 1 || events[0].Detail["linked:crm"] != "7" {
		t.Errorf("events are %+v (%v)", events, err)
	}
}

// An account of two people is copied again from one of them: it keeps the names of the other, and none that nobody has any more.
func TestCopyAgainOfLinked(t *testing.T) {
	t.Parallel()
	crm := md5Salted(t, "7", "anna", "b@example.org", "tulip")
	crm.Phone = "+31201234567"
	w := newTown(t, policy(accounts.CollisionsLink), []legacy.User{md5Salted(t, "1", "anna", "a@example.org", "tulip")}, []legacy.User{crm})
	mustLogin(t, w.Service, "anna", "tulip")
	w.source.Change("1", func(u *legacy.User) { u.Email = "new@example.org" })
	w.crm.Change("7", func(u *legacy.User) { u.Phone, u.Disabled = "", true })
	rec, _ := w.account(t, "shop", "1")
	drifted := *rec.Link
	drifted.Drifted = true
	event := accounts.Event{ID: newID(t), At: time.Now(), AccountID: rec.ID, Kind: accounts.EventDrifted, Actor: "test"}
	must(t, "mark", w.store.SetLink(t.Context(), *rec.Link, drifted, event), nil)
	if p := mustLogin(t, w.Service, "new@example.org", "tulip"); p.ID != rec.ID {
		t.Error("she is somebody else")
	}
	rec, _ = w.account(t, "shop", "1")
	var names []string
	for _, id := range rec.Identifiers {
		names = append(names, id.Canonical)
	}
	slices.Sort(names)
	if want := []string{"anna", "b@example.org", "new@example.org"}; !slices.Equal(names, want) || rec.Link.Drifted {
		t.Errorf("her names are %v, want %v; drifted is %v", names, want, rec.Link.Drifted)
	}
}

// Who is not proven to be the same person is not linked.
func TestLinkNeedsBothProofs(t *testing.T) {
	t.Parallel()
	disabled := md5Salted(t, "7", "anna", "b@example.org", "tulip")
	disabled.Disabled = true
	for name, other := range map[string]legacy.User{
		"another password": md5Salted(t, "7", "anna", "b@example.org", "orchid"),
		"disabled":         disabled,
	} {
		w := newTown(t, policy(accounts.CollisionsLink), []legacy.User{md5Salted(t, "1", "anna", "a@example.org", "tulip")}, []legacy.User{other})
		if p := mustLogin(t, w.Service, "anna", "tulip"); p.ID != accounts.SubjectFor("shop", "1") {
			t.Errorf("%s: somebody else was answered", name)
		}
		mustRefuse(t, w.Service, "anna", "wrong")
		if n, err := w.store.CountAccounts(t.Context()); err != nil || n != 0 {
			t.Errorf("%s: %d accounts (%v), want none moved", name, n, err)
		}
	}
}

// A store that does not answer leaves open whether the other person is the same: nothing is linked, and nobody is lost.
func TestLinkWhileOneIsChanged(t *testing.T) {
	t.Parallel()
	w := newTown(t, policy(accounts.CollisionsLink),
		[]legacy.User{md5Salted(t, "1", "anna", "", "tulip")}, []legacy.User{md5Salted(t, "7", "anna", "", "tulip")})
	calls := 0
	w.crm.OnLookup = func() {
		if calls++; calls == 2 { // the last look before the move
			w.crm.Change("7", func(u *legacy.User) { u.Password.Hash = md5hex("orchid") })
		}
	}
	mustDoubt(t, w.Service, "anna", "tulip")
	if n, err := w.store.CountAccounts(t.Context()); err != nil || n != 0 {
		t.Errorf("%d accounts (%v), want none", n, err)
	}
}

// A claim holds for every way to write the domain, and for the domain alone.
func TestDomainsAreCanonical(t *testing.T) {
	t.Parallel()
	for claim, address := range map[string]string{
		"bücher.example":        "ceo@xn--bcher-kva.example",
		"XN--BCHER-KVA.example": "ceo@bücher.example",
		"corp.example.":         "ceo@corp.example",
		"corp.example":          "ceo@CORP.example.",
	} {
		w := newTown(t, func(c *accounts.Config) { c.Sources[1].Domains = []string{claim} },
			[]legacy.User{md5Salted(t, "1", "mallory", address, "tulip")}, []legacy.User{md5Salted(t, "7", "ceo", address, "orchid")})
		mustRefuse(t, w.Service, address, "tulip")
		if p := mustLogin(t, w.Service, address, "orchid"); p.ID != accounts.SubjectFor("crm", "7") {
			t.Errorf("%s: %s is answered by the wrong store", claim, address)
		}
		// Nor is it told of somebody else who has written it into their row.
		if p, err := w.Find(t.Context(), "mallory"); err != nil || len(p.Identifiers) != 1 {
			t.Errorf("%s: mallory is %+v (%v), want the username alone", claim, p.Identifiers, err)
		}
	}
}

// What somebody of an earlier store has written into their row does not take an address from the store that claims it.
func TestPreferOrderRespectsClaims(t *testing.T) {
	t.Parallel()
	w := newTown(t, func(c *accounts.Config) {
		c.Collisions, c.Sources[1].Domains = accounts.CollisionsPreferOrder, []string{"corp.example"}
	}, []legacy.User{md5Salted(t, "1", "anna", "anna@corp.example", "tulip")}, []legacy.User{md5Salted(t, "7", "anna", "anna@corp.example", "orchid")})
	mustLogin(t, w.Service, "anna@corp.example", "orchid")
	if rec, ok := w.account(t, "crm", "7"); !ok || len(rec.Identifiers) != 1 || rec.Identifiers[0].Canonical != "anna@corp.example" {
		t.Errorf("moved with %+v (%t), want the address", rec.Identifiers, ok)
	}
}

// Who was linked has one subject from then on: sessions of the other end, and second factors of both halves count.
func TestLinkLeavesNoSecondIdentity(t *testing.T) {
	t.Parallel()
	second := md5Salted(t, "7", "Anna", "b@example.org", "tulip")
	second.Profile.TOTP = []legacy.TOTP{{Secret: []byte("shared key")}}
	second.Profile.External = []legacy.ExternalIdentity{{Provider: "google", Subject: "g"}, {Subject: "of nobody"}}
	first := md5Salted(t, "1", "Anna", "a@example.org", "tulip")
	w := newTown(t, policy(accounts.CollisionsLink), []legacy.User{first}, []legacy.User{second})
	before := mustLogin(t, w.Service, "b@example.org", "tulip") // contested: answered as who they are there
	session := accounts.Session{AccountID: before.ID, Source: before.Source, LegacyID: before.LegacyID}
	if _, err := w.Resume(t.Context(), session); err != nil {
		t.Fatal(err)
	}
	linked := mustLogin(t, w.Service, "Anna", "tulip")
	if _, err := w.Resume(t.Context(), session); !errors.Is(err, accounts.ErrCredentials) {
		t.Errorf("the other half's session: %v, want its end", err)
	}
	factors, err := w.store.Factors(t.Context(), linked.ID)
	if err != nil || len(factors) != 1 {
		t.Errorf("%d second factors (%v), want the second person's", len(factors), err)
	}
	external, err := w.store.ExternalIdentities(t.Context(), linked.ID)
	if err != nil || len(external) != 1 {
		t.Errorf("%d external identities (%v), want one", len(external), err)
	}
	for range 2 { // no account is its own namesake
		mustLogin(t, w.Service, "anna", "tulip")
	}
	rec, err := w.store.ByID(t.Context(), linked.ID)
	for _, id := range rec.Identifiers {
		if err != nil || id.Contested {
			t.Errorf("%s is contested (%v)", id.Spelling, err)
		}
	}
}

// While one of them cannot be asked, nobody is answered: it may be one person, and would get a subject of its own.
func TestLinkInDoubt(t *testing.T) {
	t.Parallel()
	w, d := newDirectory(t, "")
	shop := legacytest.NewMemory(md5Salted(t, "1", "anna", "", "tulip"))
	w.Service = w.serve(t, func(c *accounts.Config) {
		c.Collisions = accounts.CollisionsLink
		c.Sources = []accounts.Source{{Name: "shop", Source: shop}, {Name: "ldap", Source: d}}
	})
	d.err = errors.New("busy")
	mustDoubt(t, w.Service, "anna", "tulip")
	d.err = nil
	mustLogin(t, w.Service, "anna", "tulip")
	if _, err := w.store.ByLink(t.Context(), "ldap", "7"); err != nil {
		t.Errorf("not linked: %v", err)
	}
}
