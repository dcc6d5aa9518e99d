package pass_test

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"rekey/accounts"
	"rekey/accounts/masterkey"
	"rekey/accounts/password"
	"rekey/accounts/phase"
	"rekey/accounts/sqlstore"
	"rekey/accounts/sqlstore/sqlstoretest"
	"rekey/legacy"
	"rekey/legacy/hash"
	"rekey/legacy/legacytest"
	"rekey/sweeper"
	"rekey/sweeper/pass"
)

var because = accounts.By{Actor: "cli:test", Reason: "test"}

// A shop is an old store that can be walked: its people are 1000, 1001 and so on.
type shop struct {
	*legacytest.Memory
	people     int
	unreadable map[string]bool
	onList     func()
	onGet      func(id string)
}

func (s *shop) Get(ctx context.Context, id string) (legacy.User, error) {
	if s.onGet != nil {
		s.onGet(id)
	}
	return s.Memory.Get(ctx, id)
}

func (s *shop) List(ctx context.Context, after string, limit int) ([]legacy.User, error) {
	if s.onList != nil {
		s.onList()
	}
	var users []legacy.User
	var bad []error
	for i := range s.people {
		id := strconv.Itoa(1000 + i)
		if id <= after || len(users)+len(bad) == limit {
			continue
		}
		user, err := s.Memory.Get(ctx, id)
		switch {
		case s.unreadable[id]:
			bad = append(bad, &legacy.RowError{Key: id, Column: "pass", Reason: "test"})
		case errors.Is(err, legacy.ErrNoUser):
		case err != nil:
			return nil, err
		default:
			users = append(users, user)
		}
	}
	return users, errors.Join(bad...)
}

// A world is a service over a real store and such a shop.
type world struct {
	*accounts.Service
	store *sqlstore.Store
	shop  *shop
	plan  phase.Plan
}

func newWorld(t *testing.T, people int) *world { t.Helper(); return newWorldOn(t, phase.Lazy, people) }

func newWorldOn(t *testing.T, plan phase.Plan, people int) *world {
	t.Helper()
	users := make([]legacy.User, people)
	for i := range users {
		users[i] = legacy.User{
			ID: strconv.Itoa(1000 + i), Username: fmt.Sprintf("user%d", i), Password: &legacy.Stored{Scheme: "plaintext", Hash: fmt.Sprintf("secret%d", i)},
		}
	}
	shop := &shop{Memory: legacytest.NewMemory(users...), people: people}
	w := newWorldOver(t, plan, shop)
	w.shop = shop
	return w
}

// newWorldOver is a service over a real store and any source, called shop.
func newWorldOver(t testing.TB, plan phase.Plan, source legacy.Source) *world {
	t.Helper()
	store, err := sqlstore.Open(t.Context(), sqlstoretest.SQLite(t), sqlstore.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = store.Close() }) // nothing is lost with a temporary folder
	w := &world{store: store, plan: plan}
	w.Service = w.serviceOver(t, source)
	return w
}

// serviceOver is one more process over the same store, and any source, called shop.
func (w *world) serviceOver(t testing.TB, source legacy.Source, change ...func(*accounts.Source)) *accounts.Service {
	t.Helper()
	at := accounts.Source{Name: "shop", Source: source}
	for _, f := range change {
		f(&at)
	}
	key, err := masterkey.Parse([]byte(strings.Repeat("42", 32)))
	if err != nil {
		t.Fatal(err)
	}
	first, err := phase.Initial(w.plan, "0123456789abcdef", time.Now())
	if err != nil {
		t.Fatal(err)
	}
	lease, err := accounts.NewLease(t.Context(), accounts.LeaseConfig{Store: w.store, ID: "one", Name: "one", First: first, Terms: phase.Lease{TTL: time.Hour, Renew: time.Minute}})
	if err != nil {
		t.Fatal(err)
	}
	service, err := accounts.New(accounts.Config{
		Store: w.store, Sources: []accounts.Source{at}, Hashes: hash.New(hash.Config{}),
		Hasher:  password.Hasher{Policy: password.Policy{MemoryKiB: 64, Time: 1, Lanes: 1}},
		Permits: password.NewPool(password.PoolConfig{Permits: 4, SweepPermits: 4}), Key: key, Lease: lease,
	})
	if err != nil {
		t.Fatal(err)
	}
	return service
}

func (w *world) copy(ctx context.Context) error {
	_, err := sweeper.Attend(ctx, sweeper.AttendConfig{
		Service: w.Service, Workers: 4, Spec: sweeper.Spec{Sources: []string{"shop"}, Actor: because.Actor, Reason: because.Reason},
	})
	return err
}

