package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"rekey/accounts"
	"rekey/sweeper/pass"
)

func newVerify(c console) *cobra.Command {
	var p *passFlags
	var repair, delta bool
	var rate int
	var ignore string
	cmd := &cobra.Command{
		Use:   "verify",
		Short: "Compare the old stores with the new one, both ways",
		Long: `Reads everybody of the legacy sources and every account that was made from one of them, and compares them: by the
fingerprint of the old record, and by what the account holds (names, profile, password, second factor, whether it is disabled) beside
what the old record says now. What was changed here is no difference. Who seems to differ is read again first: people go on while it
runs. What it finds is stored; a pass over all sources that finds no difference opens the gate "validation" of a move up for a day.

"differs in" counts what differs, and never shows a value. own-profile is no difference: the new store answers, and its profile
stands. That a wrapped hash, or the password of a login, is the one of the old store cannot be told without hashing it.

Interrupted, even by kill -9, the same command goes on where it was, if the phase has not been moved meanwhile; several may run at
once. While a store does not answer it waits. Where replica_dsn is configured, everybody is read from there.

With --repair accounts that differ are marked as drifted: the old store alone answers for them until their next login, or
` + "`rekey sweep run`" + `, copies them again, with their profile. Those are also marked who are disagreeing: equal, but one store has
taken the password of a login and the other has not. It mends nothing else: who is missing here, or not trusted, is for
` + "`rekey sweep run`" + `, and who is unreadable is to be mended in the old store. Somebody whose password cannot be read there stays marked. Where more than reconcile.most_changed of a
hundred would be marked it stops before them: look whether it is the right store, whole; if it is, raise that and begin again. Nor does
it mark who is missing there, or whose key is another person's there now (id-reused).

With --delta only those are compared who have changed on either side since the comparison before: there, by the column
updated_at, and here, by the audit. That takes seconds. It does not see who was removed from the old store whole, or changed without
that column, and opens no gate; what it finds closes one.

With --ignore a difference that somebody has looked at is accepted, as it is now: it counts again once either side is another. Who is
different is marked as drifted too, unless only names or the profile differ.

Exit code 3: there are differences, or so many that --repair has stopped before them; another verify is at it, or --delta has none
to begin at; or there is nothing to compare in this phase.`,
		Example: "  rekey verify --config rekey.yaml --rate 2000\n  rekey verify --delta\n" +
			"  rekey verify --repair --reason 'the shop was edited by hand, ticket 4711'\n  rekey verify --ignore shop/4711 --reason 'a test account'",
		Args: cobra.NoArgs,
	}
	p = c.addPassFlags(cmd, "rekey verify")
	cmd.Flags().BoolVar(&repair, "repair", false, "mark accounts that differ as drifted")
	cmd.Flags().BoolVar(&delta, "delta", false, "compare only who has changed since the comparison before")
	cmd.Flags().IntVar(&rate, "rate", 0, "`people` a second that are read, at most, by all processes that compare; 0: no limit")
	cmd.Flags().StringVar(&ignore, "ignore", "", "accept that the person `source/id` differs; needs --reason")
	cmd.MarkFlagsMutuallyExclusive("ignore", "repair")
	cmd.MarkFlagsMutuallyExclusive("ignore", "delta")
	cmd.RunE = action(func(cmd *cobra.Command, _ []string) error {
		source, id, named := strings.Cut(ignore, "/")
		switch {
		case rate < 0 || rate > maxRate:
			return misuse("--rate must be 0 to %d", maxRate)
		case ignore != "" && (!named || source == "" || id == ""):
			return misuse("--ignore wants the name of the source and the person's id there: shop/4711")
		case ignore != "" && !cmd.Flags().Changed("reason"):
			return misuse("--ignore needs --reason")
		}
		return p.run(cmd, func(ctx context.Context, service *accounts.Service, sources []string, by accounts.By, show func(pass.Progress)) error {
			if ignore != "" {
				return c.ignoreDifference(ctx, service, source, id, by)
			}
			compare := pass.Compare
			if delta {
				compare = pass.CompareChanged
			}
			v, err := compare(ctx, pass.CompareConfig{
				Service: service, Sources: sources, Workers: p.workers, Repair: repair, By: by, Rate: rate, Worker: hereName(), Progress: show,
				Notice: func(text string) { fmt.Fprintln(p.file.err, text) },
			})
			switch {
			case errors.Is(err, accounts.ErrNoWholeComparison):
				return refuse("%w; run `rekey verify` first", err)
			case errors.Is(err, accounts.ErrVerifyBusy), errors.Is(err, accounts.ErrManyChanged):
				return refuse("%w", err)
			case err != nil:
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

// maxRate is more than any store can be read at.
const maxRate = 10_000_000

// hereName says which process this is, for people.
func hereName() string {
	host, err := os.Hostname()
	if err != nil {
		host = "unknown host"
	}
	return host + " " + strconv.Itoa(os.Getpid())
}

func (c console) ignoreDifference(ctx context.Context, service *accounts.Service, source, id string, by accounts.By) error {
	verdict, err := service.IgnoreDifference(ctx, source, id, by)
	switch invalid, ok := errors.AsType[*accounts.InvalidError](err); {
	case ok && verdict != "":
		return refuse("nothing to ignore: person %q of %s is %s", id, source, verdict)
	case ok:
		return misuse("--ignore: the %s %s", invalid.Field, invalid.Reason)
	case err != nil:
		return err
	}
	_, err = fmt.Fprintf(c.out, "person %q of %s, who is %s, is ignored as they are now\n", id, source, verdict)
	return err
}

func printValidation(w io.Writer, f format, v accounts.Validation) error {
	if f == asJSON {
		all := map[string]any{
			"id": v.ID, "began": v.Began.UTC(), "ended": v.Ended.UTC(), "epoch": v.Epoch, "clean": v.Found.Clean(), "complete": v.Found.Complete,
			"sources": v.Found.Sources,
		}
		if !v.Found.Since.IsZero() {
			all["since"], all["since_clean"] = v.Found.Since.UTC(), v.Found.SinceClean
		}
		return printJSON(w, all)
	}
	if !v.Found.Since.IsZero() {
		found := "found differences"
		if v.Found.SinceClean {
			found = "found no difference"
		}
		fmt.Fprintf(w, "who has changed since the whole comparison that began at %s and %s; who was removed from an old store is not among them\n",
			v.Found.Since.UTC().Format(time.RFC3339), found)
	}
	var rows []countRow
	for _, source := range v.Found.Sources {
		for _, verdict := range source.Verdicts() {
			rows = append(rows, countRow{source.Source, string(verdict), int64(source.Counts[verdict]), source.Examples[verdict]})
		}
		for _, of := range slices.Sorted(maps.Keys(source.Aspects)) {
			n := source.Aspects[of]
			rows = append(rows, countRow{source.Source, "differs in: " + string(of), int64(n.People), n.Examples})
		}
		if source.Marked > 0 {
			rows = append(rows, countRow{source.Source, "marked as drifted", int64(source.Marked), nil})
		}
	}
	if len(rows) == 0 {
		nobody := "nobody is in either store"
		if !v.Found.Since.IsZero() {
			nobody = "nobody"
		}
		_, err := fmt.Fprintln(w, nobody)
		return err
	}
	return printCounts(w, "FOUND", rows)
}
