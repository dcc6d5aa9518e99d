package accounts

import (
	"context"
	"errors"

	"rekey/accounts/password"
	"rekey/legacy"
	"rekey/legacy/hash"
)

// A proof says that a password is a legacy person's, and by what.
type proof struct {
	// hash is the reading of the stored hash that the password matched, nil where the source verified it.
	hash *hash.Hash
	// fold is what makes of the typed bytes those that were proven.
	fold password.Fold
}

func proofBy(h *hash.Hash) proof { return proof{h, password.Fold(h.Fold)} }

// prove checks a password against the legacy store. A nil error is the proof.
func (s *Service) prove(ctx context.Context, c candidate, a Attempt) (proof, error) {
	if c.user.Password == nil {
		return s.proveBySource(ctx, c, a)
	}
	h, err := s.hashes.Open(*c.user.Password)
	switch {
	case errors.Is(err, hash.ErrScheme), errors.Is(err, hash.ErrParams):
		return proof{}, cannotTell("open the legacy hash", err) // our configuration is wrong, not the password
	case errors.Is(err, hash.ErrUnusable):
		return proof{}, s.refuseUnknown(ctx, a)
	case errors.Is(err, hash.ErrBounds):
		s.noteUnreadable(ctx, c, NoteOverBounds, "the stored hash costs more than hash_bounds allow", a)
		return proof{}, s.refuseUnknown(ctx, a)
	case err != nil:
		s.noteUnreadable(ctx, c, NoteUnreadableHash, "the stored hash cannot be read", a)
		return proof{}, s.refuseUnknown(ctx, a)
	}
	var matched *hash.Hash
	err = s.doHash(ctx, h.Memory, func() error {
		matched = h.Match(a.Password.Reveal())
		return nil
	})
	switch {
	case err != nil:
		return proof{}, cannotTell("verify legacy password", err)
	case matched == nil:
		return proof{}, refused("legacy-wrong:" + h.Scheme)
	}
	return checkProof(proofBy(matched), a)
}

// checkProof refuses what folds to the empty password, such as spaces alone: nobody has that.
func checkProof(p proof, a Attempt) (proof, error) {
	folded, err := p.fold.Apply(a.Password.Reveal())
	switch {
	case err != nil:
		return proof{}, cannotTell("fold the password", err)
	case len(folded) == 0:
		return proof{}, refused("legacy-empty")
	}
	return p, nil
}

// proveBySource asks a source that does not show its hashes.
func (s *Service) proveBySource(ctx context.Context, c candidate, a Attempt) (proof, error) {
	verifier, ok := c.source.Source.(legacy.Verifier)
	if !ok {
		return proof{}, s.refuseUnknown(ctx, a) // the row has no hash, and nobody else can tell: no password matches
	}
	err := verifier.Verify(ctx, c.user, a.Password.Reveal())
	switch {
	case errors.Is(err, legacy.ErrWrongPassword):
		return proof{}, refused("legacy-wrong:" + c.source.Name)
	case errors.Is(err, legacy.ErrNoUser):
		return proof{}, refused("legacy-gone:" + c.source.Name)
	case err != nil:
		return proof{}, cannotTell("verify by the legacy store", err)
	}
	return checkProof(proof{fold: c.source.Fold}, a)
}

// proveHere checks a password against an account of the new store. A nil error is the proof.
func (s *Service) proveHere(ctx context.Context, rec Record, a Attempt) error {
	ok, err := s.verify(ctx, rec, a.Password)
	switch {
	case err != nil:
		return cannotTell("verify password", err)
	case !ok:
		return refused("new-wrong:" + string(rec.Credential.Scheme))
	case rec.Disabled:
		return refused("new-disabled")
	}
	return nil
}

// refuseUnknown refuses somebody whom no store knows, at the price of a wrong password.
func (s *Service) refuseUnknown(ctx context.Context, a Attempt) error {
	err := s.doHash(ctx, s.hasher.Memory(), func() error {
		s.hasher.VerifyDummy(a.Password.Reveal())
		return nil
	})
	if err != nil {
		return cannotTell("verify password", err)
	}
	return refused("unknown")
}
