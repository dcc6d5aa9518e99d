package accounts

import (
	"context"
	"crypto/hmac"
	"errors"
	"slices"

	"rekey/accounts/failpoint"
	"rekey/accounts/password"
	"rekey/legacy"
	"rekey/legacy/hash"
)

// What is written of somebody whose password nobody has typed: their account where they are absent, their copy again where there is
// one that does not count, or that what is here stands. See force.go for the rules, and for which of the three it is.

// moveUnseen makes the account of somebody who is absent here.
func (s *Service) moveUnseen(ctx context.Context, c candidate, m Migration, a Attempt) (Outcome, error) {
	ids, _ := s.identifiersOf(c, nil)
	c, h, err := s.openNew(c, ids, m.Hash)
	if err == nil {
		err = s.unshared(ctx, c, ids, m)
	}
	if err != nil {
		return "", s.refuseUnseen(ctx, c, err, m, a)
	}
	outcome := outcomeOf(c, h)
	if m.DryRun {
		ids, _, err := s.stillSo(ctx, c, nil)
		if err == nil {
			err = s.untaken(ctx, ids)
		}
		return outcome, s.refuseUnseen(ctx, c, err, m, a)
	}
	credential, err := s.keepNew(ctx, SubjectFor(c.source.Name, c.user.ID), h, c, m.Hash, m.priority())
	if err != nil {
		return "", s.refuseUnseen(ctx, c, err, m, a)
	}
	failpoint.Hit(failpoint.ForceHashed)
	err = s.outlive(ctx, func(ctx context.Context) error {
		_, err := s.moveWith(ctx, c, credential, proof{hash: h}, nil, a)
		return err
	})
	failpoint.Hit(failpoint.ForceDone)
	return outcome, s.refuseUnseen(ctx, c, err, m, a)
}

// unshared returns errContested if somebody's name is known to be another's too, whom asking for it does not find. Whoever it does
// find, stillSo decides about.
func (s *Service) unshared(ctx context.Context, c candidate, ids []Identifier, m Migration) error {
	for _, id := range ids {
		if m.Contested == nil || !m.Contested(s.name(id)) {
			continue
		}
		holders, err := s.lookupBy(ctx, s.sources, []Identifier{id}, nobodyGone)
		switch {
		case errors.Is(err, legacy.ErrTooMany):
			return errContested
		case err != nil:
			return err
		case !slices.ContainsFunc(holders, func(other candidate) bool { return !other.is(c) }):
			return errContested
		}
	}
	return nil
}

// outcomeOf says what comes of somebody who is absent, given what openNew has returned.
func outcomeOf(c candidate, h *hash.Hash) Outcome {
	switch {
	case c.unverified:
		return OutcomeProfile
	case h == nil:
		return OutcomeReset
	}
	return OutcomeMoved
}

// untaken returns ErrTaken if an account here has one of the identifiers of somebody who is not here.
func (s *Service) untaken(ctx context.Context, ids []Identifier) error {
	for _, id := range ids {
		switch _, err := s.store.ByIdentifier(ctx, id.Canonical); {
		case err == nil:
			return ErrTaken
		case !errors.Is(err, ErrNotFound):
			return err
		}
	}
	return nil
}

// recopyUnseen makes a copy equal to legacy again. Where what is here is of the very record that legacy has, and is only not
// trusted yet, its credential stays: it may be of a password that was proven, which is more than a wrap knows. Not so where a login
// has shown that it takes other passwords than legacy does. One that awaits a reset stays too, unless its person has changed their
// password there since, and that is not here.
func (s *Service) recopyUnseen(ctx context.Context, rec Record, c candidate, m Migration, a Attempt) (Outcome, error) {
	disagree, err := s.disagreement(ctx, c.source.Name, c.user.ID)
	if err != nil {
		return "", err
	}
	var h *hash.Hash
	differs := rec.Link.Drifted || !hmac.Equal(rec.Link.Fingerprint, s.fingerprint(c))
	if rec.Link.Dirty || (disagree != nil || differs) && !rec.Credential.AwaitsReset() {
		if h, err = s.openUnseen(c, m.Hash); err != nil {
			return "", s.refuseUnseen(ctx, c, err, m, a)
		}
	}
	if m.DryRun {
		return OutcomeRecopied, nil
	}
	credential := rec.Credential
	if h != nil && (m.Hash != KeepReset || !credential.Waits()) {
		if credential, err = s.keepUnseen(ctx, rec.ID, h, *c.user.Password, m.Hash, rec.Credential.Scheme, m.priority()); err != nil {
			return "", s.refuseUnseen(ctx, c, err, m, a)
		}
	}
	failpoint.Hit(failpoint.ForceHashed)
	err = s.outlive(ctx, func(ctx context.Context) error { return s.recopyWith(ctx, rec, c, credential, proof{hash: h}, a) })
	failpoint.Hit(failpoint.ForceDone)
	return OutcomeRecopied, s.refuseUnseen(ctx, c, err, m, a)
}

// settleUnseen clears the drift mark of an account that is answered here: it was changed here, and that stands. The link takes
// note of what legacy has now.
func (s *Service) settleUnseen(ctx context.Context, rec Record, c candidate, m Migration, a Attempt) (Outcome, error) {
	if m.DryRun {
		return OutcomeSettled, nil
	}
	s.note(ctx, c, NoteDrifted, noteStands, a)
	is := *rec.Link
	is.Fingerprint, is.Drifted, is.Dirty = s.fingerprint(c), false, false
	event := s.event(rec.ID, EventDriftSettled, a)
	event.Detail = map[string]string{"source": c.source.Name, "legacy_id": c.user.ID}
	err := s.outlive(ctx, func(ctx context.Context) error { return s.writes(a).SetLink(ctx, *rec.Link, is, event) })
	return OutcomeSettled, err
}

// refuseUnseen returns what an error of a move means, and tells support about those who need them. nil stays nil.
func (s *Service) refuseUnseen(ctx context.Context, c candidate, err error, m Migration, a Attempt) error {
	if errors.Is(err, errContested) || errors.Is(err, ErrTaken) {
		if !m.DryRun {
			s.stats.Contested.Add(1)
		}
		err = &UnmovableError{NoteContested, "an identifier is held by several legacy people"}
	}
	no, ok := errors.AsType[*UnmovableError](err)
	if ok && !m.DryRun && !m.Untold && isTold(no.Class) {
		s.note(ctx, c, no.Class, no.Reason, a)
	}
	return err
}

// isTold reports whether support hears of everybody of a class by an event each. Of the others there may be as many as there are
// people, and nothing to be done about one of them: a sweep lists them, with one event for many; see NoteRefused.
func isTold(class NoteClass) bool {
	return !slices.Contains([]NoteClass{NoteVerifyOnly, NoteUnusableHash, NoteWeakHash, NoteGone}, class)
}

func (m Migration) priority() password.Priority {
	if m.How == BySweep {
		return password.PrioritySweep
	}
	return password.PriorityLogin
}
