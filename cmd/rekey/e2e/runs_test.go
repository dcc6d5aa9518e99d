package e2e

import (
	"context"
	"crypto/md5"
	"database/sql"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/crypto/bcrypt"
)

// A fleet is a gateway that sweeps nothing, beside processes that do nothing else, from MariaDB to PostgreSQL.
type fleet struct {
	*gateway
	t       *testing.T
	store   string
	db      *sql.DB // the new store
	people  int
	workers []*worker
}

// A worker is a `rekey sweep worker`.
type worker struct {
	cmd *exec.Cmd
	log *lockedBuffer
}

// newFleet makes an old store of so many people, and a gateway beside it.
func newFleet(t *testing.T, people int, yaml string) *fleet {
	t.Helper()
	oldDSN, old := database(t, need(t, "REKEY_TEST_MYSQL", "MariaDB"))
	store, db := database(t, need(t, "REKEY_TEST_POSTGRES", "PostgreSQL"))
	mustExec(t, old, `CREATE TABLE users (id INT PRIMARY KEY, login VARCHAR(60) NOT NULL, pass VARCHAR(100) NOT NULL, UNIQUE KEY (login))`)
	hash, err := bcrypt.GenerateFromPassword([]byte("password"), bcrypt.DefaultCost)
	if err != nil {
		t.Fatal(err)
	}
	const rows = 2000
	for first := 1; first <= people; first += rows {
		var values []string
		for id := first; id < min(first+rows, people+1); id++ {
			values = append(values, fmt.Sprintf("(%d, 'user%d', '%s')", id, id, hash))
		}
		mustExec(t, old, "INSERT INTO users VALUES "+strings.Join(values, ","))
	}
	f := &fleet{t: t, store: store, db: db, people: people}
	f.gateway = start(t, "", fmt.Sprintf(
		"store: %s\nmaster_key_file: %s\nlimits: off\nsweeper: {workers: 0}\npassword: {memory_kib: 64, time: 1}\nlegacy:\n  - {name: shop, kind: sql, dsn: '%s', %s}\n%s",
		store, masterKey(t), oldDSN, usersTable, yaml))
	return f
}

// worker starts one.
func (f *fleet) worker() *worker {
	f.t.Helper()
	w := &worker{log: &lockedBuffer{}}
	w.cmd = exec.CommandContext(context.WithoutCancel(f.t.Context()), binary(f.t, ""), "sweep", "worker", "--workers", "1", "--config", f.config)
	w.cmd.Stdout, w.cmd.Stderr = w.log, w.log
	if err := w.cmd.Start(); err != nil {
		f.t.Fatal(err)
	}
	f.t.Cleanup(func() {
		w.kill()
		if f.t.Failed() {
			f.t.Logf("log of a worker:\n%s", w.log)
		}
	})
	f.workers = append(f.workers, w)
	return w
}

// kill ends it with SIGKILL.
func (w *worker) kill() {
	_ = w.cmd.Process.Kill() // it may have ended
	_ = w.cmd.Wait()         // how it ended is what was done to it
}

// set writes the settings, as `rekey sweep set` does.
func (f *fleet) set(document string) {
	f.t.Helper()
	if !json.Valid([]byte(document)) {
		f.t.Fatalf("no JSON: %s", document)
	}
	if _, err := f.db.ExecContext(f.t.Context(), `UPDATE sweep_settings SET version = version + 1, document = $1`, document); err != nil {
		f.t.Fatal(err)
	}
}

func (f *fleet) count(rows string) int {
	f.t.Helper()
	return one[int](f.t, f.store, `SELECT count(*)::int FROM `+rows)
}

// until waits until so many rows are there.
func (f *fleet) until(what string, is func() bool) {
	f.t.Helper()
	for deadline := time.Now().Add(3 * time.Minute); !is(); {
		if time.Now().After(deadline) {
			f.t.Fatalf("%s: not within three minutes; %d accounts", what, f.count("accounts"))
		}
		time.Sleep(20 * time.Millisecond) // other processes tell only when they are asked
	}
}

