package hash

import (
	"strings"

	"rekey/legacy"
)

// The hashes of Python applications: Django here, Werkzeug (Flask) in python_werkzeug.go, others in python_other.go.

func pythonSchemes() []Scheme {
	return family("python", djangoSchemes(), werkzeugSchemes(), pythonOtherSchemes())
}

// A djangoHasher is one of Django's password hashers (django/contrib/auth/hashers.py).
type djangoHasher struct {
	name   string
	mine   func(stored string) bool // how Django's identify_hasher finds it
	shared bool                     // others write the same shape for other formulas: declare, do not guess
	parse  parseFunc
}

// djangoHashers stand in the order in which Django decides: the unsalted ones first. All take the salt as text. "!"
// marks a password that never matches.
func djangoHashers() []djangoHasher {
	return []djangoHasher{
		// md5$$hex: md5(pw)
		{"django-unsalted-md5", fielded("md5$$", 3), false, djangoUnsalted(hashMD5, "md5$$")},
		// bare hex, of before Django 1.0: md5(pw)
		{"django-bare-md5", func(stored string) bool { return len(stored) == 32 && !strings.Contains(stored, "$") }, true, djangoUnsalted(hashMD5, "")},
		// sha1$$hex: sha1(pw)
		{"django-unsalted-sha1", fielded("sha1$$", 3), false, djangoUnsalted(hashSHA1, "sha1$$")},
		// pbkdf2_sha256$N$salt$b64: the default since Django 1.4
		{"django-pbkdf2-sha256", fielded("pbkdf2_sha256$", 4), false, djangoPBKDF2(hashSHA256)},
		{"django-pbkdf2-sha1", fielded("pbkdf2_sha1$", 4), false, djangoPBKDF2(hashSHA1)},
		// argon2$argon2id$v=19$m=,t=,p=$salt$hash: a PHC string behind a word, argon2i before Django 3.2
		{"django-argon2", startsWith("argon2$argon2"), false, djangoArgon2},
		// bcrypt_sha256$$2b$..: bcrypt(hex(sha256(pw)))
		{"django-bcrypt-sha256", startsWith("bcrypt_sha256$$2"), false, djangoBcryptSHA256},
		// bcrypt$$2b$..: bcrypt(pw)
		{"django-bcrypt", startsWith("bcrypt$$2"), false, djangoBcrypt},
		// scrypt$N$salt$r$p$b64, 64 bytes: Django 4.0
		{"django-scrypt", fielded("scrypt$", 6), false, djangoScrypt},
		// scrypt$salt$log2N$r$p$64$b64: the package django-scrypt, older than Django's own
		{"django-scrypt-package", fielded("scrypt$", 7), false, djangoScryptPackage},
		// md5$salt$hex and sha1$salt$hex: H(salt+pw). Werkzeug before 2.3 writes the same shape for HMAC
		{"django-md5", fielded("md5$", 3), true, djangoSalted(hashMD5)},
		{"django-sha1", fielded("sha1$", 3), true, djangoSalted(hashSHA1)},
		// crypt$$13 characters: crypt(3) with a DES salt
		{"django-crypt", fielded("crypt$", 3), false, djangoCrypt},
	}
}

// djangoSchemes are the hashers one by one, and "django" for a table that holds any of them.
func djangoSchemes() []Scheme {
	all := Scheme{Name: "django", parse: func(e *env, s legacy.Stored) (*Hash, error) {
		for _, hasher := range djangoHashers() {
			if hasher.mine(s.Hash) {
				return hasher.parse(e, s)
			}
		}
		return nil, malformed("not one of Django's hashers")
	}}
	schemes := []Scheme{all}
	for _, hasher := range djangoHashers() {
		scheme := Scheme{Name: hasher.name, parse: hasher.parse}
		if !hasher.shared {
			scheme.Match = hasher.mine
		}
		schemes = append(schemes, scheme)
	}
	return schemes
}

// djangoFields splits a stored string of exactly n fields, of which the first is word.
func djangoFields(stored, word string, n int) ([]string, error) {
	fields := strings.Split(stored, "$")
	if len(fields) != n || fields[0] != word {
		return nil, malformed("not the fields of Django's " + word)
	}
	return fields, nil
}

// djangoSalt refuses the empty salt, as Django does.
func djangoSalt(e *env, salt string) ([]byte, error) {
	if salt == "" {
		return nil, malformed("empty salt")
	}
	return []byte(salt), saltWithin(e, []byte(salt))
}

func djangoUnsalted(d hashFunc, prefix string) parseFunc {
	return func(_ *env, s legacy.Stored) (*Hash, error) {
		hexDigest, ok := strings.CutPrefix(s.Hash, prefix)
		want, valid := decodeHex(hexDigest, d.size)
		if !ok || !valid {
			return nil, malformed("want " + prefix + " and a hex digest")
		}
		return openDigest(s, want, prefix+zeroHex(d.size), func(password []byte) []byte { return d.sum(password) })
	}
}

