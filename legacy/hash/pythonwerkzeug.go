package hash

import (
	"crypto/hmac"
	"strings"

	"rekey/legacy"
)

// Werkzeug's generate_password_hash (werkzeug/security.py), which Flask applications use: method$salt$hex. Salts are
// text. Werkzeug 3 writes scrypt, 2 wrote pbkdf2; bare digest names are of before 2.3.

// werkzeugDefaultRounds stands for "pbkdf2:sha256" without a count: Werkzeug 2.0 to 2.2.
const werkzeugDefaultRounds = 260_000

// werkzeugDigests are the digests that rows are seen with.
var werkzeugDigests = []string{"md5", "sha1", "sha224", "sha256", "sha384", "sha512"}

// werkzeugSchemes are the methods one by one, and "werkzeug" for a table that holds any of them.
func werkzeugSchemes() []Scheme {
	schemes := []Scheme{
		// any of those below; plain$ only where Params "plaintext" is "allow"
		{Name: "werkzeug", Aliases: []string{"flask"}, parse: parseWerkzeug},
		// scrypt:N:r:p$salt$hex, 64 bytes
		{Name: "werkzeug-scrypt", Match: djangoMark("scrypt:", 3), parse: werkzeugScrypt},
		// plain$$password. Never recognised, only declared
		{Name: "werkzeug-plain", parse: werkzeugPlain},
	}
	for _, name := range werkzeugDigests {
		// method$salt$hex: HMAC(key=salt, pw), or H(pw) where the salt is empty. Django writes md5$ and sha1$ too
		digest := Scheme{Name: "werkzeug-" + name, parse: werkzeugDigest(name)}
		if name != "md5" && name != "sha1" {
			digest.Match = djangoMark(name+"$", 3)
		}
		// pbkdf2:method:N$salt$hex, as long as the digest
		derived := Scheme{Name: "werkzeug-pbkdf2-" + name, parse: werkzeugPBKDF2(name), Match: func(stored string) bool {
			return djangoMark("pbkdf2:"+name+":", 3)(stored) || djangoMark("pbkdf2:"+name+"$", 3)(stored)
		}}
		schemes = append(schemes, derived, digest)
	}
	return schemes
}

func parseWerkzeug(e *env, s legacy.Stored) (*Hash, error) {
	method, _, _ := strings.Cut(s.Hash, "$")
	kind, args, _ := strings.Cut(method, ":")
	switch kind {
	case "scrypt":
		return werkzeugScrypt(e, s)
	case "pbkdf2":
		digest, _, _ := strings.Cut(args, ":")
		return werkzeugPBKDF2(digest)(e, s)
	case "plain":
		if !plaintextAllowed(s) {
			return nil, malformed("a plain password, which the parameter plaintext does not allow")
		}
		return werkzeugPlain(e, s)
	}
	return werkzeugDigest(method)(e, s)
}

// plaintextAllowed reports whether the operator lets a scheme of many kinds read plain passwords as well.
func plaintextAllowed(s legacy.Stored) bool { return s.Params["plaintext"] == "allow" }

// werkzeugFields splits method, salt and digest, which is hex of size bytes.
func werkzeugFields(e *env, s legacy.Stored, size int) (method string, salt, want []byte, masked string, err error) {
	fields := strings.Split(s.Hash, "$")
	if len(fields) != 3 {
		return "", nil, nil, "", malformed("not Werkzeug's method$salt$hex")
	}
	want, ok := decodeHex(fields[2], size)
	if !ok {
		return "", nil, nil, "", malformed("digest is not hex of its length")
	}
	salt = []byte(fields[1])
	return fields[0], salt, want, fields[0] + "$" + fields[1] + "$" + appHexFiller(size), saltWithin(e, salt)
}

func werkzeugDigest(name string) appParser {
	return func(e *env, s legacy.Stored) (*Hash, error) {
		d, ok := werkzeugDigestNamed(name)
		if !ok {
			return nil, malformed("unknown method")
		}
		method, salt, want, masked, err := werkzeugFields(e, s, d.size)
		if err != nil {
			return nil, err
		}
		if method != name {
			return nil, malformed("want the method " + name)
		}
		if len(salt) == 0 {
			return openAppDigest(s, want, masked, func(password []byte) []byte { return d.sum(password) })
		}
		return openAppDigest(s, want, masked, func(password []byte) []byte {
			mac := hmac.New(d.new, salt)
			mac.Write(password)
			return mac.Sum(nil)
		})
	}
}

func werkzeugPBKDF2(name string) appParser {
	return func(e *env, s legacy.Stored) (*Hash, error) {
		d, ok := werkzeugDigestNamed(name)
		if !ok {
			return nil, malformed("unknown method")
		}
		method, salt, want, masked, err := werkzeugFields(e, s, d.size)
		if err != nil {
			return nil, err
		}
		rounds := int64(werkzeugDefaultRounds)
		if method != "pbkdf2:"+name {
			count, ok := strings.CutPrefix(method, "pbkdf2:"+name+":")
			number, valid := decimal(count)
			if !ok || !valid {
				return nil, malformed("want the method pbkdf2:" + name + ":N")
			}
			rounds = number
		}
		if len(salt) == 0 {
			return nil, malformed("empty salt")
		}
		return openAppPBKDF2(e, s, appPBKDF2{prf: d, rounds: rounds, salt: salt, length: d.size}, want, masked)
	}
}

// werkzeugDigestNamed is appDigestNamed for the spelling and the choice of Werkzeug.
func werkzeugDigestNamed(name string) (d appDigest, ok bool) {
	for _, known := range werkzeugDigests {
		if known == name {
			return appDigestNamed(name)
		}
	}
	return d, false
}

func werkzeugScrypt(e *env, s legacy.Stored) (*Hash, error) {
	method, salt, want, masked, err := werkzeugFields(e, s, 64)
	if err != nil {
		return nil, err
	}
	args := strings.Split(method, ":")
	if len(args) != 4 || args[0] != "scrypt" || len(salt) == 0 {
		return nil, malformed("want scrypt:N:r:p and a salt")
	}
	n, okN := decimal(args[1])
	r, okR := decimal(args[2])
	p, okP := decimal(args[3])
	if !okN || !okR || !okP {
		return nil, malformed("scrypt costs are not numbers")
	}
	return openAppScrypt(e, s, appScrypt{n: n, r: r, p: p, salt: salt, length: 64}, want, masked)
}

func werkzeugPlain(e *env, s legacy.Stored) (*Hash, error) {
	const prefix = "plain$$"
	if !strings.HasPrefix(s.Hash, prefix) {
		return nil, malformed("want plain$$ and a password")
	}
	return plainParser(prefix)(e, s)
}
