package main

import (
	"context"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"rekey/accounts"
)

func newReady(c console) *cobra.Command {
	var file *configFlag
	var output *format
	var removal bool
	cmd := &cobra.Command{
		Use:   "ready",
		Short: "Say what is still in the way of switching the old stores off",
		Long: `Asks, of all there is: whether the new store answers, who has not moved, who could not, what the old stores have yet to hear,
what the last ` + "`rekey verify`" + ` found, and when a login last needed an old store. It changes nothing. Who cannot be counted is
not ready. Where the counts say that nobody is left the old stores are read from end to end before that is said: somebody who was
removed there unnoticed may hide somebody who came.

Passwords that still are what an old store made of them (old-hashes) are no reason to keep that store, but one to keep the code
that verifies them; --removal asks for them too.

Exit code 3: something is in the way.`,
		Example: "  rekey ready --config rekey.yaml\n  rekey ready --removal -o json",
		Args:    cobra.NoArgs,
		RunE: action(func(cmd *cobra.Command, _ []string) error {
			return withService(cmd, file, func(ctx context.Context, service *accounts.Service) error {
				r, err := service.Ready(ctx)
				if err != nil {
					return err
				}
				if err := printReady(c.out, *output, r); err != nil {
					return err
				}
				switch {
				case !r.Ready:
					return refuse("the old stores are still needed")
				case removal && !r.Removable:
					return refuse("the code that verifies old hashes is still needed")
				}
				return nil
			})
		}),
	}
	file = c.addConfigFlag(cmd)
	output = addOutputFlag(cmd)
	cmd.Flags().BoolVar(&removal, "removal", false, "also ask whether no old hash is left")
	return cmd
}

func printReady(w io.Writer, f format, r accounts.Readiness) error {
	if f == asJSON {
		return printJSON(w, r)
	}
	err := printList(w, f, r.Checks, []column[accounts.ReadyLine]{
		{"CHECK", func(l accounts.ReadyLine) string { return string(l.Hurdle) }},
		{"STATE", readyWord},
		{"FOUND", func(l accounts.ReadyLine) string { return l.Found }},
		{"WHAT TO DO", func(l accounts.ReadyLine) string { return l.Do }},
	})
	if err != nil || !r.Ready {
		return err
	}
	_, err = fmt.Fprintln(w, "\nthe old stores may be switched off")
	return err
}

func readyWord(l accounts.ReadyLine) string {
	switch {
	case l.OK:
		return "ok"
	case l.Later:
		return "later"
	}
	return "not yet"
}
