// Command loadtest measures what a login costs beside its hash, as ratios within one run: these are what stays true
// on another machine, and on this one when its neighbours are busy.
//
// It builds rekey, starts it in front of a legacy SQLite store, loads it over HTTP from this process, and reads the
// CPU time of every process involved from /proc. Each row is measured in interleaved rounds, what it is compared with
// in turn with it; medians are printed, with the share of the CPU that other processes took meanwhile.
//
//	deploy/dev/services run -- go run ./cmd/loadtest
//	go run ./cmd/loadtest -postgres '' -rows login,verify   # SQLite only
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
)

func main() {
	if len(os.Args) == 2 && os.Args[1] == bareEchoArg {
		os.Exit(exit(serveBareEcho()))
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	os.Exit(exit(run(ctx)))
}

func exit(err error) int {
	if err != nil {
		fmt.Fprintln(os.Stderr, "loadtest:", err)
		return 1
	}
	return 0
}

// bench is what the rows share.
type bench struct {
	binary   string // rekey
	dir      string
	postgres string // DSN of a server on which databases may be made; empty: no PostgreSQL
	rounds   int
	span     time.Duration // of one round of one side
}

// A row is one line of the result.
type row struct {
	name string
	run  func(ctx context.Context, b *bench) ([]result, error)
}

// A result is a measured ratio or figure.
type result struct {
	what   string
	value  string
	detail string
	goal   string
	met    bool
	others float64 // share of the CPU that processes outside this measurement took
}

func run(ctx context.Context) (err error) {
	var b bench
	flag.StringVar(&b.postgres, "postgres", os.Getenv("REKEY_TEST_POSTGRES"), "DSN of a PostgreSQL server; empty for none")
	flag.IntVar(&b.rounds, "rounds", 3, "interleaved rounds of each row")
	flag.DurationVar(&b.span, "span", 4*time.Second, "length of a round of one side")
	only := flag.String("rows", "", "comma-separated names of rows; empty for all")
	strict := flag.Bool("strict", false, "fail if a goal is missed")
	flag.Parse()

	b.dir, err = os.MkdirTemp("", "rekey-loadtest-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(b.dir)) }()
	if err := b.build(ctx); err != nil {
		return err
	}

	out := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintf(out, "WHAT\tMEASURED\tGOAL\t\tOTHER CPU\tFROM\n")
	missed := 0
	for _, r := range rows {
		if *only != "" && !slices.Contains(strings.Split(*only, ","), r.name) {
			continue
		}
		results, err := r.run(ctx, &b)
		if err != nil {
			return fmt.Errorf("row %s: %w", r.name, err)
		}
		for _, res := range results {
			mark := "met"
			if !res.met {
				mark = "MISSED"
				missed++
			}
			fmt.Fprintf(out, "%s\t%s\t%s\t%s\t%.0f %%\t%s\n", res.what, res.value, res.goal, mark, 100*res.others, res.detail)
		}
		if err := out.Flush(); err != nil {
			return err
		}
	}
	if *strict && missed > 0 {
		return fmt.Errorf("%d goals missed", missed)
	}
	return nil
}

// compare runs the sides in turn, rounds times, and returns the median of each and the share of other processes.
func (b *bench) compare(ctx context.Context, pids func() []int, sides ...func(context.Context) (float64, error)) (medians []float64, others float64, err error) {
	values := make([][]float64, len(sides))
	watch := newCPUWatch(pids())
	for range b.rounds {
		for i, side := range sides {
			v, err := side(ctx)
			if err != nil {
				return nil, 0, err
			}
			values[i] = append(values[i], v)
		}
	}
	for _, v := range values {
		medians = append(medians, median(v))
	}
	return medians, watch.others(pids()), nil
}

func median(v []float64) float64 {
	v = slices.Clone(v)
	slices.Sort(v)
	if n := len(v); n%2 == 0 {
		return (v[n/2-1] + v[n/2]) / 2
	}
	return v[len(v)/2]
}
