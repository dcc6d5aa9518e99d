package filesource

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"unicode/utf8"
)

// maxColumns is how many columns a CSV file may have.
const maxColumns = 1000

// A table scans CSV (RFC 4180) whose first record names the columns. Lines end in LF or CRLF; a quoted field may hold
// line ends and doubled quotes.
//
// Where quotes are wrong the record ends with the line of the mistake, however many lines it began before: lines within
// quotes are never taken for records, for anybody can put a line break into a name. For the same reason a record that
// is too long is skipped to its true end, and a quote that is never closed tears the file: what is behind it is not
// read.
type table struct {
	in        *stream
	separator byte
	columns   []string

	data []byte // the fields of the record, one behind the other
	ends []int  // where each ends
	open bool   // the file ended without a line end behind it
}

// A csvState is where within a record a byte stands.
type csvState int

const (
	csvStart  csvState = iota // of a field
	csvPlain                  // in a field without quotes
	csvQuoted                 // in a field with quotes
	csvQuote                  // behind a quote in such a field: doubled, or its end
	csvReturn                 // behind the CR that follows a closing quote
	csvWrong                  // behind a mistake
)

// newTable reads the header.
func newTable(in *stream, separator byte) (*table, error) {
	t := &table{in: in, separator: separator}
	r, err := t.read()
	switch {
	case errors.Is(err, io.EOF):
		return nil, &mappingError{"it is empty: the first line must name the columns"}
	case err != nil:
		return nil, err
	case r.bad != "":
		return nil, &mappingError{"its first line, which names the columns, cannot be read: " + r.bad}
	}
	names := t.fields()
	if len(names) > maxColumns {
		return nil, &mappingError{fmt.Sprintf("it has more than %d columns", maxColumns)}
	}
	seen := map[string]bool{}
	for _, name := range names {
		if name != "" && seen[name] {
			return nil, &mappingError{fmt.Sprintf("its column %q comes twice", name)}
		}
		seen[name] = true
	}
	t.columns = names
	return t, nil
}

func (t *table) next() (record, error) {
	r, err := t.read()
	if err != nil || r.bad != "" {
		return r, err
	}
	fields := t.fields()
	if len(fields) != len(t.columns) {
		r.bad, r.raw = fmt.Sprintf("%d fields instead of %d", len(fields), len(t.columns)), t.spread()
		if t.open {
			return record{}, &tornError{r.line, "the last record is cut off: " + r.bad}
		}
		return r, nil
	}
	r.value = value{kind: kindObject, members: make([]member, 0, len(fields))}
	for i, text := range fields {
		if name := t.columns[i]; name != "" && text != "" { // a field that is empty is not there
			r.value.members = append(r.value.members, member{name, value{kind: kindString, text: text}})
		}
	}
	return r, nil
}

func (t *table) resume() {} // the columns have been read again

// fields cuts data into texts of their own.
func (t *table) fields() []string {
	text := string(t.data)
	fields, start := make([]string, 0, len(t.ends)), 0
	for _, end := range t.ends {
		fields = append(fields, text[start:end])
		start = end
	}
	return fields
}

// spread returns the fields of a bad record with a line between them.
func (t *table) spread() []byte {
	var raw []byte
	start := 0
	for _, end := range t.ends {
		raw = append(append(raw, t.data[start:end]...), '\n')
		start = end
	}
	return raw
}

// read takes the next record into data and ends. Lines that are empty are left out.
func (t *table) read() (record, error) {
	for {
		r, err := t.readLine()
		if err != nil || r.bad != "" || len(t.ends) > 1 || len(t.data) > 0 {
			return r, err
		}
	}
}

func (t *table) readLine() (record, error) {
	t.data, t.ends = t.data[:0], t.ends[:0]
	r := record{line: t.in.line}
	state, quoteLine, size, wrong := csvStart, int64(0), 0, int64(0)
	for {
		line := t.in.line
		c, err := t.in.next()
		switch {
		case errors.Is(err, io.EOF) && state == csvQuoted:
			return record{}, &tornError{quoteLine, "a quote is opened and not closed before the end of the file"}
		case errors.Is(err, io.EOF) && size == 0:
			return record{}, io.EOF
		case errors.Is(err, io.EOF):
			t.ends, t.open = append(t.ends, len(t.data)), true
			return t.judge(r, size, wrong), nil
		case err != nil:
			return record{}, torn(r.line, err, "the compressed file is cut off")
		}
		size++
		before := state
		state = step(state, c, t.separator)
		switch {
		case state == csvWrong && before != csvWrong:
			wrong = line
			t.data = append(t.data, '\n') // for spread: what follows is no part of the field
		case state == csvQuoted && before == csvStart:
			quoteLine = line
			continue // the quote itself
		}
		if c == '\n' && state != csvQuoted {
			if before == csvPlain {
				t.data = bytes.TrimSuffix(t.data, []byte("\r"))
			}
			t.ends = append(t.ends, len(t.data))
			return t.judge(r, size, wrong), nil
		}
		switch {
		case c == t.separator && state == csvStart:
			if len(t.ends) <= maxColumns {
				t.ends = append(t.ends, len(t.data))
			}
		case state == csvQuote || state == csvReturn: // perhaps no part of the field
		case size <= maxRecord:
			t.data = append(t.data, c)
		}
	}
}

// step returns the state behind a byte. Line ends outside quotes are the caller's.
func step(state csvState, c, separator byte) csvState {
	switch state {
	case csvStart, csvPlain:
		switch {
		case c == separator:
			return csvStart
		case c == '"' && state == csvStart:
			return csvQuoted
		case c == '"':
			return csvWrong
		}
		return csvPlain
	case csvQuoted:
		if c == '"' {
			return csvQuote
		}
		return csvQuoted
	case csvQuote:
		switch c {
		case '"':
			return csvQuoted
		case separator:
			return csvStart
		case '\r':
			return csvReturn
		case '\n':
			return csvQuote
		}
	case csvReturn:
		if c == '\n' {
			return csvReturn
		}
	case csvWrong:
	}
	return csvWrong
}

// judge says what is wrong with a record that has been taken.
func (t *table) judge(r record, size int, wrong int64) record {
	switch {
	case wrong > r.line:
		r.bad = fmt.Sprintf("a quote within a field that is not doubled, or not at its start (lines %d to %d)", r.line, wrong)
	case wrong > 0:
		r.bad = "a quote within a field that is not doubled, or not at its start"
	case size > maxRecord+2: // CRLF apart
		r.bad = tooLong
	case !utf8.Valid(t.data):
		r.bad = "not UTF-8 text"
	case bytes.IndexByte(t.data, 0) >= 0:
		r.bad = "a NUL byte"
	}
	if r.bad != "" {
		r.raw = t.spread()
	}
	return r
}
