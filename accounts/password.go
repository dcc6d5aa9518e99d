package accounts

import (
	"bytes"
	"context"
	"errors"
	"sync/atomic"

	"rekey/accounts/failpoint"
	"rekey/accounts/password"
	"rekey/accounts/phase"
)

// A Change is a new password from somebody who is logged in.
type Change struct {
	Session   Session // that they are logged in by; it goes on, all their others end
	Current   password.Secret
	New       password.Secret
	RequestID string

	// Alone: the session could not be read, because the new store is out of reach; it says what the access token says. Name is
	// the name in that.
	Alone bool
	Name  string
}

// ChangePassword replaces a password that its owner still knows. Nobody who is not in the new store yet is changed
// elsewhere: they are moved first, by the password that they have just proven.
//
// Its errors are ErrCredentials (the current password is wrong, or the person may not be in), an *InvalidError, a
// *PolicyError, ErrContestedPerson, or an *UnavailableError.
func (s *Service) ChangePassword(ctx context.Context, c Change) error {
	if err := c.New.Check(); err != nil {
		return &InvalidError{Field: "new_password", Reason: err.Error()}
	}
	a := Attempt{Password: c.Current, RequestID: c.RequestID}
	if c.Alone {
		return s.passwordAlone(ctx, c, a)
	}
	there := func(a Attempt) error { return s.changeThere(ctx, c, a) }
	return s.change(ctx, c.Session, a, &s.stats.Changed, there, func(a Attempt, rec Record, row phase.Row) error {
		if err := s.checkNewOf(ctx, rec, c.New); err != nil {
			return err
		}
		if rec.NeedsChange && bytes.Equal(c.New.Reveal(), c.Current.Reveal()) {
			return &PolicyError{Field: "new_password", Reason: "must be another than the current one"}
		}
		next, owed, err := s.newPassword(ctx, rec, row, c.New)
		if err != nil {
			return err
		}
		failpoint.Hit(failpoint.ChangeHashed)
		write := func(ctx context.Context) error {
			return s.writes(a).SetPassword(ctx, rec.ID, rec.Credential.Version, next, c.Session.ID, s.event(rec.ID, EventPassword, a), owed...)
		}
		if failpoint.Without(failpoint.Commit) {
			go func() { _ = s.outlive(ctx, write) }() // nobody hears of it: that is what is tried
			return nil
		}
		err = s.outlive(ctx, write)
		s.owes(owed, err)
		return err
	})
}

// change runs a change of somebody who is logged in, and counts it: there, where the legacy store must have it, or here, on
// their account, after their password was proven once more. Both may be run again.
func (s *Service) change(
	ctx context.Context, session Session, a Attempt, made *atomic.Int64, there func(Attempt) error, here func(Attempt, Record, phase.Row) error,
) error {
	leave, err := s.enter(&a)
	if err != nil {
		return err
	}
	defer leave()
	return s.retryStale(made, func() error {
		row, err := s.changing(ctx, session.AccountID, a)
		if err != nil {
			return err
		}
		if row.Legacy == phase.Required {
			return there(a)
		}
		rec, err := s.holder(ctx, session, a)
		if err != nil {
			return err
		}
		return here(a, rec, row)
	})
}

// holder returns the account of a session after its password was proven once more. Somebody who is not in the new store
// yet is moved.
func (s *Service) holder(ctx context.Context, session Session, a Attempt) (Record, error) {
	if err := a.Password.Check(); err != nil {
		return Record{}, &InvalidError{Field: "current_password", Reason: err.Error()}
	}
	rec, err := s.store.ByID(ctx, session.AccountID)
	move := func() error { return nil }
	switch {
	case errors.Is(err, ErrNotFound):
		move = func() error { return s.moveHolder(ctx, session, a) }
	case err == nil && !rec.Deleted() && a.row(rec).Answers != phase.New:
		move = func() error { return s.takeOver(ctx, rec, session, a) }
	case err != nil:
		return Record{}, cannotTell("read account", err)
	}
	if err := move(); err != nil {
		return Record{}, err
	}
	if rec, err = s.store.ByID(ctx, session.AccountID); err != nil {
		return Record{}, cannotTell("read account", err)
	}
	if rec.Deleted() {
		return Record{}, refused("new-deleted")
	}
	return rec, s.proveHere(ctx, rec, a)
}

