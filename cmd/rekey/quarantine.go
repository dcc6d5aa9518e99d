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
	"rekey/cmd/rekey/csvfile"
)

func newQuarantine(c console) *cobra.Command {
	return group("quarantine", "See who was not moved, and try them again",
		`Whoever a sweep, a list or support could not move is here, with a class and a reason, until they move: what an old store has,
less what was moved, is what this shows once a sweep went through it.`,
		newQuarantineList(c), newQuarantineRetry(c), newQuarantineSkip(c), newQuarantineExport(c))
}

// A quarantineFilter are the flags that choose notes.
type quarantineFilter struct{ class, source, state string }

func addQuarantineFilter(cmd *cobra.Command, state string) *quarantineFilter {
	var f quarantineFilter
	cmd.Flags().StringVar(&f.class, "class", "", "only of this `class`, such as contested; default all of people who were not moved")
	cmd.Flags().StringVar(&f.source, "source", "", "only of this `source`")
	cmd.Flags().StringVar(&f.state, "state", state, "only in this `state`: open, resolved, skipped, or all")
	return &f
}

// all hands every note that the filter chooses to show, a page at a time, up to most; 0: however many. It reports whether there are
// more.
func (f *quarantineFilter) all(ctx context.Context, service *accounts.Service, most int, show func([]accounts.QuarantineRow)) (more bool, err error) {
	q := accounts.QuarantineQuery{Class: accounts.NoteClass(f.class), Source: f.source, State: accounts.NoteState(f.state), Limit: quarantinePage}
	if f.state == "all" {
		q.State = ""
	}
	for shown := 0; ; {
		rows, err := service.Quarantine(ctx, q)
		if err != nil {
			return false, asMisuse(err)
		}
		full := len(rows) == q.Limit
		if most > 0 && shown+len(rows) > most {
			show(rows[:most-shown])
			return true, nil
		}
		show(rows)
		if shown += len(rows); !full {
			return false, nil
		}
		q.After = rows[len(rows)-1].NoteKey
	}
}

const (
	quarantinePage = 1000
	// shownQuarantine is how many people a list has: more is for the counts, or for an export.
	shownQuarantine = 1000
	// retryPage is how many people are tried again before the command says how far it is.
	retryPage = 100
)

func newQuarantineList(c console) *cobra.Command {
	var file *configFlag
	var output *format
	var filter *quarantineFilter
	var count bool
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List who was not moved, and why",
		Long: `Lists at most 1000 notes, in the order of source and legacy id; --count counts them all, of every class and state. The
classes drifted, external-identity-taken and identifier-left-out are of people who were moved; --class shows them.`,
		Example: "  rekey quarantine list --config rekey.yaml\n  rekey quarantine list --class contested -o json\n  rekey quarantine list --count",
		Args:    cobra.NoArgs,
		RunE: action(func(cmd *cobra.Command, _ []string) error {
			return withService(cmd, file, func(ctx context.Context, service *accounts.Service) error {
				if count {
					counts, err := service.QuarantineCounts(ctx)
					if err != nil {
						return err
					}
					return printList(c.out, *output, counts, []column[accounts.QuarantineCount]{
						{"SOURCE", func(n accounts.QuarantineCount) string { return n.Source }},
						{"CLASS", func(n accounts.QuarantineCount) string { return string(n.Class) }},
						{"STATE", func(n accounts.QuarantineCount) string { return string(n.State) }},
						{"PEOPLE", func(n accounts.QuarantineCount) string { return strconv.FormatInt(n.People, 10) }},
					})
				}
				var rows []accounts.QuarantineRow
				more, err := filter.all(ctx, service, shownQuarantine, func(page []accounts.QuarantineRow) { rows = append(rows, page...) })
				if err != nil {
					return err
				}
				if more {
					fmt.Fprintf(c.err, "these are the first %d; --count counts them all, and `rekey quarantine export` has them\n", shownQuarantine)
				}
				return printQuarantine(c.out, *output, rows)
			})
		}),
	}
	file, output, filter = c.addConfigFlag(cmd), addOutputFlag(cmd), addQuarantineFilter(cmd, string(accounts.NoteOpen))
	cmd.Flags().BoolVar(&count, "count", false, "count them by source, class and state")
	return cmd
}

