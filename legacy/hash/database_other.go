package hash

import (
	"bytes"
	"crypto/cipher"
	"crypto/des"
	"strings"
	"unicode/utf8"

	"filippo.io/edwards25519"

	"rekey/legacy"
)

// oracle10Key is the key of the first pass.
const oracle10Key = "\x01\x23\x45\x67\x89\xab\xcd\xef"

// openOracle10 reads 16 hex digits: the last block of DES-CBC over user and password in capitals and UTF-16BE, under the
// last block of the same under a fixed key.
func openOracle10(_ *env, s legacy.Stored) (*Hash, error) {
	want, ok := decodeHex(s.Hash, des.BlockSize)
	if !ok || s.User == "" || !utf8.ValidString(s.User) {
		return nil, malformed("want 16 hex digits and the user's name")
	}
	user := []byte(strings.ToUpper(s.User))
	return &Hash{
		Fold: FoldUpper, // ASCII's letters; the server knew others as well
		compute: func(password []byte) []byte {
			if !utf8.Valid(password) {
				return nil
			}
			text := utf16le(append(bytes.Clone(user), bytes.ToUpper(password)...))
			for i := 0; i < len(text); i += 2 {
				text[i], text[i+1] = text[i+1], text[i]
			}
			for len(text)%des.BlockSize != 0 {
				text = append(text, 0)
			}
			return lastDESBlock(lastDESBlock([]byte(oracle10Key), text), text)
		},
		want:   want,
		masked: withHash(s, zeroHex(des.BlockSize)),
	}, nil
}

// lastDESBlock encrypts whole blocks in CBC mode from a block of zeros and returns the last.
func lastDESBlock(key, text []byte) []byte {
	block, err := des.NewCipher(key)
	if err != nil {
		return nil // not reached: the key is 8 bytes
	}
	out := make([]byte, len(text))
	cipher.NewCBCEncrypter(block, make([]byte, des.BlockSize)).CryptBlocks(out, text)
	return out[len(out)-des.BlockSize:]
}

// openMariaDBEd25519 reads the key that MariaDB's plug-in stores (plugin/auth_ed25519). It is RFC 8032's public key, but
// the secret that is hashed is the password, of any length.
func openMariaDBEd25519(_ *env, s legacy.Stored) (*Hash, error) {
	want, ok := decode64(b64Raw, s.Hash, 32)
	if !ok {
		return nil, malformed("want 43 characters of base64")
	}
	return openDigest(s, want, zero64(b64Raw, 32), func(password []byte) []byte {
		secret, err := new(edwards25519.Scalar).SetBytesWithClamping(hashSHA512.sum(password)[:32])
		if err != nil {
			return nil // not reached: it refuses only other lengths
		}
		return new(edwards25519.Point).ScalarBaseMult(secret).Bytes()
	})
}
