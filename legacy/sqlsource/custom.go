package sqlsource

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// A custom query is the operator's own, cut at its marks.
type custom struct {
	name  string // as configured
	parts []part
}

// A part is some text, or a mark where text is "".
type part struct {
	text string
	mark string
}

const (
	markIdentifier = "identifier"
	markID         = "id"
	markAfter      = "after"
	markLimit      = "limit"
)

const maxQuery = 16 << 10 // bytes

// customs are the operator's queries; nil where there is none.
type customs struct{ lookup, get, list, listAfter *custom }

// newCustoms checks the queries.
func newCustoms(c Config, d dialect) (customs, error) {
	var all customs
	isAlone := c.Table == "" && c.Queries != (Queries{})
	for _, q := range []struct {
		to         **custom
		name, text string
		marks      []string
	}{
		{&all.lookup, "lookup", c.Queries.Lookup, []string{markIdentifier}},
		{&all.get, "get", c.Queries.Get, []string{markID}},
		{&all.list, "list", c.Queries.List, []string{markLimit}},
		{&all.listAfter, "list_after", c.Queries.ListAfter, []string{markAfter, markLimit}},
	} {
		if q.text == "" {
			if isAlone {
				return customs{}, fmt.Errorf("queries: %s is missing; without a table all four are needed", q.name)
			}
			continue
		}
		parts, err := parseQuery(q.text, d, q.marks)
		if err != nil {
			return customs{}, fmt.Errorf("queries: %s: %w", q.name, err)
		}
		*q.to = &custom{q.name, parts}
	}
	if (all.list == nil) != (all.listAfter == nil) {
		return customs{}, errors.New("queries: list and list_after come together")
	}
	return all, nil
}

// forbiddenWords are words that a query which only reads has no use for, at least not outside quotes. The database refuses
// to write for us by its own means as well, but SQL Server has none, and takes two statements without a semicolon.
func forbiddenWords() []string {
	return []string{
		"ALTER", "BACKUP", "BEGIN", "BULK", "CALL", "COMMIT", "COPY", "CREATE", "DBCC", "DECLARE", "DELETE", "DENY", "DROP",
		"EXEC", "EXECUTE", "GRANT", "HANDLER", "INSERT", "INTO", "KILL", "LOAD", "LOCK", "MERGE", "OPENDATASOURCE", "OPENQUERY",
		"OPENROWSET", "PRINT", "RAISERROR", "RECONFIGURE", "RESTORE", "REVERT", "REVOKE", "ROLLBACK", "SAVE", "SET", "SHUTDOWN",
		"THROW", "TRUNCATE", "UPDATE", "UPDATETEXT", "USE", "WAITFOR", "WRITETEXT",
	}
}

// parseQuery cuts a query at its marks, all of which it must have.
func parseQuery(text string, d dialect, marks []string) ([]part, error) {
	return parse(text, d, grammar{what: "a query", marks: marks, needed: marks, first: []string{"SELECT", "WITH"}, forbidden: forbiddenWords()})
}

// A grammar is what a text of the operator's may be.
type grammar struct {
	what          string // in errors: "a query"
	marks, needed []string
	first         []string // a word that it begins with
	forbidden     []string // words that it has nowhere else outside quotes
}

