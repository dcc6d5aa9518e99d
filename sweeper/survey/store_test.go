package survey

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"rekey/accounts/password"
	"rekey/legacy"
	"rekey/legacy/hash"
)

// A fakeStore is an old store in memory, in the order of its keys, that a test can make fail.
type fakeStore struct {
	people []legacy.User
	bad    map[string]string // reasons by key: people whose record cannot be read
	asked  atomic.Int64      // people that were asked for
	fail   func(after string, limit int) error
}

func (s *fakeStore) Lookup(context.Context, ...string) ([]legacy.User, error) { return nil, nil }

func (s *fakeStore) List(ctx context.Context, after string, limit int) ([]legacy.User, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if s.fail != nil {
		if err := s.fail(after, limit); err != nil {
			return nil, err
		}
	}
	from := 0
	if after != "" {
		from, _ = slices.BinarySearchFunc(s.people, after+"\x00", func(u legacy.User, key string) int { return strings.Compare(u.ID, key) })
	}
	var page []legacy.User
	var bad []error
	for _, u := range s.people[from:min(from+limit, len(s.people))] {
		s.asked.Add(1)
		if reason := s.bad[u.ID]; reason != "" {
			bad = append(bad, &legacy.RowError{Key: u.ID, Column: "pass", Reason: reason})
			continue
		}
		page = append(page, u)
	}
	return page, errors.Join(bad...)
}

// someday is when the tests take place.
var someday = time.Date(2026, 5, 4, 12, 0, 0, 0, time.UTC)

func person(n int) legacy.User {
	return legacy.User{
		ID: fmt.Sprintf("k%07d", n), Username: fmt.Sprintf("user%d", n), Email: fmt.Sprintf("u%d@example.org", n),
		Password:  &legacy.Stored{Hash: "$2y$10$abcdefghijklmnopqrstuuO4WZ1Yo4Ov0Xk2cpdYuOXqj1m6TvHme"},
		CreatedAt: someday.AddDate(-3, 0, 0), LastLoginAt: someday.AddDate(0, 0, -n%1000),
	}
}

func crowd(n int) []legacy.User {
	people := make([]legacy.User, n)
	for i := range people {
		people[i] = person(i)
	}
	return people
}

// cheapBench measures next to nothing.
func cheapBench() Bench {
	return Bench{Hasher: password.Hasher{Policy: password.Policy{MemoryKiB: 8, Time: 1, Lanes: 1}}, For: -1}
}

func config(t *testing.T, stores ...*fakeStore) Config {
	t.Helper()
	c := Config{Hashes: hash.New(hash.Config{}), Bench: cheapBench(), Scratch: t.TempDir(), Now: func() time.Time { return someday }}
	for i, store := range stores {
		c.Sources = append(c.Sources, Source{Name: fmt.Sprintf("store%d", i), Source: store})
	}
	return c
}

func mustRun(t *testing.T, c Config) *Report {
	t.Helper()
	report, err := Run(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	return report
}
