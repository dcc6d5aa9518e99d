package sqlsource

import (
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"testing"

	mssql "github.com/microsoft/go-mssqldb"

	"rekey/legacy"
)

// TestCheckNamesEverything: whatever names a table or column that is not there, Check says which.
func TestCheckNamesEverything(t *testing.T) {
	t.Parallel()
	onEachEngine(t, func(t *testing.T, e engine, dsn string, admin *sql.DB) {
		w := writer{t, e, admin}
		w.table("people", "id int", "mail text", "hash text")
		w.table("more", "person int", "state text")
		check := func(c Config) error {
			c.DSN, c.Table = dsn, "people"
			if c.Columns == (Columns{}) {
				c.Columns = simple
			}
			return open(t, c).Check(t.Context())
		}
		join := func(change func(*Join)) []Join {
			j := Join{Table: "more", As: "m", On: []On{{"id", "person"}}}
			change(&j)
			return []Join{j}
		}
		for _, tt := range []struct {
			config Config
			want   string
		}{
			{Config{Columns: Columns{ID: "id,no1", Username: "mail, no2", Password: "hash"}}, "table people has no readable column no1, no2"},
			{Config{Profile: ProfileColumns{DisplayName: "mail,no3", Locale: "no4", EmailVerified: "!no5", Roles: "no6", TOTPSecret: "no7"}}, "table people has no readable column no3, no4, no5, no6, no7"},
			{Config{Extra: []string{"mail", "no8"}}, "table people has no readable column no8"},
			{Config{Where: []Condition{{"no9", "is null", nil}}}, "table people has no readable column no9"},
			{Config{DisabledWhen: []Condition{{"no10", "is null", nil}}}, "table people has no readable column no10"},
			{Config{Joins: join(func(j *Join) { j.On[0].Left = "no11" })}, "table people has no readable column no11"},
			{Config{Joins: join(func(j *Join) { j.On[0].Right = "no12" })}, "table more has no readable column no12"},
			{Config{Joins: join(func(j *Join) { j.Where = []Condition{{"no13", "is null", nil}} }), Extra: []string{"no14", "m.no15"}},
				"table people has no readable column no14; table more has no readable column no15, no13"},
			{Config{Joins: join(func(j *Join) { j.Table = "no16" }), Extra: []string{"m.state"}}, "table no16: "},
		} {
			err := check(tt.config)
			if !errors.Is(err, legacy.ErrMapping) || !strings.Contains(err.Error(), "check the table: "+tt.want) {
				t.Errorf("%v, want %q", err, tt.want)
			}
		}
		if err := check(Config{Joins: join(func(*Join) {}), Extra: []string{"m.state"}, DisabledWhen: []Condition{{"m.state", "=", []string{"x"}}}}); err != nil {
			t.Errorf("all is there: %v", err)
		}
		if e.name == "postgres" { // the others compare anything
			err := check(Config{Joins: join(func(j *Join) { j.On[0].Right = "state" })})
			if !errors.Is(err, legacy.ErrMapping) || !strings.Contains(err.Error(), "SQLSTATE 42883") {
				t.Errorf("a number joined with a text: %v", err)
			}
		}
	})
}

// TestCheckCollations: columns that MySQL will not compare are told as a mistake, not as an outage.
func TestCheckCollations(t *testing.T) {
	t.Parallel()
	dsn, admin := openTestMySQL(t)
	must(t, admin, "CREATE TABLE people (id VARCHAR(40) COLLATE utf8mb4_general_ci, mail VARCHAR(40), hash VARCHAR(40))")
	must(t, admin, "CREATE TABLE more (person VARCHAR(40) COLLATE utf8mb4_unicode_ci)")
	err := open(t, Config{DSN: dsn, Table: "people", Columns: simple, Joins: []Join{{Table: "more", On: []On{{"id", "person"}}}}}).Check(t.Context())
	if !errors.Is(err, legacy.ErrMapping) || !strings.Contains(err.Error(), "utf8mb4_unicode_ci") {
		t.Errorf("%v", err)
	}
}

