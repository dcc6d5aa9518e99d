package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"rekey/accounts"
	"rekey/accounts/phase"
	"rekey/cmd/rekey/config"
	"rekey/cmd/rekey/server"
)

func newPhase(c console) *cobra.Command {
	return group("phase", "Say which store answers for everybody, and move on or back",
		`The phase says which store answers and which stores are written. A plan goes through some of them, one step at a time:
each step waits until every gateway that serves has arrived, or until its lease has ended (10 s), and says whom it waits for.
A gateway that cannot renew its lease answers 503.

These commands work on the store, wherever the gateways run. A step that is interrupted stops between two epochs; the same
command goes on with it. Exit code 3: a gate or the plan says no, and why.`,
		newPhaseShow(c), newPhasePlan(c), newPhaseAdvance(c), newPhaseRollback(c), newPhaseRamp(c), newPhaseRelax(c), newPhaseList(c),
		newPhaseBacklog(c), newPhaseDeliver(c))
}

// withService opens the domain over the configured store for one command.
func withService(cmd *cobra.Command, file *configFlag, do func(context.Context, *accounts.Service) error) error {
	return withDomain(cmd, file, server.OpenService, do)
}

// A domainOpener opens the domain, and returns what closes it.
type domainOpener func(context.Context, *config.Config, *slog.Logger) (*accounts.Service, func(context.Context) error, error)

var errNoPhase = errors.New("the store has no phase yet; `rekey serve` begins with one")

// withDomain runs a command over the domain as it is opened.
func withDomain(cmd *cobra.Command, file *configFlag, open domainOpener, do func(context.Context, *accounts.Service) error) (err error) {
	cfg, err := file.load()
	if err != nil {
		return err
	}
	log, err := newLogger(file.err, cfg)
	if err != nil {
		return err
	}
	ctx := cmd.Context()
	service, closeAll, err := open(ctx, cfg, log)
	if err == nil {
		defer func() { err = errors.Join(err, closeAll(context.WithoutCancel(ctx))) }()
		err = do(ctx, service)
	}
	if errors.Is(err, accounts.ErrNotFound) {
		return errNoPhase
	}
	return err
}

// A phaseMove is a command that changes the phase: what all of them take.
type phaseMove struct {
	console
	file   *configFlag
	reason string
	dryRun bool
	epoch  int64
}

func (c console) addPhaseMove(cmd *cobra.Command) *phaseMove {
	m := &phaseMove{console: c}
	m.file = c.addConfigFlag(cmd)
	flags := cmd.Flags()
	flags.StringVar(&m.reason, "reason", "", "`text` that is kept in the audit")
	flags.BoolVar(&m.dryRun, "dry-run", false, "measure what holds it up, say what would be done, and do nothing")
	flags.Int64Var(&m.epoch, "epoch", 0, "refuse unless this is still the `number` of the epoch, as rekey phase show told it")
	requireFlags(cmd, "reason")
	return m
}

// run asks for a change, shows how it goes, and says how it ended. ask fills in what the command wants, given where the
// installation is.
func (m *phaseMove) run(cmd *cobra.Command, ask func(phase.State, *accounts.PhaseMove) (phaseChange, error)) error {
	by := accounts.By{Actor: actor(), Reason: m.reason}
	switch err := by.Check(); {
	case err != nil:
		return asMisuse(err)
	case m.epoch < 0:
		return misuse("--epoch must be 1 or more")
	}
	return withService(cmd, m.file, func(ctx context.Context, service *accounts.Service) error {
		view, err := service.Phase(ctx)
		if err != nil {
			return err
		}
		from := view.State
		if m.epoch != 0 && m.epoch != from.Epoch {
			return refuse("the phase is in epoch %d, not in %d: somebody has moved it; look again", from.Epoch, m.epoch)
		}
		progress := newMoveProgress(m.console.err)
		move := accounts.PhaseMove{Epoch: from.Epoch, DryRun: m.dryRun, By: by, Progress: progress.show}
		change, err := ask(from, &move)
		if err != nil {
			return err
		}
		report, err := change(service, ctx, move)
		progress.end()
		if m.dryRun && report.Steps != nil {
			if printErr := printDryRun(m.out, report); printErr != nil {
				return printErr
			}
		}
		if err != nil {
			return m.explain(ctx, service, err)
		}
		if m.dryRun {
			_, err = fmt.Fprintln(m.out, "nothing was changed")
			return err
		}
		now := report.Steps[len(report.Steps)-1]
		fmt.Fprintf(m.out, "%s, epoch %d (it was %s, epoch %d)\n", phaseName(now), now.Epoch, phaseName(from), from.Epoch)
		if left := leftHere(report, move); left != "" {
			fmt.Fprintln(m.out, left)
		}
		return nil
	})
}

