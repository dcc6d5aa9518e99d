package csvfile

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf8"

	"rekey/accounts"
	"rekey/sweeper/named"
)

// Bounds of a list.
const (
	MaxPeople = 100_000 // about 20 MiB with their results
	MaxLine   = 8 << 10 // bytes of what is about one person; a key has at most 1024, and a reason of ours 2000
)

// errNobody is a list without anybody.
var errNobody = errors.New("the list names nobody")

// bom is what some programs write before UTF-8.
const bom = "\xef\xbb\xbf"

// ReadPeople reads a list of people, one a line. Where the first line names a column identifier or ref, or the columns source and
// legacy_id, those are read, also behind semicolons or tabs, and where a line has both a key, the key counts; else the first cell of
// every line is what a person logs in with, or an account's id. Empty lines do not count. Where there are keys a cell may go on in the
// next line, for old stores have keys with a line break. What an export of ours has marked as no formula is read as it was. Its error
// names the line that somebody begins in, and nothing of what is in it.
func ReadPeople(from io.Reader) ([]named.Person, error) {
	lines := bufio.NewReaderSize(from, MaxLine+2)
	var people []named.Person
	columns := listColumns{comma: ',', ref: 0, source: -1, id: -1}
	for line, next, first := 1, 1, true; ; line = next {
		text, read, err := readPerson(lines, columns)
		next += read
		switch {
		case errors.Is(err, io.EOF):
			if len(people) == 0 {
				return nil, errNobody
			}
			return people, nil
		case err != nil:
			return nil, fmt.Errorf("line %d: %w", line, err)
		}
		if line == 1 {
			text = strings.TrimPrefix(text, bom)
		}
		if strings.TrimSpace(text) == "" {
			continue
		}
		if !utf8.ValidString(text) {
			return nil, fmt.Errorf("line %d is not valid UTF-8", line)
		}
		if first {
			first = false
			if named, ok := header(text); ok {
				columns = named
				continue
			}
		}
		person, err := columns.person(text)
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", line, err)
		}
		person.Line = line
		if len(people) == MaxPeople {
			return nil, fmt.Errorf("line %d: a list has at most %d people", line, MaxPeople)
		}
		people = append(people, person)
	}
}

// readPerson reads what is about one person, without the end of its last line, and returns how many lines that were; io.EOF behind the
// last.
func readPerson(from *bufio.Reader, columns listColumns) (text string, lines int, err error) {
	for {
		line, err := from.ReadSlice('\n')
		switch text += string(line); {
		case len(text) > MaxLine+len("\r\n"), errors.Is(err, bufio.ErrBufferFull):
			return "", lines, fmt.Errorf("it is longer than %d bytes", MaxLine)
		case errors.Is(err, io.EOF) && text != "": // an end that is missing, or one in the middle of a cell
			return strings.TrimSuffix(text, "\r"), lines + 1, nil
		case err != nil:
			return "", lines, err
		}
		lines++
		whole := strings.TrimSuffix(strings.TrimSuffix(text, "\n"), "\r")
		if columns.id < 0 {
			return whole, lines, nil
		}
		if _, err := cellsOf(whole, columns.comma); !errors.Is(err, errOpen) {
			return whole, lines, nil
		}
	}
}

// listColumns say where in a line a person is named; -1: nowhere.
type listColumns struct {
	comma           rune
	ref, source, id int
}

// header reads the first line as names of columns, if it is one.
func header(text string) (listColumns, bool) {
	for _, comma := range []rune{',', ';', '\t'} {
		cells, err := cellsOf(text, comma)
		if err != nil {
			continue
		}
		for i, cell := range cells {
			cells[i] = strings.ToLower(strings.TrimSpace(cell))
		}
		c := listColumns{comma: comma, ref: slices.Index(cells, "identifier"), source: slices.Index(cells, "source"), id: slices.Index(cells, "legacy_id")}
		if c.ref < 0 {
			c.ref = slices.Index(cells, "ref")
		}
		if c.source < 0 || c.id < 0 {
			c.source, c.id = -1, -1
		}
		if c.ref >= 0 || c.id >= 0 {
			return c, true
		}
	}
	return listColumns{}, false
}

var errNameless = errors.New("it names nobody")

func (c listColumns) person(text string) (named.Person, error) {
	cells, err := cellsOf(text, c.comma)
	if err != nil {
		return named.Person{}, err
	}
	cell := func(i int) string {
		if i < 0 || i >= len(cells) {
			return ""
		}
		return Plain(cells[i])
	}
	if key := (accounts.LegacyKey{Source: cell(c.source), LegacyID: cell(c.id)}); key.Source != "" && key.LegacyID != "" {
		return named.Person{Key: key}, nil
	}
	ref := strings.TrimSpace(cell(c.ref))
	switch {
	case ref == "":
		return named.Person{}, errNameless
	case strings.Contains(ref, "\n"): // nobody is named so, but where a quotation mark is missing
		return named.Person{}, errQuotes
	}
	return named.Person{Ref: ref}, nil
}

var (
	errQuotes = errors.New("its quotation marks do not match")
	// errOpen is an errQuotes that more text might mend.
	errOpen = fmt.Errorf("%w", errQuotes)
)

// cellsOf splits a text into its cells, each byte of which stays as it is: package csv makes one line break of another, and a key of
// it that is nobody's.
func cellsOf(text string, comma rune) (cells []string, err error) {
	for {
		var cell strings.Builder
		if rest, quoted := strings.CutPrefix(text, `"`); quoted {
			for quoted {
				part, behind, closed := strings.Cut(rest, `"`)
				if !closed {
					return nil, errOpen
				}
				cell.WriteString(part)
				if rest, quoted = strings.CutPrefix(behind, `"`); quoted { // two are one
					cell.WriteByte('"')
				}
			}
			text = rest
		} else {
			end := strings.IndexRune(text, comma)
			if end < 0 {
				end = len(text)
			}
			cell.WriteString(text[:end])
			text = text[end:]
			if strings.Contains(cell.String(), `"`) {
				return nil, errQuotes
			}
		}
		cells = append(cells, cell.String())
		if text == "" {
			return cells, nil
		}
		var more bool
		if text, more = strings.CutPrefix(text, string(comma)); !more {
			return nil, errQuotes
		}
	}
}
