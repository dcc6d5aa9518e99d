package hash

import (
	"strings"

	"github.com/go-crypt/x/yescrypt"
	"golang.org/x/crypto/scrypt"

	"rekey/legacy"
)

// scryptKey is the length of key in every crypt(3) string that has scrypt or yescrypt in it.
const scryptKey = 32

// scryptWithin returns ErrBounds unless N = 2^log2N, r and p are scrypt parameters (RFC 7914) within bounds. What the
// parameters may say is bounded first, so that their product cannot overflow.
func scryptWithin(e *env, log2N, r, p int64) error {
	if err := within("scrypt log2(N)", log2N, 1, 40); err != nil {
		return err
	}
	if err := within("scrypt r", r, 1, 1<<20); err != nil {
		return err
	}
	if err := within("scrypt p", p, 1, e.bounds.ScryptParallel); err != nil {
		return err
	}
	return within("scrypt memory", scryptMemory(log2N, r, p), 0, e.bounds.ScryptMemory)
}

// scryptMemory is what scrypt allocates: 128*N*r, and 128*p*r beside it.
func scryptMemory(log2N, r, p int64) int64 { return 128*r<<log2N + 128*r*p }

// openScrypt7 reads $7$, log2 N in one character, r and p in five each, the salt as text, "$", 43 characters.
func openScrypt7(e *env, s legacy.Stored) (*Hash, error) {
	setting, text, ok := cutLast(s.Hash, "$")
	if !ok || len(setting) < 14 || setting[:3] != "$7$" || !only(setting[3:], alphabetCrypt) {
		return nil, malformed("want $7$, 11 characters, salt$digest")
	}
	want, ok := decodeCrypt64(text, scryptKey)
	if !ok {
		return nil, malformed("digest is not 43 characters of crypt's base64")
	}
	log2N, _ := crypt64Number(setting[3:4])
	r, _ := crypt64Number(setting[4:9])
	p, _ := crypt64Number(setting[9:14])
	salt := []byte(setting[14:])
	if err := saltWithin(e, salt); err != nil {
		return nil, err
	}
	if err := scryptWithin(e, int64(log2N), int64(r), int64(p)); err != nil {
		return nil, err
	}
	return &Hash{
		Memory:  scryptMemory(int64(log2N), int64(r), int64(p)),
		compute: func(password []byte) []byte { return scryptHash(password, salt, 1<<log2N, int(r), int(p), scryptKey) },
		want:    want,
		masked:  withHash(s, setting+"$"+encodeCrypt64(make([]byte, scryptKey))),
	}, nil
}

// scryptHash is scrypt.Key for parameters that passed scryptWithin.
func scryptHash(password, salt []byte, n, r, p, length int) []byte {
	key, err := scrypt.Key(password, salt, n, r, p, length)
	if err != nil {
		return nil // not reached: it refuses what scryptWithin refuses
	}
	return key
}

// openYescrypt reads $y$, "j" (the default flags), one character each for N and r, "$", salt, "$", 43 characters:
// what libxcrypt writes at every cost. Other flags (a ROM, t, p > 1) are refused as out of bounds.
func openYescrypt(e *env, s legacy.Stored) (*Hash, error) {
	f := strings.Split(s.Hash, "$")
	if len(f) != 5 || f[0] != "" || f[1] != "y" || f[2] == "" || !only(f[2], alphabetCrypt) {
		return nil, malformed("want $y$parameters$salt$digest")
	}
	salt, ok := decodeCrypt64(f[3], len(f[3])*6/8)
	if !ok || len(salt) > 64 {
		return nil, malformed("salt is not in crypt's base64")
	}
	want, ok := decodeCrypt64(f[4], scryptKey)
	if !ok {
		return nil, malformed("digest is not 43 characters of crypt's base64")
	}
	if len(f[2]) != 3 || f[2][0] != 'j' || crypt64Value(f[2][1]) >= yescryptLong || crypt64Value(f[2][2]) >= yescryptLong {
		return nil, within("yescrypt flags and extra parameters", 1, 0, 0)
	}
	log2N, r := int64(crypt64Value(f[2][1])+1), int64(crypt64Value(f[2][2])+1)
	if err := within("yescrypt log2(N)", log2N, 4, 40); err != nil {
		return nil, err
	}
	if err := scryptWithin(e, log2N, r, 1); err != nil {
		return nil, err
	}
	return &Hash{
		Memory: scryptMemory(log2N, r, 1) + yescrypt.Sbytes,
		compute: func(password []byte) []byte {
			key, err := yescrypt.Key(password, salt, 1<<log2N, int(r), 1, scryptKey)
			if err != nil {
				return nil // not reached: the parameters are checked above
			}
			return key
		},
		want:   want,
		masked: withHash(s, "$y$"+f[2]+"$"+f[3]+"$"+encodeCrypt64(make([]byte, scryptKey))),
	}, nil
}

// yescryptLong is the first digit by which yescrypt's numbers say that more digits follow.
const yescryptLong = 48

// cutLast cuts around the last separator.
func cutLast(s, sep string) (before, after string, found bool) {
	i := strings.LastIndex(s, sep)
	if i < 0 {
		return s, "", false
	}
	return s[:i], s[i+len(sep):], true
}
