package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"rekey/legacy"
	"rekey/legacy/hash"
)

func newHashIdentify(c console) *cobra.Command {
	var list bool
	var output *format
	cmd := &cobra.Command{
		Use:   "identify [HASH…|-]",
		Short: "Name the scheme of stored hashes, or which schemes have their shape",
		Long: `Names the schemes that a stored hash may be of, and how sure that is:
  certain    it carries the scheme's own mark, such as $2y$; "scheme: auto" takes it for that
  likely     it has no mark, but a form that hardly anything else has; "scheme: auto" takes it for that
  possible   the scheme would take it if it were declared. Where a hash has no mark, one of these must be declared;
             where it has, they hash something else than the typed password, which only the application can tell
Knowing one password, ` + "`rekey hash lab`" + ` finds which.
With "-" the hashes are read from standard input, one a line.`,
		Example: `  rekey hash identify '$2y$10$abcdefghijklmnopqrstuuO4WZ1Yo4Ov0Xk2cpdYuOXqj1m6TvHme'
  mysql -N -e 'SELECT user_pass FROM wp_users' | rekey hash identify -
  rekey hash identify --list --output json`,
		RunE: action(func(_ *cobra.Command, args []string) error {
			registry := hash.New(hash.Config{})
			switch {
			case list && len(args) == 0:
				return printSchemes(c.out, *output, registry)
			case list:
				return misuse("--list takes no hashes")
			case len(args) == 0:
				return misuse("give a hash, - for standard input, or --list")
			case slices.Equal(args, []string{"-"}):
				lines, err := readLines(c.in)
				if err != nil {
					return err
				}
				args = lines
			}
			rows := make([]identified, len(args))
			for i, stored := range args {
				rows[i] = identify(registry, stored)
			}
			if *output == asJSON {
				return printList(c.out, asJSON, rows, nil)
			}
			var lines []identifiedLine
			for _, row := range rows {
				lines = append(lines, row.lines()...)
			}
			return printList(c.out, asTable, lines, []column[identifiedLine]{
				{"HASH", func(l identifiedLine) string { return l.hash }},
				{"SURE", func(l identifiedLine) string { return orDash(l.sure) }},
				{"REASON", func(l identifiedLine) string { return l.reason }},
				{"SCHEMES", func(l identifiedLine) string { return orDash(l.schemes) }}, // last: it may be long
			})
		}),
	}
	cmd.Flags().BoolVar(&list, "list", false, "print the names of all schemes")
	output = addOutputFlag(cmd)
	return cmd
}

// identified is what can be said of one stored hash. Scheme is what "auto" takes it for.
type identified struct {
	Hash       string           `json:"hash"`
	Scheme     string           `json:"scheme,omitempty"`
	Candidates []hash.Candidate `json:"candidates,omitempty"`
	Note       string           `json:"note,omitempty"`
}

func identify(registry *hash.Registry, stored string) identified {
	row := identified{Hash: stored, Candidates: registry.Candidates(stored)}
	_, err := registry.Open(legacy.Stored{Hash: stored})
	if scheme, ok := registry.Identify(stored); ok && !errors.Is(err, hash.ErrUnusable) {
		row.Scheme = scheme
		if err != nil {
			row.Note = err.Error()
		}
		return row
	}
	switch {
	case errors.Is(err, hash.ErrUnusable):
		row.Note = err.Error()
	case len(row.Candidates) == 0:
		row.Note = "no known scheme has this shape"
	}
	return row
}

// An identifiedLine is one line of the table: all candidates of one hash that are equally sure for the same reason.
type identifiedLine struct{ hash, sure, schemes, reason string }

func (row identified) lines() []identifiedLine {
	lines := []identifiedLine{{hash: shorten(row.Hash), reason: row.Note}}
	for i, c := range row.Candidates {
		last := &lines[len(lines)-1]
		switch {
		case i == 0:
			last.sure, last.schemes, last.reason = string(c.Sure), c.Scheme, c.Reason
			if row.Note != "" {
				last.reason += ", but " + strings.TrimPrefix(row.Note, c.Scheme+": ")
			}
		case last.sure == string(c.Sure):
			last.schemes += ", " + c.Scheme
		default:
			lines = append(lines, identifiedLine{sure: string(c.Sure), schemes: c.Scheme, reason: c.Reason})
		}
	}
	return lines
}

// scheme is one line of --list.
type scheme struct {
	Name    string   `json:"name"`
	Aliases []string `json:"aliases"`
	Auto    bool     `json:"auto"` // recognised by its own marks
	Family  string   `json:"family"`
}

func printSchemes(w io.Writer, f format, registry *hash.Registry) error {
	var rows []scheme
	for _, s := range registry.Schemes() {
		rows = append(rows, scheme{s.Name, append([]string{}, s.Aliases...), s.Match != nil, s.Family})
	}
	slices.SortFunc(rows, func(a, b scheme) int { return strings.Compare(a.Name, b.Name) })
	return printList(w, f, rows, []column[scheme]{
		{"NAME", func(s scheme) string { return s.Name }},
		{"AUTO", func(s scheme) string { return map[bool]string{true: "yes", false: "declare"}[s.Auto] }},
		{"ALIASES", func(s scheme) string { return strings.Join(s.Aliases, ", ") }},
	})
}

// readLines reads one hash a line, each no longer than a hash may be. Empty lines are empty hashes.
func readLines(r io.Reader) ([]string, error) {
	var lines []string
	scanner := bufio.NewScanner(r)
	scanner.Buffer(nil, maxRow)
	for scanner.Scan() {
		lines = append(lines, scanner.Text())
	}
	if err := scanner.Err(); err != nil {
		return nil, fmt.Errorf("read line %d: %w", len(lines)+1, err)
	}
	return lines, nil
}

// shorten keeps a hash from filling the terminal, and from being pasted around whole.
func shorten(s string) string {
	if len(s) <= 24 {
		return s
	}
	return s[:21] + "…"
}

func orDash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}
