package password

import "bytes"

// Dummy returns a well-formed hash under the current policy that no password matches: its salt and digest are fixed
// bytes, so finding a password would mean inverting argon2id. It costs nothing to make, so nothing is hashed when the
// program starts.
//
// A login that found nobody verifies against it on the very path that a real credential takes, and so takes the time
// that a wrong password takes.
func (h Hasher) Dummy() string {
	return phc{
		Policy: h.Policy.orDefault(),
		salt:   bytes.Repeat([]byte{0x5a}, newSalt),
		sum:    bytes.Repeat([]byte{0xa5}, newSum),
	}.String()
}

// VerifyDummy costs what Verify costs for a hash of the current policy, and says nothing.
func (h Hasher) VerifyDummy(password []byte) {
	// A policy out of bounds is the only error, and Hash tells it.
	_, _ = h.Verify(h.Dummy(), password)
}