// TestOldCharsetsOfJoinedTables: a joined column that cannot hold a text does not keep others from being found.
func TestOldCharsetsOfJoinedTables(t *testing.T) {
	t.Parallel()
	dsn, admin := openTestMySQL(t)
	must(t, admin, "CREATE TABLE people (id INTEGER PRIMARY KEY, login VARCHAR(40), hash VARCHAR(40)) CHARACTER SET utf8mb4")
	must(t, admin, "CREATE TABLE mails (person INTEGER, address VARCHAR(40)) CHARACTER SET latin1")
	must(t, admin, "INSERT INTO people VALUES (1, '日本', 'h'), (2, 'anna', 'h')")
	must(t, admin, "INSERT INTO mails VALUES (1, 'one'), (2, 'two')")
	s := open(t, Config{
		DSN: dsn, Table: "people", Columns: Columns{ID: "id", Username: "login", Email: "mails.address", Password: "hash"},
		Joins: []Join{{Table: "mails", On: []On{{"id", "person"}}}},
	})
	for _, spellings := range [][]string{{"日本"}, {"日本", "one"}, {"日本語", "one"}} {
		if users, err := s.Lookup(t.Context(), spellings...); err != nil || len(users) != 1 || users[0].Email != "one" {
			t.Errorf("Lookup(%q): %d people, %v", spellings, len(users), err)
		}
	}
}

// TestCheckQueries: a query that cannot be run, or does not return what is needed, is told before anybody logs in.
func TestCheckQueries(t *testing.T) {
	t.Parallel()
	onEachEngine(t, func(t *testing.T, e engine, dsn string, admin *sql.DB) {
		w := writer{t, e, admin}
		w.table("people", "id int", "mail text", "hash text")
		w.row("people", 1, "a", "h")
		w.row("people", 2, "b", "h")
		good := Queries{
			Lookup:    "SELECT id, mail AS email, hash AS password FROM people WHERE mail IN (:identifier)",
			Get:       "SELECT id, mail AS email, hash AS password FROM people WHERE id = :id",
			List:      "SELECT id, mail AS email, hash AS password FROM people ORDER BY id LIMIT :limit",
			ListAfter: "SELECT id, mail AS email, hash AS password FROM people WHERE id > :after ORDER BY id LIMIT :limit",
		}
		for _, tt := range []struct {
			change func(*Config)
			want   string // "" is fine
		}{
			{func(*Config) {}, ""},
			{func(c *Config) { c.Table, c.Columns, c.Queries = "people", simple, Queries{Lookup: good.Lookup} }, ""},
			{func(c *Config) {
				c.Extra = []string{"Points"}
				for _, q := range []*string{&c.Queries.Lookup, &c.Queries.Get, &c.Queries.List, &c.Queries.ListAfter} {
					*q = strings.Replace(*q, "SELECT id", "SELECT 7 AS points, id", 1)
				}
			}, ""},
			{func(c *Config) { c.Queries.Lookup = strings.Replace(good.Lookup, "mail AS email", "nope AS email", 1) }, "query lookup: "},
			{func(c *Config) { c.Queries.Get = strings.Replace(good.Get, "FROM people", "FROM", 1) }, "query get: "},
			{func(c *Config) { c.Queries.Get = strings.Replace(good.Get, "hash AS password", "hash", 1) }, `query get returns a column "hash" that is none of those known`},
			{func(c *Config) { c.Queries.List = strings.Replace(good.List, ", hash AS password", "", 1) }, "query list returns no column password"},
			{func(c *Config) { c.Queries.List = strings.Replace(good.List, "mail AS email", "mail AS salt", 1) }, "query list returns none of the columns username, email and phone"},
			{func(c *Config) { c.Queries.ListAfter = strings.Replace(good.ListAfter, "id,", "id, id AS \"ID\",", 1) }, "query list_after returns the column id twice"},
			{func(c *Config) { c.Queries.Get = strings.Replace(good.Get, "id,", "id, mail AS phone,", 1) },
				`query get returns ["email" "id" "password" "phone"], but query list is read for ["email" "id" "password"]`},
			{func(c *Config) {
				c.Table, c.Columns, c.Queries = "people", Columns{ID: "id", Username: "mail", Password: "hash"}, Queries{Get: good.Get}
			},
				`query get returns ["email" "id" "password"], but table people is read for ["id" "password" "username"]`},
		} {
			c := Config{DSN: dsn, Queries: good}
			tt.change(&c)
			err := open(t, c).Check(t.Context())
			switch {
			case tt.want == "" && err != nil:
				t.Errorf("%v", err)
			case tt.want != "" && (!errors.Is(err, legacy.ErrMapping) || !strings.Contains(err.Error(), tt.want)):
				t.Errorf("%v, want %q", err, tt.want)
			}
		}

		// Queries that would send a walk in circles, or past somebody.
		for _, tt := range []struct{ list, listAfter, want string }{
			{strings.Replace(good.List, "ORDER BY id LIMIT :limit", "WHERE :limit > 0 ORDER BY id", 1), good.ListAfter, "query list returns more rows than :limit"},
			{good.List, strings.Replace(good.ListAfter, "id > :after", "id >= :after", 1), `query list_after returns the person "1" again`},
			{"SELECT 1 AS id, mail AS email, hash AS password FROM people ORDER BY mail LIMIT :limit", good.ListAfter, `query list returns the person "1" again`},
		} {
			c := Config{DSN: dsn, Queries: good}
			c.Queries.List, c.Queries.ListAfter = tt.list, tt.listAfter
			s := open(t, c)
			limit := 1
			if strings.Contains(tt.want, "person") {
				limit = 2
			}
			_, err := s.List(t.Context(), "", limit)
			if err == nil {
				_, err = s.List(t.Context(), "1", limit)
			}
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("%v, want %q", err, tt.want)
			}
		}
	})
}

