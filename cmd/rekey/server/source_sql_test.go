package server

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"rekey/cmd/rekey/config"
	"rekey/legacy/preset"
	"rekey/legacy/sqlsource"
)

// What the operator names counts more than the preset, and what nobody reads is not joined.
func TestSQLConfig(t *testing.T) {
	t.Parallel()
	whole := SQLConfig(config.Legacy{Name: "portal", Preset: "django", Scheme: "django"})
	if len(whole.Joins) != 2 || whole.Profile.Groups != "g.name" || whole.Table != "auth_user" {
		t.Errorf("the preset as it is: %+v", whole)
	}
	c := SQLConfig(config.Legacy{
		Name: "portal", Preset: "django", Prefix: "old_", Extra: config.List{"paying"},
		Columns: config.Columns{Groups: "-", Email: "mail", Phone: "mobile"},
		Where:   []config.Condition{{Column: "tenant", Op: "=", Values: config.List{"7"}}},
	})
	if len(c.Joins) != 0 || c.Profile.Groups != "" {
		t.Errorf("groups are left out, and still joined: %+v", c.Joins)
	}
	want := sqlsource.Columns{
		ID: "id", Username: "username", Email: "mail", Phone: "mobile", Password: "password",
		CreatedAt: "date_joined", LastLoginAt: "last_login", Disabled: "!is_active",
	}
	if diff := cmp.Diff(want, c.Columns); diff != "" || c.Table != "old_user" {
		t.Errorf("table %s, columns (-want +got):\n%s", c.Table, diff)
	}
	if diff := cmp.Diff([]string{"paying", "is_staff", "is_superuser"}, c.Extra); diff != "" {
		t.Errorf("extra (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]sqlsource.Condition{{Column: "tenant", Op: "=", Values: []string{"7"}}}, c.Where); diff != "" {
		t.Errorf("where (-want +got):\n%s", diff)
	}
}

// What is written back is the operator's word over the preset's, and nothing without either.
func TestWriteOf(t *testing.T) {
	t.Parallel()
	l := config.Legacy{Name: "blog", Preset: "wordpress", Prefix: "blog_", DSN: config.NewURL("mysql://h/d"), Scheme: "wordpress"}
	if c := SQLConfig(l); c.Write != nil {
		t.Error("it is written to, and nobody asked for it")
	}
	l.Write = config.Write{On: true, Scheme: "wordpress", Delete: "-"}
	w := SQLConfig(l).Write
	if w == nil || w.Scheme != "wordpress" || w.Delete != "-" || !strings.Contains(w.Insert, "INSERT INTO blog_usermeta") {
		t.Errorf("%+v", w)
	}
	if w.Username != "-" {
		t.Error("what the preset leaves out is written")
	}
	l.Preset, l.Scheme = "drupal", "drupal" // of which it is not known how
	l.Write = config.Write{On: true}
	if err := sqlsource.CheckConfig(SQLConfig(l)); err == nil || !strings.Contains(err.Error(), "nothing can be written") {
		t.Errorf("%v", err)
	}
	for _, p := range preset.All() {
		if p.Write == nil {
			continue
		}
		l := config.Legacy{Name: "x", Preset: p.Name, Scheme: p.Scheme, DSN: config.NewURL("mysql://h/d"), Write: config.Write{On: true}}
		if err := sqlsource.CheckConfig(SQLConfig(l)); err != nil {
			t.Errorf("%s: %v", p.Name, err)
		}
	}
}

// Config check says of each source what can be written back.
func TestWrittenBackTo(t *testing.T) {
	t.Parallel()
	sql := config.Legacy{
		Name: "shop", Kind: "sql", DSN: config.NewURL("mysql://h/d"), Table: "users", Scheme: "auto",
		Columns: config.Columns{ID: "id", Username: "login", Email: "email", Password: "pass"},
	}
	written := sql
	written.Name, written.Write, written.Set = "forum", config.Write{On: true, Delete: "-"}, config.Texts{"email": "user.username"}
	list, err := WrittenBackTo(&config.Config{Legacy: []config.Legacy{sql, written}})
	if err != nil || len(list) != 2 {
		t.Fatal(err)
	}
	if len(list[0].Can)+len(list[0].Cannot) > 0 {
		t.Errorf("a source that is only read: %+v", list[0])
	}
	if diff := cmp.Diff([]string{"password"}, list[1].Can); diff != "" {
		t.Errorf("can (-want +got):\n%s", diff)
	}
	for _, want := range []string{"delete (the configuration leaves it out)", "email (it is made by an expression, or not asked for)", "insert (a new person's password is made in a scheme, and none is named)"} {
		if !slices.Contains(list[1].Cannot, want) {
			t.Errorf("%q is not among %q", want, list[1].Cannot)
		}
	}
}

// Every preset, as it is, makes a source that can be opened: names, aliases, conditions.
func TestEveryPresetOpens(t *testing.T) {
	t.Parallel()
	for _, p := range preset.All() {
		if p.File.Format != "" {
			continue
		}
		dsn := map[bool]string{true: "sqlserver://u@h?database=d", false: "mysql://h/d"}[p.Engines[0] == "sqlserver"]
		l := config.Legacy{Name: "x", Preset: p.Name, Scheme: p.Scheme, DSN: config.NewURL(dsn)}
		if err := sqlsource.CheckConfig(SQLConfig(l)); err != nil {
			t.Errorf("%s: %v", p.Name, err)
		}
	}
}