func (w *world) compare(t *testing.T, repair bool) accounts.Validation {
	t.Helper()
	v, err := pass.Compare(t.Context(), pass.CompareConfig{Service: w.Service, Sources: []string{"shop"}, Workers: 4, Repair: repair, By: because})
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// counts fails unless a pass found just this many of each.
func counts(t *testing.T, v accounts.Validation, want map[accounts.Verdict]int) {
	t.Helper()
	got := v.Found.Sources[0].Counts
	for _, verdict := range append(v.Found.Sources[0].Verdicts(), accounts.VerdictEqual) {
		if got[verdict] != want[verdict] {
			t.Errorf("%d are %s, want %d", got[verdict], verdict, want[verdict])
		}
	}
	for verdict, n := range want {
		if got[verdict] != n {
			t.Errorf("%d are %s, want %d", got[verdict], verdict, n)
		}
	}
}

// Both ways, and the pass is kept.
func TestCompare(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 12)
	if err := w.copy(t.Context()); err != nil {
		t.Fatal(err)
	}
	v := w.compare(t, false)
	counts(t, v, map[accounts.Verdict]int{accounts.VerdictEqual: 12})
	if !v.Found.Clean() || !v.Found.Complete {
		t.Errorf("%+v", v)
	}

	w.shop.Change("1000", func(u *legacy.User) { u.Email = "new@example.org" })
	gone, err := w.shop.Get(t.Context(), "1001")
	if err != nil {
		t.Fatal(err)
	}
	w.shop.Allow = legacytest.AllowAll(legacy.Stored{Scheme: "plaintext", Hash: "x"})
	if err := w.shop.Delete(t.Context(), gone); err != nil {
		t.Fatal(err)
	}
	w.shop.Put(legacy.User{ID: "1012", Username: "new", Password: &legacy.Stored{Scheme: "plaintext", Hash: "secret"}})
	w.shop.Put(legacy.User{ID: "1013", Username: "nobody can be moved to this"})
	w.shop.people = 14
	w.shop.unreadable = map[string]bool{"1013": true}
	for i, marked := range []int{0, 1, 0} {
		v = w.compare(t, i > 0)
		want := map[accounts.Verdict]int{
			accounts.VerdictEqual: 10, accounts.VerdictDifferent: 1, accounts.VerdictMissingThere: 1, accounts.VerdictMissingHere: 1, accounts.VerdictUnmovable: 1,
		}
		counts(t, v, want)
		if v.Found.Clean() || v.Found.Sources[0].Marked != marked {
			t.Errorf("%d: %+v", i, v.Found)
		}
	}
	if err := w.copy(t.Context()); err != nil {
		t.Fatal(err)
	}
	v = w.compare(t, false)
	counts(t, v, map[accounts.Verdict]int{accounts.VerdictEqual: 12, accounts.VerdictMissingThere: 1, accounts.VerdictUnmovable: 1})
	all, err := w.store.Validations(t.Context(), 10)
	if err != nil || len(all) != 5 || all[0].ID != v.ID || all[0].ID == uuid.Nil {
		t.Errorf("%d passes are kept (%v)", len(all), err)
	}
}

// Who is changed there and copied again while the pass runs is no difference.
func TestCompareWhilePeopleGoOn(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 12)
	if err := w.copy(t.Context()); err != nil {
		t.Fatal(err)
	}
	session := func(name, pw string) accounts.Session {
		p, err := w.Login(t.Context(), accounts.Attempt{Identifier: name, Password: password.NewSecret([]byte(pw))})
		if err != nil {
			t.Fatal(err)
		}
		s := accounts.Session{ID: uuid.Must(uuid.NewV7()), AccountID: p.ID, CreatedAt: time.Now(), RotatedAt: time.Now(), ExpiresAt: time.Now().Add(time.Hour)}
		if err := w.store.CreateSession(t.Context(), s); err != nil {
			t.Fatal(err)
		}
		return s
	}
	changes, leaves := session("user0", "secret0"), session("user1", "secret1")
	pages := 0
	w.shop.onList = func() {
		if pages++; pages > 1 {
			return
		}
		err := w.ChangePassword(t.Context(), accounts.Change{
			Session: changes, Current: password.NewSecret([]byte("secret0")), New: password.NewSecret([]byte("orchids of the night")),
		})
		if err == nil {
			err = w.Delete(t.Context(), accounts.Deletion{Session: leaves, Current: password.NewSecret([]byte("secret1"))})
		}
		if err != nil {
			t.Error(err)
		}
	}
	v := w.compare(t, true)
	counts(t, v, map[accounts.Verdict]int{accounts.VerdictEqual: 10, accounts.VerdictAhead: 1, accounts.VerdictDeleted: 1})
	if !v.Found.Clean() {
		t.Errorf("%+v", v.Found)
	}
}

// In a phase in which nothing is here to compare, or nobody is moved, a pass says so.
func TestNothingMoves(t *testing.T) {
	t.Parallel()
	w := newWorldOn(t, phase.DualWrite, 3)
	_, err := pass.Compare(t.Context(), pass.CompareConfig{Service: w.Service, Sources: []string{"shop"}, By: because})
	if !errors.Is(err, accounts.ErrNothingMoves) {
		t.Error(err)
	}
}
