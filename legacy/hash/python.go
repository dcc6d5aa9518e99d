package hash

import (
	"strings"

	"rekey/legacy"
)

// The hashes of Python applications: Django here, Werkzeug (Flask) in pythonwerkzeug.go, others in pythonother.go.

func pythonSchemes() []Scheme {
	return appFamily("python", djangoSchemes(), werkzeugSchemes(), pythonOtherSchemes())
}

// A djangoHasher is one of Django's password hashers (django/contrib/auth/hashers.py).
type djangoHasher struct {
	name   string
	mine   func(stored string) bool // how Django's identify_hasher finds it
	shared bool                     // others write the same shape for other formulas: declare, do not guess
	parse  appParser
}

// djangoHashers stand in the order in which Django decides: the unsalted ones first. All take the salt as text. "!"
// marks a password that never matches.
func djangoHashers() []djangoHasher {
	return []djangoHasher{
		// md5$$hex: md5(pw)
		{"django-unsalted-md5", djangoMark("md5$$", 3), false, djangoUnsalted("md5", "md5$$")},
		// bare hex, of before Django 1.0: md5(pw)
		{"django-bare-md5", func(stored string) bool { return len(stored) == 32 && !strings.Contains(stored, "$") }, true, djangoUnsalted("md5", "")},
		// sha1$$hex: sha1(pw)
		{"django-unsalted-sha1", djangoMark("sha1$$", 3), false, djangoUnsalted("sha1", "sha1$$")},
		// pbkdf2_sha256$N$salt$b64: the default since Django 1.4
		{"django-pbkdf2-sha256", djangoMark("pbkdf2_sha256$", 4), false, djangoPBKDF2("sha256")},
		{"django-pbkdf2-sha1", djangoMark("pbkdf2_sha1$", 4), false, djangoPBKDF2("sha1")},
		// argon2$argon2id$v=19$m=,t=,p=$salt$hash: a PHC string behind a word, argon2i before Django 3.2
		{"django-argon2", djangoMark("argon2$argon2", 0), false, djangoArgon2},
		// bcrypt_sha256$$2b$..: bcrypt(hex(sha256(pw)))
		{"django-bcrypt-sha256", djangoMark("bcrypt_sha256$$2", 0), false, djangoBcryptSHA256},
		// bcrypt$$2b$..: bcrypt(pw)
		{"django-bcrypt", djangoMark("bcrypt$$2", 0), false, djangoBcrypt},
		// scrypt$N$salt$r$p$b64, 64 bytes: Django 4.0
		{"django-scrypt", djangoMark("scrypt$", 6), false, djangoScrypt},
		// scrypt$salt$log2N$r$p$64$b64: the package django-scrypt, older than Django's own
		{"django-scrypt-package", djangoMark("scrypt$", 7), false, djangoScryptPackage},
		// md5$salt$hex and sha1$salt$hex: H(salt+pw). Werkzeug before 2.3 writes the same shape for HMAC
		{"django-md5", djangoMark("md5$", 3), true, djangoSalted("md5")},
		{"django-sha1", djangoMark("sha1$", 3), true, djangoSalted("sha1")},
		// crypt$$13 characters: crypt(3) with a DES salt
		{"django-crypt", djangoMark("crypt$", 3), false, djangoCrypt},
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

// djangoMark recognises a prefix and a number of fields between "$"; 0 counts none.
func djangoMark(prefix string, fields int) func(stored string) bool {
	return func(stored string) bool {
		return strings.HasPrefix(stored, prefix) && (fields == 0 || strings.Count(stored, "$") == fields-1)
	}
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

func djangoUnsalted(digest, prefix string) appParser {
	return func(_ *env, s legacy.Stored) (*Hash, error) {
		d, _ := appDigestNamed(digest)
		hexDigest, ok := strings.CutPrefix(s.Hash, prefix)
		want, valid := decodeHex(hexDigest, d.size)
		if !ok || !valid {
			return nil, malformed("want " + prefix + " and a hex digest")
		}
		return openAppDigest(s, want, prefix+appHexFiller(d.size), func(password []byte) []byte { return d.sum(password) })
	}
}

func djangoSalted(digest string) appParser {
	return func(e *env, s legacy.Stored) (*Hash, error) {
		d, _ := appDigestNamed(digest)
		fields, err := djangoFields(s.Hash, digest, 3)
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
		fields[2] = appHexFiller(d.size)
		return openAppDigest(s, want, strings.Join(fields, "$"), func(password []byte) []byte { return d.sum(salt, password) })
	}
}

func djangoPBKDF2(digest string) appParser {
	return func(e *env, s legacy.Stored) (*Hash, error) {
		d, _ := appDigestNamed(digest)
		fields, err := djangoFields(s.Hash, "pbkdf2_"+digest, 4)
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
		fields[3] = appFiller(b64Std, d.size)
		return openAppPBKDF2(e, s, appPBKDF2{prf: d, rounds: rounds, salt: salt, length: d.size}, want, strings.Join(fields, "$"))
	}
}

func djangoArgon2(e *env, s legacy.Stored) (*Hash, error) {
	if !strings.HasPrefix(s.Hash, "argon2$argon2") {
		return nil, malformed("want argon2$ and a PHC string")
	}
	return appNested(e, s, "argon2", "argon2")
}

func djangoBcryptSHA256(e *env, s legacy.Stored) (*Hash, error) {
	d, _ := appDigestNamed("sha256")
	return openAppBcrypt(e, s, "bcrypt_sha256$", func(password []byte) []byte { return appHex(d.sum(password)) })
}

func djangoBcrypt(e *env, s legacy.Stored) (*Hash, error) { return openAppBcrypt(e, s, "bcrypt$", nil) }

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
	fields[5] = appFiller(b64Std, 64)
	return openAppScrypt(e, s, appScrypt{n: n, r: r, p: p, salt: salt, length: 64}, want, strings.Join(fields, "$"))
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
	fields[6] = appFiller(b64Std, 64)
	return openAppScrypt(e, s, appScrypt{n: 1 << log2N, r: r, p: p, salt: salt, length: 64}, want, strings.Join(fields, "$"))
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
	return appNested(e, s, "crypt$"+salt+"$", "crypt-des")
}
