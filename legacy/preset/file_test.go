package preset_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"rekey/legacy"
	"rekey/legacy/filesource"
	"rekey/legacy/hash"
	"rekey/legacy/preset"
)

// fileConfigOf is what a source of a preset of kind file is opened with.
func fileConfigOf(p preset.Preset, path string) filesource.Config {
	return filesource.Config{
		Name: p.Name, Path: path, Format: p.File.Format, Columns: p.File.Columns, Scheme: p.Scheme, Params: p.ParamsWith(nil),
		Timeout: time.Minute, // the machine may be busy
	}
}

// TestFileLogin is TestLogin for what is exported: an export in the shape that the preset's command writes.
func TestFileLogin(t *testing.T) {
	t.Parallel()
	p, ok := preset.Named("meteor")
	if !ok {
		t.Fatal("no such preset")
	}
	s, err := vector("v01643")
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile("testdata/meteor.csv")
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "users.csv")
	if err := os.WriteFile(path, []byte(strings.ReplaceAll(string(text), "{{hash}}", s.hash)), 0o600); err != nil {
		t.Fatal(err)
	}
	source, err := filesource.Open(fileConfigOf(p, path))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { source.Close() })
	ctx := t.Context()
	if err := source.Check(ctx); err != nil {
		t.Fatal(err)
	}
	want := legacy.User{
		ID: "k3Xz9QfWm2LpRt7aB", Username: "anna", Email: "anna@example.org",
		CreatedAt: time.Date(2020, 1, 2, 3, 4, 5, 0, time.UTC),
		Profile:   legacy.Profile{EmailVerified: true},
	}
	for _, spelling := range []string{"anna", "anna@example.org"} {
		users, err := source.Lookup(ctx, spelling)
		if err != nil || len(users) != 1 {
			t.Fatalf("%s: %d people, error %v, want one", spelling, len(users), err)
		}
		if diff := cmp.Diff(want, withoutPassword(users[0])); diff != "" {
			t.Errorf("%s is somebody else (-want +got):\n%s", spelling, diff)
		}
		h, err := hash.New(hash.Config{}).Open(*users[0].Password)
		if err != nil {
			t.Fatal(err)
		}
		if !h.Verify([]byte(s.password)) || h.Verify([]byte("not "+s.password)) {
			t.Error("the right password is refused, or a wrong one is right")
		}
	}
	if users, err := source.Lookup(ctx, "bert"); err != nil || len(users) != 1 || users[0].Profile.EmailVerified {
		t.Errorf("somebody without password and address: %d people, error %v", len(users), err)
	}
	t.Logf("%s: a CSV file, scheme %s, logged in with %s", p.Title, p.Scheme, s.origin)
}

// TestExportCommand: the command writes the columns that are read, and no others.
func TestExportCommand(t *testing.T) {
	t.Parallel()
	for _, p := range preset.All() {
		if p.File.Format == "" {
			continue
		}
		_, rest, _ := strings.Cut(p.File.Command, "--fields=")
		fields, _, _ := strings.Cut(rest, " ")
		written := map[string]bool{}
		for field := range strings.SplitSeq(fields, ",") {
			written[field] = true
		}
		for target, column := range p.File.Columns {
			if !written[column] {
				t.Errorf("%s: %s is read from %s, which the command does not write", p.Name, target, column)
			}
			delete(written, column)
		}
		if len(written) > 0 {
			t.Errorf("%s: the command writes %v, which nobody reads", p.Name, written)
		}
	}
}
