package filesource

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"rekey/legacy"
	"rekey/legacy/legacytest"
)

// leftovers lists the temporary files beside an index.
func leftovers(t *testing.T, s *Source) []string {
	t.Helper()
	found, err := filepath.Glob(s.config.IndexPath + tempMark + "*")
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// residentKiB is the memory that the process has from the system, SQLite's own included, which Go does not count.
func residentKiB(t *testing.T) int64 {
	t.Helper()
	text, err := os.ReadFile("/proc/self/status")
	if err != nil {
		t.Skip("no /proc to read the process's size from")
	}
	for line := range strings.Lines(string(text)) {
		if rest, ok := strings.CutPrefix(line, "VmRSS:"); ok {
			n, err := strconv.ParseInt(strings.Fields(rest)[0], 10, 64)
			if err != nil {
				t.Fatal(err)
			}
			return n
		}
	}
	t.Skip("no VmRSS")
	return 0
}

// TestFlatMemory indexes 300,000 people and watches the memory of Go and of the whole process. It is not parallel: others
// would be counted with it.
func TestFlatMemory(t *testing.T) { //nolint:paralleltest // it measures the process
	if testing.Short() {
		t.Skip("300,000 people")
	}
	people := 300_000
	if raced {
		people = 10_000
	}
	path := filepath.Join(t.TempDir(), "export")
	file, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(file, "id,mail,hash,name,city\n"); err != nil {
		t.Fatal(err)
	}
	for i := range people {
		if _, err := fmt.Fprintf(file, "%d,user%d@example.org,$2y$10$abcdefghijklmnopqrstuv%031d,\"Name, %d\",Berlin\n", i*7919%people, i, i, i); err != nil {
			t.Fatal(err)
		}
	}
	if err := file.Close(); err != nil {
		t.Fatal(err)
	}
	s := source(t, Config{Format: "csv", Path: path, Columns: few()})
	runtime.GC()
	var before, now runtime.MemStats
	runtime.ReadMemStats(&before)
	beforeKiB := residentKiB(t)
	var heap, resident int64
	var last Progress
	err = s.Index(t.Context(), func(p Progress) {
		if p.Read < last.Read || p.Size == 0 || p.Read > p.Size {
			t.Errorf("progress goes from %+v to %+v", last, p)
		}
		last = p
		runtime.ReadMemStats(&now)
		heap = max(heap, int64(now.HeapAlloc)-int64(before.HeapAlloc))
		resident = max(resident, residentKiB(t)-beforeKiB)
	})
	if err != nil {
		t.Fatal(err)
	}
	resident = max(resident, residentKiB(t)-beforeKiB)
	t.Logf("heap +%d KiB, process +%d KiB", heap>>10, resident)
	if heap > 64<<20 || resident > 160<<10 {
		t.Errorf("memory grew by %d KiB of heap, %d KiB of process", heap>>10, resident)
	}
	if last.People != int64(people) || !last.Sorting || last.Read != last.Size {
		t.Errorf("the last report is %+v", last)
	}
	if users, err := s.Lookup(t.Context(), fmt.Sprintf("user%d@example.org", people-1)); err != nil || len(users) != 1 {
		t.Errorf("Lookup: %d people, error %v", len(users), err)
	}
	info, err := os.Stat(s.config.IndexPath)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the index: %v, error %v", info.Mode(), err)
	}
}

// filled is a reader of n bytes that are all the same.
type filled struct {
	n int64
	c byte
}

func (f *filled) Read(p []byte) (int, error) {
	if f.n == 0 {
		return 0, io.EOF
	}
	p = p[:min(int64(len(p)), f.n)]
	for i := range p {
		p[i] = f.c
	}
	f.n -= int64(len(p))
	return len(p), nil
}

