package accounts

import (
	"context"
	"crypto/hmac"
	"encoding/base64"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"rekey/accounts/phase"
)

// Whoever has a second factor logs in in two steps: the password gives a challenge, and the challenge with a code lets them
// in. The rules:
//
//  1. Who has one is read with what answers for them: the account here, or the legacy record, and where legacy answers for
//     somebody who has a row here, both. Being unmoved lets nobody in by a password alone.
//  2. A challenge is sealed, not stored. It names the person and what has proven the password: the version of the credential
//     and the session epoch, or the fingerprint of the legacy record. If that is not so any more, it counts no more.
//  3. Guesses are counted in the store for the account, before a code is looked at: whatever challenge, process or address
//     they come by, and whatever becomes of Redis.
//  4. A right code is spent together with its challenge in one transaction, by compare-and-set, and only then is the person
//     in. Of a generator the last step is kept, so that no earlier code counts either.
//  5. A store that does not answer is a doubt, as everywhere.

// The ceiling of guesses at codes. Whoever guesses has the password already, so it is low: with three of a million codes right
// at a time, somebody who never stops gets in within a year with a chance of one in seven, and the audit shows them.
const (
	guessEvery = 10 * time.Minute
	guessBurst = 10 // mistakes that a person may make at once
)

// challengeLife is how long a person has to find their telephone.
const challengeLife = 5 * time.Minute

// A challenge as it is sent is challengePrefix and the base64url of what Seal makes of a sealedChallenge.
const (
	challengePrefix  = "rc1_"
	challengePurpose = "login-challenge"
	maxChallenge     = 3 << 10 // bytes; ours have some 500
)

// A Challenge is what a right password gives somebody who has a second factor. It prints as a placeholder.
type Challenge struct {
	Text    string
	Factors []FactorKind // that may answer it
}

const redactedChallenge = "[challenge]"

// String hides the challenge.
func (Challenge) String() string { return redactedChallenge }

// GoString hides the challenge from %#v.
func (Challenge) GoString() string { return redactedChallenge }

// secondStep is what a login needs to ask for a second factor.
type secondStep struct {
	version     int64  // of the credential that was proven; 0: legacy has proven the password
	fingerprint []byte // of the legacy record then
	source      string
	legacyID    string
	held        []heldFactor // those of the legacy record
}

// sealedChallenge is what a challenge says.
type sealedChallenge struct {
	ID          uuid.UUID `json:"id"`
	Account     uuid.UUID `json:"account"`
	Epoch       int64     `json:"epoch"` // of the account's sessions
	Version     int64     `json:"version,omitempty"`
	Name        string    `json:"name,omitempty"` // as it was typed, by which the legacy record is found again
	Source      string    `json:"source,omitempty"`
	LegacyID    string    `json:"legacy_id,omitempty"`
	Fingerprint []byte    `json:"fingerprint,omitempty"`
	Expires     int64     `json:"expires"` // seconds since 1970
}

// byLegacy is a person whom the legacy store has answered for, though there may be a row of them here.
func (s *Service) byLegacy(p Person, c candidate) Person {
	held := s.legacyFactors(p.ID, c.user.Profile)
	if p.second == nil && !slices.ContainsFunc(held, func(h heldFactor) bool { return h.totp != nil }) {
		return p
	}
	p.second = &secondStep{fingerprint: s.fingerprint(c), source: c.source.Name, legacyID: c.user.ID, held: held}
	return p
}

