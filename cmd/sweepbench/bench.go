package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"maps"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"

	"rekey/cmd/loadtest/gauge"
	"rekey/cmd/loadtest/rig"
	"rekey/cmd/sweepbench/crowd"
	"rekey/cmd/sweepbench/fill"
)

const measureText = `
Measures the sweep from MariaDB into PostgreSQL, and prints each figure beside its goal. Figures are ratios within one run, measured
in turn, round by round, and medians: that is what stays true on another machine, and on this one when its neighbours are busy. What
others took of the CPU is printed too; above a few percent, measure again. A row that cannot be measured here says why.

The rows, by the name that -rows takes:

  write    rekey sweep run --hash carry of -people people, all of it from exec to exit; COPY of the very rows that it wrote, from files,
           into the same tables with all their keys and indexes; and pgloader on the same source. Rows are those of accounts, identifiers,
           credentials, links, profiles and events; pgloader's are people, of one table.
  verify   rekey verify after the first such sweep: how long, and that it finds the stores equal.
  memory   the greatest memory (VmHWM) of rekey sweep run at each of -sizes, and how much more the largest takes than the smallest. The
           sweeps of row write count here too, and are not done again.
  wrap     rekey sweep run --hash wrap of -wrap people, over argon2id alone with as many goroutines, before and after it.
  logins   p99 of logins, open loop, while the sweeper inside the gateway runs, over p99 just before it began: at 5,000 people a second,
           at full speed, and wrapping with one worker; with the governor and without. Latency counts from when a login was due.
  two      two processes of rekey sweep worker over one, each on one core: -two people behind lines that hold every piece back, so
           that neither database is busy; and, wrapping, -two-wrap people. From when the first person has moved.

Databases are made for each measurement and dropped behind it. PostgreSQL needs about 2.5 KB for each person, MariaDB 0.4 KB, and the
files of row write 1 KB in -dir. Run it by "make bench-sweep", whose databases keep fsync on: on two cores all of it takes about 30
minutes, and a -quick one 6. For more people than these databases are made for, see sweepbench large.`

// A bench is what the rows share.
type bench struct {
	binary   string // rekey
	dir      string
	mysql    string // DSN of a server on which databases may be made
	postgres string // likewise

	people             int64 // of the rows write, verify and logins
	sizes              []int64
	wrap, two, twoWrap int64
	rounds, workers    int
	span               time.Duration // of one round of one side of logins
	logins             float64       // a second
	held               time.Duration // how long a slow line holds each piece back
	warm               time.Duration // from when the sweeper runs to when it is measured
	governorOff        string        // is handed to rekey sweep set
	pgloader           bool

	verifies bool // the row verify is wanted

	servers  [2]int // the first processes of MariaDB and PostgreSQL; 0: there is none
	pool     crowd.Pool
	sources  map[crowd.Plan]*source
	carried  map[int64]carrying // by the number of people
	verified *gauge.Result      // what verify has said after one of -people
	words    io.Writer          // what is being done
}

// A row is one line of the result, or a few.
type row struct {
	name string
	run  func(ctx context.Context, b *bench) ([]gauge.Result, error)
}

// rows is the table of what is measured.
var rows = []row{
	{"write", write},
	{"verify", verify},
	{"memory", memory},
	{"wrap", wrapping},
	{"logins", logins},
	{"two", twoProcesses},
}

