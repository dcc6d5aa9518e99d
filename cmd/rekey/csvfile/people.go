package csvfile

import (
	"bufio"
	"bytes"
	"encoding/csv"
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
	MaxLine   = 4096    // bytes; an identifier has at most 320
)

// errNobody is a list without anybody.
var errNobody = errors.New("the list names nobody")

// bom is what some programs write before UTF-8.
const bom = "\xef\xbb\xbf"

// ReadPeople reads a list of people, one a line. Where the first line names a column identifier or ref, or the columns source and
// legacy_id, those are read, also behind semicolons or tabs, and where a line has both a key, the key counts; else the first cell of
// every line is what a person logs in with, or an account's id. Empty lines do not count. What an export of ours has marked as no
// formula is read as it was. Its error names the line, and nothing of what is in it.
func ReadPeople(from io.Reader) ([]named.Person, error) {
	lines := bufio.NewReaderSize(from, MaxLine+2)
	var people []named.Person
	columns := listColumns{comma: ',', ref: 0, source: -1, id: -1}
	for line, first := 1, true; ; line++ {
		text, err := readLine(lines)
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

// readLine reads a line without its end; io.EOF behind the last.
func readLine(from *bufio.Reader) (string, error) {
	text, err := from.ReadSlice('\n')
	switch {
	case errors.Is(err, bufio.ErrBufferFull):
		return "", fmt.Errorf("it is longer than %d bytes", MaxLine)
	case errors.Is(err, io.EOF) && len(text) > 0:
	case err != nil:
		return "", err
	}
	return string(bytes.TrimSuffix(bytes.TrimSuffix(text, []byte("\n")), []byte("\r"))), nil
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
	if ref == "" {
		return named.Person{}, errNameless
	}
	return named.Person{Ref: ref}, nil
}

var errQuotes = errors.New("its quotation marks do not match")

// cellsOf splits a line. A cell does not go on in the next line: no name of a person does.
func cellsOf(text string, comma rune) ([]string, error) {
	r := csv.NewReader(strings.NewReader(text))
	r.Comma = comma
	cells, err := r.Read()
	if err != nil {
		return nil, errQuotes
	}
	if _, err := r.Read(); !errors.Is(err, io.EOF) { // a carriage return in the middle is none
		return nil, errQuotes
	}
	return cells, nil
}
