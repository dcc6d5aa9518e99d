package filesource

import (
	"bufio"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// Each person has two rows, so that the first report comes when there has been one commit, and a while after it.
const (
	resumePeople = progressStep * 3 / 2
	resumeBatch  = progressStep * 5 / 4
)

// resuming is a source that commits more often, for tests to take less long.
func resuming(t *testing.T, c Config) *Source {
	t.Helper()
	s := source(t, c)
	s.batch = resumeBatch
	return s
}

// resumable are exports in all the ways in which a file is cut into records. Each has bad records in between, some without
// a key.
func resumable(t *testing.T) map[string]Config {
	t.Helper()
	var lines, wide, table, users strings.Builder
	table.WriteString("\ufeffid,mail,hash\n")
	users.WriteString(`{"realm":"r","users":[` + "\n")
	for i := range resumePeople {
		id := fmt.Sprint("u", i)
		if i%97 == 0 {
			id = ""
		}
		fmt.Fprintf(&lines, `{"id":"%s","mail":"u%d@x","hash":"h"}`+"\n", id, i)
		width := 1
		if i > resumeBatch/2 && i < progressStep { // so much behind the commit that SQLite writes before the next
			width = 2 * buildCache << 10 / (progressStep - resumeBatch/2)
		}
		fmt.Fprintf(&wide, `{"id":"%s","mail":"u%d@x","hash":"h","more":"%s"}`+"\n", id, i, strings.Repeat("h", width))
		fmt.Fprintf(&table, "%s,u%d@x,\"h\nh\"\r\n", id, i)
		fmt.Fprintf(&users, `{"id":"%s","username":"u%d",`+"\n"+`"credentials":[]} ,`, id, i)
		if i%1000 == 0 {
			lines.WriteString("no record of b@x\n")
			table.WriteString("too,few\n")
			users.WriteString(`"no record",`)
		}
	}
	// What is seen in the last record alone, or in the first, is seen.
	users.WriteString(`{"id":"last","username":"last"}],"more":1}`)
	return map[string]Config{
		"lines":   {Format: "jsonl", Columns: few(), Path: write(t, "export", lines.String())},
		"wide":    {Format: "jsonl", Columns: few(), Path: write(t, "export", wide.String())},
		"packed":  {Format: "jsonl", Columns: few(), Path: write(t, "export", asGzip(t, lines.String()))},
		"table":   {Format: "csv", Columns: few(), Path: write(t, "export", table.String())},
		"array":   {Format: "keycloak", Path: write(t, "export", asZstd(t, users.String()))},
		"one use": {Format: "jsonl", Columns: map[string]string{"id": "id", "email": "mail", "salt": "once"}, Path: write(t, "export", `{"id":"once","mail":"o@x","once":"s"}`+"\n"+lines.String())},
	}
}

// contents are all rows of an index, and what it says of itself but the time.
func contents(t *testing.T, c Config) []string {
	t.Helper()
	db, err := sql.Open("sqlite", indexURL(c.IndexPath, url.Values{"mode": {"ro"}, "immutable": {"1"}}))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	rows, err := db.Query(`SELECT json_array(seq, key, line, state, walk, CAST(record AS TEXT), fault, reason) FROM people
		UNION ALL SELECT json_array(value, seq) FROM identifiers
		UNION ALL SELECT json_array(name, CASE name WHEN 'stats' THEN json_remove(value, '$.At') ELSE value END) FROM meta`)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	var all []string
	for rows.Next() {
		var one string
		if err := rows.Scan(&one); err != nil {
			t.Fatal(err)
		}
		all = append(all, one)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	slices.Sort(all)
	return all
}

const childVariable = "FILESOURCE_TEST_INDEX" // a Config as JSON

// TestMain is also the process that TestResumeAfterKill kills.
func TestMain(m *testing.M) {
	if text := os.Getenv(childVariable); text != "" {
		fmt.Fprintln(os.Stderr, "it was not killed:", indexUntilKilled(text))
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// indexUntilKilled indexes until its first report, and then waits for its end.
func indexUntilKilled(text string) error {
	var c Config
	if err := json.Unmarshal([]byte(text), &c); err != nil {
		return err
	}
	s, err := Open(c)
	if err != nil {
		return err
	}
	s.batch = resumeBatch
	return s.Index(context.Background(), func(p Progress) {
		fmt.Fprintln(os.Stdout, "people", p.People)
		time.Sleep(time.Hour) // it is killed long before
	})
}

// TestResumeAfterKill shows that an indexing whose process was killed in its middle is gone on with, a commit's rows behind
// at most, and gives the same index as one in a single run.
func TestResumeAfterKill(t *testing.T) {
	t.Parallel()
	for name, c := range resumable(t) {
		if raced && name != "array" {
			continue // slow under the race detector, which sees nothing new in it; the others run without
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			killed := resuming(t, c)
			told := killIndexing(t, killed.config)
			left := leftovers(t, killed)
			if len(left) == 0 {
				t.Fatal("nothing was left to go on with")
			}
			from := int64(-1)
			if err := killed.Index(t.Context(), func(p Progress) {
				if from < 0 {
					from = p.People
				}
			}); err != nil {
				t.Fatal(err)
			}
			if from < told-resumeBatch/2 || from > told {
				t.Errorf("it went on from %d people, of %d that had been read", from, told)
			}
			if left := leftovers(t, killed); len(left) > 0 {
				t.Errorf("left behind: %v", left)
			}
			c.IndexPath = c.Path + ".whole"
			whole := source(t, c)
			if err := whole.Check(t.Context()); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(contents(t, whole.config), contents(t, killed.config)); diff != "" {
				t.Errorf("another index than in a single run (-single +resumed)\n%s", diff)
			}
			one, err := whole.Stats(t.Context())
			other, otherErr := killed.Stats(t.Context())
			if err := errors.Join(err, otherErr); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(one, other, cmpopts.IgnoreFields(Stats{}, "At")); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// killIndexing indexes in another process, kills it in the middle, and returns how many people it had read.
func killIndexing(t *testing.T, c Config) int64 {
	t.Helper()
	text, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), childVariable+"="+string(text))
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var people int64
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		if n, err := fmt.Sscanf(lines.Text(), "people %d", &people); err == nil && n == 1 {
			break
		}
		t.Log(lines.Text())
	}
	_ = cmd.Process.Kill() // SIGKILL; where it has ended already, people says so
	_ = cmd.Wait()         // likewise
	if people == 0 {
		t.Fatal("the process ended by itself")
	}
	return people
}

// interrupted is a source whose indexing was ended behind its first commit.
func interrupted(t *testing.T) *Source {
	t.Helper()
	s := resuming(t, Config{Format: "jsonl", Columns: few(), Path: write(t, "export", many(resumePeople, `{"id":%d,"mail":"a@x","hash":"h"}`))})
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	err := s.Index(ctx, func(Progress) { cancel() })
	if !errors.Is(err, context.Canceled) || len(leftovers(t, s)) != 1 {
		t.Fatalf("Index: %v; left: %v", err, leftovers(t, s))
	}
	return s
}

func TestResumeAfterContext(t *testing.T) {
	t.Parallel()
	s := interrupted(t)
	if _, err := s.Lookup(t.Context(), "a@x"); err == nil {
		t.Error("half an index is asked")
	}
	first := int64(-1)
	if err := s.Index(t.Context(), func(p Progress) {
		if first < 0 {
			first = p.People
		}
	}); err != nil {
		t.Fatal(err)
	}
	if stats, err := s.Stats(t.Context()); err != nil || stats.People != resumePeople || first < resumeBatch/2 {
		t.Errorf("%d people, %v, after going on from %d", stats.People, err, first)
	}
	if left := leftovers(t, s); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

// What was left of another export, or by another version, is not gone on with, and goes when it is old.
func TestResumeRefuses(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*testing.T, *Source, string){
		"another export": func(t *testing.T, s *Source, _ string) {
			rewrite(t, s.config.Path, `{"id":1,"mail":"a@x","hash":"h"}`+"\n")
		},
		"another time": func(t *testing.T, s *Source, _ string) { age(t, s.config.Path) },
		"another mapping": func(_ *testing.T, s *Source, _ string) {
			s.config.Columns = map[string]string{"id": "id", "username": "mail", "password": "hash"}
		},
		"another version": func(t *testing.T, _ *Source, left string) { alter(t, left, "$.Version", "0") },
		"garbage":         func(t *testing.T, _ *Source, left string) { rewrite(t, left, "no database") },
		"behind the end":  func(t *testing.T, _ *Source, left string) { alter(t, left, "$.Offset", 1<<40) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := interrupted(t)
			left := leftovers(t, s)[0]
			change(t, s, left)
			if name != "behind the end" {
				if err := s.Index(t.Context(), nil); err != nil {
					t.Fatal(err)
				}
				if now := leftovers(t, s); len(now) != 1 || now[0] != left {
					t.Fatalf("left: %v, want %s, which may be another process's", now, left)
				}
				age(t, left)
				remove(t, s.config.IndexPath)
			} else if err := s.Index(t.Context(), nil); !errors.Is(err, errChanged) {
				t.Fatalf("Index: %v", err) // and the next begins anew
			}
			if err := s.Index(t.Context(), nil); err != nil {
				t.Fatal(err)
			}
			if now := leftovers(t, s); len(now) > 0 {
				t.Errorf("left behind: %v", now)
			}
		})
	}
}

// age makes a file old enough to be a crashed process's.
func age(t *testing.T, path string) {
	t.Helper()
	old := time.Now().Add(-2 * staleAfter)
	if err := os.Chtimes(path, old, old); err != nil {
		t.Fatal(err)
	}
}

// alter changes a field of a checkpoint.
func alter(t *testing.T, path, field string, value any) {
	t.Helper()
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.Exec("UPDATE meta SET value = json_set(value, ?, ?) WHERE name = ?", field, value, checkpointName); err != nil {
		t.Fatal(err)
	}
}

// An indexing that is under way is nobody else's to go on with.
func TestResumeLeavesTheLiving(t *testing.T) {
	t.Parallel()
	s := resuming(t, Config{Format: "jsonl", Columns: few(), Path: write(t, "export", many(resumePeople, `{"id":%d,"mail":"a@x","hash":"h"}`))})
	asked := false
	err := s.Index(t.Context(), func(p Progress) {
		if p.Sorting || asked {
			return
		}
		asked = true
		other := source(t, s.config)
		if err := other.Index(t.Context(), nil); err != nil {
			t.Error(err)
		}
	})
	if err != nil || !asked {
		t.Errorf("asked %v, %v", asked, err)
	}
	if stats, err := s.Stats(t.Context()); err != nil || stats.People != resumePeople {
		t.Errorf("%d people, %v", stats.People, err)
	}
}

// A file is locked as long as its writer is there, between two transactions too.
func TestWriterLocks(t *testing.T) {
	t.Parallel()
	path := write(t, "index", "")
	w, err := newWriter(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	at := checkpoint{Version: indexVersion, Of: identity{Size: 1}, Offset: 7}
	if err := w.commit(t.Context(), at); err != nil {
		t.Fatal(err)
	}
	if second, _, err := resumeWriter(t.Context(), path, at.Of); err == nil {
		t.Errorf("it was taken away: %v", second.close())
	}
	if err := w.close(); err != nil {
		t.Fatal(err)
	}
	second, found, err := resumeWriter(t.Context(), path, at.Of)
	if diff := cmp.Diff(at, found); err != nil || diff != "" {
		t.Fatalf("%v (-want +got)\n%s", err, diff)
	}
	if err := second.close(); err != nil {
		t.Error(err)
	}
}
