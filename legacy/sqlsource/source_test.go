package sqlsource

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"rekey/legacy"
	"rekey/legacy/guard"
	"rekey/legacy/legacytest"
)

// TestContract runs the suite on each engine, over tables of two kinds.
func TestContract(t *testing.T) {
	t.Parallel()
	down := map[string]func(t *testing.T) string{
		"sqlite":   func(t *testing.T) string { return "sqlite://u:hunter2@" + filepath.Join(t.TempDir(), "none.db") },
		"mysql":    func(t *testing.T) string { return "mysql://u:hunter2@" + deaf(t) + "/d" },
		"postgres": func(t *testing.T) string { return "postgres://u:hunter2@" + deaf(t) + "/d?sslmode=disable" },
	}
	for _, l := range layouts() {
		t.Run(l.name, func(t *testing.T) {
			t.Parallel()
			onEachEngine(t, func(t *testing.T, e engine, dsn string, admin *sql.DB) {
				order := strings.Compare
				if l.types[l.columns.ID] == "int" {
					order = nil
				}
				legacytest.Run(t, legacytest.Harness{
					New: func(t *testing.T, people []legacy.User) legacy.Source {
						table := "t " + strings.ReplaceAll(t.Name()[strings.LastIndex(t.Name(), "/")+1:], "#", "")
						build(t, e, admin, table, l, people)
						return open(t, Config{DSN: dsn, Table: table, Columns: l.columns, Params: map[string]string{"stretches": "3"}})
					},
					Down: func(t *testing.T) legacy.Source {
						return open(t, Config{DSN: down[e.name](t), Table: "t", Columns: l.columns, Timeout: 100 * time.Millisecond})
					},
					Secrets: []string{"hunter2"},
					Order:   order,
				})
			})
		})
	}
}

// numbers builds the first layout with the suite's people and returns a source over it.
func numbers(t *testing.T, e engine, dsn string, admin *sql.DB) *Source {
	t.Helper()
	l := layouts()[0]
	build(t, e, admin, "people", l, legacytest.People())
	return open(t, Config{DSN: dsn, Table: "people", Columns: l.columns})
}

// TestReadOnly tries to write through the source's own pool.
func TestReadOnly(t *testing.T) {
	t.Parallel()
	onEachEngine(t, func(t *testing.T, e engine, dsn string, admin *sql.DB) {
		s := numbers(t, e, dsn, admin)
		for _, statement := range []string{
			"UPDATE people SET email = 'x'", "DELETE FROM people", "INSERT INTO people (id) VALUES (77)", "DROP TABLE people",
			"CREATE TABLE other (id INTEGER)",
		} {
			if _, err := s.db.ExecContext(t.Context(), statement); err == nil {
				t.Errorf("%s: was done", statement)
			}
		}
		var count int
		if err := admin.QueryRowContext(t.Context(), "SELECT COUNT(*) FROM people WHERE email <> 'x'").Scan(&count); err != nil {
			t.Fatal(err)
		}
		if count != len(legacytest.People()) {
			t.Errorf("%d people are left as they were", count)
		}
	})
}

