package fill_test

import (
	"context"
	"iter"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"testing"
	"time"

	"rekey/cmd/loadtest/rig"
	"rekey/cmd/sweepbench/crowd"
	"rekey/cmd/sweepbench/fill"
	"rekey/legacy"
	"rekey/legacy/sqlsource"
)

// engines are the DSNs of empty databases.
func engines() map[string]func(t *testing.T) string {
	server := func(variable string) func(t *testing.T) string {
		return func(t *testing.T) string {
			t.Helper()
			dsn := os.Getenv(variable)
			if dsn == "" {
				t.Skipf("no database: %s is not set, see deploy/dev/services", variable)
			}
			db, err := rig.NewDatabase(t.Context(), dsn)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() {
				if err := db.Drop(); err != nil {
					t.Error(err)
				}
			})
			return db.DSN
		}
	}
	return map[string]func(t *testing.T) string{
		"MariaDB":    server("REKEY_TEST_MYSQL"),
		"PostgreSQL": server("REKEY_TEST_POSTGRES"),
		"SQLite":     func(t *testing.T) string { return "sqlite://" + filepath.Join(t.TempDir(), "old.db") },
	}
}

// Who is written is who the source reads, each with all that was made up of them, and as many as were counted.
func TestFill(t *testing.T) {
	t.Parallel()
	pool, err := crowd.NewPool(2, 4)
	if err != nil {
		t.Fatal(err)
	}
	plan := crowd.Plan{People: 2001, Seed: 7, Weak: 0.3, Disabled: 0.1, Collisions: 20, Unreadable: 15, Untypable: 10}
	for name, open := range engines() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dsn := open(t)
			var counts, again crowd.Counts
			if err := fill.Fill(t.Context(), dsn, crowd.Everybody(plan, pool, &counts)); err != nil {
				t.Fatal(err)
			}
			if counts.People != plan.People || counts.Moved["auto"] != plan.People-2*20-15-10 {
				t.Errorf("counted %+v", counts)
			}
			want := crowd.Everybody(plan, pool, &again)
			next, stop := iter.Pull(want)
			defer stop()
			for user := range listed(t, dsn) {
				p, ok := next()
				if !ok {
					t.Fatal("there are more people than were made up")
				}
				if got := personOf(user); !reflect.DeepEqual(got, asRead(p)) {
					t.Fatalf("read    %+v\nmade up %+v", got, asRead(p))
				}
			}
			if p, ok := next(); ok {
				t.Errorf("person %d is not there", p.ID)
			}
			if err := fill.Fill(t.Context(), dsn, want); err == nil {
				t.Error("a second crowd went into the same table")
			}
		})
	}
}

// listed reads everybody as the sweep does.
func listed(t *testing.T, dsn string) iter.Seq[legacy.User] {
	t.Helper()
	source, err := sqlsource.Open(sqlsource.Config{
		Name: "old", DSN: dsn, Table: fill.Table, Scheme: "auto", Timeout: 10 * time.Second,
		Columns: sqlsource.Columns{
			ID: "id", Username: "username", Email: "email", Password: "password", CreatedAt: "created_at", LastLoginAt: "last_login_at", Disabled: "disabled",
		},
		Profile: sqlsource.ProfileColumns{DisplayName: "display_name"},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := source.Close(); err != nil {
			t.Error(err)
		}
	})
	return func(yield func(legacy.User) bool) {
		for after := ""; ; {
			users, err := source.List(context.Background(), after, 700)
			if err != nil {
				t.Error(err)
				return
			}
			for _, user := range users {
				if !yield(user) {
					return
				}
				after = user.ID
			}
			if len(users) < 700 {
				return
			}
		}
	}
}

func personOf(user legacy.User) crowd.Person {
	id, _ := strconv.ParseInt(user.ID, 10, 64)
	return crowd.Person{
		ID: id, Username: user.Username, Email: user.Email, Hash: user.Password.Hash, DisplayName: user.Profile.DisplayName,
		CreatedAt: user.CreatedAt.UTC(), LastLoginAt: user.LastLoginAt.UTC(), Disabled: user.Disabled,
	}
}

// asRead is somebody without what no store has.
func asRead(p crowd.Person) crowd.Person {
	p.Password = ""
	return p
}

// A store that fails in the middle ends the writing of people who are still being made up.
func TestFillEnds(t *testing.T) {
	t.Parallel()
	for name, open := range engines() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			twice := []crowd.Person{{ID: 1, Hash: "x"}, {ID: 1, Hash: "x"}}
			people := func(yield func(crowd.Person) bool) {
				for range 10_000 {
					if !slices.ContainsFunc(twice, func(p crowd.Person) bool { return !yield(p) }) {
						continue
					}
					return
				}
			}
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			if err := fill.Fill(ctx, open(t), people); err == nil {
				t.Error("one id went into the table twice")
			}
		})
	}
}

func TestFillRefuses(t *testing.T) {
	t.Parallel()
	for _, dsn := range []string{"", "oracle://db/x", "mysql://u:p%%@x/y"} {
		if err := fill.Fill(t.Context(), dsn, func(func(crowd.Person) bool) {}); err == nil {
			t.Errorf("%q is a store", dsn)
		}
	}
}
