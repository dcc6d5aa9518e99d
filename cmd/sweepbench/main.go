// Command sweepbench measures how fast the sweeper moves people, and what those who log in meanwhile notice of it. It also makes
// the old store that it measures with, for whoever wants one of ten million people.
//
//	go run ./cmd/sweepbench generate -to sqlite:///tmp/old.db -people 10000000
//	deploy/dev/services run -- go run ./cmd/sweepbench bench -people 100000 -rows write
//	deploy/dev/services run -- go run ./cmd/sweepbench large -people 10000000 -for 10m
//	make bench-sweep BENCHFLAGS=-help
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"

	"rekey/cmd/sweepbench/crowd"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	err := run(ctx, os.Args[1:], os.Stdout)
	if err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "sweepbench:", err)
		os.Exit(1)
	}
}

// commands are what can be asked for.
var commands = map[string]func(ctx context.Context, args []string, out io.Writer) error{
	"generate": generate,
	"bench":    measure,
	"large":    large,
}

func run(ctx context.Context, args []string, out io.Writer) error {
	if len(args) > 0 {
		if command := commands[args[0]]; command != nil {
			return command(ctx, args[1:], out)
		}
	}
	return errors.New("want generate, bench or large; each explains itself with -help")
}

// newFlags makes the flags of a command, whose help begins with a text.
func newFlags(name, text string) *flag.FlagSet {
	f := flag.NewFlagSet(name, flag.ContinueOnError)
	f.Usage = func() {
		fmt.Fprintf(f.Output(), "usage: sweepbench %s [flags]\n\n%s\n\n", name, strings.TrimSpace(text))
		f.PrintDefaults()
	}
	return f
}

// A poolFlags say where hashes come from.
type poolFlags struct {
	path       string
	size, cost int
}

func addPoolFlags(f *flag.FlagSet) *poolFlags {
	p := &poolFlags{}
	cache, err := os.UserCacheDir()
	if err != nil { // nobody's home
		cache = os.TempDir()
	}
	f.StringVar(&p.path, "pool", filepath.Join(cache, "rekey-sweepbench", "pool.json"), "`file` that keeps the hashes which people share; made if it is not there")
	f.IntVar(&p.size, "pool-size", 200, "hashes of each sort")
	f.IntVar(&p.cost, "pool-cost", 10, "their cost, bcrypt, log2")
	return p
}

func (p *poolFlags) open() (crowd.Pool, error) {
	pool, err := crowd.OpenPool(p.path, p.size, p.cost)
	if err != nil {
		return crowd.Pool{}, fmt.Errorf("pool of hashes: %w", err)
	}
	return pool, nil
}
