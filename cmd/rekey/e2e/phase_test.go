package e2e

import (
	"context"
	"fmt"
	"net/http"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// rekey runs a command with a configuration and returns what it printed.
func (g *gateway) rekey(t *testing.T, args ...string) (stdout, stderr string, code int) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), binary(t, ""), append(args, "--config", g.config)...)
	var out, errs strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &errs
	err := cmd.Run()
	if cmd.ProcessState == nil {
		t.Fatal(err)
	}
	return out.String(), errs.String(), cmd.ProcessState.ExitCode()
}

// mustRekey is rekey that ends with exit code 0.
func (g *gateway) mustRekey(t *testing.T, args ...string) (stdout, stderr string) {
	t.Helper()
	stdout, stderr, code := g.rekey(t, args...)
	if code != 0 {
		t.Fatalf("rekey %s: exit code %d\n%s%s", strings.Join(args, " "), code, stdout, stderr)
	}
	return stdout, stderr
}

func (g *gateway) signal(t *testing.T, s syscall.Signal) {
	t.Helper()
	if err := g.cmd.Process.Signal(s); err != nil {
		t.Fatal(err)
	}
}

// name is how the gateway is called among the replicas.
func (g *gateway) name() string {
	return fmt.Sprintf("%s (process %d)", strings.TrimPrefix(g.url, "http://"), g.cmd.Process.Pid)
}

// A trickle is people who log in all the time, with right passwords. 503 with Retry-After is tried again; every other answer
// but 200 is a fault.
type trickle struct {
	stop    context.CancelFunc
	people  sync.WaitGroup
	in      atomic.Int64
	retried atomic.Int64
}

func trickleOf(t *testing.T, gateways []*gateway, people int, password string) *trickle {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	tr := &trickle{stop: stop}
	for i := range people {
		tr.people.Go(func() {
			for turn := i; ctx.Err() == nil; turn++ {
				tr.login(ctx, t, gateways, turn, fmt.Sprintf("user%d", i), password)
			}
		})
	}
	return tr
}

// login tries one person at one gateway after the other until they are in, as a load balancer with retries would.
func (tr *trickle) login(ctx context.Context, t *testing.T, gateways []*gateway, turn int, name, password string) {
	for ; ctx.Err() == nil; turn++ {
		g := gateways[turn%len(gateways)]
		a := g.login(t, name, password)
		switch {
		case a.status == http.StatusOK:
			tr.in.Add(1)
			return
		case a.status == http.StatusServiceUnavailable && a.header.Get("Retry-After") != "":
			tr.retried.Add(1)
			select {
			case <-ctx.Done():
			case <-time.After(100 * time.Millisecond): // sooner than it says: what is tested is the answer
			}
		default:
			t.Errorf("%s got %d at %s: %s", name, a.status, g.url, a.body)
			return
		}
	}
}

// end stops the trickle and fails the test if nobody logged in.
func (tr *trickle) end(t *testing.T) {
	t.Helper()
	tr.stop()
	tr.people.Wait()
	t.Logf("%d logins, %d tried again", tr.in.Load(), tr.retried.Load())
	if tr.in.Load() == 0 {
		t.Error("nobody logged in")
	}
}

