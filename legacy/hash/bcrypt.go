package hash

import (
	"encoding/binary"
	"slices"
	"strings"

	"golang.org/x/crypto/blowfish"
)

// bcrypt after Provos and Mazières, "A Future-Adaptable Password Scheme" (USENIX 1999), as OpenBSD and
// crypt_blowfish write it. golang.org/x/crypto/bcrypt takes no salt from outside, which masking and the schemes
// that hash twice need, so the kernel stands here on its blowfish.

// bcryptMaxPassword is the number of password bytes that bcrypt reads.
const bcryptMaxPassword = 72

// bcryptDigest is the length of the digest; the cipher makes 24 bytes, of which the format keeps 23.
const bcryptDigest = 23

// A bcryptSetting is what a stored bcrypt string says besides its digest.
type bcryptSetting struct {
	variant byte // 'a', 'b' and 'y' mean the same; 'x' is crypt_blowfish's hash of before 2011, see bcryptBugKey
	cost    int  // log2 of the rounds
	salt    [16]byte
}

// parseBcrypt reads $2a$NN$, 22 characters of salt, 31 of digest: 60 in all. Its errors wrap ErrMalformed or
// ErrBounds.
func parseBcrypt(e *env, stored string) (set bcryptSetting, digest []byte, err error) {
	if len(stored) != 60 || stored[:2] != "$2" || !strings.ContainsRune("abxy", rune(stored[2])) ||
		stored[3] != '$' || stored[6] != '$' || !only(stored[4:6], "0123456789") {
		return set, nil, malformed("not a bcrypt string of 60 characters")
	}
	// Old passlib and some PHP code left random bits behind the salt's last byte; bcrypt ignores them.
	salt, ok := decode64(b64Loose, stored[7:29], len(set.salt))
	if !ok {
		return set, nil, malformed("bcrypt salt is not in bcrypt's base64")
	}
	digest, ok = decode64(b64Bcrypt, stored[29:], bcryptDigest)
	if !ok {
		return set, nil, malformed("bcrypt digest is not in bcrypt's base64")
	}
	set.variant = stored[2]
	set.cost = int(stored[4]-'0')*10 + int(stored[5]-'0')
	copy(set.salt[:], salt)
	return set, digest, within("bcrypt cost", int64(set.cost), 4, int64(e.bounds.BcryptCost))
}

// hash returns the 23 bytes of digest. It reads at most 72 bytes of the password, and hashes NUL bytes like any
// other, as Node and Go do; C stops at them and PHP refuses them.
func (set bcryptSetting) hash(password []byte) []byte {
	key := append(slices.Clip(password), 0) // C hashes the terminating NUL as well
	if len(key) > bcryptMaxPassword {
		key = key[:bcryptMaxPassword]
	}
	if set.variant == 'x' {
		key = bcryptBugKey(key)
	}
	c, err := blowfish.NewSaltedCipher(key, set.salt[:])
	if err != nil {
		return nil // not reached: it refuses only an empty key
	}
	for range 1 << set.cost {
		blowfish.ExpandKey(key, c)
		blowfish.ExpandKey(set.salt[:], c)
	}
	block := []byte("OrpheanBeholderScryDoubt")
	for i := 0; i < len(block); i += blowfish.BlockSize {
		for range 64 {
			c.Encrypt(block[i:i+blowfish.BlockSize], block[i:i+blowfish.BlockSize])
		}
	}
	return block[:bcryptDigest]
}

// mask returns the stored string with its digest overwritten by a valid filler.
func (set bcryptSetting) mask() string { return set.encode(make([]byte, bcryptDigest)) }

// encode returns the stored string.
func (set bcryptSetting) encode(digest []byte) string {
	return string([]byte{'$', '2', set.variant, '$', '0' + byte(set.cost/10), '0' + byte(set.cost%10), '$'}) +
		b64Bcrypt.EncodeToString(set.salt[:]) + b64Bcrypt.EncodeToString(digest)
}

// bcryptBugKey spells out the 72 bytes that crypt_blowfish before 1.1 (CVE-2011-2483) took from a key: it extended
// the sign of each byte over the bytes before it in the same word.
func bcryptBugKey(key []byte) []byte {
	bugged := make([]byte, 0, bcryptMaxPassword)
	for i := 0; i < bcryptMaxPassword; i += 4 {
		var word uint32
		for j := range 4 {
			word = word<<8 | uint32(int32(int8(key[(i+j)%len(key)])))
		}
		bugged = binary.BigEndian.AppendUint32(bugged, word)
	}
	return bugged
}

// bcryptLimit is the Limit of a scheme that hands bcrypt the typed password with extra bytes about it.
func bcryptLimit(extra int) int { return max(1, bcryptMaxPassword-extra) }
