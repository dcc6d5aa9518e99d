// Package password makes and checks this store's password hashes: argon2id strings, wraps of legacy digests, and
// the pool of permits that bounds how many hashes run at once. It serves the flows in the package above it.
//
// It imports nothing else of this repository but argon2 below it: what it hashes and what it wraps comes in as bytes, so it goes on
// working when the code that reads old hashes has been deleted. It never logs, and no error, panic report or printed
// value of this package contains a byte of a password, a hash, a salt or a key.
package password

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"unicode/utf8"
)

// MaxLength is the longest password, in bytes, that a person may type. It bounds what a request can make us hash and
// leaves room for any passphrase (NIST SP 800-63B asks for at least 64 characters).
const MaxLength = 1024

// What Check finds wrong with a typed password. The texts are fixed and safe to show.
var (
	ErrEmpty   = errors.New("the password is empty")
	ErrTooLong = fmt.Errorf("the password is longer than %d bytes", MaxLength)
	ErrNUL     = errors.New("the password contains a NUL byte")
	ErrNotUTF8 = errors.New("the password is not valid UTF-8")
)

// redacted is what every way of printing a Secret gives. It does not tell the length.
const redacted = "[secret]"

// A Secret carries typed password bytes through code that may print what it is given. Every way to print or encode
// it gives a placeholder, also as an unexported field of another struct, where package fmt cannot see its methods and
// reads the memory instead: the bytes are in a closure, which no printer can look into. (A pointer is not enough: fmt
// follows it when the verb does not fit.)
//
// The zero value is an empty password.
type Secret struct{ reveal func() []byte }

// NewSecret takes over password: the caller must not use the slice again.
func NewSecret(password []byte) Secret { return Secret{func() []byte { return password }} }

// Reveal returns the bytes themselves, for hashing and nothing else. They must not be changed, kept or printed.
func (s Secret) Reveal() []byte {
	if s.reveal == nil {
		return nil
	}
	return s.reveal()
}

// Clone returns a copy that lives longer than s may, and what makes zeros of it, after which it is of no use.
func (s Secret) Clone() (clone Secret, wipe func()) {
	own := bytes.Clone(s.Reveal())
	return NewSecret(own), func() { clear(own) }
}

// Len is the length in bytes.
func (s Secret) Len() int { return len(s.Reveal()) }

// Check returns ErrEmpty, ErrTooLong, ErrNUL or ErrNotUTF8, or nil for a password that may be hashed. A NUL is
// refused because C programs, bcrypt's among them, end the password there.
func (s Secret) Check() error {
	password := s.Reveal()
	switch {
	case len(password) == 0:
		return ErrEmpty
	case len(password) > MaxLength:
		return ErrTooLong
	case bytes.IndexByte(password, 0) >= 0:
		return ErrNUL
	case !utf8.Valid(password):
		return ErrNotUTF8
	}
	return nil
}

// Format implements fmt.Formatter for every verb, %x, %d and %p included.
func (Secret) Format(f fmt.State, _ rune) {
	// The writer of a fmt.State is fmt's own buffer: it cannot fail.
	_, _ = f.Write([]byte(redacted))
}

// String returns a placeholder.
func (Secret) String() string { return redacted }

// GoString returns a placeholder.
func (Secret) GoString() string { return redacted }

// LogValue returns a placeholder to log/slog.
func (Secret) LogValue() slog.Value { return slog.StringValue(redacted) }

// MarshalText returns a placeholder; encoding/xml and YAML encoders use it too.
func (Secret) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// MarshalJSON returns a placeholder.
func (Secret) MarshalJSON() ([]byte, error) { return []byte(`"` + redacted + `"`), nil }
