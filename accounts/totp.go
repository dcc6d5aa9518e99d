package accounts

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base32"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/pquerna/otp"
	"github.com/pquerna/otp/hotp"

	"rekey/legacy"
)

// One-time passwords by the clock (RFC 6238), and recovery codes.

const (
	totpWindow = 1 // steps on either side of now: a clock may be off, and people type slowly (RFC 6238, section 5.2)
	// codeSlack is for how long a spent code is kept beyond its window: the clocks of processes differ.
	codeSlack = 5 * time.Minute
	// maxCode bounds what somebody can type as a code, in bytes. Legacy recovery codes are the longest, with some 40.
	maxCode = 128
)

// sealedTOTP is legacy.TOTP in the open.
type sealedTOTP struct {
	Secret    []byte `json:"secret"`
	Algorithm string `json:"algorithm"`
	Digits    int    `json:"digits"`
	Period    int    `json:"period"` // seconds
}

// errTOTP: what the legacy store says of a generator is none that there is.
var errTOTP = errors.New("a one-time password generator of an unknown kind")

// options returns how the codes are made; the zero values of legacy.TOTP are filled in.
func (t sealedTOTP) options() (o hotp.ValidateOpts, period int64, err error) {
	o.Digits, period = otp.DigitsSix, 30
	if t.Digits != 0 {
		o.Digits = otp.Digits(t.Digits)
	}
	if t.Period != 0 {
		period = int64(t.Period)
	}
	switch strings.ReplaceAll(strings.ToUpper(t.Algorithm), "-", "") {
	case "", "SHA1":
		o.Algorithm = otp.AlgorithmSHA1
	case "SHA256":
		o.Algorithm = otp.AlgorithmSHA256
	case "SHA512":
		o.Algorithm = otp.AlgorithmSHA512
	default:
		return o, 0, errTOTP
	}
	if o.Digits < 6 || o.Digits > 8 || period < 1 || period > 3600 || len(t.Secret) == 0 {
		return o, 0, errTOTP
	}
	return o, period, nil
}

var base32Text = base32.StdEncoding.WithPadding(base32.NoPadding)

// match returns the step whose code this is, of those around now, and when that code has expired.
func (t sealedTOTP) match(code string, now time.Time) (step int64, until time.Time, ok bool, err error) {
	o, period, err := t.options()
	if err != nil {
		return 0, time.Time{}, false, err
	}
	if len(code) != o.Digits.Length() {
		return 0, time.Time{}, false, nil
	}
	secret := base32Text.EncodeToString(t.Secret)
	for step = now.Unix()/period - totpWindow; step <= now.Unix()/period+totpWindow; step++ {
		ok, err := hotp.ValidateCustom(code, uint64(max(step, 0)), secret, o)
		switch {
		case err != nil:
			return 0, time.Time{}, false, fmt.Errorf("check a one-time password: %w", err)
		case ok:
			return step, time.Unix((step+1+totpWindow)*period, 0).Add(codeSlack), true, nil
		}
	}
	return 0, time.Time{}, false, nil
}

// uri is what generators read from a picture: the key URI format of Google Authenticator.
func (t sealedTOTP) uri(issuer, name string) string {
	query := url.Values{
		"secret": {base32Text.EncodeToString(t.Secret)}, "issuer": {issuer}, "algorithm": {t.Algorithm},
		"digits": {strconv.Itoa(t.Digits)}, "period": {strconv.Itoa(t.Period)},
	}
	return "otpauth://totp/" + url.PathEscape(issuer) + ":" + url.PathEscape(name) + "?" + strings.ReplaceAll(query.Encode(), "+", "%20")
}

// parseCode takes out of a code what people put between its characters, or returns an *InvalidError.
func parseCode(typed string) (string, error) {
	if len(typed) > maxCode {
		return "", &InvalidError{Field: "code", Reason: "is too long"}
	}
	code := plainCode(typed)
	if code == "" {
		return "", &InvalidError{Field: "code", Reason: "is empty"}
	}
	return code, nil
}

