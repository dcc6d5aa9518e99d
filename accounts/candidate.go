package accounts

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"rekey/legacy"
)

// A candidate is a legacy person who may be the one that logs in.
type candidate struct {
	source Source
	user   legacy.User
	order  int  // of the source among the sources
	reused bool // the key was a person's who is deleted, and is somebody else's now
}

// unmoved is the candidate as somebody who has proven who they are and has not been moved. Nobody has looked yet whether
// an address of theirs is another's too, so none counts as verified; one that belongs to another store is not told at all.
func (s *Service) unmoved(c candidate) Person {
	ids, _ := s.identifiersOf(c, nil)
	for i := range ids {
		ids[i].Verified = false
	}
	return Person{ID: SubjectFor(c.source.Name, c.user.ID), Identifiers: ids, Source: c.source.Name, LegacyID: c.user.ID}
}

// identifiers returns what the person can type to log in, each canonical value once, and the number of stored values
// that cannot be an identifier. The kind is the column's. Where name and e-mail are the same, it is an e-mail.
func (c candidate) identifiers() (ids []Identifier, invalid int) {
	type column struct {
		kind     Kind
		value    string
		verified bool
	}
	columns := []column{
		{Email, c.user.Email, c.user.Profile.EmailVerified},
		{Username, c.user.Username, false},
		{Phone, c.user.Phone, c.user.Profile.PhoneVerified},
	}
	for _, alias := range c.user.Aliases {
		columns = append(columns, column{value: alias}) // of the kind that its shape says
	}
	for _, column := range columns {
		if column.value == "" {
			continue
		}
		id, err := ParseIdentifier(column.value)
		if err != nil {
			invalid++
			continue
		}
		if column.kind != "" {
			id.Kind = column.kind
		}
		id.Verified = column.verified
		same := func(other Identifier) bool { return other.Canonical == id.Canonical }
		if !slices.ContainsFunc(ids, same) {
			ids = append(ids, id)
		}
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
// A source that does not answer makes the whole answer unknown: the person may be in there, or the value contested.
func (s *Service) ask(ctx context.Context, name Identifier) ([]candidate, error) {
	found, err := s.lookup(ctx, []Identifier{name})
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

// lookup returns the legacy people who hold any of the values. Who was deleted here does not count, whatever the legacy
// store still says of them; and once the phase is new-only nobody does.
func (s *Service) lookup(ctx context.Context, names []Identifier) ([]candidate, error) {
	var found []candidate
	if !s.asksLegacy() {
		return nil, nil
	}
	for order, source := range s.sources {
		spellings := s.spellings(source, names)
		if len(spellings) == 0 {
			continue
		}
		s.stats.LegacyLookups.Add(1)
		users, err := source.Lookup(ctx, spellings...)
		if err != nil {
			return nil, err
		}
		for _, user := range users {
			c := candidate{source: source, user: user, order: order}
			holds := func(name Identifier) bool { return s.asks(source, name) && c.holds(name.Canonical) }
			if !slices.ContainsFunc(names, holds) || slices.ContainsFunc(found, c.is) {
				continue
			}
			deleted, err := s.tombstoned(ctx, &c)
			switch {
			case err != nil:
				return nil, err
			case !deleted:
				found = append(found, c)
			}
		}
	}
	// A store that is not told an order has none, and who is tried first must not change from login to login.
	slices.SortFunc(found, func(a, b candidate) int {
		return cmp.Or(cmp.Compare(a.order, b.order), cmp.Compare(a.user.ID, b.user.ID))
	})
	return found, nil
}
