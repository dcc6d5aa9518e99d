package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"rekey/accounts"
	"rekey/accounts/sqlstore"
	"rekey/cmd/loadtest/gauge"
	"rekey/cmd/loadtest/rig"
	"rekey/cmd/sweepbench/crowd"
	"rekey/cmd/sweepbench/fill"
	"rekey/sweeper"
)

const largeText = `
Makes an old store of -people people in SQLite, and moves them by rekey sweep run --hash carry into PostgreSQL (-postgres) or, without
one, into SQLite, for as long as -for says or until all have moved; before that, all of a store of -small people. Prints what time and
memory it took, and, where it was ended before its end, what the whole would: the time at the pace of the last tenth, and by the line
through the cost of a person as the tables grow; the memory as the peak grew over the later half of the people moved. All names are
counted before anybody moves, so that part is always whole.

PostgreSQL needs about 2.5 KB for each person, SQLite 1.5 KB, and the old store 0.3 KB, in -dir; the sweep is ended when less than
-keep-free is left of that disk.

  REKEY_SERVICES_DURABLE=1 deploy/dev/services run -- go run ./cmd/sweepbench large -for 10m`

func large(ctx context.Context, args []string, out io.Writer) (err error) {
	b := newBench()
	f := newFlags("large", largeText)
	f.StringVar(&b.postgres, "postgres", os.Getenv("REKEY_TEST_POSTGRES"), "`DSN` of a PostgreSQL on which databases may be made; empty for SQLite")
	f.StringVar(&b.binary, "rekey", "", "`program` to measure, by its whole path; by default it is built from this folder")
	f.Int64Var(&b.people, "people", 10_000_000, "how many")
	small := f.Int64("small", 100_000, "people of the store that memory is compared with")
	f.IntVar(&b.workers, "workers", runtime.NumCPU(), "of rekey sweep run")
	f.StringVar(&b.dir, "dir", os.TempDir(), "`folder` for large files")
	bound := f.Duration("for", 0, "how long people are moved at most; 0: until all have")
	free := f.Int64("keep-free", 15, "`GB` of disk that are left free")
	from := addPoolFlags(f)
	if err := f.Parse(args); err != nil {
		return err
	}
	if *small < 1 || b.people <= *small || b.workers < 1 {
		return errors.New("want more -people than -small, and 1 at least of everything")
	}
	if err := b.prepare(ctx, from); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, b.close()) }()
	if b.postgres != "" {
		if b.servers[1], err = rig.ServerPID(ctx, b.postgres); err != nil {
			return err
		}
	}
	table := gauge.NewTable(out)
	least := *free * 1e9
	few, results, err := b.long(ctx, *small, 0, least)
	if err := errors.Join(err, table.Print(results...)); err != nil {
		return err
	}
	many, results, err := b.long(ctx, b.people, *bound, least)
	if err == nil && few.tells() && many.tells() {
		results = append(results, growth(*small, b.people, few.peak, many.peakOfAll()))
	}
	return errors.Join(err, table.Print(results...))
}

// long makes people and moves them.
func (b *bench) long(ctx context.Context, people int64, bound time.Duration, least int64) (*course, []gauge.Result, error) {
	file := filepath.Join(b.dir, fmt.Sprintf("old%d.db", people))
	s := &source{database: rig.Database{DSN: "sqlite://" + file, Drop: func() error { return os.Remove(file) }}}
	b.say("writing %d people", people)
	begin := time.Now()
	if err := fill.Fill(ctx, s.database.DSN, crowd.Everybody(plan(people, 0), b.pool, &s.expected)); err != nil {
		return nil, nil, err
	}
	took := time.Since(begin)
	info, err := os.Stat(file)
	if err != nil {
		return nil, nil, err
	}
	results := []gauge.Result{{
		What: fmt.Sprintf("time to make %d people in SQLite", people), Value: took.Round(time.Second / 10).String(), Goal: "-",
		Detail: fmt.Sprintf("%.0f people/s, %.0f bytes of disk each; peak of this process so far %s", float64(people)/took.Seconds(),
			float64(info.Size())/float64(people), mib(gauge.Memory(os.Getpid(), "VmHWM"))),
	}}
	c := &course{people: people, bound: bound, least: least}
	watch := gauge.NewWatch(b.pids())
	err = b.with(ctx, s, func(s *stage) error { return s.follow(ctx, c) })
	if err := errors.Join(err, s.database.Drop()); err != nil {
		return nil, results, err
	}
	return c, append(results, c.results(watch.Others(b.pids()))...), nil
}

