package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"time"

	"rekey/accounts"
	"rekey/cmd/loadtest/gauge"
	"rekey/cmd/loadtest/rig"
	"rekey/cmd/sweepbench/copied"
	"rekey/cmd/sweepbench/fill"
)

// A stage is an empty new store with the configuration of a rekey between it and an old one.
type stage struct {
	b        *bench
	source   *source
	store    rig.Database
	db       *sql.DB // the new store
	dir, url string
	key      string
	config   string
}

// lines are DSNs that take the place of those of the stores themselves.
type lines struct{ store, legacy string }

// with makes a stage, runs do and takes everything away. Without a PostgreSQL the new store is a file of SQLite.
func (b *bench) with(ctx context.Context, from *source, do func(*stage) error) (err error) {
	s := &stage{b: b, source: from}
	if s.dir, err = os.MkdirTemp(b.dir, "stage-"); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(s.dir)) }()
	if b.postgres == "" {
		file := filepath.Join(s.dir, "new.db")
		s.store = rig.Database{DSN: "sqlite://" + file, Drop: func() error { return nil }} // it goes with its folder
		s.db, err = sql.Open("sqlite", "file:"+file+"?_pragma=busy_timeout(5000)")
	} else {
		if s.store, err = rig.NewDatabase(ctx, b.postgres); err != nil {
			return fmt.Errorf("PostgreSQL: %w", err)
		}
		defer func() { err = errors.Join(err, s.store.Drop()) }()
		s.db, err = rig.Connect(s.store.DSN)
	}
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.db.Close()) }()
	if s.key, err = rig.MasterKey(s.dir); err != nil {
		return err
	}
	if err := s.configure(lines{s.store.DSN, from.database.DSN}); err != nil {
		return err
	}
	return do(s)
}

// configure writes the configuration.
func (s *stage) configure(through lines) error {
	listen, admin, err := rig.FreePorts()
	if err != nil {
		return err
	}
	s.url = "http://" + listen
	s.config = filepath.Join(s.dir, "rekey.yaml")
	text := fmt.Sprintf("listen: %s\nadmin: {listen: %s}\nstore: %q\nlimits: off\nissuer: %s\nmaster_key_file: %s\nlog: {level: warn}\nlegacy:\n  - %s\n",
		listen, admin, through.store, s.url, s.key, fill.YAML("old", through.legacy, false))
	return os.WriteFile(s.config, []byte(text), 0o600)
}

// command is a rekey on the stage's configuration.
func (s *stage) command(ctx context.Context, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, s.b.binary, append(args, "--config", s.config)...)
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = 30 * time.Second
	return cmd
}

// ask runs a command of rekey to its end.
func (s *stage) ask(ctx context.Context, args ...string) error {
	if out, err := s.command(ctx, args...).CombinedOutput(); err != nil {
		return fmt.Errorf("rekey %v: %w\n%s", args, err, out)
	}
	return nil
}

// begin makes the tables and the first phase of the new store, as the first start of a gateway does.
func (s *stage) begin(ctx context.Context) error {
	first, err := s.serve(ctx)
	if err != nil {
		return err
	}
	return first.end()
}

// A ran is what a process took.
type ran struct {
	took                         time.Duration // from exec to exit
	peak                         int64         // VmHWM, bytes
	process, postgresql, mariadb time.Duration // CPU
}

func (r ran) String() string {
	text := fmt.Sprintf("CPU: its own %.1f s", r.process.Seconds())
	if r.postgresql > 0 {
		text += fmt.Sprintf(", PostgreSQL %.1f s", r.postgresql.Seconds())
	}
	if r.mariadb > 0 {
		text += fmt.Sprintf(", MariaDB %.1f s", r.mariadb.Seconds())
	}
	return text + "; peak " + mib(r.peak)
}

// peakEvery is how often a process is asked for its peak, which is its greatest so far: only a peak in its very last moment is
// missed. What wait(2) says is of no use: it counts the memory of this process, which it was forked from.
const peakEvery = 10 * time.Millisecond

