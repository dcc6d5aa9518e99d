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
func md5cryptParser(magic string) func(*env, legacy.Stored) (*Hash, error) {
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
			masked:  withHash(s, magic+salt+"$"+encodeCrypt64(make([]byte, md5.Size))),
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
	sum := h.Sum(nil)
	for i := range 1000 {
		h.Reset()
		if i%2 == 1 {
			h.Write(password)
		} else {
			h.Write(sum)
		}
		if i%3 != 0 {
			h.Write(salt)
		}
		if i%7 != 0 {
			h.Write(password)
		}
		if i%2 == 1 {
			h.Write(sum)
		} else {
			h.Write(password)
		}
		sum = h.Sum(sum[:0])
	}
	return reorder(sum, md5cryptOrder[:])
}

// cryptSalt reports whether a salt could stand in a crypt(3) string. Tools write crypt's own alphabet; libraries let
// people pass anything that does not break a line of passwd(5).
func cryptSalt(salt string) bool {
	for i := range len(salt) {
		if c := salt[i]; c < ' ' || c > '~' || c == '$' || c == ':' {
			return false
		}
	}
	return len(salt) <= 64
}

// repeatTo repeats b until it is n bytes long.
func repeatTo(b []byte, n int) []byte {
	out := make([]byte, 0, n+len(b))
	for len(out) < n {
		out = append(out, b...)
	}
	return out[:n]
}

// reorder picks the bytes of b in the given order.
func reorder(b []byte, order []int) []byte {
	out := make([]byte, len(order))
	for i, from := range order {
		out[i] = b[from]
	}
	return out
}