// A moment is how far a sweep was at some time.
type moment struct {
	at     time.Duration // since its start
	people int64         // who were counted
	peak   int64         // VmHWM so far, bytes
}

// A course is a sweep of many people as it went.
type course struct {
	people int64
	bound  time.Duration // 0: to the end
	least  int64         // bytes of disk that are left free

	moments []moment
	ended   string // why it was ended before its end; "": it was not
	ran
}

// followEvery is how often it is looked how far a sweep is: that costs a few milliseconds.
const followEvery = time.Second

// follow sweeps the stage, and looks on.
func (s *stage) follow(ctx context.Context, c *course) (err error) {
	if err := s.begin(ctx); err != nil {
		return err
	}
	store, err := sqlstore.Open(ctx, s.store.DSN, sqlstore.Options{MaxConns: 1})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	s.b.say("rekey sweep run --hash carry, %d people", c.people)
	var looked, said time.Duration
	var lookErr error
	end := func(pid int, why string) {
		if c.ended == "" {
			c.ended = why
			_ = syscall.Kill(pid, syscall.SIGINT) // it may just have come to its end by itself
		}
	}
	c.ran, err = s.run(s.command(ctx, "sweep", "run", "--hash", "carry", "--workers", strconv.Itoa(s.b.workers)), func(pid int, running time.Duration) {
		if running-looked < followEvery {
			return
		}
		looked = running
		m, err := lookAt(ctx, store)
		if err != nil {
			lookErr = err
			end(pid, "it could not be seen how far it is")
			return
		}
		m.at, m.peak = running, gauge.Memory(pid, "VmHWM")
		c.moments = append(c.moments, m)
		if running-said >= 10*time.Second {
			said = running
			s.b.say("%d of %d people after %s; %s", m.people, c.people, running.Round(time.Second), mib(m.peak))
		}
		var disk syscall.Statfs_t
		switch err := syscall.Statfs(s.b.dir, &disk); {
		case err != nil:
			lookErr = err
			end(pid, "it could not be seen how much disk is left")
		case int64(disk.Bavail)*disk.Bsize < c.least:
			end(pid, "the disk is as full as it may be")
		case c.bound > 0 && m.people > 0 && running-c.moments[c.first()].at > c.bound:
			end(pid, "its time was over")
		}
	})
	if exit := (*exec.ExitError)(nil); c.ended != "" && errors.As(err, &exit) && exit.ExitCode() == 1 {
		err = nil
	}
	if err = errors.Join(err, lookErr); err != nil {
		return err
	}
	last, err := lookAt(ctx, store)
	if err != nil {
		return err
	}
	last.at, last.peak = c.took, c.peak
	c.moments = append(c.moments, last)
	if c.ended != "" {
		return nil
	}
	counts := map[string]int64{}
	for _, table := range []string{"accounts", "credentials", "legacy_links"} {
		var n int64
		if err := s.db.QueryRowContext(ctx, "SELECT count(*) FROM "+table).Scan(&n); err != nil {
			return err
		}
		counts[table] = n
	}
	return s.audit(ctx, "carry", counts)
}

// lookAt reads how many people the last run has counted.
func lookAt(ctx context.Context, store *sqlstore.Store) (moment, error) {
	runs, err := store.Runs(ctx, 1)
	if err != nil || len(runs) == 0 {
		return moment{}, err
	}
	var m moment
	err = store.EachChunk(ctx, runs[0].ID, func(c accounts.Chunk) error {
		counts, err := sweeper.CountsOf(c)
		m.people += counts.People()
		return err
	})
	return m, err
}

// first is the first moment at which somebody had moved; the last, if nobody ever had.
func (c *course) first() int {
	if i := slices.IndexFunc(c.moments, func(m moment) bool { return m.people > 0 }); i >= 0 {
		return i
	}
	return len(c.moments) - 1
}

