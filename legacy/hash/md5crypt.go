package hash

import (
	"crypto/md5"
	"strings"

	"rekey/legacy"
)

// md5crypt: FreeBSD's crypt-md5.c of 1994, and Apache's apr_md5.c. A thousand rounds, no parameter.

const (
	md5cryptMagic = "$1$"
	apr1Magic     = "$apr1$"
)

// md5cryptOrder is the order in which the digest's bytes are written.
var md5cryptOrder = [16]int{12, 6, 0, 13, 7, 1, 14, 8, 2, 15, 9, 3, 5, 10, 4, 11}

// md5cryptParser reads magic, salt (cut at 8 bytes, may be empty), "$", 22 characters.
func md5cryptParser(magic string) parseFunc {
	return func(_ *env, s legacy.Stored) (*Hash, error) {
		body, ok := strings.CutPrefix(s.Hash, magic)
		salt, text, ok2 := strings.Cut(body, "$")
		if !ok || !ok2 || !cryptSalt(salt) {
			return nil, malformed("want " + magic + "salt$digest")
		}
		want, ok := decodeCrypt64(text, md5.Size)
		if !ok {
			return nil, malformed("digest is not 22 characters of crypt's base64")
		}
		used := []byte(salt[:min(8, len(salt))])
		return &Hash{
			compute: func(password []byte) []byte { return md5crypt(password, used, magic) },
			want:    want,
			masked:  withHash(s, magic+salt+"$"+zeroCrypt64(md5.Size)),
		}, nil
	}
}

// md5crypt returns the digest in the order in which it is written.
func md5crypt(password, salt []byte, magic string) []byte {
	inner := md5.New()
	inner.Write(password)
	inner.Write(salt)
	inner.Write(password)
	mix := inner.Sum(nil)

	h := md5.New()
	h.Write(password)
	h.Write([]byte(magic))
	h.Write(salt)
	h.Write(repeatTo(mix, len(password)))
	for n := len(password); n > 0; n >>= 1 { // the bits of the length choose NUL or the first byte: a slip of 1994, kept for ever
		if n&1 == 1 {
			h.Write([]byte{0})
		} else {
			h.Write(password[:1])
		}
	}
	return reorder(cryptRounds(h, h.Sum(nil), password, salt, 1000), md5cryptOrder[:])
}
