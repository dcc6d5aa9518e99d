package sqlsource

import (
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"rekey/legacy"
)

// ids returns who is there, in the order of the keys.
func ids(t *testing.T, s *Source) string {
	t.Helper()
	users, err := s.List(t.Context(), "", 100)
	if err != nil {
		t.Fatal(err)
	}
	var list []string
	for _, u := range users {
		if u.Disabled {
			u.ID += "!"
		}
		list = append(list, u.ID)
	}
	return strings.Join(list, " ")
}

var simple = Columns{ID: "id", Email: "mail", Password: "hash"}

// TestConditions shows who is there, and who is disabled, by each operator and over each type.
func TestConditions(t *testing.T) {
	t.Parallel()
	onEachEngine(t, func(t *testing.T, e engine, dsn string, admin *sql.DB) {
		w := writer{t, e, admin}
		w.table("people", "id int", "mail text", "hash text", "state text", "level signed", "active bool", "gone time")
		moment := time.Date(2020, 2, 3, 4, 5, 6, 0, time.UTC)
		w.row("people", 1, "a", "h", "live", 5, true, nil)
		w.row("people", 2, "b", "h", "Gone", -3, false, moment)
		w.row("people", 3, "c", "h", nil, nil, nil, nil)
		w.row("people", 4, "d", "h", "", 0, true, moment)
		for _, tt := range []struct {
			column, op string
			values     []string
			want       string // the people for whom it holds
		}{
			{"state", "=", []string{"live"}, "1"},
			{"state", "=", []string{""}, "4"},
			{"state", "=", []string{"' OR 1=1 --"}, ""},
			{"state", "!=", []string{"live"}, "2 3 4"},
			{"state", "in", []string{"live", "Gone"}, "1 2"},
			{"state", "not in", []string{"live", "Gone"}, "3 4"},
			{"state", "is null", nil, "3"},
			{"state", "is not null", nil, "1 2 4"},
			{"level", "=", []string{"0"}, "4"},
			{"level", "<", []string{"0"}, "2"},
			{"level", ">", []string{"-1"}, "1 4"},
			{"level", "!=", []string{"5"}, "2 3 4"},
			{"level", "not in", []string{"5", "-3"}, "3 4"},
			{"active", "=", []string{"true"}, "1 4"},
			{"active", "=", []string{"0"}, "2"},
			{"active", "!=", []string{"true"}, "2 3"},
			{"gone", "is not null", nil, "2 4"},
			{"gone", "<", []string{"2021-01-01 00:00:00"}, "2 4"},
			{"gone", ">", []string{"2021-01-01 00:00:00"}, ""},
		} {
			c := Condition{tt.column, tt.op, tt.values}
			s := open(t, Config{DSN: dsn, Table: "people", Columns: simple, Where: []Condition{c}})
			if got := ids(t, s); got != tt.want {
				t.Errorf("where %v: %q are there, want %q", c, got, tt.want)
			}
			for id, mail := range map[string]string{"1": "a", "2": "b", "3": "c", "4": "d"} {
				isThere := strings.Contains(tt.want, id)
				if users, err := s.Lookup(t.Context(), mail, "nobody"); err != nil || len(users) == 1 != isThere {
					t.Errorf("where %v: Lookup(%q): %d people, %v", c, mail, len(users), err)
				}
				if _, err := s.Get(t.Context(), id); isThere && err != nil || !isThere && !errors.Is(err, legacy.ErrNoUser) {
					t.Errorf("where %v: Get(%s): %v", c, id, err)
				}
			}
			all := "1 2 3 4"
			for id := range strings.FieldsSeq(tt.want) {
				all = strings.Replace(all, id, id+"!", 1)
			}
			s = open(t, Config{DSN: dsn, Table: "people", Columns: simple, DisabledWhen: []Condition{{"id", "<", []string{"0"}}, c}})
			if got := ids(t, s); got != all {
				t.Errorf("disabled when %v: %q, want %q", c, got, all)
			}
		}

		inactive := simple
		inactive.Disabled = "!active"
		s := open(t, Config{DSN: dsn, Table: "people", Columns: inactive, DisabledWhen: []Condition{{"level", ">", []string{"4"}}}})
		if got := ids(t, s); got != "1! 2! 3! 4" {
			t.Errorf("by a column or a condition: %q", got)
		}

		s = open(t, Config{DSN: dsn, Table: "people", Columns: simple, Where: []Condition{{"level", "=", []string{"high"}}}})
		err := s.Check(t.Context())
		if !errors.Is(err, legacy.ErrMapping) || !strings.HasSuffix(err.Error(), `table people: where: no value of column level is written "high"`) {
			t.Errorf("a number that is none: %v", err)
		}
		if _, err := s.Lookup(t.Context(), "a"); err == nil || errors.Is(err, legacy.ErrNoUser) {
			t.Errorf("a number that is none: Lookup: %v", err)
		}
	})
}