// TestOneEndlessLine passes records and other values of 24 MiB in one line by each scanner, and looks at what they keep.
func TestOneEndlessLine(t *testing.T) { //nolint:paralleltest // it measures the process
	size := int64(24 << 20) // a gigabyte passes the same way, in a minute
	if raced {
		size = 4 << 20
	}
	for name, tt := range map[string]struct {
		frame        frame
		before, from string
		fill         byte
		records      int
	}{
		"line":        {frameLines, `{"id":"`, `"}` + "\n" + `{"id":"2"}` + "\n", 'a', 2},
		"element":     {frameUsers, `{"users":[{"id":"`, `"},{"id":"2"}]}`, 'a', 2},
		"beside":      {frameUsers, `{"clients":["`, `"],"users":[{"id":"2"}]}`, '{', 1},
		"a name":      {frameUsers, `{"`, `":1}`, 'a', 0},
		"field":       {frameTable, "id\n\"", "\"\n2\n", '\n', 2},
		"fields":      {frameTable, "id\n", "\n2\n", ',', 2},
		"header":      {frameTable, "", "\n2\n", 'a', 0},
		"blank":       {frameLines, "", "\n" + `{"id":"2"}`, ' ', 2},
		"white space": {frameUsers, `{"users":[`, `{"id":"2"}]}`, '\n', 1},
	} {
		t.Run(name, func(t *testing.T) {
			runtime.GC()
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			in := &counter{ctx: t.Context(), from: io.MultiReader(strings.NewReader(tt.before), &filled{size, tt.fill}, strings.NewReader(tt.from))}
			s, err := openStream(in)
			if err != nil {
				t.Fatal(err)
			}
			defer s.close()
			var records []record
			scan, _, err := tt.frame.scan(s, ',')
			for err == nil {
				var r record
				if r, err = scan.next(); err == nil {
					records = append(records, record{line: r.line, bad: r.bad, value: r.value})
				}
			}
			runtime.ReadMemStats(&after)
			if total := after.TotalAlloc - before.TotalAlloc; total > 12<<20 {
				t.Errorf("%d MiB were allocated", total>>20)
			}
			if len(records) != tt.records {
				t.Fatalf("%d records, then %v", len(records), err)
			}
			if tt.records == 2 && records[0].bad != tooLong {
				t.Errorf("the long record: %q", records[0].bad)
			}
			if tt.records > 0 && records[tt.records-1].value.str("id") != "2" {
				t.Errorf("the record behind it: %q", records[tt.records-1].bad)
			}
		})
	}
}

// TestCrash ends an indexing before its first commit, as a crash would, and shows that what it leaves is never asked and is
// removed.
func TestCrash(t *testing.T) {
	t.Parallel()
	var text strings.Builder
	for i := range 3 * progressStep {
		fmt.Fprintf(&text, `{"id":%d,"mail":"u%d@x","hash":"h"}`+"\n", i, i)
	}
	s := source(t, Config{Format: "jsonl", Columns: few(), Path: write(t, "export", text.String())})
	// The file of a process that was killed: what an indexing has written so far, under its temporary name.
	crashed := s.config.IndexPath + tempMark + "1"
	ctx, cancel := context.WithCancel(t.Context())
	err := s.Index(ctx, func(p Progress) {
		if p.Sorting {
			t.Error("it went on to its end")
		}
		left := leftovers(t, s)
		if len(left) != 2 || left[1] != left[0]+journalSuffix {
			t.Fatalf("temporary files: %v", left)
		}
		info, err := os.Stat(left[0])
		if err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("the temporary file: %v, error %v", info.Mode(), err)
		}
		copyFile(t, left[0], s.config.IndexPath+".copy")
		cancel()
	})
	if !errors.Is(err, context.Canceled) {
		t.Fatalf("Index: %v", err)
	}
	if left := leftovers(t, s); len(left) != 0 {
		t.Errorf("left behind: %v", left)
	}
	if _, err := s.Lookup(t.Context(), "u1@x"); err == nil || errors.Is(err, legacy.ErrNoUser) {
		t.Errorf("Lookup after a crash: %v", err)
	}
	// Even in the place of the index it is none.
	copyFile(t, s.config.IndexPath+".copy", s.config.IndexPath)
	if _, err := s.Lookup(t.Context(), "u1@x"); err == nil || errors.Is(err, legacy.ErrNoUser) {
		t.Errorf("Lookup of half an index: %v", err)
	}
	copyFile(t, s.config.IndexPath+".copy", crashed)
	old := time.Now().Add(-2 * staleAfter)
	if err := os.Chtimes(crashed, old, old); err != nil {
		t.Fatal(err)
	}
	alive := s.config.IndexPath + tempMark + "2" // of another process that is at it
	copyFile(t, s.config.IndexPath+".copy", alive)
	if err := s.Index(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	if left := leftovers(t, s); len(left) != 1 || left[0] != alive {
		t.Errorf("left behind: %v", left)
	}
	if users, err := s.Lookup(t.Context(), "u12287@x"); err != nil || len(users) != 1 {
		t.Errorf("Lookup: %d people, error %v", len(users), err)
	}
}

