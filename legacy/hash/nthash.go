package hash

import (
	"strings"

	"rekey/legacy"
)

const nt3Magic = "$3$$"

// ntParser reads a prefix and the MD4 of the password in 16-bit characters, in hex.
func ntParser(prefix string, wide func([]byte) []byte) parseFunc {
	return func(_ *env, s legacy.Stored) (*Hash, error) {
		text, ok := strings.CutPrefix(s.Hash, prefix)
		want, ok2 := decodeHex(text, hashMD4.size)
		if !ok || !ok2 {
			return nil, malformed("want " + prefix + "and 32 hex digits")
		}
		return &Hash{
			compute: func(password []byte) []byte {
				if text := wide(password); text != nil {
					return hashMD4.sum(text)
				}
				return nil
			},
			want:   want,
			masked: withHash(s, prefix+zeroHex(hashMD4.size)),
		}, nil
	}
}
