package filesource

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
)

// How much of an export Look reads: enough to see whether the mapping fits, and no more than a moment's work.
const (
	lookRecords = 1000
	lookBytes   = 4 << 20 // of the export as it lies there
)

// A Doubt is something that a Look at the beginning of an export has shown to be amiss. It contains nothing of a record.
type Doubt struct {
	Column string // the key of Config.Columns that it is about; "" for the export as a whole
	Reason string
	// Certain: the export will not be indexed as it is configured. Otherwise what is behind the beginning may be better.
	Certain bool
}

// Look reads the beginning of the export, a thousand records at most, and tells what in it does not fit the configuration,
// without an index and without making one. Its error means that the export cannot be read now.
func (s *Source) Look(ctx context.Context) ([]Doubt, error) {
	l := look{config: s.config, format: s.format}
	err := l.read(ctx)
	mistake, isMistake := errors.AsType[*mappingError](err)
	switch {
	case isMistake:
		l.doubt("", mistake.text, true)
	case err != nil:
		return nil, fmt.Errorf("legacy source %s: look at the export: %s", s.config.Name, describe(err))
	default:
		l.judge()
	}
	return l.doubts, nil
}

// A look counts what the first records have.
type look struct {
	config Config
	format format
	shaper *shaper
	doubts []Doubt

	whole   bool // the export was read to its end
	shaped  bool // at least one record could be taken apart
	records int
	people  int // that can be read
	named   int // of these, those who can be found
	hashed  int
	first   *fault // of the first record that cannot be read
}

func (l *look) doubt(column, reason string, certain bool) {
	l.doubts = append(l.doubts, Doubt{column, reason, certain})
}

func (l *look) read(ctx context.Context) error {
	file, err := os.Open(l.config.Path)
	if err != nil {
		return err
	}
	defer func() { _ = file.Close() }() // it was only read
	if _, err := identify(l.config, file); err != nil {
		return err
	}
	head := &io.LimitedReader{R: file, N: lookBytes}
	text, err := openStream(&counter{ctx: ctx, from: head})
	if err != nil {
		return err
	}
	defer text.close()
	scan, isTable, err := l.format.frame.scan(text, l.config.separator())
	if err != nil {
		return err
	}
	if l.shaper, err = newShaper(l.config, l.format, isTable); err != nil {
		return err
	}
	if t, ok := scan.(*table); ok {
		for _, missing := range l.shaper.header(t.columns) {
			l.doubt(missing.target, headerLacks+missing.column, true)
		}
	}
	for l.records < lookRecords && len(l.doubts) == 0 {
		r, err := scan.next()
		if _, torn := errors.AsType[*tornError](err); torn || errors.Is(err, io.EOF) {
			l.whole = head.N > 0 // or else it is the beginning that ends here, and not the export
			return nil
		}
		if err != nil {
			return err
		}
		l.take(r)
	}
	return nil
}

// take counts one record.
func (l *look) take(r record) {
	if r.bad == "" && l.format.ignore != nil && l.format.ignore(r.value) {
		return
	}
	l.records++
	bad := &fault{wholeRecord, r.bad}
	if r.bad == "" {
		l.shaped = true
		var p person
		if _, p, bad = l.shaper.shape(r.value); bad == nil {
			l.people++
			if len(p.identifiers()) > 0 {
				l.named++
			}
			if p.Password != nil && p.Password.Hash != "" {
				l.hashed++
			}
			return
		}
	}
	if l.first == nil {
		l.first = &fault{bad.column, fmt.Sprintf("%s (line %d)", bad.reason, r.line)}
	}
}

// judge says what is amiss with what was counted.
func (l *look) judge() {
	if len(l.doubts) > 0 || l.records == 0 {
		return
	}
	them := fmt.Sprintf("none of its first %d records", l.records)
	if l.whole {
		them = "none of its records"
	}
	if l.shaped {
		for _, missing := range l.shaper.missing() {
			l.doubt(missing.target, them+" has "+missing.column, l.whole)
		}
	}
	switch {
	case len(l.doubts) > 0:
	case l.people == 0:
		l.doubt("", them+" can be read; of the first, "+l.first.Error(), false)
	case l.named == 0:
		l.doubt("", them+" has a username, an e-mail address or a phone number, so nobody in it could log in", false)
	case l.hashed == 0 && l.expectsHashes():
		l.doubt("", them+" has a password hash, so nobody in it could log in", false)
	}
}

// expectsHashes reports whether an export of people without one is odd.
func (l *look) expectsHashes() bool {
	if !l.format.generic {
		return !l.format.hashless
	}
	_, mapped := l.config.Columns["password"]
	return mapped
}
