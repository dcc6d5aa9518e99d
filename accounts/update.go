package accounts

import (
	"context"
	"errors"
	"slices"
	"strings"

	"rekey/accounts/phase"
)

// A ProfileChange is what somebody who is logged in says of themselves. nil is as it was.
type ProfileChange struct {
	Session       Session
	DisplayName   *string
	Locale        *string
	AcceptedTerms *string // version
	RequestID     string
}

// UpdateProfile changes what is kept of a person. No legacy store is told; the account stays at home here for it.
//
// Its errors are an *InvalidError, a *PolicyError, ErrManagedElsewhere while the legacy store answers for them,
// ErrCredentials (they may not be in), or an *UnavailableError.
func (s *Service) UpdateProfile(ctx context.Context, c ProfileChange) error {
	a := Attempt{RequestID: c.RequestID}
	u, err := s.readUpdate(c)
	if err != nil {
		return err
	}
	leave, err := s.enter(&a)
	if err != nil {
		return err
	}
	defer leave()
	row, err := s.changing(ctx, c.Session.AccountID, a)
	switch {
	case err != nil:
		return err
	case row.Answers != phase.New || row.Legacy == phase.Required:
		return s.elsewhere(ctx, c.Session)
	}
	profile, err := s.store.Profile(ctx, c.Session.AccountID)
	switch {
	case errors.Is(err, ErrNotFound):
		return refused("new-gone")
	case err != nil:
		return cannotTell("read profile", err)
	}
	if u.DisplayName != nil {
		profile.DisplayName = *u.DisplayName
	}
	if u.Locale != nil {
		profile.Locale = *u.Locale
	}
	u.Complete = s.complete(profile)
	err = s.outlive(ctx, func(ctx context.Context) error {
		return s.writes(a).UpdateProfile(ctx, c.Session.AccountID, u, s.updateEvents(c.Session, u, a)...)
	})
	return asAnswer(err)
}

// readUpdate checks what somebody says.
func (s *Service) readUpdate(c ProfileChange) (Update, error) {
	if c.DisplayName == nil && c.Locale == nil && c.AcceptedTerms == nil {
		return Update{}, &InvalidError{Field: "body", Reason: "says nothing to change"}
	}
	u := Update{DisplayName: c.DisplayName, Locale: c.Locale, Terms: c.AcceptedTerms}
	for _, given := range []struct {
		field string
		value **string
		check func(string) (string, error)
	}{{fieldDisplayName, &u.DisplayName, checkDisplayName}, {fieldLocale, &u.Locale, checkLocale}} {
		if *given.value == nil {
			continue
		}
		text, err := given.check(**given.value)
		switch {
		case err != nil:
			return Update{}, err
		case text == "" && slices.Contains(s.required.Fields, given.field):
			return Update{}, &PolicyError{Field: given.field, Reason: "is required"}
		}
		*given.value = &text
	}
	if u.Terms != nil && (*u.Terms == "" || *u.Terms != s.required.Terms) {
		return Update{}, &PolicyError{Field: "accepted_terms", Reason: "must be the version that is asked for now"}
	}
	return u, nil
}

func (s *Service) updateEvents(session Session, u Update, a Attempt) []Event {
	var events []Event
	var fields []string
	if u.DisplayName != nil {
		fields = append(fields, fieldDisplayName)
	}
	if u.Locale != nil {
		fields = append(fields, fieldLocale)
	}
	if fields != nil {
		e := s.event(session.AccountID, EventProfileChanged, a)
		e.Detail = map[string]string{"fields": strings.Join(fields, " ")}
		events = append(events, e)
	}
	if u.Terms != nil {
		e := s.event(session.AccountID, EventTermsAccepted, a)
		e.Detail = map[string]string{"version": *u.Terms}
		events = append(events, e)
	}
	return events
}
