package hash

import (
	"strings"

	"github.com/go-crypt/x/yescrypt"

	"rekey/legacy"
)

// scryptKey is the length of key in every crypt(3) string that has scrypt or yescrypt in it.
const scryptKey = 32

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
	n, err := scryptLog2(int64(log2N))
	if err != nil {
		return nil, err
	}
	set := scryptSetting{n: n, r: int64(r), p: int64(p), salt: salt, length: scryptKey}
	return openScrypt(e, s, set, want, setting+"$"+zeroCrypt64(scryptKey))
}

// openYescrypt reads $y$, "j" (the default flags), one character each for N and r, "$", salt, "$", 43 characters:
// what libxcrypt writes at every cost. Other flags (a ROM, t, p > 1) are refused as out of bounds.
func openYescrypt(e *env, s legacy.Stored) (*Hash, error) {
	return openYescryptUnder(e, s, "$y$", func(_, key []byte, _ string) []byte { return key })
}

// openGOSTYescrypt reads $gy$, the same with two HMACs over yescrypt's key, by the GOST digest of 2012 (libxcrypt's
// crypt-gost-yescrypt.c). The first is keyed by the password's digest and made over the setting.
func openGOSTYescrypt(e *env, s legacy.Stored) (*Hash, error) {
	d := hashFunc{"streebog256", newStreebog256, streebogSize}
	return openYescryptUnder(e, s, "$gy$", func(password, key []byte, setting string) []byte {
		return d.mac(d.mac(d.sum(password), []byte(setting)), key)
	})
}

// openYescryptUnder reads a yescrypt string behind mark. after makes what is stored of the key; setting is all of the
// string before the last "$".
func openYescryptUnder(e *env, s legacy.Stored, mark string, after func(password, key []byte, setting string) []byte) (*Hash, error) {
	body, marked := strings.CutPrefix(s.Hash, mark)
	f := strings.Split(body, "$")
	if !marked || len(f) != 3 || f[0] == "" || !only(f[0], alphabetCrypt) {
		return nil, malformed("want " + mark + "parameters$salt$digest")
	}
	salt, ok := decodeCrypt64(f[1], len(f[1])*6/8)
	if !ok || len(salt) > 64 {
		return nil, malformed("salt is not in crypt's base64")
	}
	want, ok := decodeCrypt64(f[2], scryptKey)
	if !ok {
		return nil, malformed("digest is not 43 characters of crypt's base64")
	}
	if len(f[0]) != 3 || f[0][0] != 'j' || crypt64Value(f[0][1]) >= yescryptLong || crypt64Value(f[0][2]) >= yescryptLong {
		return nil, within("yescrypt flags and extra parameters", 1, 0, 0)
	}
	log2N, r := int64(crypt64Value(f[0][1])+1), int64(crypt64Value(f[0][2])+1)
	if err := within("yescrypt log2(N)", log2N, 4, 40); err != nil {
		return nil, err
	}
	set := scryptSetting{n: 1 << log2N, r: r, p: 1, salt: salt, length: scryptKey}
	if err := set.check(e); err != nil {
		return nil, err
	}
	setting := mark + f[0] + "$" + f[1]
	return &Hash{
		Memory: set.memory() + yescrypt.Sbytes,
		compute: func(password []byte) []byte {
			key, err := yescrypt.Key(password, salt, int(set.n), int(r), 1, scryptKey)
			if err != nil {
				return nil // not reached: the parameters are checked above
			}
			return after(password, key, setting)
		},
		want:   want,
		masked: withHash(s, setting+"$"+zeroCrypt64(scryptKey)),
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
