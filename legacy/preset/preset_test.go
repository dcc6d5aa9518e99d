package preset_test

import (
	"slices"
	"testing"

	"rekey/legacy/hash"
	"rekey/legacy/preset"
)

// TestPresets shows that each preset is complete enough to log somebody in, and names a scheme that exists.
func TestPresets(t *testing.T) {
	t.Parallel()
	if !slices.IsSorted(preset.Names()) {
		t.Error("not in the order of names")
	}
	registry := hash.New(hash.Config{})
	for _, p := range preset.All() {
		c := p.Columns
		if p.Title == "" || p.Table == "" || c.ID == "" || c.Password == "" || c.Username+c.Email+c.Phone == "" {
			t.Errorf("%s: something is missing", p.Name)
		}
		if err := registry.CheckScheme(p.Scheme); err != nil {
			t.Errorf("%s: %v", p.Name, err)
		}
		if got, ok := preset.Named(p.Name); !ok || got != p {
			t.Errorf("%s is not found by its name", p.Name)
		}
	}
	if _, ok := preset.Named("wordpres"); ok {
		t.Error("an unknown name is found")
	}
}

func TestTableWith(t *testing.T) {
	t.Parallel()
	p, _ := preset.Named("wordpress")
	if got := p.TableWith(""); got != "wp_users" {
		t.Errorf("default prefix: %s", got)
	}
	if got := p.TableWith("blog7_"); got != "blog7_users" {
		t.Errorf("own prefix: %s", got)
	}
}
