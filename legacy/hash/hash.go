// Package hash reads the password hashes of old systems: it says what a stored string is, verifies a password
// against it, and computes the digest that wrapping needs.
//
// Every stored string is foreign. It is parsed strictly (the exact alphabet, field count and digest length of its
// format), then its cost is checked against Bounds, and only then is anything computed. The length of a derived key
// never comes from the stored string. Nothing here logs, and no error contains a byte of a hash, salt or password.
//
// The package does not bound how many hashes run at once: a Hash tells the memory it needs, and the caller takes a
// permit before it calls Verify or Digest.
package hash

import (
	"bytes"
	"crypto/subtle"
	"errors"

	"rekey/legacy"
)

// MaxPassword is the longest password, in bytes, that is hashed; longer ones never match. md5crypt and sha-crypt
// take time in proportion to the password's length times itself.
const MaxPassword = 4096

// MaxStored is the longest stored string, in bytes, that is parsed, hash and salt each.
const MaxStored = 8 << 10

// Errors of Open. Compare with errors.Is.
var (
	// ErrScheme: there is no scheme or recipe of that name. A mistake of configuration.
	ErrScheme = errors.New("unknown scheme")
	// ErrParams: the scheme needs a parameter that is not given. A mistake of configuration.
	ErrParams = errors.New("missing parameter")
	// ErrMalformed: the stored string is not of the scheme's shape, or "auto" does not recognise it.
	ErrMalformed = errors.New("malformed hash")
	// ErrBounds: the stored string asks for more memory or time than Bounds allow.
	ErrBounds = errors.New("hash exceeds the bounds")
	// ErrUnusable: the stored string says that no password matches: empty, locked or disabled ("!", "*", "x", …).
	ErrUnusable = errors.New("no password matches")
)

// A Fold is what a scheme does to a password before it hashes it, by name; passwords that fold to the same bytes
// are the same password to the old system. The names are stored with the credential, so they never change.
type Fold string

// The folds that schemes declare.
const (
	FoldNone  Fold = ""
	FoldTrim  Fold = "trim"  // WordPress: leading and trailing " \n\r\t\v\x00" are cut
	FoldLower Fold = "lower" // ASCII letters are lower-cased
	FoldUpper Fold = "upper" // ASCII letters are upper-cased
	FoldNFC   Fold = "nfc"   // Unicode normalisation form C
	FoldNFKC  Fold = "nfkc"  // Unicode normalisation form KC
	Fold7Bit  Fold = "7bit"  // DES crypt: the high bit of every byte is dropped
)

// A Hash is a stored hash that was parsed strictly and found to be within bounds: computing it is safe.
type Hash struct {
	Scheme string // the scheme's name, or the recipe's text
	Memory int64  // bytes that Match, Verify and Digest take while they run, at most; 0 if negligible

	// Limit is the number of password bytes at which the scheme begins to ignore the rest; 0 if it ignores none. A
	// password of Limit bytes or more proves only its beginning, so it must not be rehashed as it was typed.
	Limit int

	// Fold is applied by Match, Verify and Digest themselves; it is told because what is rehashed must be the folded bytes.
	Fold Fold

	// compute derives what want is compared with; nil means the scheme cannot hash this password (a NUL byte, say).
	compute func(password []byte) []byte
	want    []byte
	// masked is the stored value with its digest overwritten by a valid filler: Open(masked) gives the same compute.
	masked legacy.Stored

	// readings are the ways in which the application may have hashed the password, where the stored string does not
	// tell which: h's own first, then others. Empty stands for h alone.
	readings []*Hash
	// changes are the bytes that this reading sees otherwise than the first; without one of them it computes the same.
	changes string
}

// Match returns the reading of h under which password is the one that was stored, or nil if there is none. Whatever
// keeps or replaces the hash must go by what Match returned: its Limit, Fold and Masked are those of what was proven.
// It takes as long as the scheme takes, and compares in constant time; each reading is computed after the other.
func (h *Hash) Match(password []byte) *Hash {
	for _, reading := range h.Readings(password) {
		got, err := reading.Digest(password)
		if err == nil && len(got) > 0 && subtle.ConstantTimeCompare(got, h.want) == 1 {
			return reading
		}
	}
	return nil
}

// Verify reports whether password is the one that was stored, under any reading.
func (h *Hash) Verify(password []byte) bool { return h.Match(password) != nil }

// Readings returns the readings of h that differ for password: one, unless the application may have escaped the
// password and it holds a byte that the escape changes. A wrap over Stored, made before the password was seen, is of
// the password if the Digest of one of them is what was wrapped.
func (h *Hash) Readings(password []byte) []*Hash {
	if len(h.readings) == 0 {
		return []*Hash{h}
	}
	differ := h.readings[:1:1]
	for _, reading := range h.readings[1:] {
		if bytes.ContainsAny(password, reading.changes) {
			differ = append(differ, reading)
		}
	}
	return differ
}

// ErrPassword: the scheme cannot hash this password (too long, or it contains a byte that the scheme refuses).
var ErrPassword = errors.New("password cannot be hashed by this scheme")

// Digest returns what the scheme derives from password under the stored parameters: for the right password, and
// only for it, the same bytes at every call. It is what a keyed wrap is made over; it must not be stored bare. Of
// several Readings it computes the first.
func (h *Hash) Digest(password []byte) ([]byte, error) {
	if len(password) > MaxPassword {
		return nil, ErrPassword
	}
	digest := h.compute(password)
	if digest == nil {
		return nil, ErrPassword
	}
	return digest, nil
}

// Stored digest: the expected bytes, for wrapping an account whose password has not been seen. Must not be stored
// bare.
func (h *Hash) Stored() []byte { return h.want }

// Masked returns the stored value with scheme resolved and the digest overwritten by a filler of the same shape.
// It opens to a Hash whose Digest and Readings are the same and whose Verify is of no use: it is what a wrapped
// credential keeps.
func (h *Hash) Masked() legacy.Stored { return h.masked }
