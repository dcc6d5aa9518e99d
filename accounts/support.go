package accounts

import (
	"context"
	"errors"

	"github.com/google/uuid"
)

// What staff do with one account. A ref names it; see desk.go.

// An Overview is what staff see of an account. It holds no secret.
type Overview struct {
	Account
	Scheme   Scheme // of the password; "" if there is none
	Version  int64  // of the password
	Links    []LegacyLink
	Profile  Profile
	Factors  map[FactorKind]int // how many of each kind
	Sessions int                // that live; at most MaxSessions are counted
	Notes    []Note             // newest first
	CopyBack []DeliveryState    // what legacy stores have yet to hear, oldest first; at most overviewDeliveries
	Events   []Event            // the newest, newest first
}

const (
	// MaxSessions is how many sessions of one account are looked at.
	MaxSessions = 1000
	// overviewEvents is how many events an overview has: what fits a screen.
	overviewEvents = 20
	// overviewDeliveries is more than somebody changes while a legacy store refuses the first.
	overviewDeliveries = 100
)

// AccountOf returns the account that a ref names. Its error is ErrNotFound, or an *UnavailableError.
func (s *Service) AccountOf(ctx context.Context, ref string) (Record, error) {
	rec, err := Record{}, ErrNotFound
	key, isKey := s.legacyRef(ref)
	if id, ok := parseID(ref); ok {
		rec, err = s.store.ByID(ctx, id)
	} else if isKey {
		rec, err = s.store.ByLink(ctx, key.Source, key.LegacyID)
	}
	if errors.Is(err, ErrNotFound) && !isKey { // a name may look like an id
		if name, parseErr := ParseIdentifier(ref); parseErr == nil {
			rec, err = s.store.ByIdentifier(ctx, name.Canonical)
		}
	}
	if key, ok := keyOf(ref); ok && !isKey && errors.Is(err, ErrNotFound) { // of a legacy store that is asked no more, links stay
		rec, err = s.store.ByLink(ctx, key.Source, key.LegacyID)
	}
	switch {
	case errors.Is(err, ErrNotFound):
		return Record{}, ErrNotFound
	case err != nil:
		return Record{}, cannotTell("read account", err)
	}
	return rec, nil
}

// SubjectOf returns the id that a ref names: an account's, or any id, or that of any key of a legacy store, which may be of a
// person who has not moved. Its error is ErrNotFound, or an *UnavailableError.
func (s *Service) SubjectOf(ctx context.Context, ref string) (uuid.UUID, error) {
	rec, err := s.AccountOf(ctx, ref)
	if errors.Is(err, ErrNotFound) {
		if key, ok := s.legacyRef(ref); ok {
			return SubjectFor(key.Source, key.LegacyID), nil
		}
		if id, ok := parseID(ref); ok {
			return id, nil
		}
	}
	return rec.ID, err
}

// parseID reads an id in its usual form alone: others that the parser takes may be names.
func parseID(ref string) (uuid.UUID, bool) {
	id, err := uuid.Parse(ref)
	return id, err == nil && id != uuid.Nil && len(ref) == len(id.String())
}

// Overview returns what there is to see of an account. Its error is ErrNotFound, or an *UnavailableError.
func (s *Service) Overview(ctx context.Context, ref string) (Overview, error) {
	rec, err := s.AccountOf(ctx, ref)
	if err != nil {
		return Overview{}, err
	}
	return s.overview(ctx, rec)
}

func (s *Service) overview(ctx context.Context, rec Record) (Overview, error) {
	o := Overview{Account: rec.Account, Scheme: rec.Credential.Scheme, Version: rec.Credential.Version}
	for _, read := range []func() error{
		func() (err error) { o.Links, err = s.store.Links(ctx, rec.ID); return err },
		func() (err error) { o.Profile, err = s.store.Profile(ctx, rec.ID); return err },
		func() (err error) { o.Factors, err = s.factorKinds(ctx, rec.ID); return err },
		func() (err error) { o.Notes, err = s.store.NotesOf(ctx, rec.ID); return err },
		func() error { return s.goingOn(ctx, rec.ID, &o) },
	} {
		if err := read(); err != nil {
			return Overview{}, cannotTell("read account", err)
		}
	}
	return o, nil
}

