package accounts_test

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"

	"rekey/accounts"
	"rekey/accounts/password"
	"rekey/legacy"
	"rekey/legacy/legacytest"
)

// A directory is an old store that does not show its hashes.
type directory struct {
	*legacytest.Memory
	passwords map[string]string // by id
	asked     atomic.Int64
	err       error
}

func (d *directory) Verify(_ context.Context, u legacy.User, typed []byte) error {
	d.asked.Add(1)
	switch {
	case d.err != nil:
		return d.err
	case strings.TrimSpace(string(typed)) != d.passwords[u.ID]:
		return legacy.ErrWrongPassword
	}
	return nil
}

func newDirectory(t *testing.T, fold password.Fold) (*world, *directory) {
	t.Helper()
	d := &directory{
		Memory:    legacytest.NewMemory(legacy.User{ID: "7", Username: "anna", Email: "anna@example.org"}),
		passwords: map[string]string{"7": "tulip"},
	}
	w := newWorld(t)
	w.Service = w.serve(t, func(c *accounts.Config) { c.Sources = []accounts.Source{{Name: "ldap", Source: d, Fold: fold}} })
	return w, d
}

// Somebody whose store only verifies is moved with what was typed, and the store is not asked again.
func TestVerifyOnlySource(t *testing.T) {
	t.Parallel()
	w, d := newDirectory(t, password.FoldNone)
	mustRefuse(t, w.Service, "anna", "wrong")
	d.err = errors.New("operations error")
	mustDoubt(t, w.Service, "anna", "tulip")
	d.err = legacy.ErrNoUser // gone between the two questions
	mustRefuse(t, w.Service, "anna", "tulip")
	d.err = nil

	person := mustLogin(t, w.Service, "anna", "tulip")
	rec, err := w.store.ByID(t.Context(), person.ID)
	if err != nil || rec.Credential.Scheme != accounts.SchemeArgon2id || rec.Link.Source != "ldap" {
		t.Fatalf("not moved: %v", err)
	}
	asked := d.asked.Load()
	mustLogin(t, w.Service, "anna@example.org", "tulip")
	mustRefuse(t, w.Service, "anna", "wrong")
	mustRefuse(t, w.Service, "anna", " tulip ") // the directory would have taken it; here what was typed counts
	if n := d.asked.Load() - asked; n != 0 {
		t.Errorf("the directory was asked %d times after the move", n)
	}
}

// With a declared fold it is the folded password that was proven, for good.
func TestVerifyOnlySourceThatFolds(t *testing.T) {
	t.Parallel()
	w, d := newDirectory(t, password.FoldTrim)
	d.passwords["7"] = "tulip"
	mustLogin(t, w.Service, "anna", " tulip")
	mustLogin(t, w.Service, "anna", "tulip ")
	mustRefuse(t, w.Service, "anna", "tulips")

	// What folds to nothing is nobody's password, whatever the directory says.
	w, d = newDirectory(t, password.FoldTrim)
	d.passwords["7"] = ""
	mustRefuse(t, w.Service, "anna", "   ")
}

func TestUnknownFold(t *testing.T) {
	t.Parallel()
	_, err := accounts.New(accounts.Config{Key: testKey(t), Sources: []accounts.Source{{Name: "ldap", Fold: "rot13"}}})
	if err == nil || !strings.Contains(err.Error(), "ldap") {
		t.Errorf("got %v, want an error that names the source", err)
	}
}