// TestCheck names what is not there, and tells a wrong mapping from a database that is down.
func TestCheck(t *testing.T) {
	t.Parallel()
	onEachEngine(t, func(t *testing.T, e engine, dsn string, admin *sql.DB) {
		l := layouts()[0]
		build(t, e, admin, "people", l, nil)
		check := func(table string, columns Columns) error {
			return open(t, Config{DSN: dsn, Table: table, Columns: columns}).Check(t.Context())
		}
		if err := check("people", l.columns); err != nil {
			t.Errorf("all is there: %v", err)
		}
		wrong := l.columns
		wrong.Email, wrong.Disabled = "e_mail", "!aktiv"
		err := check("people", wrong)
		if !errors.Is(err, legacy.ErrMapping) || !strings.HasSuffix(err.Error(), "legacy source shop: check the table: table people has no readable column e_mail, aktiv") {
			t.Errorf("columns that are not there: %v", err)
		}
		err = check("persons", l.columns)
		if !errors.Is(err, legacy.ErrMapping) || !strings.Contains(err.Error(), "table persons") {
			t.Errorf("a table that is not there: %v", err)
		}
		if _, err := open(t, Config{DSN: dsn, Table: "people", Columns: wrong}).Lookup(t.Context(), "anna"); err == nil || errors.Is(err, legacy.ErrNoUser) {
			t.Errorf("Lookup over a column that is not there: %v", err)
		}
	})
	down := open(t, Config{DSN: "postgres://u:hunter2@127.0.0.1:1/d", Table: "people", Columns: layouts()[0].columns})
	if err := down.Check(t.Context()); err == nil || errors.Is(err, legacy.ErrMapping) {
		t.Errorf("a database that is down: %v", err)
	}
}

// TestLongValues shows that a value which is no identifier and no hash is bounded, and costs nothing else.
func TestLongValues(t *testing.T) {
	t.Parallel()
	onEachEngine(t, func(t *testing.T, e engine, dsn string, admin *sql.DB) {
		large := map[string]string{"sqlite": "TEXT", "mysql": "LONGTEXT", "postgres": "TEXT"}[e.name]
		must(t, admin, fmt.Sprintf("CREATE TABLE people (id INTEGER PRIMARY KEY, login VARCHAR(40), email %s, pass %s)", large, large))
		insert := fmt.Sprintf("INSERT INTO people VALUES (%s, %s, %s, %s)", e.mark(1), e.mark(2), e.mark(3), e.mark(4))
		secret := "hunter2"
		must(t, admin, insert, 1, "fine", "fine@example.org", strings.Repeat("h", maxHash))
		must(t, admin, insert, 2, "long-hash", "a@example.org", secret+strings.Repeat("h", maxHash))
		must(t, admin, insert, 3, "long-email", strings.Repeat(secret, 1000), "h")
		must(t, admin, insert, 4, "last", "", nil)
		s := open(t, Config{DSN: dsn, Table: "people", Columns: Columns{ID: "id", Username: "login", Email: "email", Password: "pass"}})

		users, err := s.Lookup(t.Context(), "long-hash")
		if err != nil || len(users) != 1 || len(users[0].Password.Hash) != maxHash+1 || users[0].Email != "a@example.org" {
			t.Errorf("long-hash: %d people, %v", len(users), err)
		}
		users, err = s.Lookup(t.Context(), "long-email")
		if err != nil || len(users) != 1 || len(users[0].Email) != maxIdentifier+1 || users[0].Password.Hash != "h" {
			t.Errorf("long-email: %d people, %v", len(users), err)
		}
		users, err = s.List(t.Context(), "", 10)
		if err != nil || len(users) != 4 {
			t.Errorf("List returns %d people, %v", len(users), err)
		}
	})
}

// TestTooManyShareAnIdentifier: a list cut short would hide who is meant.
func TestTooManyShareAnIdentifier(t *testing.T) {
	t.Parallel()
	onEachEngine(t, func(t *testing.T, e engine, dsn string, admin *sql.DB) {
		must(t, admin, "CREATE TABLE people (id INTEGER PRIMARY KEY, email VARCHAR(40), pass VARCHAR(40))")
		for id := range maxPeople {
			must(t, admin, fmt.Sprintf("INSERT INTO people VALUES (%d, 'a@example.org', 'h')", id+1))
		}
		s := open(t, Config{DSN: dsn, Table: "people", Columns: Columns{ID: "id", Email: "email", Password: "pass"}})
		if users, err := s.Lookup(t.Context(), "a@example.org"); err != nil || len(users) != maxPeople {
			t.Errorf("%d people, %v", len(users), err)
		}
		must(t, admin, "INSERT INTO people VALUES (99, 'a@example.org', 'h')")
		if users, err := s.Lookup(t.Context(), "a@example.org"); err == nil {
			t.Errorf("%d people and no error", len(users))
		}
	})
}