func djangoSalted(d hashFunc) parseFunc {
	return func(e *env, s legacy.Stored) (*Hash, error) {
		fields, err := djangoFields(s.Hash, d.name, 3)
		if err != nil {
			return nil, err
		}
		want, ok := decodeHex(fields[2], d.size)
		if !ok {
			return nil, malformed("digest is not hex of its length")
		}
		salt := []byte(fields[1]) // may be empty: that is the unsalted hasher, of the same formula
		if err := saltWithin(e, salt); err != nil {
			return nil, err
		}
		fields[2] = zeroHex(d.size)
		return openDigest(s, want, strings.Join(fields, "$"), func(password []byte) []byte { return d.sum(salt, password) })
	}
}

func djangoPBKDF2(d hashFunc) parseFunc {
	return func(e *env, s legacy.Stored) (*Hash, error) {
		fields, err := djangoFields(s.Hash, "pbkdf2_"+d.name, 4)
		if err != nil {
			return nil, err
		}
		rounds, ok := decimal(fields[1])
		if !ok {
			return nil, malformed("iterations are not a number")
		}
		salt, err := djangoSalt(e, fields[2])
		if err != nil {
			return nil, err
		}
		want, ok := decode64(b64Std, fields[3], d.size)
		if !ok {
			return nil, malformed("digest is not base64 of its length")
		}
		fields[3] = zero64(b64Std, d.size)
		return openPBKDF2(e, s, pbkdf2Setting{prf: d, rounds: rounds, salt: salt, length: d.size}, want, strings.Join(fields, "$"))
	}
}

func djangoArgon2(e *env, s legacy.Stored) (*Hash, error) {
	if !strings.HasPrefix(s.Hash, "argon2$argon2") {
		return nil, malformed("want argon2$ and a PHC string")
	}
	return openBehind(e, s, "argon2", legacy.Stored{Scheme: "argon2", Hash: s.Hash[len("argon2"):]})
}

func djangoBcryptSHA256(e *env, s legacy.Stored) (*Hash, error) {
	return openBcryptBehind(e, s, "bcrypt_sha256$", func(password []byte) []byte { return hashSHA256.hex(password) })
}

func djangoBcrypt(e *env, s legacy.Stored) (*Hash, error) {
	return openBcryptBehind(e, s, "bcrypt$", nil)
}

func djangoScrypt(e *env, s legacy.Stored) (*Hash, error) {
	fields, err := djangoFields(s.Hash, "scrypt", 6)
	if err != nil {
		return nil, err
	}
	n, okN := decimal(fields[1])
	r, okR := decimal(fields[3])
	p, okP := decimal(fields[4])
	want, ok := decode64(b64Std, fields[5], 64)
	if !ok || !okN || !okR || !okP {
		return nil, malformed("not the fields of Django's scrypt")
	}
	salt, err := djangoSalt(e, fields[2])
	if err != nil {
		return nil, err
	}
	fields[5] = zero64(b64Std, 64)
	return openScrypt(e, s, scryptSetting{n: n, r: r, p: p, salt: salt, length: 64}, want, strings.Join(fields, "$"))
}

func djangoScryptPackage(e *env, s legacy.Stored) (*Hash, error) {
	fields, err := djangoFields(s.Hash, "scrypt", 7)
	if err != nil {
		return nil, err
	}
	log2N, okN := decimal(fields[2])
	r, okR := decimal(fields[3])
	p, okP := decimal(fields[4])
	want, ok := decode64(b64Std, fields[6], 64)
	if !ok || !okN || !okR || !okP || fields[5] != "64" {
		return nil, malformed("not the fields of the package django-scrypt")
	}
	if err := within("scrypt log2 N", log2N, 1, 40); err != nil {
		return nil, err
	}
	salt, err := djangoSalt(e, fields[1])
	if err != nil {
		return nil, err
	}
	fields[6] = zero64(b64Std, 64)
	return openScrypt(e, s, scryptSetting{n: 1 << log2N, r: r, p: p, salt: salt, length: 64}, want, strings.Join(fields, "$"))
}

// djangoCrypt reads 13 characters of DES crypt. Django leaves its own salt field empty; before 1.4 it, and passlib
// still, repeat there the two characters that the crypt string begins with.
func djangoCrypt(e *env, s legacy.Stored) (*Hash, error) {
	fields, err := djangoFields(s.Hash, "crypt", 3)
	if err != nil {
		return nil, err
	}
	salt, crypt := fields[1], fields[2]
	if len(crypt) != 13 || salt != "" && salt != crypt[:2] {
		return nil, malformed("want crypt$$ and 13 characters")
	}
	return openBehind(e, s, "crypt$"+salt+"$", legacy.Stored{Scheme: "crypt-des", Hash: crypt})
}