// TestQueriesOfOthers: with a query of the operator's, too many people are still too many, and somebody whose rows
// differ cannot be told.
func TestQueriesOfOthers(t *testing.T) {
	t.Parallel()
	onEachEngine(t, func(t *testing.T, e engine, dsn string, admin *sql.DB) {
		w := writer{t, e, admin}
		w.table("people", "id int", "mail text", "hash text")
		for id := range maxPeople + 5 {
			w.row("people", id+1, "crowd", "h")
		}
		w.row("people", 90, "twin", "h1")
		w.row("people", 90, "twin", "h2")
		s := open(t, Config{DSN: dsn, Table: "people", Columns: simple, Queries: Queries{
			Lookup: "SELECT id, mail AS email, hash AS password FROM people WHERE mail IN (:identifier)",
		}})
		if _, err := s.Lookup(t.Context(), "crowd"); !errors.Is(err, legacy.ErrTooMany) {
			t.Errorf("a crowd: %v", err)
		}
		_, err := s.Lookup(t.Context(), "twin")
		if row, ok := errors.AsType[*legacy.RowError](err); !ok || row.Key != "90" || row.Column != "password" {
			t.Errorf("one person with two hashes: %v", err)
		}
		if u, err := s.Get(t.Context(), "1"); err != nil || u.Email != "crowd" {
			t.Errorf("Get by the table: %v", err)
		}
	})
}

// TestQueriesInOldCharsets: what a column cannot hold is nobody's, and what stands beside it is found.
func TestQueriesInOldCharsets(t *testing.T) {
	t.Parallel()
	dsn, admin := openTestMySQL(t)
	must(t, admin, "CREATE TABLE people (id INTEGER PRIMARY KEY, mail VARCHAR(40), hash VARCHAR(40)) CHARACTER SET latin1")
	must(t, admin, "INSERT INTO people VALUES (1, 'anna', 'h')")
	s := open(t, Config{DSN: dsn, Table: "people", Columns: simple, Queries: Queries{
		Lookup: "SELECT id, mail AS email, hash AS password FROM people WHERE mail IN (:identifier)",
	}})
	for _, spellings := range [][]string{{"日本", "anna"}, {"日本"}} {
		if users, err := s.Lookup(t.Context(), spellings...); err != nil || len(users) != len(spellings)-1 {
			t.Errorf("%d people, %v", len(users), err)
		}
	}
}

