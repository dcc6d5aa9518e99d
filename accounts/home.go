package accounts

import (
	"context"
	"errors"

	"github.com/google/uuid"

	"rekey/accounts/failpoint"
	"rekey/accounts/phase"
)

// Which store answers for somebody is read from the phase's table, once for each flow: what a flow decided at its begin
// holds to its end. Leave is called then.

// enter begins a flow in the epoch that the attempt then carries.
func (s *Service) enter(a *Attempt) (leave func(), err error) {
	if s.lease == nil {
		a.at = alwaysNewFirst
		return func() {}, nil
	}
	a.at, leave, err = s.lease.enter()
	return leave, err
}

// alwaysNewFirst is the state of a service that has no lease: all copies are trusted.
var alwaysNewFirst = phase.State{TrustEpoch: 1, Plan: phase.Lazy, Phase: phase.NewFirst}

// asksLegacy tells whether the legacy stores are asked for anybody: they may be switched off in new-only.
func (s *Service) asksLegacy() bool { return s.lease == nil || s.lease.State().AsksLegacy() }

// row is what the table says of an account that is here. While a change of it is in doubt, legacy answers, and no other
// change begins.
func (a Attempt) row(rec Record) phase.Row {
	row := a.at.Row(facts(rec))
	if rec.InDoubt && a.at.AsksLegacy() && !rec.Deleted() {
		row.Answers, row.Home, row.Frozen = phase.Legacy, phase.Legacy, !failpoint.Without(failpoint.AccountLock)
	}
	return row
}

// errFrozen is why a change has to wait.
var errFrozen = errors.New("the phase is being changed, or another change of the account has not ended")

// changing returns the row of the account whose change begins, or an *UnavailableError if none may now.
func (s *Service) changing(ctx context.Context, account uuid.UUID, a Attempt) (phase.Row, error) {
	rec, err := s.store.ByID(ctx, account)
	row := a.rowOfAbsent(account)
	switch {
	case err == nil:
		row = a.row(rec)
	case !errors.Is(err, ErrNotFound):
		return phase.Row{}, cannotTell("read account", err)
	}
	if row.Frozen {
		return phase.Row{}, &UnavailableError{RetryAfter: retryFrozen, Err: errFrozen}
	}
	return row, nil
}

// rowOfAbsent is what the table says of somebody who is not here.
func (a Attempt) rowOfAbsent(id uuid.UUID) phase.Row { return a.at.Row(phase.Account{ID: id}) }

func facts(rec Record) phase.Account {
	f := phase.Account{ID: rec.ID, ChangedHere: rec.ChangedHere, InDoubt: rec.InDoubt, Pinned: rec.Pinned, Tombstone: rec.Deleted()}
	if rec.Link == nil {
		f.Pinned = true // born here: no legacy store can answer for them
		return f
	}
	f.CopiedEpoch, f.Dirty = rec.Link.CopiedEpoch, rec.Link.Dirty
	f.Drifted = rec.Link.Drifted && !rec.Credential.AwaitsReset() // a password that was taken away does not come back with a new address
	return f
}

// writes returns the store's writes, held to the epoch that the flow began in.
func (s *Service) writes(a Attempt) Writes {
	if s.lease == nil {
		return s.store
	}
	return s.store.At(a.at.Epoch)
}
