package accounts

import (
	"context"
	"crypto/hmac"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"rekey/accounts/jobs"
	"rekey/accounts/password"
	"rekey/accounts/phase"
	"rekey/legacy"
	"rekey/legacy/hash"
)

// While both stores have everybody and one of them answers, the other is asked about some real logins too. A comparison of
// records says that a copy was made of what legacy has; only a password says that both let the same people in. The rules:
//
//  1. The person is answered first. Whoever compares does it afterwards, in the time that logins leave; for what finds no room
//     with them nobody waits, and it is counted as dropped. What comes of it changes no answer.
//  2. Which logins, chance says, before anything is known of them. There is a limit to those of a second, of which wrong
//     passwords have half, or guessing would keep the right ones out.
//  3. Both verdicts are of one generation of the password. The account was read first, then legacy, whose record is the one that
//     was copied; and once both have spoken the account is read again. If it was written in between, or the phase is another,
//     nothing is said. That goes for stores whose records do not show their passwords too: a change of one by us shows here.
//  4. Unknown is not wrong.
//  5. A store that shows no hashes is asked only for passwords that were right here: a wrong one would count as a guess there.
//  6. The password is a copy of its own, for as long as a comparison takes and no longer, and few wait at a time.
//
// What was found stands until the credential here or the record there is another. It is a difference to a comparison of the
// stores as others are, which a repair marks, and it closes the gate of those.

// A Disagreement is a person whose password one store has taken and the other has not.
type Disagreement struct {
	Source      string
	LegacyID    string
	Version     int64  // of the credential here
	Fingerprint []byte // of the record there, and of the copy
	Taken       phase.Store
	At          time.Time
}

// Verdicts is the part of a Store that keeps what comparing logins has found. A disagreement stands while the account lives and its
// credential and link are those that it names.
type Verdicts interface {
	// KeepDisagreement stores one, with the event, in the place of an older one of the same person, and reports whether it did: it
	// does not if it would not stand, or is there already.
	KeepDisagreement(ctx context.Context, d Disagreement, e Event) (bool, error)
	// DisagreementsOf returns those that stand of some people of a source.
	DisagreementsOf(ctx context.Context, source string, legacyIDs []string) ([]Disagreement, error)
	// Disagreements returns up to limit of those that stand, newest first.
	Disagreements(ctx context.Context, limit int) ([]Disagreement, error)
	// CountDisagreements counts those that stand by the store that has taken the password, without those that were ignored since.
	CountDisagreements(ctx context.Context) (map[phase.Store]int64, error)
}

// A sample is a login that is to be compared. nil is one that is not.
type sample struct {
	a     Attempt // whose password is a copy
	at    time.Time
	rec   Record
	there *candidate // whom legacy has answered for; nil: the new store has answered
	right bool       // as it has said
	known bool       // that it has said so, and of whom

	using sync.Mutex // held by who hashes the password, which may go on when nobody waits any more
	wipe  func()     // makes zeros of it
}

// sampled chooses some attempts.
func (s *Service) sampled(a Attempt) *sample {
	if a.alone || !a.at.Compares() || rand.Float64() >= s.comparer.logins.Share { //nolint:gosec // it is no secret who is chosen
		return nil
	}
	return &sample{}
}

// said notes what a store has said of the password of an account: a legacy store, which has there, or, for nil, the new one.
func (m *sample) said(rec Record, there *candidate, err error) {
	if m != nil {
		m.rec, m.there = rec, there
		m.right, m.known = err == nil, err == nil || wrongPassword(err)
	}
}

// wrongPassword reports whether a login was refused for its password. Others were for what says nothing of it: they are disabled,
// or their hash cannot be read.
func wrongPassword(err error) bool {
	no, ok := errors.AsType[*RefusedError](err)
	return ok && (strings.HasPrefix(no.Class, "new-wrong:") || strings.HasPrefix(no.Class, "legacy-wrong:") || no.Class == "legacy-empty")
}

// compareLater hands a login that was answered over to whoever compares, if there is something to compare, and room.
func (s *Service) compareLater(a Attempt) {
	m := a.both
	if m == nil || !m.known || !s.comparable(m, a) {
		return
	}
	if m.a, m.at = a, s.now(); s.comparer.admits(m.right, m.at) {
		m.a.Password, m.wipe = a.Password.Clone()
		if s.comparer.put(m) {
			return
		}
		m.wipe()
	}
	s.stats.VerdictsDropped.Add(1)
}