func measure(ctx context.Context, args []string, out io.Writer) (err error) {
	b := newBench()
	f := newFlags("bench", measureText)
	f.StringVar(&b.mysql, "mysql", os.Getenv("REKEY_TEST_MYSQL"), "`DSN` of a MariaDB on which databases may be made")
	f.StringVar(&b.postgres, "postgres", os.Getenv("REKEY_TEST_POSTGRES"), "`DSN` of a PostgreSQL on which databases may be made")
	f.StringVar(&b.binary, "rekey", "", "`program` to measure, by its whole path; by default it is built from this folder")
	f.Int64Var(&b.people, "people", 1_000_000, "people of the rows write, verify and logins; of those a round takes up to some 15,000 a second, for twice -warm and -span")
	sizes := f.String("sizes", "100000,1000000", "numbers of people of the row memory")
	f.Int64Var(&b.wrap, "wrap", 20_000, "people of the row wrap, in all rounds together")
	f.Int64Var(&b.two, "two", 200_000, "people of the row two: of fewer, most of the time is that in which batches grow from 64")
	f.Int64Var(&b.twoWrap, "two-wrap", 800, "people of the row two who are wrapped")
	f.IntVar(&b.rounds, "rounds", 2, "interleaved rounds of each row")
	f.IntVar(&b.workers, "workers", runtime.NumCPU(), "of rekey sweep run, and goroutines of argon2id alone")
	f.DurationVar(&b.span, "span", 15*time.Second, "length of a round of logins")
	f.DurationVar(&b.warm, "warm", 8*time.Second, "how long the sweeper runs before logins are measured")
	f.Float64Var(&b.logins, "logins", 20, "logins a second; an argon2id of each, which takes 9 to 30 ms of a core")
	f.DurationVar(&b.held, "held", 2*time.Millisecond, "how long the slow lines of the row two hold each piece of 32 KiB back")
	f.StringVar(&b.governorOff, "governor-off", noLimits(), "what turns the governor off, as `key=value` of rekey sweep set")
	f.BoolVar(&b.pgloader, "pgloader", true, "compare with pgloader, and install it from Debian if it is not there")
	f.StringVar(&b.dir, "dir", os.TempDir(), "`folder` for large files")
	only := f.String("rows", "", "comma-separated `names` of rows; empty for all")
	asJSON := f.String("json", "", "`file` for the results as JSON, with what each round gave")
	asBench := f.String("benchstat", "", "`file` for what each round gave, as lines that benchstat reads")
	strict := f.Bool("strict", false, "fail if a goal is missed")
	quick := f.Bool("quick", false, "fewer people and one round, unless another flag says otherwise: to see that all of it works, and about how fast")
	from := addPoolFlags(f)
	if err := f.Parse(args); err != nil {
		return err
	}
	if *quick {
		if err := hurry(f); err != nil {
			return err
		}
	}
	wanted, err := named(*only)
	if err != nil {
		return err
	}
	if b.sizes, err = numbers(*sizes); err != nil {
		return err
	}
	if b.mysql == "" || b.postgres == "" {
		return errors.New("want -mysql and -postgres; deploy/dev/services run -- starts both")
	}
	if b.rounds < 1 || b.workers < 1 || b.people < 1 || b.wrap < int64(b.rounds) || b.two < 1 || b.twoWrap < 1 || b.logins <= 0 {
		return errors.New("every number must be 1 at least, and -wrap as many as there are rounds")
	}
	for _, r := range wanted {
		b.verifies = b.verifies || r.name == "verify"
	}
	if err := b.prepare(ctx, from); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, b.close()) }()
	for i, server := range []string{b.mysql, b.postgres} {
		if b.servers[i], err = rig.ServerPID(ctx, server); err != nil {
			return err
		}
	}

	table := gauge.NewTable(out)
	var all []gauge.Result
	var failed []string // a row that cannot be measured leaves the others alone
	for _, r := range wanted {
		results, err := r.run(ctx, b)
		if err != nil {
			failed = append(failed, r.name)
			b.say("row %s: %v", r.name, err)
		}
		if err := table.Print(results...); err != nil {
			return err
		}
		// What took hours is kept as it comes.
		all = append(all, results...)
		if err := b.keep(*asJSON, *asBench, all); err != nil {
			return err
		}
		if ctx.Err() != nil {
			break
		}
	}
	switch {
	case len(failed) > 0:
		return fmt.Errorf("not measured, or not all of it: %s", strings.Join(failed, ", "))
	case *strict && table.Missed > 0:
		return fmt.Errorf("%d goals missed", table.Missed)
	}
	return nil
}

func newBench() *bench {
	return &bench{sources: map[crowd.Plan]*source{}, carried: map[int64]carrying{}, words: os.Stderr}
}

// prepare makes what every measurement needs. After an error nothing of it is left.
func (b *bench) prepare(ctx context.Context, from *poolFlags) (err error) {
	if b.pool, err = from.open(); err != nil {
		return err
	}
	if b.dir, err = os.MkdirTemp(b.dir, "rekey-sweepbench-"); err != nil {
		return err
	}
	if b.binary == "" {
		b.binary, err = rig.Build(ctx, b.dir)
	}
	if err != nil {
		err = errors.Join(err, os.RemoveAll(b.dir))
	}
	return err
}

// close takes away what prepare has made, and the sources.
func (b *bench) close() error {
	var errs []error
	for _, s := range b.sources {
		errs = append(errs, s.database.Drop())
	}
	return errors.Join(append(errs, os.RemoveAll(b.dir))...)
}

// hurry sets the flags that nobody has set to what a quick measurement takes.
func hurry(f *flag.FlagSet) error {
	set := map[string]bool{}
	f.Visit(func(one *flag.Flag) { set[one.Name] = true })
	for name, value := range map[string]string{
		"people": "300000", "sizes": "30000,300000", "wrap": "2000", "two": "20000", "two-wrap": "300", "rounds": "1", "span": "8s", "warm": "5s",
	} {
		if set[name] {
			continue
		}
		if err := f.Set(name, value); err != nil {
			return err
		}
	}
	return nil
}

