package hash

import (
	"encoding/json"
	"io"
	"strings"

	"rekey/legacy"
)

// A npmCredential is what npm's credential stores as JSON.
type npmCredential struct {
	Hash       string `json:"hash"`
	Salt       string `json:"salt"`
	KeyLength  int    `json:"keyLength"`
	HashMethod string `json:"hashMethod"`
	Iterations int64  `json:"iterations"`
}

const (
	npmCredentialKey = 66 // bytes, in every release
	// npmCredentialCost is how many times the iterations that Bounds allow this scheme may ask for. The library counts them
	// up by the calendar, to 11 million in 2022, which with SHA-1 is what 4 million are with SHA-512.
	npmCredentialCost = 2
)

// parseNPMCredential reads credential's JSON: PBKDF2-HMAC-SHA1, the salt's base64 as text. The key has four blocks, of
// which each costs all the iterations: only the first is computed and compared, 160 bits.
func parseNPMCredential(e *env, s legacy.Stored) (*Hash, error) {
	var c npmCredential
	decoder := json.NewDecoder(strings.NewReader(s.Hash))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&c); err != nil {
		return nil, malformed("not the JSON of credential") // the decoder's own words may quote the value
	}
	if _, err := decoder.Token(); err != io.EOF {
		return nil, malformed("something stands behind the JSON of credential")
	}
	key, ok := decode64(b64Std, c.Hash, npmCredentialKey)
	if _, okSalt := decode64(b64Std, c.Salt, anyLen); !ok || !okSalt || c.Salt == "" || c.KeyLength != npmCredentialKey || c.HashMethod != "pbkdf2" {
		return nil, malformed("want hash, salt, keyLength 66, hashMethod pbkdf2 and iterations")
	}
	if err := within("iterations", c.Iterations, 1, npmCredentialCost*e.bounds.PBKDF2Iterations); err != nil {
		return nil, err
	}
	set := pbkdf2Setting{prf: hashSHA1, rounds: c.Iterations, salt: []byte(c.Salt), length: hashSHA1.size}
	if err := saltWithin(e, set.salt); err != nil {
		return nil, err
	}
	c.Hash = zero64(b64Std, npmCredentialKey)
	masked, err := json.Marshal(c)
	if err != nil {
		return nil, malformed("not the JSON of credential") // not reached: it was read a moment ago
	}
	return openDigest(s, key[:hashSHA1.size], string(masked), set.key)
}
