package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"time"

	"github.com/google/uuid"
	"github.com/spf13/cobra"

	"rekey/accounts"
	"rekey/cmd/rekey/config"
	"rekey/cmd/rekey/server"
)

// accountHelp are the commands that move one person, or keep one in or out.
func accountHelp(c console) []*cobra.Command {
	return []*cobra.Command{newAccountMigrate(c), newAccountDisable(c, true), newAccountDisable(c, false), newAccountReset(c), newAccountSessions(c)}
}

// withMover opens the domain as a process that others wait for, and that obeys them, with so many workers.
func withMover(cmd *cobra.Command, file *configFlag, workers int, do func(context.Context, *accounts.Service) error) error {
	open := func(ctx context.Context, cfg *config.Config, log *slog.Logger) (*accounts.Service, func(context.Context) error, error) {
		return server.OpenSweeper(ctx, cfg, log, cmd.CommandPath(), workers)
	}
	return withDomain(cmd, file, open, func(ctx context.Context, service *accounts.Service) error {
		err := do(ctx, service)
		if errors.Is(err, accounts.ErrNothingMoves) {
			return refuse("%w", err)
		}
		return err
	})
}

// nobody tells a ref that names nobody from a store without a phase.
func nobody(ref string, err error) error {
	if errors.Is(err, accounts.ErrNotFound) {
		return fmt.Errorf("there is no account %s; who has not moved is found in their old store alone", strconv.QuoteToGraphic(ref))
	}
	return err
}

// An accountChange is what came of a change, for people and for scripts.
type accountChange struct {
	AccountID uuid.UUID `json:"account_id"`
	DryRun    bool      `json:"dry_run"`
	Disabled  *bool     `json:"disabled,omitempty"`
	Changed   bool      `json:"changed"` // or would be
	Moved     bool      `json:"moved,omitempty"`
	Sessions  int       `json:"sessions_ended"`
}

// print says what was done, or would be.
func (a accountChange) print(c console, f format, text string) error {
	if f == asJSON {
		return printJSON(c.out, a)
	}
	switch {
	case !a.Changed:
		text += " already; nothing was changed"
	case a.DryRun:
		text = "would be: " + text + "; nothing was changed"
	}
	_, err := fmt.Fprintf(c.out, "%s: %s\n", a.AccountID, text)
	return err
}

// changeFlags are those of a command that changes one account.
type changeFlags struct {
	file   *configFlag
	output *format
	reason string
	dryRun bool
}

func (c console) addChangeFlags(cmd *cobra.Command) *changeFlags {
	f := &changeFlags{file: c.addConfigFlag(cmd), output: addOutputFlag(cmd)}
	cmd.Flags().StringVar(&f.reason, "reason", "", "`text` that is kept in the audit")
	cmd.Flags().BoolVar(&f.dryRun, "dry-run", false, "say what would be done, and do nothing")
	return f
}

func (f *changeFlags) by() accounts.By { return accounts.By{Actor: actor(), Reason: f.reason} }

// run checks the reason and opens the domain.
func (f *changeFlags) run(cmd *cobra.Command, do func(context.Context, *accounts.Service) error) error {
	if err := f.by().Check(); err != nil {
		return asMisuse(err)
	}
	return withMover(cmd, f.file, 0, do)
}

// stillOut is said where sessions have ended by another way than through a gateway.
const stillOut = "an access token that was handed out before counts until it ends, some minutes at most"

func newAccountDisable(c console, disable bool) *cobra.Command {
	var f *deskFlags
	use, short := "disable REF", "Let nobody log in as this account"
	long := `Its sessions end. It stays here, disabled, whatever the old store says; who is only in the old store is moved first. Exit code 3:
they cannot be moved, or nobody is in this phase.`
	if !disable {
		use, short = "enable REF", "Let its person log in again"
		long = "Sessions that were ended stay so. Whom an old store that is looked at has disabled has to be enabled there."
	}
	cmd := &cobra.Command{
		Use: use, Short: short, Long: long,
		Example: "  rekey account " + use[:len(use)-len(" REF")] + " anna --reason 'ticket 4711'",
		Args:    cobra.ExactArgs(1),
		RunE: action(func(cmd *cobra.Command, args []string) error {
			return f.run(cmd, args[0], inPhase("rekey account "+cmd.Name()), func(ctx context.Context, service *accounts.Service, by accounts.By) error {
				barred, err := service.DisableBy(ctx, args[0], disable, f.dryRun, by)
				if err != nil {
					return err
				}
				done := accountChange{
					AccountID: barred.AccountID, DryRun: f.dryRun, Disabled: &disable, Changed: barred.Changed, Moved: barred.Moved, Sessions: len(barred.Ended),
				}
				if done.Sessions > 0 {
					fmt.Fprintln(c.err, stillOut)
				}
				text := map[bool]string{true: "disabled", false: "enabled"}[disable]
				if done.Moved {
					text = "moved, and " + text
				}
				return done.print(c, *f.output, text)
			})
		}),
	}
	f = c.addDeskFlags(cmd)
	return cmd
}

