package accounts

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/google/uuid"

	"rekey/accounts/password"
	"rekey/legacy"
	"rekey/legacy/hash"
)

// What is rehashed is what was proven. A scheme that trims or folds a password has proven the folded bytes: those are
// hashed, and the fold is kept with the credential. A scheme that ignores what lies beyond its limit has proven the
// beginning only: such a password is wrapped (argon2id over the keyed legacy digest), so that a wrong tail never
// becomes the password and the right one goes on working.

// credentialFor makes the credential for a password that was just proven.
func (s *Service) credentialFor(ctx context.Context, account uuid.UUID, p proof, pw password.Secret) (Credential, error) {
	if old := p.hash; old != nil && old.Limit > 0 && len(pw.Reveal()) >= old.Limit {
		return s.wrap(ctx, account, old, pw)
	}
	return s.hash(ctx, p.fold, pw)
}

// hash makes an argon2id credential over the folded password.
func (s *Service) hash(ctx context.Context, fold password.Fold, pw password.Secret) (Credential, error) {
	folded, err := fold.Apply(pw.Reveal())
	if err != nil {
		return Credential{}, err
	}
	var encoded string
	err = s.doHash(ctx, s.hasher.Memory(), func() (err error) {
		encoded, err = s.hasher.Hash(folded)
		return err
	})
	if err != nil {
		return Credential{}, err
	}
	return Credential{Scheme: SchemeArgon2id, Encoded: encoded, Fold: string(fold)}, nil
}

// wrap makes a credential of argon2id over the keyed digest of the legacy scheme.
func (s *Service) wrap(ctx context.Context, account uuid.UUID, old *hash.Hash, pw password.Secret) (Credential, error) {
	sealed, err := s.sealLegacy(account, old.Masked())
	if err != nil {
		return Credential{}, err
	}
	var encoded string
	err = s.doHash(ctx, old.Memory+s.hasher.Memory(), func() error {
		digest, err := old.Digest(pw.Reveal())
		if err == nil {
			encoded, err = s.hasher.Wrap(s.wrapKeys, digest)
		}
		return err
	})
	if err != nil {
		return Credential{}, err
	}
	return Credential{Scheme: SchemeWrapped, Encoded: encoded, Legacy: sealed}, nil
}

// verify reports whether the password is the account's. An error means that it cannot be told.
func (s *Service) verify(ctx context.Context, rec Record, pw password.Secret) (bool, error) {
	check, memory, err := s.verifier(rec, pw)
	if err != nil {
		return false, fmt.Errorf("credential of account %s: %w", rec.ID, err)
	}
	var ok bool
	err = s.doHash(ctx, memory, func() (err error) {
		ok, err = check()
		return err
	})
	if err != nil {
		return false, err // and ok is not looked at: the hash may still be running
	}
	return ok, nil
}

// verifier returns what has to be computed to check a password, and the memory that it takes in bytes.
func (s *Service) verifier(rec Record, pw password.Secret) (check func() (bool, error), memory int64, err error) {
	c := rec.Credential
	if c.Scheme != SchemeCarried {
		if memory, err = password.MemoryOf(c.Encoded); err != nil {
			return nil, 0, err
		}
	}
	switch c.Scheme {
	case SchemeArgon2id:
		folded, err := password.Fold(c.Fold).Apply(pw.Reveal())
		return func() (bool, error) { return s.hasher.Verify(c.Encoded, folded) }, memory, err
	case SchemeWrapped, SchemeCarried:
		old, err := s.openLegacy(rec.ID, c.Legacy)
		if err != nil {
			return nil, 0, err
		}
		return func() (bool, error) {
			reading, err := s.matched(c, old, pw)
			return reading != nil, err
		}, memory + old.Memory, nil
	}
	return nil, 0, fmt.Errorf("unknown scheme %q", c.Scheme)
}

// keepCurrent brings the credential up to the policy, now that the password is at hand. Failing at it is counted,
// and the next login tries again. It returns the version that the credential has now.
func (s *Service) keepCurrent(ctx context.Context, rec Record, a Attempt) (version int64) {
	next, err := s.replacement(ctx, rec, a.Password)
	version = rec.Credential.Version
	if err == nil && next == nil {
		return version
	}
	if err == nil {
		err = s.outlive(ctx, func(ctx context.Context) error {
			event := s.event(rec.ID, EventRehashed, a)
			event.Detail = map[string]string{"from": string(rec.Credential.Scheme), "to": string(next.Scheme)}
			return s.store.ReplaceCredential(ctx, rec.ID, rec.Credential.Version, *next, event)
		})
	}
	switch {
	case err == nil:
		version++
		s.stats.Rehashed.Add(1)
	case errors.Is(err, ErrStale), errors.Is(err, ErrNotFound): // somebody else has just written a newer one, or deleted the account
	default:
		s.stats.NotRehashed.Add(1)
		s.log.WarnContext(ctx, "credential not rehashed; the next login tries again", "account", rec.ID, "error", err)
	}
	return version
}

