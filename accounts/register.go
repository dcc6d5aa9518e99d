package accounts

import (
	"context"
	"errors"

	"github.com/google/uuid"

	"rekey/accounts/password"
	"rekey/accounts/phase"
	"rekey/accounts/policy"
	"rekey/legacy"
)

// A Registration is somebody new. At least one of the identifiers is there.
type Registration struct {
	Username, Email, Phone string
	DisplayName, Locale    string
	Password               password.Secret
	RequestID              string
}

// Register makes an account that no legacy store knows. An identifier that lives unmoved in a legacy store is as taken as
// one that is here, and costs the same: the password is hashed before anybody is asked.
//
// Its errors are an *InvalidError, a *PolicyError, ErrTakenIdentifier, or an *UnavailableError: while a legacy store does
// not answer, nobody knows whether a name is free.
func (s *Service) Register(ctx context.Context, r Registration) (Person, error) {
	ids, err := r.identifiers()
	if err != nil {
		return Person{}, err
	}
	profile, err := r.profile()
	if err != nil {
		return Person{}, err
	}
	if err := r.Password.Check(); err != nil {
		return Person{}, &InvalidError{Field: "password", Reason: err.Error()}
	}
	a := Attempt{RequestID: r.RequestID}
	leave, err := s.enter(&a)
	if err != nil {
		return Person{}, err
	}
	defer leave()
	account := Account{ID: uuid.Must(uuid.NewV7()), Identifiers: ids, CreatedAt: s.now()}
	row := a.rowOfAbsent(account.ID)
	if row.Frozen {
		return Person{}, &UnavailableError{RetryAfter: retryFrozen, Err: errFrozen}
	}
	if err := s.checkNew(ctx, policy.About{Names: []string{r.Username, r.Email, r.Phone, r.DisplayName}}, r.Password); err != nil {
		return Person{}, asPassword(err)
	}
	credential, err := s.hash(ctx, "", r.Password)
	if err != nil {
		return Person{}, cannotTell("hash the password", err)
	}
	if err := s.checkFree(ctx, Record{}, ids); err != nil {
		return Person{}, err
	}
	rec := Record{Account: account, Credential: credential, Profile: profile}
	if row.Legacy == phase.Required {
		person, err := s.registerThere(ctx, rec, r.Password, a)
		if err == nil {
			s.stats.Registered.Add(1)
		}
		return person, err
	}
	if row.Legacy == phase.CopyBack {
		if rec.Owed, err = s.oweInsert(ctx, rec, r.Password); err != nil {
			return Person{}, asPassword(err)
		}
	}
	event := s.event(account.ID, EventRegistered, a)
	err = s.outlive(ctx, func(ctx context.Context) error { return s.writes(a).Create(ctx, rec, event) })
	s.owes(rec.Owed, err)
	switch {
	case errors.Is(err, ErrTaken):
		return Person{}, ErrTakenIdentifier
	case err != nil:
		return Person{}, cannotTell("create account", err)
	}
	s.stats.Registered.Add(1)
	person := personOf(rec)
	s.welcome(ctx, person, a)
	return person, nil
}

// asPassword names the field as a registration has it.
func asPassword(err error) error { return inField(err, "password") }

// inField names the field of a *PolicyError.
func inField(err error, field string) error {
	if policy, ok := errors.AsType[*PolicyError](err); ok {
		policy.Field = field
	}
	return err
}

// identifiers reads what was typed. Each must have the shape of its kind: "anna@example.org" is no username, or it would be
// another's address one day.
func (r Registration) identifiers() ([]Identifier, error) {
	var ids []Identifier
	for _, typed := range []struct {
		field string
		kind  Kind
		value string
	}{{"username", Username, r.Username}, {"email", Email, r.Email}, {"phone", Phone, r.Phone}} {
		if typed.value == "" {
			continue
		}
		id, err := ParseIdentifier(typed.value)
		switch {
		case err != nil:
			return nil, &InvalidError{Field: typed.field, Reason: err.Error()}
		case id.Kind != typed.kind:
			return nil, &InvalidError{Field: typed.field, Reason: shapes[typed.kind]}
		}
		ids = append(ids, id)
	}
	if len(ids) == 0 {
		return nil, &InvalidError{Field: "username", Reason: "is missing, and so are email and phone: one of them is needed"}
	}
	return ids, nil
}

// profile reads what else was typed.
func (r Registration) profile() (*Profile, error) {
	name, err := checkDisplayName(r.DisplayName)
	if err != nil {
		return nil, err
	}
	locale, err := checkLocale(r.Locale)
	if err != nil {
		return nil, err
	}
	return profileOf(legacy.Profile{DisplayName: name, Locale: locale}), nil
}

var shapes = map[Kind]string{
	Username: "must not look like an e-mail address or a phone number",
	Email:    "must be an e-mail address",
	Phone:    "must be a phone number that begins with +",
}

// checkFree returns ErrTakenIdentifier if any store has one of the identifiers as another's than self's. All are asked in every case.
//
// A legacy store that compares byte by byte has names in spellings that it is not asked for ("aNNa"). Such a person is not
// seen here, and not locked out either: a login in their spelling asks for them (loginOtherSpelling).
func (s *Service) checkFree(ctx context.Context, self Record, ids []Identifier) error {
	taken := false
	for _, id := range ids {
		switch rec, err := s.store.ByIdentifier(ctx, id.Canonical); {
		case err == nil:
			taken = taken || rec.ID != self.ID
		case !errors.Is(err, ErrNotFound):
			return cannotTell("read account", err)
		}
	}
	found, err := s.lookup(ctx, s.sources, ids)
	if self.ID != uuid.Nil && err == nil {
		found, err = s.notOf(ctx, self, found)
	}
	switch {
	case errors.Is(err, legacy.ErrTooMany), len(found) > 0:
		taken = true
	case err != nil:
		return cannotTell("ask the legacy store", err)
	}
	if taken {
		return ErrTakenIdentifier
	}
	return nil
}
