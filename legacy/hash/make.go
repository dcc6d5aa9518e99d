package hash

import (
	"bytes"
	"crypto/subtle"
	"errors"
	"fmt"

	"golang.org/x/text/unicode/norm"

	"rekey/legacy"
)

// Errors of Make. Compare with errors.Is.
var (
	// ErrMake: hashes like this one are read, but not made: the scheme has no salt to change, its parameters are in a file
	// of the application, or nobody should write it any more. A mistake of configuration.
	ErrMake = errors.New("hashes of this scheme cannot be made")
	// ErrLossy: the scheme would hash something else than what was typed: it cuts the password, or folds it to what others
	// type as well. A caller who wants that folds the bytes itself and asks again.
	ErrLossy = errors.New("the scheme would cut or fold this password")
)

// Make returns a new stored value of password, for the old system to read: of the scheme, cost and encoding of like, which
// is any stored value of that system, with a salt of its own in the place, length and alphabet of like's. User and
// Params are like's. Scheme is the one that like was found to be.
//
// Its errors wrap those of Open for what is wrong with like, and ErrMake, ErrLossy or ErrPassword (the password is empty
// or too long, or has a byte that the scheme refuses, which NUL always is). It takes as much time and memory as Verify
// of like; the caller takes a permit before.
//
// Where the old application escapes what people type, the value is of the escaped password: what its login page
// compares.
func (r *Registry) Make(like legacy.Stored, password []byte) (legacy.Stored, error) {
	example, err := r.Open(like)
	if err != nil {
		return legacy.Stored{}, err
	}
	like.Scheme = example.Scheme
	if len(password) == 0 || len(password) > MaxPassword || hasNUL(password) {
		return legacy.Stored{}, ErrPassword
	}
	if err := example.lastReading().keeps(password); err != nil {
		return legacy.Stored{}, fmt.Errorf("%s: %w", example.Scheme, err)
	}
	fresh := r.resalted(like, example)
	if fresh == nil {
		return legacy.Stored{}, fmt.Errorf("%s: %w", example.Scheme, ErrMake)
	}

	// The new salt is read as the old system will read it, the digest computed under it, and the whole read once more.
	blank, err := r.Open(fresh(example.want))
	if err != nil { // a shape was taken for another
		return legacy.Stored{}, fmt.Errorf("%s: %w", example.Scheme, ErrMake)
	}
	digest, err := blank.lastReading().Digest(password)
	if err != nil {
		return legacy.Stored{}, fmt.Errorf("%s: %w", example.Scheme, err)
	}
	made := fresh(digest)
	whole, err := r.Open(made)
	if err != nil || subtle.ConstantTimeCompare(whole.want, digest) != 1 || !whole.isLike(example) {
		return legacy.Stored{}, fmt.Errorf("%s: %w", example.Scheme, ErrMake)
	}
	return made, nil
}

// lastReading is the reading that the application's login page has: the escaped one, where there are two.
func (h *Hash) lastReading() *Hash {
	if n := len(h.readings); n > 0 {
		return h.readings[n-1]
	}
	return h
}

// isLike reports whether two hashes cost the same and do the same to a password.
func (h *Hash) isLike(other *Hash) bool {
	return h.Scheme == other.Scheme && h.Limit == other.Limit && h.Fold == other.Fold && h.Memory == other.Memory
}

// keeps returns ErrLossy unless h hashes password whole and as it is.
func (h *Hash) keeps(password []byte) error {
	if h.Limit > 0 && len(password) >= h.Limit {
		return fmt.Errorf("%w: it ignores all behind %d bytes", ErrLossy, h.Limit-1)
	}
	if !bytes.Equal(h.Fold.apply(password), password) {
		return fmt.Errorf("%w: %s", ErrLossy, h.Fold)
	}
	return nil
}

// apply returns the folded password.
func (f Fold) apply(password []byte) []byte {
	switch f {
	case FoldTrim:
		return phpTrim(password)
	case FoldLower:
		return lowerASCII(password)
	case FoldUpper:
		return upperASCII(password)
	case FoldNFC:
		return norm.NFC.Bytes(password)
	case FoldNFKC:
		return norm.NFKC.Bytes(password)
	case Fold7Bit:
		folded := bytes.Clone(password)
		for i := range folded {
			folded[i] &= 0x7f
		}
		return folded
	case FoldNone:
	}
	return password
}
