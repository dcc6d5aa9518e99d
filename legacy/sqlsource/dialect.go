package sqlsource

import (
	"strconv"
	"strings"
)

// A dialect is what databases disagree about.
type dialect struct {
	quote func(name string) string
	mark  func(n int) string // of the nth argument, from 1
	top   bool               // SELECT TOP (n) … in place of … LIMIT n
	// typeOf classifies what the driver calls a column's type.
	typeOf func(name string) columnType
	// reserved are the characters that an operator's query may not have outside quotes: arguments and comments of the
	// database's own, which would be counted wrongly.
	reserved string
	quotes   map[rune]byte // what opens a quoted text or name, and what closes it
}

// closing returns what closes a quotation that r opens, and 0 if it opens none.
func (d dialect) closing(r rune) byte { return d.quotes[r] }

func mySQL() dialect {
	return dialect{quote: backticks, mark: questionMark, typeOf: mySQLType, reserved: "?@#$", quotes: map[rune]byte{'\'': '\'', '"': '"', '`': '`'}}
}

func postgreSQL() dialect {
	return dialect{quote: doubleQuotes, mark: dollar, typeOf: typeOf, reserved: "$`", quotes: map[rune]byte{'\'': '\'', '"': '"'}}
}

// sqlite gets backticks: a double-quoted name that is no column it takes for a text.
func sqlite() dialect {
	return dialect{quote: backticks, mark: questionMark, typeOf: typeOf, reserved: "?@#$]", quotes: map[rune]byte{'\'': '\'', '"': '"', '`': '`', '[': ']'}}
}

func sqlServer() dialect {
	return dialect{quote: brackets, mark: atP, top: true, typeOf: sqlServerType, reserved: "?@#$]`", quotes: map[rune]byte{'\'': '\'', '"': '"', '[': ']'}}
}

func backticks(name string) string    { return "`" + name + "`" }
func doubleQuotes(name string) string { return `"` + name + `"` }
func brackets(name string) string     { return "[" + name + "]" }

func questionMark(int) string { return "?" }
func dollar(n int) string     { return "$" + strconv.Itoa(n) }
func atP(n int) string        { return "@p" + strconv.Itoa(n) }

// A statement is a text under construction and its arguments, which are counted in the order of the text.
type statement struct {
	dialect dialect
	text    strings.Builder
	args    []any
}

// add appends text.
func (q *statement) add(parts ...string) {
	for _, part := range parts {
		q.text.WriteString(part)
	}
}

// arg appends an argument's mark.
func (q *statement) arg(value any) {
	q.args = append(q.args, value)
	q.add(q.dialect.mark(len(q.args)))
}

// list appends the marks of several arguments, with commas between them.
func (q *statement) list(values []any) {
	for i, value := range values {
		if i > 0 {
			q.add(", ")
		}
		q.arg(value)
	}
}

// first appends what stands behind SELECT so that at most n rows come; last, what stands at the end.
func (q *statement) first(n int) {
	if q.dialect.top {
		q.add("TOP (", strconv.Itoa(n), ") ")
	}
}

func (q *statement) last(n int) {
	if !q.dialect.top {
		q.add(" LIMIT ", strconv.Itoa(n))
	}
}
