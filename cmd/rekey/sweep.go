package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"rekey/accounts"
	"rekey/cmd/rekey/config"
	"rekey/cmd/rekey/server"
	"rekey/sweeper"
	"rekey/sweeper/pass"
	"rekey/sweeper/survey"
)

func newSweep(c console) *cobra.Command {
	return group("sweep", "Move those who do not come by themselves",
		`Who never logs in is moved without their password: what the old store has is kept in another form, and the person goes on
logging in with the password that they have.`,
		newSweepRun(c), newSweepWorker(c), newSweepStatus(c), newSweepShow(c), newSweepSet(c), newSweepOverride(c), newSweepCommand(c, accounts.SweepStart), newSweepCommand(c, accounts.SweepStop),
		newSweepCommand(c, accounts.SweepPause), newSweepCommand(c, accounts.SweepResume))
}

// A passFlags are the flags of a command that goes through everybody.
type passFlags struct {
	file    *configFlag
	output  *format
	sources []string
	workers int
	reason  string
}

func (c console) addPassFlags(cmd *cobra.Command, reason string) *passFlags {
	p := &passFlags{file: c.addConfigFlag(cmd), output: addOutputFlag(cmd)}
	f := cmd.Flags()
	f.StringArrayVar(&p.sources, "source", nil, "only this `source`; can be repeated; default all, in order of precedence")
	f.IntVar(&p.workers, "workers", runtime.NumCPU(), "`number` of people at a time")
	f.StringVar(&p.reason, "reason", reason, "`text` that is kept in the audit")
	return p
}

// maxWorkers is more than any machine has cores, and than an old store likes.
const maxWorkers = 256

// run opens the domain as a process that others wait for, and hands it over with the sources that are wanted and a
// function that shows how far it is.
func (p *passFlags) run(cmd *cobra.Command, do func(ctx context.Context, s *accounts.Service, sources []string, by accounts.By, show func(pass.Progress)) error) error {
	by := accounts.By{Actor: actor(), Reason: p.reason}
	if err := by.Check(); err != nil {
		return asMisuse(err)
	}
	if p.workers < 1 || p.workers > maxWorkers {
		return misuse("--workers must be 1 to %d", maxWorkers)
	}
	name := "rekey " + cmd.Name()
	open := func(ctx context.Context, cfg *config.Config, log *slog.Logger) (*accounts.Service, func(context.Context) error, error) {
		return server.OpenSweeper(ctx, cfg, log, name, p.workers)
	}
	return withDomain(cmd, p.file, open, func(ctx context.Context, service *accounts.Service) error {
		all := service.SourceNames()
		for _, source := range p.sources {
			if !slices.Contains(all, source) {
				return misuse("--source %s: the configuration has %s", source, strings.Join(all, ", "))
			}
		}
		wanted := slices.DeleteFunc(all, func(source string) bool { return len(p.sources) > 0 && !slices.Contains(p.sources, source) })
		if len(wanted) == 0 {
			return misuse("the configuration names no legacy source")
		}
		bar := newReadingProgress(p.file.err)
		err := do(ctx, service, wanted, by, func(at pass.Progress) { bar.show(survey.Progress{Source: at.Source, Done: at.Done}) })
		bar.end()
		if errors.Is(err, accounts.ErrNothingMoves) {
			return refuse("%w", err)
		}
		return err
	})
}

func newSweepRun(c console) *cobra.Command {
	var p *passFlags
	var dryRun, ignoreGovernor, yes bool
	var keep string
	cmd := &cobra.Command{
		Use:   "run",
		Short: "Move or copy everybody, as the phase says",
		Long: `Goes through every legacy source once and moves (new-first) or copies (shadow, both, ramp) everybody who is not here as they
should be. Who cannot be moved without a login or without support is counted by class, and named; the others go on. It is
safe beside the gateways, and again it changes nothing: after an interruption the same command goes on where it was, says so, and
after a day begins anew; two of the same share the work. Neither the windows nor the rate of rekey sweep set hold for it; but rekey sweep pause and a stop of the
governor of the gateways hold it up, and rekey sweep stop ends it.

--hash says what becomes of a hash whose password nobody has typed: carry keeps a strong one as it is (and refuses the
others), wrap puts argon2id around any, auto carries the strong and wraps the others, and reset keeps none: who is not here
yet sets a new password by a link in a mail, which may be where the new store answers: from new-first on, or in a ramp of 100 %.
It is refused where no mail is sent, and nothing takes it back: it says how many people that will be, and asks, or wants --yes.
Of a store that shows no hashes the profile moves, and the password with the next
login, until which that store answers.

Exit code 1: somebody could not be told about, or it was interrupted; 3: in this phase nobody is moved, or reset.`,
		Example: "  rekey sweep run --config rekey.yaml --dry-run\n  rekey sweep run --source shop --workers 2 --reason 'ticket 4711'",
		Args:    cobra.NoArgs,
	}
	p = c.addPassFlags(cmd, "rekey sweep run")
	cmd.Flags().BoolVar(&dryRun, "dry-run", false, "look at everybody, say what would be done, and do nothing")
	cmd.Flags().BoolVar(&ignoreGovernor, "ignore-governor", false, "go on though the governor says stop")
	cmd.Flags().StringVar(&keep, "hash", string(accounts.KeepAuto), "`how` a password hash is kept: auto, carry, wrap or reset")
	cmd.Flags().BoolVar(&yes, "yes", false, "take passwords away by --hash reset without being asked")
	cmd.RunE = action(func(cmd *cobra.Command, _ []string) error {
		if err := accounts.Keep(keep).Check(); err != nil {
			return asMisuse(err)
		}
		return p.run(cmd, func(ctx context.Context, service *accounts.Service, sources []string, by accounts.By, show func(pass.Progress)) error {
			sources, err := c.walkable(service, sources, p.sources)
			if err != nil {
				return err
			}
			if accounts.Keep(keep) == accounts.KeepReset {
				if err := c.confirmReset(ctx, service, sources, yes || dryRun); err != nil {
					return err
				}
			}
			reports, err := sweeper.Attend(ctx, sweeper.AttendConfig{
				Service: service, Workers: p.workers, Name: "rekey sweep run", IgnoreGovernor: ignoreGovernor,
				Held: func(why string, governor bool) {
					switch {
					case why == "":
						fmt.Fprintln(c.err, "it goes on")
					case governor:
						fmt.Fprintln(c.err, "it waits:", why+" (the same command with --ignore-governor goes on all the same)")
					default:
						fmt.Fprintln(c.err, "it waits:", why)
					}
				},
				GoesOn: func(began time.Time) {
					fmt.Fprintln(c.err, "going on with the run that began at", began.UTC().Format(time.RFC3339)+", where it was; who has come to the old stores since may be passed over")
				},
				Spec:     sweeper.Spec{Sources: sources, Hash: accounts.Keep(keep), DryRun: dryRun, Actor: by.Actor, Reason: by.Reason},
				Progress: func(source string, people int64) { show(pass.Progress{Source: source, Done: people}) },
				Counting: func(people int64) { show(pass.Progress{Source: "names that several people hold", Done: people}) },
			})
			if errors.Is(err, sweeper.ErrOtherRun) {
				return refuse("%w", err)
			}
			if !errors.Is(err, accounts.ErrNothingMoves) {
				err = errors.Join(printSweep(c.out, *p.output, reports, dryRun), err)
			}
			if err != nil {
				return err
			}
			for _, r := range reports {
				if r.NotAnswered > 0 {
					return errors.New("not everybody could be told about; the same command goes on from here")
				}
			}
			return nil
		})
	})
	return cmd
}

