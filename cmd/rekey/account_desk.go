package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/spf13/cobra"

	"rekey/accounts"
	"rekey/cmd/rekey/config"
	"rekey/cmd/rekey/server"
	"rekey/gateway"
)

// accountDesk returns the commands that look at one person and that do something for them.
func accountDesk(c console) []*cobra.Command {
	return []*cobra.Command{
		newAccountFind(c), newAccountShow(c), newAccountHistory(c), newAccountRevert(c), newAccountUnlock(c), newAccountDelete(c),
	}
}

// deskError says what an error means for whoever has named a person.
func deskError(err error, ref string) error {
	var (
		kept      *accounts.KeptError
		unmovable *accounts.UnmovableError
		elsewhere *accounts.ElsewhereError
	)
	switch {
	case errors.Is(err, accounts.ErrNotFound):
		return fmt.Errorf("there is nobody called %q here, or in an old store that is asked in this phase; `rekey account find` looks for parts of "+
			"names, and an id is known once something is kept of it: of somebody who has not moved, say the name or source/id", ref)
	case errors.Is(err, accounts.ErrContestedPerson):
		return fmt.Errorf("several people are called %q; `rekey account find` lists them: say which as source/id", ref)
	case errors.As(err, &kept):
		return refuse("the move is not taken back (%s): %s", kept.State, kept.Reason)
	case errors.As(err, &unmovable):
		return refuse("this is done to who is here, and this person cannot be moved %s (%s): %s", unmovedWords(unmovable.Class), unmovable.Class, unmovable.Reason)
	case errors.As(err, &elsewhere) && elsewhere.URL != "":
		return refuse("the old store must have the change and takes none from here; make it at %s", elsewhere.URL)
	case errors.Is(err, accounts.ErrManagedElsewhere):
		return refuse("the old store must have the change and takes none from here; make it there")
	case errors.Is(err, accounts.ErrNothingMoves):
		return refuse("%w", err)
	}
	return err
}

// lookError is a deskError of a command that needs no more than what is kept here, and finds that by key while an old store is away.
func lookError(err error, ref string) error {
	if errors.As(err, new(*accounts.UnavailableError)) && !strings.Contains(ref, "/") {
		return fmt.Errorf("%w; if it is an old store that is away, what is kept here of a person is found by source/id all the same", err)
	}
	return deskError(err, ref)
}

// A deskFlags are changeFlags whose reason must be given.
type deskFlags struct{ *changeFlags }

func (c console) addDeskFlags(cmd *cobra.Command) *deskFlags {
	f := &deskFlags{c.addChangeFlags(cmd)}
	requireFlags(cmd, "reason")
	return f
}

// run opens the domain for a change of one person.
func (f *deskFlags) run(cmd *cobra.Command, ref string, open domainOpener, do func(context.Context, *accounts.Service, accounts.By) error) error {
	by := f.by()
	if err := by.Check(); err != nil {
		return asMisuse(err)
	}
	return withDomain(cmd, f.file, open, func(ctx context.Context, service *accounts.Service) error {
		return deskError(do(ctx, service, by), ref)
	})
}

// inPhase opens the domain for a command whose change the phase decides on: a move of the phase waits for it.
func inPhase(name string) domainOpener {
	return func(ctx context.Context, cfg *config.Config, log *slog.Logger) (*accounts.Service, func(context.Context) error, error) {
		return server.OpenSweeper(ctx, cfg, log, name, 0)
	}
}

// say prints a sentence for people, or a value for scripts.
func (f *deskFlags) say(c console, value any, text string) error {
	if *f.output == asJSON {
		return printJSON(c.out, value)
	}
	if f.dryRun {
		text += "\nnothing was changed"
	}
	_, err := fmt.Fprintln(c.out, text)
	return err
}