func copyFile(t *testing.T, from, to string) {
	t.Helper()
	text, err := os.ReadFile(from)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(to, text, 0o600); err != nil {
		t.Fatal(err)
	}
}

// TestChangedWhileRead shows that an export that is written to while it is read gives no index.
func TestChangedWhileRead(t *testing.T) {
	t.Parallel()
	var text strings.Builder
	for i := range 2 * progressStep {
		fmt.Fprintf(&text, `{"id":%d,"mail":"u%d@x","hash":"h"}`+"\n", i, i)
	}
	s := source(t, Config{Format: "jsonl", Columns: few(), Path: write(t, "export", text.String())})
	var once sync.Once
	err := s.Index(t.Context(), func(Progress) {
		once.Do(func() {
			file, err := os.OpenFile(s.config.Path, os.O_APPEND|os.O_WRONLY, 0)
			if err != nil {
				t.Error(err)
				return
			}
			if _, err := file.WriteString(`{"id":"new","mail":"n@x","hash":"h"}`); err != nil {
				t.Error(err)
			}
			if err := file.Close(); err != nil {
				t.Error(err)
			}
		})
	})
	if err == nil || !strings.Contains(err.Error(), "changed while it was read") {
		t.Errorf("Index: %v", err)
	}
	if _, err := s.Lookup(t.Context(), "u1@x"); err == nil {
		t.Error("Lookup answers from an index of no known export")
	}
}

