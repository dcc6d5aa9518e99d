package failpoint

import (
	"os"
	"os/exec"
	"path/filepath"
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

// In a build without the tag nothing that could kill the process is left, whatever the environment says.
func TestAbsentWithoutTag(t *testing.T) {
	t.Parallel()
	// Joined here, so that this file does not put the text into the binary.
	text := strings.Join([]string{"failpoint: no", "step is called"}, " ")
	for tags, want := range map[string]bool{"": false, "failpoint": true} {
		binary := filepath.Join(t.TempDir(), "failpoint.test")
		build := exec.CommandContext(t.Context(), "go", "test", "-c", "-tags", tags, "-o", binary, ".")
		if out, err := build.CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		content, err := os.ReadFile(binary)
		if err != nil {
			t.Fatal(err)
		}
		if got := strings.Contains(string(content), text); got != want {
			t.Errorf("tags %q: the code that kills is there: %v, want %v", tags, got, want)
		}
	}
}