// parse cuts a text at its marks. It knows no SQL beyond what is needed to tell text, names and marks apart, and refuses
// what databases read differently: comments, backslashes in quotes, and the arguments of their own.
func parse(text string, d dialect, g grammar) ([]part, error) {
	text = strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(text), ";"))
	if len(text) > maxQuery || !plain(text) {
		return nil, fmt.Errorf("%s is UTF-8 text of at most %d bytes", g.what, maxQuery)
	}
	var parts []part
	seen := map[string]bool{}
	isFirst := true
	start := 0 // of the text behind the last mark
	for i := 0; i < len(text); {
		r, size := utf8.DecodeRuneInString(text[i:])
		switch {
		case r == ';', r == '\\', strings.ContainsRune(d.reserved, r), strings.HasPrefix(text[i:], "--"), strings.HasPrefix(text[i:], "/*"):
			return nil, fmt.Errorf("outside quotes, %s has no %q: it is one statement without comments, and its marks are %s",
				g.what, text[i:i+size], ":"+strings.Join(g.marks, " and :"))
		case d.closing(r) != 0:
			n, err := quoted(text[i:], d.closing(r))
			if err != nil {
				return nil, err
			}
			i += n
		case r == '_' || unicode.IsLetter(r):
			word := text[i : i+wordLength(text[i:])]
			if err := g.checkWord(word, isFirst); err != nil {
				return nil, err
			}
			isFirst = false
			i += len(word)
		case strings.HasPrefix(text[i:], "::"): // a cast of PostgreSQL
			i += 2
		case r == ':':
			mark := text[i+1 : i+1+wordLength(text[i+1:])]
			if !slices.Contains(g.marks, mark) {
				return nil, fmt.Errorf("want the marks %s, and no other colon", ":"+strings.Join(g.marks, " and :"))
			}
			parts = append(parts, part{text: text[start:i]}, part{mark: mark})
			seen[mark] = true
			i += 1 + len(mark)
			start = i
		default:
			i += size
		}
	}
	for _, mark := range g.needed {
		if !seen[mark] {
			return nil, fmt.Errorf("the mark :%s is missing", mark)
		}
	}
	return append(parts, part{text: text[start:]}), nil
}

// quoted returns the length of what is quoted at the beginning of text. A doubled quote is two quoted texts side by side,
// which comes to the same.
func quoted(text string, closing byte) (int, error) {
	end := strings.IndexByte(text[1:], closing)
	if end < 0 {
		return 0, errors.New("a quote is not closed")
	}
	if strings.Contains(text[1:1+end], `\`) {
		return 0, errors.New("a backslash in quotes means different things to different databases; do without")
	}
	return end + 2, nil
}

// wordLength returns how many bytes of letters, digits and _ text begins with.
func wordLength(text string) int {
	end := strings.IndexFunc(text, func(r rune) bool { return r != '_' && !unicode.IsLetter(r) && !unicode.IsDigit(r) })
	if end < 0 {
		return len(text)
	}
	return end
}

func (g grammar) checkWord(word string, isFirst bool) error {
	upper := strings.ToUpper(word)
	switch {
	case isFirst && !slices.Contains(g.first, upper):
		return fmt.Errorf("%s begins with %s", g.what, strings.Join(g.first, " or "))
	case !isFirst && slices.Contains(g.forbidden, upper):
		return fmt.Errorf("%s has no %s; put it in quotes if it is a name", g.what, upper)
	}
	return nil
}

// statement puts arguments in the place of the marks.
func (c *custom) statement(d dialect, args map[string][]any) *statement {
	q := &statement{dialect: d}
	for _, p := range c.parts {
		q.add(p.text)
		if p.mark == markLastID {
			q.add(d.lastID)
		}
		q.list(args[p.mark])
	}
	return q
}

// fields returns what the columns of the result are.
func (c *custom) fields(names []string, config Config) ([]field, error) {
	refuse := func(format string, args ...any) ([]field, error) {
		return nil, mapping("query "+c.name+" "+fmt.Sprintf(format, args...), nil)
	}
	known := slots(config)
	var fields []field
	isIdentified := false
	for _, name := range names {
		f := field{kind: fieldExtra, label: name}
		if i := slices.IndexFunc(known, func(s slot) bool { return strings.EqualFold(s.name, name) }); i >= 0 {
			f = field{kind: known[i].kind, label: known[i].name}
		} else if i := slices.IndexFunc(config.Extra, func(e string) bool { return strings.EqualFold(e, name) }); i >= 0 {
			f.label = config.Extra[i]
		} else {
			return refuse("returns a column %.64q that is none of those known", name)
		}
		if slices.ContainsFunc(fields, func(other field) bool { return other.kind == f.kind && other.label == f.label }) {
			return refuse("returns the column %s twice", f.label)
		}
		isIdentified = isIdentified || f.kind.isIdentifier()
		fields = append(fields, f)
	}
	for _, kind := range []fieldKind{fieldID, fieldPassword} {
		if !slices.ContainsFunc(fields, func(f field) bool { return f.kind == kind }) {
			i := slices.IndexFunc(known, func(s slot) bool { return s.kind == kind })
			return refuse("returns no column %s", known[i].name)
		}
	}
	if !isIdentified {
		return refuse("returns none of the columns username, email and phone")
	}
	return fields, nil
}
