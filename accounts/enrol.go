package accounts

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/base32"
	"errors"
	"log/slog"
	"strings"
	"time"

	"github.com/google/uuid"

	"rekey/accounts/password"
	"rekey/accounts/phase"
)

// How a second factor comes and goes, by its owner. It comes in two steps: with the password, a secret is shown; with a code
// that was made of it, it counts from then on. Where there is one already, another comes only after that was removed, which
// needs a code of it: a password and a stolen session are not enough to put another in its place.
//
// No legacy store is told: where one answers for a person, their factors are managed there.

const (
	// enrolmentLife is how long somebody has to set up their generator.
	enrolmentLife = 10 * time.Minute
	// totpSecret is the length of a new secret in bytes: that of the hash, as RFC 4226, section 4, recommends.
	totpSecret = 20
	// recoveryCodes are made at once; each works once.
	recoveryCodes = 10
	// recoverySecret is the length of a recovery code in bytes: 80 bits cannot be guessed, so a fast hash keeps it well.
	recoverySecret = 10
)

// An EnrolTOTP is somebody who is logged in and wants a one-time password generator.
type EnrolTOTP struct {
	Session   Session
	Current   password.Secret
	Issuer    string // how the generator names us
	RequestID string
}

// A TOTPSecret is shown once, to whom it belongs. It prints as a placeholder.
type TOTPSecret struct {
	Secret string // base32 (RFC 4648), to be typed
	URI    string // otpauth://, to be shown as a picture
}

const redactedTOTP = "[one-time password secret]"

// String hides the secret.
func (TOTPSecret) String() string { return redactedTOTP }

// GoString hides the secret from %#v.
func (TOTPSecret) GoString() string { return redactedTOTP }

// LogValue hides the secret from slog.
func (TOTPSecret) LogValue() slog.Value { return slog.StringValue(redactedTOTP) }

// BeginTOTP makes a secret for somebody who has proven their password once more. It counts for nothing before ConfirmTOTP.
//
// Its errors are those of ChangePassword but for the policy, and ErrFactorThere.
func (s *Service) BeginTOTP(ctx context.Context, e EnrolTOTP) (TOTPSecret, error) {
	var shown TOTPSecret
	a := Attempt{Password: e.Current, RequestID: e.RequestID}
	there := func(Attempt) error { return s.elsewhere(ctx, e.Session) } // none of ours writes factors
	err := s.change(ctx, e.Session, a, nil, there, func(_ Attempt, rec Record, _ phase.Row) error {
		if rec.SecondFactor {
			return ErrFactorThere
		}
		made := sealedTOTP{Secret: make([]byte, totpSecret), Algorithm: "SHA1", Digits: 6, Period: 30} // what every generator can
		rand.Read(made.Secret)                                                                         // never fails
		sealed, err := s.sealTOTP(rec.ID, made)
		if err != nil {
			return cannotTell("begin an enrolment", err)
		}
		enrolment := Enrolment{AccountID: rec.ID, SessionID: e.Session.ID, Secret: sealed, ExpiresAt: s.now().Add(enrolmentLife)}
		if err := s.store.BeginEnrolment(ctx, enrolment); err != nil {
			return cannotTell("begin an enrolment", err)
		}
		shown = TOTPSecret{base32Text.EncodeToString(made.Secret), made.uri(e.Issuer, personOf(rec).Name())}
		return nil
	})
	return shown, err
}

// A ConfirmTOTP is the first code of a new generator.
type ConfirmTOTP struct {
	Session   Session
	Code      string
	RequestID string
}

// ConfirmTOTP makes the secret of BeginTOTP count, and returns recovery codes, which nobody can read again.
//
// Its errors are an *InvalidError, ErrCode (also where nothing was begun by this session, or too long ago), ErrFactorThere,
// ErrManagedElsewhere, ErrCredentials (they may not be in), a *LimitedError, or an *UnavailableError.
func (s *Service) ConfirmTOTP(ctx context.Context, c ConfirmTOTP) ([]string, error) {
	code, err := parseCode(c.Code)
	if err != nil {
		return nil, err
	}
	a := Attempt{RequestID: c.RequestID}
	leave, err := s.enter(&a)
	if err != nil {
		return nil, err
	}
	defer leave()
	row, err := s.changing(ctx, c.Session.AccountID, a)
	switch {
	case err != nil:
		return nil, err
	case row.Answers != phase.New || row.Legacy == phase.Required:
		return nil, s.elsewhere(ctx, c.Session)
	}
	begun, err := s.store.Enrolment(ctx, c.Session.AccountID)
	switch {
	case errors.Is(err, ErrNotFound):
		return nil, refusedCode("enrolment-none")
	case err != nil:
		return nil, cannotTell("read an enrolment", err)
	case begun.SessionID != c.Session.ID || !s.now().Before(begun.ExpiresAt):
		return nil, refusedCode("enrolment-none")
	}
	if err := s.takeGuess(ctx, c.Session.AccountID, a); err != nil {
		return nil, err
	}
	return s.confirm(ctx, begun, code, a)
}