// exactly fails unless everybody is there once, and the run has counted each once.
func (f *fleet) exactly() {
	f.t.Helper()
	for _, rows := range []string{"accounts", "identifiers", "credentials WHERE scheme = 'carried'", "legacy_links", "events WHERE kind = 'account.migrated'"} {
		if n := f.count(rows); n != f.people {
			f.t.Errorf("%d %s, want %d", n, rows, f.people)
		}
	}
	found := one[string](f.t, f.store, `SELECT found FROM sweep_runs WHERE kind = 'move' AND state = 'done'`)
	var f2 struct {
		Counts struct {
			Outcomes map[string]int
			Refused  map[string]int
		}
	}
	if err := json.Unmarshal([]byte(found), &f2); err != nil || f2.Counts.Outcomes["moved"] != f.people || len(f2.Counts.Outcomes) != 1 || len(f2.Counts.Refused) != 0 {
		f.t.Errorf("the run has counted %s (%v)", found, err)
	}
}

// Three processes sweep, and one of them after the other is killed in the middle of it. With REKEY_TEST_SWEEP_PEOPLE there are as
// many people as that says.
func TestKillNineOfWorkers(t *testing.T) {
	t.Parallel()
	people := 20_000
	if text := os.Getenv("REKEY_TEST_SWEEP_PEOPLE"); text != "" {
		var err error
		if people, err = strconv.Atoi(text); err != nil {
			t.Fatal(err)
		}
	}
	f := newFleet(t, people, "")
	for range 3 {
		f.worker()
	}
	f.set(`{"state": "running", "accounts_per_second": "max", "workers": 3, "chunk": 1000, "batch": {"target_ms": 100, "max": 500}}`)
	const kills = 6
	for i := range kills {
		f.until("the sweep goes on", func() bool { return f.count("accounts") > people*(i+1)/(kills+1)/2 })
		f.workers[i].kill()
		f.worker()
	}
	f.until("the run ends", func() bool { return f.count("sweep_runs WHERE state = 'done'") == 1 })
	f.exactly()
	f.mustLogin(t, "user1", "password")
	if fences := f.count("sweep_chunks WHERE fence > 1"); fences == 0 {
		t.Error("no chunk was ever claimed again")
	}
}

// What operators say is obeyed, whatever the sweep is at; and it survives the end of every process.
func TestSweepObeys(t *testing.T) {
	t.Parallel()
	f := newFleet(t, 6000, "")
	w := []*worker{f.worker(), f.worker()}
	settings := func(more string) string {
		return `{"state": "running", "workers": 2, "chunk": 500, "batch": {"target_ms": 100, "max": 50}` + more + `}`
	}
	moving := func(why string) {
		t.Helper()
		from := f.count("accounts")
		f.until(why, func() bool { return f.count("accounts") > from })
	}
	// stands waits until nobody holds a chunk any more; then nothing may come.
	stands := func(why string) {
		t.Helper()
		began := time.Now()
		f.until(why, func() bool {
			return f.count(`sweep_chunks WHERE NOT done AND claimed_to > (extract(epoch FROM clock_timestamp()) * 1000000)::bigint`) == 0
		})
		t.Logf("%s: obeyed within %s", why, time.Since(began))
		from := f.count("accounts")
		time.Sleep(time.Second) // in which nothing may happen
		if n := f.count("accounts"); n != from {
			t.Errorf("%s: %d people were moved meanwhile", why, n-from)
		}
	}
	fast := settings(`, "accounts_per_second": 400`)
	f.set(fast)
	moving("the start")
	f.set(settings(`, "accounts_per_second": 0`))
	stands("rate 0")
	f.set(fast)
	moving("after rate 0")
	f.set(`{"state": "paused", "accounts_per_second": 400}`)
	stands("a pause")
	for i := range w { // everybody goes, and comes back
		w[i].kill()
		w[i] = f.worker()
	}
	f.kill()
	f.gateway = start(t, "", strings.TrimPrefix(readConfig(t, f.config), "\n"))
	stands("a pause, after everybody was started again")
	f.set(fast)
	moving("after the pause")
	closed := time.Now().UTC().Add(72 * time.Hour).Weekday().String()
	f.set(settings(`, "accounts_per_second": 400, "schedule": {"windows": ["` + strings.ToLower(closed[:3]) + ` 10:00-10:01"]}`))
	stands("a window that closes")

	// The rate holds for all together, by the store's clock.
	f.set(settings(`, "accounts_per_second": 100`))
	moving("a window that opens")
	clock := `SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint`
	from, began := f.count("accounts"), one[int64](t, f.store, clock)
	f.until("a hundred a second", func() bool { return f.count("accounts") >= from+300 })
	moved := f.count("accounts") - from
	took := time.Duration(one[int64](t, f.store, clock)-began) * time.Microsecond
	if most := 100*took.Seconds() + 2*25; float64(moved) > most { // two batches may have waited for their turn
		t.Errorf("%d people in %s", moved, took)
	}
	t.Logf("%d people in %s: %.1f a second", moved, took, float64(moved)/took.Seconds())

	// An override, and what comes after it.
	until := time.Now().Add(time.Hour).UTC().Format(time.RFC3339)
	f.set(settings(`, "accounts_per_second": 0, "overrides": [{"until": "` + until + `", "by": "cli:ann", "reason": "tonight", "set": {"accounts_per_second": "max"}}]`))
	f.until("the run ends", func() bool { return f.count("sweep_runs WHERE state = 'done'") == 1 })
	f.exactly()
}

