package config

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// A Source of a value, in rising order of precedence.
const (
	FromDefault = "default"
	FromFile    = "file"
	FromEnv     = "env"
)

// Origin says where a value comes from.
type Origin struct {
	From   string // FromDefault, FromFile or FromEnv
	Name   string // of the file or the variable
	Line   int    // in the file, from 1
	Column int
	// excerpt is "key: value" as the file has it; the value is left out where it is secret.
	excerpt string
	caret   int // where in the excerpt
}

// String gives the place as "rekey.yaml:12", "REKEY_STORE" or "default".
func (o Origin) String() string {
	switch o.From {
	case FromFile:
		return fmt.Sprintf("%s:%d", o.Name, o.Line)
	case FromEnv:
		return o.Name
	}
	return FromDefault
}

// A Problem is one mistake, or one warning.
type Problem struct {
	Key    string // "legacy[0].scheme"; empty for the file as a whole
	Reason string // what is wrong, and what to do
	At     Origin // zero where the thing is missing altogether
}

// String gives the problem on one line, with the excerpt below it.
func (p Problem) String() string {
	var b strings.Builder
	if p.At.From == FromFile || p.At.From == FromEnv {
		b.WriteString(p.At.Name)
		if p.At.Line > 0 {
			fmt.Fprintf(&b, ":%d:%d", p.At.Line, p.At.Column)
		}
		b.WriteString(": ")
	}
	if p.Key != "" {
		b.WriteString(p.Key + ": ")
	}
	b.WriteString(p.Reason)
	if p.At.excerpt != "" {
		fmt.Fprintf(&b, "\n%7d | %s\n        | %s^", p.At.Line, p.At.excerpt, strings.Repeat(" ", p.At.caret))
	}
	return b.String()
}

// Problems is every mistake that was found.
type Problems []Problem //nolint:errname // warnings are Problems too, and no error

// Error gives all problems, each with its place.
func (ps Problems) Error() string {
	lines := make([]string, len(ps))
	for i, p := range ps {
		lines[i] = p.String()
	}
	return strings.Join(lines, "\n")
}

// Mistake is a problem that somebody else has found with the value of a key.
func (c *Config) Mistake(key string, err error) Problem {
	return Problem{Key: key, Reason: err.Error(), At: c.place(key)}
}

// nearest returns the candidate that a misspelt word was meant to be, or "".
func nearest(word string, candidates []string) string {
	best, bestDistance := "", 1+len(word)/3
	for _, c := range candidates {
		if d := distance(strings.ToLower(word), strings.ToLower(c)); d <= bestDistance {
			best, bestDistance = c, d-1
		}
	}
	return best
}

// distance is Levenshtein's, over bytes.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := 1
			if a[i] == b[j] {
				cost = 0
			}
			diagonal, row[j+1] = row[j+1], min(row[j+1]+1, row[j]+1, diagonal+cost)
		}
	}
	return row[len(b)]
}

// didYouMean completes the refusal of a word that is not among the known ones.
func didYouMean(word string, known []string) string {
	if near := nearest(word, known); near != "" {
		return fmt.Sprintf("; did you mean %s?", near)
	}
	return "; known here: " + strings.Join(known, ", ")
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
