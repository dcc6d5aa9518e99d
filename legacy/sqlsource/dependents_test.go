package sqlsource

import (
	"context"
	"database/sql"
	"errors"
	"net/url"
	"slices"
	"strings"
	"testing"
)

// dependentSetup makes, in each engine's own words, a table of people and everything that can hang on one.
var dependentSetup = map[string][]string{
	"sqlite": {
		"CREATE TABLE people (id INTEGER PRIMARY KEY, email TEXT, pass TEXT, shoe_size INTEGER)",
		"CREATE TABLE orders (id INTEGER PRIMARY KEY, buyer INTEGER REFERENCES People(id))",
		"CREATE TABLE peoples (id INTEGER)",
		"CREATE VIEW addresses AS SELECT email FROM people",
		"CREATE VIEW unrelated AS SELECT id FROM peoples",
		"CREATE TRIGGER people_log AFTER UPDATE ON people BEGIN DELETE FROM peoples; END",
	},
	"mysql": {
		"CREATE TABLE people (id BIGINT PRIMARY KEY, email VARCHAR(100), pass VARCHAR(100), shoe_size INT) ENGINE=InnoDB",
		"CREATE TABLE orders (id BIGINT PRIMARY KEY, buyer BIGINT, FOREIGN KEY (buyer) REFERENCES people(id)) ENGINE=InnoDB",
		"CREATE TABLE peoples (id BIGINT)",
		"CREATE VIEW addresses AS SELECT email FROM people",
		"CREATE VIEW unrelated AS SELECT id FROM peoples",
		"CREATE TRIGGER people_log AFTER UPDATE ON people FOR EACH ROW DELETE FROM peoples",
		"CREATE PROCEDURE forget(who BIGINT) DELETE FROM people WHERE id = who",
		"CREATE PROCEDURE count_others() SELECT COUNT(*) FROM peoples",
		"CREATE EVENT prune ON SCHEDULE EVERY 1 YEAR DO DELETE FROM people WHERE id < 0",
	},
	"postgres": {
		"CREATE TABLE people (id BIGINT PRIMARY KEY, email TEXT, pass TEXT, shoe_size INT)",
		"CREATE TABLE orders (id BIGINT PRIMARY KEY, buyer BIGINT REFERENCES people(id))",
		"CREATE TABLE peoples (id BIGINT)",
		"CREATE VIEW addresses AS SELECT email FROM people",
		"CREATE VIEW unrelated AS SELECT id FROM peoples",
		"CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NEW; END $$",
		"CREATE TRIGGER people_log AFTER UPDATE ON people FOR EACH ROW EXECUTE FUNCTION touch()",
		"CREATE FUNCTION forget(who BIGINT) RETURNS void LANGUAGE sql AS $$ DELETE FROM people WHERE id = who $$",
		"CREATE FUNCTION count_others() RETURNS bigint LANGUAGE sql AS $$ SELECT COUNT(*) FROM peoples $$",
		"CREATE PUBLICATION feed FOR TABLE people",
	},
}

// what of it must be found; a name is a part of what is found.
var dependentWant = map[string][]Dependent{
	"sqlite":   {{Kind: ForeignKey, Name: "orders.buyer"}, {Kind: View, Name: "addresses"}, {Kind: Trigger, Name: "people_log"}},
	"mysql":    {{Kind: ForeignKey, Name: "orders.buyer"}, {Kind: View, Name: "addresses"}, {Kind: Trigger, Name: "people_log"}, {Kind: Routine, Name: "forget"}, {Kind: Routine, Name: "prune"}, {Kind: Grant, Name: "root"}},
	"postgres": {{Kind: ForeignKey, Name: "orders"}, {Kind: View, Name: "addresses"}, {Kind: Trigger, Name: "people_log"}, {Kind: Routine, Name: "forget"}, {Kind: Grant, Name: "rekey"}, {Kind: Feed, Name: "feed"}},
}

