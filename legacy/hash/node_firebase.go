package hash

import (
	"crypto/aes"
	"crypto/cipher"
	"strings"

	"rekey/legacy"
)

// parseFirebase reads Firebase Authentication's modified scrypt (github.com/firebase/scrypt): the project's signer key
// encrypted with AES-256-CTR, zero IV, under scrypt(pw, salt+separator, N=2^memCost, r=rounds, p=1). Hash and salt
// column are base64, standard or URL-safe.
//
// Params, from the project's "password hash parameters": signerKey is required; memCost is 14, rounds 8 and
// saltSeparator "Bw==" if absent, which is what every project known to us has.
func parseFirebase(e *env, s legacy.Stored) (*Hash, error) {
	signerKey, ok := firebase64(textParam(s, "signerKey", ""))
	if !ok || len(signerKey) < 16 || len(signerKey) > e.bounds.Salt {
		return nil, malformed("parameter signerKey must be the project's base64_signer_key")
	}
	separator, ok := firebase64(textParam(s, "saltSeparator", "Bw=="))
	if !ok {
		return nil, malformed("parameter saltSeparator must be base64")
	}
	memCost, err := intParam(s, "memCost", 14, 1, 40)
	if err != nil {
		return nil, err
	}
	rounds, err := intParam(s, "rounds", 8, 1, 1<<30)
	if err != nil {
		return nil, err
	}
	want, ok := firebase64(s.Hash)
	if !ok || len(want) != len(signerKey) {
		return nil, malformed("want base64 as long as the signer key")
	}
	salt, ok := firebase64(s.Salt)
	if !ok || len(salt) == 0 {
		return nil, malformed("want a salt column in base64")
	}
	set := scryptSetting{n: 1 << memCost, r: rounds, p: 1, salt: append(salt, separator...), length: 32}
	h, err := openScrypt(e, s, set, want, zero64(b64Std, len(want)))
	if err != nil {
		return nil, err
	}
	h.compute = func(password []byte) []byte {
		block, err := aes.NewCipher(set.key(password))
		if err != nil {
			return nil // not reached: the key is 32 bytes
		}
		sealed := make([]byte, len(signerKey))
		cipher.NewCTR(block, make([]byte, aes.BlockSize)).XORKeyStream(sealed, signerKey)
		return sealed
	}
	return h, nil
}

// firebase64 reads base64 of either alphabet: `firebase auth:export` writes the one, the Admin SDK the other.
func firebase64(text string) ([]byte, bool) {
	if strings.ContainsAny(text, "-_") {
		return decode64(b64URL, text, anyLen)
	}
	return decode64(b64Std, text, anyLen)
}
