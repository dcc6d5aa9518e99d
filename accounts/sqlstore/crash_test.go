package sqlstore

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"rekey/accounts"
	"rekey/accounts/accountstest"
	"rekey/accounts/failpoint"
)

// What was acknowledged is there after kill -9, and the rest is there wholly or not at all.
func TestKill(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, url string) {
		acknowledged := len(killAfter(t, "create", url, 200)) - 1
		s := open(t, url)
		for i := range acknowledged + 1 {
			checkWhole(t, s, "person-"+strconv.Itoa(i))
		}
		n, err := s.CountAccounts(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if n > int64(acknowledged)+2 {
			t.Errorf("%d accounts are there, and %d were made", n, acknowledged+1)
		}
		if n == int64(acknowledged)+2 { // killed between the commit and the acknowledgement
			checkWhole(t, s, "person-"+strconv.Itoa(acknowledged+1))
		}
		// And it goes on from there.
		r, e := person("next")
		if err := s.Create(t.Context(), r, e); err != nil {
			t.Error(err)
		}
	})
}

// The sessions of many callers share commits on SQLite, and each is there that was acknowledged.
func TestKillSessions(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, url string) {
		acknowledged := killAfter(t, "sessions", url, 1000)
		s := open(t, url)
		for _, id := range acknowledged {
			if _, err := s.Session(t.Context(), uuid.MustParse(id)); err != nil {
				t.Errorf("session %s: %v", id, err)
			}
		}
	})
}

// killAfter lets a process do a job until it has written enough lines, kills it and returns all that it wrote.
func killAfter(t *testing.T, job, url string, enough int) []string {
	t.Helper()
	writer := start(t, os.Args[0], job, url)
	var lines []string
	for len(lines) < enough && writer.lines.Scan() {
		lines = append(lines, writer.lines.Text())
	}
	if err := writer.command.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	for writer.lines.Scan() { // what it had still written
		lines = append(lines, writer.lines.Text())
	}
	if err := writer.command.Wait(); err == nil {
		t.Fatal("the writer ended by itself")
	}
	if len(lines) < enough {
		t.Fatalf("the writer ended after %d", len(lines))
	}
	return lines
}

// checkWhole fails unless all that belongs to a person is there.
func checkWhole(t *testing.T, s *Store, name string) {
	t.Helper()
	r, _ := person(name)
	events, err := s.Events(t.Context(), r.ID, 10)
	if err != nil || len(events) != 1 {
		t.Errorf("%s has %d events, %v; want 1", name, len(events), err)
	}
	for _, read := range []func() (accounts.Record, error){
		func() (accounts.Record, error) { return s.ByID(t.Context(), r.ID) },
		func() (accounts.Record, error) { return s.ByLink(t.Context(), "shop", name) },
		func() (accounts.Record, error) { return s.ByIdentifier(t.Context(), r.Identifiers[1].Canonical) },
	} {
		got, err := read()
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if got.ID == uuid.Nil || got.Credential.Version != 1 || got.Link == nil || len(got.Identifiers) != 2 {
			t.Errorf("%s is there in part: %+v", name, got)
		}
	}
}

// The process is killed after each step of a write: what was not committed is gone, what was is there, and asking again
// ends the same in either case.
func TestFailpoints(t *testing.T) {
	t.Parallel()
	binary := filepath.Join(t.TempDir(), "failpoint.test")
	build := exec.CommandContext(t.Context(), "go", "test", "-c", "-tags", "failpoint", "-o", binary, ".")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build with failpoints: %v\n%s", err, out)
	}
	for name, newURL := range engines() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for job, steps := range map[string][]string{
				"one": failpoint.MigrateSteps()[2:9], "move": failpoint.MoveSteps(), "finish": failpoint.FinishSteps(),
			} {
				for _, step := range steps {
					killAt(t, binary, job, step, newURL(t))
				}
			}
		})
	}
}

// killAt lets a process that does a job be killed at a step, and looks at what it left.
func killAt(t *testing.T, binary, job, step, url string) {
	t.Helper()
	c := start(t, binary, job, url, "REKEY_FAILPOINT="+step)
	if c.lines.Scan() {
		t.Errorf("%s: the process went on: %s", step, c.lines.Text())
	}
	if err := c.command.Wait(); err == nil || !strings.Contains(err.Error(), "killed") {
		t.Errorf("%s: the process ended with %v, want it killed", step, err)
	}
	s := open(t, url)
	committed := strings.HasSuffix(step, ":committed")
	map[string]func(*testing.T, *Store, string, bool){"one": createdOne, "move": movedOnce, "finish": finishedOnce}[job](t, s, step, committed)
}

func createdOne(t *testing.T, s *Store, step string, committed bool) {
	t.Helper()
	r, e := person("one")
	var want error // what asking again says
	if committed {
		want = accounts.ErrLinked
	}
	if err := s.Create(t.Context(), r, e); !errors.Is(err, want) {
		t.Errorf("%s: Create again: %v, want %v", step, err, want)
	}
	checkWhole(t, s, "one")
	if n, err := s.CountAccounts(t.Context()); err != nil || n != 1 {
		t.Errorf("%s: %d accounts, %v; want 1", step, n, err)
	}
}

// Whoever died held the epoch: the next one to move does not wait for them.
func movedOnce(t *testing.T, s *Store, step string, committed bool) {
	t.Helper()
	first, next := twoPhases()
	at, err := s.Phase(t.Context())
	if err != nil || committed != (at.Epoch == next.Epoch) || !committed && at.Epoch != first.Epoch {
		t.Errorf("%s: epoch %d (%v)", step, at.Epoch, err)
	}
	var want error
	if committed {
		want = accounts.ErrStale
	}
	if err := s.MovePhase(t.Context(), next, accountstest.Event(uuid.Max, accounts.EventPhaseMoved)); !errors.Is(err, want) {
		t.Errorf("%s: MovePhase again: %v, want %v", step, err, want)
	}
	if events, err := s.Events(t.Context(), uuid.Max, 10); err != nil || len(events) != 1 {
		t.Errorf("%s: %d events of the move (%v), want 1", step, len(events), err)
	}
}

// The next relay ends what was left open.
func finishedOnce(t *testing.T, s *Store, step string, committed bool) {
	t.Helper()
	r, _ := person("one")
	look := func(when string, ended bool) {
		t.Helper()
		got, err := s.ByID(t.Context(), r.ID)
		if err != nil || got.InDoubt == ended || (got.Credential.Version == 2) != ended || (string(got.Link.Fingerprint) == changedPrint) != ended {
			t.Errorf("%s, %s: she is %+v (%v), and the change has ended: %v", step, when, got.Account, err, ended)
		}
	}
	look("after the crash", committed)
	d, err := s.ClaimDelivery(t.Context(), time.Now().Add(time.Hour), time.Now().Add(2*time.Hour))
	if committed != errors.Is(err, accounts.ErrNotFound) || !committed && err != nil {
		t.Errorf("%s: ClaimDelivery: %v", step, err)
	}
	if !committed {
		if err := s.FinishDelivery(t.Context(), d, theFinish(r)); err != nil {
			t.Errorf("%s: FinishDelivery again: %v", step, err)
		}
		look("after the next relay", true)
	}
	if events, err := s.Events(t.Context(), r.ID, 10); err != nil || len(events) != 2 {
		t.Errorf("%s: %d events (%v), want the move and the change", step, len(events), err)
	}
}
