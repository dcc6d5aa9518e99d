package accounts

import (
	"context"
	"errors"

	"rekey/legacy"
)

// Resume returns the person that a session belongs to, as they are now: it is asked at every refresh. It returns
// ErrCredentials if they may no longer be in (disabled, gone), and an *UnavailableError if that cannot be told.
func (s *Service) Resume(ctx context.Context, session Session) (Person, error) {
	rec, err := s.store.ByID(ctx, session.AccountID)
	switch {
	case err == nil && rec.Disabled:
		return Person{}, refused("new-disabled")
	case err == nil:
		return personOf(rec), nil
	case !errors.Is(err, ErrNotFound):
		return Person{}, cannotTell("read account", err)
	}
	return s.resumeLegacy(ctx, session)
}

// resumeLegacy reads somebody who was not moved when they logged in, by the legacy store's own key.
func (s *Service) resumeLegacy(ctx context.Context, session Session) (Person, error) {
	getter, ok := s.source(session.Source).(legacy.Getter)
	if !ok {
		return Person{}, refused("legacy-gone")
	}
	user, err := getter.Get(ctx, session.LegacyID)
	switch {
	case errors.Is(err, legacy.ErrNoUser):
		return Person{}, refused("legacy-gone")
	case err != nil:
		return Person{}, cannotTell("read person from the legacy store", err)
	case user.Disabled:
		return Person{}, refused("legacy-disabled")
	}
	for _, source := range s.sources {
		if source.Name == session.Source {
			return candidate{source, user}.person(), nil
		}
	}
	return Person{}, refused("legacy-gone")
}
