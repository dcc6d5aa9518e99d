package server

import (
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