func inspectedConfig(dsn string) Config {
	return Config{Name: "shop", DSN: dsn, Table: "people", Columns: Columns{ID: "id", Email: "email", Password: "pass"}}
}

func (d Dependents) has(want Dependent) bool {
	return slices.ContainsFunc(d.Found, func(got Dependent) bool {
		return got.Kind == want.Kind && strings.Contains(got.Name, want.Name)
	})
}

// TestInspectFindsWhatHangsOnTheTable also with the table's schema named, and finds nothing that only sounds like it.
func TestInspectFindsWhatHangsOnTheTable(t *testing.T) {
	t.Parallel()
	onEachEngine(t, func(t *testing.T, e engine, dsn string, admin *sql.DB) {
		for _, statement := range dependentSetup[e.name] {
			must(t, admin, statement)
		}
		got := mustInspect(t, open(t, inspectedConfig(dsn)))
		for _, want := range dependentWant[e.name] {
			if !got.has(want) {
				t.Errorf("%s %s is not found in %v", want.Kind, want.Name, got.Found)
			}
		}
		for _, d := range got.Found {
			if strings.Contains(d.Name, "unrelated") || strings.Contains(d.Name, "count_others") {
				t.Errorf("%v has nothing to do with the table", d)
			}
		}
		if len(got.Unmapped) != 1 || !strings.HasPrefix(got.Unmapped[0], "shoe_size int") {
			t.Errorf("unmapped columns %q, want shoe_size alone", got.Unmapped)
		}
		if got.Bytes < 1024 {
			t.Errorf("the table takes %d bytes", got.Bytes)
		}
		if e.name == "postgres" {
			c := inspectedConfig(dsn)
			c.Table = "public.people"
			if again := mustInspect(t, open(t, c)); len(again.Found) != len(got.Found) {
				t.Errorf("with its schema: %v", again.Found)
			}
		}
	})
}