// plainCode is a code without what does not count: case, spaces and hyphens.
func plainCode(code string) string {
	return strings.NewReplacer(" ", "", "-", "").Replace(strings.ToLower(code))
}

// A heldFactor is a second factor that can be checked.
type heldFactor struct {
	id       uuid.UUID   // of the row here; uuid.Nil: the legacy store has it
	totp     *sealedTOTP // nil: a recovery code
	recovery []byte      // its digest
}

// openFactors makes an account's stored factors ones that can be checked.
func (s *Service) openFactors(account uuid.UUID, stored []Factor) ([]heldFactor, error) {
	held := make([]heldFactor, 0, len(stored))
	for _, f := range stored {
		h := heldFactor{id: f.ID, recovery: f.Secret}
		if f.Kind == FactorTOTP {
			var err error
			if h, err = s.openTOTP(account, f.Secret); err != nil {
				return nil, err
			}
			h.id = f.ID
		}
		held = append(held, h)
	}
	return held, nil
}

func (s *Service) openTOTP(account uuid.UUID, sealed []byte) (heldFactor, error) {
	plain, err := s.key.Open(totpPurpose, sealed, account[:])
	if err != nil {
		return heldFactor{}, fmt.Errorf("open a one-time password secret: %w", err)
	}
	var t sealedTOTP
	if err := json.Unmarshal(plain, &t); err != nil {
		return heldFactor{}, fmt.Errorf("open a one-time password secret: %w", err)
	}
	return heldFactor{totp: &t}, nil
}

func (s *Service) sealTOTP(account uuid.UUID, t sealedTOTP) ([]byte, error) {
	plain, err := json.Marshal(t) //nolint:gosec // it is sealed in the next line
	if err != nil {
		return nil, fmt.Errorf("seal a one-time password secret: %w", err)
	}
	return s.key.Seal(totpPurpose, plain, account[:]), nil
}

// legacyFactors are those that the legacy store has of somebody.
func (s *Service) legacyFactors(account uuid.UUID, p legacy.Profile) []heldFactor {
	var held []heldFactor
	for _, t := range p.TOTP {
		held = append(held, heldFactor{totp: &sealedTOTP{t.Secret, t.Algorithm, t.Digits, t.Period}})
	}
	for _, code := range p.RecoveryCodes {
		held = append(held, heldFactor{recovery: s.recoveryDigest(account, code)})
	}
	return held
}

// errCode is a code that is none of somebody's.
var errCode = refusedCode("code-wrong")

// matchCode returns what is to be spent for a code that was taken from parseCode, or errCode.
func (s *Service) matchCode(account uuid.UUID, held []heldFactor, code string) (Spent, FactorKind, error) {
	now := s.now()
	spent := Spent{At: now, GiveBack: guessEvery}
	for _, h := range held {
		if h.totp == nil {
			continue
		}
		step, until, ok, err := h.totp.match(code, now)
		switch {
		case err != nil:
			return Spent{}, "", cannotTell("check a code", err)
		case ok:
			spent.Digest, spent.Step, spent.Until = s.totpDigest(h.totp.Secret), step, until
			return spent, FactorTOTP, nil
		}
	}
	digest := s.recoveryDigest(account, code)
	for _, h := range held {
		if h.totp == nil && hmac.Equal(h.recovery, digest) {
			spent.Digest, spent.Step, spent.Factor = digest, 1, h.id
			return spent, FactorRecovery, nil
		}
	}
	return Spent{}, "", errCode
}

// totpDigest names a secret where its last step is kept. A copy that is made again has other rows, and the same secret.
func (s *Service) totpDigest(secret []byte) []byte {
	key := s.key.Derive(totpPurpose + "-digest")
	mac := hmac.New(sha256.New, key[:])
	mac.Write(secret)
	return mac.Sum(nil)
}
