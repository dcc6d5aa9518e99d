package accounts

import (
	"errors"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/secure/precis"
	"golang.org/x/text/unicode/norm"
)

// MaxIdentifier is the longest identifier that is accepted, in bytes as typed: an e-mail address has at most 254
// (RFC 5321, section 4.5.3.1.3), and some systems let names be longer.
const MaxIdentifier = 320

// Kind says what sort of identifier a string is.
type Kind string

// Kinds of identifier. They share one namespace.
const (
	Username Kind = "username"
	Email    Kind = "email"
	Phone    Kind = "phone"
)

// An Identifier is something a person types to log in.
type Identifier struct {
	Kind      Kind
	Canonical string // unique among all accounts
	Spelling  string // as the legacy store, or the person, wrote it
	// Contested: several legacy people hold the canonical value. Only the exact spelling means this account.
	Contested bool
	// Verified: the person has shown that the address is theirs. What is unknown is not verified.
	Verified bool
}

// Reasons for which a string cannot be an identifier.
var (
	errIdentifierEmpty   = errors.New("must not be empty")
	errIdentifierLong    = errors.New("must be at most 320 bytes")
	errIdentifierUTF8    = errors.New("must be valid UTF-8")
	errIdentifierRefused = errors.New("contains a character that a name must not have")
)

// ParseIdentifier makes a typed or stored string canonical. Spaces around it are not part of it. What has an "@" inside
// is taken for an e-mail address, "+" and digits for a phone number, all else for a username:
// the kind is a matter of shape, so that whatever a person types and whatever a store holds meet in one namespace.
//
// Usernames follow the UsernameCaseMapped profile of PRECIS (RFC 8265, section 3.3), applied to each part between
// single spaces (section 3.1 of it lets a username have several parts; many old systems do). E-mail addresses are
// lower-cased whole and put in NFC. Phone numbers lose their separators.
//
// The error tells the reason in words that can be shown; it never contains the string.
func ParseIdentifier(typed string) (Identifier, error) {
	s := strings.Trim(typed, " ")
	switch {
	case s == "":
		return Identifier{}, errIdentifierEmpty
	case len(s) > MaxIdentifier:
		return Identifier{}, errIdentifierLong
	case !utf8.ValidString(s):
		return Identifier{}, errIdentifierUTF8
	}
	id := Identifier{Spelling: s}
	var err error
	switch {
	case emailShaped(s):
		id.Kind = Email
		id.Canonical, err = canonicalEmail(s)
	case phoneShaped(s):
		id.Kind = Phone
		id.Canonical = canonicalPhone(s)
	default:
		id.Kind = Username
		id.Canonical, err = canonicalUsername(s)
	}
	if err != nil {
		return Identifier{}, err
	}
	return id, nil
}

// simple reports whether a text is of visible ASCII characters alone: in its lower case it is what the rules below make of it.
func simple(s string) bool {
	for i := range len(s) {
		if s[i] <= ' ' || s[i] > '~' {
			return false
		}
	}
	return true
}

func canonicalUsername(s string) (string, error) {
	parts := strings.Split(s, " ")
	for i, part := range parts {
		if simple(part) && part != "" {
			parts[i] = strings.ToLower(part)
			continue
		}
		// The profile is not idempotent for every string, so it is applied until nothing changes (RFC 8264,
		// section 7, asks for the same).
		for range 4 {
			folded, err := precis.UsernameCaseMapped.String(part)
			if err != nil || folded == "" {
				return "", errIdentifierRefused
			}
			if folded == part {
				break
			}
			part = folded
		}
		parts[i] = part
	}
	return strings.Join(parts, " "), nil
}

func emailShaped(s string) bool {
	at := strings.LastIndexByte(s, '@')
	return at > 0 && at < len(s)-1
}

func canonicalEmail(s string) (string, error) {
	if simple(s) {
		return strings.ToLower(s), nil
	}
	for _, r := range s {
		if unicode.IsControl(r) || unicode.IsSpace(r) || !unicode.IsGraphic(r) {
			return "", errIdentifierRefused
		}
	}
	// Lower-casing can undo NFC and NFC can yield what lower-casing changes again; two rounds settle every string.
	for range 2 {
		s = norm.NFC.String(strings.ToLower(s))
	}
	return s, nil
}

// phoneSeparators are what people put between the digits.
const phoneSeparators = " -()."

func phoneShaped(s string) bool {
	digits := strings.TrimPrefix(s, "+")
	return len(digits) < len(s) && digits != "" && digits[0] >= '0' && digits[0] <= '9' &&
		strings.Trim(digits, "0123456789"+phoneSeparators) == ""
}

func canonicalPhone(s string) string {
	return strings.Map(func(r rune) rune {
		if strings.ContainsRune(phoneSeparators, r) {
			return -1
		}
		return r
	}, s)
}
