package policy

import (
	"bytes"
	"crypto/sha1"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// hashes returns n hashes in order, every second of which is on a list that a test makes.
func hashes(n int) [][sha1.Size]byte {
	all := make([][sha1.Size]byte, n)
	for i := range all {
		all[i] = sha1.Sum(binary.BigEndian.AppendUint32(nil, uint32(i)))
	}
	slices.SortFunc(all, func(a, b [sha1.Size]byte) int { return bytes.Compare(a[:], b[:]) })
	return all
}

func openList(t testing.TB, text string) (*File, error) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "list")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := OpenFile(path)
	if err == nil {
		t.Cleanup(func() { _ = f.Close() })
	}
	return f, err
}

func TestFile(t *testing.T) {
	t.Parallel()
	all := hashes(4000)
	for name, format := range map[string]string{
		"as it is given out": "%X:42\r\n", "lower case": "%x:7\n", "without counts": "%X\n", "wide": "%X:42" + strings.Repeat(" ", 200) + "\n",
	} {
		for _, lines := range []int{1, 2, 30, len(all) / 2} {
			var list strings.Builder
			for i := range lines {
				fmt.Fprintf(&list, format, all[2*i])
			}
			f, err := openList(t, list.String())
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			for i, sum := range all[:2*lines] {
				if found, err := f.Has(t.Context(), sum); err != nil || found != (i%2 == 0) {
					t.Fatalf("%s, %d lines: number %d: %t, %v", name, lines, i, found, err)
				}
			}
		}
	}
}

func TestFileTorn(t *testing.T) {
	t.Parallel()
	all := hashes(3000)
	var list strings.Builder
	for i, sum := range all {
		line := fmt.Sprintf("%X:1", sum)
		if i%5 == 3 {
			line = line[:i%40]
		}
		list.WriteString(line + "\n")
	}
	fmt.Fprintf(&list, "%.20X", all[0]) // the download ended here
	f, err := openList(t, list.String())
	if err != nil {
		t.Fatal(err)
	}
	for i, sum := range all {
		if found, err := f.Has(t.Context(), sum); err != nil || found != (i%5 != 3) {
			t.Fatalf("number %d: %t, %v", i, found, err)
		}
	}
}

func TestFileIsNone(t *testing.T) {
	t.Parallel()
	all := hashes(3000)
	var byCount, ntlm strings.Builder
	for i := range all {
		fmt.Fprintf(&byCount, "%X:%d\r\n", all[(i*1291)%len(all)], len(all)-i)
		fmt.Fprintf(&ntlm, "%X:1\r\n", all[i][:16])
	}
	for name, test := range map[string]struct {
		text string
		want error
	}{
		"empty": {"", errNotHashes}, "text": {"passwords\n", errNotHashes}, "packed": {"PK\x03\x04", errNotHashes},
		"for NTLM": {ntlm.String(), errNotHashes}, "by count": {byCount.String(), errNotSorted},
	} {
		if _, err := openList(t, test.text); !errors.Is(err, test.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := OpenFile(filepath.Join(t.TempDir(), "none")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("no file: %v", err)
	}
}

// What cannot be read is not "not breached".
func TestFileUnreadable(t *testing.T) {
	t.Parallel()
	all := hashes(2000)
	var list strings.Builder
	for _, sum := range all {
		fmt.Fprintf(&list, "%X:1\n", sum)
	}
	torn := []byte(list.String())
	for i := len(torn) / 4; i < len(torn); i++ {
		torn[i] = 'x'
	}
	f, err := openList(t, string(torn))
	if err != nil {
		t.Fatal(err)
	}
	if found, err := f.Has(t.Context(), all[1500]); found || !errors.Is(err, errTorn) {
		t.Errorf("%t, %v", found, err)
	}
	if f, err = openList(t, list.String()); err != nil {
		t.Fatal(err)
	}
	f.size *= 2 // it was cut short since
	if found, err := f.Has(t.Context(), all[1999]); found || err == nil {
		t.Errorf("%t, %v", found, err)
	}
}

type memory struct{ *bytes.Reader }

func (memory) Close() error { return nil }

func FuzzFile(f *testing.F) {
	sum := sha1.Sum([]byte("password"))
	f.Add(fmt.Appendf(nil, "%X:3\r\n", sum), 0)
	f.Add(bytes.Repeat([]byte("0\n"), 3000), 1)
	f.Add(bytes.Repeat(fmt.Appendf(nil, "%X:3\n", sum), 100), 7)
	f.Fuzz(func(t *testing.T, text []byte, cut int) {
		list := &File{file: memory{bytes.NewReader(text)}, size: int64(len(text))}
		_ = list.check()
		found, err := list.Has(t.Context(), sum)
		if found && (err != nil || !bytes.Contains(bytes.ToUpper(text), fmt.Appendf(nil, "%X", sum))) {
			t.Fatalf("found what is not there, %v", err)
		}
	})
}
