package accounts

import (
	"context"
	"errors"

	"rekey/legacy"
)

// A Page is some people of a legacy store who stand behind one another in the order of its keys.
type Page struct {
	People []legacy.User
	// Unreadable are records that nobody can be made of. Where they stand among the people is not told: those behind the last of
	// them come again with the next page.
	Unreadable []*legacy.RowError
	Next       string // the key that the next page begins behind
	Last       bool   // there is none
}

// ErrWalkStuck: a legacy store cannot be walked to its end.
var ErrWalkStuck = errors.New("no record of a whole page has a key to go on from")

// Page reads up to limit people of a source, behind a key ("" is the beginning), up to and with another one ("" is the end; only a
// source that Cuts knows any other). Its error is an *UnavailableError, or ErrWalkStuck.
func (s *Service) Page(ctx context.Context, source, after, through string, limit int) (Page, error) {
	i := s.sourceIndex(source)
	if i < 0 {
		return Page{}, cannotTell("read a page of people", errUnknownSource)
	}
	list, err := lists(s.sources[i], through)
	if err != nil {
		return Page{}, cannotTell("read a page of people", err)
	}
	p, err := readPage(after, limit, func() ([]legacy.User, error) { return list(ctx, after, limit) })
	if err != nil && !errors.Is(err, ErrWalkStuck) {
		err = cannotTell("read a page of people", err)
	}
	return p, err
}

// lists returns how the people of a source are read up to a key.
func lists(source Source, through string) (func(ctx context.Context, after string, limit int) ([]legacy.User, error), error) {
	lister, ok := source.Source.(legacy.Lister)
	if !ok {
		return nil, errNoLister
	}
	if through == "" {
		return lister.List, nil
	}
	cutter, ok := source.Source.(legacy.Cutter)
	if !ok || !cutter.Cuts() {
		return nil, errNoCutter
	}
	return func(ctx context.Context, after string, limit int) ([]legacy.User, error) {
		return cutter.ListTo(ctx, after, through, limit)
	}, nil
}

// readPage makes a page of what a source lists behind a key.
func readPage(after string, limit int, list func() ([]legacy.User, error)) (Page, error) {
	users, err := list()
	bad, err := legacy.RowErrors(err)
	if err != nil {
		return Page{}, err
	}
	p := Page{People: users, Unreadable: bad, Next: after, Last: len(users)+len(bad) < limit}
	for _, row := range bad {
		if len(row.Key) < legacy.MaxRowKey { // a longer one was cut, and is nothing to go on from
			p.Next = row.Key
		}
	}
	if len(users) > 0 {
		p.Next = users[len(users)-1].ID
	}
	if !p.Last && (p.Next == after || p.Next == "") {
		return p, ErrWalkStuck
	}
	return p, nil
}

// Cuts reports whether pieces of a source can be gone through at once, and CutKey can be asked.
func (s *Service) Cuts(source string) bool {
	i := s.sourceIndex(source)
	if i < 0 {
		return false
	}
	cutter, ok := s.sources[i].Source.(legacy.Cutter)
	return ok && cutter.Cuts()
}

// CutKey returns the key of the nth person of a source behind a key; "" if there are not as many. Its error is an
// *UnavailableError.
func (s *Service) CutKey(ctx context.Context, source, after string, n int) (string, error) {
	if !s.Cuts(source) {
		return "", cannotTell("cut a source", errNoCutter)
	}
	cutter, _ := s.sources[s.sourceIndex(source)].Source.(legacy.Cutter) // it is one: it Cuts
	key, err := cutter.Cut(ctx, after, n)
	if err != nil {
		return "", cannotTell("cut a source", err)
	}
	return key, nil
}
