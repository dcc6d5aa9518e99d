package pass_test

import (
	"context"
	"strconv"
	"strings"
	"testing"
	"time"

	"rekey/accounts"
	"rekey/accounts/password"
	"rekey/legacy"
	"rekey/sweeper/pass"
)

// marked counts whose link is marked.
func (w *world) marked(t *testing.T) (n int) {
	t.Helper()
	ids, err := w.store.MarkedIDs(t.Context(), "shop", "", 1000)
	if err != nil {
		t.Fatal(err)
	}
	return len(ids)
}

// repass gives people of the shop another password each.
func (w *world) repass(from, to int) {
	for i := from; i < to; i++ {
		w.shop.Change(strconv.Itoa(1000+i), func(u *legacy.User) { u.Password = &legacy.Stored{Scheme: "plaintext", Hash: "other" + u.ID} })
	}
}

// A repair over another table, or one that was emptied, locks nobody out.
func TestRepairStops(t *testing.T) {
	t.Parallel()
	none := func(*pass.CompareConfig) {}
	for name, test := range map[string]struct {
		change func(*world)
		how    func(*pass.CompareConfig)
		most   int // marked
		stops  bool
	}{
		"another table":             {func(w *world) { w.repass(0, 40) }, none, 0, true},
		"another table, one worker": {func(w *world) { w.repass(0, 40) }, func(c *pass.CompareConfig) { c.Workers = 1 }, 0, true},
		"another table, one by one": {func(w *world) { w.repass(0, 40) }, func(c *pass.CompareConfig) { c.Workers, c.Rate, c.Page = 1, 1, 100 }, 0, true},
		"at its end":                {func(w *world) { w.repass(35, 40) }, func(c *pass.CompareConfig) { c.Workers = 1 }, 0, true},
		"a few of each batch": {func(w *world) {
			for _, from := range []int{0, 10, 20} {
				w.repass(from, from+3)
			}
		}, func(c *pass.CompareConfig) { c.Workers, c.Rate, c.Page = 1, 1, 100 }, 3, true},
		"emptied": {func(w *world) {
			for i := range 40 {
				w.shop.Remove(strconv.Itoa(1000 + i))
			}
		}, none, 0, false},
		"a few": {func(w *world) { w.repass(0, 3) }, none, 3, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := compared(t, 40)
			test.change(w)
			_, _, err := w.begin(t.Context(), func(c *pass.CompareConfig) {
				c.Repair, c.Wait = true, noWait
				test.how(c)
			})
			if stopped := err != nil && strings.Contains(err.Error(), "most_changed"); stopped != test.stops || err != nil && !stopped {
				t.Errorf("stopped: %v", err)
			}
			if n := w.marked(t); n != test.most {
				t.Errorf("%d are marked, want %d", n, test.most)
			}
			if _, err := w.Login(t.Context(), attempt("user39", "secret39")); name != "a few" && err != nil {
				t.Errorf("the password that is here: %v", err)
			}
		})
	}
}

func noWait(ctx context.Context, _ time.Duration) error { return ctx.Err() }

func attempt(name, pw string) accounts.Attempt {
	return accounts.Attempt{Identifier: name, Password: password.NewSecret([]byte(pw))}
}

// Batches of a few each stop where all of a chunk together are too many; and whoever says that it is as it should be goes on.
func TestRepairStopsWithinAChunk(t *testing.T) {
	t.Parallel()
	w := compared(t, 40)
	w.repass(0, 12)
	small := func(c *pass.CompareConfig) { c.Repair, c.Wait, c.Workers, c.Rate, c.Page = true, noWait, 1, 1, 100 }
	service := w.Service
	if _, _, err := w.begin(t.Context(), small); err == nil {
		t.Fatal("it went on")
	}
	w.Service = w.serviceOver(t, w.shop, func(s *accounts.Source) { s.Watch.MostChanged = 100 })
	v, _, err := w.begin(t.Context(), small)
	if err != nil || v.Found.Sources[0].Marked != 12 || w.marked(t) != 12 {
		t.Errorf("%+v, %v, %d are marked", v.Found, err, w.marked(t))
	}
	// Who is marked already is none of those who are too many.
	w.Service = service
	if _, _, err = w.begin(t.Context(), small); err != nil {
		t.Error(err)
	}
}

// So does that of those who have changed, of all who are here.
func TestDeltaRepairStops(t *testing.T) {
	t.Parallel()
	w := compared(t, 40)
	if _, _, err := w.begin(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	delta := func() (accounts.Validation, error) {
		return pass.CompareChanged(t.Context(), pass.CompareConfig{Service: w.serviceOver(t, w.shop), Sources: []string{"shop"}, By: because, Repair: true})
	}
	w.repass(0, 4)
	if v, err := delta(); err != nil || v.Found.Sources[0].Marked != 4 {
		t.Errorf("%+v, %v", v.Found, err)
	}
	w.repass(10, 20)
	if _, err := delta(); err == nil || !strings.Contains(err.Error(), "10 of 40") || w.marked(t) != 4 {
		t.Errorf("%v, %d are marked", err, w.marked(t))
	}
}
