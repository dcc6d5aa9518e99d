package hash

import (
	"crypto/sha256"
	"crypto/sha512"
	gohash "hash"
	"strings"

	"rekey/legacy"
)

// sha-crypt: Ulrich Drepper, "Unix crypt using SHA-256 and SHA-512", version 0.6.

const (
	shaCryptSalt    = 16   // bytes of salt that count; some tools write longer ones
	shaCryptDefault = 5000 // rounds, where the string names none
	shaCryptLeast   = 1000 // rounds; libcs raise fewer silently, so a string with fewer was written by nobody
)

var sha256CryptOrder = []int{
	20, 10, 0, 11, 1, 21, 2, 22, 12, 23, 13, 3, 14, 4, 24, 5, 25, 15, 26, 16, 6, 17, 7, 27, 8, 28, 18, 29, 19, 9, 30, 31,
}

var sha512CryptOrder = []int{
	42, 21, 0, 1, 43, 22, 23, 2, 44, 45, 24, 3, 4, 46, 25, 26, 5, 47, 48, 27, 6, 7, 49, 28, 29, 8, 50, 51, 30, 9, 10, 52,
	31, 32, 11, 53, 54, 33, 12, 13, 55, 34, 35, 14, 56, 57, 36, 15, 16, 58, 37, 38, 17, 59, 60, 39, 18, 19, 61, 40, 41, 20, 62, 63,
}

func openSHA256Crypt(e *env, s legacy.Stored) (*Hash, error) {
	return openSHACrypt(e, s, "$5$", sha256.New, sha256CryptOrder)
}

func openSHA512Crypt(e *env, s legacy.Stored) (*Hash, error) {
	return openSHACrypt(e, s, "$6$", sha512.New, sha512CryptOrder)
}

// openSHACrypt reads magic, optionally "rounds=N$", salt (cut at 16 bytes, may be empty), "$", digest.
func openSHACrypt(e *env, s legacy.Stored, magic string, newHash func() gohash.Hash, order []int) (*Hash, error) {
	body, ok := strings.CutPrefix(s.Hash, magic)
	if !ok {
		return nil, malformed("want " + magic)
	}
	rounds := int64(shaCryptDefault)
	head := magic
	if text, found := strings.CutPrefix(body, "rounds="); found {
		number, rest, _ := strings.Cut(text, "$")
		if rounds, ok = decimal(number); !ok {
			return nil, malformed("rounds must be a whole number")
		}
		body, head = rest, magic+"rounds="+number+"$"
	}
	salt, text, ok := strings.Cut(body, "$")
	if !ok || !cryptSalt(salt) {
		return nil, malformed("want salt$digest")
	}
	want, ok := decodeCrypt64(text, len(order))
	if !ok {
		return nil, malformed("digest is not of the right length in crypt's base64")
	}
	if err := within("sha-crypt rounds", rounds, shaCryptLeast, e.bounds.SHACryptRounds); err != nil {
		return nil, err
	}
	used := []byte(salt[:min(shaCryptSalt, len(salt))])
	return &Hash{
		compute: func(password []byte) []byte { return reorder(shaCrypt(newHash, password, used, int(rounds)), order) },
		want:    want,
		masked:  withHash(s, head+salt+"$"+zeroCrypt64(len(order))),
	}, nil
}

// shaCrypt follows the numbered steps of the specification.
func shaCrypt(newHash func() gohash.Hash, password, salt []byte, rounds int) []byte {
	b := newHash() // 4 to 8
	b.Write(password)
	b.Write(salt)
	b.Write(password)
	mix := b.Sum(nil)

	a := newHash() // 1 to 3, 9 to 12
	a.Write(password)
	a.Write(salt)
	a.Write(repeatTo(mix, len(password)))
	for n := len(password); n > 0; n >>= 1 {
		if n&1 == 1 {
			a.Write(mix)
		} else {
			a.Write(password)
		}
	}
	sum := a.Sum(nil)

	h := newHash() // 13 to 16
	for range password {
		h.Write(password)
	}
	p := repeatTo(h.Sum(nil), len(password))

	h.Reset() // 17 to 20
	for range 16 + int(sum[0]) {
		h.Write(salt)
	}
	s := repeatTo(h.Sum(nil), len(salt))

	return cryptRounds(h, sum, p, s, rounds) // 21
}
