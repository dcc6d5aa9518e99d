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
		Long: `Names the scheme that "scheme: auto" takes for each stored hash. A shape that several schemes share, such as 32
hex digits, is no mark: then the schemes that it could be are listed, and one of them must be declared.
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
			return printList(c.out, *output, rows, []column[identified]{
				{"HASH", func(r identified) string { return shorten(r.Hash) }},
				{"SCHEME", func(r identified) string { return orDash(r.Scheme) }},
				{"NOTE", func(r identified) string {
					if len(r.Candidates) > 0 {
						return r.Note + ": " + strings.Join(r.Candidates, ", ")
					}
					return r.Note
				}},
			})
		}),
	}
	cmd.Flags().BoolVar(&list, "list", false, "print the names of all schemes")
	output = addOutputFlag(cmd)
	return cmd
}

// identified is what can be said of one stored hash.
type identified struct {
	Hash       string   `json:"hash"`
	Scheme     string   `json:"scheme,omitempty"`
	Candidates []string `json:"candidates,omitempty"`
	Note       string   `json:"note,omitempty"`
}

func identify(registry *hash.Registry, stored string) identified {
	row := identified{Hash: stored}
	_, err := registry.Open(legacy.Stored{Hash: stored})
	if scheme, ok := registry.Identify(stored); ok {
		row.Scheme = scheme
		if err != nil {
			row.Note = err.Error()
		}
		return row
	}
	if errors.Is(err, hash.ErrUnusable) {
		row.Note = err.Error()
		return row
	}
	row.Candidates = candidates(registry, stored)
	if row.Note = "declare one of"; len(row.Candidates) == 0 {
		row.Note = "no known scheme has this shape"
	}
	return row
}

// candidates lists what accepts a hash if it is declared, without those that accept anything, as plaintext does.
func candidates(registry *hash.Registry, stored string) []string {
	var names []string
	for _, s := range registry.Schemes() {
		if accepts(registry, s.Name, stored) && !accepts(registry, s.Name, "?not a hash?") {
			names = append(names, s.Name)
		}
	}
	return names
}

// accepts reports whether a declared scheme takes a hash for its own. A salt column and a user are offered too: a
// scheme that needs them would else refuse.
func accepts(registry *hash.Registry, scheme, stored string) bool {
	for _, salt := range []string{"", "73616c74"} {
		if _, err := registry.Open(legacy.Stored{Scheme: scheme, Hash: stored, Salt: salt, User: "user"}); err == nil {
			return true
		}
	}
	return false
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
