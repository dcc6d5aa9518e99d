package accounts_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"rekey/accounts"
	"rekey/accounts/phase"
	"rekey/legacy"
	"rekey/legacy/legacytest"
)

// find searches, and returns whom it has found as source/id or by name, and what was not searched.
func find(t *testing.T, s *accounts.Service, q string) (people, problems []string, f accounts.Finding) {
	t.Helper()
	f, err := s.Search(t.Context(), q)
	if err != nil {
		t.Fatalf("search %q: %v", q, err)
	}
	for _, p := range f.People {
		who := "here"
		if p.Source != "" {
			who = p.Source + "/" + p.LegacyID
		}
		people = append(people, fmt.Sprintf("%s %s %s", who, p.Where, p.State))
	}
	for _, p := range f.Problems {
		problems = append(problems, p.Source+" "+string(p.Problem))
	}
	return people, problems, f
}

// closed is an old store that answers for whole names alone.
type closed struct{ legacy.Source }

// Both stores are searched at once, by whatever a person may be called; a store that does not answer is named beside what the
// others have.
func TestSearch(t *testing.T) {
	t.Parallel()
	w := newWorld(t, salted(t, "7", "anna", "tulip"), salted(t, "8", "Hanna", "rose"), plain("4711", "bert", "daisy"))
	forum := legacytest.NewMemory(plain("4711", "zoe", "daisy"), legacy.User{ID: "12", Username: "joanna", Email: "jo@example.net", Password: &legacy.Stored{Scheme: "plaintext", Hash: "y"}})
	ldap := legacytest.NewMemory(plain("u1", "susanna", "x"))
	s := w.serve(t, func(c *accounts.Config) {
		c.Sources = []accounts.Source{{Name: "shop", Source: w.source}, {Name: "forum", Source: forum}, {Name: "ldap", Source: closed{ldap}}}
	})
	mustLogin(t, s, "anna", "tulip")
	mustLogin(t, s, "jo@example.net", "y")
	w.source.Remove("8")
	w.source.Put(salted(t, "8", "Hanna", "rose"))
	byID, byPart := "ldap not-searched-by-id", "ldap not-searched-by-part"
	for q, want := range map[string]struct{ people, problems []string }{
		"anna":             {[]string{"forum/12 both moved", "shop/7 both moved", "shop/8 legacy will-move"}, []string{byID, byPart}},
		"  ANNA@Example. ": {[]string{"shop/7 both moved", "shop/8 legacy will-move"}, []string{byID, byPart}},
		"nna@example.org":  {[]string{"shop/7 both moved", "shop/8 legacy will-move"}, []string{byID, byPart}},
		"susanna":          {[]string{"ldap/u1 legacy verify-only"}, []string{byID, byPart}},
		"4711":             {[]string{"forum/4711 legacy will-move", "shop/4711 legacy will-move"}, []string{byID, byPart}},
		"shop/4711":        {[]string{"shop/4711 legacy will-move"}, []string{byPart}},
		anna.String():      {[]string{"shop/7 both moved"}, []string{byID, byPart}},
		"7":                {[]string{"shop/7 both moved"}, []string{byID}}, // too short for a part
		"an":               {nil, []string{byID}},
		"nobody":           {nil, []string{byID, byPart}},
		"%nna":             {nil, []string{byID, byPart}},
	} {
		people, problems, f := find(t, s, q)
		if !slices.Equal(people, want.people) || !slices.Equal(problems, want.problems) || f.More {
			t.Errorf("search %q: %v, %v; want %v, %v", q, people, problems, want.people, want.problems)
		}
	}
	_, _, f := find(t, s, "shop/7")
	if p := f.People[0]; p.AccountID != anna || len(p.Identifiers) != 2 || !strings.Contains(p.Why, "moved by login") {
		t.Errorf("found: %+v", p)
	}

	w.source.SetDown(errDown)
	people, problems, _ := find(t, s, "anna")
	if want := []string{"forum/12 both moved", "shop/7 here moved"}; !slices.Equal(people, want) {
		t.Errorf("while the shop is down: %v, want %v", people, want)
	}
	if !slices.Contains(problems, "shop not-answered") || slices.Contains(problems, "shop not-searched-to-the-end") {
		t.Errorf("while the shop is down: %v; that it does not answer is all that there is to say of it", problems)
	}
	for q := range map[string]bool{"": true, "  ": true, strings.Repeat("a", 400): true, "a\x00b": true, "\xff": true} {
		if _, err := s.Search(t.Context(), q); !isInvalid(err, "q") {
			t.Errorf("search %.20q: %v", q, err)
		}
	}
	w.store.down.Store(true)
	if _, err := s.Search(t.Context(), "anna"); !isUnavailable(err) {
		t.Errorf("with the store down: %v", err)
	}
}

// There is a bound, and it is told.
func TestSearchBound(t *testing.T) {
	t.Parallel()
	var users []legacy.User
	for i := range accounts.MaxFound + 5 {
		users = append(users, plain(fmt.Sprint(i+1), fmt.Sprintf("person%d", i), "x"))
	}
	w := newWorld(t, users...)
	people, _, f := find(t, w.Service, "person")
	if len(people) != accounts.MaxFound || !f.More {
		t.Errorf("%d people, more %t", len(people), f.More)
	}
}

// Who was deleted here is found by what the old shop still has, and told to stay deleted; who shares a name is found with the others.
func TestSearchDeletedAndContested(t *testing.T) {
	t.Parallel()
	v := newVillage(t, phase.Lazy, accounts.CopyBackNone, salted(t, "7", "anna", "tulip"), salted(t, "8", "bert", "rose"), plain("9", "Bert", "daisy"))
	v.hear(t)
	mustErase(t, v.Service, "anna", true)
	people, _, _ := find(t, v.Service, "anna")
	if want := []string{"shop/7 legacy deleted"}; !slices.Equal(people, want) {
		t.Errorf("deleted: %v, want %v", people, want)
	}
	told(t, v.Service, "anna", accounts.StateDeleted, "stays deleted")
	people, _, f := find(t, v.Service, "bert")
	if want := []string{"shop/8 legacy quarantined", "shop/9 legacy quarantined"}; !slices.Equal(people, want) || !strings.Contains(f.People[0].Why, "the user name collides with shop/9") {
		t.Errorf("contested: %v, want %v: %+v", people, want, f.People)
	}
	if _, err := v.View(t.Context(), "bert"); !errors.Is(err, accounts.ErrContestedPerson) {
		t.Errorf("one of two: %v", err)
	}
	view := told(t, v.Service, "shop/9", accounts.StateQuarantined, "the user name collides with shop/8")
	if len(view.Also) != 0 {
		t.Errorf("whom no login moves is told that one will: %+v", view.Also)
	}
}

// Past the old shop nobody asks it.
func TestSearchInNewOnly(t *testing.T) {
	t.Parallel()
	v, _ := watching(t, accounts.CopyBackNone)
	v.move(t, phase.NewOnly)
	v.source.SetDown(errDown)
	people, problems, _ := find(t, v.Service, "example.org")
	if !slices.Equal(people, []string{"shop/7 here moved"}) || !slices.Equal(problems, []string{"shop not-asked-any-more"}) {
		t.Errorf("%v, %v", people, problems)
	}
	if _, err := v.View(t.Context(), "bert"); !errors.Is(err, accounts.ErrNotFound) {
		t.Errorf("of somebody who was given up: %v", err)
	}
}
