package journal

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"
)

func entry(id string) Entry {
	return Entry{Source: "shop", LegacyID: id, RequestID: "r1", At: time.Date(2026, 11, 22, 12, 0, 0, 1000, time.UTC)}
}

func open(t *testing.T, path string) *Journal {
	t.Helper()
	j, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = j.Close() }) // a test's helper
	return j
}

func TestJournal(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "journal")
	j := open(t, path)
	want := []Entry{entry("1"), entry("2"), entry("1")}
	want[2].Done = true
	for _, e := range want {
		if err := j.Add(e); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := Open(path); err == nil {
		t.Fatal("two have one journal")
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	j = open(t, path)
	if got := j.Entries(); !reflect.DeepEqual(got, want) {
		t.Errorf("after a restart: %+v, want %+v", got, want)
	}
	if err := j.Clear(); err != nil || len(j.Entries()) != 0 {
		t.Errorf("after Clear: %+v (%v)", j.Entries(), err)
	}
	if err := j.Add(entry("3")); err != nil {
		t.Fatal(err)
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	if got := open(t, path).Entries(); !reflect.DeepEqual(got, []Entry{entry("3")}) {
		t.Errorf("after Clear and a restart: %+v", got)
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v (%v)", info.Mode(), err)
	}
}

// Wherever a crash cuts the file off, the whole lines are there, and the next is written behind them.
func TestTorn(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "journal")
	j := open(t, path)
	for _, e := range []Entry{entry("1"), entry(strings.Repeat("2", 100))} {
		if err := j.Add(e); err != nil {
			t.Fatal(err)
		}
	}
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	first := bytes.IndexByte(whole, '\n') + 1
	for _, at := range []int{0, 1, first - 1, first, first + 1, len(whole) - 1} {
		torn := filepath.Join(t.TempDir(), "journal")
		if err := os.WriteFile(torn, whole[:at], 0o600); err != nil {
			t.Fatal(err)
		}
		j := open(t, torn)
		var want []Entry
		if at >= first {
			want = append(want, entry("1"))
		}
		if got := j.Entries(); !reflect.DeepEqual(got, want) {
			t.Errorf("cut at %d: %+v", at, got)
		}
		want = append(want, entry("3"))
		if err := errors.Join(j.Add(entry("3")), j.Close()); err != nil {
			t.Fatal(err)
		}
		if got := open(t, torn).Entries(); !reflect.DeepEqual(got, want) {
			t.Errorf("cut at %d and gone on: %+v", at, got)
		}
	}
}

func TestRefusedEntries(t *testing.T) {
	t.Parallel()
	j := open(t, filepath.Join(t.TempDir(), "journal"))
	for name, change := range map[string]func(*Entry){
		"no source": func(e *Entry) { e.Source = "" }, "no id": func(e *Entry) { e.LegacyID = "" }, "no time": func(e *Entry) { e.At = time.Time{} },
		"no text": func(e *Entry) { e.LegacyID = "\xff" }, "too long": func(e *Entry) { e.RequestID = strings.Repeat("x", maxLine) },
	} {
		e := entry("1")
		change(&e)
		if err := j.Add(e); !errors.Is(err, ErrEntry) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if len(j.Entries()) != 0 {
		t.Error("something was kept")
	}
}

// A journal that is damaged in the middle is not taken for a shorter one: what is lost there would never be told.
func TestDamaged(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"{}\n", "x\n", `{"source":"a","legacy_id":"b","at":"2026-11-22T12:00:00Z","password":"x"}` + "\n", strings.Repeat("x", maxLine+1)} {
		path := filepath.Join(t.TempDir(), "journal")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		j, err := Open(path)
		if err == nil {
			t.Error(errors.Join(errors.New("a damaged journal was opened"), j.Close()))
		}
	}
}

func FuzzRead(f *testing.F) {
	f.Add([]byte(`{"source":"shop","legacy_id":"7","at":"2026-11-22T12:00:00Z","done":true}` + "\n"))
	f.Add([]byte("{}\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		entries, end, err := read(bytes.NewReader(data))
		if err != nil {
			return
		}
		if end > int64(len(data)) || end > 0 && data[end-1] != '\n' || len(entries) != bytes.Count(data[:end], []byte("\n")) {
			t.Errorf("%d entries end at %d of %q", len(entries), end, data)
		}
		for _, e := range entries {
			if check(e) != nil {
				t.Errorf("%+v would not be kept", e)
			}
		}
	})
}
