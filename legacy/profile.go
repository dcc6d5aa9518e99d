package legacy

import "log/slog"

// A Profile is what moves with a person beside their identifiers and their password. Whatever a store does not have is
// empty.
type Profile struct {
	DisplayName string // how the person is shown, such as "Anna Berg"
	Locale      string // BCP 47, such as "pt-BR"

	// EmailVerified and PhoneVerified: the store says that the person has shown that the address is theirs. What is
	// unknown is not verified.
	EmailVerified bool
	PhoneVerified bool

	Roles      []string
	Groups     []string
	Attributes map[string]string // everything else that is kept, by the names that the operator gives

	TOTP          []TOTP
	RecoveryCodes []string // as the person types them; each works once
	External      []ExternalIdentity
}

// A TOTP is a time-based one-time password generator (RFC 6238). It prints as a placeholder.
type TOTP struct {
	Name      string // for people: "phone"
	Secret    []byte // the shared key itself, decoded
	Algorithm string // SHA1, SHA256 or SHA512; "" is SHA1
	Digits    int    // 6 to 8; 0 is 6
	Period    int    // seconds; 0 is 30
}

// An ExternalIdentity is a person's account at an identity provider.
type ExternalIdentity struct {
	Provider string // as the old application names it: "google", an issuer's URL
	Subject  string // the provider's own id of the person
}

const (
	redactedProfile = "[profile]"
	redactedTOTP    = "[one-time password secret]"
)

// String hides what is personal or secret.
func (Profile) String() string { return redactedProfile }

// GoString hides it from %#v.
func (Profile) GoString() string { return redactedProfile }

// LogValue hides it from slog.
func (Profile) LogValue() slog.Value { return slog.StringValue(redactedProfile) }

// String hides the secret.
func (TOTP) String() string { return redactedTOTP }

// GoString hides the secret from %#v.
func (TOTP) GoString() string { return redactedTOTP }

// LogValue hides the secret from slog.
func (TOTP) LogValue() slog.Value { return slog.StringValue(redactedTOTP) }
