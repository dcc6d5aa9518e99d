package main

import (
	"cmp"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
)

// What go test really writes is the test's input: a module of one test file is run for each row.
func TestRelay(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct {
		body           string
		timeout        string
		passed, failed int
		skipped        []string
		shown, hidden  []string
	}{
		"a pass shows the package's line alone": {
			body:   `func TestA(t *testing.T) { t.Log("quiet word") }`,
			passed: 1,
			shown:  []string{"ok  \tplanted\t"},
			hidden: []string{"quiet word", "PASS", "=== RUN", "--- PASS"},
		},
		"a failure shows what it said": {
			body: `func TestA(t *testing.T) { t.Error("loud word") }
				func TestB(t *testing.T) { t.Log("quiet word") }`,
			passed: 1, failed: 1,
			shown:  []string{"loud word", "--- FAIL: TestA", "FAIL\tplanted\t"},
			hidden: []string{"quiet word"},
		},
		"a skip is listed with its reason": {
			body:    `func TestA(t *testing.T) { t.Skip("no server") }`,
			skipped: []string{"planted TestA: planted_test.go:3: no server"},
		},
		"a skipped subtest of a passed test is listed": {
			body: `func TestA(t *testing.T) {
				t.Run("ran", func(*testing.T) {})
				t.Run("not", func(t *testing.T) { t.SkipNow() })
			}`,
			passed:  2,
			skipped: []string{"planted TestA/not: no reason given"},
		},
		"a panic is shown": {
			body:   `func TestA(t *testing.T) { panic("loud word") }`,
			failed: 1,
			shown:  []string{"panic: loud word", "FAIL\tplanted\t"},
		},
		"the end of the time allowed is shown, whoever was the last to speak": {
			body: `func TestA(t *testing.T) { t.Parallel(); t.Run("x", func(t *testing.T) { t.Parallel(); select {} }) }
				func TestB(t *testing.T) { t.Parallel() }`,
			timeout: "1s",
			passed:  1, failed: 1,
			shown:  []string{"panic: test timed out after 1s", "TestA/x (1s)", "FAIL\tplanted\t"},
			hidden: []string{"=== RUN"},
		},
		"a panic beside a test is shown": {
			body: `func TestA(t *testing.T) { go func() { panic("loud word") }(); select {} }
				func TestB(t *testing.T) {}`,
			failed: 1,
			shown:  []string{"panic: loud word", "FAIL\tplanted\t"},
		},
		"the end of the process is shown": {
			body:   `func TestA(t *testing.T) { println("loud word"); os.Exit(3) }; var _ = os.Exit`,
			failed: 1,
			shown:  []string{"loud word", "FAIL\tplanted\t"},
		},
		"a compiler's error is shown": {
			body:   `func TestA(t *testing.T) { loudWord() }`,
			failed: 1,
			shown:  []string{"undefined: loudWord", "FAIL\tplanted [build failed]"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			imports := `import "testing"`
			if strings.Contains(row.body, "os.") {
				imports = `import ("os"; "testing")`
			}
			for file, text := range map[string]string{
				"go.mod":          "module planted\n\ngo 1.26\n",
				"planted_test.go": "package planted\n" + imports + "\n" + row.body + "\n",
			} {
				if err := os.WriteFile(filepath.Join(dir, file), []byte(text), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			cmd := exec.CommandContext(t.Context(), "go", "test", "-json", "-count=1", "-vet=off", "-timeout="+cmp.Or(row.timeout, "1m"), "./...")
			cmd.Dir = dir
			events, _ := cmd.Output() // it fails where a row fails, as the events tell

			var shown strings.Builder
			got, err := relay(&shown, strings.NewReader(string(events)))
			if err != nil {
				t.Fatal(err)
			}
			want := report{passed: row.passed, failed: row.failed, skipped: row.skipped}
			if diff := gocmp.Diff(want, got, gocmp.AllowUnexported(report{})); diff != "" {
				t.Errorf("report (-want +got):\n%s", diff)
			}
			for _, text := range row.shown {
				if !strings.Contains(shown.String(), text) {
					t.Errorf("not shown: %q in\n%s", text, shown.String())
				}
			}
			for _, text := range row.hidden {
				if strings.Contains(shown.String(), text) {
					t.Errorf("shown: %q in\n%s", text, shown.String())
				}
			}
		})
	}
}

func TestRelayRefusesWhatIsNotAnEvent(t *testing.T) {
	t.Parallel()
	var shown strings.Builder
	if _, err := relay(&shown, strings.NewReader("no JSON")); err == nil {
		t.Error("no error")
	}
}
