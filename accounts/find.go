package accounts

import (
	"context"
	"errors"

	"rekey/legacy"
)

// Find returns who has a name, without a password: it is for callers who have shown by other means that they may know.
// Its error is an *InvalidError; ErrCredentials if nobody who may log in has the name for themselves, in whatever
// spelling, so that it says no more of a contested or disabled person than of none; or an *UnavailableError.
func (s *Service) Find(ctx context.Context, identifier string) (Person, error) {
	name, err := ParseIdentifier(identifier)
	if err != nil {
		return Person{}, &InvalidError{Field: "identifier", Reason: err.Error()}
	}
	rec, err := s.store.ByIdentifier(ctx, name.Canonical)
	switch {
	case errors.Is(err, ErrNotFound):
		return s.findLegacy(ctx, name)
	case err != nil:
		return Person{}, cannotTell("read account", err)
	case rec.Disabled:
		return Person{}, refused("new-disabled")
	case rec.contests(name):
		return Person{}, refused("contested")
	case !rec.spelled(name):
		return s.findOtherSpelling(ctx, rec, name)
	}
	return personOf(rec), nil
}

// findOtherSpelling is Find for a name that an account here holds in another spelling: a namesake of the legacy store may
// have it in just this one, and Login would answer for them.
func (s *Service) findOtherSpelling(ctx context.Context, rec Record, name Identifier) (Person, error) {
	if s.ownSpelling.has(ownKey(rec, name), s.now()) {
		return personOf(rec), nil // a login has just asked
	}
	found, err := s.ask(ctx, name)
	switch {
	case errors.Is(err, legacy.ErrTooMany):
		return Person{}, refused("contested")
	case err != nil:
		return Person{}, cannotTell("ask the legacy store for a namesake", err)
	}
	namesakes, err := s.notOf(ctx, rec, found)
	switch {
	case err != nil:
		return Person{}, err
	case len(namesakes) > 0:
		return Person{}, refused("contested")
	}
	return personOf(rec), nil
}

// contests reports whether other people hold the name too.
func (r Record) contests(name Identifier) bool {
	for _, id := range r.Identifiers {
		if id.Canonical == name.Canonical {
			return id.Contested
		}
	}
	return false
}

// findLegacy finds somebody who is absent in the new store under that name.
func (s *Service) findLegacy(ctx context.Context, name Identifier) (Person, error) {
	found, err := s.ask(ctx, name)
	switch {
	case errors.Is(err, legacy.ErrTooMany):
		return Person{}, refused("contested")
	case err != nil:
		return Person{}, cannotTell("ask the legacy store", err)
	case len(found) != 1: // whoever asks may not tell spellings apart
		return Person{}, refused("unknown")
	}
	c := found[0]
	rec, err := s.store.ByLink(ctx, c.source.Name, c.user.ID)
	switch {
	case err == nil && rec.Deleted(): // whoever has the row now: their subject would be a deleted person's
		return Person{}, refused("new-deleted")
	case err == nil && rec.Disabled:
		return Person{}, refused("new-disabled")
	case err == nil:
		return s.ownPerson(ctx, rec, c)
	case !errors.Is(err, ErrNotFound):
		return Person{}, cannotTell("read account by link", err)
	case c.user.Disabled:
		return Person{}, refused("legacy-disabled")
	}
	return s.wouldMove(ctx, c)
}

// ownPerson returns the person of an account whom the legacy store has found under a name, if it is they.
func (s *Service) ownPerson(ctx context.Context, rec Record, c candidate) (Person, error) {
	switch other, err := s.reusedKey(ctx, rec, c); {
	case err != nil:
		return Person{}, err
	case other:
		return Person{}, refused("legacy-reused")
	}
	return personOf(rec), nil
}

// wouldMove returns somebody with the identifiers that they would take with them if they logged in now: whoever asks
// may make something of each.
func (s *Service) wouldMove(ctx context.Context, c candidate) (Person, error) {
	ids, _, err := s.stillSo(ctx, c, nil)
	switch {
	case errors.Is(err, errContested):
		return Person{}, refused("contested")
	case err != nil:
		return Person{}, cannotTell("ask the legacy store", err)
	}
	for _, id := range ids {
		if _, err := s.store.ByIdentifier(ctx, id.Canonical); err == nil {
			return Person{}, refused("contested") // somebody here has it
		} else if !errors.Is(err, ErrNotFound) {
			return Person{}, cannotTell("read account", err)
		}
	}
	person := s.unmoved(c)
	person.Identifiers = ids
	return person, nil
}