// TestTwoProcesses indexes one export by several sources at once, each as another process would, while others ask.
func TestTwoProcesses(t *testing.T) {
	t.Parallel()
	config := Config{Format: "jsonl", Columns: columns(), Path: write(t, "export", asJSONL(t, rows(legacytest.People())))}
	var all sync.WaitGroup
	for range 4 {
		s := source(t, config)
		all.Go(func() {
			if err := s.Index(t.Context(), nil); err != nil {
				t.Error(err)
			}
			if users, err := s.Lookup(t.Context(), "anna"); err != nil || len(users) != 1 {
				t.Errorf("Lookup: %d people, error %v", len(users), err)
			}
		})
	}
	all.Wait()
	if left := leftovers(t, source(t, config)); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

// TestReplaced shows that an index that another process has made anew is opened without a restart.
func TestReplaced(t *testing.T) {
	t.Parallel()
	config := Config{Format: "jsonl", Columns: few()}
	s := over(t, config, `{"id":1,"mail":"a@x","hash":"old"}`)
	if _, err := s.Lookup(t.Context(), "a@x"); err != nil {
		t.Fatal(err)
	}
	for i := range 5 {
		hash := fmt.Sprint("new", i)
		rewrite(t, s.config.Path, `{"id":1,"mail":"a@x","hash":"`+hash+`"}`)
		config.Path = s.config.Path
		other := source(t, config)
		if err := other.Check(t.Context()); err != nil {
			t.Fatal(err)
		}
		users, err := s.Lookup(t.Context(), "a@x")
		if err != nil || len(users) != 1 || users[0].Password.Hash != hash {
			t.Errorf("Lookup: %d people, error %v", len(users), err)
		}
	}
}

// TestForeignFile shows that nothing is overwritten that is no index.
func TestForeignFile(t *testing.T) {
	t.Parallel()
	precious := write(t, "precious", strings.Repeat("do not lose this. ", 20))
	s := source(t, Config{Format: "jsonl", Columns: few(), Path: write(t, "export", `{"id":1,"mail":"a@x","hash":"h"}`), IndexPath: precious})
	if err := s.Check(t.Context()); !errors.Is(err, legacy.ErrMapping) || !strings.Contains(err.Error(), "not overwritten") {
		t.Errorf("Check: %v", err)
	}
	if text, err := os.ReadFile(precious); err != nil || !strings.HasPrefix(string(text), "do not") {
		t.Errorf("the file: %.20q, error %v", text, err)
	}
}

// TestSeveral shows what becomes of keys and identifiers that several records have.
func TestSeveral(t *testing.T) {
	t.Parallel()
	lines := []string{
		`{"id":1,"mail":"same@x","hash":"h"}`,
		`{"id":2,"mail":"twice@x","hash":"h"}`,
		`{"id":2,"mail":"twice@x","hash":"h"}`,
		`{"id":3,"mail":"same@x","hash":"h"}`,
		`{"id":4,"mail":"old@x","hash":"old"}`,
		`{"id":4,"mail":"new@x","hash":"new"}`,
		`{"id":4,"mail":"new@x","hash":"new"}`,
		`{"id":5,"mail":"five@x","hash":"h"}`,
		`{"id":5,"mail":"five@x","hash":["a","b"]}`,
	}
	s := over(t, Config{Format: "jsonl", Columns: few()}, strings.Join(lines, "\n"))
	for spelling, want := range map[string]int{"same@x": 2, "twice@x": 1, "old@x": -1, "new@x": -1, "five@x": -1, "none@x": 0} {
		users, err := s.Lookup(t.Context(), spelling)
		if want < 0 && len(told(t, err)) == 0 || want >= 0 && (err != nil || len(users) != want) {
			t.Errorf("Lookup(%q): %d people, error %v", spelling, len(users), err)
		}
	}
	var met []string
	for after, pages := "", 0; pages < 10; pages++ {
		users, err := s.List(t.Context(), after, 2)
		for _, u := range users {
			met = append(met, u.ID)
			after = u.ID
		}
		bad := told(t, err)
		for _, row := range bad {
			met = append(met, "!"+row[:1])
			after = max(after, row[:1])
		}
		if len(users)+len(bad) < 2 {
			break
		}
	}
	if got := strings.Join(met, " "); got != "1 2 3 !4 !5" {
		t.Errorf("the walk met %s", got)
	}
	stats, err := s.Stats(t.Context())
	if err != nil || stats.People != 3 || stats.Bad != 5 || stats.Repeats != 1 {
		t.Errorf("Stats: %+v, error %v", stats, err)
	}
}

// TestTooMany shows that an identifier of a crowd is no answer.
func TestTooMany(t *testing.T) {
	t.Parallel()
	var text strings.Builder
	for i := range maxPeople + 1 {
		fmt.Fprintf(&text, `{"id":%d,"mail":"all@x","hash":"h"}`+"\n", i)
	}
	s := over(t, Config{Format: "jsonl", Columns: few()}, text.String())
	if _, err := s.Lookup(t.Context(), "all@x"); !errors.Is(err, legacy.ErrTooMany) {
		t.Errorf("Lookup: %v", err)
	}
}

// TestManyBad shows that the list of broken records is bounded, and their number is not.
func TestManyBad(t *testing.T) {
	t.Parallel()
	text := strings.Repeat("broken\n", maxKeyless+5) + "{\"mail\":\"beyond@x\"\n" + `{"id":1,"mail":"a@x","hash":"h"}`
	s := over(t, Config{Format: "jsonl", Columns: few()}, text)
	users, err := s.List(t.Context(), "", 1)
	if told := told(t, err); len(users) != 1 || len(told) != maxKeyless+1 || told[0] != "|record|6 more records cannot be read and are not listed" {
		t.Errorf("List: %d people, %d errors", len(users), len(told))
	}
	if _, err := s.Lookup(t.Context(), "beyond@x"); len(told(t, err)) != 1 {
		t.Errorf("Lookup of an address in a record beyond the list: %v", err)
	}
	stats, err := s.Stats(t.Context())
	if err != nil || stats.Bad != maxKeyless+6 {
		t.Errorf("Stats: %+v, error %v", stats, err)
	}
}
