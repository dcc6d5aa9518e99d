package token

import (
	"crypto/ed25519"
	"crypto/sha512"
	"crypto/subtle"

	"filippo.io/edwards25519"
)

// Verification by whoever holds the private key. An Ed25519 signature of a text M by a key with the secret scalar s, the
// secret prefix and the public A is R || S (RFC 8032, section 5.1.6), where, modulo the order of the base point B,
//
//	r = SHA-512(prefix || M)    R = rB    k = SHA-512(R || A || M)    S = r + ks
//
// Everybody else must check that SB = R + kA, with two multiplications of points. We know r and s, and compute the S that
// belongs to the R that was sent: two hashes, a fifteenth of the time.
//
// That proves as much. Nobody else knows anything of the r of a text that we have not signed, so for each R that they make
// up, the right S is one of 2^252 to them. For a text that we have signed with (R, S), another R would need S + (k'-k)s:
// who finds that has computed s. What is accepted is thus what Sign returned, bit by bit, and nothing else; that a public
// key accepts more than one signature of a text does not matter here. No secret shows in how long it takes: what is
// reduced and multiplied is so in constant time, and so is the comparison.

// An ownKey is an Ed25519 private key as it is used to verify.
type ownKey struct {
	scalar *edwards25519.Scalar
	prefix []byte
	public []byte
}

func newOwnKey(private ed25519.PrivateKey) *ownKey {
	h := sha512.Sum512(private.Seed())
	scalar, err := new(edwards25519.Scalar).SetBytesWithClamping(h[:32])
	if err != nil {
		panic(err) // half a hash has the right length
	}
	return &ownKey{scalar, h[32:], private[ed25519.SeedSize:]}
}

// made reports whether the signature is the one that the key makes of a text.
func (k *ownKey) made(signature, text []byte) bool {
	if len(signature) != ed25519.SignatureSize {
		return false
	}
	r, c := hashScalar(k.prefix, text), hashScalar(signature[:32], k.public, text)
	return subtle.ConstantTimeCompare(r.MultiplyAdd(c, k.scalar, r).Bytes(), signature[32:]) == 1
}

// hashScalar returns the SHA-512 of its parts, as a number.
func hashScalar(parts ...[]byte) *edwards25519.Scalar {
	h := sha512.New()
	for _, p := range parts {
		h.Write(p)
	}
	n, err := new(edwards25519.Scalar).SetUniformBytes(h.Sum(make([]byte, 0, sha512.Size)))
	if err != nil {
		panic(err) // a hash has the right length
	}
	return n
}