// pids are the databases' processes.
func (b *bench) pids() []int {
	var all []int
	for _, server := range b.servers {
		if server > 0 {
			all = append(all, gauge.Family(server)...)
		}
	}
	return all
}

// noLimits is a governor that never stops anything, and lets the sweeper grow at once.
func noLimits() string {
	limits := []string{`"grow_every_s":1`}
	for _, signal := range []string{
		"login_p99_ms", "login_p99_ratio", "login_errors", "hash_wait_ms", "legacy_p95_ms", "legacy_errors", "store_latency_ms", "store_wait_ms",
		"replica_lag_ms", "copy_back_backlog",
	} {
		limits = append(limits, fmt.Sprintf(`%q:{"hold":0,"shrink":0,"stop":0}`, signal))
	}
	return "governor={" + strings.Join(limits, ",") + "}"
}

// named returns the rows that are wanted, in the order of the table.
func named(list string) ([]row, error) {
	if list == "" {
		return rows, nil
	}
	names := strings.Split(list, ",")
	var wanted []row
	for _, r := range rows {
		if i := slices.Index(names, r.name); i >= 0 {
			wanted, names = append(wanted, r), slices.Delete(names, i, i+1)
		}
	}
	if len(names) > 0 {
		return nil, fmt.Errorf("there is no row %s", strings.Join(names, ", "))
	}
	return wanted, nil
}

func numbers(list string) ([]int64, error) {
	var all []int64
	for text := range strings.SplitSeq(list, ",") {
		n, err := strconv.ParseInt(text, 10, 64)
		if err != nil || n < 1 {
			return nil, fmt.Errorf("%q is not a number of people", text)
		}
		all = append(all, n)
	}
	return slices.Sorted(slices.Values(all)), nil
}

// keep writes results into files, where names are given.
func (b *bench) keep(asJSON, asBench string, results []gauge.Result) error {
	if asJSON != "" {
		var text bytes.Buffer
		encoder := json.NewEncoder(&text)
		encoder.SetEscapeHTML(false) // goals are "<= 64 MiB"
		encoder.SetIndent("", "  ")
		err := encoder.Encode(map[string]any{
			"cpus": runtime.NumCPU(), "people": b.people, "rounds": b.rounds, "workers": b.workers, "results": results,
		})
		if err != nil {
			return err
		}
		if err := os.WriteFile(asJSON, text.Bytes(), 0o600); err != nil {
			return err
		}
	}
	if asBench == "" {
		return nil
	}
	return os.WriteFile(asBench, []byte(benchLines(results)), 0o600)
}

// benchLines are the samples as the testing package prints benchmarks.
func benchLines(results []gauge.Result) string {
	var lines strings.Builder
	seen := map[string]bool{} // of several results of one comparison each has all its samples
	for _, r := range results {
		for _, key := range slices.Sorted(maps.Keys(r.Samples)) {
			if seen[key] {
				continue
			}
			seen[key] = true
			name, unit, _ := strings.Cut(key, " ")
			for _, v := range r.Samples[key] {
				fmt.Fprintf(&lines, "BenchmarkSweep/%s\t1\t%g %s\n", name, v, strings.ReplaceAll(unit, " ", "-"))
			}
		}
	}
	return lines.String()
}

func (b *bench) say(format string, args ...any) {
	fmt.Fprintf(b.words, "sweepbench: "+format+"\n", args...)
}

// A source is an old store that was filled.
type source struct {
	database rig.Database
	expected crowd.Counts
}

// plan is of n people, with as many odd ones as a store of some age has.
func plan(n int64, weak float64) crowd.Plan {
	odd := min(n/100, 20)
	return crowd.Plan{People: n, Seed: 1, Weak: weak, Disabled: 0.02, Collisions: odd, Unreadable: odd, Untypable: odd}
}

// source returns a filled MariaDB, which is made once for each plan.
func (b *bench) source(ctx context.Context, p crowd.Plan) (*source, error) {
	if s := b.sources[p]; s != nil {
		return s, nil
	}
	b.say("filling MariaDB with %d people", p.People)
	database, err := rig.NewDatabase(ctx, b.mysql)
	if err != nil {
		return nil, fmt.Errorf("MariaDB: %w", err)
	}
	s := &source{database: database}
	b.sources[p] = s
	return s, fill.Fill(ctx, database.DSN, crowd.Everybody(p, b.pool, &s.expected))
}
