package accounts_test

import (
	"errors"
	"testing"

	"rekey/accounts"
	"rekey/legacy"
)

func TestFind(t *testing.T) {
	t.Parallel()
	gone := md5Salted(t, "3", "carl", "", "aster")
	gone.Disabled = true
	w := newWorld(t, md5Salted(t, "1", "anna", "anna@example.org", "tulip"), md5Salted(t, "2", "Bert", "", "daisy"),
		md5Salted(t, "4", "bert", "", "orchid"), gone)
	find := func(name, id string) {
		t.Helper()
		p, err := w.Find(t.Context(), name)
		switch {
		case id == "" && !errors.Is(err, accounts.ErrCredentials):
			t.Errorf("%s: %v, want nobody", name, err)
		case id != "" && (err != nil || p.ID != accounts.SubjectFor("shop", id)):
			t.Errorf("%s: %s, %v, want person %s", name, p.ID, err, id)
		}
	}
	for range 2 { // before anna has moved, and after
		find("anna", "1")
		find("ANNA@example.org", "1")
		find("Bert", "") // the exact spelling would say which, and whoever asks may not tell spellings apart
		find("bert", "")
		find("BERT", "")
		find("carl", "")
		find("nobody", "")
		mustLogin(t, w.Service, "anna", "tulip")
	}
	var invalid *accounts.InvalidError
	if _, err := w.Find(t.Context(), ""); !errors.As(err, &invalid) {
		t.Errorf("no name: %v", err)
	}
	var doubt *accounts.UnavailableError
	w.source.SetDown(errors.New("down"))
	if _, err := w.Find(t.Context(), "Bert"); !errors.As(err, &doubt) {
		t.Errorf("while the legacy store is down: %v", err)
	}
	find("anna", "1")
	w.source.SetDown(legacy.ErrTooMany)
	find("Bert", "")
	w.store.down.Store(true)
	if _, err := w.Find(t.Context(), "anna"); !errors.As(err, &doubt) {
		t.Errorf("while the new store is down: %v", err)
	}
}

// Who they are is told as the legacy store says it at the end of the question, or not at all.
func TestFindWhoChangesMeanwhile(t *testing.T) {
	t.Parallel()
	w := newWorld(t, md5Salted(t, "7", "anna", "anna@example.org", "tulip"))
	calls := 0
	w.source.OnLookup = func() {
		if calls++; calls == 2 { // the one for her identifiers
			w.source.Change("7", func(u *legacy.User) { u.Email = "anne@example.org" })
		}
	}
	var doubt *accounts.UnavailableError
	if p, err := w.Find(t.Context(), "anna"); !errors.As(err, &doubt) {
		t.Errorf("%v, %v, want that it cannot be told", p, err)
	}
	p, err := w.Find(t.Context(), "anna")
	if err != nil || len(p.Identifiers) != 2 || p.Identifiers[0].Canonical != "anne@example.org" {
		t.Errorf("asked again: %v, %v", p, err)
	}
}
