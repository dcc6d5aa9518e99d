package census_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"rekey/accounts"
	"rekey/accounts/masterkey"
	"rekey/accounts/password"
	"rekey/accounts/sqlstore"
	"rekey/accounts/sqlstore/sqlstoretest"
	"rekey/legacy"
	"rekey/legacy/hash"
	"rekey/legacy/legacytest"
	"rekey/sweeper/census"
)

// A register is an old store that can be walked.
type register struct {
	*legacytest.Memory
	people []legacy.User
	err    error
}

func (r *register) List(_ context.Context, after string, limit int) ([]legacy.User, error) {
	if r.err != nil && after != "" {
		return nil, r.err
	}
	from := 0
	if after != "" {
		from = 1 + slices.IndexFunc(r.people, func(u legacy.User) bool { return u.ID == after })
	}
	return r.people[from:min(from+limit, len(r.people))], nil
}

func serve(t *testing.T, sources ...accounts.Source) *accounts.Service {
	t.Helper()
	store, err := sqlstore.Open(t.Context(), sqlstoretest.SQLite(t), sqlstore.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = store.Close() }) // nothing is lost with a temporary folder
	key, err := masterkey.Parse([]byte(strings.Repeat("42", 32)))
	if err != nil {
		t.Fatal(err)
	}
	s, err := accounts.New(accounts.Config{
		Store: store, Sources: sources, Hashes: hash.New(hash.Config{}), Permits: password.NewPool(password.PoolConfig{}), Key: key,
	})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func people(n int, change ...func(i int, u *legacy.User)) []legacy.User {
	all := make([]legacy.User, n)
	for i := range all {
		name := fmt.Sprintf("user%d", i)
		all[i] = legacy.User{ID: fmt.Sprintf("%08d", i), Username: name, Email: name + "@example.org"}
		for _, c := range change {
			c(i, &all[i])
		}
	}
	return all
}

// Just those names are shared that two people have, of whatever kind, in whatever spelling and store.
func TestTake(t *testing.T) {
	t.Parallel()
	shop := people(5000, func(i int, u *legacy.User) {
		switch i {
		case 7:
			u.Username = "USER4000"
		case 8:
			u.Username = "user9@EXAMPLE.org"
		case 9:
			u.Username = u.Email // twice the same person's
		case 10:
			u.Username, u.Email = "", ""
		}
	})
	crm := []legacy.User{{ID: "00000001", Username: "user100"}, {ID: "00000002", Username: "nobody else"}}
	dir := t.TempDir()
	var done int64
	s := serve(t, accounts.Source{Name: "shop", Source: &register{people: shop}}, accounts.Source{Name: "crm", Source: &register{people: crm}})
	shared, err := census.Take(t.Context(), census.Config{Service: s, Dir: dir, Seen: func(context.Context, string, legacy.User) error { done++; return nil }})
	if err != nil || shared.Len() != 3 || done != 5002 {
		t.Fatalf("%d names are shared, of %d people (%v)", shared.Len(), done, err)
	}
	if left, err := os.ReadDir(dir); len(left) > 0 || err != nil {
		t.Errorf("%d files are left (%v)", len(left), err)
	}
	text, err := shared.MarshalText()
	if err != nil {
		t.Fatal(err)
	}
	var read census.Shared
	if err := read.UnmarshalText(text); err != nil {
		t.Fatal(err)
	}
	for _, contested := range []func(accounts.Name) bool{shared.Contested(), read.Contested()} {
		for i, u := range shop {
			names := s.Names("shop", u)
			want := i == 7 || i == 8 || i == 9 || i == 100 || i == 4000
			if got := slices.ContainsFunc(names, contested); got != want {
				t.Errorf("person %d shares a name: %v", i, got)
			}
		}
	}
	if _, err := census.Take(t.Context(), census.Config{Service: s, Most: 2}); !errors.Is(err, census.ErrMany) {
		t.Errorf("with room for two: %v", err)
	}
}

// A source that can be cut is read by several at once: from end to end, and nobody twice.
func TestTakeInPieces(t *testing.T) {
	t.Parallel()
	const n = 25_000
	all := people(n, func(i int, u *legacy.User) {
		u.Email = ""
		switch i {
		case 3, n - 1: // in the first piece and the last
			u.Username = "twice"
		case 10_000:
			u.Username = "user9999" // at both sides of a cut
		}
	})
	seen := map[string]int{}
	s := serve(t, accounts.Source{Name: "shop", Source: &pieces{register{people: all}, nil}})
	shared, err := census.Take(t.Context(), census.Config{Service: s, Seen: func(_ context.Context, _ string, u legacy.User) error { seen[u.ID]++; return nil }})
	if err != nil || shared.Len() != 2 || len(seen) != n {
		t.Errorf("%d names are shared, of %d people (%v)", shared.Len(), len(seen), err)
	}
	maps.DeleteFunc(seen, func(_ string, times int) bool { return times == 1 })
	if len(seen) > 0 {
		t.Errorf("%d people were seen twice", len(seen))
	}
	for name, broken := range map[string]func() error{
		"fails":  func() error { return errors.New("connection refused") },
		"panics": func() error { panic("a record like no other") },
	} {
		s := serve(t, accounts.Source{Name: "shop", Source: &pieces{register{people: all}, broken}})
		if shared, err := census.Take(t.Context(), census.Config{Service: s}); shared != nil || err == nil {
			t.Errorf("a source that %s in one of its pieces: %v, %v", name, shared, err)
		}
	}
}