// TestNullPassword: a person without a hash is still a person whose password this store answers for.
func TestNullPassword(t *testing.T) {
	t.Parallel()
	onEachEngine(t, func(t *testing.T, _ engine, dsn string, admin *sql.DB) {
		must(t, admin, "CREATE TABLE people (id INTEGER PRIMARY KEY, email VARCHAR(40), pass VARCHAR(40))")
		must(t, admin, "INSERT INTO people VALUES (1, 'a@example.org', NULL)")
		s := open(t, Config{DSN: dsn, Table: "people", Columns: Columns{ID: "id", Email: "email", Password: "pass"}, Scheme: "phpass"})
		users, err := s.Lookup(t.Context(), "a@example.org")
		if err != nil || len(users) != 1 {
			t.Fatalf("%d people, %v", len(users), err)
		}
		if p := users[0].Password; p == nil || p.Hash != "" || p.Scheme != "phpass" || p.User != "a@example.org" {
			t.Error("the password is not an empty hash of the scheme, beside the e-mail as login name")
		}
	})
}

// TestKeys reads by keys of many types: the text of a key leads back to its row, and no other text does.
func TestKeys(t *testing.T) {
	t.Parallel()
	const id = "6ba7b810-9dad-11d1-80b4-00c04fd430c8"
	tests := []struct {
		engine, column, literal, key string
		not                          []string
	}{
		{"sqlite", "INTEGER", "9223372036854775807", "9223372036854775807", []string{"9223372036854775806", "9.2e18"}},
		{"sqlite", "TEXT", "'0042'", "0042", []string{"42", "0042 "}},
		{"sqlite", "BLOB", "x'00ff10'", "00ff10", []string{"00FF10", "00ff1", "0x00ff10"}},
		{"mysql", "BIGINT UNSIGNED", "18446744073709551615", "18446744073709551615", []string{"18446744073709551614", "-1"}},
		{"mysql", "INT", "-5", "-5", []string{"5", "-05"}},
		{"mysql", "VARCHAR(40)", "'Abc'", "Abc", []string{"abc", "Abc ", "Äbc"}},
		{"mysql", "CHAR(36)", "'" + id + "'", id, []string{strings.ToUpper(id)}},
		{"mysql", "BINARY(16)", "x'6ba7b8109dad11d180b400c04fd430c8'", "6ba7b8109dad11d180b400c04fd430c8", []string{id, "6b"}},
		{"mysql", "DECIMAL(30,0)", "123456789012345678901234567890", "123456789012345678901234567890", []string{"123456789012345678901234567891"}},
		{"postgres", "UUID", "'" + id + "'", id, []string{strings.ToUpper(id), "{" + id + "}", "urn:uuid:" + id, "x"}},
		{"postgres", "SMALLINT", "7", "7", []string{"07", "70000", "9999999999999999999"}},
		{"postgres", "NUMERIC", "123456789012345678901234567890", "123456789012345678901234567890", []string{"1.0", "NaN"}},
		{"postgres", "BYTEA", `'\x00ff10'`, "00ff10", []string{`\x00ff10`, "00FF10"}},
		{"postgres", "VARCHAR(40)", "'Abc'", "Abc", []string{"abc", "Abc "}},
	}
	for _, tt := range tests {
		for _, e := range testEngines() {
			if e.name != tt.engine {
				continue
			}
			t.Run(tt.engine+" "+tt.column, func(t *testing.T) {
				t.Parallel()
				dsn, admin := e.open(t)
				must(t, admin, "CREATE TABLE people (id "+tt.column+" PRIMARY KEY, email VARCHAR(40), pass VARCHAR(40))")
				must(t, admin, "INSERT INTO people VALUES ("+tt.literal+", 'a@example.org', 'h')")
				s := open(t, Config{DSN: dsn, Table: "people", Columns: Columns{ID: "id", Email: "email", Password: "pass"}})
				users, err := s.Lookup(t.Context(), "a@example.org")
				if err != nil || len(users) != 1 || users[0].ID != tt.key {
					t.Fatalf("Lookup: %v, %v; want key %s", users, err, tt.key)
				}
				if u, err := s.Get(t.Context(), tt.key); err != nil || u.ID != tt.key {
					t.Errorf("Get: %v, %v", u.ID, err)
				}
				for _, other := range append(tt.not, "", "a'b", "\x00", "999999999999999999999999999999999999999") {
					if u, err := s.Get(t.Context(), other); !errors.Is(err, legacy.ErrNoUser) {
						t.Errorf("Get(%q): %q, %v", other, u.ID, err)
					}
				}
				if page, err := s.List(t.Context(), tt.key, 5); err != nil || len(page) != 0 {
					t.Errorf("List behind the last: %v, %v", page, err)
				}
			})
		}
	}
}

