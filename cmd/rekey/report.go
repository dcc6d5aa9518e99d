package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"rekey/accounts"
	"rekey/sweeper/report"
)

func newReport(c console) *cobra.Command {
	var file *configFlag
	var output *format
	var page, receipt string
	cmd := &cobra.Command{
		Use:   "report",
		Short: "Write the account of the migration: what became of everybody, and what was done by whom",
		Long: `Counts everybody by source, by how they are here and by what moved them, over time; lists the quarantine with its reasons, the
phases with who moved them and why, the runs and the validations; and says what is still in the way. It changes nothing and
asks the old stores nothing but how many people they have.

With --html it is one page to keep and to print, which needs nothing else. With --receipt it is the receipt of one account: when
and how it came here, from which source and id, from which scheme to which, and the ids of the audit's events. A ref is an account's id,
anything that its person logs in with, or SOURCE/ID of the old store. No hash is in either.`,
		Example: "  rekey report --config rekey.yaml --html migration.html\n  rekey report -o json > migration.json\n  rekey report --receipt shop/4711",
		Args:    cobra.NoArgs,
		RunE: action(func(cmd *cobra.Command, _ []string) error {
			if page != "" && receipt != "" {
				return misuse("--html is of everybody, and --receipt of one account")
			}
			return withService(cmd, file, func(ctx context.Context, service *accounts.Service) error {
				if receipt != "" {
					return writeReceipt(ctx, c.out, *output, service, receipt)
				}
				return writeReport(ctx, c.out, *output, service, page)
			})
		}),
	}
	file = c.addConfigFlag(cmd)
	output = addOutputFlag(cmd)
	cmd.Flags().StringVar(&page, "html", "", "also write it as one page to this `file`")
	cmd.Flags().StringVar(&receipt, "receipt", "", "print the receipt of the account that this `ref` names")
	return cmd
}

func writeReport(ctx context.Context, w io.Writer, f format, service *accounts.Service, path string) (err error) {
	page, err := openPage(path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, page.close()) }()
	ledger, err := service.Ledger(ctx)
	if err != nil {
		return err
	}
	if err := page.write(func(w io.Writer) error { return report.WriteHTML(w, ledger) }); err != nil {
		return err
	}
	if f == asJSON {
		return printJSON(w, ledger)
	}
	if err := printProgress(w, ledger.Progress); err != nil {
		return err
	}
	if len(ledger.Quarantine) > 0 {
		fmt.Fprintln(w)
		if err := printList(w, f, ledger.Quarantine, []column[accounts.NoteCount]{
			{"SOURCE", func(n accounts.NoteCount) string { return n.Source }},
			{"QUARANTINED", func(n accounts.NoteCount) string { return string(n.Class) }},
			{"PEOPLE", func(n accounts.NoteCount) string { return strconv.FormatInt(n.People, 10) }},
			{"REASON", func(n accounts.NoteCount) string { return n.Reason }},
		}); err != nil {
			return err
		}
	}
	fmt.Fprintln(w)
	return printReady(w, f, ledger.Ready)
}

func writeReceipt(ctx context.Context, w io.Writer, f format, service *accounts.Service, ref string) error {
	r, err := service.Receipt(ctx, ref)
	if errors.Is(err, accounts.ErrNotFound) {
		return fmt.Errorf("there is no account of %s here", strconv.QuoteToGraphic(ref))
	}
	if err != nil {
		return err
	}
	if f == asJSON {
		return printJSON(w, r)
	}
	fmt.Fprintf(w, "account   %s, made %s\n", r.Account, r.Created.UTC().Format(time.RFC3339))
	switch {
	case !r.Deleted.IsZero():
		fmt.Fprintf(w, "deleted   %s\n", r.Deleted.UTC().Format(time.RFC3339))
	case r.Disabled:
		fmt.Fprintln(w, "disabled")
	}
	for _, l := range r.Links {
		fmt.Fprintf(w, "from      %s/%s by %s, %s\n", l.Source, keyText(l.LegacyID), l.How, l.At.UTC().Format(time.RFC3339))
	}
	if r.To != "" {
		fmt.Fprintf(w, "password  %s to %s when it was made\n", orDash(r.From), r.To)
	}
	if r.Password != "" {
		fmt.Fprintf(w, "password  %s now, version %d\n", r.Password, r.Version)
	}
	fmt.Fprintln(w)
	return printList(w, f, r.Events, []column[accounts.ReceiptEvent]{
		{"EVENT", func(e accounts.ReceiptEvent) string { return e.ID.String() }},
		{"AT", func(e accounts.ReceiptEvent) string { return e.At.UTC().Format(time.RFC3339) }},
		{"KIND", func(e accounts.ReceiptEvent) string { return string(e.Kind) }},
		{"BY", func(e accounts.ReceiptEvent) string { return e.Actor }},
	})
}