// readConfig returns a gateway's configuration without what start fills in.
func readConfig(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(text), "issuer: http://rekey.test\n")
	return rest
}

// `rekey sweep run` is killed around its commits. The next one goes on with the same run, and what was counted is exact.
func TestKillNineAroundACommit(t *testing.T) {
	t.Parallel()
	sum := md5.Sum([]byte("secret"))
	const people = 300
	statements := []string{`CREATE TABLE users (id INTEGER PRIMARY KEY, login TEXT, pass TEXT)`}
	for i := range people {
		statements = append(statements, fmt.Sprintf(`INSERT INTO users VALUES (%d, 'user%d', '%s')`, i+1, i, hex.EncodeToString(sum[:])))
	}
	for engine, newStore := range engines() {
		t.Run(engine, func(t *testing.T) {
			t.Parallel()
			store, driver := newStore(t)
			g := start(t, "", fmt.Sprintf(
				"store: %s\nmaster_key_file: %s\nlimits: off\npassword: {memory_kib: 64, time: 1}\nlegacy:\n  - {name: shop, kind: sql, dsn: 'sqlite://%s', scheme: md5($pass), %s}\n",
				store, masterKey(t), sqlite(t, statements...), usersTable))
			for i, step := range []string{"bulk:inserted", "bulk:committed", "bulk:inserted"} {
				cmd := exec.CommandContext(context.WithoutCancel(t.Context()), binary(t, "failpoint"), "sweep", "run", "--workers", "1", "--config", g.config)
				cmd.Env = append(os.Environ(), "REKEY_FAILPOINT="+step)
				err := cmd.Run()
				if status, ok := cmd.ProcessState.Sys().(syscall.WaitStatus); !ok || status.Signal() != syscall.SIGKILL {
					t.Fatalf("%s: the sweep was not killed: %v", step, err)
				}
				wantRows(t, driver, store, "accounts", []int{0, 64, 64}[i])
			}
			if run := g.sweep(t).Sources[0]; run.People != people || run.Outcomes["moved"] != people || len(run.Outcomes) != 1 {
				t.Errorf("the sweep after the kills: %+v", run)
			}
			for _, rows := range []string{"accounts", "identifiers", "credentials", "legacy_links", "events WHERE kind = 'account.migrated'"} {
				wantRows(t, driver, store, rows, people)
			}
			wantRows(t, driver, store, "sweep_runs", 1)
			g.mustLogin(t, "user7", "secret")
		})
	}
}
