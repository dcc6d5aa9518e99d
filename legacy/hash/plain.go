package hash

import (
	"crypto/sha256"

	"rekey/legacy"
)

// plainSchemes hold the password itself. Nothing marks it, so it is never recognised, only declared.
func plainSchemes() []Scheme {
	return []Scheme{{Name: "plaintext", Aliases: []string{"ldap-plaintext"}, Family: "plain", parse: plainParser("")}}
}

// plainParser reads a prefix and the password. An empty one matches nobody. The SHA-256 of both sides is compared, so
// that the time does not tell the length, and so that Digest is never the password itself.
func plainParser(prefix string) parseFunc {
	return func(_ *env, s legacy.Stored) (*Hash, error) {
		if len(s.Hash) < len(prefix) {
			return nil, malformed("want " + prefix)
		}
		password := s.Hash[len(prefix):] // the caller has matched the prefix without regard to case
		if password == "" {
			return nil, ErrUnusable
		}
		want := sha256.Sum256([]byte(password))
		return &Hash{
			compute: func(password []byte) []byte {
				sum := sha256.Sum256(password)
				return sum[:]
			},
			want:   want[:],
			masked: withHash(s, s.Hash[:len(prefix)]+"masked"),
		}, nil
	}
}
