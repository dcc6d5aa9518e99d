package accounts

import (
	"context"
	"errors"
	"slices"

	"github.com/google/uuid"

	"rekey/accounts/password"
	"rekey/legacy"
	"rekey/legacy/hash"
)

// Credentials for a password that nobody has typed yet. What the legacy store has is wrapped (argon2id over its keyed digest)
// or, where it is strong enough, carried: kept whole, sealed. Either way the next login replaces it. Until then the old
// scheme's equivalences hold: what it folds and where it stops reading. A hash that says less than one password, because
// the application may have escaped what was typed before, is tried in each of its readings.

// carriedPrefix stands before the name of the legacy scheme in a carried credential's Encoded.
const carriedPrefix = "$rekey-carried$"

// A Keep says what becomes of a legacy hash whose password nobody has typed.
type Keep string

// What becomes of a hash.
const (
	KeepAuto  Keep = "auto"  // carried if it is strong, else wrapped
	KeepCarry Keep = "carry" // carried; who has a weak one is not moved
	KeepWrap  Keep = "wrap"  // wrapped, strong or not
	// KeepReset keeps none: who is not here yet moves without a password, and sets one by a link in a mail. Whose account is
	// here already is copied again as by KeepAuto. It is an *InvalidError where no mail is sent.
	KeepReset Keep = "reset"
)

// Check returns an *InvalidError if there is no such way.
func (k Keep) Check() error {
	switch k {
	case "", KeepAuto, KeepCarry, KeepWrap, KeepReset:
		return nil
	}
	return &InvalidError{Field: "hash", Reason: "must be auto, carry, wrap or reset"}
}

// What the encoded hash of a credential without a password looks like: WaitingMark is in each and in nothing else, and ResetMark is
// the end of one that awaits a reset. A store counts them by it.
const (
	WaitingMark = password.DummyMark
	ResetMark   = password.LockedMark
)

// Waits reports whether no password is the account's: it waits for a login that the legacy store answers, or for a reset.
func (c Credential) Waits() bool {
	return c.Scheme == SchemeArgon2id && (password.IsDummy(c.Encoded) || password.IsLocked(c.Encoded))
}

// AwaitsReset reports whether the password was taken away: whatever the legacy store has, or comes to have, does not count.
func (c Credential) AwaitsReset() bool {
	return c.Scheme == SchemeArgon2id && password.IsLocked(c.Encoded)
}

// openNew is openUnseen for somebody who is absent here, whose identifiers these are: their hash is nil where their credential is to
// wait. Where it waits for a login, because only the legacy store can verify them, it returns the person with that mark.
func (s *Service) openNew(c candidate, ids []Identifier, keep Keep) (candidate, *hash.Hash, error) {
	switch {
	case len(ids) == 0:
		return c, nil, unnamed()
	case keep == KeepReset && !slices.ContainsFunc(ids, func(id Identifier) bool { return id.Kind == Email }):
		return c, nil, &UnmovableError{NoteNoAddress, "there is no e-mail address that a new password could be set by"}
	case keep == KeepReset:
		return c, nil, nil // whatever is stored
	}
	h, err := s.openStored(c, keep)
	if no, ok := errors.AsType[*UnmovableError](err); ok && no.Class == NoteVerifyOnly && keep != KeepCarry {
		c.unverified = true
		return c, nil, nil
	}
	return c, h, err
}

// unnamed is why somebody cannot be moved who has no identifier.
func unnamed() error {
	return &UnmovableError{NoteInvalidIdentifier, "nothing is stored that the person could type to log in, or it is too long"}
}

// openUnseen reads the hash of a legacy person whose password nobody has typed. Its error is an *UnmovableError, or says that
// the configuration is wrong.
func (s *Service) openUnseen(c candidate, keep Keep) (*hash.Hash, error) {
	if ids, _ := s.identifiersOf(c, nil); len(ids) == 0 {
		return nil, unnamed()
	}
	return s.openStored(c, keep)
}

// openStored is openUnseen of somebody who has an identifier.
func (s *Service) openStored(c candidate, keep Keep) (*hash.Hash, error) {
	if c.user.Password == nil {
		if _, verifies := c.source.Source.(legacy.Verifier); verifies {
			return nil, &UnmovableError{NoteVerifyOnly, "the legacy store checks passwords and does not show them: only a login can move this person"}
		}
		return nil, &UnmovableError{NoteUnusableHash, "the legacy store has no password for this person"}
	}
	h, err := s.hashes.Open(*c.user.Password)
	switch {
	case errors.Is(err, hash.ErrScheme), errors.Is(err, hash.ErrParams):
		return nil, cannotTell("open the legacy hash", err)
	case errors.Is(err, hash.ErrUnusable):
		return nil, &UnmovableError{NoteUnusableHash, "no password matches what the legacy store has"}
	case errors.Is(err, hash.ErrBounds):
		return nil, &UnmovableError{NoteOverBounds, "the stored hash costs more than hash_bounds allow"}
	case err != nil:
		return nil, &UnmovableError{NoteUnreadableHash, "the stored hash cannot be read"}
	case len(h.Stored()) == 0:
		return nil, &UnmovableError{NoteUnreadableHash, "the stored hash has no digest"}
	case keep == KeepCarry && !h.Strong():
		return nil, &UnmovableError{NoteWeakHash, "the stored hash is too weak to be carried as it is"}
	}
	return h, nil
}

