package named_test

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"rekey/accounts"
	"rekey/accounts/masterkey"
	"rekey/accounts/password"
	"rekey/accounts/phase"
	"rekey/accounts/sqlstore"
	"rekey/accounts/sqlstore/sqlstoretest"
	"rekey/legacy"
	"rekey/legacy/hash"
	"rekey/legacy/legacytest"
	"rekey/sweeper/named"
)

var because = accounts.By{Actor: "cli:test", Reason: "the spring list"}

// A world is a service over a real store and an old shop, whose people are 0, 1 and so on.
type world struct {
	*accounts.Service
	store *sqlstore.Store
	shop  *legacytest.Memory
}

func newWorld(t *testing.T, people int, change func(*accounts.Config)) *world {
	t.Helper()
	users := make([]legacy.User, people)
	for i := range users {
		users[i] = legacy.User{
			ID: strconv.Itoa(i), Username: fmt.Sprintf("user%d", i), Password: &legacy.Stored{Scheme: "plaintext", Hash: fmt.Sprintf("secret%d", i)},
		}
	}
	store, err := sqlstore.Open(t.Context(), sqlstoretest.SQLite(t), sqlstore.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = store.Close() }) // nothing is lost with a temporary folder
	key, err := masterkey.Parse([]byte(strings.Repeat("42", 32)))
	if err != nil {
		t.Fatal(err)
	}
	w := &world{store: store, shop: legacytest.NewMemory(users...)}
	c := accounts.Config{
		Store: store, Sources: []accounts.Source{{Name: "shop", Source: w.shop}}, Hashes: hash.New(hash.Config{}),
		Hasher:  password.Hasher{Policy: password.Policy{MemoryKiB: 64, Time: 1, Lanes: 1}},
		Permits: password.NewPool(password.PoolConfig{Permits: 4}), Key: key,
	}
	if change != nil {
		change(&c)
	}
	if w.Service, err = accounts.New(c); err != nil {
		t.Fatal(err)
	}
	return w
}

func list(refs ...string) []named.Person {
	var people []named.Person
	for i, ref := range refs {
		p := named.Person{Line: i + 1, Ref: ref}
		if id, ok := strings.CutPrefix(ref, "key "); ok {
			p = named.Person{Line: i + 1, Key: accounts.LegacyKey{Source: "shop", LegacyID: id}}
		}
		people = append(people, p)
	}
	return people
}

// run returns "line outcome class" of each.
func (w *world) run(ctx context.Context, c named.Config) ([]string, error) {
	c.Service, c.By = w.Service, because
	if c.Wait == nil {
		c.Wait = func(context.Context, time.Duration) error { return nil }
	}
	results, err := named.Run(ctx, c)
	var said []string
	for _, r := range results {
		said = append(said, strings.TrimSpace(fmt.Sprint(r.Line, " ", r.Outcome, " ", r.Class)))
	}
	return said, err
}

func (w *world) mustRun(t *testing.T, c named.Config, want ...string) {
	t.Helper()
	got, err := w.run(t.Context(), c)
	if err != nil || strings.Join(got, ", ") != strings.Join(want, ", ") {
		t.Errorf("%q (%v), want %q", got, err, want)
	}
}

func (w *world) counts(t *testing.T, people, quarantined int64) {
	t.Helper()
	n, err := w.store.CountAccounts(t.Context())
	if err != nil || n != people {
		t.Errorf("%d accounts (%v), want %d", n, err, people)
	}
	rows, err := w.Quarantine(t.Context(), accounts.QuarantineQuery{Limit: 1000})
	if err != nil || int64(len(rows)) != quarantined {
		t.Errorf("%d in quarantine (%v), want %d", len(rows), err, quarantined)
	}
}

