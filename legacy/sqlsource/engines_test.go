package sqlsource

import (
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"rekey/legacy"
)

// An engine is a database that the tests run on. open makes an empty database, removed when the test ends, and
// returns its DSN, a connection that may write, and the words of its tables.
type engine struct {
	name  string
	open  func(t *testing.T) (dsn string, admin *sql.DB)
	types map[string]string // of the generic column types in layouts below
	mark  func(n int) string
}

func testEngines() []engine {
	return []engine{
		{"sqlite", openTestSQLite, map[string]string{
			"int": "INTEGER", "text": "TEXT", "time": "DATETIME", "bool": "BOOLEAN", "bytes": "BLOB", "signed": "INTEGER",
		}, questionMark},
		{"mysql", openTestMySQL, map[string]string{
			"int": "BIGINT UNSIGNED", "text": "VARCHAR(191)", "time": "DATETIME", "bool": "TINYINT(1)", "bytes": "VARBINARY(191)", "signed": "INT",
		}, questionMark},
		{"postgres", openTestPostgres, map[string]string{
			"int": "BIGINT", "text": "TEXT", "time": "TIMESTAMPTZ", "bool": "BOOLEAN", "bytes": "BYTEA", "signed": "INTEGER",
		}, dollar},
	}
}

// onEachEngine runs a test on a fresh database of each engine.
func onEachEngine(t *testing.T, run func(t *testing.T, e engine, dsn string, admin *sql.DB)) {
	for _, e := range testEngines() {
		t.Run(e.name, func(t *testing.T) {
			t.Parallel()
			dsn, admin := e.open(t)
			run(t, e, dsn, admin)
		})
	}
}

func openTestSQLite(t *testing.T) (string, *sql.DB) {
	path := filepath.Join(t.TempDir(), "a strange?name#100%.db")
	const patience = "_pragma=busy_timeout(10000)" // a source that closes holds it for a moment
	admin, err := sql.Open("sqlite", (&url.URL{Scheme: "file", Path: path, RawQuery: patience}).String())
	if err != nil {
		t.Fatal(err)
	}
	admin.SetMaxOpenConns(1) // SQLite has one writer
	t.Cleanup(func() { admin.Close() })
	must(t, admin, "PRAGMA journal_mode = WAL")
	return (&url.URL{Scheme: "sqlite", Path: path}).String(), admin
}

func openTestMySQL(t *testing.T) (string, *sql.DB) {
	dsn := os.Getenv("REKEY_TEST_MYSQL")
	if dsn == "" {
		t.Skip("set REKEY_TEST_MYSQL to a mysql:// DSN that may create databases; deploy/dev/services does")
	}
	return openTestServer(t, dsn, "mysql", func(u *url.URL) string {
		password, _ := u.User.Password()
		return fmt.Sprintf("%s:%s@tcp(%s)%s?charset=utf8mb4", u.User.Username(), password, u.Host, u.Path)
	}, "DROP DATABASE %s")
}

func openTestPostgres(t *testing.T) (string, *sql.DB) {
	dsn := os.Getenv("REKEY_TEST_POSTGRES")
	if dsn == "" {
		t.Skip("set REKEY_TEST_POSTGRES to a postgres:// DSN that may create databases; deploy/dev/services does")
	}
	return openTestServer(t, dsn, "pgx", (*url.URL).String, "DROP DATABASE %s WITH (FORCE)")
}

// openTestServer makes a database of a random name on a server.
func openTestServer(t *testing.T, dsn, driver string, native func(*url.URL) string, drop string) (string, *sql.DB) {
	t.Helper()
	u, err := url.Parse(dsn)
	if err != nil {
		t.Fatal("the DSN in the environment is not a URL") // its text is a secret
	}
	server, err := sql.Open(driver, native(u))
	if err != nil {
		t.Fatal(err)
	}
	name := "rekey_" + strings.ToLower(rand.Text()[:12])
	must(t, server, "CREATE DATABASE "+name)
	u.Path = "/" + name
	admin, err := sql.Open(driver, native(u))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		admin.Close()
		must(t, server, fmt.Sprintf(drop, name))
		server.Close()
	})
	return u.String(), admin
}

func must(t *testing.T, db *sql.DB, statement string, args ...any) {
	t.Helper()
	// The test's own context has ended when its clean-up drops the database.
	if _, err := db.ExecContext(context.WithoutCancel(t.Context()), statement, args...); err != nil {
		t.Fatalf("%.60s: %v", statement, err)
	}
}

