package pass_test

import (
	"context"
	"slices"
	"strconv"
	"testing"
	"time"

	"rekey/accounts"
	"rekey/legacy"
	"rekey/sweeper/pass"
)

// An account that is not what was copied is found by the pass, with what differs; a repair leads to a clean pass.
func TestCompareFindsDamage(t *testing.T) {
	t.Parallel()
	w := compared(t, 12)
	ctx := t.Context()
	for _, id := range []string{"1003", "1007"} {
		rec, err := w.store.ByLink(ctx, "shop", id)
		if err != nil {
			t.Fatal(err)
		}
		rec.Identifiers[0].Canonical, rec.Identifiers[0].Spelling = "evil"+id, "evil"+id
		if err := w.store.Recopy(ctx, rec, rec.Credential.Version, accounts.Event{ID: rec.ID, AccountID: rec.ID, Kind: accounts.EventCopied}); err != nil {
			t.Fatal(err)
		}
	}
	v, _, err := w.begin(ctx, func(c *pass.CompareConfig) { c.Repair = true })
	if err != nil {
		t.Fatal(err)
	}
	counts(t, v, map[accounts.Verdict]int{accounts.VerdictEqual: 10, accounts.VerdictDifferent: 2})
	got := v.Found.Sources[0]
	if of := got.Aspects[accounts.AspectNames]; got.Marked != 2 || of.People != 2 || !slices.Equal(of.Examples, []string{"1003", "1007"}) {
		t.Errorf("%+v", got)
	}
	if err := w.copy(ctx); err != nil {
		t.Fatal(err)
	}
	if v, _, err = w.begin(ctx, nil); err != nil || len(v.Found.Sources[0].Aspects) != 0 {
		t.Fatalf("%+v, %v", v.Found, err)
	}
	counts(t, v, map[accounts.Verdict]int{accounts.VerdictEqual: 12})
}

// Of two records under one key one has no account, whichever it is, and wherever a batch ends.
func TestCompareTwins(t *testing.T) {
	t.Parallel()
	w := compared(t, 12)
	service := w.serviceOver(t, doubled{w.shop})
	for _, rate := range []int{0, 1} { // of all of them, and of ten
		v, err := pass.Compare(t.Context(), pass.CompareConfig{
			Service: service, Sources: []string{"shop"}, By: because, Rate: rate, Wait: func(ctx context.Context, _ time.Duration) error { return ctx.Err() },
		})
		if err != nil {
			t.Fatal(err)
		}
		counts(t, v, map[accounts.Verdict]int{accounts.VerdictEqual: 12, accounts.VerdictUnreadable: 1})
		if of := v.Found.Sources[0].Aspects[accounts.AspectKey]; of.People != 1 || !slices.Equal(of.Examples, []string{"1009"}) {
			t.Errorf("%+v", v.Found)
		}
	}
}

// A doubled is a shop that has a second record under one key.
type doubled struct{ *shop }

func (d doubled) List(ctx context.Context, after string, limit int) ([]legacy.User, error) {
	users, err := d.shop.List(ctx, after, limit)
	if i := slices.IndexFunc(users, func(u legacy.User) bool { return u.ID == strconv.Itoa(1009) }); i >= 0 {
		twin := users[i]
		twin.Username = "twin"
		users = slices.Insert(users, i+1, twin)
	}
	return users, err
}
