package token

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/subtle"
	"fmt"

	"github.com/golang-jwt/jwt/v5"
)

// Algorithms that access tokens can be signed with (RFC 7518, RFC 8037). On a small server one signature costs about
// 25 µs with EdDSA, 35 µs with ES256 and 900 µs with RS256; the others are for relying parties that cannot do EdDSA.
const (
	EdDSA = "EdDSA" // Ed25519
	ES256 = "ES256"
	RS256 = "RS256"
)

// rsaBits is what NIST SP 800-57 asks for until 2030; a longer key would triple the time of each login's signature.
const rsaBits = 2048

// An algorithm makes and recognises its keys.
type algorithm struct {
	method   jwt.SigningMethod
	generate func() (crypto.Signer, error)
	owns     func(crypto.PublicKey) bool
}

// verifier returns what method verifies with.
func (k *key) verifier() any {
	if k.alg.method == signAgain {
		return k.private
	}
	return k.private.Public()
}

// signAgain is EdDSA for whoever holds the private key. A message has one Ed25519 signature (RFC 8032, section 5.1.6:
// no randomness goes into it), so a token of ours is verified by signing it again, in less than half the time that
// the two point multiplications of a verification take. It accepts exactly what Sign returns, and nothing else that
// the public key would accept.
var signAgain jwt.SigningMethod = again{jwt.SigningMethodEdDSA}

type again struct{ *jwt.SigningMethodEd25519 }

// Verify implements jwt.SigningMethod; key is the private key.
func (m again) Verify(text string, signature []byte, key any) error {
	private, ok := key.(ed25519.PrivateKey)
	if !ok {
		return jwt.ErrInvalidKeyType
	}
	if subtle.ConstantTimeCompare(signature, ed25519.Sign(private, []byte(text))) != 1 {
		return jwt.ErrEd25519Verification
	}
	return nil
}

// supported returns the names of the algorithms, the default first.
func supported() []string { return []string{EdDSA, ES256, RS256} }

func algorithmNamed(name string) (algorithm, error) {
	switch name {
	case EdDSA:
		return algorithm{
			method: signAgain,
			generate: func() (crypto.Signer, error) {
				_, private, err := ed25519.GenerateKey(rand.Reader)
				return private, err
			},
			owns: func(k crypto.PublicKey) bool { _, ok := k.(ed25519.PublicKey); return ok },
		}, nil
	case ES256:
		return algorithm{
			method:   jwt.SigningMethodES256,
			generate: func() (crypto.Signer, error) { return ecdsa.GenerateKey(elliptic.P256(), rand.Reader) },
			owns: func(k crypto.PublicKey) bool {
				public, ok := k.(*ecdsa.PublicKey)
				return ok && public.Curve == elliptic.P256()
			},
		}, nil
	case RS256:
		return algorithm{
			method:   jwt.SigningMethodRS256,
			generate: func() (crypto.Signer, error) { return rsa.GenerateKey(rand.Reader, rsaBits) },
			owns: func(k crypto.PublicKey) bool {
				public, ok := k.(*rsa.PublicKey)
				return ok && public.N.BitLen() >= rsaBits
			},
		}, nil
	}
	return algorithm{}, fmt.Errorf("signing algorithm must be one of %v", supported())
}