func printQuarantine(w io.Writer, f format, rows []accounts.QuarantineRow) error {
	return printList(w, f, rows, []column[accounts.QuarantineRow]{
		{"SOURCE", func(r accounts.QuarantineRow) string { return r.Source }},
		{"LEGACY ID", func(r accounts.QuarantineRow) string { return visible(r.LegacyID) }},
		{"CLASS", func(r accounts.QuarantineRow) string { return string(r.Class) }},
		{"STATE", func(r accounts.QuarantineRow) string { return string(r.State) }},
		{"SINCE", func(r accounts.QuarantineRow) string { return r.FirstSeen.Format(time.RFC3339) }},
		{"TRIED", func(r accounts.QuarantineRow) string { return strconv.FormatInt(r.Attempts, 10) }},
		{"REASON", func(r accounts.QuarantineRow) string {
			if r.State == accounts.NoteSkipped {
				return r.Reason + "; skipped by " + r.By + ": " + r.Because
			}
			return r.Reason
		}},
	})
}

func newQuarantineRetry(c console) *cobra.Command {
	var file *configFlag
	var output *format
	var class, source, keep, reason string
	var dryRun bool
	cmd := &cobra.Command{
		Use:   "retry [SOURCE LEGACY-ID]",
		Short: "Try to move one person, or a class of them, again",
		Long: `For when the cause has been mended: a bound was raised, a name settled, a row repaired. Of a class those are tried that are
open and were not tried five times before; one person always, also if they were skipped. Who still cannot be moved stays, under
the reason that holds now.

Exit code 1: somebody could not be told about, or it was interrupted; 3: in this phase nobody is moved.`,
		Example: "  rekey quarantine retry --class over-bounds --reason 'hash_bounds are higher'\n  rekey quarantine retry shop 4711 --reason 'ticket 12' --dry-run",
		Args:    cobra.MatchAll(cobra.MaximumNArgs(2), notOne),
		RunE: action(func(cmd *cobra.Command, args []string) error {
			r := accounts.Retry{
				Class: accounts.NoteClass(class), Source: source, Limit: retryPage, Hash: accounts.Keep(keep),
				By: accounts.By{Actor: actor(), Reason: reason}, DryRun: dryRun,
			}
			if (len(args) == 0) == (class == "") {
				return misuse("name one person, by source and legacy id, or give --class")
			}
			if len(args) == 2 {
				r.Person = accounts.LegacyKey{Source: args[0], LegacyID: args[1]}
			}
			if err := errors.Join(r.By.Check(), r.Hash.Check()); err != nil {
				return asMisuse(err)
			}
			return withMover(cmd, file, 0, func(ctx context.Context, service *accounts.Service) error {
				rows, err := retryAll(ctx, service, r, newReadingProgress(c.err))
				err = asMisuse(notInQuarantine(err))
				if len(rows) > 0 || err == nil {
					err = errors.Join(printRetried(c.out, *output, rows, dryRun), err)
				}
				if err == nil {
					err = retriedError(rows)
				}
				return err
			})
		}),
	}
	file, output = c.addConfigFlag(cmd), addOutputFlag(cmd)
	f := cmd.Flags()
	f.StringVar(&class, "class", "", "everybody of this `class`, such as over-bounds")
	f.StringVar(&source, "source", "", "of those only who are of this `source`")
	addMoveFlags(cmd, &keep, &reason, &dryRun)
	return cmd
}

// notOne refuses one argument where there are none or two.
func notOne(_ *cobra.Command, args []string) error {
	if len(args) == 1 {
		return errors.New("one person is named by source and legacy id")
	}
	return nil
}

// addMoveFlags gives a command what all that move people take.
func addMoveFlags(cmd *cobra.Command, keep, reason *string, dryRun *bool) {
	f := cmd.Flags()
	f.StringVar(keep, "hash", string(accounts.KeepAuto), "`how` a password hash is kept: auto, carry, wrap or reset")
	f.StringVar(reason, "reason", "", "`text` that is kept in the audit")
	f.BoolVar(dryRun, "dry-run", false, "look at everybody, say what would be done, and do nothing")
	requireFlags(cmd, "reason")
}

// retryAll goes on until nobody is left.
func retryAll(ctx context.Context, service *accounts.Service, r accounts.Retry, bar *readingProgress) (rows []accounts.Retried, err error) {
	defer bar.end()
	for {
		done, next, err := service.RetryQuarantined(ctx, r)
		rows = append(rows, done...)
		if err != nil || next == nil || ctx.Err() != nil {
			return rows, errors.Join(err, ctx.Err())
		}
		bar.show(readSoFar("the quarantine", len(rows), 0))
		r.After = *next
	}
}

// notInQuarantine tells a person who is not there from a store without a phase.
func notInQuarantine(err error) error {
	if errors.Is(err, accounts.ErrNotFound) {
		return errors.New("that person is not in quarantine, or under a class that no move resolves")
	}
	return err
}