func (s *Service) confirm(ctx context.Context, begun Enrolment, code string, a Attempt) ([]string, error) {
	held, err := s.openTOTP(begun.AccountID, begun.Secret)
	if err != nil {
		return nil, cannotTell("read an enrolment", err)
	}
	spent, _, err := s.matchCode(begun.AccountID, []heldFactor{held}, code)
	if err != nil {
		return nil, err
	}
	codes := make([]string, recoveryCodes)
	factors := []Factor{{ID: uuid.Must(uuid.NewV7()), Kind: FactorTOTP, Secret: bytes.Clone(begun.Secret)}}
	for i := range codes {
		codes[i] = newRecoveryCode()
		factors = append(factors, Factor{ID: uuid.Must(uuid.NewV7()), Kind: FactorRecovery, Secret: s.recoveryDigest(begun.AccountID, codes[i])})
	}
	event := s.event(begun.AccountID, EventFactorEnrolled, a)
	event.Detail = map[string]string{"kind": string(FactorTOTP)}
	err = s.outlive(ctx, func(ctx context.Context) error { return s.writes(a).AddFactors(ctx, begun, factors, spent, event) })
	switch {
	case err == nil:
		s.stats.Enrolled.Add(1)
		return codes, nil
	case errors.Is(err, ErrTaken):
		return nil, ErrFactorThere
	case errors.Is(err, ErrStale): // confirmed by somebody who was faster, or begun anew
		return nil, refusedCode("enrolment-none")
	}
	return nil, asAnswer(err)
}

// newRecoveryCode makes a code that people can copy: four groups of four, of letters and digits that are not mistaken for one
// another (RFC 4648, section 6).
func newRecoveryCode() string {
	secret := make([]byte, recoverySecret)
	rand.Read(secret) // never fails
	text := strings.ToLower(base32.StdEncoding.EncodeToString(secret))
	return strings.Join([]string{text[:4], text[4:8], text[8:12], text[12:16]}, "-")
}

// A FactorRemoval is somebody who is logged in and wants to do without a second factor.
type FactorRemoval struct {
	Session   Session
	Current   password.Secret
	Code      string // of the factor that goes, or a recovery code
	RequestID string
}

// RemoveFactors removes the second factors of somebody who has proven both their password and a factor.
//
// Its errors are those of ChangePassword but for the policy, ErrCode, ErrNoFactor, and a *LimitedError.
func (s *Service) RemoveFactors(ctx context.Context, r FactorRemoval) error {
	code, err := parseCode(r.Code)
	if err != nil {
		return err
	}
	a := Attempt{Password: r.Current, RequestID: r.RequestID}
	there := func(Attempt) error { return s.elsewhere(ctx, r.Session) }
	return s.change(ctx, r.Session, a, &s.stats.Unenrolled, there, func(a Attempt, rec Record, _ phase.Row) error {
		if !rec.SecondFactor {
			return ErrNoFactor
		}
		stored, err := s.store.Factors(ctx, rec.ID)
		if err != nil {
			return cannotTell("read second factors", err)
		}
		held, err := s.openFactors(rec.ID, stored)
		if err != nil {
			return cannotTell("read second factors", err)
		}
		if err := s.takeGuess(ctx, rec.ID, a); err != nil {
			return err
		}
		spent, kind, err := s.matchCode(rec.ID, held, code)
		if err != nil {
			return err
		}
		event := s.event(rec.ID, EventFactorRemoved, a)
		event.Detail = map[string]string{"proven_by": string(kind)}
		return s.outlive(ctx, func(ctx context.Context) error {
			return s.writes(a).RemoveFactors(ctx, rec.ID, rec.Credential.Version, spent, event)
		})
	})
}
