package rekey_test

import (
	"bytes"
	"encoding/json"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// modulePath returns the path of the module as go.mod has it.
func modulePath(t *testing.T) string {
	t.Helper()
	var mod struct{ Module struct{ Path string } }
	goJSON(t, &mod, "mod", "edit", "-json")
	return mod.Module.Path
}

// modernc.org/sqlite is C translated to Go, and calls into exactly the modernc.org/libc that it was translated with:
// another one may link and then corrupt memory. The go command, which takes the highest version that anybody asks for,
// does not know that.
func TestSQLiteHasItsOwnLibc(t *testing.T) {
	t.Parallel()
	var sqlite struct{ Version, GoMod string }
	goJSON(t, &sqlite, "mod", "download", "-json", "modernc.org/sqlite")
	var wants struct {
		Require []struct{ Path, Version string }
	}
	goJSON(t, &wants, "mod", "edit", "-json", sqlite.GoMod)
	var libc struct{ Version string }
	goJSON(t, &libc, "list", "-m", "-json", "modernc.org/libc")

	for _, required := range wants.Require {
		if required.Path != "modernc.org/libc" {
			continue
		}
		if libc.Version != required.Version {
			t.Errorf("go.mod selects modernc.org/libc %s; modernc.org/sqlite %s was made with %s: go get modernc.org/libc@%[3]s",
				libc.Version, sqlite.Version, required.Version)
		}
		return
	}
	t.Errorf("modernc.org/sqlite %s does not require modernc.org/libc any more: this test can go", sqlite.Version)
}

// goJSON decodes what the go command answers.
func goJSON(t *testing.T, answer any, args ...string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", args...)
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go %s: %v\n%s", strings.Join(args, " "), err, &stderr)
	}
	if err := json.Unmarshal(out, answer); err != nil {
		t.Fatalf("go %s: %v", strings.Join(args, " "), err)
	}
}

// A clone is all that a reader has: no file may send them to a place beside it, or on somebody's machine.
func TestNothingPointsOutsideTheRepository(t *testing.T) {
	t.Parallel()
	outside := [][]byte{[]byte("../" + "shared"), []byte("/work" + "/")} // apart, so that this file does not name them
	files := 0
	err := fs.WalkDir(os.DirFS("."), ".", func(name string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && (name == ".git" || name == "bin"):
			return fs.SkipDir
		case !entry.Type().IsRegular(), name == ".git": // which is a file in a second work tree
			return nil
		}
		text, err := os.ReadFile(filepath.FromSlash(name))
		if err != nil {
			return err
		}
		files++
		for _, words := range outside {
			if before, _, found := bytes.Cut(text, words); found {
				t.Errorf("%s:%d names %s", name, 1+bytes.Count(before, []byte("\n")), words)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if files < 50 {
		t.Errorf("only %d files were looked at", files)
	}
}
