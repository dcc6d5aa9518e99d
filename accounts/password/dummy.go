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
func (h Hasher) Dummy() string {
	return phc{
		Policy: h.Policy.orDefault(),
		salt:   bytes.Repeat([]byte{dummySalt}, newSalt),
		sum:    bytes.Repeat([]byte{dummySum}, newSum),
	}.String()
}

// The bytes that salt and digest of a dummy are made of.
const (
	dummySalt = 0x5a
	dummySum  = 0xa5
)

// DummyMark is a part that every dummy has, under whatever policy it was made, and nothing else: its salt, in base64.
const DummyMark = "$WlpaWlpaWlpaWlpaWlpaWg$"

// IsDummy reports whether an encoded hash was made by Dummy, under whatever policy.
func IsDummy(encoded string) bool {
	p, err := parsePHC(encoded)
	return err == nil && subtle.ConstantTimeCompare(p.salt, bytes.Repeat([]byte{dummySalt}, newSalt)) == 1 &&
		subtle.ConstantTimeCompare(p.sum, bytes.Repeat([]byte{dummySum}, newSum)) == 1
}

// VerifyDummy costs what Verify costs for a hash of the current policy, and says nothing.
func (h Hasher) VerifyDummy(password []byte) {
	// A policy out of bounds is the only error, and Hash tells it.
	_, _ = h.Verify(h.Dummy(), password)
}