// goingOn reads what is going on with a subject, who need not be here.
func (s *Service) goingOn(ctx context.Context, subject uuid.UUID, o *Overview) (err error) {
	if o.CopyBack, err = s.Deliveries(ctx, DeliveryQuery{Account: subject, Limit: overviewDeliveries}); err != nil {
		return err
	}
	living, err := s.store.LivingSessions(ctx, subject, s.now(), MaxSessions)
	if err != nil {
		return err
	}
	o.Sessions = len(living)
	o.Events, err = s.store.RecentEvents(ctx, EventQuery{Account: subject, Limit: overviewEvents})
	return err
}

func (s *Service) factorKinds(ctx context.Context, account uuid.UUID) (map[FactorKind]int, error) {
	factors, err := s.store.Factors(ctx, account)
	kinds := make(map[FactorKind]int)
	for _, f := range factors {
		kinds[f.Kind]++
	}
	return kinds, err
}

// Events returns events, newest first. Its error is an *UnavailableError.
func (s *Service) Events(ctx context.Context, q EventQuery) ([]Event, error) {
	events, err := s.store.RecentEvents(ctx, q)
	if err != nil {
		return nil, cannotTell("read events", err)
	}
	return events, nil
}

// SessionsOf returns the sessions of a subject that live, newest first, at most MaxSessions. Its error is an
// *UnavailableError.
func (s *Service) SessionsOf(ctx context.Context, subject uuid.UUID) ([]Session, error) {
	sessions, err := s.store.LivingSessions(ctx, subject, s.now(), MaxSessions)
	if err != nil {
		return nil, cannotTell("read sessions", err)
	}
	return sessions, nil
}

// RevokeSessions ends every session of a subject and returns which; their access tokens are the caller's to refuse.
// Where there is none to end nothing is done. Its error is an *InvalidError, or an *UnavailableError.
func (s *Service) RevokeSessions(ctx context.Context, subject uuid.UUID, by By) (ended []uuid.UUID, err error) {
	if err := by.Check(); err != nil {
		return nil, err
	}
	err = s.outlive(ctx, func(ctx context.Context) (err error) {
		now := s.now()
		ended, err = s.store.RevokeSessions(ctx, subject, now, by.event(subject, EventSessionsRevoked, now))
		return err
	})
	if err != nil {
		return nil, cannotTell("revoke sessions", err)
	}
	return ended, nil
}

// SetDisabled disables or enables an account, ends its sessions, and returns which; their access tokens are the caller's
// to refuse. Where the account is so already nothing is done and changed is false. Its error is an *InvalidError,
// ErrNotFound, ErrManagedElsewhere (a legacy store that is looked at has disabled them, and has to enable them), or an
// *UnavailableError.
func (s *Service) SetDisabled(ctx context.Context, account uuid.UUID, disabled bool, by By) (changed bool, ended []uuid.UUID, err error) {
	if err := by.Check(); err != nil {
		return false, nil, err
	}
	kind := EventEnabled
	if disabled {
		kind = EventDisabled
	} else if err := s.mayEnable(ctx, account); err != nil {
		return false, nil, err
	}
	err = s.outlive(ctx, func(ctx context.Context) (err error) {
		now := s.now()
		changed, ended, err = s.store.SetDisabled(ctx, account, disabled, now, by.event(account, kind, now))
		return err
	})
	switch {
	case errors.Is(err, ErrNotFound):
		return false, nil, ErrNotFound
	case err != nil:
		return false, nil, cannotTell("set disabled", err)
	}
	return changed, ended, nil
}

// mayEnable returns ErrManagedElsewhere if a legacy store says that somebody may not be in: it would say so again.
func (s *Service) mayEnable(ctx context.Context, account uuid.UUID) error {
	if !s.asksLegacy() {
		return nil
	}
	links, err := s.store.Links(ctx, account)
	if err != nil {
		return cannotTell("read links", err)
	}
	for _, l := range links {
		if i := s.sourceIndex(l.Source); l.Barred != NotBarred && i >= 0 && s.sources[i].Watch != (Watch{}) {
			return s.sources[i].elsewhere()
		}
	}
	return nil
}