func newAccountRevert(c console) *cobra.Command {
	var f *deskFlags
	cmd := &cobra.Command{
		Use:   "revert PERSON",
		Short: "Take the move of one person back",
		Long: `The old store answers for them from then on, with the password that it has; the account keeps its id, and its sessions end. It
is no lock: where the phase moves people, their next login, or a sweep, moves them again.

It is refused (exit code 3) where something that was changed here would be lost, or an older password would work again.`,
		Example: "  rekey account revert anna --reason 'ticket 4711' --dry-run\n  rekey account revert shop/4711 --reason 'ticket 4711'",
		Args:    cobra.ExactArgs(1),
		RunE: action(func(cmd *cobra.Command, args []string) error {
			return f.run(cmd, args[0], inPhase("rekey account revert"), func(ctx context.Context, service *accounts.Service, by accounts.By) error {
				taken, err := service.Revert(ctx, args[0], f.dryRun, by)
				if err != nil {
					return err
				}
				text := fmt.Sprintf("the old store answers for account %s already", taken.AccountID)
				switch {
				case taken.Changed && f.dryRun:
					text = fmt.Sprintf("would take the move of account %s (%s/%s) back: %s", taken.AccountID, taken.Source, taken.LegacyID, taken.Until)
				case taken.Changed:
					text = fmt.Sprintf("the move of account %s (%s/%s) is taken back, and %d sessions have ended: %s",
						taken.AccountID, taken.Source, taken.LegacyID, len(taken.Ended), taken.Until)
				}
				return f.say(c, gateway.RevertStateOf(taken, f.dryRun), text)
			})
		}),
	}
	f = c.addDeskFlags(cmd)
	return cmd
}

func newAccountDelete(c console) *cobra.Command {
	var f *deskFlags
	cmd := &cobra.Command{
		Use:   "delete PERSON",
		Short: "Delete somebody for good",
		Long: `As they would themselves, but for the password. What stays is a tombstone: nobody is let in by the old record or made from it
again. Where the old store must have the change it gets it first; who has not moved is moved first. Exit code 3: the old store
takes no change from here, or the person cannot be moved.`,
		Example: "  rekey account delete anna --reason 'asked in writing' --dry-run\n  rekey account delete shop/4711 --reason 'asked in writing'",
		Args:    cobra.ExactArgs(1),
		RunE: action(func(cmd *cobra.Command, args []string) error {
			return f.run(cmd, args[0], inPhase("rekey account delete"), func(ctx context.Context, service *accounts.Service, by accounts.By) error {
				erased, err := service.DeleteBy(ctx, args[0], f.dryRun, by)
				if err != nil {
					return err
				}
				text := fmt.Sprintf("account %s was deleted before", erased.AccountID)
				switch {
				case erased.Changed && f.dryRun:
					text = fmt.Sprintf("would delete account %s", erased.AccountID)
				case erased.Changed:
					text = fmt.Sprintf("account %s is deleted", erased.AccountID)
				}
				for _, what := range erased.What {
					text += "\n  " + what
				}
				return f.say(c, gateway.EraseStateOf(erased, f.dryRun), text)
			})
		}),
	}
	f = c.addDeskFlags(cmd)
	return cmd
}

