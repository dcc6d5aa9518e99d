package sqlsource

import (
	"context"
	"database/sql"
	"errors"
	"slices"
	"strings"
	"testing"

	"rekey/legacy"
	"rekey/legacy/guard"
)

// A part is a pattern that means just itself, and every identifier is asked for it, inside whatever says who is there.
func TestSearchQuery(t *testing.T) {
	t.Parallel()
	onEachEngine(t, func(t *testing.T, _ engine, dsn string, admin *sql.DB) {
		must(t, admin, "CREATE TABLE people (id INTEGER PRIMARY KEY, login VARCHAR(60), mail VARCHAR(60), gone INTEGER, pass VARCHAR(60))")
		must(t, admin, "INSERT INTO people VALUES (1, 'anna', 'a!b@example.org', 0, 'p'), (2, 'hanna', 'x', 1, 'p'), (3, 'Joanna', NULL, 0, 'p')")
		s, err := Open(Config{
			Name: "shop", DSN: dsn, Table: "people", Columns: Columns{ID: "id", Username: "login", Email: "mail", Password: "pass"}, Scheme: "plaintext",
			Where: []Condition{{Column: "gone", Op: "=", Values: []string{"0"}}},
		})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { s.Close() })
		for part, want := range map[string]string{"NN": "1 3", "a!b": "1", "x": "1", "zz": ""} {
			users, err := s.Search(t.Context(), part, 10)
			if err != nil {
				t.Fatal(err)
			}
			if got := idsOf(users); got != want {
				t.Errorf("%q finds %q, want %q", part, got, want)
			}
		}
		if _, err := s.Search(t.Context(), "nn", 0); err == nil {
			t.Error("a search for nobody")
		}
	})
}

// Searches come one after the other, and who stops waiting for one says nothing about the store.
func TestSearchOneAtATime(t *testing.T) {
	t.Parallel()
	dsn, admin := openTestSQLite(t)
	must(t, admin, "CREATE TABLE people (id INTEGER PRIMARY KEY, login TEXT, pass TEXT)")
	s, err := Open(Config{Name: "shop", DSN: dsn, Table: "people", Columns: Columns{ID: "id", Username: "login", Password: "pass"}, Scheme: "plaintext", BreakAfter: 1})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	s.searching <- struct{}{}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() {
		_, err := s.Search(ctx, "anna", 10)
		ended <- err
	}()
	select {
	case err := <-ended:
		t.Fatalf("a second search did not wait: %v", err)
	default:
		cancel()
	}
	if err := <-ended; err == nil {
		t.Error("a second search did not wait")
	}
	<-s.searching
	if _, err := s.Lookup(t.Context(), "anna"); errors.Is(err, guard.ErrOpen) || err != nil {
		t.Errorf("a lookup after it: %v", err)
	}
}

func idsOf(users []legacy.User) string {
	ids := make([]string, len(users))
	for i, u := range users {
		ids[i] = u.ID
	}
	slices.Sort(ids)
	return strings.Join(ids, " ")
}