// results tell what it took.
func (c *course) results(others float64) []gauge.Result {
	last := c.moments[len(c.moments)-1]
	began := c.moments[c.first()]
	what := fmt.Sprintf("time to move %d people", c.people)
	took := gauge.Result{
		What: what, Value: c.took.Round(time.Second / 10).String(), Goal: "-", Others: others,
		Detail: fmt.Sprintf("%.0f people/s; names counted after %s; %s", float64(last.people)/c.took.Seconds(), began.at.Round(time.Second/10), c.ran),
	}
	peak := gauge.Result{
		What: fmt.Sprintf("peak memory of that sweep of %d people", c.people), Value: mib(c.peakOfAll()), Goal: "<= " + mib(mostMemory), Met: c.peakOfAll() <= mostMemory,
		Detail: fmt.Sprintf("VmHWM; %s while the names were counted", mib(c.moments[max(0, c.first()-1)].peak)), Others: others,
		Samples: map[string][]float64{fmt.Sprintf("large/people=%d B", c.people): {float64(c.peak)}},
	}
	if c.ended != "" {
		even, line := c.rest()
		took.What, took.Value = what+", extrapolated", between(c.took+even, c.took+line)
		took.Detail = fmt.Sprintf("%d people moved in %s, then %s; %s; pace of each tenth of that time, people/s: %s",
			last.people, c.took.Round(time.Second/10), c.ended, took.Detail, c.paces())
		peak.What += ", extrapolated"
		peak.Detail = fmt.Sprintf("%s when %d had moved; %s", mib(c.peak), last.people, peak.Detail)
	}
	if !c.tells() {
		took.Value, peak.Value, peak.Met = "not known", "not known", false
	}
	return []gauge.Result{took, peak}
}

func between(a, b time.Duration) string {
	return fmt.Sprintf("%s to %s", min(a, b).Round(time.Minute), max(a, b).Round(time.Minute))
}

// A spell is a part of the time in which people moved.
type spell struct {
	took   time.Duration
	people int64
	middle float64 // how many had moved in its middle
}

// cost is what a person took, in seconds.
func (s spell) cost() float64 { return s.took.Seconds() / float64(s.people) }

// spells cuts the time in which people moved into ten. Those in which nobody moved are left out.
func (c *course) spells() []spell {
	moving := c.moments[c.first():]
	var all []spell
	for i := range 10 {
		from, to := moving[i*(len(moving)-1)/10], moving[(i+1)*(len(moving)-1)/10]
		if n := to.people - from.people; n > 0 {
			all = append(all, spell{to.at - from.at, n, float64(from.people+to.people) / 2})
		}
	}
	return all
}

// tells reports whether anything can be said of the whole: it came to its end, or people moved for a while.
func (c *course) tells() bool { return c.ended == "" || len(c.spells()) > 1 }

func (c *course) paces() string {
	var all []string
	for _, s := range c.spells() {
		all = append(all, fmt.Sprintf("%.0f", 1/s.cost()))
	}
	return strings.Join(all, " ")
}

// rest is how long those who have not moved would take: at the pace of the last tenth, and by the line through the cost of a person
// over the number of those before them.
func (c *course) rest() (even, line time.Duration) {
	spells := c.spells()
	if len(spells) == 0 {
		return 0, 0
	}
	moved := float64(c.moments[len(c.moments)-1].people)
	left := float64(c.people) - moved
	x, y := make([]float64, len(spells)), make([]float64, len(spells))
	for i, s := range spells {
		x[i], y[i] = s.middle, s.cost()
	}
	last := spells[len(spells)-1].cost()
	slope, at := fit(x, y)
	even = time.Duration(left * last * float64(time.Second))
	if slope <= 0 {
		return even, even
	}
	return even, time.Duration(left * (at + slope*(moved+left/2)) * float64(time.Second))
}

// fit is the line of least squares: its slope, and where it meets 0.
func fit(x, y []float64) (slope, at float64) {
	var sx, sy, sxx, sxy float64
	n := float64(len(x))
	for i := range x {
		sx, sy, sxx, sxy = sx+x[i], sy+y[i], sxx+x[i]*x[i], sxy+x[i]*y[i]
	}
	if d := n*sxx - sx*sx; d > 0 {
		slope = (n*sxy - sx*sy) / d
	}
	return slope, (sy - slope*sx) / n
}

// peakOfAll is the greatest memory of all of it: where it was ended before its end, the peak and what it would have grown by, as it
// did over the later half of those who moved.
func (c *course) peakOfAll() int64 {
	last := c.moments[len(c.moments)-1]
	i := slices.IndexFunc(c.moments, func(m moment) bool { return m.people >= last.people/2 })
	half := c.moments[i]
	if c.ended == "" || last.people <= half.people {
		return c.peak
	}
	each := float64(c.peak-half.peak) / float64(last.people-half.people)
	return c.peak + int64(math.Round(each*float64(c.people-last.people)))
}