// takeOver makes a copy that is not trusted equal to legacy, which answers for it, so that the account can be changed here. What
// the copy says of the password counts for nothing.
func (s *Service) takeOver(ctx context.Context, rec Record, session Session, a Attempt) error {
	if a.row(rec).Answers != phase.Legacy {
		return s.refuseUnknown(ctx, a)
	}
	session.Source, session.LegacyID = rec.Link.Source, rec.Link.LegacyID
	c, err := s.resumeLegacy(ctx, session)
	if err != nil {
		return err
	}
	p, err := s.prove(ctx, c, a)
	switch {
	case err != nil:
		return err
	case rec.disabledHere():
		return refused("new-disabled")
	}
	err = s.outlive(ctx, func(ctx context.Context) error { return s.recopy(ctx, rec, c, p, a) })
	if err == nil {
		s.stats.Recopied.Add(1)
		return nil
	}
	return s.unmovable(ctx, c, err, a)
}

// moveHolder moves somebody who is logged in and was not moved then. Unlike a login it cannot go on without: what
// cannot be moved cannot be changed.
func (s *Service) moveHolder(ctx context.Context, session Session, a Attempt) error {
	c, err := s.resumeLegacy(ctx, session)
	if err != nil {
		return err
	}
	p, err := s.prove(ctx, c, a)
	if err != nil {
		return err
	}
	err = s.outlive(ctx, func(ctx context.Context) error {
		_, err := s.move(ctx, c, p, nil, a)
		return err
	})
	switch {
	case err == nil:
		s.stats.Migrated.Add(1)
		return nil
	case errors.Is(err, ErrLinked): // somebody else has just moved them, and the account answers
		return nil
	}
	return s.unmovable(ctx, c, err, a)
}

// unmovable says what it means to a change that its account cannot be made equal to legacy.
func (s *Service) unmovable(ctx context.Context, c candidate, err error, a Attempt) error {
	switch {
	case errors.Is(err, errContested), errors.Is(err, ErrTaken):
		s.noteContested(ctx, c, a)
		return ErrContestedPerson
	case isReused(err):
		return s.doubtReused(ctx, c, noteReused, a)
	case errors.Is(err, errChanged), errors.Is(err, ErrStale):
		return &UnavailableError{RetryAfter: retryChanged, Err: err}
	}
	return cannotTell("move account", err)
}

// staleTries bounds how often a change is begun again because somebody else has written meanwhile, such as a login that
// rehashed.
const staleTries = 3

// retryStale runs a change until no other write has come between what it read and what it wrote, and counts it in made,
// if that is not nil.
func (s *Service) retryStale(made *atomic.Int64, change func() error) error {
	var err error
	for range staleTries {
		if err = change(); !errors.Is(err, ErrStale) {
			break
		}
	}
	if err == nil && made != nil {
		made.Add(1)
	}
	return asAnswer(err)
}

// asAnswer makes an error that a flow returns of one that a store has returned.
func asAnswer(err error) error {
	switch {
	case err == nil || isAnswer(err):
		return err
	case errors.Is(err, ErrSpent):
		return refusedCode("code-spent")
	case errors.Is(err, ErrNotFound):
		return refused("new-deleted")
	case errors.Is(err, ErrStaleEpoch):
		return &UnavailableError{RetryAfter: retryFrozen, Err: err}
	}
	return cannotTell("change account", err)
}

// isAnswer reports whether an error is one that a flow returns on purpose.
func isAnswer(err error) bool {
	var (
		unavailable *UnavailableError
		invalid     *InvalidError
		policy      *PolicyError
		limited     *LimitedError
	)
	return errors.Is(err, ErrCredentials) || errors.Is(err, ErrContestedPerson) || errors.Is(err, ErrTakenIdentifier) || errors.Is(err, ErrManagedElsewhere) ||
		errors.Is(err, ErrTicket) ||
		errors.Is(err, ErrFactorThere) || errors.Is(err, ErrNoFactor) || errors.As(err, &limited) ||
		errors.As(err, &unavailable) || errors.As(err, &invalid) || errors.As(err, &policy)
}
