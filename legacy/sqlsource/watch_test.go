package sqlsource

import (
	"database/sql"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"rekey/legacy"
)

// A timing is how an application writes down when a record was written.
type timing struct {
	name, column string // its type, by engine where they differ
	value        func(time.Time) any
}

func timings(e engine) []timing {
	fine := map[string]string{"sqlite": "DATETIME", "mysql": "DATETIME(6)", "postgres": "TIMESTAMP"}[e.name]
	all := []timing{
		{"the database's time", e.types["time"], func(at time.Time) any { return at.Format(time.DateTime) }},
		{"microseconds", fine, func(at time.Time) any { return at.Format("2006-01-02 15:04:05.000000") }},
		{"seconds since 1970", "INTEGER", func(at time.Time) any { return at.Unix() }},
		{"milliseconds since 1970", "BIGINT", func(at time.Time) any { return at.UnixMilli() }},
		{"text", "VARCHAR(40)", func(at time.Time) any { return at.Format(time.RFC3339) }},
		{"compact text", "VARCHAR(14)", func(at time.Time) any { return at.Format(compactTime) }},
	}
	return all
}

func TestChanged(t *testing.T) {
	t.Parallel()
	onEachEngine(t, func(t *testing.T, e engine, dsn string, admin *sql.DB) {
		start := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
		for i, way := range timings(e) {
			table := "people" + strconv.Itoa(i)
			must(t, admin, fmt.Sprintf(`CREATE TABLE %s (id BIGINT PRIMARY KEY, login VARCHAR(40), pass VARCHAR(40), gone INTEGER, written %s)`, table, way.column))
			write := func(id int, at time.Time, gone int) {
				t.Helper()
				must(t, admin, fmt.Sprintf(`DELETE FROM %s WHERE id = %d`, table, id))
				must(t, admin, fmt.Sprintf(`INSERT INTO %s VALUES (%d, 'n%d', 'x', %d, %s)`, table, id, id, gone, e.mark(1)), way.value(at))
			}
			for id := 1; id <= 7; id++ {
				write(id, start.Add(time.Duration(id/3)*time.Minute), id%2) // several have the same time
			}
			must(t, admin, fmt.Sprintf(`INSERT INTO %s VALUES (8, 'n8', 'x', 0, NULL)`, table))
			s := open(t, Config{
				DSN: dsn, Table: table, Columns: Columns{ID: "id", Username: "login", Password: "pass"}, UpdatedAt: "written",
				Where: []Condition{{Column: "gone", Op: "=", Values: []string{"0"}}},
			})
			if err := s.Check(t.Context()); err != nil || !s.Watches() {
				t.Fatalf("%s: %v, watches: %t", way.name, err, s.Watches())
			}
			read := func(after string, back time.Duration, want ...string) (next string) {
				t.Helper()
				var ids []string
				for more := true; more; back = 0 {
					page, err := s.Changed(t.Context(), after, back, 2)
					if err != nil {
						t.Fatalf("%s: %v", way.name, err)
					}
					if len(page.IDs) > 2 {
						t.Fatalf("%s: a page of 2 has %d", way.name, len(page.IDs))
					}
					ids, after, more = append(ids, page.IDs...), page.Next, page.More
				}
				if diff := cmp.Diff(want, ids); diff != "" {
					t.Errorf("%s: (-want +got)\n%s", way.name, diff)
				}
				return after
			}
			// Those whom a condition leaves out are told as well: to be left out is a change.
			at := read("", 0, "1", "2", "3", "4", "5", "6", "7")
			if newest, err := s.Newest(t.Context()); newest != at || err != nil {
				t.Errorf("%s: the newest is %s (%v), and Changed ends at %s", way.name, newest, err, at)
			}
			if again := read(at, 0); again != at {
				t.Errorf("%s: nothing has happened, and the place is %s and was %s", way.name, again, at)
			}
			write(2, start.Add(3*time.Minute), 0)
			write(9, start.Add(90*time.Second), 0) // it began earlier, and is seen only now
			at = read(at, 30*time.Second, "9", "6", "7", "2")
			read(at, 100*time.Second, "9", "6", "7", "2")
			read(at, 0)
			must(t, admin, `DELETE FROM `+table)
			if again := read(at, 0); again != at {
				t.Errorf("%s: the place got lost: %s", way.name, again)
			}
			if newest, err := s.Newest(t.Context()); newest != "" || err != nil {
				t.Errorf("%s: the newest of nobody is %s (%v)", way.name, newest, err)
			}
		}
	})
}

