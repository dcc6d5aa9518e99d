// Command chaos breaks rekey on purpose and sees whether it keeps its promises. It builds rekey with failpoints, starts three
// processes of it over PostgreSQL, an old WordPress in MariaDB and Redis, and lets people use them at random while processes
// are killed, stopped and started with a wrong clock, lines are cut, Redis is emptied and the phase is moved. Then it mends
// everything and judges: what each account was answered, by porcupine, and what is in both stores.
//
//	deploy/dev/services run -- go run ./cmd/chaos -for 60s
//	deploy/dev/services run -- go run ./cmd/chaos -seed 7 -plan dual-write
//	deploy/dev/services run -- go run ./cmd/chaos -plant tombstone   # is it noticed that there is none?
//
// What is done, to whom and when follows from the seed. The same seed does not give the same run, for nobody steers the
// scheduler; it gives the same chances. Exit codes: 0 nothing was found, 1 something was, or it could not be tried; with
// -plant the other way round.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"rekey/accounts/failpoint"
	"rekey/accounts/phase"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := run(ctx)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "chaos:", err)
		os.Exit(1)
	}
}

// options are what is typed.
type options struct {
	seed     uint64
	length   time.Duration
	rate     float64
	workers  int
	gateways int
	plan     string
	from     string
	calm     bool
	plant    string
	whole    bool
	all      bool
	dir      string
	binary   string
}

func run(ctx context.Context) (err error) {
	var o options
	flag.Uint64Var(&o.seed, "seed", uint64(time.Now().UnixNano())%1e6, "of the plan; the time if it is not given")
	flag.DurationVar(&o.length, "for", 60*time.Second, "how long people and nemesis are at it")
	flag.Float64Var(&o.rate, "rate", 30, "operations a second")
	flag.IntVar(&o.workers, "workers", 12, "operations at the same time, at most")
	flag.IntVar(&o.gateways, "gateways", 3, "processes")
	flag.StringVar(&o.plan, "plan", "", "lazy or dual-write")
	flag.StringVar(&o.from, "from", "", "the phase to begin in")
	flag.BoolVar(&o.calm, "calm", false, "no nemesis")
	flag.StringVar(&o.plant, "plant", "", "the guard to leave out: "+guardNames())
	flag.BoolVar(&o.whole, "whole", false, "play the scene of -plant, and leave nothing out: nothing must be found")
	flag.BoolVar(&o.all, "plant-all", false, "each guard in turn, and a table of the times")
	flag.StringVar(&o.dir, "dir", "", "where logs and findings are kept; a temporary folder, removed if nothing is found, if it is empty")
	flag.StringVar(&o.binary, "binary", "", "rekey, built with the tag failpoint; built anew if it is empty")
	flag.Parse()
	if flag.NArg() > 0 {
		return fmt.Errorf("what is %q? There are flags only", flag.Arg(0))
	}

	kept := o.dir != ""
	if !kept {
		if o.dir, err = os.MkdirTemp("", "rekey-chaos-"); err != nil {
			return err
		}
	}
	defer func() {
		if err == nil && !kept {
			err = os.RemoveAll(o.dir)
		}
	}()
	if o.binary == "" {
		if o.binary, err = build(ctx, o.dir); err != nil {
			return err
		}
	}
	switch {
	case o.all:
		return plantAll(ctx, o)
	case o.plant != "" && o.whole:
		v, err := plant(ctx, o, os.Stdout)
		return errors.Join(err, v.err())
	case o.plant != "":
		v, err := plant(ctx, o, os.Stdout)
		return errors.Join(err, v.noticed(o.plant))
	}
	scene, err := o.scene()
	if err != nil {
		return err
	}
	verdict, err := play(ctx, o, scene, os.Stdout)
	if err != nil {
		return err
	}
	return verdict.err()
}

// build compiles rekey with failpoints.
func build(ctx context.Context, dir string) (string, error) {
	path := filepath.Join(dir, "rekey")
	cmd := exec.CommandContext(ctx, "go", "build", "-tags", "failpoint", "-o", path, "rekey/cmd/rekey")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build rekey (run this in its module): %w\n%s", err, out)
	}
	return path, nil
}

// scene is that of an ordinary run. What is not asked for is the seed's choice.
func (o options) scene() (scene, error) {
	choices := []scene{
		walking(phase.Lazy, phase.NewFirst, phase.LegacyOnly, phase.NewFirst),
		walking(phase.Lazy, phase.LegacyOnly, phase.LegacyOnly, phase.NewFirst),
		walking(phase.DualWrite, phase.LegacyOnly, phase.LegacyOnly, phase.Shadow),
		walking(phase.DualWrite, phase.Shadow, phase.LegacyOnly, phase.Shadow, phase.Both),
		walking(phase.DualWrite, phase.Both, phase.Shadow, phase.Both, phase.Ramp),
		walking(phase.DualWrite, phase.Ramp, phase.Both, phase.Ramp, phase.NewFirst),
		walking(phase.DualWrite, phase.NewFirst, phase.LegacyOnly, phase.Shadow, phase.Both, phase.Ramp, phase.NewFirst),
	}
	fits := slices.DeleteFunc(choices, func(s scene) bool {
		return o.plan != "" && o.plan != s.plan.String() || o.from != "" && o.from != s.from.String()
	})
	if len(fits) == 0 {
		return scene{}, fmt.Errorf("there is no scene of plan %q from phase %q", o.plan, o.from)
	}
	return fits[o.seed%uint64(len(fits))], nil
}

func guardNames() string {
	var names []string
	for _, g := range failpoint.Guards() {
		names = append(names, string(g))
	}
	return strings.Join(names, ", ")
}

// err is what a verdict means to an ordinary run.
func (v verdict) err() error {
	if len(v.findings) > 0 {
		return errors.New("something was found; see above")
	}
	return nil
}