func printRetried(w io.Writer, f format, rows []accounts.Retried, dryRun bool) error {
	err := printList(w, f, rows, []column[accounts.Retried]{
		{"SOURCE", func(r accounts.Retried) string { return r.Source }},
		{"LEGACY ID", func(r accounts.Retried) string { return visible(r.LegacyID) }},
		{"OUTCOME", func(r accounts.Retried) string { return string(r.Outcome) }},
		{"CLASS", func(r accounts.Retried) string { return string(r.Now) }},
		{"REASON", func(r accounts.Retried) string { return r.Reason }},
	})
	if err == nil && dryRun && f == asTable {
		_, err = fmt.Fprintln(w, "nothing was changed")
	}
	return err
}

// retriedError is what the exit code says of people who could not be told about.
func retriedError(rows []accounts.Retried) error {
	for _, r := range rows {
		if r.Outcome == accounts.OutcomeNotAnswered {
			return errNotEverybody
		}
	}
	return nil
}

var errNotEverybody = errors.New("not everybody could be told about; the same command goes on from here")

func newQuarantineSkip(c console) *cobra.Command {
	var file *configFlag
	var reason string
	var dryRun bool
	cmd := &cobra.Command{
		Use:   "skip SOURCE LEGACY-ID",
		Short: "Say that nothing is to be done about a person",
		Long: `For test accounts, and whoever shall not be moved. No class is tried again with them; a login moves them all the same, and so
does somebody who asks for just them.`,
		Example: "  rekey quarantine skip shop 4711 --reason 'a test account'",
		Args:    cobra.ExactArgs(2),
		RunE: action(func(cmd *cobra.Command, args []string) error {
			by := accounts.By{Actor: actor(), Reason: reason}
			if err := by.Check(); err != nil {
				return asMisuse(err)
			}
			person := accounts.LegacyKey{Source: args[0], LegacyID: args[1]}
			return withService(cmd, file, func(ctx context.Context, service *accounts.Service) error {
				if dryRun {
					_, err := fmt.Fprintf(c.out, "would skip what is open about %s of %s; nothing was changed\n", visible(person.LegacyID), person.Source)
					return err
				}
				skipped, err := service.SkipQuarantined(ctx, person, by)
				switch {
				case err != nil:
					return err
				case !skipped:
					_, err = fmt.Fprintf(c.out, "nothing is open about %s of %s; nothing was changed\n", visible(person.LegacyID), person.Source)
				default:
					_, err = fmt.Fprintf(c.out, "%s of %s is skipped\n", visible(person.LegacyID), person.Source)
				}
				return err
			})
		}),
	}
	file = c.addConfigFlag(cmd)
	cmd.Flags().StringVar(&reason, "reason", "", "`text` that is kept in the audit")
	cmd.Flags().BoolVar(&dryRun, "dry-run", false, "say what would be done, and do nothing")
	requireFlags(cmd, "reason")
	return cmd
}

func newQuarantineExport(c console) *cobra.Command {
	var file *configFlag
	var filter *quarantineFilter
	var to string
	cmd := &cobra.Command{
		Use:   "export",
		Short: "Write who was not moved as CSV",
		Long: `Writes every note that is chosen, by default of all whom nobody has moved or let be (--state all has the others too). A cell that a spreadsheet would take
for a formula gets an apostrophe in front; what reads the file as a list, such as rekey account migrate --list, takes it away.`,
		Example: "  rekey quarantine export --config rekey.yaml > left.csv\n  rekey quarantine export --class contested --state all --file contested.csv",
		Args:    cobra.NoArgs,
		RunE: action(func(cmd *cobra.Command, _ []string) error {
			return withService(cmd, file, func(ctx context.Context, service *accounts.Service) error {
				if to == "" {
					return exportQuarantine(ctx, service, filter, c.out)
				}
				f, err := createOwn(to) // it names people
				if err != nil {
					return err
				}
				return errors.Join(exportQuarantine(ctx, service, filter, f), f.Close())
			})
		}),
	}
	file, filter = c.addConfigFlag(cmd), addQuarantineFilter(cmd, "open")
	cmd.Flags().StringVar(&to, "file", "", "write to this `file`, which only you can read; default standard output")
	return cmd
}

func exportQuarantine(ctx context.Context, service *accounts.Service, filter *quarantineFilter, w io.Writer) error {
	out := csvfile.NewWriter(w)
	out.Row("source", "legacy_id", "class", "state", "reason", "attempts", "first_seen", "last_seen", "by", "because")
	_, err := filter.all(ctx, service, 0, func(rows []accounts.QuarantineRow) {
		for _, r := range rows {
			out.Row(r.Source, r.LegacyID, string(r.Class), string(r.State), r.Reason, strconv.FormatInt(r.Attempts, 10),
				r.FirstSeen.Format(time.RFC3339), r.LastSeen.Format(time.RFC3339), r.By, r.Because)
		}
	})
	return errors.Join(err, out.Flush())
}
