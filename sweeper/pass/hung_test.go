package pass_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"rekey/accounts"
	"rekey/legacy"
	"rekey/sweeper/pass"
)

// Whose record can never be looked up is suspended by themselves, with the reason, and everybody else is compared, on both ways, with
// records besides that cannot be read, and however many claims it takes.
func TestCompareSuspendsOneRecord(t *testing.T) {
	t.Parallel()
	for name, unreadable := range map[string]bool{"alone": false, "beside an unreadable one": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := compared(t, 12)
			hung := &hanging{shop: w.shop, id: "1007"}
			service := w.serviceOver(t, hung)
			w.shop.Change("1003", func(u *legacy.User) { u.Email = "new@example.org" })
			w.shop.Change("1007", func(u *legacy.User) { u.Email = "newer@example.org" })
			if unreadable {
				w.shop.unreadable = map[string]bool{"1012": true}
				w.shop.Put(legacy.User{ID: "1012", Username: "nobody can be moved to this"})
				w.shop.people = 13
			}
			v, notices, err := w.begin(t.Context(), func(c *pass.CompareConfig) { c.Service, c.Workers, c.Page = service, 1, 20 })
			if err != nil {
				t.Fatal(err)
			}
			found := v.Found.Sources[0]
			// They are met on the way back too.
			if found.Counts[accounts.VerdictSuspended] != 2 || !slices.Equal(found.Examples[accounts.VerdictSuspended], []string{"1007", "1007"}) {
				t.Errorf("%+v", found)
			}
			if found.Counts[accounts.VerdictEqual] != 10 || found.Counts[accounts.VerdictDifferent] != 1 || v.Found.Clean() {
				t.Errorf("%+v", found)
			}
			if !slices.ContainsFunc(notices, func(n string) bool {
				return strings.Contains(n, "1007 is suspended") && strings.Contains(n, "lock wait")
			}) {
				t.Errorf("%q", notices)
			}
		})
	}
}

// A hanging shop does not answer for one person by their key.
type hanging struct {
	*shop
	id string
}

func (h *hanging) Get(ctx context.Context, id string) (legacy.User, error) {
	if id == h.id {
		return legacy.User{}, errors.New("lock wait timeout")
	}
	return h.shop.Get(ctx, id)
}