// Each of a list has a result, in its order; whoever cannot be moved is in quarantine; again nothing changes.
func TestRun(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 30, nil)
	w.shop.Change("1", func(u *legacy.User) { u.Password = nil })
	w.shop.Change("3", func(u *legacy.User) { u.Username = "USER4" }) // another's name
	people := list("user0", "user1", "key 2", "user4", "key 3", "key nobody", "nobody", "USER0")
	want := []string{"1 moved", "2 refused unusable-hash", "3 moved", "4 refused contested", "5 refused contested", "6 gone gone", "7 not-found", "8 unchanged"}
	dry := append(want[:7:7], "8 moved")
	w.mustRun(t, named.Config{People: people, DryRun: true}, dry...)
	w.counts(t, 0, 0)
	w.mustRun(t, named.Config{People: people}, want...)
	w.counts(t, 2, 2)
	want[0], want[2] = "1 unchanged", "3 unchanged"
	w.mustRun(t, named.Config{People: people}, want...)
	w.counts(t, 2, 2)
	events, err := w.store.Events(t.Context(), accounts.SubjectFor("shop", "2"), 10)
	if err != nil || len(events) != 1 || events[0].Reason != because.Reason || events[0].Detail["how"] != "support" {
		t.Errorf("%+v (%v)", events, err)
	}

	elsewhere := append(list("user5"), named.Person{Line: 2, Key: accounts.LegacyKey{Source: "SHOP", LegacyID: "6"}})
	got, err := w.run(t.Context(), named.Config{People: elsewhere, Wait: func(context.Context, time.Duration) error {
		t.Error("it waits for a source that there is not")
		return nil
	}})
	if invalid, ok := errors.AsType[*accounts.InvalidError](err); !ok || invalid.Field != "list" || !strings.HasPrefix(invalid.Reason, "line 2:") || len(got) != 0 {
		t.Errorf("a source that is not configured: %q, %v", got, err)
	}
	w.counts(t, 2, 2)

	var refs []string
	for i := range 30 {
		refs = append(refs, "user"+strconv.Itoa(i%10+10)) // each is there three times
	}
	last := 0
	got, err = w.run(t.Context(), named.Config{People: list(refs...), Workers: 4, Progress: func(done int) { last = done }})
	moved := strings.Count(strings.Join(got, ","), "moved")
	if err != nil || len(got) != 30 || moved != 10 || last != 30 {
		t.Errorf("%d moved, %d told (%v): %q", moved, last, err, got)
	}
	w.counts(t, 12, 2)
}

// A store that is down ends the run; the others of the list are told as not reached, and the same list goes on.
func TestRunEnds(t *testing.T) {
	t.Parallel()
	t.Run("down", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t, 6, nil)
		people := list("user0", "key 1", "key 2", "key 3", "key 4", "key 5")
		waited := 0
		got, err := w.run(t.Context(), named.Config{
			People: people, Wait: func(context.Context, time.Duration) error { waited++; return nil },
			Progress: func(done int) {
				if done == 1 {
					w.shop.SetDown(errors.New("connection refused"))
				}
			},
		})
		want := "1 moved, 2 not-answered legacy-timeout, 3 not-answered legacy-timeout, 4 not-answered legacy-timeout, 5 not-reached, 6 not-reached"
		if !errors.As(err, new(*accounts.UnavailableError)) || strings.Join(got, ", ") != want || waited != 6 {
			t.Errorf("%q (%v), waited %d times", got, err, waited)
		}
		w.counts(t, 1, 0)
		w.shop.SetDown(nil)
		w.mustRun(t, named.Config{People: people}, "1 unchanged", "2 moved", "3 moved", "4 moved", "5 moved", "6 moved")
	})
	t.Run("down, for one", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t, 1, nil)
		w.shop.SetDown(errors.New("connection refused"))
		got, err := w.run(t.Context(), named.Config{People: list("key 0"), Wait: func(context.Context, time.Duration) error {
			t.Error("whoever waits for one person waits for a second try")
			return nil
		}})
		if err != nil || strings.Join(got, ", ") != "1 not-answered legacy-timeout" {
			t.Errorf("%q (%v)", got, err)
		}
	})
	t.Run("stopped", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t, 6, nil)
		w.shop.Change("0", func(u *legacy.User) { u.Password = nil })
		ctx, stop := context.WithCancel(t.Context())
		got, err := w.run(ctx, named.Config{People: list("user0", "user1", "user2", "user3"), Progress: func(done int) {
			if done == 2 {
				stop()
			}
		}})
		if !errors.Is(err, context.Canceled) || strings.Join(got[:2], ", ") != "1 refused unusable-hash, 2 moved" || got[3] != "4 not-reached" {
			t.Errorf("%q (%v)", got, err)
		}
		w.counts(t, 1, 1) // also who was refused before is noted
	})
	t.Run("nothing moves", func(t *testing.T) {
		t.Parallel()
		first, err := phase.Initial(phase.DualWrite, "0123456789abcdef", time.Now())
		if err != nil {
			t.Fatal(err)
		}
		w := newWorld(t, 3, func(c *accounts.Config) {
			c.Lease, err = accounts.NewLease(t.Context(), accounts.LeaseConfig{Store: c.Store, ID: "one", Name: "one", First: first})
			if err != nil {
				t.Fatal(err)
			}
		})
		got, err := w.run(t.Context(), named.Config{People: list("user0", "user1")})
		if !errors.Is(err, accounts.ErrNothingMoves) || got[0] != "1 not-reached" {
			t.Errorf("%q (%v)", got, err)
		}
	})
}
