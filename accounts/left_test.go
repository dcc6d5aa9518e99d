package accounts_test

import (
	"context"
	"slices"
	"testing"

	"rekey/accounts"
	"rekey/legacy"
	"rekey/legacy/legacytest"
)

// listed lists its people.
type listed struct {
	*legacytest.Memory
	people []legacy.User
}

func (l listed) List(_ context.Context, after string, limit int) ([]legacy.User, error) {
	users := slices.DeleteFunc(slices.Clone(l.people), func(u legacy.User) bool { return u.ID <= after })
	return users[:min(limit, len(users))], nil
}

// A key that no database can keep is of somebody of whom nothing is here, and stops nobody from being looked for.
func TestWalkLeftUnstorable(t *testing.T) {
	t.Parallel()
	people := []legacy.User{md5Salted(t, "1", "anna", "", "tulip"), md5Salted(t, "a\x00b", "bert", "", "rose")}
	w := newWorld(t, people...)
	s := w.serve(t, func(c *accounts.Config) {
		c.Sources[0].Source = listed{w.source, people}
	})
	mustMigrate(t, s, swept("1"), accounts.OutcomeMoved)
	left := map[string]bool{}
	err := s.WalkLeft(t.Context(), "shop", 10, func(user legacy.User, is bool) error { left[user.ID] = is; return nil }, nil)
	must(t, "WalkLeft", err, nil)
	if len(left) != 2 || left["1"] || !left["a\x00b"] {
		t.Errorf("left: %v", left)
	}
}
