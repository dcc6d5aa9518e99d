package accounts

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/google/uuid"
	"golang.org/x/text/unicode/norm"

	"rekey/legacy"
)

// Both stores are searched at once, and so is each legacy store. One that does not answer is named beside what the others have
// found: who is not in the list may be in there.

const (
	// MaxFound is how many people a search returns.
	MaxFound = 50
	// MinPart is the least that is searched for as a part of something, in characters: less of it is in everybody.
	MinPart = 3
	// partTime bounds how long a store is searched for a part, which no index knows.
	partTime = 2 * time.Second
	// sightsAtOnce is how many people are looked at side by side. A legacy store has some eight connections, and logins come first.
	sightsAtOnce = 4
)

// A Finding is what a search has come to.
type Finding struct {
	People   []Found
	More     bool            // there are others
	Problems []SearchProblem // what was not searched
}

// A Found is one person.
type Found struct {
	AccountID   uuid.UUID
	Where       Where
	State       PersonState
	Why         string
	Source      string // with LegacyID; "" for somebody who was born here
	LegacyID    string
	Identifiers []Identifier
}

// A SearchProblem says how a store was not searched.
type SearchProblem struct {
	Source  string      `json:"source"` // "" is the new store
	Problem NotSearched `json:"problem"`
}

// NotSearched is the closed list of how a store was not searched.
type NotSearched string

// How.
const (
	NotAnswered     NotSearched = "not-answered"            // it was asked, and who is in there alone is not told
	NotByPart       NotSearched = "not-searched-by-part"    // it can be asked for whole names alone
	NotByID         NotSearched = "not-searched-by-id"      // it cannot be read by its own key
	NotAllByPart    NotSearched = "not-searched-to-the-end" // the part is in too many, or took too long to look for
	NotAskedAnyMore NotSearched = "not-asked-any-more"      // the phase is past the legacy stores
)

// Search finds people by an identifier, the id of an account, the key of a legacy store ("shop/4711", or the bare key in each of
// them), or by part of what they log in with. Its error is an *InvalidError, or an *UnavailableError: the new store did not answer
// what only it can know.
func (s *Service) Search(ctx context.Context, q string) (Finding, error) {
	q = strings.TrimSpace(q)
	switch {
	case q == "":
		return Finding{}, &InvalidError{Field: "q", Reason: "must not be empty"}
	case len(q) > MaxIdentifier || !utf8.ValidString(q) || strings.ContainsFunc(q, disguises):
		return Finding{}, &InvalidError{Field: "q", Reason: "must be readable text of at most 320 bytes"}
	}
	a, err := s.looking(ctx)
	if err != nil {
		return Finding{}, err
	}
	search := &search{Service: s, q: q, a: a}
	if err := search.here(ctx); err != nil {
		return Finding{}, err
	}
	search.there(ctx)
	return search.finding(ctx)
}

// A search is one under way.
type search struct {
	*Service
	q string
	a Attempt

	mu       sync.Mutex
	people   []sight // as far as they are known
	problems []SearchProblem
}

// hit is somebody who was found.
type hit struct {
	rec  *Record
	key  LegacyKey
	user *candidate
}

// part returns what is searched for as a part of something, as the new store has it; "" if it is too short.
func (s *search) part() string {
	if utf8.RuneCountInString(s.q) < MinPart {
		return ""
	}
	return norm.NFC.String(strings.ToLower(s.q))
}

func (s *search) problem(source string, problem NotSearched) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if p := (SearchProblem{source, problem}); !slices.Contains(s.problems, p) {
		s.problems = append(s.problems, p)
	}
}

// add notes somebody, once, with what is known of them.
func (s *search) add(h hit) {
	s.mu.Lock()
	defer s.mu.Unlock()
	p := sight{rec: h.rec, key: h.key, there: h.user, id: SubjectFor(h.key.Source, h.key.LegacyID)}
	if h.rec != nil {
		p.id = h.rec.ID
		if h.rec.Link != nil && p.key == (LegacyKey{}) {
			p.key = LegacyKey{h.rec.Link.Source, h.rec.Link.LegacyID}
		}
	}
	i := slices.IndexFunc(s.people, func(other sight) bool { return other.id == p.id && other.key == p.key })
	if i < 0 {
		s.people = append(s.people, p)
		return
	}
	if s.people[i].rec == nil {
		s.people[i].rec = p.rec
	}
	if s.people[i].there == nil {
		s.people[i].there = p.there
	}
}