// A key of several columns, in an order that is not that of its text.
func TestChangedByKeysOfSeveralColumns(t *testing.T) {
	t.Parallel()
	onEachEngine(t, func(t *testing.T, e engine, dsn string, admin *sql.DB) {
		must(t, admin, `CREATE TABLE people (realm BIGINT, name VARCHAR(40), pass VARCHAR(40), written BIGINT, PRIMARY KEY (realm, name))`)
		for _, realm := range []string{"2", "10"} {
			for _, name := range []string{"a:b", "b", "c"} {
				must(t, admin, `INSERT INTO people VALUES (`+realm+`, '`+name+`', 'x', 1700000000)`)
			}
		}
		s := open(t, Config{
			DSN: dsn, Table: "people", Columns: Columns{ID: "realm,name", Username: "name", Password: "pass"}, UpdatedAt: "written",
		})
		var ids []string
		for page := (legacy.Changes{More: true}); page.More; {
			var err error
			if page, err = s.Changed(t.Context(), page.Next, 0, 1); err != nil {
				t.Fatal(err)
			}
			ids = append(ids, page.IDs...)
		}
		if diff := cmp.Diff([]string{`2:a\:b`, "2:b", "2:c", `10:a\:b`, "10:b", "10:c"}, ids); diff != "" {
			t.Errorf("(-want +got)\n%s", diff)
		}
	})
}

func TestChangedRefuses(t *testing.T) {
	t.Parallel()
	dsn, admin := openTestSQLite(t)
	must(t, admin, `CREATE TABLE people (id INTEGER PRIMARY KEY, login TEXT, pass TEXT, raw BLOB, seen INTEGER)`)
	must(t, admin, `INSERT INTO people VALUES (1, 'anna', 'x', x'00', 5)`)
	columns := Columns{ID: "id", Username: "login", Password: "pass"}

	s := open(t, Config{DSN: dsn, Table: "people", Columns: columns})
	if _, err := s.Changed(t.Context(), "", 0, 1); !errors.Is(err, errNoTime) || s.Watches() {
		t.Errorf("without a column: %v", err)
	}
	s = open(t, Config{DSN: dsn, Table: "people", Columns: columns, UpdatedAt: "raw"})
	if _, err := s.Changed(t.Context(), "", 0, 1); !errors.Is(err, legacy.ErrMapping) {
		t.Errorf("a column of bytes: %v", err)
	}
	s = open(t, Config{DSN: dsn, Table: "people", Columns: columns, UpdatedAt: "written"})
	if err := s.Check(t.Context()); !errors.Is(err, legacy.ErrMapping) || !strings.Contains(err.Error(), "written") {
		t.Errorf("a column that is not there: %v", err)
	}
	s = open(t, Config{DSN: dsn, Table: "people", Columns: columns, UpdatedAt: "seen"})
	for _, after := range []string{"nonsense", `{"text":"5","id":"anna"}`, `{"id":7}`} {
		if _, err := s.Changed(t.Context(), after, 0, 1); !errors.Is(err, errPlace) {
			t.Errorf("behind %s: %v", after, err)
		}
	}
	for _, limit := range []int{0, maxPage + 1} {
		if _, err := s.Changed(t.Context(), "", 0, limit); err == nil {
			t.Errorf("a page of %d is taken", limit)
		}
	}
	for _, c := range []Config{
		{DSN: dsn, Table: "people", Columns: columns, UpdatedAt: "a.b"},
		{DSN: dsn, Table: "people", Columns: columns, UpdatedAt: "mail.written", Joins: []Join{{Table: "mail", On: []On{{"id", "id"}}}}},
	} {
		if _, err := Open(c); err == nil || !strings.Contains(err.Error(), "columns.updated_at") {
			t.Errorf("%s: %v", c.UpdatedAt, err)
		}
	}
}
