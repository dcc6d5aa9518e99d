package sqlstore

import (
	"context"
	"database/sql"
	"fmt"
	neturl "net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	_ "github.com/jackc/pgx/v5/stdlib"

	"rekey/accounts"
	"rekey/accounts/accountstest"
)

func TestSQLite(t *testing.T) {
	t.Parallel()
	made := migrated(t, sqliteURL(t))
	accountstest.Run(t, func(t *testing.T) accounts.Store {
		url := sqliteURL(t)
		tables, err := os.ReadFile(sqliteFile(made))
		if err == nil {
			err = os.WriteFile(sqliteFile(url), tables, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
		return open(t, url)
	})
}

func TestPostgres(t *testing.T) {
	t.Parallel()
	made := postgresName(t, migrated(t, postgresURL(t)))
	accountstest.Run(t, func(t *testing.T) accounts.Store { return open(t, postgresCopy(t, made)) })
}

// migrated makes the tables of a new database, for others to be copied from: that takes less time than to make them again.
func migrated(t *testing.T, url string) string {
	t.Helper()
	s, err := Open(t.Context(), url, Options{})
	if err == nil {
		err = s.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	return url
}

// engines are the ways to make the URL of a new, empty database.
func engines() map[string]func(testing.TB) string {
	return map[string]func(testing.TB) string{"sqlite": sqliteURL, "postgres": postgresURL}
}

// onEach runs a test on every engine.
func onEach(t *testing.T, test func(t *testing.T, url string)) {
	for name, url := range engines() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, url(t))
		})
	}
}

// open opens a store and closes it when the test ends.
func open(t testing.TB, url string) *Store {
	t.Helper()
	s, err := Open(t.Context(), url, Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func sqliteURL(t testing.TB) string { return "sqlite://" + filepath.Join(t.TempDir(), "rekey.db") }

func sqliteFile(url string) string { return strings.TrimPrefix(url, "sqlite://") }

const postgresVariable = "REKEY_TEST_POSTGRES"

// needPostgres skips a test if no server was given.
func needPostgres(t testing.TB) *neturl.URL {
	t.Helper()
	server := os.Getenv(postgresVariable)
	if server == "" {
		t.Skipf("no PostgreSQL: set %s to the URL of a server on which databases may be made", postgresVariable)
	}
	u, err := neturl.Parse(server)
	if err != nil {
		t.Fatalf("%s is not a URL", postgresVariable)
	}
	return u
}

// postgresURL makes an empty database and drops it when the test ends.
func postgresURL(t testing.TB) string {
	t.Helper()
	return postgresCopy(t, "template0")
}

func postgresName(t testing.TB, url string) string {
	t.Helper()
	u, err := neturl.Parse(url)
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimPrefix(u.Path, "/")
}

// postgresCopy makes a database like another, to which nobody is connected, and drops it when the test ends.
func postgresCopy(t testing.TB, template string) string {
	t.Helper()
	u := needPostgres(t)
	server, err := sql.Open("pgx", u.String())
	if err != nil {
		t.Fatal("cannot use the PostgreSQL server")
	}
	name := "rekey_" + uuid.NewString()
	if _, err := server.ExecContext(t.Context(), fmt.Sprintf(`CREATE DATABASE %q TEMPLATE %q`, name, template)); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		_, err := server.ExecContext(ctx, fmt.Sprintf(`DROP DATABASE %q WITH (FORCE)`, name))
		if err != nil {
			t.Error(err)
		}
		if err := server.Close(); err != nil {
			t.Error(err)
		}
	})
	database := *u
	database.Path = "/" + name
	return database.String()
}

// person returns somebody to create, with an event about them.
func person(name string) (accounts.Record, accounts.Event) {
	r := accountstest.Person(name)
	return r, accountstest.Event(r.ID, accounts.EventMigrated)
}

func newSession(account uuid.UUID) accounts.Session {
	now := time.Now()
	return accounts.Session{
		ID: uuid.Must(uuid.NewV7()), AccountID: account, Client: "Mozilla/5.0 (X11; Linux x86_64)", Address: "192.0.2.1",
		CreatedAt: now, RotatedAt: now, ExpiresAt: now.Add(14 * 24 * time.Hour),
	}
}
