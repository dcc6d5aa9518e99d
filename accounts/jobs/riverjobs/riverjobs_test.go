package riverjobs

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	neturl "net/url"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"github.com/riverqueue/river/rivermigrate"

	"rekey/accounts/jobs"
	"rekey/accounts/jobs/jobstest"
)

const every = 50 * time.Millisecond

func TestRiver(t *testing.T) {
	t.Parallel()
	jobstest.Run(t, true, func(t *testing.T, test func(*testing.T, jobstest.World)) {
		w := newWorld(t)
		test(t, jobstest.World{Machine: w.machine, Every: every, Die: w.die})
	})
}

// A world is a database with machines on it.
type world struct {
	url   string
	admin *pgx.Conn

	mu    sync.Mutex
	power map[jobs.Engine]*atomic.Bool // false: it is off
}

// newWorld makes a database, with River's tables, for one test.
func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{url: postgresURL(t), power: make(map[jobs.Engine]*atomic.Bool)}
	pool := w.pool(t, "migrate", new(atomic.Bool))
	if err := Migrate(t.Context(), pool); err != nil {
		t.Fatal(err)
	}
	var err error
	if w.admin, err = pgx.Connect(t.Context(), w.url); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = w.admin.Close(context.Background()) }) // the database goes with it
	return w
}

// pool connects for as long as it is not off.
func (w *world) pool(t *testing.T, name string, off *atomic.Bool) *pgxpool.Pool {
	t.Helper()
	c, err := pgxpool.ParseConfig(w.url)
	if err != nil {
		t.Fatal("the URL of the database is malformed")
	}
	c.ConnConfig.RuntimeParams["application_name"] = name
	c.BeforeConnect = func(context.Context, *pgx.ConnConfig) error {
		if off.Load() {
			return errors.New("off")
		}
		return nil
	}
	pool, err := pgxpool.NewWithConfig(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	return pool
}

func (w *world) machine(t *testing.T, kinds ...jobs.Kind) jobs.Engine {
	t.Helper()
	set, err := jobs.NewSet(nil, kinds...)
	if err != nil {
		t.Fatal(err)
	}
	off, name := new(atomic.Bool), uuid.NewString()
	e, err := New(Config{Pool: w.pool(t, name, off), Set: set, Look: every, eager: true})
	if err != nil {
		t.Fatal(err)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.power[e] = off
	return e
}

// die takes a machine off the database, and lets the time pass after which that is noticed.
func (w *world) die(t *testing.T, e jobs.Engine) {
	t.Helper()
	w.mu.Lock()
	defer w.mu.Unlock()
	w.power[e].Store(true)
	for _, text := range []string{
		`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()`,
		`UPDATE river_job SET attempted_at = attempted_at - interval '65 seconds' WHERE state = 'running'`,
		`DELETE FROM river_leader`,
	} {
		if _, err := w.admin.Exec(t.Context(), text); err != nil {
			t.Fatal(err)
		}
	}
}

// postgresURL makes a database and drops it when the test ends.
func postgresURL(t *testing.T) string {
	t.Helper()
	const variable = "REKEY_TEST_POSTGRES"
	text := os.Getenv(variable)
	if text == "" {
		t.Skipf("no PostgreSQL: set %s to the URL of a server on which databases may be made", variable)
	}
	u, err := neturl.Parse(text)
	if err != nil {
		t.Fatalf("%s is not a URL", variable)
	}
	server, err := pgx.Connect(t.Context(), u.String())
	if err != nil {
		t.Fatal("cannot use the PostgreSQL server")
	}
	name := "rekey_" + uuid.NewString()
	if _, err := server.Exec(t.Context(), fmt.Sprintf(`CREATE DATABASE %q TEMPLATE template0`, name)); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		if _, err := server.Exec(ctx, fmt.Sprintf(`DROP DATABASE %q WITH (FORCE)`, name)); err != nil {
			t.Error(err)
		}
		if err := server.Close(ctx); err != nil {
			t.Error(err)
		}
	})
	u.Path = "/" + name
	return u.String()
}

// Nudges that nobody has acted on are one row, whichever machine they come from; a go that died with its machine stands in
// nobody's way.
func TestNudgesAreOneRow(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	set, err := jobs.NewSet(nil, jobs.Kind{Name: "mail", Every: time.Hour, Work: func(context.Context) (bool, error) { return false, nil }})
	if err != nil {
		t.Fatal(err)
	}
	e, err := New(Config{Pool: w.pool(t, "", new(atomic.Bool)), Set: set}) // not started: nobody acts
	if err != nil {
		t.Fatal(err)
	}
	rows := func() (n int) {
		t.Helper()
		if err := w.admin.QueryRow(t.Context(), `SELECT count(*) FROM river_job`).Scan(&n); err != nil {
			t.Fatal(err)
		}
		return n
	}
	for range 3 {
		if done, err := e.insert(t.Context(), "mail"); err != nil || !done {
			t.Fatalf("asked for: %v, error %v", done, err)
		}
	}
	if n := rows(); n != 1 {
		t.Errorf("%d rows for three nudges", n)
	}
	if _, err := w.admin.Exec(t.Context(), `UPDATE river_job SET state = 'running', attempted_at = now()`); err != nil {
		t.Fatal(err)
	}
	if done, err := e.insert(t.Context(), "mail"); err != nil || done {
		t.Errorf("a nudge that met a go under way: done %v, error %v", done, err)
	}
	e.id = "another machine"
	if done, err := e.insert(t.Context(), "mail"); err != nil || !done {
		t.Errorf("another machine's: done %v, error %v", done, err)
	}
	if n := rows(); n != 2 {
		t.Errorf("%d rows, want one for each machine", n)
	}
}

func TestMigrate(t *testing.T) {
	t.Parallel()
	w := &world{url: postgresURL(t)}
	pool := w.pool(t, "", new(atomic.Bool))
	t.Cleanup(pool.Close)
	// Somebody has begun to.
	migrator, err := rivermigrate.New(riverpgxv5.New(pool), &rivermigrate.Config{Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := migrator.Migrate(t.Context(), rivermigrate.DirectionUp, &rivermigrate.MigrateOpts{TargetVersion: 3}); err != nil {
		t.Fatal(err)
	}
	// Several processes start at once.
	var starting sync.WaitGroup
	for range 3 {
		starting.Go(func() {
			if err := Migrate(t.Context(), pool); err != nil {
				t.Error(err)
			}
		})
	}
	starting.Wait()
	if err := Migrate(t.Context(), pool); err != nil {
		t.Errorf("the second start: %v", err)
	}
	if _, err := pool.Exec(t.Context(), `INSERT INTO river_migration (line, version) VALUES ('main', 999)`); err != nil {
		t.Fatal(err)
	}
	if err := Migrate(t.Context(), pool); err == nil || !strings.Contains(err.Error(), "a newer rekey") {
		t.Errorf("tables of a newer version: error %v", err)
	}
}
