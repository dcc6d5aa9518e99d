package accounts

import (
	"context"
	"errors"

	"rekey/legacy"
)

// Find returns who has a name, without a password: it is for callers who have shown by other means that they may know.
// Its error is an *InvalidError; ErrCredentials if nobody who may log in has the name for themselves, so that it says no
// more of a contested or disabled person than of none; or an *UnavailableError.
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
	case rec.contests(name) && !rec.spelled(name):
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
	case len(found) > 1:
		found = spelledExactly(found, name.Spelling)
	}
	if len(found) != 1 {
		return Person{}, refused("unknown")
	}
	c := found[0]
	rec, err := s.store.ByLink(ctx, c.source.Name, c.user.ID)
	switch {
	case err == nil && rec.Disabled:
		return Person{}, refused("new-disabled")
	case err == nil:
		return personOf(rec), nil
	case !errors.Is(err, ErrNotFound):
		return Person{}, cannotTell("read account by link", err)
	case c.user.Disabled:
		return Person{}, refused("legacy-disabled")
	}
	return c.person(), nil
}