// A layout is a way to keep the suite's people in a table.
type layout struct {
	name    string
	columns Columns
	types   map[string]string // generic type of each column that is not text
	value   func(u legacy.User) map[string]any
}

func layouts() []layout {
	common := func(u legacy.User) map[string]any {
		return map[string]any{
			"username": u.Username, "email": u.Email, "phone": u.Phone, "password": u.Password.Hash, "salt": u.Password.Salt,
		}
	}
	return []layout{
		{
			name: "numbers",
			columns: Columns{
				ID: "id", Username: "username", Email: "email", Phone: "phone", Password: "password", Salt: "salt",
				CreatedAt: "created", LastLoginAt: "seen", Disabled: "blocked",
			},
			types: map[string]string{"id": "int", "created": "time", "seen": "time", "blocked": "bool"},
			value: func(u legacy.User) map[string]any {
				v := common(u)
				v["id"], v["created"], v["seen"], v["blocked"] = u.ID, orNull(u.CreatedAt), orNull(u.LastLoginAt), u.Disabled
				return v
			},
		},
		{
			// Names that need quoting, keys and e-mails as bytes or text, NULL for what is not there, text for the rest.
			name: "texts",
			columns: Columns{
				ID: "select", Username: "user name", Email: "E-mail", Phone: "phone", Password: "password", Salt: "salt",
				CreatedAt: "created", LastLoginAt: "seen", Disabled: "!active",
			},
			types: map[string]string{"E-mail": "bytes", "created": "int"},
			value: func(u legacy.User) map[string]any {
				v := map[string]any{
					"select": u.ID, "user name": orNull(u.Username), "E-mail": []byte(u.Email), "phone": orNull(u.Phone),
					"password": orNull(u.Password.Hash), "salt": orNull(u.Password.Salt), "active": "t", "created": 0, "seen": "",
				}
				if u.Disabled {
					v["active"] = nil
				}
				if !u.CreatedAt.IsZero() {
					v["created"] = u.CreatedAt.Unix()
				}
				if !u.LastLoginAt.IsZero() {
					v["seen"] = u.LastLoginAt.Format(time.RFC3339)
				}
				return v
			},
		},
	}
}

// orNull returns nil for a zero value.
func orNull[T comparable](value T) any {
	var zero T
	if value == zero {
		return nil
	}
	return value
}

// build makes a table of a layout and fills it.
func build(t *testing.T, e engine, admin *sql.DB, table string, l layout, people []legacy.User) {
	t.Helper()
	quote := doubleQuotes
	if e.name == "mysql" {
		quote = backticks
	}
	c := l.columns
	var columns, definitions []string
	for _, column := range []string{
		c.ID, c.Username, c.Email, c.Phone, c.Password, c.Salt, c.CreatedAt, c.LastLoginAt, strings.TrimPrefix(c.Disabled, "!"),
	} {
		generic := l.types[column]
		if generic == "" {
			generic = "text"
		}
		definition := quote(column) + " " + e.types[generic]
		if column == c.ID {
			definition += " PRIMARY KEY"
		}
		columns, definitions = append(columns, column), append(definitions, definition)
	}
	must(t, admin, "CREATE TABLE "+quote(table)+" ("+strings.Join(definitions, ", ")+")")
	for _, u := range people {
		values := l.value(u)
		var names, marks []string
		var args []any
		for i, column := range columns {
			names, marks, args = append(names, quote(column)), append(marks, e.mark(i+1)), append(args, values[column])
		}
		must(t, admin, "INSERT INTO "+quote(table)+" ("+strings.Join(names, ", ")+") VALUES ("+strings.Join(marks, ", ")+")", args...)
	}
}

// open opens a source and closes it when the test ends.
func open(t *testing.T, c Config) *Source {
	t.Helper()
	if c.Name == "" {
		c.Name = "shop"
	}
	if c.Scheme == "" {
		c.Scheme = "auto"
	}
	if c.Timeout == 0 {
		c.Timeout = 10 * time.Second // the machine may be busy
	}
	s, err := Open(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// deaf returns the address of a server that accepts connections and never says a word.
func deaf(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	var conns []net.Conn
	go func() {
		defer close(ended)
		for {
			conn, err := listener.Accept()
			if errors.Is(err, net.ErrClosed) {
				return
			}
			conns = append(conns, conn)
		}
	}()
	t.Cleanup(func() {
		listener.Close()
		<-ended
		for _, conn := range conns {
			conn.Close()
		}
	})
	return listener.Addr().String()
}