// challenge makes a person one who has yet to show their second factor, if they have one.
func (s *Service) challenge(ctx context.Context, p Person, name Identifier) (Person, error) {
	second := p.second
	if second == nil {
		return p, nil
	}
	stored, err := s.store.Factors(ctx, p.ID)
	if err != nil {
		return Person{}, cannotTell("read second factors", err)
	}
	asked := Challenge{Factors: []FactorKind{FactorTOTP}}
	recovery := slices.ContainsFunc(stored, func(f Factor) bool { return f.Kind == FactorRecovery }) ||
		slices.ContainsFunc(second.held, func(h heldFactor) bool { return h.totp == nil })
	if recovery {
		asked.Factors = append(asked.Factors, FactorRecovery)
	}
	sealed := sealedChallenge{
		ID: uuid.New(), Account: p.ID, Epoch: p.SessionEpoch, Version: second.version, Expires: s.now().Add(challengeLife).Unix(),
	}
	if second.version == 0 {
		sealed.Name, sealed.Source, sealed.LegacyID, sealed.Fingerprint = name.Spelling, second.source, second.legacyID, second.fingerprint
	}
	plain, err := json.Marshal(sealed)
	if err != nil {
		return Person{}, cannotTell("make a challenge", err)
	}
	asked.Text = challengePrefix + base64.RawURLEncoding.EncodeToString(s.key.Seal(challengePurpose, plain, nil))
	p.Challenge = &asked
	return p, nil
}

// openChallenge reads a challenge of ours that has not expired.
func (s *Service) openChallenge(text string) (sealedChallenge, error) {
	encoded, ok := strings.CutPrefix(text, challengePrefix)
	if !ok || len(text) > maxChallenge || strings.ContainsAny(text, "\r\n") {
		return sealedChallenge{}, refusedCode("challenge-foreign")
	}
	raw, err := base64.RawURLEncoding.Strict().DecodeString(encoded)
	if err != nil {
		return sealedChallenge{}, refusedCode("challenge-foreign")
	}
	plain, err := s.key.Open(challengePurpose, raw, nil)
	if err != nil {
		return sealedChallenge{}, refusedCode("challenge-foreign")
	}
	var c sealedChallenge
	if err := json.Unmarshal(plain, &c); err != nil {
		return sealedChallenge{}, refusedCode("challenge-foreign")
	}
	if s.now().Unix() >= c.Expires {
		return sealedChallenge{}, refusedCode("challenge-expired")
	}
	return c, nil
}

// A FactorAttempt is one try at the second step of a login.
type FactorAttempt struct {
	Challenge string
	Code      string
	RequestID string // for the audit
}

// LoginFactor answers the second step. Its errors are an *InvalidError, ErrCode, a *LimitedError, or an *UnavailableError.
func (s *Service) LoginFactor(ctx context.Context, f FactorAttempt) (Person, error) {
	code, err := parseCode(f.Code)
	if err != nil {
		return Person{}, err
	}
	a := Attempt{RequestID: f.RequestID}
	leave, err := s.enter(&a)
	if err != nil {
		s.stats.count(err)
		return Person{}, err
	}
	defer leave()
	person, err := s.loginFactor(ctx, f.Challenge, code, a)
	s.stats.count(err)
	return person, err
}

func (s *Service) loginFactor(ctx context.Context, text, code string, a Attempt) (Person, error) {
	c, err := s.openChallenge(text)
	if err != nil {
		return Person{}, err
	}
	person, held, err := s.challenged(ctx, c, a)
	if err != nil {
		return Person{}, err
	}
	if err := s.takeGuess(ctx, person.ID, a); err != nil {
		return Person{}, err
	}
	spent, kind, err := s.matchCode(person.ID, held, code)
	if err != nil {
		return Person{}, err
	}
	spent.Challenge = c.ID[:]
	event := s.event(person.ID, EventFactorUsed, a)
	event.Detail = map[string]string{"kind": string(kind)}
	err = s.outlive(ctx, func(ctx context.Context) error { return s.store.SpendCode(ctx, person.ID, spent, event) })
	switch {
	case errors.Is(err, ErrSpent):
		return Person{}, refusedCode("code-spent")
	case err != nil:
		return Person{}, cannotTell("spend a code", err)
	}
	return person, nil
}

