package filesource

import (
	"bytes"
	"compress/gzip"
	"encoding/csv"
	"encoding/json"
	"errors"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"

	"rekey/legacy"
	"rekey/legacy/legacytest"
)

// columns is the mapping of the suite's people.
func columns() map[string]string {
	return map[string]string{
		"id": "id", "username": "login", "email": "mail", "phone": "phone", "password": "hash", "salt": "salt",
		"created_at": "created", "last_login_at": "seen", "disabled": "blocked",
	}
}

// rows are people as an export has them, by the names of columns.
func rows(people []legacy.User) []map[string]string {
	at := func(moment time.Time) string {
		if moment.IsZero() {
			return ""
		}
		return moment.Format(time.RFC3339)
	}
	var list []map[string]string
	for _, u := range people {
		list = append(list, map[string]string{
			"id": u.ID, "login": u.Username, "mail": u.Email, "phone": u.Phone, "hash": u.Password.Hash, "salt": u.Password.Salt,
			"created": at(u.CreatedAt), "seen": at(u.LastLoginAt), "blocked": strconv.FormatBool(u.Disabled),
		})
	}
	return list
}

func asCSV(t *testing.T, list []map[string]string) string {
	t.Helper()
	var text bytes.Buffer
	w := csv.NewWriter(&text)
	names := slices.Sorted(maps.Values(columns()))
	lines := [][]string{names}
	for _, row := range list {
		var line []string
		for _, name := range names {
			line = append(line, row[name])
		}
		lines = append(lines, line)
	}
	if err := w.WriteAll(lines); err != nil {
		t.Fatal(err)
	}
	return text.String()
}

func asJSONL(t *testing.T, list []map[string]string) string {
	t.Helper()
	var text strings.Builder
	for _, row := range list {
		line, err := json.Marshal(row)
		if err != nil {
			t.Fatal(err)
		}
		text.Write(line)
		text.WriteByte('\n')
	}
	return text.String()
}

func asGzip(t *testing.T, text string) string {
	t.Helper()
	var packed bytes.Buffer
	w := gzip.NewWriter(&packed)
	if _, err := w.Write([]byte(text)); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return packed.String()
}

func asZstd(t *testing.T, text string) string {
	t.Helper()
	w, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	return string(w.EncodeAll([]byte(text), nil))
}

