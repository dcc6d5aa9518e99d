package accounts

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/google/uuid"

	"rekey/legacy"
)

// Renew moves a session on from a generation to the next for somebody who is here and may log in, which nearly
// everybody is, and returns who they are now. Its error is ErrStale, and nothing has changed, for everybody else: ask
// Resume about them first. An *UnavailableError means that it cannot be told.
func (s *Service) Renew(
	ctx context.Context, session uuid.UUID, from int64, at time.Time, idle, absolute time.Duration,
) (Session, Person, error) {
	renewed, account, err := s.store.RenewSession(ctx, session, from, at, idle, absolute)
	switch {
	case errors.Is(err, ErrStale):
		return Session{}, Person{}, ErrStale
	case err != nil:
		return Session{}, Person{}, cannotTell("renew session", err)
	}
	return renewed, Person{ID: account.ID, Identifiers: account.Identifiers}, nil
}

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
	if session.Source == "" {
		return Person{}, refused("new-gone")
	}
	i := slices.IndexFunc(s.sources, func(src Source) bool { return src.Name == session.Source })
	if i < 0 {
		return Person{}, cannotTell("read person from the legacy store", errNoSource)
	}
	getter, ok := s.sources[i].Source.(legacy.Getter)
	if !ok {
		return Person{}, cannotTell("read person from the legacy store", errNoGetter)
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
	return candidate{source: s.sources[i], user: user}.person(), nil
}

// Why somebody who has not moved cannot be read again. Neither says anything about them.
var (
	errNoSource = errors.New("no source of that name is configured here")
	errNoGetter = errors.New("the source cannot be read by key")
)
