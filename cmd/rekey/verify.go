package main

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"rekey/accounts"
	"rekey/sweeper/pass"
)

func newVerify(c console) *cobra.Command {
	var p *passFlags
	var repair bool
	cmd := &cobra.Command{
		Use:   "verify",
		Short: "Compare the old stores with the new one, both ways",
		Long: `Reads everybody of the legacy sources and every account that was made from one of them, and compares them by fingerprint. Who
seems to differ is read again first: people go on while it runs. What it finds is stored; a pass over all sources that finds no
difference opens the gate "validation" of a move up for a day.

With --repair accounts that differ are marked as drifted: the old store alone answers for them until their next login, or
` + "`rekey sweep run`" + `, copies them again. Who is missing here, or not trusted, is for ` + "`rekey sweep run`" + `.

Exit code 3: there are differences, or there is nothing to compare in this phase.`,
		Example: "  rekey verify --config rekey.yaml\n  rekey verify --repair --reason 'the shop was edited by hand, ticket 4711'",
		Args:    cobra.NoArgs,
	}
	p = c.addPassFlags(cmd, "rekey verify")
	cmd.Flags().BoolVar(&repair, "repair", false, "mark accounts that differ as drifted")
	cmd.RunE = action(func(cmd *cobra.Command, _ []string) error {
		return p.run(cmd, func(ctx context.Context, service *accounts.Service, sources []string, by accounts.By, show func(pass.Progress)) error {
			v, err := pass.Compare(ctx, pass.CompareConfig{Service: service, Sources: sources, Workers: p.workers, Repair: repair, By: by, Progress: show})
			if err != nil {
				return err
			}
			if err := printValidation(c.out, *p.output, v); err != nil {
				return err
			}
			if !v.Found.Clean() {
				return done{errors.New("the stores differ"), exitRefused}
			}
			return nil
		})
	})
	return cmd
}

func printValidation(w io.Writer, f format, v accounts.Validation) error {
	if f == asJSON {
		return printJSON(w, map[string]any{
			"id": v.ID, "began": v.Began.UTC(), "ended": v.Ended.UTC(), "epoch": v.Epoch, "clean": v.Found.Clean(), "complete": v.Found.Complete,
			"sources": v.Found.Sources,
		})
	}
	var rows []countRow
	for _, source := range v.Found.Sources {
		for _, verdict := range source.Verdicts() {
			rows = append(rows, countRow{source.Source, string(verdict), int64(source.Counts[verdict]), source.Examples[verdict]})
		}
		if source.Marked > 0 {
			rows = append(rows, countRow{source.Source, "marked as drifted", int64(source.Marked), nil})
		}
	}
	if len(rows) == 0 {
		_, err := fmt.Fprintln(w, "nobody is in either store")
		return err
	}
	return printCounts(w, "FOUND", rows)
}