// TestNumericIdentifiers: a number column is asked for numbers only. MySQL would take "abc" for 0, the default of many
// a phone column.
func TestNumericIdentifiers(t *testing.T) {
	t.Parallel()
	onEachEngine(t, func(t *testing.T, _ engine, dsn string, admin *sql.DB) {
		must(t, admin, "CREATE TABLE people (id INTEGER PRIMARY KEY, phone BIGINT, pass VARCHAR(40))")
		for id := range 2 * maxPeople {
			must(t, admin, fmt.Sprintf("INSERT INTO people VALUES (%d, 0, 'h')", id+1))
		}
		must(t, admin, "INSERT INTO people VALUES (99, 49151, 'h')")
		s := open(t, Config{DSN: dsn, Table: "people", Columns: Columns{ID: "id", Phone: "phone", Password: "pass"}})
		for spelling, want := range map[string]int{"abc": 0, "49151abc": 0, "49151": 1, "+49151": 0, "49151.0": 0} {
			if users, err := s.Lookup(t.Context(), spelling); err != nil || len(users) != want {
				t.Errorf("Lookup(%q): %d people, %v; want %d", spelling, len(users), err, want)
			}
		}
	})
}

// TestOldCharsets: columns of old MySQL tables cannot hold every character, which is no reason for an error.
func TestOldCharsets(t *testing.T) {
	t.Parallel()
	dsn, admin := openTestMySQL(t)
	for i, charset := range []string{"latin1", "utf8mb3", "utf8mb4", "ascii"} {
		table := fmt.Sprintf("people%d", i)
		must(t, admin, "CREATE TABLE "+table+" (id INTEGER PRIMARY KEY, login VARCHAR(40), pass VARCHAR(40)) CHARACTER SET "+charset)
		must(t, admin, "INSERT INTO "+table+" VALUES (1, 'anna', 'h'), (2, 'm?ller', 'h')")
		s := open(t, Config{DSN: dsn, Table: table, Columns: Columns{ID: "id", Username: "login", Password: "pass"}})
		for _, spelling := range []string{"anna", "m\u00fcller", "\u65e5\u672c", "anna\U0001F600", "\u0434\u0430\u0440\u044c\u044f"} {
			users, err := s.Lookup(t.Context(), spelling, "nobody")
			if err != nil {
				t.Errorf("%s: Lookup(%q): %v", charset, spelling, err)
			} else if want := spelling == "anna"; (len(users) == 1) != want {
				t.Errorf("%s: Lookup(%q): %d people", charset, spelling, len(users))
			}
		}
	}
}