// replacement returns the credential that should take the place of rec's, or nil if it is good as it is.
func (s *Service) replacement(ctx context.Context, rec Record, pw password.Secret) (*Credential, error) {
	c := rec.Credential
	var next Credential
	var err error
	switch {
	case c.Scheme == SchemeWrapped, c.Scheme == SchemeCarried:
		old, openErr := s.provenReading(ctx, rec, pw)
		if openErr != nil {
			return nil, openErr
		}
		if c.Scheme == SchemeCarried && old.Memory > s.hasher.Memory() {
			return nil, nil // it takes more memory than ours: what is stored never gets weaker
		}
		if c.Scheme == SchemeWrapped && old.Limit > 0 && len(pw.Reveal()) >= old.Limit && !s.hasher.NeedsRehash(c.Encoded) {
			return nil, nil
		}
		next, err = s.credentialFor(ctx, rec.ID, proofBy(old), pw)
	case s.hasher.NeedsRehash(c.Encoded):
		next, err = s.hash(ctx, password.Fold(c.Fold), pw)
	default:
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return &next, nil
}

// doHash runs fn under a permit, weighted by the memory it takes, and returns its error or the pool's. On an error,
// fn may still be running: the caller must not look at what it writes.
func (s *Service) doHash(ctx context.Context, memory int64, fn func() error) error {
	var result error
	if err := s.permits.Do(ctx, memory, password.PriorityLogin, func() { result = fn() }); err != nil {
		return err
	}
	return result
}

// wrapPurpose separates the seal of legacy parameters from all other uses of the master key. They hold no digest, but
// they may hold a pepper.
const wrapPurpose = "wrapped-legacy"

// sealedStored is legacy.Stored with its fields in the open; legacy.Stored itself refuses to be marshalled. Hashes,
// salts and peppers may be any bytes, which a JSON string would replace.
type sealedStored struct {
	Scheme string            `json:"scheme"`
	Hash   []byte            `json:"hash"`
	Salt   []byte            `json:"salt,omitempty"`
	User   []byte            `json:"user,omitempty"`
	Params map[string][]byte `json:"params,omitempty"`
}

// sealStored returns what is sealed of a stored value.
func sealStored(stored legacy.Stored) sealedStored {
	open := sealedStored{Scheme: stored.Scheme, Hash: []byte(stored.Hash), Salt: []byte(stored.Salt), User: []byte(stored.User)}
	for name, value := range stored.Params {
		if open.Params == nil {
			open.Params = make(map[string][]byte)
		}
		open.Params[name] = []byte(value)
	}
	return open
}

// stored is the opposite of sealStored.
func (open sealedStored) stored() legacy.Stored {
	stored := legacy.Stored{Scheme: open.Scheme, Hash: string(open.Hash), Salt: string(open.Salt), User: string(open.User)}
	for name, value := range open.Params {
		if stored.Params == nil {
			stored.Params = make(map[string]string)
		}
		stored.Params[name] = string(value)
	}
	return stored
}

func (s *Service) sealLegacy(account uuid.UUID, stored legacy.Stored) (string, error) {
	plain, err := json.Marshal(sealStored(stored))
	if err != nil {
		return "", err
	}
	return base64.StdEncoding.EncodeToString(s.key.Seal(wrapPurpose, plain, account[:])), nil
}

func (s *Service) openLegacy(account uuid.UUID, sealed string) (*hash.Hash, error) {
	stored, err := s.unsealLegacy(account, sealed)
	if err != nil {
		return nil, err
	}
	return s.hashes.Open(stored)
}

// unsealLegacy is the opposite of sealLegacy.
func (s *Service) unsealLegacy(account uuid.UUID, sealed string) (legacy.Stored, error) {
	raw, err := base64.StdEncoding.DecodeString(sealed)
	if err != nil {
		return legacy.Stored{}, err
	}
	plain, err := s.key.Open(wrapPurpose, raw, account[:])
	if err != nil {
		return legacy.Stored{}, err
	}
	var open sealedStored
	if err := json.Unmarshal(plain, &open); err != nil {
		return legacy.Stored{}, err
	}
	return open.stored(), nil
}
