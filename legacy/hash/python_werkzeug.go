package hash

import (
	"strings"

	"rekey/legacy"
)

// Werkzeug's generate_password_hash (werkzeug/security.py), which Flask applications use: method$salt$hex. Salts are
// text. Werkzeug 3 writes scrypt, 2 wrote pbkdf2; bare digest names are of before 2.3.

// werkzeugDefaultRounds stands for "pbkdf2:sha256" without a count: Werkzeug 2.0 to 2.2.
const werkzeugDefaultRounds = 260_000

// werkzeugSchemes are the methods one by one, and "werkzeug" for a table that holds any of them.
func werkzeugSchemes() []Scheme {
	schemes := []Scheme{
		// any of those below; plain$ only where Params "plaintext" is "allow"
		{Name: "werkzeug", Aliases: []string{"flask"}, parse: parseWerkzeug},
		// scrypt:N:r:p$salt$hex, 64 bytes
		{Name: "werkzeug-scrypt", Match: fielded("scrypt:", 3), parse: werkzeugScrypt},
		// plain$$password. Never recognised, only declared
		{Name: "werkzeug-plain", parse: werkzeugPlain},
	}
	for _, d := range usualHashes {
		name := d.name
		// method$salt$hex: HMAC(key=salt, pw), or H(pw) where the salt is empty. Django writes md5$ and sha1$ too
		digest := Scheme{Name: "werkzeug-" + name, parse: werkzeugDigest(name)}
		if name != "md5" && name != "sha1" {
			digest.Match = fielded(name+"$", 3)
		}
		// pbkdf2:method:N$salt$hex, as long as the digest
		derived := Scheme{Name: "werkzeug-pbkdf2-" + name, parse: werkzeugPBKDF2(name), Match: func(stored string) bool {
			return fielded("pbkdf2:"+name+":", 3)(stored) || fielded("pbkdf2:"+name+"$", 3)(stored)
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

// A werkzeugRow is a stored string taken apart.
type werkzeugRow struct {
	method     string
	salt, want []byte
	masked     string
}

// readWerkzeug splits method, salt and digest, which is hex of size bytes.
func readWerkzeug(e *env, s legacy.Stored, size int) (werkzeugRow, error) {
	fields := strings.Split(s.Hash, "$")
	if len(fields) != 3 {
		return werkzeugRow{}, malformed("not Werkzeug's method$salt$hex")
	}
	want, ok := decodeHex(fields[2], size)
	if !ok {
		return werkzeugRow{}, malformed("digest is not hex of its length")
	}
	salt := []byte(fields[1])
	return werkzeugRow{fields[0], salt, want, fields[0] + "$" + fields[1] + "$" + zeroHex(size)}, saltWithin(e, salt)
}

// werkzeugOf opens rows of a hash function by its name, which may come from the row.
func werkzeugOf(name string, open func(*env, legacy.Stored, hashFunc, werkzeugRow) (*Hash, error)) parseFunc {
	return func(e *env, s legacy.Stored) (*Hash, error) {
		d, ok := hashNamed(name)
		if !ok {
			return nil, malformed("unknown method")
		}
		row, err := readWerkzeug(e, s, d.size)
		if err != nil {
			return nil, err
		}
		return open(e, s, d, row)
	}
}

func werkzeugDigest(name string) parseFunc {
	return werkzeugOf(name, func(_ *env, s legacy.Stored, d hashFunc, row werkzeugRow) (*Hash, error) {
		if row.method != name {
			return nil, malformed("want the method " + name)
		}
		if len(row.salt) == 0 {
			return openDigest(s, row.want, row.masked, func(password []byte) []byte { return d.sum(password) })
		}
		return openDigest(s, row.want, row.masked, func(password []byte) []byte { return d.mac(row.salt, password) })
	})
}

func werkzeugPBKDF2(name string) parseFunc {
	return werkzeugOf(name, func(e *env, s legacy.Stored, d hashFunc, row werkzeugRow) (*Hash, error) {
		rounds := int64(werkzeugDefaultRounds)
		if row.method != "pbkdf2:"+name {
			count, ok := strings.CutPrefix(row.method, "pbkdf2:"+name+":")
			number, valid := decimal(count)
			if !ok || !valid {
				return nil, malformed("want the method pbkdf2:" + name + ":N")
			}
			rounds = number
		}
		if len(row.salt) == 0 {
			return nil, malformed("empty salt")
		}
		set := pbkdf2Setting{prf: d, rounds: rounds, salt: row.salt, length: d.size}
		return openPBKDF2(e, s, set, row.want, row.masked)
	})
}

func werkzeugScrypt(e *env, s legacy.Stored) (*Hash, error) {
	row, err := readWerkzeug(e, s, 64)
	if err != nil {
		return nil, err
	}
	args := strings.Split(row.method, ":")
	if len(args) != 4 || args[0] != "scrypt" || len(row.salt) == 0 {
		return nil, malformed("want scrypt:N:r:p and a salt")
	}
	n, okN := decimal(args[1])
	r, okR := decimal(args[2])
	p, okP := decimal(args[3])
	if !okN || !okR || !okP {
		return nil, malformed("scrypt costs are not numbers")
	}
	return openScrypt(e, s, scryptSetting{n: n, r: r, p: p, salt: row.salt, length: 64}, row.want, row.masked)
}

func werkzeugPlain(e *env, s legacy.Stored) (*Hash, error) {
	const prefix = "plain$$"
	if !strings.HasPrefix(s.Hash, prefix) {
		return nil, malformed("want plain$$ and a password")
	}
	return plainParser(prefix)(e, s)
}