// TestCheckConfig tells mistakes without asking anybody: the address in the DSN is nobody's.
func TestCheckConfig(t *testing.T) {
	t.Parallel()
	lookup := Queries{Lookup: "SELECT id FROM people WHERE mail IN (:identifier)"}
	mail := []Join{{Table: "mails", As: "mail", On: []On{{"id", "user_id"}}}}
	for _, tt := range []struct {
		change func(*Config)
		want   string
	}{
		{func(*Config) {}, ""},
		{func(c *Config) {
			c.DSN = "sqlserver://u:hunter2@h:1433?database=d&encrypt=true&TrustServerCertificate=true"
		}, ""},
		{func(c *Config) { c.DSN = "sqlserver://h?database=d" }, "dsn: a user is missing"},
		{func(c *Config) { c.DSN = "sqlserver://u:hunter2@h" }, "dsn: the option database is missing"},
		{func(c *Config) { c.DSN = "sqlserver://u:hunter2@h?database=d&log=255" }, `dsn: unknown option "log"`},
		{func(c *Config) { c.DSN = "sqlserver://u:hunter2@h?database=d&encrypt=perhaps" }, "dsn: the driver refuses it"},
		{func(c *Config) { c.Columns.ID = "id,,login" }, "columns.id: a name has 1 to 63 bytes"},
		{func(c *Config) { c.Columns.ID = "id,login,id" }, "columns.id: id is named twice"},
		{func(c *Config) { c.Columns.ID, c.Joins = "mail.id", mail }, "columns.id: the key is a column of the people's table"},
		{func(c *Config) { c.Columns.Password = "a,b" }, "columns.password: a name has letters"},
		{func(c *Config) { c.Columns.Email = "mail.address" }, `columns.email: no join is called "mail"`},
		{func(c *Config) { c.Columns.Email = "people.mail" }, `columns.email: no join is called "people"`},
		{func(c *Config) { c.Columns.Email = ".mail" }, `columns.email: no join is called ""`},
		{func(c *Config) { c.Profile.Locale = "!lang" }, "columns.locale: "},
		{func(c *Config) { c.Profile.EmailVerified = "!" }, "columns.email_verified: a name is missing"},
		{func(c *Config) { c.Extra = []string{"a", "a"} }, "extra[1]: a is named twice"},
		{func(c *Config) { c.Extra = []string{"a;b"} }, "extra[0]: a name has letters"},
		{func(c *Config) { c.Joins = []Join{{Table: "mails"}} }, "joins[0].on: without it"},
		{func(c *Config) { c.Joins = []Join{{Table: "a.b.c"}} }, "joins[0].table: want a name"},
		{func(c *Config) { c.Joins = []Join{{Table: "mails", As: "m.n", On: mail[0].On}} }, "joins[0].as: "},
		{func(c *Config) { c.Joins = []Join{mail[0], {Table: "Mail", On: mail[0].On}} }, "joins[1].as: Mail is taken"},
		{func(c *Config) { c.Joins = []Join{{Table: "x.people", On: mail[0].On}} }, "joins[0].as: people is taken"},
		{func(c *Config) { c.Joins = []Join{{Table: "x", As: "Found", On: mail[0].On}} }, "joins[0].as: Found is taken"},
		{func(c *Config) { c.Joins = []Join{{Table: "x", On: []On{{"later.id", "id"}}}} }, `joins[0].on.later.id: no join is called "later"`},
		{func(c *Config) { c.Joins = []Join{{Table: "x", On: []On{{"id", "x.id"}}}} }, "joins[0].on.id: "},
		{func(c *Config) { c.Joins = []Join{mail[0]}; c.Joins[0].Where = []Condition{{"mail.a", "is null", nil}} }, "joins[0].where[0].column: "},
		{func(c *Config) {
			for i := range maxJoins + 1 {
				c.Joins = append(c.Joins, Join{Table: "x", As: fmt.Sprint("x", i), On: mail[0].On})
			}
		}, "there are more than 16"},
		{func(c *Config) { c.Where = []Condition{{"a", "like", []string{"b"}}} }, `where[0].op: want =, !=, <, >, in, not in, is null or is not null, not "like"`},
		{func(c *Config) { c.Where = []Condition{{"a", "=", nil}} }, `where[0].values: "=" takes one, not 0`},
		{func(c *Config) { c.Where = []Condition{{"a", "is null", []string{"b"}}} }, `where[0].values: "is null" takes none, not 1`},
		{func(c *Config) { c.Where = []Condition{{"a", "in", make([]string, 101)}} }, `where[0].values: "in" takes 1 to 100, not 101`},
		{func(c *Config) { c.Where = []Condition{{"a", "=", []string{"\xff"}}} }, "where[0].values: a value is UTF-8"},
		{func(c *Config) { c.DisabledWhen = []Condition{{"x.a", "is null", nil}} }, `disabled_when[0].column: no join is called "x"`},
		{func(c *Config) { c.Queries = lookup }, ""},
		{func(c *Config) { c.Queries.List = "SELECT id FROM people LIMIT :limit" }, "queries: list and list_after come together"},
		{func(c *Config) { c.Queries.Lookup = "SELECT id FROM people" }, "queries.lookup: the mark :identifier is missing"},
		{func(c *Config) { c.Queries.Get = "DELETE FROM people WHERE id = :id" }, "queries.get: a query begins with SELECT or WITH"},
		{func(c *Config) { c.Queries, c.Columns.ID = lookup, "a,b" }, "queries: they know keys of one column only"},
		{func(c *Config) { c.Queries, c.Table = lookup, "" }, "queries.get: is missing; without a table all four are needed"},
		{func(c *Config) {
			c.Table = ""
			c.Queries = Queries{Lookup: lookup.Lookup, Get: "SELECT :id", List: "SELECT :limit", ListAfter: "SELECT :after, :limit"}
		}, "queries: columns, joins, where and disabled_when mean nothing without a table"},
	} {
		c := Config{Name: "shop", DSN: "mysql://u:hunter2@192.0.2.1/d", Table: "users", Columns: Columns{ID: "id", Email: "email", Password: "pass"}}
		c.Joins = nil
		tt.change(&c)
		err := CheckConfig(c)
		switch {
		case tt.want == "" && err != nil:
			t.Errorf("%v", err)
		case tt.want != "" && (err == nil || !strings.HasPrefix(err.Error(), "legacy source shop: ") || !strings.Contains(err.Error(), tt.want)):
			t.Errorf("%v, want %q", err, tt.want)
		case err != nil && strings.Contains(err.Error(), "hunter2"):
			t.Errorf("the error tells the password: %v", err)
		}
	}
}