// takeGuess counts a guess at an account's codes before it is looked at.
func (s *Service) takeGuess(ctx context.Context, account uuid.UUID, a Attempt) error {
	last := s.event(account, EventFactorLimited, a)
	var wait time.Duration
	err := s.outlive(ctx, func(ctx context.Context) (err error) { // hanging up makes no guess free
		wait, err = s.store.TakeGuess(ctx, account, s.now(), guessEvery, guessBurst, last)
		return err
	})
	switch {
	case err != nil:
		return cannotTell("count a guess", err)
	case wait > 0:
		s.stats.FactorLimited.Add(1)
		return &LimitedError{RetryAfter: wait}
	}
	return nil
}

// challenged returns the person whom a challenge was made for, as they are now, and their second factors; or ErrCode if what
// has proven their password then does not any more. The row here is read before the legacy record, as by every login.
func (s *Service) challenged(ctx context.Context, c sealedChallenge, a Attempt) (Person, []heldFactor, error) {
	var rec Record
	var err error
	if c.Version > 0 {
		rec, err = s.store.ByID(ctx, c.Account)
	} else {
		rec, err = s.store.ByLink(ctx, c.Source, c.LegacyID)
	}
	absent := errors.Is(err, ErrNotFound)
	switch {
	case err != nil && !absent:
		return Person{}, nil, cannotTell("read account", err)
	case absent && (c.Version > 0 || !a.at.AsksLegacy()):
		return Person{}, nil, refusedCode("challenge-gone")
	case !absent && (rec.ID != c.Account || rec.Deleted() || rec.Disabled || rec.SessionEpoch != c.Epoch):
		return Person{}, nil, refusedCode("challenge-changed")
	case !absent && (a.row(rec).Answers == phase.New) != (c.Version > 0):
		return Person{}, nil, refusedCode("challenge-moved") // another store answers for them now
	case c.Version > 0 && rec.Credential.Version != c.Version:
		return Person{}, nil, refusedCode("challenge-changed")
	}

	var person Person
	var held []heldFactor
	if absent {
		switch epoch, err := s.store.SessionEpoch(ctx, c.Account); {
		case err != nil:
			return Person{}, nil, cannotTell("read session epoch", err)
		case epoch != c.Epoch:
			return Person{}, nil, refusedCode("challenge-changed")
		}
	} else {
		stored, err := s.store.Factors(ctx, rec.ID)
		if err == nil {
			held, err = s.openFactors(rec.ID, stored)
		}
		if err != nil {
			return Person{}, nil, cannotTell("read second factors", err)
		}
		person = personOf(rec)
	}
	if c.Version == 0 {
		found, err := s.foundAgain(ctx, c)
		if err != nil {
			return Person{}, nil, err
		}
		held = append(held, s.legacyFactors(c.Account, found.user.Profile)...)
		if absent {
			found.epoch = c.Epoch
			person = s.unmoved(found)
		}
	}
	person.second = nil
	return s.owing(ctx, person, a.at), held, nil
}

// foundAgain returns the legacy person of a challenge if their record is as it was. They are looked up as the login has done,
// so that the same record is read.
func (s *Service) foundAgain(ctx context.Context, c sealedChallenge) (candidate, error) {
	i := s.sourceIndex(c.Source)
	name, err := ParseIdentifier(c.Name)
	if i < 0 || err != nil {
		return candidate{}, refusedCode("challenge-gone")
	}
	found, err := s.lookup(ctx, s.sources[i:i+1], []Identifier{name})
	if err != nil {
		return candidate{}, cannotTell("ask the legacy store again", err)
	}
	is := func(f candidate) bool { return f.user.ID == c.LegacyID }
	switch i := slices.IndexFunc(found, is); {
	case i < 0:
		return candidate{}, refusedCode("challenge-gone")
	case found[i].reused, found[i].user.Disabled, !hmac.Equal(s.fingerprint(found[i]), c.Fingerprint):
		return candidate{}, refusedCode("challenge-changed")
	default:
		return found[i], nil
	}
}
