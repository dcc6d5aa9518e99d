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
	"path/filepath"
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
	old     *sql.DB
	oldDSN  string
	store   string
	key     string
	people  int
	workers []*worker
}

// A worker is a `rekey sweep worker`.
type worker struct {
	cmd *exec.Cmd
	log *lockedBuffer
}

// newFleet makes an old store of so many people, and a gateway beside it.
func newFleet(t *testing.T, people int) *fleet {
	t.Helper()
	f := newShop(t, people)
	f.gateway = start(t, "", f.configuration(f.oldDSN, f.store, ""))
	return f
}

// newShop makes an old store of so many people, and a new one that nobody uses yet.
func newShop(t *testing.T, people int) *fleet {
	t.Helper()
	f := &fleet{t: t, people: people, key: masterKey(t)}
	f.oldDSN, f.old = database(t, need(t, "REKEY_TEST_MYSQL", "MariaDB"))
	f.store, _ = database(t, need(t, "REKEY_TEST_POSTGRES", "PostgreSQL"))
	mustExec(t, f.old, `CREATE TABLE users (id INT PRIMARY KEY, login VARCHAR(60) NOT NULL, pass VARCHAR(100) NOT NULL, KEY (login))`)
	hash := bcryptOf(t, "password")
	const rows = 2000
	for first := 1; first <= people; first += rows {
		var values []string
		for id := first; id < min(first+rows, people+1); id++ {
			values = append(values, fmt.Sprintf("(%d, 'user%d', '%s')", id, id, hash))
		}
		mustExec(t, f.old, "INSERT INTO users VALUES "+strings.Join(values, ","))
	}
	return f
}

// bcryptOf is a hash that is carried.
func bcryptOf(t *testing.T, password string) string {
	t.Helper()
	hash, err := bcrypt.GenerateFromPassword([]byte(password), bcrypt.DefaultCost)
	if err != nil {
		t.Fatal(err)
	}
	return string(hash)
}

// configuration is that of a process that reaches the two stores by these ways, and sweeps nothing beside its logins unless more
// says so.
func (f *fleet) configuration(old, store, more string) string {
	if more == "" {
		more = "sweeper: {workers: 0}\n"
	}
	return fmt.Sprintf("store: %s\nmaster_key_file: %s\nlimits: off\npassword: {memory_kib: 64, time: 1}\nlegacy:\n  - {name: shop, kind: sql, dsn: '%s', %s}\n%s",
		store, f.key, old, usersTable, more)
}

// worker starts one.
func (f *fleet) worker() *worker {
	f.t.Helper()
	return f.workerBy(f.config)
}