// comparable reports whether both stores have the person of a sample, and one has what was copied from the other.
func (s *Service) comparable(m *sample, a Attempt) bool {
	rec := m.rec
	switch {
	case rec.Link == nil, rec.Deleted(), rec.Disabled, facts(rec).Stays(), rec.InDoubt, rec.Credential.Waits(), rec.Link.Dirty, rec.Link.Drifted:
		return false
	case a.at.Phase >= phase.Both && !a.at.Trusts(facts(rec)):
		return false // this login, or the next, copies them again
	case m.there == nil:
		return true
	}
	return m.there.source.Name == rec.Link.Source && m.there.user.ID == rec.Link.LegacyID && s.copied(rec, *m.there)
}

// copied reports whether a legacy record is the one that an account was copied from, and of somebody who may log in.
func (s *Service) copied(rec Record, c candidate) bool {
	return !c.user.Disabled && hmac.Equal(rec.Link.Fingerprint, s.fingerprint(c))
}

// forget makes zeros of the password, once nobody hashes it any more.
func (m *sample) forget() {
	m.using.Lock()
	defer m.using.Unlock()
	m.wipe()
}

// errOtherGeneration: the stores were asked about different passwords.
var errOtherGeneration = errors.New("the account or its legacy record was written meanwhile")

const (
	compareTimeout = 5 * time.Second  // of one comparison
	compareLate    = 10 * time.Second // how long after its login it may begin
)

// compareSample compares one login and counts what comes of it.
func (s *Service) compareSample(ctx context.Context, m *sample) {
	defer m.forget()
	if s.now().Sub(m.at) > compareLate {
		s.stats.VerdictsDropped.Add(1)
		return
	}
	limited, cancel := context.WithTimeout(ctx, compareTimeout)
	defer cancel()
	var count *atomic.Int64
	err := jobs.Guarded(func() (err error) {
		right, err := s.otherSays(limited, m)
		if err == nil {
			count, err = s.settleSample(limited, m, right)
		}
		return err
	})
	switch {
	case err == nil:
	case errors.Is(err, errOtherGeneration):
		count = &s.stats.VerdictsStale
	case errors.Is(err, password.ErrBusy), errors.Is(err, password.ErrClosed), ctx.Err() != nil: // no room, or the end
		count = &s.stats.VerdictsDropped
	default:
		count = &s.stats.VerdictsUnknown
		s.log.DebugContext(ctx, "a login cannot be compared", "error", err)
	}
	count.Add(1)
}

// otherSays asks the store that has not answered the login whether the password is right.
func (s *Service) otherSays(ctx context.Context, m *sample) (right bool, err error) {
	if m.there != nil {
		return s.newSays(ctx, m)
	}
	c, err := s.readThere(ctx, &m.rec, LegacyKey{m.rec.Link.Source, m.rec.Link.LegacyID})
	if err != nil {
		return false, err
	}
	if !s.copied(m.rec, c) {
		return false, errOtherGeneration
	}
	return s.legacySays(ctx, m, c)
}

// newSays asks this store.
func (s *Service) newSays(ctx context.Context, m *sample) (right bool, err error) {
	check, memory, err := s.verifier(m.rec, m.a.Password)
	if err != nil {
		return false, err
	}
	err = s.hashLast(ctx, m, memory, func() (err error) {
		right, err = check()
		return err
	})
	return right && err == nil, err
}

// errNotAsked: who shows no hashes may count guesses, and this is one; or nobody can tell at all.
var errNotAsked = errors.New("the legacy store shows no hash of the person, and is not asked")

// legacySays asks a legacy store.
func (s *Service) legacySays(ctx context.Context, m *sample, c candidate) (right bool, err error) {
	var p proof
	if c.user.Password != nil {
		p, err = s.matchLast(ctx, m, *c.user.Password)
	} else if verifier, ok := c.source.Source.(legacy.Verifier); ok && m.right {
		p.fold = c.source.Fold
		err = verifier.Verify(ctx, c.user, m.a.Password.Reveal())
	} else {
		err = errNotAsked
	}
	if err == nil {
		_, err = checkProof(p, m.a)
	}
	if errors.Is(err, legacy.ErrWrongPassword) || wrongPassword(err) {
		return false, nil
	}
	return err == nil, err
}