// here searches the new store.
func (s *search) here(ctx context.Context) error {
	rec, err := s.AccountOf(ctx, s.q)
	switch {
	case err == nil:
		s.add(hit{rec: &rec})
	case !errors.Is(err, ErrNotFound):
		return err
	}
	part := s.part()
	if part == "" {
		return nil
	}
	limited, cancel := context.WithTimeout(ctx, partTime)
	defer cancel()
	ids, err := s.store.SearchIdentifiers(limited, part, MaxFound+1)
	switch {
	case limited.Err() != nil && ctx.Err() == nil:
		s.problem("", NotAllByPart)
		return nil
	case err != nil:
		return cannotTell("search", err)
	}
	for _, id := range ids {
		rec, err := s.store.ByID(ctx, id)
		switch {
		case err == nil:
			s.add(hit{rec: &rec})
		case !errors.Is(err, ErrNotFound):
			return cannotTell("read account", err)
		}
	}
	return nil
}

// there searches the legacy stores, all at once.
func (s *search) there(ctx context.Context) {
	var all sync.WaitGroup
	for i, source := range s.sources {
		if !s.a.at.AsksLegacy() {
			s.problem(source.Name, NotAskedAnyMore)
			continue
		}
		all.Go(func() { s.byName(ctx, i) })
		all.Go(func() { s.byKey(ctx, i) })
		all.Go(func() { s.byPart(ctx, i) })
	}
	all.Wait()
}

// byName looks for whoever has the text as an identifier.
func (s *search) byName(ctx context.Context, i int) {
	source := s.sources[i]
	name, err := ParseIdentifier(s.q)
	if err != nil {
		return // nobody can type it
	}
	spellings := s.spellings(source, []Identifier{name})
	if len(spellings) == 0 {
		return
	}
	users, err := source.Lookup(ctx, spellings...)
	switch {
	case errors.Is(err, legacy.ErrTooMany):
		s.problem(source.Name, NotAllByPart)
	case err != nil:
		s.problem(source.Name, NotAnswered)
	}
	for _, user := range users {
		if c := (candidate{source: source, user: user, order: i}); c.holds(name.Canonical) {
			s.foundThere(c)
		}
	}
}

// byKey looks for whoever has the text as the store's own key.
func (s *search) byKey(ctx context.Context, i int) {
	source, id := s.sources[i], s.q
	if key, ok := s.legacyRef(s.q); ok {
		if id = key.LegacyID; key.Source != source.Name {
			return
		}
	}
	getter, ok := source.Source.(legacy.Getter)
	if !ok {
		s.problem(source.Name, NotByID)
		return
	}
	key := LegacyKey{source.Name, id}
	user, err := getter.Get(ctx, id)
	switch _, unreadable := legacy.RowErrors(err); {
	case err == nil:
		s.foundThere(candidate{source: source, user: user, order: i})
	case errors.Is(err, legacy.ErrNoUser):
	case unreadable == nil: // they are there; what is to be said of them is found out later
		s.add(hit{key: key})
	default:
		s.problem(source.Name, NotAnswered)
		if notes, err := s.store.NotesAbout(ctx, key); err == nil && len(notes) > 0 { // somebody was there
			s.add(hit{key: key})
		}
	}
}

