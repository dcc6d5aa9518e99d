package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"rekey/accounts"
	"rekey/cmd/rekey/csvfile"
	"rekey/sweeper/named"
	"rekey/sweeper/survey"
)

func newAccountMigrate(c console) *cobra.Command {
	var file *configFlag
	var output *listFormat
	var keep, reason, list string
	var dryRun bool
	var workers int
	cmd := &cobra.Command{
		Use:   "migrate [REF]",
		Short: "Move one person, or a list of them, without their password",
		Long: `Moves (new-first) or copies (shadow, both, ramp) a person now, as a sweep would. They go on logging in with the password that
they have.

--list reads people from a file, or, as -, from standard input: one a line, as CSV. Where the first line names a column identifier
or ref, or the columns source and legacy_id, those count, else the first column; what rekey quarantine export has written can be
read. At most 100,000 lines. Each person has a result, in the order of the list; who cannot be moved is put into quarantine, unless
several people have the name that stands there. After an interruption the same command goes on: who was moved is unchanged.

Exit code 1: the person cannot be moved, or somebody of a list could not be told about; 3: in this phase nobody is moved.`,
		Example: `  rekey account migrate anna --reason 'ticket 4711' --dry-run
  rekey account migrate --list people.csv --reason 'the spring campaign' -o csv > results.csv
  rekey quarantine export --class contested | rekey account migrate --list - --reason 'names are settled'`,
		Args: cobra.MaximumNArgs(1),
		RunE: action(func(cmd *cobra.Command, args []string) error {
			m := named.Config{Workers: workers, Hash: accounts.Keep(keep), By: accounts.By{Actor: actor(), Reason: reason}, DryRun: dryRun}
			if err := errors.Join(m.By.Check(), m.Hash.Check()); err != nil {
				return asMisuse(err)
			}
			if workers < 1 || workers > maxWorkers {
				return misuse("--workers must be 1 to %d", maxWorkers)
			}
			if (len(args) == 0) == (list == "") {
				return misuse("name one person, or give --list")
			}
			var err error
			if list == "" {
				m.People = []named.Person{{Line: 1, Ref: args[0]}}
			} else if m.People, err = c.readList(list); err != nil {
				return misuse("--list: %w", err)
			}
			return withMover(cmd, file, workers, func(ctx context.Context, service *accounts.Service) error {
				m.Service = service
				bar := newReadingProgress(c.err)
				if list != "" {
					m.Progress = func(done int) { bar.show(readSoFar("the list", done, len(m.People))) }
				}
				results, err := named.Run(ctx, m)
				bar.end()
				if errors.Is(err, accounts.ErrNothingMoves) || errors.As(err, new(*accounts.InvalidError)) {
					return asMisuse(err)
				}
				if printErr := printResults(c.out, output.format, results); printErr != nil {
					return errors.Join(printErr, err)
				}
				fmt.Fprintln(c.err, summary(results, dryRun))
				return errors.Join(err, resultsError(results, list == ""))
			})
		}),
	}
	file, output = c.addConfigFlag(cmd), addListOutputFlag(cmd)
	addMoveFlags(cmd, &keep, &reason, &dryRun)
	cmd.Flags().StringVar(&list, "list", "", "a `file` of people, or - for standard input")
	cmd.Flags().IntVar(&workers, "workers", runtime.NumCPU(), "`number` of people at a time")
	return cmd
}

// readList reads the people of a file, or of standard input.
func (c console) readList(path string) ([]named.Person, error) {
	if path == "-" {
		return csvfile.ReadPeople(c.in)
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }() // it is read from only
	return csvfile.ReadPeople(f)
}

// readSoFar is how far a command is with people who come from no source.
func readSoFar(what string, done, total int) survey.Progress {
	return survey.Progress{Source: what, Done: int64(done), Total: int64(total)}
}

func printResults(w io.Writer, f format, results []named.Result) error {
	account := func(r named.Result) string {
		if r.AccountID == nil {
			return ""
		}
		return r.AccountID.String()
	}
	if f == asCSV {
		out := csvfile.NewWriter(w)
		out.Row("line", "ref", "source", "legacy_id", "account_id", "outcome", "class", "reason")
		for _, r := range results {
			out.Row(strconv.Itoa(r.Line), r.Ref, r.Source, r.LegacyID, account(r), string(r.Outcome), string(r.Class), r.Reason)
		}
		return out.Flush()
	}
	return printList(w, f, results, []column[named.Result]{
		{"LINE", func(r named.Result) string { return strconv.Itoa(r.Line) }},
		{"PERSON", func(r named.Result) string { return visible(r.Ref) }},
		{"SOURCE", func(r named.Result) string { return r.Source }},
		{"LEGACY ID", func(r named.Result) string { return visible(r.LegacyID) }},
		{"OUTCOME", func(r named.Result) string { return string(r.Outcome) }},
		{"CLASS", func(r named.Result) string { return string(r.Class) }},
		{"REASON", func(r named.Result) string { return r.Reason }},
	})
}

// movedOutcomes are what a move comes to, in the order in which they are told.
var movedOutcomes = []accounts.Outcome{
	accounts.OutcomeMoved, accounts.OutcomeProfile, accounts.OutcomeReset,
	accounts.OutcomeRecopied, accounts.OutcomeSettled, accounts.OutcomeUnchanged, accounts.OutcomeDeleted,
}

// listOutcomes are those beside them that people of a list have.
var listOutcomes = []accounts.Outcome{
	accounts.OutcomeRefused, accounts.OutcomeGone, named.OutcomeNotFound, accounts.OutcomeNotAnswered, named.OutcomeNotReached,
}

// summary counts what came of people.
func summary(results []named.Result, dryRun bool) string {
	counts := map[accounts.Outcome]int{}
	for _, r := range results {
		counts[r.Outcome]++
	}
	said := []string{fmt.Sprintf("%d people", len(results))}
	for _, outcome := range slices.Concat(movedOutcomes, listOutcomes) {
		if n := counts[outcome]; n > 0 {
			said = append(said, fmt.Sprintf("%s %d", outcome, n))
		}
	}
	if dryRun {
		said = append(said, "nothing was changed")
	}
	return strings.Join(said, "; ")
}

// resultsError is what the exit code says of the results. Who asks for one person wants them moved.
func resultsError(results []named.Result, one bool) error {
	for _, r := range results {
		switch r.Outcome {
		case accounts.OutcomeNotAnswered, named.OutcomeNotReached:
			return errNotEverybody
		case accounts.OutcomeRefused, accounts.OutcomeGone, named.OutcomeNotFound:
			if one {
				return errors.New(r.Reason)
			}
		default:
		}
	}
	return nil
}