// workerBy starts one by a configuration file.
func (f *fleet) workerBy(file string) *worker {
	f.t.Helper()
	w := &worker{log: &lockedBuffer{}}
	w.cmd = exec.CommandContext(context.WithoutCancel(f.t.Context()), binary(f.t, ""), "sweep", "worker", "--workers", "1", "--config", file)
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

// workerOver starts one that reaches the two stores by these ways.
func (f *fleet) workerOver(old, store string) *worker {
	f.t.Helper()
	file := filepath.Join(f.t.TempDir(), "rekey.yaml")
	if err := os.WriteFile(file, []byte(f.configuration(old, store, "")), 0o600); err != nil {
		f.t.Fatal(err)
	}
	return f.workerBy(file)
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
	db, err := sql.Open("pgx", f.store)
	if err != nil {
		f.t.Fatal(err)
	}
	defer func() { _ = db.Close() }() // it was committed
	mustExec(f.t, db, `UPDATE sweep_settings SET version = version + 1, document = $1`, document)
}

func (f *fleet) count(rows string) int {
	f.t.Helper()
	return one[int](f.t, f.store, `SELECT count(*)::int FROM `+rows)
}

// until waits until so many rows are there.
func (f *fleet) until(what string, is func() bool) {
	f.t.Helper()
	for deadline := time.Now().Add(6 * time.Minute); !is(); {
		if time.Now().After(deadline) {
			f.t.Fatalf("%s: not within six minutes; %d accounts", what, f.count("accounts"))
		}
		time.Sleep(20 * time.Millisecond) // other processes tell only when they are asked
	}
}

// exactly fails unless everybody is there once, and the run has counted each once.
func (f *fleet) exactly() {
	f.t.Helper()
	f.wantPeople()
	if n := f.counted(); n.Outcomes["moved"] != f.people || len(n.Outcomes) != 1 || len(n.Refused) != 0 || n.NotAnswered != 0 {
		f.t.Errorf("the run has counted %+v", n)
	}
}

// wantPeople fails unless everybody is there once, by every table.
func (f *fleet) wantPeople() {
	f.t.Helper()
	for _, rows := range []string{"accounts", "identifiers", "credentials WHERE scheme = 'carried'", "legacy_links", "events WHERE kind = 'account.migrated'"} {
		if n := f.count(rows); n != f.people {
			f.t.Errorf("%d %s, want %d", n, rows, f.people)
		}
	}
}

// counted is what came of the people of a run.
type counted struct {
	Outcomes    map[string]int
	Refused     map[string]int
	NotAnswered int `json:"not_answered"`
}

// counted returns what the run that is done has counted.
func (f *fleet) counted() counted {
	f.t.Helper()
	found := one[string](f.t, f.store, `SELECT found FROM sweep_runs WHERE kind = 'move' AND state = 'done' ORDER BY id DESC LIMIT 1`)
	var all struct{ Counts counted }
	if err := json.Unmarshal([]byte(found), &all); err != nil {
		f.t.Errorf("the run has found %s (%v)", found, err)
	}
	return all.Counts
}

// ends waits until the run has.
func (f *fleet) ends() {
	f.t.Helper()
	f.until("the run ends", func() bool { return f.count("sweep_runs WHERE state = 'done'") == 1 })
}

// Three processes sweep, and each two seconds one of them is killed, until the run has ended: the people are so many a second that
// it takes a while. With REKEY_TEST_SWEEP_PEOPLE there are as many people as that says.
func TestKillNineOfWorkers(t *testing.T) {
	t.Parallel()
	people := 20_000
	if text := os.Getenv("REKEY_TEST_SWEEP_PEOPLE"); text != "" {
		var err error
		if people, err = strconv.Atoi(text); err != nil {
			t.Fatal(err)
		}
	}
	f := newFleet(t, people)
	for range 3 {
		f.worker()
	}
	// The dead hold chunks for a while, so more may work than there are.
	f.set(`{"state": "running", "accounts_per_second": 2500, "workers": 12, "chunk": 1000, "batch": {"target_ms": 100, "max": 500}, ` + ungoverned + `}`)
	f.until("the sweep goes on", func() bool { return f.count("accounts") > 0 })
	began, kills := time.Now(), 0
	for done := false; !done; {
		f.until("the next kill, or the end", func() bool {
			done = f.count("sweep_runs WHERE state = 'done'") == 1
			return done || time.Since(began) > time.Duration(kills+1)*2*time.Second
		})
		if !done {
			f.workers[kills].kill()
			f.worker()
			kills++
		}
	}
	t.Logf("%d people in %s, %d kills", people, time.Since(began), kills)
	f.exactly()
	f.mustLogin(t, "user1", "password")
	if fences := f.count("sweep_chunks WHERE fence > 1"); fences == 0 || kills < 3 {
		t.Errorf("%d chunks were claimed again after %d kills", fences, kills)
	}
}

// ungoverned are limits that no signal reaches: a machine that runs all tests at once is no machine to go easy on.
const ungoverned = `"governor": {` + unmeasured + `, "legacy_p95_ms": {"hold": 0, "shrink": 0, "stop": 0}, "legacy_errors": {"hold": 0, "shrink": 0, "stop": 0}}`

// unmeasured are no limits for what the machine of the tests is too busy for.
const unmeasured = `"login_p99_ms": {"hold": 0, "shrink": 0, "stop": 0}, "login_p99_ratio": {"hold": 0, "shrink": 0, "stop": 0},
	"login_errors": {"hold": 0, "shrink": 0, "stop": 0}, "hash_wait_ms": {"hold": 0, "shrink": 0, "stop": 0},
	"store_latency_ms": {"hold": 0, "shrink": 0, "stop": 0}, "store_wait_ms": {"hold": 0, "shrink": 0, "stop": 0},
	"replica_lag_ms": {"hold": 0, "shrink": 0, "stop": 0}, "copy_back_backlog": {"hold": 0, "shrink": 0, "stop": 0}`

// What operators say is obeyed, whatever the sweep is at; and it survives the end of every process.
func TestSweepObeys(t *testing.T) {
	t.Parallel()
	f := newFleet(t, 6000)
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
	f.ends()
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
