package accounts

import (
	"context"
	"errors"
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
	return renewed, s.owingNow(ctx, personOf(Record{Account: account})), nil
}

// Resume returns the person that a session belongs to, as they are now: it is asked at every refresh. It returns
// ErrCredentials if they may no longer be in (disabled, gone), and an *UnavailableError if that cannot be told.
func (s *Service) Resume(ctx context.Context, session Session) (Person, error) {
	rec, err := s.store.ByID(ctx, session.AccountID)
	switch {
	case err == nil && rec.Deleted():
		return Person{}, refused("new-deleted")
	case err == nil && rec.Disabled:
		return Person{}, refused("new-disabled")
	case err == nil:
		return s.owingNow(ctx, personOf(rec)), nil
	case !errors.Is(err, ErrNotFound):
		return Person{}, cannotTell("read account", err)
	}
	c, err := s.resumeLegacy(ctx, session)
	if err != nil {
		return Person{}, err
	}
	return s.unmoved(c), nil
}

// ProfileOf returns what is known of a person beside what they log in with, wherever they are. Its error is an
// *UnavailableError, or ErrCredentials if they have gone meanwhile.
func (s *Service) ProfileOf(ctx context.Context, p Person) (Profile, error) {
	if p.Source != "" {
		c, err := s.resumeLegacy(ctx, Session{AccountID: p.ID, Source: p.Source, LegacyID: p.LegacyID})
		return profileFrom(c.user.Profile), err
	}
	profile, err := s.store.Profile(ctx, p.ID)
	switch {
	case errors.Is(err, ErrNotFound):
		return Profile{}, refused("new-gone")
	case err != nil:
		return Profile{}, cannotTell("read profile", err)
	}
	return profile, nil
}

// resumeLegacy reads somebody who was not moved when they logged in, by the legacy store's own key.
func (s *Service) resumeLegacy(ctx context.Context, session Session) (candidate, error) {
	if session.Source == "" || !s.asksLegacy() {
		return candidate{}, refused("new-gone")
	}
	rec, err := s.store.ByLink(ctx, session.Source, session.LegacyID)
	switch {
	case err == nil && rec.Deleted():
		return candidate{}, refused("new-deleted")
	case err == nil && rec.ID != session.AccountID: // they are part of another account now, with another subject: they have to log in as that
		return candidate{}, refused("legacy-linked")
	case err != nil && !errors.Is(err, ErrNotFound):
		return candidate{}, cannotTell("read account by link", err)
	}
	i := s.sourceIndex(session.Source)
	if i < 0 {
		return candidate{}, cannotTell("read person from the legacy store", errNoSource)
	}
	getter, ok := s.sources[i].Source.(legacy.Getter)
	if !ok {
		return candidate{}, cannotTell("read person from the legacy store", errNoGetter)
	}
	user, err := getter.Get(ctx, session.LegacyID)
	switch {
	case errors.Is(err, legacy.ErrNoUser):
		return candidate{}, refused("legacy-gone")
	case err != nil:
		return candidate{}, cannotTell("read person from the legacy store", err)
	case user.Disabled:
		return candidate{}, refused("legacy-disabled")
	}
	c := candidate{source: s.sources[i], user: user, order: i}
	switch reused, err := s.reusedKey(ctx, rec, c); {
	case err != nil:
		return candidate{}, err
	case reused: // whose session it is has gone
		return candidate{}, refused("legacy-reused")
	}
	return c, nil
}

// Why somebody who has not moved cannot be read again. Neither says anything about them.
var (
	errNoSource = errors.New("no source of that name is configured here")
	errNoGetter = errors.New("the source cannot be read by key")
)
