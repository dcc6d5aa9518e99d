package hash

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha1"
	"encoding/hex"
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"golang.org/x/crypto/md4" //nolint:staticcheck // NT hashes are what they are

	"rekey/legacy"
)

// sha1CryptOrder is the order in which NetBSD's crypt-sha1.c writes the digest: the first byte comes again at the end.
var sha1CryptOrder = []int{2, 1, 0, 5, 4, 3, 8, 7, 6, 11, 10, 9, 14, 13, 12, 17, 16, 15, 0, 19, 18}

// openSHA1Crypt reads $sha1$N$salt$digest: a chain of N HMAC-SHA1, the first over salt, "$sha1$" and N.
func openSHA1Crypt(e *env, s legacy.Stored) (*Hash, error) {
	f := strings.Split(s.Hash, "$")
	if len(f) != 5 || f[0] != "" || f[1] != "sha1" || !cryptSalt(f[3]) {
		return nil, malformed("want $sha1$rounds$salt$digest")
	}
	rounds, ok := decimal(f[2])
	if !ok {
		return nil, malformed("rounds must be a whole number")
	}
	want, ok := decodeCrypt64(f[4], len(sha1CryptOrder))
	if !ok || want[2] != want[18] {
		return nil, malformed("digest is not 28 characters of crypt's base64")
	}
	if err := within("rounds", rounds, 1, e.bounds.PBKDF2Iterations); err != nil {
		return nil, err
	}
	head := []byte(f[3] + "$sha1$" + f[2])
	return &Hash{
		compute: func(password []byte) []byte {
			mac := hmac.New(sha1.New, password)
			mac.Write(head)
			sum := mac.Sum(nil)
			for range rounds - 1 {
				mac.Reset()
				mac.Write(sum)
				sum = mac.Sum(sum[:0])
			}
			return reorder(sum, sha1CryptOrder)
		},
		want:   want,
		masked: withHash(s, "$sha1$"+f[2]+"$"+f[3]+"$"+encodeCrypt64(make([]byte, len(sha1CryptOrder)))),
	}, nil
}

const nt3Magic = "$3$$"

// ntParser reads a prefix and the MD4 of the password in 16-bit characters, in hex.
func ntParser(prefix string, wide func([]byte) []byte) func(*env, legacy.Stored) (*Hash, error) {
	return func(_ *env, s legacy.Stored) (*Hash, error) {
		text, ok := strings.CutPrefix(s.Hash, prefix)
		want, ok2 := decodeHex(text, md4.Size)
		if !ok || !ok2 {
			return nil, malformed("want " + prefix + "and 32 hex digits")
		}
		return &Hash{
			compute: func(password []byte) []byte {
				if text := wide(password); text != nil {
					h := md4.New()
					h.Write(text)
					return h.Sum(nil)
				}
				return nil
			},
			want:   want,
			masked: withHash(s, prefix+zeroHex(md4.Size)),
		}, nil
	}
}

// widen puts a zero byte behind each byte.
func widen(b []byte) []byte {
	out := make([]byte, 0, 2*len(b))
	for _, c := range b {
		out = append(out, c, 0)
	}
	return out
}

// utf16le converts from UTF-8. It returns nil for bytes that are not UTF-8: replacing them would make different
// passwords one.
func utf16le(b []byte) []byte {
	if !utf8.Valid(b) {
		return nil
	}
	out := make([]byte, 0, 2*len(b))
	for _, r := range string(b) {
		for _, unit := range utf16.AppendRune(nil, r) {
			out = append(out, byte(unit), byte(unit>>8))
		}
	}
	return out
}

// zeroHex is the filler of a hex digest of n bytes.
func zeroHex(n int) string { return hex.EncodeToString(make([]byte, n)) }

// hasNUL reports whether a C program would stop reading within b.
func hasNUL(b []byte) bool { return bytes.IndexByte(b, 0) >= 0 }
