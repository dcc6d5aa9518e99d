package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"rekey/accounts"
	"rekey/accounts/sqlstore"
	"rekey/cmd/rekey/config"
	"rekey/cmd/rekey/server"
	"rekey/sweeper/survey"
)

// planFlags are the flags of the command.
type planFlags struct {
	output *format
	html   string
	state  string
	rate   readRate
	limit  int64
}

func newPlan(c console) *cobra.Command {
	var file *configFlag
	var flags planFlags
	cmd := &cobra.Command{
		Use:   "plan",
		Short: "Say what there is to move, what stands in the way, and how long it takes",
		Long: `Reads every legacy source from end to end, and writes to none of them: accounts, password schemes and their strength,
what no rule can read, identifiers that several people hold, last logins and a forecast from them, what depends on each
source, how long a sweep would take on this machine, and which road to take.

With --state an interrupted survey goes on where it was, and a second one says what others have changed in between.
The time of a sweep is measured with made-up people in a scratch store in $TMPDIR.`,
		Example: `  rekey plan --config rekey.yaml
  rekey plan --rate 500/s --state plan.state --html plan.html
  rekey plan --limit 10000 -o json`,
		Args: cobra.NoArgs,
		RunE: action(func(cmd *cobra.Command, _ []string) error {
			if flags.limit < 0 {
				return misuse("--limit wants a number of people, or 0 for all")
			}
			cfg, err := file.read()
			if err != nil {
				return err
			}
			return plan(cmd.Context(), c, cfg, flags)
		}),
	}
	file = c.addConfigFlag(cmd)
	flags.output = addOutputFlag(cmd)
	f := cmd.Flags()
	f.StringVar(&flags.html, "html", "", "also write the report as one page to this `file`")
	f.StringVar(&flags.state, "state", "", "keep in this `file` how far the survey is, and what the next one compares with")
	f.Var(&flags.rate, "rate", "people read a second at most, such as 500 or 500/s; 0 is as fast as it goes")
	f.Int64Var(&flags.limit, "limit", 0, "look only at the first `people` of each source")
	return cmd
}

func plan(ctx context.Context, c console, cfg *config.Config, flags planFlags) (err error) {
	if len(cfg.Legacy) == 0 {
		return misuse("the configuration names no legacy source, so there is nothing to move")
	}
	opened, closeSources, err := server.OpenSources(cfg)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, closeSources()) }()
	if err := server.LookAtExports(ctx, cfg, opened).Err(); err != nil {
		return err // before it is read from end to end
	}
	page, err := openPage(flags.html)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, page.close()) }()
	sources := make([]survey.Source, len(opened))
	for i, source := range opened {
		sources[i] = surveySource(source, cfg.Legacy[i])
	}
	argon := server.NewArgon2(cfg, nil, nil)
	bar := newReadingProgress(c.err)
	report, err := survey.Run(ctx, survey.Config{
		Sources: sources, Hashes: argon.Hashes(cfg),
		Bench: survey.Bench{Hasher: argon.Hasher(cfg), Scratch: scratchStore},
		Rate:  float64(flags.rate), Limit: flags.limit, State: flags.state, Progress: bar.show,
	})
	bar.end()
	switch {
	case errors.Is(err, survey.ErrState):
		return misuse("%w", err)
	case err != nil && flags.state != "":
		fmt.Fprintf(c.err, "rekey: the same command goes on from here: %s says how far it was\n", flags.state)
		return err
	case err != nil:
		return err
	}
	return errors.Join(printPlan(c.out, *flags.output, report), page.write(report.WriteHTML))
}

func printPlan(w io.Writer, f format, report *survey.Report) error {
	if f == asTable {
		return report.WriteText(w)
	}
	return printJSON(w, report)
}

// scratchStore opens an empty store in a folder of its own, and returns what removes both.
func scratchStore(ctx context.Context) (accounts.Directory, func() error, error) {
	folder, err := os.MkdirTemp("", "rekey-plan-")
	if err != nil {
		return nil, nil, err
	}
	store, err := sqlstore.Open(ctx, "sqlite://"+filepath.Join(folder, "scratch.db"), sqlstore.Options{})
	if err != nil {
		return nil, nil, errors.Join(err, os.RemoveAll(folder))
	}
	return store, func() error { return errors.Join(store.Close(), os.RemoveAll(folder)) }, nil
}

// A pageFile is where --html goes. It is opened before there is anything to write: hours later is too late to learn that it cannot be
// written. What it held stays until there is something to put in its place.
type pageFile struct{ f *os.File }

func openPage(path string) (*pageFile, error) {
	if path == "" {
		return &pageFile{}, nil
	}
	f, err := openOwn(path) // it has the keys of people
	if err != nil {
		return nil, fmt.Errorf("--html: %w", err)
	}
	return &pageFile{f}, nil
}

func (p *pageFile) write(write func(io.Writer) error) error {
	if p.f == nil {
		return nil
	}
	if err := empty(p.f); err != nil {
		return fmt.Errorf("--html: %w", err)
	}
	return write(p.f)
}

func (p *pageFile) close() error {
	if p.f == nil {
		return nil
	}
	return p.f.Close()
}

// A readRate is a number of people a second, with or without "/s".
type readRate float64

func (r *readRate) String() string { return strconv.FormatFloat(float64(*r), 'g', -1, 64) }
func (r *readRate) Type() string   { return "N[/s]" }

func (r *readRate) Set(text string) error {
	n, err := strconv.ParseFloat(strings.TrimSuffix(text, "/s"), 64)
	if err != nil || math.IsNaN(n) || n < 0 || n > 1e9 {
		return errors.New("want people a second, such as 500 or 500/s")
	}
	*r = readRate(n)
	return nil
}
