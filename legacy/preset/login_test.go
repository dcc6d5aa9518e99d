package preset_test

import (
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	_ "github.com/jackc/pgx/v5/stdlib"

	"rekey/legacy"
	"rekey/legacy/hash"
	"rekey/legacy/preset"
	"rekey/legacy/sqlsource"
)

// TestLogin puts each application's own tables into a database, finds somebody by the preset as it stands, and checks
// the password. It runs on SQLite always, and on the databases of the application where they are.
func TestLogin(t *testing.T) {
	t.Parallel()
	registry := hash.New(hash.Config{})
	for _, f := range readFixtures(t) {
		p, ok := preset.Named(f.preset)
		if !ok {
			t.Errorf("testdata/%s.sql: no such preset", f.preset)
			continue
		}
		for _, engine := range f.engines(p) {
			t.Run(f.preset+"/"+engine, func(t *testing.T) {
				t.Parallel()
				passwords := f.passwords
				if engine != "sqlite" && engine != f.dialect {
					passwords = passwords[:1] // hashes do not change with the database
				}
				for _, s := range passwords {
					login(t, registry, p, f, engine, s)
				}
				if t.Failed() {
					return
				}
				t.Logf("%s: table %s, scheme %s, logged in with %s", p.Title, tablesOf(p), p.Scheme, origins(passwords))
			})
		}
	}
}

// engines are those that a fixture can run on: SQLite, and those of the application. There is no SQL Server to run
// anything on; what is made for it runs on SQLite.
func (f fixture) engines(p preset.Preset) []string {
	if f.alone {
		return []string{f.dialect}
	}
	engines := []string{"sqlite", f.dialect}
	for _, engine := range p.Engines {
		if engine != "sqlserver" && !slices.Contains(engines, engine) {
			engines = append(engines, engine)
		}
	}
	return slices.DeleteFunc(engines, func(engine string) bool { return engine == "sqlserver" })
}

func tablesOf(p preset.Preset) string {
	if p.Table == "" {
		return "by its own queries"
	}
	return p.TableWith("")
}

func origins(passwords []stored) string {
	var list []string
	for _, s := range passwords {
		list = append(list, s.origin)
	}
	return strings.Join(list, ", ")
}

// login is one stored password in one database.
func login(t *testing.T, registry *hash.Registry, p preset.Preset, f fixture, engine string, s stored) {
	t.Helper()
	dsn := build(t, f, engine, s)
	source, err := sqlsource.Open(configOf(p, dsn, f.params))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { source.Close() })
	ctx := t.Context()
	if err := source.Check(ctx); err != nil {
		t.Fatalf("the tables are not those of the preset: %v", err)
	}
	people := finder{t, source}
	want := f.person()
	for _, spelling := range f.find {
		if diff := cmp.Diff(want, withoutPassword(people.one(spelling))); diff != "" {
			t.Errorf("%s: %s is somebody else (-want +got):\n%s", s.origin, spelling, diff)
		}
	}
	found := people.one(f.find[0])
	h, err := registry.Open(*found.Password)
	switch {
	case err != nil:
		t.Errorf("%s: %v", s.origin, err)
	case !h.Verify([]byte(s.password)):
		t.Errorf("%s: the right password is refused", s.origin)
	case s == f.passwords[0] && h.Verify([]byte("not "+s.password)): // the others are package hash's to refuse
		t.Errorf("%s: a wrong password is right", s.origin)
	}
	again, err := source.Get(ctx, found.ID)
	if err != nil {
		t.Errorf("by key: %v", err)
	} else if !cmp.Equal(found, again) {
		t.Errorf("by key somebody else is found: %s", cmp.Diff(withoutPassword(found), withoutPassword(again)))
	}
	for _, spelling := range f.disabled {
		if !people.one(spelling).Disabled {
			t.Errorf("%s is not disabled", spelling)
		}
	}
	for _, spelling := range f.enabled {
		if people.one(spelling).Disabled {
			t.Errorf("%s is disabled", spelling)
		}
	}
	for _, spelling := range f.cannotTell {
		if _, err := registry.Open(*people.one(spelling).Password); !errors.Is(err, hash.ErrMalformed) {
			t.Errorf("%s: error %v, want that the password cannot be read", spelling, err)
		}
	}
	for _, spelling := range f.absent {
		if users, err := source.Lookup(ctx, spelling); err != nil || len(users) > 0 {
			t.Errorf("%s: %d people, error %v, want nobody", spelling, len(users), err)
		}
	}
	listed := people.all()
	if !slices.Contains(listed, f.id) || f.listed != nil && !slices.Equal(listed, f.listed) {
		t.Errorf("the walk meets %q, want %q", listed, append(f.listed, f.id))
	}
}

// configOf is what a source of the preset is opened with.
func configOf(p preset.Preset, dsn string, params map[string]string) sqlsource.Config {
	c := sqlsource.Config{
		Name: p.Name, DSN: dsn, Table: p.TableWith(""),
		Columns: sqlsource.Columns(p.Columns), Profile: sqlsource.ProfileColumns(p.Profile),
		Extra:        p.Extra,
		ParamColumns: p.ParamColumns,
		Where:        conditions(p.Where),
		DisabledWhen: conditions(p.DisabledWhen),
		Queries:      sqlsource.Queries(p.Queries),
		Scheme:       p.Scheme, Params: p.ParamsWith(params),
		Timeout: time.Minute, // the machine may be busy
	}
	for _, join := range p.JoinsWith("") {
		j := sqlsource.Join{Table: join.Table, As: join.As, Where: conditions(join.Where)}
		for _, on := range join.On {
			j.On = append(j.On, sqlsource.On(on))
		}
		c.Joins = append(c.Joins, j)
	}
	return c
}

