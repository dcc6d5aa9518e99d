package filesource

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
)

// A record is one person's part of an export, or what stands in its place.
type record struct {
	line  int64 // where it begins, from 1
	value value
	bad   string // why it is no record; value is then empty
	raw   []byte // of a bad one, its beginning; valid until the next
}

// A scanner walks an export. next returns io.EOF behind the last record, a *tornError where what follows cannot be
// taken apart any more, and other errors where the export cannot be read at all. Memory is bounded by maxRecord.
type scanner interface {
	next() (record, error)
	// resume is told, before the first next, that the stream stands behind a record that another scanner has returned.
	resume()
}

// A tornError says that an export ends, or stops making sense, before its end. The records before are good.
type tornError struct {
	line   int64
	reason string
}

func (e *tornError) Error() string { return fmt.Sprintf("line %d: %s", e.line, e.reason) }

// torn turns an end within something into a *tornError; what says it.
func torn(line int64, err error, what string) error {
	if errors.Is(err, io.EOF) || isTorn(err) {
		return &tornError{line, what}
	}
	return err
}

// tooLong is the reason of a record beyond maxRecord.
var tooLong = fmt.Sprintf("longer than %d bytes", maxRecord)

// lines scans JSON lines: one value a line, blank lines left out.
type lines struct {
	in  *stream
	raw []byte
}

func (l *lines) next() (record, error) {
	for {
		start := l.in.line
		long, err := l.read()
		if err != nil && !errors.Is(err, io.EOF) {
			return record{}, torn(start, err, "the compressed file is cut off")
		}
		ended := err != nil
		raw := bytes.TrimSpace(l.raw)
		switch {
		case long:
			return record{line: start, bad: tooLong, raw: l.raw}, nil
		case len(raw) > 0:
			r := jsonRecord(start, raw)
			if ended && r.bad != "" {
				return record{}, &tornError{start, "the last line is cut off: " + r.bad}
			}
			return r, nil
		case ended:
			return record{}, io.EOF
		}
	}
}

func (l *lines) resume() {} // a line knows nothing of the one before

// read takes one line into raw; of a longer one than maxRecord it keeps the beginning.
func (l *lines) read() (long bool, err error) {
	l.raw = l.raw[:0]
	for {
		part, err := l.in.ReadSlice('\n')
		if long = long || len(l.raw)+len(part) > maxRecord+2; long { // CRLF apart
			part = part[:min(len(part), max(0, maxRecord-len(l.raw)))]
		}
		l.raw = append(l.raw, part...)
		if errors.Is(err, bufio.ErrBufferFull) {
			continue
		}
		if err == nil {
			l.in.line++
		}
		return long, err
	}
}

// jsonRecord parses the text of a record, which must be an object.
func jsonRecord(line int64, raw []byte) record {
	v, err := parseJSON(raw)
	switch {
	case err != nil:
		return record{line: line, bad: err.Error(), raw: raw}
	case v.kind != kindObject:
		return record{line: line, bad: "not a JSON object", raw: raw}
	}
	return record{line: line, value: v}
}

// array scans the elements of a JSON array: the whole file, or the array that is the member called list of the object
// that is the file. The file may be one line. What stands beside the array is passed over, whatever its size.
type array struct {
	in   *stream
	list string // "" for a file that is an array

	state arrayState
	found bool
	raw   []byte
}

type arrayState int

const (
	beforeFile arrayState = iota
	inObject              // before a member's name, or the closing brace
	inArray               // before an element
	behindElement
	behindFile
)

func (a *array) next() (record, error) {
	for {
		switch a.state {
		case beforeFile:
			if err := a.open(); err != nil {
				return record{}, err
			}
		case inObject:
			if err := a.member(); err != nil {
				return record{}, err
			}
		case inArray:
			return a.element()
		case behindElement:
			if err := a.follows(); err != nil {
				return record{}, err
			}
		case behindFile:
			c, err := a.in.skipSpace()
			switch {
			case errors.Is(err, io.EOF):
				if !a.found {
					return record{}, &mappingError{fmt.Sprintf("it has no list %q", a.list)}
				}
				return record{}, io.EOF
			case err != nil:
				return record{}, torn(a.in.line, err, "the compressed file is cut off")
			}
			return record{}, &tornError{a.in.line, fmt.Sprintf("something follows the JSON value: byte %#02x", c)}
		}
	}
}

func (a *array) resume() { a.state, a.found = behindElement, true }