// TestOldEncoding: neither can a PostgreSQL database in LATIN1.
func TestOldEncoding(t *testing.T) {
	t.Parallel()
	dsn, admin := openTestPostgres(t)
	u, err := url.Parse(dsn)
	if err != nil {
		t.Fatal("the DSN is not a URL")
	}
	old := strings.TrimPrefix(u.Path, "/") + "_latin1"
	must(t, admin, "CREATE DATABASE "+old+" ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0")
	t.Cleanup(func() { must(t, admin, "DROP DATABASE "+old+" WITH (FORCE)") })
	u.Path = "/" + old
	inside, err := sql.Open("pgx", u.String())
	if err != nil {
		t.Fatal(err)
	}
	defer inside.Close()
	must(t, inside, "CREATE TABLE people (id TEXT PRIMARY KEY, login TEXT, pass TEXT)")
	must(t, inside, "INSERT INTO people VALUES ('1', 'm\u00fcller', 'h')")
	s := open(t, Config{DSN: u.String(), Table: "people", Columns: Columns{ID: "id", Username: "login", Password: "pass"}})
	for spelling, want := range map[string]int{"m\u00fcller": 1, "\u65e5\u672c": 0, "m\u00fcller\U0001F600": 0} {
		if users, err := s.Lookup(t.Context(), spelling); err != nil || len(users) != want {
			t.Errorf("Lookup(%q): %d people, %v; want %d", spelling, len(users), err, want)
		}
	}
	if users, err := s.Lookup(t.Context(), "\u65e5", "m\u00fcller", "\u672c"); err != nil || len(users) != 1 {
		t.Errorf("what fits is found beside what does not: %d people, %v", len(users), err)
	}
	if _, err := s.Get(t.Context(), "\u65e5"); !errors.Is(err, legacy.ErrNoUser) {
		t.Errorf("Get: %v", err)
	}
}

// TestZeroDates: MySQL's impossible dates are an unknown time, and cost nobody else anything.
func TestZeroDates(t *testing.T) {
	t.Parallel()
	dsn, admin := openTestMySQL(t)
	must(t, admin, "CREATE TABLE people (id INTEGER PRIMARY KEY, login VARCHAR(40), pass VARCHAR(40), made DATETIME, seen TIMESTAMP NULL)")
	conn, err := admin.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	for _, statement := range []string{
		"SET SESSION sql_mode = ''", "SET SESSION time_zone = '+05:00'",
		"INSERT INTO people VALUES (1, 'zero', 'h', '0000-00-00 00:00:00', NULL), (2, 'part', 'h', '2020-00-00 00:00:00', NULL), (3, 'real', 'h', '2020-02-03 04:05:06', '2020-02-03 09:05:06')",
	} {
		if _, err := conn.ExecContext(t.Context(), statement); err != nil {
			t.Fatal(err)
		}
	}
	s := open(t, Config{DSN: dsn, Table: "people", Columns: Columns{ID: "id", Username: "login", Password: "pass", CreatedAt: "made", LastLoginAt: "seen"}})
	users, err := s.List(t.Context(), "", 10)
	if err != nil || len(users) != 3 {
		t.Fatalf("%d people, %v", len(users), err)
	}
	moment := time.Date(2020, 2, 3, 4, 5, 6, 0, time.UTC)
	for i, want := range []time.Time{{}, {}, moment} {
		if got := users[i].CreatedAt; !got.Equal(want) {
			t.Errorf("person %s was made at %v, want %v", users[i].ID, got, want)
		}
	}
	if got := users[2].LastLoginAt; !got.Equal(moment) {
		t.Errorf("TIMESTAMP depends on a time zone: %v", got)
	}
}

