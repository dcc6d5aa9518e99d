package sqlsource

import (
	"database/sql"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"rekey/legacy"
)

// TestProfile reads what moves beside the password.
func TestProfile(t *testing.T) {
	t.Parallel()
	onEachEngine(t, func(t *testing.T, e engine, dsn string, admin *sql.DB) {
		w := writer{t, e, admin}
		w.table("people", "id int", "mail text", "hash text", "first text", "last text", "lang text", "ok bool", "phone_at time", "roles text", "teams text", "totp text")
		moment := time.Date(2020, 2, 3, 4, 5, 6, 0, time.UTC)
		w.row("people", 1, "a", "h", "Anna", " Berg", "pt_BR.UTF-8", true, moment, "reader, writer", `["x, y","z"]`, "JBSWY3DPEHPK3PXP")
		w.row("people", 2, "b", "h", "", "Bob", "klingon?", false, nil, "", "[]", "")
		w.row("people", 3, "c", "h", nil, nil, nil, nil, nil, nil, nil, nil)
		s := open(t, Config{DSN: dsn, Table: "people", Columns: simple, Profile: ProfileColumns{
			DisplayName: "first,last", Locale: "lang", EmailVerified: "ok", PhoneVerified: "phone_at", Roles: "roles", Groups: "teams", TOTPSecret: "totp",
		}})
		users, err := s.List(t.Context(), "", 10)
		if err != nil || len(users) != 3 {
			t.Fatalf("%d people, %v", len(users), err)
		}
		want := []legacy.Profile{
			{
				DisplayName: "Anna Berg", Locale: "pt-BR", EmailVerified: true, PhoneVerified: true, Roles: []string{"reader", "writer"},
				Groups: []string{"x, y", "z"}, TOTP: []legacy.TOTP{{Secret: []byte("Hello!\xde\xad\xbe\xef")}},
			},
			{DisplayName: "Bob"}, {},
		}
		for i, u := range users {
			if diff := cmp.Diff(want[i], u.Profile); diff != "" {
				t.Errorf("person %s: %s", u.ID, diff)
			}
		}
		for column, text := range map[string]string{"totp": "hunter2!", "roles": `["hunter2",`, "teams": `{"hunter2":1}`} {
			must(t, admin, "UPDATE people SET totp = NULL, roles = NULL, teams = NULL")
			must(t, admin, fmt.Sprintf("UPDATE people SET %s = %s WHERE id = 3", column, e.mark(1)), text)
			_, err := s.Get(t.Context(), "3")
			row, ok := errors.AsType[*legacy.RowError](err)
			if !ok || row.Column != column || strings.Contains(err.Error(), "hunter2") {
				t.Errorf("%s that is none: %v", column, err)
			}
		}
	})
}

// TestVerifiedTheOtherWayRound: NULL is not verified, whichever way the column is read.
func TestVerifiedTheOtherWayRound(t *testing.T) {
	t.Parallel()
	onEachEngine(t, func(t *testing.T, e engine, dsn string, admin *sql.DB) {
		w := writer{t, e, admin}
		w.table("people", "id int", "mail text", "hash text", "pending bool")
		w.row("people", 1, "a", "h", false)
		w.row("people", 2, "b", "h", true)
		w.row("people", 3, "c", "h", nil)
		users, err := open(t, Config{DSN: dsn, Table: "people", Columns: simple, Profile: ProfileColumns{EmailVerified: "!pending"}}).List(t.Context(), "", 10)
		if err != nil || len(users) != 3 || !users[0].Profile.EmailVerified || users[1].Profile.EmailVerified || users[2].Profile.EmailVerified {
			t.Errorf("%d people, %v", len(users), err)
		}
	})
}