// open reads the first bracket.
func (a *array) open() error {
	c, err := a.in.skipSpace()
	if err != nil {
		return torn(a.in.line, err, "the file is empty")
	}
	switch {
	case c == '[' && a.list == "":
		a.found, a.state = true, inArray
		a.raw = a.raw[:0]
		return a.emptyList()
	case c == '{' && a.list != "":
		a.state = inObject
		return nil
	}
	return &mappingError{"it is not the JSON that the format has"}
}

// emptyList looks whether a list ends at once.
func (a *array) emptyList() error {
	c, err := a.in.skipSpace()
	if err != nil {
		return torn(a.in.line, err, "the file ends within its list")
	}
	if c == ']' {
		a.leave()
		return nil
	}
	return a.in.back(c)
}

// leave goes on behind the list.
func (a *array) leave() {
	a.state = behindFile
	if a.list != "" {
		a.state = inObject
	}
}

// member reads a member of the file's object, up to the list or to the end of its value.
func (a *array) member() error {
	start := a.in.line
	c, err := a.in.skipSpace()
	if err == nil && c == ',' {
		c, err = a.in.skipSpace()
	}
	if err != nil {
		return torn(start, err, "the file ends within its object")
	}
	if c == '}' {
		a.state = behindFile
		return nil
	}
	if c != '"' {
		return &tornError{a.in.line, "a name is missing"}
	}
	if err := a.in.back(c); err != nil {
		return err
	}
	if _, err := a.take(); err != nil {
		return torn(start, err, "the file ends within a name")
	}
	name, err := parseJSON(a.raw)
	if err != nil || name.kind != kindString {
		return &tornError{start, "a name cannot be read"}
	}
	if c, err = a.in.skipSpace(); err == nil && c != ':' {
		return &tornError{a.in.line, "a colon is missing"}
	}
	if err == nil {
		c, err = a.in.skipSpace()
	}
	if err != nil {
		return torn(start, err, "the file ends within its object")
	}
	if name.text == a.list {
		if a.found {
			return &mappingError{fmt.Sprintf("it has the list %q twice", a.list)}
		}
		if c != '[' {
			return &mappingError{fmt.Sprintf("its %q is no list", a.list)}
		}
		a.found, a.state = true, inArray
		return a.emptyList()
	}
	if err := a.in.back(c); err != nil {
		return err
	}
	if _, err := a.take(); err != nil {
		return torn(start, err, "the file ends within its object")
	}
	return nil
}

// element reads one element.
func (a *array) element() (record, error) {
	c, err := a.in.skipSpace()
	start := a.in.line
	if err == nil {
		err = a.in.back(c)
	}
	long := false
	if err == nil {
		long, err = a.take()
	}
	if err != nil {
		return record{}, torn(start, err, "the file ends within its list")
	}
	a.state = behindElement
	if long {
		return record{line: start, bad: tooLong, raw: a.raw}, nil
	}
	return jsonRecord(start, a.raw), nil
}

// follows reads the comma or the bracket behind an element.
func (a *array) follows() error {
	c, err := a.in.skipSpace()
	switch {
	case err != nil:
		return torn(a.in.line, err, "the file ends within its list")
	case c == ',':
		a.state = inArray
		return nil
	case c == ']':
		a.leave()
		return nil
	}
	return &tornError{a.in.line, "a comma or a bracket is missing behind a record"}
}

// take reads one value by its brackets and strings alone, so that one record's mistakes do not reach the next, and
// keeps up to maxRecord bytes of it in raw.
func (a *array) take() (long bool, err error) {
	a.raw = a.raw[:0]
	depth, quoted, escaped := 0, false, false
	for {
		if quoted && !escaped {
			long = a.keep(a.in.until('"', '\\')) || long
		}
		c, err := a.in.next()
		if err != nil {
			return long, err
		}
		ends := false
		switch {
		case escaped:
			escaped = false
		case quoted:
			escaped = c == '\\'
			if c == '"' {
				quoted = false
				ends = depth == 0
			}
		case c == '"':
			quoted = true
		case c == '{' || c == '[':
			depth++
		case c == '}' || c == ']':
			if depth--; depth < 0 { // a number or a word ends with what is around it
				return long, a.in.back(c)
			}
			ends = depth == 0
		case depth == 0 && (c == ',' || isJSONSpace(c)):
			return long, a.in.back(c)
		}
		long = a.keep([]byte{c}) || long
		if ends {
			return long, nil
		}
	}
}

// keep adds to raw what still goes in, and reports whether that is not all.
func (a *array) keep(part []byte) (long bool) {
	fits := min(len(part), maxRecord-len(a.raw))
	a.raw = append(a.raw, part[:fits]...)
	return fits < len(part)
}