// walkable leaves out the sources that cannot be gone through, and says so. One that was asked for is refused.
func (c console) walkable(service *accounts.Service, sources, named []string) ([]string, error) {
	const why = "its people can only be asked for by name: they move when they log in, or one by one by rekey account migrate"
	for _, name := range service.Unwalkable(sources) {
		if slices.Contains(named, name) {
			return nil, misuse("--source %s: %s", name, why)
		}
		fmt.Fprintf(c.err, "%s is left out: %s\n", name, why)
		sources = slices.DeleteFunc(sources, func(source string) bool { return source == name })
	}
	if len(sources) == 0 {
		return nil, refuse("there is nobody to go through")
	}
	return sources, nil
}

func printSweep(w io.Writer, f format, reports []sweeper.Report, dryRun bool) error {
	if f == asJSON {
		return printJSON(w, map[string]any{"dry_run": dryRun, "sources": reports})
	}
	columns := []column[sweeper.Report]{
		{"SOURCE", func(r sweeper.Report) string { return r.Source }},
		{"PEOPLE", func(r sweeper.Report) string { return strconv.FormatInt(r.People, 10) }},
	}
	for _, outcome := range movedOutcomes {
		rare := outcome == accounts.OutcomeProfile || outcome == accounts.OutcomeReset
		if rare && !slices.ContainsFunc(reports, func(r sweeper.Report) bool { return r.Outcomes[outcome] > 0 }) {
			continue
		}
		columns = append(columns, column[sweeper.Report]{
			strings.ToUpper(strings.ReplaceAll(string(outcome), "-", " ")), func(r sweeper.Report) string { return strconv.FormatInt(r.Outcomes[outcome], 10) },
		})
	}
	columns = append(columns, column[sweeper.Report]{"NOT ANSWERED", func(r sweeper.Report) string { return strconv.FormatInt(r.NotAnswered, 10) }})
	if err := printList(w, f, reports, columns); err != nil {
		return err
	}
	var refused []countRow
	for _, r := range reports {
		for _, class := range slices.Sorted(maps.Keys(r.Refused)) {
			refused = append(refused, countRow{r.Source, string(class), r.Refused[class], r.Examples[class]})
		}
	}
	if len(refused) > 0 {
		fmt.Fprintln(w)
		if err := printCounts(w, "NOT MOVED", refused); err != nil {
			return err
		}
	}
	if !dryRun {
		return nil
	}
	_, err := fmt.Fprintln(w, "nothing was changed")
	return err
}

// A countRow is how many people of a source something is said of, and some of them.
type countRow struct {
	source, what string
	count        int64
	examples     []string
}

// shownIDs are the examples of a line: more do not fit.
const shownIDs = 5

// keyText is a key of an old store, which may be anything: in quotes where it is not plain.
func keyText(key string) string {
	quoted := strconv.QuoteToGraphic(key)
	if bare := quoted[1 : len(quoted)-1]; bare == key {
		return bare
	}
	return quoted
}

// printCounts prints what is said of how many.
func printCounts(w io.Writer, heading string, rows []countRow) error {
	return printList(w, asTable, rows, []column[countRow]{
		{"SOURCE", func(r countRow) string { return r.source }},
		{heading, func(r countRow) string { return r.what }},
		{"PEOPLE", func(r countRow) string { return strconv.FormatInt(r.count, 10) }},
		{"SUCH AS", func(r countRow) string {
			shown := make([]string, min(len(r.examples), shownIDs))
			for i := range shown {
				shown[i] = keyText(r.examples[i])
			}
			return strings.Join(shown, ", ")
		}},
	})
}