// leftHere says what a step back has left here, by --leave-backlog.
func leftHere(r accounts.PhaseReport, m accounts.PhaseMove) string {
	for _, f := range r.Findings {
		if f.Gate == phase.GateCopyBack && m.LeaveBacklog {
			return fmt.Sprintf("left here: %s; `rekey phase backlog` lists what the old stores have not heard of", f.Value)
		}
	}
	return ""
}

// A phaseChange is the method of a service that makes a change.
type phaseChange func(*accounts.Service, context.Context, accounts.PhaseMove) (accounts.PhaseReport, error)

// phaseName names a phase with the percentage of the ramp.
func phaseName(s phase.State) string {
	if s.Phase == phase.Ramp {
		return fmt.Sprintf("ramp %s %%", s.Percent)
	}
	return s.Phase.String()
}

// refuse is the answer where a gate or the plan says no.
func refuse(format string, args ...any) error { return done{fmt.Errorf(format, args...), exitRefused} }

// explain makes an answer of what ended a move, and says where the installation was left.
func (m *phaseMove) explain(ctx context.Context, service *accounts.Service, err error) error {
	ctx = context.WithoutCancel(ctx) // whoever has pressed Ctrl-C wants to know most
	if view, lookErr := service.Phase(ctx); lookErr == nil && view.State.Moving() {
		fmt.Fprintf(m.console.err, "rekey: it stopped in epoch %d, %s, on the way to %s. %s\n", view.State.Epoch, phaseName(view.State),
			view.State.To, howToGoOn(view.State))
	}
	var lines []string
	if illegal, ok := errors.AsType[*phase.MoveError](err); ok {
		for _, r := range illegal.Reasons {
			lines = append(lines, r.Text)
		}
	}
	if held, ok := errors.AsType[*accounts.GateError](err); ok {
		for _, b := range held.Blockers {
			lines = append(lines, fmt.Sprintf("%s: %s (%s)", b.Gate, b.Value, b.Limit))
		}
	}
	switch {
	case len(lines) > 0:
		return refuse("refused\n  %s", strings.Join(lines, "\n  "))
	case errors.Is(err, accounts.ErrStale):
		return refuse("somebody else has moved the phase meanwhile; look again")
	}
	return err
}

// howToGoOn says what ends a move that is under way.
func howToGoOn(s phase.State) string {
	on, back := "advance", "rollback"
	if up, _ := s.Up(); up != s.To {
		on, back = back, on
	}
	if s.Phase == s.To {
		return fmt.Sprintf("`rekey phase %s` goes on with it.", on)
	}
	return fmt.Sprintf("`rekey phase %s` goes on with it, `rekey phase %s` takes it back.", on, back)
}

func printDryRun(w io.Writer, r accounts.PhaseReport) error {
	to := r.Steps[len(r.Steps)-1]
	fmt.Fprintf(w, "from %s (epoch %d) to %s, in these epochs:\n\n", phaseName(r.From), r.From.Epoch, phaseName(to))
	err := printList(w, asTable, r.Steps, []column[phase.State]{
		{"EPOCH", func(s phase.State) string { return strconv.FormatInt(s.Epoch, 10) }},
		{"PHASE", func(s phase.State) string { return phaseName(s) }},
		{"WHAT", func(s phase.State) string { return s.Meaning() }},
	})
	if err != nil || len(r.Findings) == 0 {
		return err
	}
	fmt.Fprintln(w)
	if err := printList(w, asTable, r.Findings, findingColumns(func(f phase.Finding) phase.Finding { return f })); err != nil {
		return err
	}
	_, err = fmt.Fprintln(w)
	return err
}