// write makes a file of a test and returns its path.
func write(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// source opens a source, and closes it when the test ends.
func source(t *testing.T, c Config) *Source {
	t.Helper()
	c.Name = "shop"
	c.Timeout = time.Minute // a busy machine is no fault
	s, err := Open(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// over opens a source over a text and indexes it.
func over(t *testing.T, c Config, text string) *Source {
	t.Helper()
	c.Path = write(t, "export", text)
	s := source(t, c)
	if err := s.Check(t.Context()); err != nil {
		t.Fatal(err)
	}
	return s
}

// TestContract runs the suite over both generic formats, plain and compressed.
func TestContract(t *testing.T) {
	t.Parallel()
	plain := func(_ *testing.T, text string) string { return text }
	for name, kind := range map[string]struct {
		format string
		text   func(*testing.T, []map[string]string) string
		pack   func(*testing.T, string) string
	}{
		"csv": {"csv", asCSV, plain}, "jsonl": {"jsonl", asJSONL, plain},
		"csv.gz": {"csv", asCSV, asGzip}, "jsonl.zst": {"jsonl", asJSONL, asZstd},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			config := Config{Format: kind.format, Columns: columns(), Params: map[string]string{"pepper": "hunter2"}}
			legacytest.Run(t, legacytest.Harness{
				New: func(t *testing.T, people []legacy.User) legacy.Source {
					return over(t, config, kind.pack(t, kind.text(t, rows(people))))
				},
				Down: func(t *testing.T) legacy.Source {
					down := config
					down.Path = filepath.Join(t.TempDir(), "none")
					return source(t, down)
				},
				Secrets: []string{"hunter2"},
				Order:   strings.Compare,
			})
		})
	}
}

// TestNotReady shows every way in which there is no index to ask: each is "cannot tell", and Check mends it.
func TestNotReady(t *testing.T) {
	t.Parallel()
	people := rows(legacytest.People())
	for name, spoil := range map[string]func(t *testing.T, s *Source){
		"never indexed": func(t *testing.T, s *Source) { remove(t, s.config.IndexPath) },
		"another size": func(t *testing.T, s *Source) {
			rewrite(t, s.config.Path, asJSONL(t, people[:9]))
		},
		"another time": func(t *testing.T, s *Source) {
			later := time.Now().Add(time.Minute)
			if err := os.Chtimes(s.config.Path, later, later); err != nil {
				t.Fatal(err)
			}
		},
		"cut off": func(t *testing.T, s *Source) {
			text, err := os.ReadFile(s.config.IndexPath)
			if err != nil {
				t.Fatal(err)
			}
			rewrite(t, s.config.IndexPath, string(text[:len(text)/2]))
		},
		"empty": func(t *testing.T, s *Source) { rewrite(t, s.config.IndexPath, "") },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := over(t, Config{Format: "jsonl", Columns: columns()}, asJSONL(t, people))
			spoil(t, s)
			users, err := s.Lookup(t.Context(), "nobody@example.org")
			if err == nil || len(users) > 0 || errors.Is(err, legacy.ErrNoUser) {
				t.Errorf("Lookup: %d people, error %v", len(users), err)
			}
			if _, err := s.Get(t.Context(), "999"); err == nil || errors.Is(err, legacy.ErrNoUser) {
				t.Errorf("Get: %v", err)
			}
			if err := s.Ping(t.Context()); err == nil {
				t.Error("Ping: no error")
			}
			if err := s.Check(t.Context()); err != nil {
				t.Fatal(err)
			}
			if users, err := s.Lookup(t.Context(), "anna"); err != nil || len(users) != 1 {
				t.Errorf("Lookup after Check: %d people, error %v", len(users), err)
			}
		})
	}
}

// TestSameSizeAndTime shows that an export of the same size and time is told by its first bytes.
func TestSameSizeAndTime(t *testing.T) {
	t.Parallel()
	config := Config{Format: "jsonl", Columns: columns()}
	s := over(t, config, `{"id":1,"login":"anna","mail":"a@x","hash":"x","salt":"s"}`)
	info, err := os.Stat(s.config.Path)
	if err != nil {
		t.Fatal(err)
	}
	rewrite(t, s.config.Path, `{"id":1,"login":"bobo","mail":"a@x","hash":"x","salt":"s"}`)
	if err := os.Chtimes(s.config.Path, info.ModTime(), info.ModTime()); err != nil {
		t.Fatal(err)
	}
	config.Path = s.config.Path
	next := source(t, config)
	if users, err := next.Lookup(t.Context(), "anna"); err == nil {
		t.Errorf("Lookup: %d people of another export", len(users))
	}
}

// TestMappingChanged shows that an index made for other columns is not asked.
func TestMappingChanged(t *testing.T) {
	t.Parallel()
	config := Config{Format: "jsonl", Columns: columns()}
	s := over(t, config, `{"id":1,"login":"anna","mail":"a@x","hash":"x","salt":"s","other":"y"}`)
	config.Path, config.Columns = s.config.Path, columns()
	config.Columns["password"] = "other"
	next := source(t, config)
	if _, err := next.Lookup(t.Context(), "anna"); err == nil {
		t.Error("Lookup answers from an index of another mapping")
	}
	if err := next.Check(t.Context()); err != nil {
		t.Fatal(err)
	}
	users, err := next.Lookup(t.Context(), "anna")
	if err != nil || len(users) != 1 || users[0].Password.Hash != "y" {
		t.Errorf("Lookup after Check: %d people, error %v", len(users), err)
	}
}

func remove(t *testing.T, path string) {
	t.Helper()
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
}

// rewrite replaces a file by another, as a new export would.
func rewrite(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path+".new", []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(path+".new", path); err != nil {
		t.Fatal(err)
	}
}
