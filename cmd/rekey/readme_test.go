package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// A readmeBlock is a fenced block of shell below `<!-- run -->`, and the block of text below it: what it prints, where
// "…" stands for anything. Above it `<!-- before` may begin a comment with shell that sets up what the reader has by then.
type readmeBlock struct {
	line   int
	before string
	script string
	want   string
}

func readmeBlocks(t *testing.T, text string) []readmeBlock {
	t.Helper()
	fenced := regexp.MustCompile("(?ms)(?:^<!-- before\n(.*?)^-->\n)?^<!-- run -->\n```sh\n(.*?)^```\n(?:```text\n(.*?)^```\n)?")
	var blocks []readmeBlock
	for _, m := range fenced.FindAllStringSubmatchIndex(text, -1) {
		b := readmeBlock{line: 1 + strings.Count(text[:m[0]], "\n"), script: text[m[4]:m[5]]}
		if m[2] >= 0 {
			b.before = text[m[2]:m[3]]
		}
		if m[6] >= 0 {
			b.want = text[m[6]:m[7]]
		}
		blocks = append(blocks, b)
	}
	if marks := strings.Count(text, "<!-- run -->"); marks != len(blocks) {
		t.Fatalf("%d marks, but %d blocks that can be run", marks, len(blocks))
	}
	before := 0
	for _, b := range blocks {
		before += min(len(b.before), 1)
	}
	if marks := strings.Count(text, "<!-- before"); marks != before {
		t.Fatalf("%d set-ups, but %d blocks that have one", marks, before)
	}
	return blocks
}

// printed turns an expected text into a pattern: runs of spaces are one, and "…" is anything.
func printed(want string) *regexp.Regexp {
	pattern := regexp.QuoteMeta(spaces.ReplaceAllString(strings.TrimSpace(want), " "))
	return regexp.MustCompile(`^(?s:` + strings.ReplaceAll(pattern, "…", ".*?") + `)$`)
}

var spaces = regexp.MustCompile(` +`)

// TestReadme runs what the README tells people to run, in its order, in one folder.
func TestReadme(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	folder, bin := t.TempDir(), t.TempDir()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(self, filepath.Join(bin, "rekey")); err != nil { // TestMain is rekey under that name
		t.Fatal(err)
	}
	// The README says `go run ./cmd/rekey`, which is this binary.
	shim := "#!/bin/sh\n[ \"$1 $2\" = 'run ./cmd/rekey' ] || exit 99\nshift 2\nexec rekey \"$@\"\n"
	if err := os.WriteFile(filepath.Join(bin, "go"), []byte(shim), 0o700); err != nil {
		t.Fatal(err)
	}
	blocks := readmeBlocks(t, string(text))
	if len(blocks) == 0 {
		t.Fatal("nothing to run")
	}
	for _, b := range blocks {
		cmd := exec.CommandContext(t.Context(), "sh", "-eu")
		cmd.Stdin = strings.NewReader("umask 077\n" + b.before + b.script)
		cmd.Dir = folder
		cmd.Env = []string{"PATH=" + bin + ":" + os.Getenv("PATH"), "HOME=" + folder, "TMPDIR=" + folder}
		out, err := cmd.Output()
		if err != nil {
			t.Fatalf("README.md:%d: %v\n%s", b.line, err, out)
		}
		got := spaces.ReplaceAllString(strings.TrimSpace(string(out)), " ")
		if b.want != "" && !printed(b.want).MatchString(got) {
			t.Errorf("README.md:%d prints\n%s\nbut the README has\n%s", b.line, out, b.want)
		}
	}
}

// TestReadmeLinks: what the README points to is there.
func TestReadmeLinks(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"README.md", "CHANGELOG.md"} {
		text, err := os.ReadFile(filepath.Join("../..", name))
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range regexp.MustCompile(`\]\(([^):]+)\)`).FindAllStringSubmatch(string(text), -1) {
			if _, err := os.Stat(filepath.Join("../..", m[1])); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
}
