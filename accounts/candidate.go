package accounts

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"

	"rekey/legacy"
)

// A candidate is a legacy person who may be the one that logs in.
type candidate struct {
	source     Source
	user       legacy.User
	order      int   // of the source among the sources
	reused     bool  // the key was a person's who is deleted, and is somebody else's now
	unverified bool  // the store shows no hash, and nobody has logged in: what moves is their profile
	unsure     bool  // a source that did not answer may hold another person of their name
	epoch      int64 // of the sessions of somebody who is not here; see ended
}

// unmoved is the candidate as somebody who has proven who they are and has not been moved. Nobody has looked yet whether
// an address of theirs is another's too, so none counts as verified; one that belongs to another store is not told at all.
func (s *Service) unmoved(c candidate) Person {
	ids, _ := s.identifiersOf(c, nil)
	for i := range ids {
		ids[i].Verified = false
	}
	return s.byLegacy(Person{ID: SubjectFor(c.source.Name, c.user.ID), Identifiers: ids, Source: c.source.Name, LegacyID: c.user.ID, SessionEpoch: c.epoch}, c)
}

// identifiers returns what the person can type to log in, each canonical value once, and the number of stored values
// that cannot be an identifier. The kind is the column's. Where name and e-mail are the same, it is an e-mail.
func (c candidate) identifiers() (ids []Identifier, invalid int) {
	invalid = c.user.LeftOut
	ids = make([]Identifier, 0, 3+len(c.user.Aliases))
	add := func(kind Kind, value string, verified bool) {
		if value == "" {
			return
		}
		id, err := ParseIdentifier(value)
		if err != nil {
			invalid++
			return
		}
		if kind != "" {
			id.Kind = kind
		}
		id.Verified = verified
		same := func(other Identifier) bool { return other.Canonical == id.Canonical }
		if !slices.ContainsFunc(ids, same) {
			ids = append(ids, id)
		}
	}
	add(Email, c.user.Email, c.user.Profile.EmailVerified)
	add(Username, c.user.Username, false)
	add(Phone, c.user.Phone, c.user.Profile.PhoneVerified)
	for _, alias := range c.user.Aliases {
		add("", alias, false) // of the kind that its shape says
	}
	return ids, invalid
}

// holds reports whether one of the person's identifiers canonicalises to the value.
func (c candidate) holds(canonical string) bool {
	for _, spelling := range c.user.Identifiers() {
		if id, err := ParseIdentifier(spelling); err == nil && id.Canonical == canonical {
			return true
		}
	}
	return false
}

// is reports whether both are the same legacy person.
func (c candidate) is(other candidate) bool {
	return c.source.Name == other.source.Name && c.user.ID == other.user.ID
}

// ask returns the legacy people who hold a value, in order of precedence. They are asked for as typed, as canonical,
// and in the two spellings that a namesake most likely has in a store that tells "anna" from "Anna"; somebody whom a
// store returns by a looser comparison of its own does not count.
//
// A source that does not answer makes the answer unknown: the person may be in there, or the value contested. Those whom
// the others hold are returned beside the error. Where the value is the first source's person's anyway, what is behind
// that source makes no difference, and is no error.
func (s *Service) ask(ctx context.Context, name Identifier) ([]candidate, error) {
	return s.askBy(ctx, name, s.tombstoned)
}

// askBy is ask for who knows by other means who was deleted here.
func (s *Service) askBy(ctx context.Context, name Identifier, gone goneFunc) ([]candidate, error) {
	found, err := s.lookupBy(ctx, s.sources, []Identifier{name}, gone)
	var failed *sourceError
	if s.collisions == CollisionsPreferOrder && len(found) > 0 && errors.As(err, &failed) && found[0].order < failed.order {
		err = nil
	}
	return s.preferred(found), err
}

// capitalised returns s with its first letter in upper case.
func capitalised(s string) string {
	first, size := utf8.DecodeRuneInString(s)
	return string(unicode.ToUpper(first)) + s[size:]
}