func newPhaseAdvance(c console) *cobra.Command {
	var abandon int64
	cmd := &cobra.Command{
		Use:   "advance",
		Short: "Go one step up the plan",
		Long: `Goes to the next phase of the plan, if its gates let it. The way into new-only counts everybody whom the new store would
not answer for, by reading every old store from end to end, and takes them only as --abandon with their exact number.`,
		Example: `  rekey phase advance --dry-run --reason 'is it time?'
  rekey phase advance --reason 'change 4711' --epoch 12
  rekey phase advance --abandon 37 --reason 'the old store is switched off on Monday'`,
		Args: cobra.NoArgs,
	}
	m := c.addPhaseMove(cmd)
	cmd.Flags().Int64Var(&abandon, "abandon", 0, "into new-only: give up this `number` of people who have not moved")
	cmd.RunE = action(func(cmd *cobra.Command, _ []string) error {
		if abandon < 0 || abandon > math.MaxInt32 {
			return misuse("--abandon must be between 0 and %d", math.MaxInt32)
		}
		return m.run(cmd, func(from phase.State, move *accounts.PhaseMove) (phaseChange, error) {
			var ok bool
			if move.To, ok = from.Up(); !ok {
				return nil, refuse("refused\n  %s is where the plan ends", from.Phase)
			}
			if cmd.Flags().Changed("abandon") {
				if move.To != phase.NewOnly {
					return nil, misuse("--abandon is for the step into new-only; this one goes to %s", move.To)
				}
				move.Abandon = new(int(abandon))
			}
			return (*accounts.Service).MovePhase, nil
		})
	})
	return cmd
}

func newPhaseRollback(c console) *cobra.Command {
	var leave bool
	cmd := &cobra.Command{
		Use:   "rollback",
		Short: "Go one step back",
		Long: `Goes to the phase before, or takes back a step up that is under way and whose new phase has not begun. What was changed
here and has not reached the old stores holds the way from new-first up, however little it is, unless --leave-backlog says that
those accounts stay at home here. What is on its way is waited for, for 5 s. ` + "`rekey phase backlog`" + ` lists it, and goes on doing so
after the step: while it lists anything, the new store must not be switched off.`,
		Example: `  rekey phase rollback --dry-run --reason 'what would it cost?'
  rekey phase rollback --reason 'incident 12'
  rekey phase rollback --leave-backlog --reason 'the old store takes no changes today'`,
		Args: cobra.NoArgs,
	}
	m := c.addPhaseMove(cmd)
	cmd.Flags().BoolVar(&leave, "leave-backlog", false, "leave what the old stores have not heard of yet: those accounts stay here")
	cmd.RunE = action(func(cmd *cobra.Command, _ []string) error {
		return m.run(cmd, func(from phase.State, move *accounts.PhaseMove) (phaseChange, error) {
			var ok bool
			switch move.To, ok = from.Down(); {
			case from.Phase == phase.NewOnly && !ok:
				return nil, refuse("refused\n  there is no way back from new-only")
			case !ok:
				return nil, refuse("refused\n  %s is where the plan begins", from.Phase)
			}
			move.Percent, move.LeaveBacklog = accounts.PercentOf(move.To), leave
			return (*accounts.Service).MovePhase, nil
		})
	})
	return cmd
}

func newPhaseRamp(c console) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "ramp PERCENT",
		Short: "Say for what share of the accounts the new store answers",
		Long: `In phase ramp: 0 to 100, with two decimals at most. Who is inside at some percentage is inside at every higher one. A
lower one is taken at once; a higher one has gates. From both it enters the ramp. new-first follows 100.`,
		Example: "  rekey phase ramp 5 --reason 'first users'\n  rekey phase ramp 0 --reason 'errors in the new store'",
		Args:    cobra.ExactArgs(1),
	}
	m := c.addPhaseMove(cmd)
	cmd.RunE = action(func(cmd *cobra.Command, args []string) error {
		percent, err := phase.ParsePercent(args[0])
		if err != nil {
			return misuse("%w", err)
		}
		return m.run(cmd, func(_ phase.State, move *accounts.PhaseMove) (phaseChange, error) {
			move.To, move.Percent = phase.Ramp, percent
			return (*accounts.Service).MovePhase, nil
		})
	})
	return cmd
}

func newPhaseRelax(c console) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "relax",
		Short: "Go from both to shadow, past all gates",
		Long: `The quick off switch of dual writes: the old store alone is required again, also while the copies of both are about to be
trusted. No gate is asked.`,
		Example: "  rekey phase relax --reason 'the new store refuses writes'",
		Args:    cobra.NoArgs,
	}
	m := c.addPhaseMove(cmd)
	cmd.RunE = action(func(cmd *cobra.Command, _ []string) error {
		return m.run(cmd, func(phase.State, *accounts.PhaseMove) (phaseChange, error) { return (*accounts.Service).Relax, nil })
	})
	return cmd
}
