package masterkey

import (
	"encoding/base64"
	"encoding/hex"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

func TestParse(t *testing.T) {
	t.Parallel()
	raw, err := hex.DecodeString(hexKey)
	if err != nil {
		t.Fatal(err)
	}
	b64 := base64.StdEncoding.EncodeToString(raw)
	for _, c := range []struct {
		name, text string
		ok         bool
	}{
		{"hex", hexKey, true},
		{"hex in capitals", strings.ToUpper(hexKey), true},
		{"hex and a line end", hexKey + "\n", true},
		{"hex and a Windows line end", hexKey + "\r\n", true},
		{"base64", b64, true},
		{"base64 and a line end", b64 + "\n", true},
		{"two line ends", hexKey + "\n\n", false},
		{"a carriage return alone", hexKey + "\r", false},
		{"space before", " " + hexKey, false},
		{"space after", hexKey + " ", false},
		{"hex too short", hexKey[2:], false},
		{"hex of odd length", hexKey[1:], false},
		{"hex too long", hexKey + "00", false},
		{"not hex", "g" + hexKey[1:], false},
		{"base64 without padding", strings.TrimRight(b64, "="), false},
		{"base64 with a line end inside", b64[:20] + "\n" + b64[21:], false},
		{"base64 with stray bits", b64[:42] + "9=", false},
		{"base64 of 31 bytes", base64.StdEncoding.EncodeToString(raw[:31]), false},
		{"base64 of 33 bytes", base64.StdEncoding.EncodeToString(append(raw, 1)), false},
		{"base64 for URLs", strings.Repeat("-_", 21) + "8=", false},
		{"raw bytes", string(raw), false},
		{"all zero", strings.Repeat("0", 64), false},
		{"empty", "", false},
		{"a line end", "\n", false},
	} {
		k, err := Parse([]byte(c.text))
		if (err == nil) != c.ok {
			t.Errorf("%s: error %v, want one: %t", c.name, err, !c.ok)
		}
		if c.ok && k.m.secret != [Size]byte(raw) {
			t.Errorf("%s: another key came out", c.name)
		}
		if err != nil && len(c.text) > 8 && strings.Contains(err.Error(), c.text[:8]) {
			t.Errorf("%s: the error holds the text: %v", c.name, err)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{"", hexKey, hexKey + "\n", "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\r\n"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		k, err := Parse(text)
		if err != nil {
			if k != nil {
				t.Error("an error and a key")
			}
			return
		}
		line := strings.TrimSuffix(strings.TrimSuffix(string(text), "\n"), "\r")
		secret := k.m.secret[:]
		if !strings.EqualFold(line, hex.EncodeToString(secret)) && line != base64.StdEncoding.EncodeToString(secret) {
			t.Errorf("%q was taken for a key that is not written so", text)
		}
	})
}

func TestCreateAndLoad(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path := filepath.Join(dir, "master.key")
	if _, err := Load(path); !errors.Is(err, fs.ErrNotExist) {
		t.Fatalf("Load without a file: %v, want fs.ErrNotExist", err)
	}
	made, err := Create(path)
	if err != nil {
		t.Fatal(err)
	}
	loaded, err := Load(path)
	if err != nil {
		t.Fatal(err)
	}
	if loaded.CheckValue() != made.CheckValue() {
		t.Error("another key was loaded than was created")
	}
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if info.Mode() != 0o600 {
		t.Errorf("mode is %v, want 0600", info.Mode())
	}
	if _, err := Create(path); !errors.Is(err, fs.ErrExist) {
		t.Errorf("Create over a file: %v, want fs.ErrExist", err)
	}
	if again, err := Load(path); err != nil || again.CheckValue() != made.CheckValue() {
		t.Errorf("Create over a file changed it: %v", err)
	}
	if _, err := Create(filepath.Join(dir, "absent", "master.key")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("Create in a folder that is not there: %v", err)
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) != 1 {
		t.Errorf("the folder holds %v (%v), want the key alone", entries, err)
	}
}

// Two processes that start at once must end with one key, and neither may read half a file.
func TestCreateRace(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "master.key")
	const racers = 16
	checks := make([]string, racers)
	made := make([]bool, racers)
	var all sync.WaitGroup
	for i := range racers {
		all.Go(func() {
			k, err := Create(path)
			made[i] = err == nil
			if errors.Is(err, fs.ErrExist) {
				k, err = Load(path)
			}
			if err != nil {
				t.Error(err)
				return
			}
			checks[i] = k.CheckValue()
		})
	}
	all.Wait()
	winners := 0
	for i := range racers {
		if made[i] {
			winners++
		}
		if checks[i] != checks[0] {
			t.Fatal("two racers have two keys")
		}
	}
	if winners != 1 {
		t.Errorf("%d racers made the file, want 1", winners)
	}
}

func TestLoadRefuses(t *testing.T) {
	t.Parallel()
	write := func(mode fs.FileMode, text string) string {
		path := filepath.Join(t.TempDir(), "master.key")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
		return path
	}
	for _, c := range []struct{ name, path, want string }{
		{"readable by all", write(0o644, hexKey), "chmod 600"},
		{"readable by the group", write(0o640, hexKey), "chmod 600"},
		{"not a key", write(0o600, "hunter2hunter2"), "64 hex digits"},
		{"a long file that begins with a key", write(0o600, hexKey+"\n"+strings.Repeat(" ", maxFile)), "64 hex digits"},
		{"a folder", t.TempDir(), "not a regular file"},
	} {
		_, err := Load(c.path)
		if err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), c.path) {
			t.Errorf("%s: %v, want the path and %q", c.name, err, c.want)
			continue
		}
		if strings.Contains(err.Error(), "hunter2") || strings.Contains(err.Error(), hexKey[:8]) {
			t.Errorf("%s: the error holds the text: %v", c.name, err)
		}
	}
}

func TestPrivate(t *testing.T) {
	t.Parallel()
	const us, them = 1000, 1001
	for _, c := range []struct {
		mode        fs.FileMode
		owner, self int
		ok          bool
	}{
		{0o600, us, us, true},
		{0o400, us, us, true},
		{0o440, us, us, false},
		{0o604, us, us, false},
		{0o620, us, us, false},
		{0o440, 0, us, true}, // a systemd credential, a Kubernetes secret
		{0o640, 0, us, true},
		{0o644, 0, us, false},
		{0o444, 0, us, false},
		{0o460, 0, us, false},
		{0o600, 0, 0, true},
		{0o440, 0, 0, false},
		{0o400, them, us, false},
		{0o400, them, 0, false},
		{0o777, unknownOwner, us, true},
	} {
		if err := private(c.mode, c.owner, c.self); (err == nil) != c.ok {
			t.Errorf("mode %v of user %d read by user %d: %v, want an error: %t", c.mode, c.owner, c.self, err, !c.ok)
		}
	}
}