func conditions(list []preset.Condition) []sqlsource.Condition {
	var converted []sqlsource.Condition
	for _, c := range list {
		converted = append(converted, sqlsource.Condition(c))
	}
	return converted
}

// A finder asks a source, and stops the test where it does not answer.
type finder struct {
	t      *testing.T
	source *sqlsource.Source
}

// one returns the only person of a spelling.
func (f finder) one(spelling string) legacy.User {
	f.t.Helper()
	users, err := f.source.Lookup(f.t.Context(), spelling)
	if err != nil || len(users) != 1 {
		f.t.Fatalf("%s: %d people, error %v, want one", spelling, len(users), err)
	}
	return users[0]
}

// all walks the source in pages of two and returns the keys.
func (f finder) all() []string {
	f.t.Helper()
	var ids []string
	for after := ""; ; {
		page, err := f.source.List(f.t.Context(), after, 2)
		if err != nil {
			f.t.Fatal(err)
		}
		for _, u := range page {
			ids = append(ids, u.ID)
		}
		if len(page) < 2 {
			return ids
		}
		after = ids[len(ids)-1]
	}
}

// person is what the fixture says of the person who is found.
func (f fixture) person() legacy.User {
	u := legacy.User{
		ID: f.id, Username: f.username, Email: f.email, CreatedAt: f.created, LastLoginAt: f.lastLogin,
		Profile: legacy.Profile{DisplayName: f.name, Locale: f.locale, EmailVerified: f.verified, Roles: f.roles, Groups: f.groups},
	}
	if f.totp != nil {
		u.Profile.TOTP = []legacy.TOTP{{Secret: f.totp}}
	}
	return u
}

// withoutPassword is u without what is looked at elsewhere, its lists in order.
func withoutPassword(u legacy.User) legacy.User {
	u.Password, u.Extra, u.Aliases = nil, nil, nil
	u.Profile.Roles, u.Profile.Groups = slices.Sorted(slices.Values(u.Profile.Roles)), slices.Sorted(slices.Values(u.Profile.Groups))
	return u
}

// build makes a database of the fixture and returns its DSN.
func build(t *testing.T, f fixture, engine string, s stored) string {
	t.Helper()
	statements, err := f.filled(engine, s)
	if err != nil {
		t.Fatal(err)
	}
	var dsn string
	var admin *sql.DB
	switch engine {
	case "sqlite":
		path := filepath.Join(t.TempDir(), "old.db")
		dsn, admin = (&url.URL{Scheme: "sqlite", Path: path}).String(), openAdmin(t, "sqlite", "file:"+path)
	case "mysql":
		dsn, admin = openServer(t, "REKEY_TEST_MYSQL", "mysql", " CHARACTER SET utf8mb4", "", func(u *url.URL) string {
			password, _ := u.User.Password()
			return fmt.Sprintf("%s:%s@tcp(%s)%s?charset=utf8mb4&time_zone=%%27%%2B00%%3A00%%27", u.User.Username(), password, u.Host, u.Path)
		})
	case "postgres":
		dsn, admin = openServer(t, "REKEY_TEST_POSTGRES", "pgx", "", " WITH (FORCE)", (*url.URL).String)
	default:
		t.Skipf("there is no %s to run this on; the same tables run on SQLite", engine)
	}
	for _, statement := range statements {
		must(t, admin, statement)
	}
	return dsn
}

// openServer makes a database of a random name on a server, which is dropped when the test ends.
func openServer(t *testing.T, variable, driver, create, drop string, native func(*url.URL) string) (string, *sql.DB) {
	t.Helper()
	text := os.Getenv(variable)
	if text == "" {
		t.Skipf("set %s to a DSN that may create databases; deploy/dev/services does", variable)
	}
	u, err := url.Parse(text)
	if err != nil {
		t.Fatal("the DSN in the environment is not a URL") // its text is a secret
	}
	server := openAdmin(t, driver, native(u))
	name := "rekey_" + strings.ToLower(rand.Text()[:12])
	must(t, server, "CREATE DATABASE "+name+create)
	t.Cleanup(func() { must(t, server, "DROP DATABASE "+name+drop) })
	u.Path = "/" + name
	return u.String(), openAdmin(t, driver, native(u))
}

func openAdmin(t *testing.T, driver, dsn string) *sql.DB {
	t.Helper()
	db, err := sql.Open(driver, dsn)
	if err != nil {
		t.Fatal("the DSN is not one of the driver's") // its text is a secret
	}
	t.Cleanup(func() { db.Close() })
	return db
}

func must(t *testing.T, db *sql.DB, statement string) {
	t.Helper()
	// The test's own context has ended when its clean-up drops the database.
	if _, err := db.ExecContext(context.WithoutCancel(t.Context()), statement); err != nil {
		t.Fatalf("%.60s: %v", statement, err)
	}
}