func mustInspect(t *testing.T, s *Source) Dependents {
	t.Helper()
	d, err := s.Inspect(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// TestInspectSeesClientsButNotItself: another connection is told with its user, and ours are not.
func TestInspectSeesClientsButNotItself(t *testing.T) {
	t.Parallel()
	onEachEngine(t, func(t *testing.T, e engine, dsn string, admin *sql.DB) {
		if e.name == "sqlite" {
			s := open(t, inspectedConfig(dsn))
			must(t, admin, dependentSetup[e.name][0])
			if hidden := mustInspect(t, s).Hidden; len(hidden) != 1 || !strings.Contains(hidden[0], "SQLite has none") {
				t.Errorf("hidden: %q", hidden)
			}
			return
		}
		must(t, admin, dependentSetup[e.name][0])
		admin.SetMaxOpenConns(1)
		admin.SetMaxIdleConns(1)
		s := open(t, inspectedConfig(dsn))
		clients := func() (found []Dependent) {
			for _, d := range mustInspect(t, s).Found {
				if d.Kind == Client {
					found = append(found, d)
				}
			}
			return found
		}
		if got := clients(); len(got) != 1 || got[0].Detail != "1 connection" {
			t.Errorf("one other client: %v", got)
		}
		other, err := admin.Driver().Open(nativeOf(t, dsn))
		if err != nil {
			t.Fatal("a second client cannot connect")
		}
		if got := clients(); len(got) != 1 || got[0].Detail != "2 connections" {
			t.Errorf("two other clients: %v", got)
		}
		if err := other.Close(); err != nil {
			t.Fatal(err)
		}
	})
}

func nativeOf(t *testing.T, dsn string) string {
	t.Helper()
	u, err := url.Parse(dsn)
	if err != nil {
		t.Fatal("not a URL")
	}
	if u.Scheme != "mysql" {
		return dsn
	}
	password, _ := u.User.Password()
	return u.User.Username() + ":" + password + "@tcp(" + u.Host + ")" + u.Path
}

// TestInspectWithFewRights: a user who may only read the table gets an answer, and is told what is missing from it.
func TestInspectWithFewRights(t *testing.T) {
	t.Parallel()
	onEachEngine(t, func(t *testing.T, e engine, dsn string, admin *sql.DB) {
		if e.name == "sqlite" {
			return // has no rights
		}
		for _, statement := range dependentSetup[e.name] {
			must(t, admin, statement)
		}
		u, err := url.Parse(dsn)
		if err != nil {
			t.Fatal("not a URL")
		}
		name := strings.TrimPrefix(u.Path, "/") + "_reader"
		want := []string{"client connections: no right"}
		switch e.name {
		case "mysql":
			must(t, admin, "CREATE USER "+name+"@'%' IDENTIFIED BY 'hunter2'")
			must(t, admin, "GRANT SELECT ON people TO "+name+"@'%'")
			t.Cleanup(func() { must(t, admin, "DROP USER "+name+"@'%'") })
			want = append(want, "foreign keys: no right", "views: no right", "triggers: no right", "routines: no right", "database users with rights: no right")
		case "postgres":
			must(t, admin, "CREATE ROLE "+name+" LOGIN PASSWORD 'hunter2'")
			must(t, admin, "GRANT SELECT ON people TO "+name)
			t.Cleanup(func() { must(t, admin, "DROP OWNED BY "+name); must(t, admin, "DROP ROLE "+name) })
		}
		u.User = url.UserPassword(name, "hunter2")
		got := mustInspect(t, open(t, inspectedConfig(u.String())))
		for _, text := range want {
			if !slices.ContainsFunc(got.Hidden, func(hidden string) bool { return strings.HasPrefix(hidden, text) }) {
				t.Errorf("%q is not said in %q", text, got.Hidden)
			}
		}
		if !got.has(Dependent{Kind: Grant, Name: name}) {
			t.Errorf("our own grant is not found: %v", got.Found)
		}
		if strings.Contains(strings.Join(got.Hidden, "\n"), "hunter2") {
			t.Error("the password is told")
		}
	})
}

// TestInspectOfADatabaseThatIsDown is an error, and not an empty answer.
func TestInspectOfADatabaseThatIsDown(t *testing.T) {
	t.Parallel()
	s, _ := stubbed(t, func(context.Context) error { return errors.New("down hunter2") })
	defer s.Close()
	if got, err := s.Inspect(t.Context()); err == nil || strings.Contains(err.Error(), "hunter2") {
		t.Errorf("%v, %v", got, err)
	}
}

func TestMentions(t *testing.T) {
	t.Parallel()
	for body, want := range map[string]bool{
		"select * from people": true, "SELECT * FROM `shop`.`People`": true, "delete from [people];": true,
		"from peoples": false, "from old_people": false, "from people_old, people": true, "peopleä": false, "": false, "people": true,
	} {
		if got := mentions(body, "people"); got != want {
			t.Errorf("%q: %v", body, got)
		}
	}
}

// TestInspectionsAreWellFormed: SQL Server's catalogue is not to be had here, so at least every mark has an argument and
// each question has an answer of the right shape.
func TestInspectionsAreWellFormed(t *testing.T) {
	t.Parallel()
	for scheme, plan := range inspectors() {
		for _, l := range append(plan.looks, plan.size, plan.columns) {
			if l.what == "" || l.query == "" || marks(l.query) != len(l.args) || marks(l.seen) > len(l.args) {
				t.Errorf("%s, %s: %d marks and %d arguments", scheme, l.what, marks(l.query), len(l.args))
			}
			if (l.seen == "") != (l.lacked == "") {
				t.Errorf("%s, %s: what is lacked must be said", scheme, l.what)
			}
		}
	}
}

func FuzzMentions(f *testing.F) {
	f.Add("select * from `people` p", "people")
	f.Add("people\xff", "people")
	f.Fuzz(func(t *testing.T, body, table string) {
		if table == "" || len(body) > 1<<10 {
			return
		}
		if mentions(body, table) && !strings.Contains(strings.ToLower(body), strings.ToLower(table)) {
			t.Errorf("%q does not hold %q", body, table)
		}
	})
}
