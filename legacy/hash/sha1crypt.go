package hash

import (
	"crypto/hmac"
	"crypto/sha1"
	"strings"

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
		masked: withHash(s, "$sha1$"+f[2]+"$"+f[3]+"$"+zeroCrypt64(len(sha1CryptOrder))),
	}, nil
}