// run runs a process to its end, from an even start: everything that came before is on disk. look, if there is one, is called all
// the time.
func (s *stage) run(cmd *exec.Cmd, look func(pid int, running time.Duration)) (ran, error) {
	if err := s.checkpoint(); err != nil {
		return ran{}, err
	}
	var r ran
	before := s.b.busy()
	log, err := os.Create(filepath.Join(s.dir, "log"))
	if err != nil {
		return r, err
	}
	defer func() { _ = log.Close() }() // its words are read by its name
	cmd.Stdout, cmd.Stderr = log, log
	begin := time.Now()
	if err := cmd.Start(); err != nil {
		return r, err
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	tick := time.NewTicker(peakEvery)
	defer tick.Stop()
	for running := true; running; {
		r.peak = max(r.peak, gauge.Memory(cmd.Process.Pid, "VmHWM"))
		if look != nil {
			look(cmd.Process.Pid, time.Since(begin))
		}
		select {
		case <-tick.C:
		case err = <-ended:
			r.took, running = time.Since(begin), false
		}
	}
	r.process = cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
	after := s.b.busy()
	r.mariadb, r.postgresql = after[0]-before[0], after[1]-before[1]
	if err != nil {
		text, _ := os.ReadFile(log.Name()) // without its words, the error is all there is
		return r, fmt.Errorf("%s: %w\n%s", filepath.Base(cmd.Path), err, lastOf(text))
	}
	return r, nil
}

// busy is the CPU that MariaDB and PostgreSQL have used.
func (b *bench) busy() (used [2]time.Duration) {
	for i, server := range b.servers {
		if server == 0 {
			continue
		}
		used[i] = gauge.CPU(gauge.Family(server)...)
	}
	return used
}

// checkpoint writes to disk what PostgreSQL has put off.
func (s *stage) checkpoint() error {
	if s.b.postgres == "" {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	defer cancel()
	_, err := s.db.ExecContext(ctx, "CHECKPOINT")
	return err
}

// lastOf is the end of a text.
func lastOf(text []byte) []byte { return text[max(0, len(text)-4000):] }

// sweep moves everybody in one pass, and returns the rows that there are then. Fewer or more people than there should be are an error.
func (s *stage) sweep(ctx context.Context, hash string) (ran, map[string]int64, error) {
	if err := s.begin(ctx); err != nil {
		return ran{}, nil, err
	}
	s.b.say("rekey sweep run --hash %s, %d people", hash, s.source.expected.People)
	r, err := s.run(s.command(ctx, "sweep", "run", "--hash", hash, "--workers", strconv.Itoa(s.b.workers)), nil)
	if err != nil {
		return r, nil, err
	}
	counts, err := copied.Count(ctx, s.store.DSN)
	if err != nil {
		return r, nil, err
	}
	return r, counts, s.audit(ctx, hash, counts)
}

// audit returns an error unless everybody is where they should be: as many accounts, credentials, links and events as people who can
// be moved, and those who cannot each in quarantine, by class.
func (s *stage) audit(ctx context.Context, hash string, counts map[string]int64) error {
	want := s.source.expected.Moved[hash]
	for _, table := range []string{"accounts", "credentials", "legacy_links"} {
		if counts[table] != want {
			return fmt.Errorf("after the sweep there are %d %s, want %d", counts[table], table, want)
		}
	}
	check := func(what string, want int64, query string, args ...any) error {
		var n int64
		if err := s.db.QueryRowContext(ctx, query, args...).Scan(&n); err != nil {
			return err
		}
		if n != want {
			return fmt.Errorf("after the sweep there are %d %s, want %d", n, what, want)
		}
		return nil
	}
	errs := []error{check("events of people who moved", want, "SELECT count(*) FROM events WHERE kind = $1", accounts.EventMigrated)}
	for class, n := range s.source.expected.Refused {
		if class != string(accounts.NoteWeakHash) { // of those there may be as many as there are people
			errs = append(errs, check("people in quarantine as "+class, n, "SELECT count(*) FROM quarantine WHERE class = $1", class))
		}
	}
	return errors.Join(errs...)
}

func mib(bytes int64) string { return fmt.Sprintf("%.0f MiB", float64(bytes)/(1<<20)) }