// pieces is a register that can be cut, and can panic on the way.
type pieces struct {
	register
	broken func() error // of the second piece
}

func (p *pieces) Cuts() bool { return true }

func (p *pieces) Cut(_ context.Context, after string, n int) (string, error) {
	to := n - 1
	if after != "" {
		to += 1 + slices.IndexFunc(p.people, func(u legacy.User) bool { return u.ID == after })
	}
	if to >= len(p.people) {
		return "", nil
	}
	return p.people[to].ID, nil
}

func (p *pieces) ListTo(ctx context.Context, after, through string, limit int) ([]legacy.User, error) {
	if p.broken != nil && after > p.people[15_000].ID {
		return nil, p.broken()
	}
	people, err := p.List(ctx, after, limit)
	if i := slices.IndexFunc(people, func(u legacy.User) bool { return u.ID > through }); i >= 0 {
		people = people[:i]
	}
	return people, err
}

// Where nobody can count, nothing is known, and an answer is never made of half a walk.
func TestTakeCannot(t *testing.T) {
	t.Parallel()
	whole, blind := &register{people: people(5)}, legacytest.NewMemory()
	shared, err := census.Take(t.Context(), census.Config{Service: serve(t, accounts.Source{Name: "a", Source: whole}, accounts.Source{Name: "b", Source: blind})})
	if shared != nil || err != nil || shared.Contested() != nil || shared.Len() != 0 {
		t.Errorf("a source that cannot be walked: %v, %v", shared, err)
	}
	down := &register{people: people(5000), err: errors.New("connection refused")}
	shared, err = census.Take(t.Context(), census.Config{Service: serve(t, accounts.Source{Name: "a", Source: down})})
	if shared != nil || !errors.Is(err, down.err) {
		t.Errorf("a source that fails on the way: %v, %v", shared, err)
	}
	if _, err = census.Take(t.Context(), census.Config{Service: serve(t, accounts.Source{Name: "a", Source: whole}), Dir: filepath.Join(t.TempDir(), "missing")}); err == nil {
		t.Error("a folder that is not there")
	}
}

func FuzzShared(f *testing.F) {
	f.Add([]byte(""))
	f.Add([]byte("AAAAAAAAAAE"))
	f.Add([]byte("AAAAAAAAAAIAAAAAAAAAAQ"))
	f.Fuzz(func(t *testing.T, text []byte) {
		var s census.Shared
		if s.UnmarshalText(text) != nil {
			return
		}
		again, err := s.MarshalText()
		var read census.Shared
		if err != nil || read.UnmarshalText(again) != nil || read.Len() != s.Len() {
			t.Errorf("%q is read as %q (%v)", text, again, err)
		}
	})
}

func BenchmarkTake(b *testing.B) {
	const n = 100_000
	store, err := sqlstore.Open(b.Context(), "sqlite://"+filepath.Join(b.TempDir(), "new.db"), sqlstore.Options{})
	if err != nil {
		b.Fatal(err)
	}
	key, err := masterkey.Parse([]byte(strings.Repeat("42", 32)))
	if err != nil {
		b.Fatal(err)
	}
	s, err := accounts.New(accounts.Config{
		Store: store, Sources: []accounts.Source{{Name: "shop", Source: &fast{people(n)}}}, Hashes: hash.New(hash.Config{}), Permits: password.NewPool(password.PoolConfig{}), Key: key,
	})
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if _, err := census.Take(b.Context(), census.Config{Service: s}); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(n*b.N)/b.Elapsed().Seconds(), "people/s")
}

// fast is a register that costs nothing to walk.
type fast struct{ people []legacy.User }

func (f *fast) Lookup(context.Context, ...string) ([]legacy.User, error) { return nil, nil }

func (f *fast) List(_ context.Context, after string, limit int) ([]legacy.User, error) {
	from := 0
	if after != "" {
		_, err := fmt.Sscanf(after, "%d", &from)
		if err != nil {
			return nil, err
		}
		from++
	}
	return f.people[from:min(from+limit, len(f.people))], nil
}