// keepNew makes the credential of somebody who is absent here, of what openNew has returned.
func (s *Service) keepNew(ctx context.Context, account uuid.UUID, h *hash.Hash, c candidate, keep Keep, p password.Priority) (Credential, error) {
	switch {
	case c.unverified:
		return Credential{Scheme: SchemeArgon2id, Encoded: s.hasher.Dummy()}, nil
	case h == nil:
		return Credential{Scheme: SchemeArgon2id, Encoded: s.hasher.Locked()}, nil
	}
	return s.keepUnseen(ctx, account, h, *c.user.Password, keep, "", p)
}

// keepUnseen makes the credential of an account from what the legacy store has. atLeast is the scheme that it must not be
// weaker than, if there is a credential already.
func (s *Service) keepUnseen(ctx context.Context, account uuid.UUID, h *hash.Hash, stored legacy.Stored, keep Keep, atLeast Scheme, p password.Priority) (Credential, error) {
	if h.Strong() && keep != KeepWrap && (atLeast == "" || atLeast == SchemeCarried) {
		return s.carry(account, h, stored)
	}
	return s.wrapUnseen(ctx, account, h, p)
}

// credentialUnseen makes the credential of somebody who is not here, from what the legacy store has.
func (s *Service) credentialUnseen(ctx context.Context, c candidate) (Credential, error) {
	h, err := s.openUnseen(c, KeepAuto)
	if err != nil {
		return Credential{}, err
	}
	return s.keepUnseen(ctx, SubjectFor(c.source.Name, c.user.ID), h, *c.user.Password, KeepAuto, "", password.PriorityLogin)
}

// carry makes a credential of a whole legacy hash.
func (s *Service) carry(account uuid.UUID, h *hash.Hash, stored legacy.Stored) (Credential, error) {
	stored.Scheme = h.Scheme // what "auto" found: it must not find another later
	sealed, err := s.sealLegacy(account, stored)
	return Credential{Scheme: SchemeCarried, Encoded: carriedPrefix + schemeName(h), Legacy: sealed}, err
}

// wrapUnseen makes a credential of argon2id over the keyed digest that the legacy store has.
func (s *Service) wrapUnseen(ctx context.Context, account uuid.UUID, h *hash.Hash, p password.Priority) (Credential, error) {
	sealed, err := s.sealLegacy(account, h.Masked())
	if err != nil {
		return Credential{}, err
	}
	var encoded string
	var wrapErr error
	err = s.permits.Do(ctx, s.hasher.Memory(), p, func() { encoded, wrapErr = s.hasher.Wrap(s.wrapKeys, h.Stored()) })
	if err != nil {
		return Credential{}, err
	}
	return Credential{Scheme: SchemeWrapped, Encoded: encoded, Legacy: sealed}, wrapErr
}

// matched returns the reading of a wrapped or carried credential under which a password is the account's, or nil.
func (s *Service) matched(c Credential, old *hash.Hash, pw password.Secret) (*hash.Hash, error) {
	reading, err := s.matchedReading(c, old, pw)
	if reading == nil || err != nil {
		return nil, err
	}
	folded, err := proofBy(reading).fold.Apply(pw.Reveal())
	if err != nil || len(folded) == 0 { // nobody has the empty password, whatever is stored
		return nil, err
	}
	return reading, nil
}

func (s *Service) matchedReading(c Credential, old *hash.Hash, pw password.Secret) (*hash.Hash, error) {
	if c.Scheme == SchemeCarried {
		return old.Match(pw.Reveal()), nil
	}
	for _, reading := range old.Readings(pw.Reveal()) {
		digest, err := reading.Digest(pw.Reveal())
		if errors.Is(err, hash.ErrPassword) {
			continue // the scheme cannot hash it, so it was never made from it
		}
		if err != nil {
			return nil, err
		}
		switch ok, err := s.hasher.VerifyWrapped(s.wrapKeys, c.Encoded, digest); {
		case err != nil:
			return nil, err
		case ok:
			return reading, nil
		}
	}
	return nil, nil
}

// provenReading returns the reading of a wrapped or carried credential under which a password was just proven. Where there is
// but one, nothing is computed.
func (s *Service) provenReading(ctx context.Context, rec Record, pw password.Secret) (*hash.Hash, error) {
	old, err := s.openLegacy(rec.ID, rec.Credential.Legacy)
	if err != nil {
		return nil, err
	}
	if readings := old.Readings(pw.Reveal()); len(readings) == 1 {
		return readings[0], nil
	}
	var reading *hash.Hash
	err = s.doHash(ctx, old.Memory+s.hasher.Memory(), func() (err error) {
		reading, err = s.matched(rec.Credential, old, pw)
		return err
	})
	if err == nil && reading == nil {
		err = errUnproven
	}
	if err != nil {
		return nil, err
	}
	return reading, nil
}

// errUnproven never happens: the same password was right a moment ago.
var errUnproven = errors.New("the password is not of any reading of the hash")