// TestSQLServerErrors: only messages about names and rights are told, and they alone are mistakes of the configuration.
func TestSQLServerErrors(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		err       mssql.Error
		want      string
		statement bool
		refusal   bool
	}{
		{mssql.Error{Number: 208, Class: 16, Message: "Invalid object name 'users'."}, "SQL Server: Invalid object name 'users'. (error 208)", true, true},
		{mssql.Error{Number: 207, Class: 16, Message: "Invalid column name 'x'."}, "SQL Server: Invalid column name 'x'. (error 207)", true, true},
		{mssql.Error{Number: 245, Class: 16, Message: "Conversion failed when converting 'hunter2'"}, "SQL Server: error 245", true, true},
		{mssql.Error{Number: 102, Class: 15, Message: "Incorrect syntax near 'hunter2'."}, "SQL Server: error 102", false, true},
		{mssql.Error{Number: 1205, Class: 13, Message: "deadlocked"}, "SQL Server: deadlocked (error 1205)", false, false},
		{mssql.Error{Number: 596, Class: 21, Message: "kill state"}, "SQL Server: error 596", false, false},
	} {
		err := fmt.Errorf("wrapped: %w", tt.err)
		if got := describe(err, Config{}); got != tt.want {
			t.Errorf("%q, want %q", got, tt.want)
		}
		if isStatementError(err) != tt.statement || isRefusal(err) != tt.refusal {
			t.Errorf("error %d: a statement's %v, a refusal %v", tt.err.Number, isStatementError(err), isRefusal(err))
		}
	}
}
