package accounts

import (
	"context"
	"errors"
	"time"

	"rekey/accounts/failpoint"
	"rekey/accounts/password"
	"rekey/accounts/phase"
	"rekey/legacy"
)

// A login moves its user. The rules, in the order in which the code keeps them:
//
//  1. Cheap checks come first: the shape of the input, whether there is room to hash, then the stores, then the hash.
//  2. The phase says who answers; see home.go. As a rule it is the new store, and a legacy store is asked only about
//     somebody who is absent here, never because a password was wrong: that would revive a password that was replaced.
//  3. A person who has been moved is answered here, under whatever name the legacy store finds them.
//  4. A wrong password writes nothing.
//  5. Verify first, then create: everything about a moved account commits in one transaction. Two logins may race;
//     the store's unique keys decide, and the loser reads again and goes on.
//  6. A right password is never refused because moving or rehashing failed: the person is in, and the next login
//     tries again.
//  7. "Cannot tell" is not "no": a store that does not answer, or a queue that is full, is an UnavailableError. Of
//     several legacy stores, one that is silent makes every "no" a doubt; a right password lets in, and moves nobody.
//  8. A value that several legacy people hold is contested: nobody is moved, and the exact spelling says who is meant.
//  9. Who has the legacy key of another's account now is answered as nobody: support settles whose it is.
//  10. Every refusal looks the same from outside, and costs one hash.

// An Attempt is one try to log in.
type Attempt struct {
	Identifier string
	Password   password.Secret
	RequestID  string // for the audit

	at    phase.State // that the flow began in
	by    *By         // who moves somebody else, without a password; nil: the person
	how   How         // "": ByLogin
	alone bool        // the new store is out of reach, and legacy answers alone; see alone.go
	both  *sample     // the other store is asked afterwards; nil: it is not; see verdicts.go
}

// Login answers an attempt. Its errors are a *RefusedError (which is ErrCredentials), an *InvalidError, or an
// *UnavailableError.
func (s *Service) Login(ctx context.Context, a Attempt) (person Person, err error) {
	name, err := ParseIdentifier(a.Identifier)
	if err != nil {
		return Person{}, &InvalidError{Field: "identifier", Reason: err.Error()}
	}
	if err := a.Password.Check(); err != nil {
		return Person{}, &InvalidError{Field: "password", Reason: err.Error()}
	}

	begun := time.Now()
	defer func() { s.answered(ctx, time.Since(begun), err) }()
	leave, err := s.enterOrAlone(&a)
	if err != nil {
		s.stats.count(err)
		return Person{}, err
	}
	defer leave()
	a.both = s.sampled(a)
	defer func() { s.compareLater(a) }()
	person, err = s.login(ctx, name, a)
	if err == nil {
		person, err = s.challenge(ctx, s.owing(ctx, person, a.at), name)
	}
	if person.Challenge != nil {
		s.stats.FactorAsked.Add(1)
		return person, nil // neither in nor refused yet
	}
	s.stats.count(err)
	return person, err
}

// answered tells who measures how long a login took. One whose client has hung up says nothing of us.
func (s *Service) answered(ctx context.Context, took time.Duration, err error) {
	if s.measures != nil && ctx.Err() == nil {
		s.measures(took, err)
	}
}

func (s *Service) login(ctx context.Context, name Identifier, a Attempt) (Person, error) {
	if err := s.permits.Full(s.hasher.Memory()); err != nil {
		return Person{}, cannotTell("wait for a hash", err) // before the stores are asked in vain
	}
	if a.alone {
		return s.loginLegacy(ctx, name, a)
	}
	rec, err := s.readNamed(ctx, name, &a)
	switch {
	case errors.Is(err, ErrNotFound), a.alone:
		return s.loginLegacy(ctx, name, a)
	case err != nil:
		return Person{}, cannotTell("read account", err)
	case a.row(rec).Answers != phase.New:
		return s.loginLegacy(ctx, name, a)
	case !rec.spelled(name):
		return s.loginOtherSpelling(ctx, rec, name, a)
	}
	person, err := s.loginHere(ctx, rec, a)
	if failpoint.Without(failpoint.OneAnswers) && errors.Is(err, ErrCredentials) {
		return s.loginLegacy(ctx, name, a)
	}
	return person, err
}

// loginHere answers for an account of the new store.
func (s *Service) loginHere(ctx context.Context, rec Record, a Attempt) (Person, error) {
	err := s.proveHere(ctx, rec, a)
	a.both.said(rec, nil, err)
	if err != nil {
		return Person{}, err
	}
	rec.Credential.Version = s.keepCurrent(ctx, rec, a)
	return personOf(rec), nil
}

// loginLegacy answers for somebody who is absent in the new store, and moves them.
func (s *Service) loginLegacy(ctx context.Context, name Identifier, a Attempt) (Person, error) {
	if !a.at.AsksLegacy() {
		return Person{}, s.refuseUnknown(ctx, a)
	}
	found, err := s.askMeasured(ctx, name, a)
	switch {
	case errors.Is(err, legacy.ErrTooMany), err != nil && failpoint.Without(failpoint.Doubt):
		return Person{}, s.refuseUnknown(ctx, a)
	case err != nil:
		return s.loginInDoubt(ctx, found, name, err, a)
	}
	contested := len(found) > 1
	if contested {
		found = spelledExactly(found, name.Spelling)
	}
	return s.loginCandidates(ctx, found, contested, a)
}

// loginCandidate answers for one legacy person.
func (s *Service) loginCandidate(ctx context.Context, c candidate, contested bool, a Attempt) (Person, error) {
	if a.alone {
		return s.loginAlone(ctx, c, a)
	}
	if c.reused {
		return Person{}, s.doubtReused(ctx, c, noteReusedDeleted, a)
	}
	rec, err := s.store.ByLink(ctx, c.source.Name, c.user.ID)
	absent := errors.Is(err, ErrNotFound)
	switch {
	case err != nil && !absent:
		return Person{}, cannotTell("read account by link", err)
	case rec.Deleted():
		return Person{}, s.refuseUnknown(ctx, a)
	case absent:
		c, err = s.ended(ctx, c)
	case a.row(rec).Answers == phase.New && !failpoint.Without(failpoint.OneAnswers):
		if err := s.ownKey(ctx, rec, c, a); err != nil {
			return Person{}, err
		}
		return s.loginHere(ctx, rec, a)
	default:
		c, err = s.readAgain(ctx, c)
		if err == nil {
			err = s.ownKey(ctx, rec, c, a)
		}
	}
	if err != nil {
		return Person{}, err
	}

	proof, err := s.prove(ctx, c, a)
	a.both.said(rec, &c, err)
	if err != nil {
		return Person{}, err
	}
	s.noteLegacyLogin(ctx, c.source.Name)
	switch {
	case c.user.Disabled, rec.disabledHere(): // disabled stays disabled, whichever store said so
		return Person{}, refused("legacy-disabled")
	case !absent:
		return s.copyAgain(ctx, rec, c, proof, a)
	case c.unsure:
		s.stats.NotMigrated.Add(1)
		return s.unmoved(c), nil
	case contested:
		s.noteContested(ctx, c, a)
		return s.unmoved(c), nil
	}
	return s.migrate(ctx, c, proof, nil, a)
}