// byPart looks for whoever has the text in what they log in with.
func (s *search) byPart(ctx context.Context, i int) {
	source := s.sources[i]
	searcher, ok := source.Source.(legacy.Searcher)
	switch {
	case s.part() == "":
		return
	case !ok || !searcher.Searches():
		s.problem(source.Name, NotByPart)
		return
	}
	ctx, cancel := context.WithTimeout(ctx, partTime)
	defer cancel()
	users, err := searcher.Search(ctx, s.q, MaxFound+1)
	bad, failed := legacy.RowErrors(err)
	if failed != nil {
		s.problem(source.Name, NotAllByPart)
	}
	for _, row := range bad {
		if row.Key != "" {
			s.add(hit{key: LegacyKey{source.Name, row.Key}})
		}
	}
	for _, user := range users {
		s.foundThere(candidate{source: source, user: user, order: i})
	}
}

func (s *search) foundThere(c candidate) {
	s.add(hit{key: LegacyKey{c.source.Name, c.user.ID}, user: &c})
}

// finding looks at everybody who was found.
func (s *search) finding(ctx context.Context) (Finding, error) {
	if err := s.join(ctx); err != nil {
		return Finding{}, err
	}
	slices.SortStableFunc(s.people, func(a, b sight) int {
		return cmp.Or(cmp.Compare(a.key.Source, b.key.Source), cmp.Compare(len(a.key.LegacyID), len(b.key.LegacyID)),
			cmp.Compare(a.key.LegacyID, b.key.LegacyID), cmp.Compare(a.id.String(), b.id.String()))
	})
	f := Finding{More: len(s.people) > MaxFound}
	people := s.people[:min(len(s.people), MaxFound)]
	f.People = make([]Found, len(people))
	errs := make([]error, len(people))
	free := make(chan struct{}, sightsAtOnce)
	var all sync.WaitGroup
	for i, p := range people {
		free <- struct{}{}
		all.Go(func() {
			defer func() { <-free }()
			f.People[i], errs[i] = s.found(ctx, p)
		})
	}
	all.Wait()
	f.Problems = s.sortedProblems()
	return f, errors.Join(errs...)
}

// sortedProblems are what was not searched. Of a store that does not answer that is all: a longer part would not make it answer.
func (s *search) sortedProblems() []SearchProblem {
	problems := slices.DeleteFunc(slices.Clone(s.problems), func(p SearchProblem) bool {
		return p.Problem == NotAllByPart && slices.Contains(s.problems, SearchProblem{p.Source, NotAnswered})
	})
	slices.SortFunc(problems, func(a, b SearchProblem) int {
		return cmp.Or(cmp.Compare(a.Source, b.Source), cmp.Compare(a.Problem, b.Problem))
	})
	return problems
}

// join reads the accounts of those who were found in a legacy store. Two who are one account are one person.
func (s *search) join(ctx context.Context) error {
	var joined []sight
	for _, p := range s.people {
		if p.rec == nil {
			rec, err := s.linked(ctx, p.key.Source, p.key.LegacyID)
			if err != nil {
				return err
			}
			p.rec = rec
		}
		if p.rec != nil {
			p.id = p.rec.ID
		}
		i := slices.IndexFunc(joined, func(other sight) bool { return other.id == p.id })
		switch {
		case i < 0:
			joined = append(joined, p)
		case p.rec != nil && p.rec.Link != nil && p.key == (LegacyKey{p.rec.Link.Source, p.rec.Link.LegacyID}):
			if p.there == nil && joined[i].key == p.key {
				p.there = joined[i].there
			}
			joined[i] = p
		}
	}
	s.people = joined
	return nil
}

// found is what is told of somebody.
func (s *search) found(ctx context.Context, p sight) (Found, error) {
	if p.key.Source != "" {
		p = s.sightOf(ctx, p.rec, p.key, p.there, s.a)
		if p.silent() {
			s.problem(p.key.Source, NotAnswered)
		}
	}
	t, err := s.tell(ctx, p, s.a)
	if err != nil {
		return Found{}, err
	}
	cause := t.causes()[0]
	f := Found{AccountID: p.id, Where: p.where(), State: cause.State, Why: cause.Why, Source: p.key.Source, LegacyID: p.key.LegacyID}
	switch {
	case t.here() != nil:
		f.Identifiers = p.rec.Identifiers
	case p.there != nil:
		f.Identifiers, _ = s.identifiersOf(*p.there, nil)
	}
	return f, nil
}
