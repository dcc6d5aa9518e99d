//go:build !failpoint

package failpoint

import (
	"os"
	"slices"
	"strings"
	"testing"
)

func TestNames(t *testing.T) {
	t.Parallel()
	names := Names()
	sorted := slices.Clone(names)
	slices.Sort(sorted)
	if len(slices.Compact(sorted)) != len(names) {
		t.Error("a step is listed twice")
	}
	// Every constant is listed: a step that is not would never be tested.
	source, err := os.ReadFile("failpoint.go")
	if err != nil {
		t.Fatal(err)
	}
	declared := strings.Count(string(source), `= "`)
	if declared != len(names) {
		t.Errorf("%d steps are declared and %d are listed", declared, len(names))
	}
}

// Without the tag the environment kills nobody. That it does with the tag is shown where the steps are.
func TestAbsentWithoutTag(t *testing.T) {
	for _, name := range Names() {
		t.Setenv("REKEY_FAILPOINT", name)
		Hit(name)
	}
}