// matchLast is what proves a password by a stored hash, for nobody who waits. Its error may be legacy.ErrWrongPassword.
func (s *Service) matchLast(ctx context.Context, m *sample, stored legacy.Stored) (proof, error) {
	h, err := s.hashes.Open(stored)
	switch {
	case errors.Is(err, hash.ErrUnusable):
		return proof{}, legacy.ErrWrongPassword
	case err != nil:
		return proof{}, fmt.Errorf("open the legacy hash: %w", err)
	}
	var matched *hash.Hash
	err = s.hashLast(ctx, m, h.Memory, func() error {
		matched = h.Match(m.a.Password.Reveal())
		return nil
	})
	switch {
	case err != nil:
		return proof{}, err
	case matched == nil:
		return proof{}, legacy.ErrWrongPassword
	}
	return proofBy(matched), nil
}

// hashLast runs fn once no login waits for a permit. On an error fn may still be running.
func (s *Service) hashLast(ctx context.Context, m *sample, memory int64, fn func() error) error {
	var result error
	err := s.permits.Do(ctx, memory, password.PrioritySweep, func() {
		m.using.Lock()
		defer m.using.Unlock()
		result = fn()
	})
	if err != nil {
		return err
	}
	return result
}

// settleSample tells what comes of a login about which both stores have spoken: what is counted of it, and, where they disagree,
// what is kept.
func (s *Service) settleSample(ctx context.Context, m *sample, right bool) (*atomic.Int64, error) {
	m.forget() // nobody needs it any more
	a := m.a
	leave, err := s.enter(&a)
	if err != nil {
		return nil, err
	}
	defer leave()
	if a.at.Epoch != m.a.at.Epoch {
		return nil, errOtherGeneration
	}
	rec, err := s.linked(ctx, m.rec.Link.Source, m.rec.Link.LegacyID)
	switch {
	case err != nil:
		return nil, err
	case !sameState(&m.rec, rec):
		return nil, errOtherGeneration
	case right == m.right:
		return &s.stats.VerdictsAgreed, nil
	}
	return s.disagree(ctx, m, a)
}

// disagree keeps what the stores disagree about.
func (s *Service) disagree(ctx context.Context, m *sample, a Attempt) (*atomic.Int64, error) {
	taken, count := phase.New, &s.stats.VerdictsNewAlone
	if (m.there != nil) == m.right { // legacy has answered, with yes, or this store, with no
		taken, count = phase.Legacy, &s.stats.VerdictsLegacyAlone
	}
	link := m.rec.Link
	d := Disagreement{
		Source: link.Source, LegacyID: link.LegacyID, Version: m.rec.Credential.Version, Fingerprint: link.Fingerprint, Taken: taken, At: s.now(),
	}
	event := s.event(m.rec.ID, EventDisagreement, a)
	event.Actor = "system"
	event.Detail = map[string]string{"source": d.Source, "legacy_id": d.LegacyID, "taken": taken.String(), "phase": a.at.Phase.String()}
	kept := false
	err := s.outlive(ctx, func(ctx context.Context) (err error) {
		kept, err = s.store.KeepDisagreement(ctx, d, event)
		return err
	})
	if err != nil {
		s.log.WarnContext(ctx, "the stores disagree about a password, which could not be stored; the next login that is compared tells again",
			"source", d.Source, "legacy_id", d.LegacyID, "account", m.rec.ID, "taken", taken.String(), "error", err)
	} else if kept {
		s.log.WarnContext(ctx, "the stores disagree about a password", "source", d.Source, "legacy_id", d.LegacyID, "account", m.rec.ID, "taken", taken.String())
	}
	return count, nil
}

// disagreement returns what stands of a person; nil if nothing does.
func (s *Service) disagreement(ctx context.Context, source, legacyID string) (*Disagreement, error) {
	found, err := s.store.DisagreementsOf(ctx, source, []string{legacyID})
	switch {
	case err != nil:
		return nil, cannotTell("read disagreements", err)
	case len(found) == 0:
		return nil, nil
	}
	return &found[0], nil
}

// Disagreements returns up to limit people about whose password the stores disagree, newest first. Its error is an
// *UnavailableError.
func (s *Service) Disagreements(ctx context.Context, limit int) ([]Disagreement, error) {
	all, err := s.store.Disagreements(ctx, limit)
	if err != nil {
		return nil, cannotTell("read disagreements", err)
	}
	return all, nil
}