// TestCompositeKeys walks keys whose values hold the separator and the escape, page by page, and reads each by its text.
func TestCompositeKeys(t *testing.T) {
	t.Parallel()
	onEachEngine(t, func(t *testing.T, e engine, dsn string, admin *sql.DB) {
		w := writer{t, e, admin}
		w.table("people", "realm text", "raw bytes", "id signed", "mail text", "hash text")
		var want []string
		for i, key := range []struct {
			realm string
			raw   []byte
			id    int
			text  string
		}{
			{"", []byte{0}, 1, ":00:1"},
			{"a", []byte{0}, 1, "a:00:1"},
			{"a", []byte{0}, 2, "a:00:2"},
			{"a", []byte{0}, 10, "a:00:10"},
			{"a", []byte{0xff}, 1, "a:ff:1"},
			{"b", []byte{0}, 1, "b:00:1"},
			{"c:d", []byte(":"), -4, `c\:d:3a:-4`},
			{"e\\", []byte("\\"), 4, `e\\:5c:4`},
		} {
			w.row("people", key.realm, key.raw, key.id, fmt.Sprintf("m%d", i), "h")
			want = append(want, key.text)
		}
		s := open(t, Config{DSN: dsn, Table: "people", Columns: Columns{ID: "realm,raw,id", Email: "mail", Password: "hash"}})
		for limit := 1; limit <= len(want)+1; limit++ {
			var got []string
			for after := ""; ; {
				page, err := s.List(t.Context(), after, limit)
				if err != nil {
					t.Fatal(err)
				}
				for _, u := range page {
					got = append(got, u.ID)
				}
				if len(page) < limit {
					break
				}
				after = page[len(page)-1].ID
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Fatalf("pages of %d: %s", limit, diff)
			}
		}
		for i, id := range want {
			u, err := s.Get(t.Context(), id)
			if err != nil || u.ID != id || u.Email != fmt.Sprintf("m%d", i) {
				t.Errorf("Get(%q): %q, %v", id, u.ID, err)
			}
		}
		for _, id := range []string{
			"", "a", "a:00", "a:00:1:", "a:00:01", "a:00:3", "a:0:1", "A:00:1", "a:FF:1", `\a:00:1`, `a\:00:1`, "c:d:3a:-4", `e\:5c:4`, `e\\\:5c:4`, `a:00:1\`,
			"a:00:99999999999999999999", "a:00:1\x00", "a::1",
		} {
			if u, err := s.Get(t.Context(), id); !errors.Is(err, legacy.ErrNoUser) {
				t.Errorf("Get(%q): %q, %v", id, u.ID, err)
			}
		}
		if _, err := s.List(t.Context(), "a", 5); err == nil {
			t.Error("List goes on from what is no key")
		}
		w.row("people", nil, []byte{0}, 3, "null", "h")
		if e.name != "postgres" { // sorts NULL last, and so behind every page
			_, err := s.List(t.Context(), "", 1)
			if row, ok := errors.AsType[*legacy.RowError](err); !ok || row.Column != "realm" || row.Reason != "the key is empty" {
				t.Errorf("a key that is half NULL: %v", err)
			}
		}
	})
}

// TestSeveralIdentifierColumns: people are found by all, and have the first that is not empty.
func TestSeveralIdentifierColumns(t *testing.T) {
	t.Parallel()
	onEachEngine(t, func(t *testing.T, e engine, dsn string, admin *sql.DB) {
		w := writer{t, e, admin}
		w.table("people", "id int", "login text", "login_clean text", "nick text", "hash text")
		w.row("people", 1, "Anna", "anna", "annie", "h")
		w.row("people", 2, "", nil, "bob", "h")
		w.row("people", 3, nil, "", "", "h")
		s := open(t, Config{DSN: dsn, Table: "people", Columns: Columns{ID: "id", Username: "login, login_clean, nick", Password: "hash"}})
		users, err := s.List(t.Context(), "", 10)
		if err != nil {
			t.Fatal(err)
		}
		want := []legacy.User{
			{ID: "1", Username: "Anna", Aliases: []string{"anna", "annie"}, Extra: map[string]any{"login_clean": "anna", "nick": "annie"}},
			{ID: "2", Username: "bob"}, {ID: "3"},
		}
		for i := range users {
			if users[i].Password.User != users[i].Username {
				t.Errorf("person %s: the login name beside the hash is %q", users[i].ID, users[i].Password.User)
			}
			users[i].Password = nil
		}
		if diff := cmp.Diff(want, users); diff != "" {
			t.Error(diff)
		}
		for spelling, id := range map[string]string{"Anna": "1", "anna": "1", "annie": "1", "bob": "2"} {
			if found, err := s.Lookup(t.Context(), spelling); err != nil || len(found) != 1 || found[0].ID != id {
				t.Errorf("Lookup(%q): %d people, %v", spelling, len(found), err)
			}
		}
	})
}

// manyRows makes the tables of people with several rows each, and returns how they are read.
func manyRows(w writer) Config {
	w.table("people", "id int", "mail text", "hash text")
	w.table("more", "person int", "role text", "team text", "totp text", "seen time", "blocked bool", "verified bool", "mail2 text", "points int")
	return Config{
		Table: "people", Columns: Columns{ID: "id", Email: "mail", Username: "m.mail2", Password: "hash", LastLoginAt: "m.seen", Disabled: "m.blocked"},
		Profile: ProfileColumns{Roles: "m.role", Groups: "m.team", TOTPSecret: "m.totp", EmailVerified: "m.verified"},
		Extra:   []string{"m.points"},
		Joins:   []Join{{Table: "more", As: "m", On: []On{{"id", "person"}}}},
	}
}

// TestRowsOfOnePerson: what can be collected is, the stricter word counts, and a difference in anything else is an error
// of that person alone.
func TestRowsOfOnePerson(t *testing.T) {
	t.Parallel()
	onEachEngine(t, func(t *testing.T, e engine, dsn string, admin *sql.DB) {
		w := writer{t, e, admin}
		c := manyRows(w)
		c.DSN = dsn
		early, late := time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(2021, 1, 1, 0, 0, 0, 0, time.UTC)
		for id := 1; id <= 6; id++ {
			w.row("people", id, fmt.Sprintf("p%d", id), "h")
		}
		w.row("more", 1, "writer", "x", "JBSWY3DPEHPK3PXP", early, false, true, "one", 3)
		w.row("more", 1, "reader", "x", nil, late, true, true, "one", 3)
		w.row("more", 1, "writer", "", "jbsw y3dp ehpk 3pxq", nil, false, false, "one", 3)
		w.row("more", 2, "reader", "x", nil, late, false, true, "two", 3)
		w.row("more", 3, "reader", "x", nil, late, false, true, "three", 3)
		w.row("more", 3, "reader", "x", nil, late, false, true, "drei", 3)
		w.row("more", 4, "reader", "x", nil, late, false, true, "four", 3)
		w.row("more", 4, "reader", "x", nil, late, false, true, "four", 4)
		w.row("more", 5, "reader", "x", "not base32!", late, false, true, "five", 4)
		s := open(t, c)
		users, err := s.List(t.Context(), "", 6)
		wrong := map[string]string{}
		collectRowErrors(err, wrong)
		if diff := cmp.Diff(map[string]string{
			"3 m.mail2": "the joined rows differ", "4 m.points": "the joined rows differ", "5 m.totp": "not a secret in base32",
		}, wrong); diff != "" {
			t.Errorf("%v: %s", err, diff)
		}
		if err != nil && strings.Contains(err.Error(), "drei") {
			t.Error("the error tells a value")
		}
		if len(users) != 3 {
			t.Fatalf("%d people", len(users))
		}
		one := users[0]
		if !slices.Equal(one.Profile.Roles, []string{"reader", "writer"}) || !slices.Equal(one.Profile.Groups, []string{"x"}) || len(one.Profile.TOTP) != 2 {
			t.Errorf("collected: %v, %v, %d secrets", one.Profile.Roles, one.Profile.Groups, len(one.Profile.TOTP))
		}
		if !one.Disabled || one.Profile.EmailVerified || !one.LastLoginAt.Equal(late) || one.Extra["m.points"] != int64(3) {
			t.Errorf("settled: disabled %v, verified %v, seen %v, %v", one.Disabled, one.Profile.EmailVerified, one.LastLoginAt, one.Extra)
		}
		if two := users[1]; two.Disabled || !two.Profile.EmailVerified || two.Username != "two" {
			t.Errorf("one row: disabled %v, verified %v", two.Disabled, two.Profile.EmailVerified)
		}
		if six := users[2]; six.ID != "6" || six.Username != "" || six.Disabled || six.Profile.EmailVerified {
			t.Errorf("no row: %q", six.ID)
		}

		if _, err := s.Lookup(t.Context(), "drei"); err == nil || errors.Is(err, legacy.ErrNoUser) {
			t.Errorf("Lookup of somebody who cannot be told: %v", err)
		}
		if _, err := s.Get(t.Context(), "3"); err == nil || errors.Is(err, legacy.ErrNoUser) {
			t.Errorf("Get of somebody who cannot be told: %v", err)
		}
		for _, spelling := range []string{"one", "p1"} {
			found, err := s.Lookup(t.Context(), spelling)
			if err != nil || len(found) != 1 {
				t.Fatalf("Lookup(%q): %d people, %v", spelling, len(found), err)
			}
			if diff := cmp.Diff(one, found[0]); diff != "" {
				t.Errorf("found by %q, it is another record: %s", spelling, diff)
			}
		}
		var walked []string
		for after := ""; ; {
			page, err := s.List(t.Context(), after, 1)
			wrong := map[string]string{}
			collectRowErrors(err, wrong)
			for _, u := range page {
				walked = append(walked, u.ID)
				after = u.ID
			}
			if len(page)+len(wrong) == 0 {
				break
			}
			for key := range wrong {
				after, _, _ = strings.Cut(key, " ")
			}
		}
		if !slices.Equal(walked, []string{"1", "2", "6"}) {
			t.Errorf("pages of one person: %v", walked)
		}
	})
}

// collectRowErrors fills to with the reasons of a page's unreadable rows, by key and column.
func collectRowErrors(err error, to map[string]string) {
	if row, ok := err.(*legacy.RowError); ok { //nolint:errorlint // every one of them is wanted, not the first
		to[row.Key+" "+row.Column] = row.Reason
		return
	}
	switch e := err.(type) { //nolint:errorlint // the same
	case interface{ Unwrap() []error }:
		for _, inner := range e.Unwrap() {
			collectRowErrors(inner, to)
		}
	case interface{ Unwrap() error }:
		collectRowErrors(e.Unwrap(), to)
	}
}

// TestTooManyRows: a table that was joined wrongly fills no memory.
func TestTooManyRows(t *testing.T) {
	t.Parallel()
	dsn, admin := openTestSQLite(t)
	w := writer{t, testEngines()[0], admin}
	c := manyRows(w)
	c.DSN = dsn
	w.row("people", 1, "p1", "h")
	w.row("people", 2, "p2", "h")
	must(t, admin, "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i < ?) INSERT INTO more (person, role) SELECT 1, 'r' FROM n", maxRows+1)
	users, err := open(t, c).List(t.Context(), "", 10)
	wrong := map[string]string{}
	collectRowErrors(err, wrong)
	if wrong["1 id"] != "there are too many joined rows" || len(users) != 1 || users[0].ID != "2" {
		t.Errorf("%d people, %v", len(users), err)
	}
}
