package preset_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"rekey/legacy"
	"rekey/legacy/preset"
	"rekey/legacy/sqlsource"
)

// TestEachConditionMatters takes every condition out of every preset, one at a time, and wants the walk to meet other
// people, or others of them disabled. A condition that changes nothing is wrong, or is not shown by its fixture.
func TestEachConditionMatters(t *testing.T) {
	t.Parallel()
	for _, f := range readFixtures(t) {
		if f.alone {
			continue // its conditions are text
		}
		t.Run(f.preset, func(t *testing.T) {
			t.Parallel()
			p, _ := preset.Named(f.preset)
			dsn := build(t, f, "sqlite", f.passwords[0])
			whole, err := walk(t, configOf(p, dsn, f.params))
			if err != nil {
				t.Fatal(err)
			}
			for name, less := range withoutOne(configOf(p, dsn, f.params)) {
				if people, err := walk(t, less); err == nil && cmp.Equal(whole, people) {
					t.Errorf("without %s nothing changes", name)
				}
			}
		})
	}
}

// withoutOne returns the configurations that lack one condition, by its name.
func withoutOne(c sqlsource.Config) map[string]sqlsource.Config {
	list := map[string]sqlsource.Config{}
	add := func(where string, i int, condition sqlsource.Condition, less sqlsource.Config) {
		list[fmt.Sprintf("%s[%d] %s", where, i, condition.Column)] = less
	}
	for i, condition := range c.Where {
		less := c
		less.Where = slices.Delete(slices.Clone(c.Where), i, i+1)
		add("where", i, condition, less)
	}
	for i, condition := range c.DisabledWhen {
		less := c
		less.DisabledWhen = slices.Delete(slices.Clone(c.DisabledWhen), i, i+1)
		add("disabled_when", i, condition, less)
	}
	for j, join := range c.Joins {
		for i, condition := range join.Where {
			less := c
			less.Joins = slices.Clone(c.Joins)
			less.Joins[j].Where = slices.Delete(slices.Clone(join.Where), i, i+1)
			add("joins "+join.As, i, condition, less)
		}
	}
	if c.Columns.Disabled != "" {
		less := c
		less.Columns.Disabled = ""
		list["columns disabled"] = less
	}
	return list
}

// walk returns everybody, without passwords.
func walk(t *testing.T, c sqlsource.Config) ([]legacy.User, error) {
	t.Helper()
	source, err := sqlsource.Open(c)
	if err != nil {
		t.Fatal(err)
	}
	defer source.Close()
	people, err := source.List(t.Context(), "", 100)
	for i := range people {
		people[i] = withoutPassword(people[i])
	}
	return people, err
}