// TestInfiniteTimes: PostgreSQL's infinity is an unknown time.
func TestInfiniteTimes(t *testing.T) {
	t.Parallel()
	dsn, admin := openTestPostgres(t)
	must(t, admin, "CREATE SCHEMA old")
	must(t, admin, "CREATE TABLE old.people (id INTEGER PRIMARY KEY, login VARCHAR(40), pass VARCHAR(40), made TIMESTAMP, seen TIMESTAMPTZ, born DATE)")
	must(t, admin, "INSERT INTO old.people VALUES (1, 'a', 'h', 'infinity', '-infinity'), (2, 'b', 'h', '2020-02-03 04:05:06', '2020-02-03 09:05:06+05')")
	s := open(t, Config{DSN: dsn, Table: "old.people", Columns: Columns{ID: "id", Username: "login", Password: "pass", CreatedAt: "made", LastLoginAt: "seen"}})
	users, err := s.List(t.Context(), "", 10)
	if err != nil || len(users) != 2 {
		t.Fatalf("%d people, %v", len(users), err)
	}
	moment := time.Date(2020, 2, 3, 4, 5, 6, 0, time.UTC)
	if !users[0].CreatedAt.IsZero() || !users[0].LastLoginAt.IsZero() || !users[1].CreatedAt.Equal(moment) || !users[1].LastLoginAt.Equal(moment) {
		t.Errorf("times are %v %v, %v %v", users[0].CreatedAt, users[0].LastLoginAt, users[1].CreatedAt, users[1].LastLoginAt)
	}
}

// TestErrorsTellNoValue shows that what a driver quotes in its messages does not get through.
func TestErrorsTellNoValue(t *testing.T) {
	t.Parallel()
	dsn, admin := openTestPostgres(t)
	must(t, admin, "CREATE TABLE people (id INTEGER PRIMARY KEY, login INET, pass TEXT)")
	must(t, admin, "INSERT INTO people VALUES (1, '10.0.0.1', 'h')")
	s := open(t, Config{DSN: dsn, Table: "people", Columns: Columns{ID: "id", Username: "login", Password: "pass"}})
	_, err := s.Lookup(t.Context(), "hunter2")
	if err == nil || strings.Contains(err.Error(), "hunter2") {
		t.Errorf("Lookup of text in a column of addresses: %v", err)
	}
}

// TestSlowDatabase waits for a table that somebody else has locked. A caller who goes away does not count against the
// database; a deadline that passes does.
func TestSlowDatabase(t *testing.T) {
	t.Parallel()
	onEachEngine(t, func(t *testing.T, e engine, dsn string, admin *sql.DB) {
		lock := map[string][]string{
			"mysql":    {"LOCK TABLES people WRITE"},
			"postgres": {"BEGIN", "LOCK TABLE people IN ACCESS EXCLUSIVE MODE"},
		}[e.name]
		if lock == nil {
			return // SQLite's readers wait for nobody
		}
		must(t, admin, "CREATE TABLE people (id INTEGER PRIMARY KEY, login VARCHAR(40), pass VARCHAR(40))")
		s := open(t, Config{
			DSN: dsn, Table: "people", Columns: Columns{ID: "id", Username: "login", Password: "pass"}, Timeout: time.Second, BreakAfter: 2,
			BreakFor: time.Hour,
		})
		if err := s.Check(t.Context()); err != nil {
			t.Fatal(err)
		}
		holder, err := admin.Conn(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		defer holder.Close()
		for _, statement := range lock {
			if _, err := holder.ExecContext(t.Context(), statement); err != nil {
				t.Fatal(err)
			}
		}
		for range 5 {
			ctx, cancel := context.WithCancel(t.Context())
			timer := time.AfterFunc(10*time.Millisecond, cancel)
			if _, err := s.Lookup(ctx, "a"); !errors.Is(err, context.Canceled) {
				t.Errorf("cancelled: %v", err)
			}
			timer.Stop()
		}
		for range 2 {
			if _, err := s.Lookup(t.Context(), "a"); err == nil || !strings.HasSuffix(err.Error(), "no answer within 1s") {
				t.Errorf("too slow: %v", err)
			}
		}
		if _, err := s.Lookup(t.Context(), "a"); !errors.Is(err, guard.ErrOpen) {
			t.Errorf("after two failures: %v, want ErrOpen", err)
		}
	})
}
