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
		counts(t, v, map[accounts.Verdict]int{accounts.VerdictEqual: 11, accounts.VerdictUnreadable: 2})
		if of := v.Found.Sources[0].Aspects[accounts.AspectKey]; of.People != 2 || !slices.Equal(of.Examples, []string{"1009", "1009"}) {
			t.Errorf("%+v", v.Found)
		}
	}
}

// Whom staff have skipped in quarantine is let be, and so is whose difference is accepted: twins too, both of them, until one is
// another.
func TestCompareTwinsThatAreLetBe(t *testing.T) {
	t.Parallel()
	w := compared(t, 12)
	w.shop.Put(legacy.User{ID: "1012", Username: "user12", Password: &legacy.Stored{Scheme: "plaintext", Hash: "secret12"}})
	w.shop.people = 13
	for _, test := range []struct{ id, way string }{{"1012", "skipped"}, {"1009", "ignored"}} {
		twins := &doubledAt{w.shop, test.id, "twin"}
		service := w.serviceOver(t, twins)
		compare := func(want accounts.Verdict) {
			t.Helper()
			v, err := pass.Compare(t.Context(), pass.CompareConfig{Service: service, Sources: []string{"shop"}, By: because, Repair: true})
			if err != nil || v.Found.Sources[0].Counts[want] != 2 || v.Found.Sources[0].Marked != 0 {
				t.Errorf("%s, %s: %+v, %v; want both %s", test.id, test.way, v.Found, err, want)
			}
			js, err := service.CompareIDs(t.Context(), "shop", []string{test.id})
			if err != nil || js[0].Verdict != want {
				t.Errorf("%s, %s: those who have changed: %q, %v", test.id, test.way, js, err)
			}
		}
		if test.way == "skipped" {
			no := accounts.Unmoved{LegacyKey: accounts.LegacyKey{Source: "shop", LegacyID: test.id}, Class: accounts.NoteMapping, Reason: "several"}
			if _, err := service.NoteRefused(t.Context(), []accounts.Unmoved{no}, because); err != nil {
				t.Fatal(err)
			}
			compare(accounts.VerdictUnreadable)
			if skipped, err := service.SkipQuarantined(t.Context(), no.LegacyKey, because); !skipped || err != nil {
				t.Fatalf("skipped: %t (%v)", skipped, err)
			}
			compare(accounts.VerdictIgnored)
			continue
		}
		compare(accounts.VerdictUnreadable)
		if got, err := service.IgnoreDifference(t.Context(), "shop", test.id, because); got != accounts.VerdictUnreadable || err != nil {
			t.Errorf("ignored: %q, %v", got, err)
		}
		compare(accounts.VerdictIgnored)
		twins.name = "another"
		compare(accounts.VerdictUnreadable)
	}
}

// A doubledAt is a shop that has a second record under one key, and shows both to who asks for many, and the second to who asks for
// one.
type doubledAt struct {
	*shop
	id, name string
}

func (d *doubledAt) twin(users []legacy.User) []legacy.User {
	if i := slices.IndexFunc(users, func(u legacy.User) bool { return u.ID == d.id }); i >= 0 {
		twin := users[i]
		twin.Username = d.name
		users = slices.Insert(users, i+1, twin)
	}
	return users
}

func (d *doubledAt) List(ctx context.Context, after string, limit int) ([]legacy.User, error) {
	users, err := d.shop.List(ctx, after, limit)
	return d.twin(users), err
}

func (d *doubledAt) Get(ctx context.Context, id string) (legacy.User, error) {
	user, err := d.shop.Get(ctx, id)
	if id == d.id {
		user.Username = d.name
	}
	return user, err
}

func (d *doubledAt) GetMany(ctx context.Context, ids []string) ([]legacy.User, error) {
	users, err := legacy.GetMany(ctx, struct{ legacy.Getter }{d.shop}, ids)
	return d.twin(users), err
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
