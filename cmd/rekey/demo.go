package main

import (
	"errors"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"rekey/cmd/rekey/config"
	"rekey/cmd/rekey/demo"
)

func newDemo(c console) *cobra.Command {
	options := demo.Options{LoadConfig: func(path string) (*config.Config, error) {
		return (&configFlag{path: path}).read() // without the environment: a demo is the same everywhere
	}}
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "Show it all on this machine, with nothing to set up",
		Long: `Makes four old systems with thousands of people in a temporary folder, puts a gateway in front of them, and prints
logins to try. With --traffic people log in by themselves, and one sees the move. Ctrl-C ends it and removes the folder.`,
		Example: "  rekey demo\n  rekey demo --traffic 20\n  rekey demo --people 1000 --traffic 50/s --for 10s",
		Args:    cobra.NoArgs,
		RunE: action(func(cmd *cobra.Command, _ []string) error {
			if options.People < minDemo || options.People > maxDemo {
				return misuse("--people wants a number from %d to %d", minDemo, maxDemo)
			}
			return demo.Run(cmd.Context(), c.out, options)
		}),
	}
	f := cmd.Flags()
	f.IntVar(&options.People, "people", 10_000, "how many `people` the old systems have")
	f.StringVar(&options.Listen, "listen", "127.0.0.1:0", "`address` of the public listener; port 0 takes a free one")
	f.Var((*rate)(&options.Traffic), "traffic", "logins a second by themselves, such as 20 or 20/s")
	f.DurationVar(&options.For, "for", 0, "end after this `time`, instead of on Ctrl-C")
	return cmd
}

// One person of each scheme at least; and no more than is made in some ten seconds.
const (
	minDemo = 100
	maxDemo = 1_000_000
)

// A rate is a number of things a second, with or without "/s".
type rate float64

func (r *rate) String() string { return strconv.FormatFloat(float64(*r), 'g', -1, 64) }
func (r *rate) Type() string   { return "N[/s]" }

func (r *rate) Set(text string) error {
	n, err := strconv.ParseFloat(strings.TrimSuffix(text, "/s"), 64)
	if err != nil || math.IsNaN(n) || n < 0 || n > float64(time.Second/time.Millisecond) {
		return errors.New("want 0 to 1000 logins a second")
	}
	*r = rate(n)
	return nil
}