// spellings returns what a source is asked for.
func (s *Service) spellings(source Source, names []Identifier) []string {
	var list []string
	for _, name := range names {
		if s.asks(source, name) {
			list = append(list, name.Spelling, name.Canonical, strings.ToUpper(name.Canonical), capitalised(name.Canonical))
		}
	}
	slices.Sort(list)
	return slices.Compact(list)
}

// A sourceError is one of a source that was asked.
type sourceError struct {
	order int // of the source among the sources
	error
}

// Unwrap returns what the source said.
func (e *sourceError) Unwrap() error { return e.error }

// lookup returns the people of some sources, the first ones in order, who hold any of the values. Where sources fail, the
// people of the others are returned beside a *sourceError: of the first that failed, or, unless the order decides whose a
// value is, of one with too many people, since whatever the others say cannot change that. Who was deleted here does not
// count, whatever the legacy store still says of them; and once the phase is new-only nobody does.
func (s *Service) lookup(ctx context.Context, sources []Source, names []Identifier) (found []candidate, err error) {
	return s.lookupBy(ctx, sources, names, s.tombstoned)
}

// A goneFunc reports whether a legacy person was deleted here.
type goneFunc func(context.Context, *candidate) (bool, error)

// nobodyGone is the goneFunc that counts everybody.
func nobodyGone(context.Context, *candidate) (bool, error) { return false, nil }

func (s *Service) lookupBy(ctx context.Context, sources []Source, names []Identifier, gone goneFunc) (found []candidate, err error) {
	if !s.asksLegacy() {
		return nil, nil
	}
	for order, answer := range s.askAll(ctx, sources, names) {
		tooMany := s.collisions != CollisionsPreferOrder && errors.Is(answer.err, legacy.ErrTooMany)
		if answer.err != nil && (err == nil || tooMany && !errors.Is(err, legacy.ErrTooMany)) {
			err = &sourceError{order, answer.err}
		}
		source := answer.source
		for _, user := range answer.users {
			c := candidate{source: source, user: user, order: order}
			holds := func(name Identifier) bool { return s.asks(source, name) && c.holds(name.Canonical) }
			if !slices.ContainsFunc(names, holds) || slices.ContainsFunc(found, c.is) {
				continue
			}
			deleted, deadErr := gone(ctx, &c)
			switch {
			case deadErr != nil:
				return nil, deadErr
			case !deleted:
				found = append(found, c)
			}
		}
	}
	// A store that is not told an order has none, and who is tried first must not change from login to login.
	slices.SortFunc(found, func(a, b candidate) int {
		return cmp.Or(cmp.Compare(a.order, b.order), cmp.Compare(a.user.ID, b.user.ID))
	})
	return found, err
}

// An answer is what one source says.
type answer struct {
	source   Source
	users    []legacy.User
	err      error
	panicked any
}

// askAll asks sources for values, all at once, and returns their answers in the same order. One that has no such values
// is not asked, and holds nobody.
func (s *Service) askAll(ctx context.Context, sources []Source, names []Identifier) []answer {
	return s.askEach(sources, names, func(source Source, spellings []string) ([]legacy.User, error) {
		return source.Lookup(ctx, spellings...)
	})
}

// askEach is askAll by any question.
func (s *Service) askEach(sources []Source, names []Identifier, question func(Source, []string) ([]legacy.User, error)) []answer {
	answers := make([]answer, len(sources))
	var asks []func()
	for i, source := range sources {
		answers[i].source = source
		if spellings := s.spellings(source, names); len(spellings) > 0 {
			s.stats.LegacyLookups.Add(1)
			asks = append(asks, func() {
				defer func() { answers[i].panicked = recover() }()
				answers[i].users, answers[i].err = question(source, spellings)
			})
		}
	}
	var others sync.WaitGroup
	for i, ask := range asks {
		if i < len(asks)-1 {
			others.Go(ask)
		} else {
			ask() // the only one, as a rule
		}
	}
	others.Wait()
	for _, a := range answers {
		if a.panicked != nil {
			panic(a.panicked) // where the request's own guard sees it
		}
	}
	return answers
}
