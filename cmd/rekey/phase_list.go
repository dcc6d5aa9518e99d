package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/google/uuid"
	"github.com/spf13/cobra"

	"rekey/accounts"
	"rekey/accounts/phase"
)

func newPhaseList(c console) *cobra.Command {
	var add, remove []string
	var output *format
	cmd := &cobra.Command{
		Use:   "list allow|deny",
		Short: "Show and change who is always, or never, inside the ramp",
		Long: `In phase ramp the accounts of the allow-list are inside whatever the percentage, those of the deny-list outside; deny comes
first. An account is named by its id or by what its person logs in with. Without --add and --remove the list is printed.`,
		Example: `  rekey phase list allow
  rekey phase list allow --add anna --add bert@example.org --reason 'testers'
  rekey phase list deny --remove 0197f3a2-5a0c-7cc1-8d2e-3f4f5a6b7c8d --reason 'ticket 4711 is solved'`,
		Args:      cobra.MatchAll(cobra.ExactArgs(1), cobra.OnlyValidArgs),
		ValidArgs: []string{"allow", "deny"},
	}
	m := c.addPhaseMove(cmd)
	delete(cmd.Flags().Lookup("reason").Annotations, cobra.BashCompOneRequiredFlag) // only a change needs one
	output = addOutputFlag(cmd)
	cmd.Flags().StringArrayVar(&add, "add", nil, "put an `account` on the list")
	cmd.Flags().StringArrayVar(&remove, "remove", nil, "take an `account` from the list")
	cmd.RunE = action(func(cmd *cobra.Command, args []string) error {
		if len(add)+len(remove) == 0 {
			return withService(cmd, m.file, func(ctx context.Context, service *accounts.Service) error {
				return printListed(ctx, c.out, *output, service, args[0])
			})
		}
		return m.run(cmd, func(phase.State, *accounts.PhaseMove) (phaseChange, error) {
			return func(service *accounts.Service, ctx context.Context, move accounts.PhaseMove) (accounts.PhaseReport, error) {
				return relist(ctx, service, move, args[0], add, remove)
			}, nil
		})
	})
	return cmd
}

// relist puts accounts on one of the lists and takes others from it.
func relist(ctx context.Context, service *accounts.Service, move accounts.PhaseMove, which string, add, remove []string) (accounts.PhaseReport, error) {
	on, err := subjects(ctx, service, add)
	if err != nil {
		return accounts.PhaseReport{}, err
	}
	off, err := subjects(ctx, service, remove)
	if err != nil {
		return accounts.PhaseReport{}, err
	}
	edit := func(list []uuid.UUID) []uuid.UUID {
		return slices.DeleteFunc(slices.Concat(list, on), func(id uuid.UUID) bool { return slices.Contains(off, id) })
	}
	return service.Relist(ctx, move, func(allow, deny []uuid.UUID) ([]uuid.UUID, []uuid.UUID) {
		if which == "allow" {
			return edit(allow), deny
		}
		return allow, edit(deny)
	})
}

func subjects(ctx context.Context, service *accounts.Service, refs []string) ([]uuid.UUID, error) {
	ids := make([]uuid.UUID, len(refs))
	for i, ref := range refs {
		id, err := service.SubjectOf(ctx, ref)
		switch {
		case errors.Is(err, accounts.ErrNotFound):
			return nil, fmt.Errorf("there is no account %q", ref)
		case err != nil:
			return nil, err
		}
		ids[i] = id
	}
	return ids, nil
}

func printListed(ctx context.Context, w io.Writer, f format, service *accounts.Service, which string) error {
	view, err := service.Phase(ctx)
	if err != nil {
		return err
	}
	ids := view.State.Allow
	if which == "deny" {
		ids = view.State.Deny
	}
	return printList(w, f, ids, []column[uuid.UUID]{{"ACCOUNT", func(id uuid.UUID) string { return id.String() }}})
}