// TestExtra reads further columns as what they are.
func TestExtra(t *testing.T) {
	t.Parallel()
	moment := time.Date(2020, 2, 3, 4, 5, 6, 0, time.UTC)
	common := map[string]any{
		"whole": int64(-5), "part": 0.5, "exact": 12.25, "words": "päß", "moment": moment, "day": moment.Truncate(24 * time.Hour), "raw": "text",
	}
	for name, tt := range map[string]struct {
		table, row string
		more       map[string]any
	}{
		"sqlite": {
			"whole INTEGER, part REAL, exact DECIMAL(9,2), words TEXT, moment DATETIME, day DATE, raw BLOB, noise BLOB, yes BOOLEAN, nowt TEXT",
			"-5, 0.5, 12.25, 'päß', '2020-02-03 04:05:06', '2020-02-03', x'74657874', x'ff00', 1, NULL",
			map[string]any{"noise": "ff00", "yes": true},
		},
		"mysql": {
			"whole INT, part DOUBLE, exact DECIMAL(9,2), words VARCHAR(20), moment DATETIME, day DATE, raw VARBINARY(20), noise BLOB, yes BIT(1), nowt TEXT",
			"-5, 0.5, 12.25, 'päß', '2020-02-03 04:05:06', '2020-02-03', x'74657874', x'ff00', 1, NULL",
			map[string]any{"noise": "ff00", "yes": true},
		},
		"postgres": {
			"whole SMALLINT, part FLOAT4, exact NUMERIC(9,2), words VARCHAR(20), moment TIMESTAMPTZ, day DATE, raw BYTEA, noise BYTEA, yes BOOLEAN, nowt TEXT, names TEXT[]",
			`-5, 0.5, 12.25, 'päß', '2020-02-03 04:05:06Z', '2020-02-03', 'text', '\xff00', true, NULL, '{a,"b, c"}'`,
			map[string]any{"noise": "ff00", "yes": true, "names": []string{"a", "b, c"}},
		},
	} {
		i := map[string]int{"sqlite": 0, "mysql": 1, "postgres": 2}[name]
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dsn, admin := testEngines()[i].open(t)
			must(t, admin, "CREATE TABLE people (id INTEGER, mail VARCHAR(20), hash VARCHAR(20), "+tt.table+")")
			must(t, admin, "INSERT INTO people VALUES (1, 'a', 'h', "+tt.row+")")
			want := map[string]any{}
			maps.Copy(want, common)
			maps.Copy(want, tt.more)
			s := open(t, Config{DSN: dsn, Table: "people", Columns: simple, Extra: append(slices.Collect(maps.Keys(want)), "nowt")})
			byKey, err := s.Get(t.Context(), "1")
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, byKey.Extra); diff != "" {
				t.Errorf("Get: %s", diff)
			}
			page, err := s.List(t.Context(), "", 5) // without arguments, MySQL speaks another protocol
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, page[0].Extra); diff != "" {
				t.Errorf("List: %s", diff)
			}
		})
	}
}

// TestParamColumns: a parameter of the scheme is each person's own, and where theirs is empty, everybody's.
func TestParamColumns(t *testing.T) {
	t.Parallel()
	onEachEngine(t, func(t *testing.T, e engine, dsn string, admin *sql.DB) {
		must(t, admin, "CREATE TABLE people (id "+e.types["int"]+", mail "+e.types["text"]+", hash "+e.types["text"]+", rounds "+e.types["int"]+", algo "+e.types["text"]+")")
		must(t, admin, "INSERT INTO people VALUES (1, 'a', 'h', 500, 'argon2'), (2, 'b', 'h', NULL, '')")
		s := open(t, Config{
			DSN: dsn, Table: "people", Columns: simple, Params: map[string]string{"algo": "pbkdf2", "iterations": "7"},
			ParamColumns: map[string]string{"iterations": "rounds", "algo": "algo"},
		})
		users, err := s.List(t.Context(), "", 5)
		if err != nil || len(users) != 2 {
			t.Fatalf("%d people, %v", len(users), err)
		}
		for i, want := range []map[string]string{{"algo": "argon2", "iterations": "500"}, {"algo": "pbkdf2", "iterations": "7"}} {
			if diff := cmp.Diff(want, users[i].Password.Params); diff != "" {
				t.Errorf("person %d (-want +got):\n%s", i+1, diff)
			}
		}
	})
}

// TestPostgresLists: an array and a jsonb are lists too.
func TestPostgresLists(t *testing.T) {
	t.Parallel()
	dsn, admin := openTestPostgres(t)
	must(t, admin, "CREATE TABLE people (id INTEGER, mail TEXT, hash TEXT, roles TEXT[], teams JSONB)")
	must(t, admin, `INSERT INTO people VALUES (1, 'a', 'h', ARRAY['one, two', 'three', '"'], '["x"]'), (2, 'b', 'h', '{}', 'null'), (3, 'c', 'h', NULL, NULL)`)
	s := open(t, Config{DSN: dsn, Table: "people", Columns: simple, Profile: ProfileColumns{Roles: "roles", Groups: "teams"}})
	users, err := s.List(t.Context(), "", 10)
	if err != nil {
		t.Fatal(err)
	}
	want := []legacy.Profile{{Roles: []string{"one, two", "three", `"`}, Groups: []string{"x"}}, {}, {}}
	for i, u := range users {
		if diff := cmp.Diff(want[i], u.Profile); diff != "" {
			t.Errorf("person %s: %s", u.ID, diff)
		}
	}
}