func newAccountUnlock(c console) *cobra.Command {
	var f *deskFlags
	cmd := &cobra.Command{
		Use:   "unlock PERSON",
		Short: "Give somebody all guesses back",
		Long: `At their codes, which the store counts, and at their password, which the gateways count together in Redis. Without Redis each
gateway counts in its own memory, which this command cannot reach: POST /admin/v1/accounts/{ref}/unlock on each of them does, and
so does waiting, for by default a guess comes back every minute.`,
		Example: "  rekey account unlock anna --reason 'ticket 4711'\n  rekey account unlock shop/4711 --reason 'ticket 4711' -o json",
		Args:    cobra.ExactArgs(1),
		RunE: action(func(cmd *cobra.Command, args []string) error {
			var guesses *server.Guesses
			open := func(ctx context.Context, cfg *config.Config, log *slog.Logger) (*accounts.Service, func(context.Context) error, error) {
				service, closeAll, err := server.OpenService(ctx, cfg, log)
				if err != nil {
					return nil, nil, err
				}
				if guesses, err = server.OpenGuesses(cfg); err != nil {
					return nil, nil, errors.Join(err, closeAll(context.WithoutCancel(ctx)))
				}
				return service, func(ctx context.Context) error { return errors.Join(guesses.Close(), closeAll(ctx)) }, nil
			}
			return f.run(cmd, args[0], open, func(ctx context.Context, service *accounts.Service, by accounts.By) error {
				locked, err := service.Unlock(ctx, args[0], f.dryRun, by)
				if err != nil {
					return err
				}
				if !f.dryRun {
					if err := guesses.Forget(ctx, locked); err != nil {
						return fmt.Errorf("guesses at codes are given back, and those at the password are not: Redis cannot be reached: %w", err)
					}
				}
				text := fmt.Sprintf("account %s has all guesses at its codes again", locked.AccountID)
				if f.dryRun {
					text = fmt.Sprintf("would give account %s all guesses back", locked.AccountID)
				}
				switch guesses.Scope {
				case gateway.ScopeEverywhere:
					text += ", and at its password, at every gateway"
				case gateway.ScopeHere:
					text += "; those at its password each gateway counts in its own memory, which is not reached from here:" +
						"\nask POST /admin/v1/accounts/{ref}/unlock of each of them, or wait"
				case gateway.ScopeNowhere:
					text += "; those at its password are not counted: limits are off"
				}
				return f.say(c, gateway.UnlockStateOf(locked, f.dryRun, guesses.Reached()), text)
			})
		}),
	}
	f = c.addDeskFlags(cmd)
	return cmd
}

// Bounds of a page of the history.
const (
	defaultHistory = 50
	maxHistory     = 1000
)

func newAccountHistory(c console) *cobra.Command {
	var file *configFlag
	var output *format
	var limit int
	var before string
	cmd := &cobra.Command{
		Use:     "history PERSON",
		Short:   "List what has happened to one person, newest first",
		Long:    "Also of somebody who has not moved, and, by their id or as source/id, of somebody who is deleted.",
		Example: "  rekey account history anna\n  rekey account history shop/4711 --limit 200 -o json",
		Args:    cobra.ExactArgs(1),
		RunE: action(func(cmd *cobra.Command, args []string) error {
			if limit < 1 || limit > maxHistory {
				return misuse("--limit must be 1 to %d", maxHistory)
			}
			older := uuid.Nil
			if before != "" {
				var err error
				if older, err = uuid.Parse(before); err != nil {
					return misuse("--before must be the id of an event")
				}
			}
			return withService(cmd, file, func(ctx context.Context, service *accounts.Service) error {
				_, events, err := service.History(ctx, args[0], older, limit)
				if err != nil {
					return lookError(err, args[0])
				}
				if err := printEvents(c, *output, events); err != nil || len(events) < limit || *output == asJSON {
					return err
				}
				_, err = fmt.Fprintf(c.err, "there may be more: --before %s\n", events[len(events)-1].ID)
				return err
			})
		}),
	}
	file = c.addConfigFlag(cmd)
	output = addOutputFlag(cmd)
	cmd.Flags().IntVar(&limit, "limit", defaultHistory, "at most this `number` of events")
	cmd.Flags().StringVar(&before, "before", "", "only events older than the one of this `id`")
	return cmd
}

func printEvents(c console, f format, events []accounts.Event) error {
	rows := make([]gateway.EventState, len(events))
	for i, e := range events {
		rows[i] = gateway.EventStateOf(e)
	}
	return printList(c.out, f, rows, []column[gateway.EventState]{
		{"AT", func(e gateway.EventState) string { return e.At.Format(time.RFC3339) }},
		{"EVENT", func(e gateway.EventState) string { return e.Kind }},
		{"BY", func(e gateway.EventState) string { return e.Actor }},
		{"REASON", func(e gateway.EventState) string { return e.Reason }},
	})
}
