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
	"time"

	"rekey/cmd/loadtest/gauge"
	"rekey/cmd/loadtest/rig"
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
	run  func(ctx context.Context, b *bench) ([]gauge.Result, error)
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
	if b.binary, err = rig.Build(ctx, b.dir); err != nil {
		return err
	}

	table := gauge.NewTable(os.Stdout)
	for _, r := range rows {
		if *only != "" && !slices.Contains(strings.Split(*only, ","), r.name) {
			continue
		}
		results, err := r.run(ctx, &b)
		if err != nil {
			return fmt.Errorf("row %s: %w", r.name, err)
		}
		if err := table.Print(results...); err != nil {
			return err
		}
	}
	if *strict && table.Missed > 0 {
		return fmt.Errorf("%d goals missed", table.Missed)
	}
	return nil
}

// compare runs the sides in turn and returns the median of each and the share of other processes.
func (b *bench) compare(ctx context.Context, pids func() []int, sides ...gauge.Side) (medians []float64, others float64, err error) {
	values, others, err := gauge.Compare(ctx, b.rounds, pids, sides...)
	if err != nil {
		return nil, 0, err
	}
	return gauge.Medians(values), others, nil
}