// Two machines walk down and up under a trickle of logins. In the middle of the second walk one of them hangs: the move names
// it, waits for its lease to end and goes on; when it wakes it answers 503 until it has caught up.
func TestWalkTwoMachines(t *testing.T) {
	t.Parallel()
	store, db := database(t, need(t, "REKEY_TEST_POSTGRES", "PostgreSQL"))
	const people = 4
	statements := []string{`CREATE TABLE users (id INTEGER PRIMARY KEY, login TEXT, pass TEXT)`}
	for i := range people {
		statements = append(statements, fmt.Sprintf(`INSERT INTO users VALUES (%d, 'user%d', '5ebe2294ecd0e0f08eab7690d2a6ee69')`, i+1, i))
	}
	yaml := fmt.Sprintf("store: %s\nmaster_key_file: %s\nlimits: off\npassword: {memory_kib: 64, time: 1}\nlegacy:\n  - {name: shop, kind: sql, dsn: 'sqlite://%s', scheme: md5($pass), %s}\n",
		store, masterKey(t), sqlite(t, statements...), usersTable)
	gateways := []*gateway{launch(t, "", yaml), launch(t, "", yaml)}
	for _, g := range gateways {
		g.waitReady(t)
	}
	first, hangs := gateways[0], gateways[1]
	subject := first.mustLogin(t, "user0", "secret").Account.ID

	// A walk with both of them awake. No login is refused, and who was moved is the same person.
	tr := trickleOf(t, gateways, people, "secret")
	for i, step := range []string{"rollback", "advance"} {
		out, _ := first.mustRekey(t, "phase", step, "--reason", "walk")
		if want := fmt.Sprintf("epoch %d ", 4+3*i); !strings.Contains(out, want) {
			t.Errorf("%s: %s, want %s", step, out, want)
		}
	}
	if n := one[int](t, store, `SELECT epoch FROM phase`); n != 7 {
		t.Errorf("epoch %d after the walk, want 7", n)
	}

	// One hangs. The others log in at the first meanwhile.
	tr.end(t)
	out, _ := first.mustRekey(t, "phase", "show")
	for _, g := range gateways {
		if !strings.Contains(out, g.name()) {
			t.Errorf("%s is not among the replicas:\n%s", g.name(), out)
		}
	}
	tr = trickleOf(t, gateways[:1], people, "secret")
	hangs.signal(t, syscall.SIGSTOP)
	stopped := true
	t.Cleanup(func() {
		if stopped {
			hangs.signal(t, syscall.SIGCONT)
		}
	})
	out, progress := first.mustRekey(t, "phase", "rollback", "--reason", "one of us hangs")
	if !strings.Contains(out, "legacy-only, epoch 10") {
		t.Errorf("rollback: %s", out)
	}
	if !strings.Contains(progress, "waiting for") || !strings.Contains(progress, hangs.name()+" (its lease ends in ") || strings.Contains(progress, first.name()) {
		t.Errorf("the move does not say whom it waits for:\n%s", progress)
	}
	out, _ = first.mustRekey(t, "phase", "show")
	for g, state := range map[*gateway]string{first: "there", hangs: "gone"} {
		if !hasLine(out, g.name(), state) {
			t.Errorf("%s is not shown as %s:\n%s", g.name(), state, out)
		}
	}

	// It wakes, and is kept from renewing its lease for a moment: it serves nobody until it has caught up, and then it is in the
	// new phase.
	renewed := leaseOf(t, store, hangs)
	held, err := db.Begin()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := held.Exec(`LOCK TABLE replicas IN SHARE ROW EXCLUSIVE MODE`); err != nil {
		t.Fatal(err)
	}
	hangs.signal(t, syscall.SIGCONT)
	stopped = false
	for range 3 {
		if a := hangs.login(t, "user1", "secret"); a.status != http.StatusServiceUnavailable || a.header.Get("Retry-After") == "" {
			t.Errorf("before it has caught up a login got %d: %s", a.status, a.body)
		}
	}
	if err := held.Rollback(); err != nil {
		t.Fatal(err)
	}
	tr2 := trickleOf(t, gateways[1:], 1, "secret")
	for deadline := time.Now().Add(20 * time.Second); tr2.in.Load() == 0 && time.Now().Before(deadline); {
		time.Sleep(20 * time.Millisecond) // another process tells only when it is asked
	}
	tr2.end(t)
	if leaseOf(t, store, hangs) <= renewed {
		t.Error("it serves without having renewed its lease")
	}
	tr.end(t)
	out, _ = first.mustRekey(t, "phase", "show")
	for _, g := range gateways {
		if !hasLine(out, g.name(), "there") {
			t.Errorf("%s has not arrived:\n%s", g.name(), out)
		}
	}
	if a := hangs.mustLogin(t, "user0", "secret"); a.Account.ID != subject {
		t.Errorf("the account id changed from %s to %s", subject, a.Account.ID)
	}
	if n := one[int](t, store, `SELECT count(*) FROM events WHERE kind = 'phase.moved' AND reason = 'one of us hangs'`); n != 3 {
		t.Errorf("%d events of the move, want 3", n)
	}
}

// leaseOf returns when a gateway's lease was last renewed, in microseconds of the store's clock.
func leaseOf(t *testing.T, store string, g *gateway) int64 {
	t.Helper()
	return one[int64](t, store, `SELECT renewed FROM replicas WHERE name LIKE '%' || $1`, g.name())
}

// hasLine reports whether a line of a table has a name and then a word.
func hasLine(table, name, word string) bool {
	for line := range strings.Lines(table) {
		if _, behind, ok := strings.Cut(line, name); ok {
			cells := strings.Fields(behind)
			_, err := strconv.Atoi(cells[0])
			return err == nil && cells[1] == word
		}
	}
	return false
}
