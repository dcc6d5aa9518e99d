package accounts_test

import (
	"errors"
	"testing"

	"rekey/accounts"
	"rekey/accounts/phase"
	"rekey/legacy"
)

// mustBar disables or enables somebody as staff.
func mustBar(t *testing.T, s *accounts.Service, ref string, disabled bool, changed, moved bool) {
	t.Helper()
	b, err := s.DisableBy(t.Context(), ref, disabled, false, because)
	if err != nil || b.Changed != changed || b.Moved != moved {
		t.Fatalf("disable %q (%t): %+v, %v; want changed %t, moved %t", ref, disabled, b, err, changed, moved)
	}
}

// Who is only in the old store is disabled too, and that store's word does not count.
func TestDisableBy(t *testing.T) {
	t.Parallel()
	w := newWorld(t, md5Salted(t, "1", "anna", "", "tulip"), md5Salted(t, "2", "bert", "", "rose"))
	mustLogin(t, w.Service, "bert", "rose")
	dry, err := w.DisableBy(t.Context(), "anna", true, true, because)
	must(t, "dry run", err, nil)
	if !dry.Changed || !dry.Moved {
		t.Errorf("%+v", dry)
	}
	if _, err := w.store.ByID(t.Context(), accounts.SubjectFor("shop", "1")); !errors.Is(err, accounts.ErrNotFound) {
		t.Errorf("a dry run has moved her: %v", err)
	}
	mustBar(t, w.Service, "anna", false, false, false) // she may log in, wherever she is
	mustBar(t, w.Service, "anna", true, true, true)
	mustRefuse(t, w.Service, "anna", "tulip")
	mustBar(t, w.Service, "shop/1", true, false, false)
	mustBar(t, w.Service, "anna", false, true, false)
	mustLogin(t, w.Service, "anna", "tulip")
	mustBar(t, w.Service, "bert", true, true, false)
	mustRefuse(t, w.Service, "bert", "rose")
	_, err = w.DisableBy(t.Context(), "carl", true, false, because)
	must(t, "nobody", err, accounts.ErrNotFound)
}

// A hash of which nobody can make anything keeps nobody from being disabled or deleted; a name that is another's too does.
func TestDisableByWithoutPassword(t *testing.T) {
	t.Parallel()
	broken := func(id, name string) legacy.User {
		u := md5Salted(t, id, name, name+"@example.org", "tulip")
		u.Password.Scheme, u.Password.Hash = "auto", "!"
		return u
	}
	w := newWorld(t, broken("1", "anna"), broken("2", "bert"), md5Salted(t, "3", "Carl", "", "tulip"), md5Salted(t, "4", "carl", "", "tulip"))
	mustBar(t, w.Service, "anna", true, true, true)
	mustErase(t, w.Service, "bert", true)
	_, err := w.DisableBy(t.Context(), "shop/3", true, false, because)
	if no, ok := errors.AsType[*accounts.UnmovableError](err); !ok || no.Class != accounts.NoteContested {
		t.Errorf("a name of two: %v", err)
	}
}

// Where nobody is here, it is the old store's to do.
func TestDisableByInLegacyOnly(t *testing.T) {
	t.Parallel()
	v := newVillage(t, phase.DualWrite, accounts.CopyBackFull, salted(t, "7", "anna", "tulip"))
	_, err := v.DisableBy(t.Context(), "anna", true, false, because)
	must(t, "in legacy-only", err, accounts.ErrNothingMoves)
	v.move(t, phase.Shadow)
	mustBar(t, v.Service, "anna", true, true, true)
	mustRefuse(t, v.Service, "anna", "tulip")
}
