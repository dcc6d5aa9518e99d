package password

import (
	"bytes"
	"crypto/subtle"
)

// Dummy returns a well-formed hash under the current policy that no password matches: its salt and digest are fixed
// bytes, so finding a password would mean inverting argon2id. It costs nothing to make, so nothing is hashed when the
// program starts.
//
// A login that found nobody verifies against it on the very path that a real credential takes, and so takes the time
// that a wrong password takes.
func (h Hasher) Dummy() string { return h.unmatched(dummySum) }

// Locked is a Dummy of another kind: of an account whose password was taken away.
func (h Hasher) Locked() string { return h.unmatched(lockedSum) }

func (h Hasher) unmatched(sum byte) string {
	return phc{
		Policy: h.Policy.orDefault(),
		salt:   bytes.Repeat([]byte{dummySalt}, newSalt),
		sum:    bytes.Repeat([]byte{sum}, newSum),
	}.String()
}

// The bytes that salt and digest of a dummy are made of.
const (
	dummySalt = 0x5a
	dummySum  = 0xa5
	lockedSum = 0xc3
)

// DummyMark is a part that every dummy has, of either kind and under whatever policy it was made, and nothing else: its salt, in
// base64.
const DummyMark = "$WlpaWlpaWlpaWlpaWlpaWg$"

// LockedMark is what every Locked ends with, and nothing else: salt and digest.
const LockedMark = DummyMark + "w8PDw8PDw8PDw8PDw8PDw8PDw8PDw8PDw8PDw8PDw8M"

// IsDummy reports whether an encoded hash was made by Dummy, under whatever policy.
func IsDummy(encoded string) bool { return isUnmatched(encoded, dummySum) }

// IsLocked reports whether an encoded hash was made by Locked, under whatever policy.
func IsLocked(encoded string) bool { return isUnmatched(encoded, lockedSum) }

func isUnmatched(encoded string, sum byte) bool {
	p, err := parsePHC(encoded)
	return err == nil && subtle.ConstantTimeCompare(p.salt, bytes.Repeat([]byte{dummySalt}, newSalt)) == 1 &&
		subtle.ConstantTimeCompare(p.sum, bytes.Repeat([]byte{sum}, newSum)) == 1
}

// VerifyDummy costs what Verify costs for a hash of the current policy, and says nothing.
func (h Hasher) VerifyDummy(password []byte) {
	// A policy out of bounds is the only error, and Hash tells it.
	_, _ = h.Verify(h.Dummy(), password)
}
