package sqlsource

import (
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"
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

	// same is the condition that a column's text is an argument's to the byte, whatever the column's collation: one that
	// ignores case, or spaces at the end, would take another stored password for the one that was read.
	same   func(column, mark string) string
	asText func(column string) string // of a binary column, whatever bytes it holds
	ofText func(text string) string   // what a text in UTF-8 is there
	lastID string                     // the number that the last INSERT of this connection was given
	now    string                     // this moment in UTC

	timesAsText bool // a time is whatever the application has written: it is read and compared as that
}

// closing returns what closes a quotation that r opens, and 0 if it opens none.
func (d dialect) closing(r rune) byte { return d.quotes[r] }

func mySQL() dialect {
	return dialect{
		quote: backticks, mark: questionMark, typeOf: mySQLType, reserved: "?@#$", quotes: map[rune]byte{'\'': '\'', '"': '"', '`': '`'},
		same: func(column, mark string) string {
			return "CAST(CONVERT(" + column + " USING utf8mb4) AS BINARY) = CAST(" + mark + " AS BINARY)"
		},
		asText: func(column string) string { return "CONVERT(" + column + " USING utf8mb4)" }, ofText: asItIs,
		lastID: "LAST_INSERT_ID()", now: "CURRENT_TIMESTAMP", // in the session's zone, which is UTC
	}
}

func postgreSQL() dialect {
	return dialect{
		quote: doubleQuotes, mark: dollar, typeOf: typeOf, reserved: "$`", quotes: map[rune]byte{'\'': '\'', '"': '"'},
		same:   func(column, mark string) string { return "CAST(" + column + ` AS text) COLLATE "C" = ` + mark },
		asText: func(column string) string { return "encode(" + column + ", 'escape')" }, ofText: escaped, // convert_from fails on a NUL
		lastID: "lastval()", now: "CURRENT_TIMESTAMP", // the session's zone is UTC
	}
}

// sqlite gets backticks: a double-quoted name that is no column it takes for a text.
func sqlite() dialect {
	return dialect{
		quote: backticks, mark: questionMark, typeOf: typeOf, reserved: "?@#$]", quotes: map[rune]byte{'\'': '\'', '"': '"', '`': '`', '[': ']'},
		same:   func(column, mark string) string { return "CAST(" + column + " AS BLOB) = CAST(" + mark + " AS BLOB)" },
		asText: func(column string) string { return "CAST(" + column + " AS TEXT)" }, ofText: asItIs,
		lastID: "last_insert_rowid()", now: "CURRENT_TIMESTAMP", timesAsText: true,
	}
}

func sqlServer() dialect {
	return dialect{
		quote: brackets, mark: atP, top: true, typeOf: sqlServerType, reserved: "?@#$]`", quotes: map[rune]byte{'\'': '\'', '"': '"', '[': ']'},
		same: func(column, mark string) string {
			bytes := func(text string) string { return "CAST(CAST(" + text + " AS nvarchar(4000)) AS varbinary(8000))" }
			return bytes(column) + " = " + bytes(mark)
		},
		asText: func(column string) string { return "CAST(" + column + " AS varchar(max))" }, ofText: asItIs,
		lastID: "SCOPE_IDENTITY()", now: "SYSUTCDATETIME()",
	}
}

func asItIs(text string) string { return text }

// escaped is what PostgreSQL's encode makes of bytes in format escape.
func escaped(text string) string {
	var b strings.Builder
	for _, c := range []byte(text) {
		switch {
		case c == '\\':
			b.WriteString(`\\`)
		case c < utf8.RuneSelf:
			b.WriteByte(c)
		default:
			fmt.Fprintf(&b, `\%03o`, c)
		}
	}
	return b.String()
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
