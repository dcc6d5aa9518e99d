package accounts

import (
	"context"
	"errors"
	"slices"

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

// Page reads up to limit people of a source, and whoever has the key of the last of them too, behind a key ("" is the beginning), up to
// and with another one ("" is the end; only a source that Cuts knows any other). Its error is an *UnavailableError, or ErrWalkStuck.
func (s *Service) Page(ctx context.Context, source, after, through string, limit int) (Page, error) {
	i := s.sourceIndex(source)
	if i < 0 {
		return Page{}, cannotTell("read a page of people", errUnknownSource)
	}
	list, err := lists(s.sources[i], through)
	if err != nil {
		return Page{}, cannotTell("read a page of people", err)
	}
	p, err := readPage(ctx, s.sources[i].Source, after, limit, list)
	if err != nil && !errors.Is(err, ErrWalkStuck) {
		err = cannotTell("read a page of people", err)
	}
	return p, err
}

// A listFunc is legacy.Lister's List, or ListTo with an end.
type listFunc func(ctx context.Context, after string, limit int) ([]legacy.User, error)

// lists returns how the people of a source are read up to a key.
func lists(source Source, through string) (listFunc, error) {
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

// longestPage is what every source reads at once.
const longestPage = 10_000

// readPage makes a page of what a source lists behind a key. Where none of so many records has a key to go on from, it reads on until
// one has: a page may be as short as one person. Whoever has the key of the last of them is of the page too, beyond its limit: the
// next page begins behind that key.
func readPage(ctx context.Context, source legacy.Source, after string, limit int, list listFunc) (Page, error) {
	for ask := limit; ; {
		p, err := onePage(ctx, after, ask, list)
		switch {
		case errors.Is(err, ErrWalkStuck) && ask < longestPage:
			ask = min(2*ask, longestPage)
		case err == nil && len(p.People) > limit && ask > limit:
			ask -= len(p.People) - limit // whoever was read too much is read again with the next page
		case err == nil && !p.Last:
			return p, p.addTwins(ctx, source)
		default:
			return p, err
		}
	}
}

// addTwins adds whoever has the key of the last person, and was cut off.
func (p *Page) addTwins(ctx context.Context, source legacy.Source) error {
	getter, ok := source.(legacy.ManyGetter) // who reads by single keys is told of one
	if !ok || len(p.People) == 0 {
		return nil
	}
	found, err := getter.GetMany(ctx, []string{p.Next})
	if _, err := legacy.RowErrors(err); err != nil {
		return err
	}
	is := func(u legacy.User) bool { return u.ID == p.Next }
	others := slices.IndexFunc(p.People, is)
	if others >= 0 && len(found) > len(p.People)-others {
		p.People = append(p.People[:others:others], found...)
	}
	return nil
}

// onePage is readPage of just so many records.
func onePage(ctx context.Context, after string, limit int, list listFunc) (Page, error) {
	users, err := list(ctx, after, limit)
	bad, err := legacy.RowErrors(err)
	if err != nil {
		return Page{}, err
	}
	p := Page{People: users, Unreadable: bad, Next: after, Last: len(users)+len(bad) < limit}
	for _, row := range bad {
		if row.Key != "" {
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
