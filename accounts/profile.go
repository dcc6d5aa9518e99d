package accounts

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"fmt"
	"log/slog"
	"slices"

	"github.com/google/uuid"

	"rekey/legacy"
)

// A Profile is what is kept of a person beside what they log in with.
type Profile struct {
	DisplayName string
	Locale      string // BCP 47
	Roles       []string
	Groups      []string
	Attributes  map[string]string
}

func profileFrom(p legacy.Profile) Profile {
	return Profile{p.DisplayName, p.Locale, p.Roles, p.Groups, p.Attributes}
}

// A Factor is a second factor, sealed or digested: a store cannot use it.
type Factor struct {
	ID     uuid.UUID // UUIDv7
	Kind   FactorKind
	Name   string // for people
	Secret []byte // FactorTOTP: sealed with the master key; FactorRecovery: a keyed digest of one code
}

// String hides the secret.
func (Factor) String() string { return "[second factor]" }

// GoString hides the secret from %#v.
func (f Factor) GoString() string { return f.String() }

// LogValue hides the secret from slog.
func (f Factor) LogValue() slog.Value { return slog.StringValue(f.String()) }

// FactorKind says what sort of second factor it is.
type FactorKind string

// Kinds of second factor.
const (
	FactorTOTP     FactorKind = "totp"
	FactorRecovery FactorKind = "recovery" // a code that works once
)

// An ExternalIdentity is a person's account at an identity provider.
type ExternalIdentity struct{ Provider, Subject string }

// totpPurpose and recoveryPurpose are for what the master key is used here.
const (
	totpPurpose     = "totp"
	recoveryPurpose = "recovery-code"
)

// profileOf is what is kept of a legacy person's profile, or nil if there is nothing.
func profileOf(p legacy.Profile) *Profile {
	if p.DisplayName == "" && p.Locale == "" && len(p.Roles)+len(p.Groups)+len(p.Attributes) == 0 {
		return nil
	}
	profile := profileFrom(p)
	return &profile
}

// carryFactors gives a record the second factors and external identities of a legacy person. Of people who are linked
// those of all of them count: an account must not be weaker than a half of it was. Recovery codes that they have used before
// they were moved stay behind.
func (s *Service) carryFactors(ctx context.Context, rec *Record, c candidate) error {
	p := c.user.Profile
	if len(p.RecoveryCodes) > 0 {
		subject := SubjectFor(c.source.Name, c.user.ID)
		spent, err := s.store.SpentCodes(ctx, subject)
		if err != nil {
			return fmt.Errorf("read spent codes: %w", err)
		}
		p.RecoveryCodes = slices.DeleteFunc(slices.Clone(p.RecoveryCodes), func(code string) bool {
			digest := s.recoveryDigest(subject, code)
			return slices.ContainsFunc(spent, func(d []byte) bool { return hmac.Equal(d, digest) })
		})
	}
	return s.addFactors(rec, p)
}

func (s *Service) addFactors(rec *Record, p legacy.Profile) error {
	for _, t := range p.TOTP {
		sealed, err := s.sealTOTP(rec.ID, sealedTOTP{t.Secret, t.Algorithm, t.Digits, t.Period})
		if err != nil {
			return err
		}
		rec.Factors = append(rec.Factors, Factor{ID: uuid.Must(uuid.NewV7()), Kind: FactorTOTP, Name: t.Name, Secret: sealed})
		rec.SecondFactor = true
	}
	for _, code := range p.RecoveryCodes {
		rec.Factors = append(rec.Factors, Factor{ID: uuid.Must(uuid.NewV7()), Kind: FactorRecovery, Secret: s.recoveryDigest(rec.ID, code)})
	}
	for _, e := range p.External {
		if identity := (ExternalIdentity{e.Provider, e.Subject}); e.Provider != "" && e.Subject != "" && !slices.Contains(rec.External, identity) {
			rec.External = append(rec.External, identity)
		}
	}
	return nil
}

// noteExternal tells support about identities at providers that another account had first: whose they are is for people
// to settle, for two stores may mean different people by one.
func (s *Service) noteExternal(ctx context.Context, c candidate, rec Record, a Attempt) {
	if len(rec.External) == 0 {
		return
	}
	kept, err := s.store.ExternalIdentities(ctx, rec.ID)
	if err != nil {
		s.log.WarnContext(ctx, "external identities not read back", "account", rec.ID, "error", err)
		return
	}
	if len(kept) < len(rec.External) {
		s.note(ctx, c, NoteExternalTaken, "an identity at a provider belongs to another account and was left out", a)
	}
}

// recoveryDigest is what is kept of a recovery code: an HMAC-SHA-256 under a key that the store does not have, so that
// even a short code cannot be guessed from it. Case, spaces and hyphens do not count.
func (s *Service) recoveryDigest(account uuid.UUID, code string) []byte {
	key := s.key.Derive(recoveryPurpose)
	mac := hmac.New(sha256.New, key[:])
	mac.Write(account[:])
	mac.Write([]byte(plainCode(code)))
	return mac.Sum(nil)
}
