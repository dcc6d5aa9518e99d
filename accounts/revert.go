package accounts

import (
	"context"
	"errors"
	"fmt"

	"github.com/google/uuid"

	"rekey/accounts/phase"
)

// To take a move back is to say that legacy knows better: the copy here is marked as behind it, counts no more from then on,
// in any phase, and the legacy store answers. The subject stays, and so does what staff have said here, such as "disabled".
// Where anything was changed here that the legacy store does not know, it would be lost, or an older password would come back
// to life: there nothing is taken back. The rules:
//
//  1. The account is read first, then legacy, and what is written names the version of the password, and the link, as they
//     were read. That nothing was changed here, is under way or on its way is looked at again in the transaction.
//  2. Somebody has to be there in the legacy store who is the person that was moved.
//  3. Sessions end with it: they were opened by what counts no more.
//  4. It is no lock: where the phase moves people, the next login moves them again, and so does the next sweep.

// Taken is what taking a move back has come to.
type Taken struct {
	AccountID uuid.UUID
	Source    string
	LegacyID  string
	// Changed: this call did it, or would with a dry run. If not, legacy answers for them already.
	Changed bool
	Until   string      // how long legacy answers, in words
	Ended   []uuid.UUID // sessions
}

// A KeptError says why a move is not taken back.
type KeptError struct {
	State  PersonState
	Reason string // fixed text
}

func (e *KeptError) Error() string { return e.Reason }

// Revert takes the move of one person back. Its error is an *InvalidError, ErrNotFound, ErrContestedPerson, a *KeptError, or an
// *UnavailableError.
func (s *Service) Revert(ctx context.Context, ref string, dryRun bool, by By) (Taken, error) {
	if err := by.Check(); err != nil {
		return Taken{}, err
	}
	a := Attempt{RequestID: by.RequestID, by: &by}
	leave, err := s.enter(&a)
	if err != nil {
		return Taken{}, err
	}
	defer leave()
	var taken Taken
	for range staleTries {
		if taken, err = s.revert(ctx, ref, dryRun, a); !errors.Is(err, ErrStale) {
			break
		}
	}
	switch {
	case err == nil, isAnswer(err), errors.Is(err, ErrNotFound), errors.As(err, new(*KeptError)):
		return taken, err
	case errors.Is(err, ErrStale):
		return Taken{}, &UnavailableError{RetryAfter: retryChanged, Err: err}
	case errors.Is(err, ErrStaleEpoch):
		return Taken{}, &UnavailableError{RetryAfter: retryFrozen, Err: err}
	}
	return Taken{}, cannotTell("take a move back", err)
}

// revert is one try.
func (s *Service) revert(ctx context.Context, ref string, dryRun bool, a Attempt) (Taken, error) {
	p, err := s.named(ctx, ref, a)
	if err != nil {
		return Taken{}, err
	}
	taken := Taken{AccountID: p.id, Source: p.key.Source, LegacyID: p.key.LegacyID, Until: until(a.at)}
	if p.rec == nil {
		return taken, nil // they have not been moved
	}
	if err := s.mayRevert(ctx, p, a); err != nil {
		return Taken{}, err
	}
	if p.row(a).Answers != phase.New {
		return taken, nil
	}
	taken.Changed = true
	if dryRun {
		return taken, nil
	}
	event := s.event(p.id, EventReverted, a)
	event.Detail = map[string]string{"source": p.key.Source, "legacy_id": p.key.LegacyID, "phase": a.at.Phase.String()}
	err = s.outlive(ctx, func(ctx context.Context) (err error) {
		taken.Ended, err = s.writes(a).Revert(ctx, p.id, p.rec.Credential.Version, *p.rec.Link, s.now(), event)
		return err
	})
	if err != nil {
		return Taken{}, err
	}
	return taken, nil
}

// until says how long legacy answers for somebody whose move was taken back.
func until(at phase.State) string {
	switch {
	case at.Phase < phase.Both:
		return "in phase " + at.Phase.String() + " the legacy store answers for everybody"
	case at.Phase < phase.NewFirst:
		return "the legacy store answers until the next login, or a sweep, copies the person again"
	}
	return "the legacy store answers until the next login, or a sweep, moves the person again"
}

// mayRevert returns a *KeptError if something of an account would be lost or come to life again, or nobody could answer.
func (s *Service) mayRevert(ctx context.Context, p sight, a Attempt) error {
	keep := func(state PersonState, format string, args ...any) error {
		return &KeptError{state, fmt.Sprintf(format, args...)}
	}
	if a.at.Frozen {
		return &UnavailableError{RetryAfter: retryFrozen, Err: errFrozen}
	}
	rec := p.rec
	switch {
	case rec.Deleted():
		return keep(StateDeleted, "the person was deleted here, and stays that")
	case rec.Link == nil:
		return keep(StateBornHere, "the person was born here: no legacy store knows them")
	case !a.at.AsksLegacy():
		return keep(StateNewOnly, "the legacy stores are not asked any more in phase %s", a.at.Phase)
	case rec.InDoubt:
		return keep(StateInDoubt, "a change of the account is under way")
	case rec.Pinned:
		return keep(StatePinned, "the account is pinned here: the legacy store does not know what was changed")
	case rec.Credential.AwaitsReset():
		return keep(StateWaiting, "the account waits for a new password: that of the legacy store was not to count any more")
	case rec.ChangedHere:
		return keep(StateChangedHere, "something was changed here that the legacy store does not know: it would be lost")
	case p.part:
		return keep(StateMoved, "the account is named after another legacy person; take back that one")
	}
	waiting, err := s.Deliveries(ctx, DeliveryQuery{Account: rec.ID, Limit: 1})
	if err != nil {
		return err
	}
	links, err := s.store.Links(ctx, rec.ID)
	switch {
	case err != nil:
		return cannotTell("read links", err)
	case len(waiting) > 0:
		return keep(StateChangedHere, "a change is on its way to the legacy store")
	case len(links) > 1:
		return keep(StateMoved, "the account is made from several legacy people, and would come apart")
	case p.silent():
		return cannotTell("ask the legacy store", p.unread)
	case p.gone():
		return keep(StateGone, "the legacy store has nobody under that id who could be answered for")
	case p.there == nil:
		return keep(StateUnreadable, "the legacy record cannot be read, so that it could not answer")
	case s.isOther(*p.there, *rec.Link):
		return keep(StateIDReused, "the id is another person's in the legacy store now")
	}
	return nil
}
