package preset_test

import (
	"reflect"
	"slices"
	"strings"
	"testing"

	"rekey/legacy/filesource"
	"rekey/legacy/hash"
	"rekey/legacy/preset"
	"rekey/legacy/sqlsource"
)

// TestPresets shows that each preset is complete enough to log somebody in, names a scheme that exists, and says only
// what a source understands.
func TestPresets(t *testing.T) {
	t.Parallel()
	if !slices.IsSorted(preset.Names()) {
		t.Error("not in the order of names")
	}
	registry := hash.New(hash.Config{})
	for _, p := range preset.All() {
		if p.Title == "" || p.Source == "" || len(p.Engines) == 0 || p.Scheme == "" {
			t.Errorf("%s: title, source, engines or scheme is missing", p.Name)
		}
		if err := registry.CheckScheme(p.Scheme); err != nil {
			t.Errorf("%s: %v", p.Name, err)
		}
		var err error
		engines := []string{"mysql", "postgres", "sqlite", "sqlserver"}
		if p.File.Format != "" {
			_, err = filesource.Open(fileConfigOf(p, "users.csv"))
			engines = []string{"mongodb"}
		} else {
			err = sqlsource.CheckConfig(configOf(p, "sqlite:///old.db", nil))
		}
		if err != nil {
			t.Errorf("%s: %v", p.Name, err)
		}
		for _, engine := range p.Engines {
			if !slices.Contains(engines, engine) {
				t.Errorf("%s: unknown engine %q", p.Name, engine)
			}
		}
		for _, need := range p.Needs {
			if need.Key == "" || need.Why == "" {
				t.Errorf("%s: a need without key or reason", p.Name)
			}
		}
		for _, note := range p.Notes {
			if !strings.HasSuffix(note, ".") {
				t.Errorf("%s: no sentence: %q", p.Name, note)
			}
		}
		if got, ok := preset.Named(p.Name); !ok || !reflect.DeepEqual(got, p) {
			t.Errorf("%s is not found by its name", p.Name)
		}
	}
	if _, ok := preset.Named("wordpres"); ok {
		t.Error("an unknown name is found")
	}
}

// TestEveryPresetLogsIn: a preset without a fixture has been shown to nobody.
func TestEveryPresetLogsIn(t *testing.T) {
	t.Parallel()
	shown := map[string]fixture{}
	for _, f := range readFixtures(t) {
		shown[f.preset] = f
	}
	for _, p := range preset.All() {
		f, ok := shown[p.Name]
		switch {
		case p.File.Format != "": // file_test.go
		case !ok:
			t.Errorf("%s: no testdata/%s.sql", p.Name, p.Name)
		case !slices.Contains(p.Engines, f.dialect):
			t.Errorf("%s: shown on %s, where it does not run", p.Name, f.dialect)
		case p.Columns.Disabled != "" || len(p.DisabledWhen) > 0:
			if want := len(p.DisabledWhen); len(f.disabled) < max(want, 1) {
				t.Errorf("%s: %d ways to be disabled, %d people who are", p.Name, want, len(f.disabled))
			}
		}
		// A need that is always there must be met by the fixture, and the others must not be there at all.
		for _, need := range p.Needs {
			if need.Always && need.Key == "pepper" && f.params["pepper"] == "" {
				t.Errorf("%s: logs in without its pepper", p.Name)
			}
		}
	}
}

// TestAllIsFresh: whoever changes what All returns must not change it for others.
func TestAllIsFresh(t *testing.T) {
	t.Parallel()
	changed, _ := preset.Named("discourse2")
	changed.Params["iterations"] = "1"
	changed.Joins[0].On[0].Left = "nonsense"
	changed.Where[0].Values[0] = "nonsense"
	changed.JoinsWith("x_")[0].Table = "nonsense"
	fresh, _ := preset.Named("discourse2")
	if fresh.Params["iterations"] != "64000" || fresh.Joins[0].On[0].Left != "id" || fresh.Where[0].Values[0] != "0" ||
		fresh.Joins[0].Table != "user_emails" {
		t.Error("a caller has changed the presets of the others")
	}
}

func TestPrefix(t *testing.T) {
	t.Parallel()
	p, _ := preset.Named("joomla")
	for _, row := range []struct {
		prefix string
		want   []string
	}{
		{"", []string{"jos_users", "jos_user_usergroup_map", "jos_usergroups"}},
		{"x7k2_", []string{"x7k2_users", "x7k2_user_usergroup_map", "x7k2_usergroups"}},
	} {
		got := []string{p.TableWith(row.prefix)}
		for _, join := range p.JoinsWith(row.prefix) {
			got = append(got, join.Table)
		}
		if !slices.Equal(got, row.want) {
			t.Errorf("prefix %q: %q, want %q", row.prefix, got, row.want)
		}
	}
	if p, _ := preset.Named("discourse"); p.TableWith("x_") != "" {
		t.Error("a preset of queries has a table")
	}
}

func TestParamsWith(t *testing.T) {
	t.Parallel()
	p, _ := preset.Named("discourse2")
	own := map[string]string{"iterations": "1000", "dklen": "32"}
	if got := p.ParamsWith(own); got["iterations"] != "1000" || got["dklen"] != "32" || len(own) != 2 {
		t.Errorf("the operator's parameters do not count more: %v", got)
	}
	if got := p.ParamsWith(nil); got["iterations"] != "64000" {
		t.Errorf("parameters: %v", got)
	}
}