func newAccountReset(c console) *cobra.Command {
	var f *changeFlags
	cmd := &cobra.Command{
		Use:   "reset REF",
		Short: "Send somebody a link to set a new password",
		Long: `The mail goes to an address of the account, or, of somebody who has not moved, of their record in the old store. A gateway sends
it, so one has to run. The link counts for ten minutes; the password of before counts until it was used.`,
		Example: "  rekey account reset anna --reason 'ticket 4711'",
		Args:    cobra.ExactArgs(1),
		RunE: action(func(cmd *cobra.Command, args []string) error {
			return f.run(cmd, func(ctx context.Context, service *accounts.Service) error {
				done := accountChange{DryRun: f.dryRun, Changed: true}
				var err error
				if f.dryRun {
					done.AccountID, err = service.MayResetFor(ctx, args[0])
				} else {
					done.AccountID, err = service.AskResetFor(ctx, args[0], f.by())
				}
				if err != nil {
					return nobody(args[0], err)
				}
				return done.print(c, *f.output, "a link is on its way")
			})
		}),
	}
	f = c.addChangeFlags(cmd)
	requireFlags(cmd, "reason")
	return cmd
}

func newAccountSessions(c console) *cobra.Command {
	var f *changeFlags
	var revoke bool
	cmd := &cobra.Command{
		Use:     "sessions REF",
		Short:   "List the sessions of a person, or end them",
		Long:    "Somebody who has not moved has sessions too, under the id that their account will have.",
		Example: "  rekey account sessions anna\n  rekey account sessions anna --revoke --reason 'stolen phone'",
		Args:    cobra.ExactArgs(1),
		RunE: action(func(cmd *cobra.Command, args []string) error {
			if !revoke {
				return withService(cmd, f.file, func(ctx context.Context, service *accounts.Service) error {
					return lookError(listSessions(ctx, c, *f.output, service, args[0]), args[0])
				})
			}
			return f.run(cmd, func(ctx context.Context, service *accounts.Service) error {
				subject, err := service.SubjectAnywhere(ctx, args[0])
				if err != nil {
					return lookError(err, args[0])
				}
				done := accountChange{AccountID: subject, DryRun: f.dryRun}
				if f.dryRun {
					living, err := service.SessionsOf(ctx, subject)
					if err != nil {
						return err
					}
					done.Sessions = len(living)
				} else {
					ended, err := service.RevokeSessions(ctx, subject, f.by())
					if err != nil {
						return err
					}
					if done.Sessions = len(ended); len(ended) > 0 {
						fmt.Fprintln(c.err, stillOut)
					}
				}
				done.Changed = done.Sessions > 0
				return done.print(c, *f.output, fmt.Sprintf("%d sessions ended", done.Sessions))
			})
		}),
	}
	f = c.addChangeFlags(cmd)
	cmd.Flags().BoolVar(&revoke, "revoke", false, "end them all")
	return cmd
}

func listSessions(ctx context.Context, c console, f format, service *accounts.Service, ref string) error {
	subject, err := service.SubjectAnywhere(ctx, ref)
	if err != nil {
		return err
	}
	sessions, err := service.SessionsOf(ctx, subject)
	if err != nil {
		return err
	}
	rows := make([]sessionRow, len(sessions))
	for i, s := range sessions {
		rows[i] = sessionRow{s.ID, s.CreatedAt, s.RotatedAt, s.ExpiresAt, s.Client, s.Address}
	}
	return printList(c.out, f, rows, []column[sessionRow]{
		{"SESSION", func(s sessionRow) string { return s.ID.String() }},
		{"SINCE", func(s sessionRow) string { return s.CreatedAt.Format(time.RFC3339) }},
		{"REFRESHED", func(s sessionRow) string { return s.RotatedAt.Format(time.RFC3339) }},
		{"ENDS", func(s sessionRow) string { return s.ExpiresAt.Format(time.RFC3339) }},
		{"ADDRESS", func(s sessionRow) string { return s.Address }},
		{"CLIENT", func(s sessionRow) string { return visible(s.Client) }},
	})
}

// A sessionRow is a session as it is shown.
type sessionRow struct {
	ID        uuid.UUID `json:"id"`
	CreatedAt time.Time `json:"created_at"`
	RotatedAt time.Time `json:"refreshed_at"`
	ExpiresAt time.Time `json:"expires_at"`
	Client    string    `json:"client,omitempty"`
	Address   string    `json:"address,omitempty"`
}
