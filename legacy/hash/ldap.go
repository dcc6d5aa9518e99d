package hash

import (
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"strings"

	"rekey/legacy"
)

// ldapSchemes holds the values of userPassword (RFC 2307, RFC 3112) and of Dovecot's passdb: a label in braces, in any
// case, and a body. One scheme serves all labels, since the value itself says which it is.
func ldapSchemes() []Scheme {
	table := newLDAPTable()
	return []Scheme{{
		Name: "ldap", Family: "ldap", Match: table.match, parse: table.open,
		Aliases: []string{
			"ldap-sha", "ldap-ssha", "ldap-md5", "ldap-smd5", "ldap-sha256", "ldap-ssha256", "ldap-sha384", "ldap-ssha384",
			"ldap-sha512", "ldap-ssha512", "ldap-hex-md5", "ldap-hex-sha1", "ldap-crypt", "ldap-crypt-phpass", "ldap-cleartext",
			"ldap-pbkdf2-sha1", "ldap-pbkdf2-sha256", "ldap-pbkdf2-sha512", "ldap-argon2", "ldap-apr1", "ldap-bsdmd5",
			"389ds-pbkdf2-sha256", "ldap-nthash", "pkcs5s2", "roundup-plaintext",
			"dovecot-sha1", "dovecot-sha256", "dovecot-sha512", "dovecot-plain-md4", "dovecot-plain-md5", "dovecot-ldap-md5",
			"dovecot-md5", "dovecot-des-crypt", "dovecot-crypt", "dovecot-sha256-crypt", "dovecot-sha512-crypt",
			"dovecot-blf-crypt", "dovecot-pbkdf2", "dovecot-argon2i", "dovecot-argon2id", "dovecot-plain", "dovecot-clear",
			"dovecot-cleartext", "dovecot-scram-sha-1", "dovecot-scram-sha-256", "dovecot-digest-md5", "dovecot-cram-md5", "dovecot-hmac-md5",
			"dovecot-plain-trunc", "dovecot-otp", "389ds-gost-yescrypt", "ldap-lanman", "ldap-ns-mta-md5", "perl-crypt-pbkdf2-ldap",
		},
	}}
}

// An ldapLabel is one way of reading a body. Several may share a label: the first whose shape fits is taken.
type ldapLabel struct {
	names string // upper case, separated by spaces
	shape func(body string) bool
	open  func(e *env, s legacy.Stored, prefix, body string) (*Hash, error)
}

// ldapLabels is the table. {MD5} is base64 in LDAP, hex in passlib, md5crypt in Dovecot: the body tells.
func ldapLabels() []ldapLabel {
	return []ldapLabel{
		ldapDigest("SHA SHA1", hashSHA1, false), // RFC 2307; SHA1 is Dovecot's
		ldapDigest("SHA224", hashSHA224, false), // OpenLDAP pw-sha2, 389-ds
		ldapDigest("SHA256", hashSHA256, false),
		ldapDigest("SHA384", hashSHA384, false),
		ldapDigest("SHA512", hashSHA512, false),
		ldapDigest("MD5 LDAP-MD5 PLAIN-MD5", hashMD5, false),
		ldapDigest("PLAIN-MD4", hashMD4, false),
		ldapDigest("SSHA", hashSHA1, true), // b64(H(password, salt), salt), salts of any length
		ldapDigest("SSHA224", hashSHA224, true),
		ldapDigest("SSHA256", hashSHA256, true),
		ldapDigest("SSHA384", hashSHA384, true),
		ldapDigest("SSHA512", hashSHA512, true),
		ldapDigest("SMD5", hashMD5, true),

		ldapInner("CRYPT", "crypt", ""), // any crypt(3)
		ldapInner("MD5 MD5-CRYPT", "md5crypt", md5cryptMagic),
		ldapInner("DES-CRYPT", "des-crypt", ""),
		ldapInner("SHA256-CRYPT", "sha256crypt", "$5$"),
		ldapInner("SHA512-CRYPT", "sha512crypt", "$6$"),
		ldapInner("BLF-CRYPT", "bcrypt", "$2"),
		ldapInner("GOST_YESCRYPT", "gost-yescrypt", "$gy$"),       // 389-ds
		ldapInner("ARGON2 ARGON2I ARGON2ID", "argon2", "$argon2"), // OpenLDAP's module, Dovecot

		{"PBKDF2 PBKDF2-SHA1", looksPBKDF2, ldapPBKDF2(hashSHA1)}, // OpenLDAP pw-pbkdf2, 389-ds
		{"PBKDF2-SHA256", looksPBKDF2, ldapPBKDF2(hashSHA256)},
		{"PBKDF2-SHA512", looksPBKDF2, ldapPBKDF2(hashSHA512)},
		{"PBKDF2", startsWith("$1$"), openDovecotPBKDF2},
		{"PBKDF2_SHA256", ofLength(b64Std, 4+64+256), open389PBKDF2},
		{"PKCS5S2", ofLength(b64Std, 16+32), openPKCS5S2},

		{"APR1", looksSaltedMD5, ldapMD5Crypt(apr1Magic)}, // OpenLDAP pw-apr1
		{"BSDMD5", looksSaltedMD5, ldapMD5Crypt(md5cryptMagic)},
		{"MSNT NT NTLM", looksHex16, openLDAPNT},
		{"LANMAN LANM", looksHex16, openLDAPLM},
		{"NS-MTA-MD5", looksNetscapeMail, openNetscapeMail}, // Netscape and Sun mail servers
		{"X-PBKDF2", looksPerlPBKDF2, openPerlPBKDF2LDAP},   // Perl's Crypt::PBKDF2

		{"SCRAM-SHA-1", looksSCRAM, ldapSCRAM(hashSHA1)}, // Dovecot
		{"SCRAM-SHA-256", looksSCRAM, ldapSCRAM(hashSHA256)},
		{"DIGEST-MD5", looksHex16, openLDAPDigestMD5},
		{"CRAM-MD5 HMAC-MD5", looksHex32, openCRAMMD5},
		{"OTP", looksOTP, openOTP},
		{"PLAIN-TRUNC", anyBody, openPlainTrunc},

		{"CLEARTEXT CLEAR PLAIN PLAINTEXT", anyBody, openLDAPPlain},
	}
}

// splitLDAP takes a value apart: prefix is "{LABEL}" or "{LABEL.ENCODING}" as it stands, label is in upper case.
func splitLDAP(stored string) (prefix, label, encoding, body string, ok bool) {
	end := strings.IndexByte(stored, '}')
	if end < 2 || end > 24 || stored[0] != '{' {
		return "", "", "", "", false
	}
	label, encoding, _ = strings.Cut(strings.ToUpper(stored[1:end]), ".")
	return stored[:end+1], label, encoding, stored[end+1:], true
}

// An ldapTable holds the rows of ldapLabels by each of their names, in their order. Like the registry it is made once
// and then only read.
type ldapTable map[string][]ldapLabel

func newLDAPTable() ldapTable {
	table := ldapTable{}
	for _, row := range ldapLabels() {
		for name := range strings.FieldsSeq(row.names) {
			table[name] = append(table[name], row)
		}
	}
	return table
}

// find returns the row for a value.
func (t ldapTable) find(label, body string) (ldapLabel, bool) {
	for _, row := range t[label] {
		if row.shape(body) {
			return row, true
		}
	}
	return ldapLabel{}, false
}

// match leaves Spring's {argon2}, which is like it in all but the empty password, to Spring.
func (t ldapTable) match(stored string) bool {
	prefix, label, _, body, ok := splitLDAP(stored)
	if !ok || prefix == "{argon2}" {
		return false
	}
	_, ok = t.find(label, body)
	return ok
}

func (t ldapTable) open(e *env, s legacy.Stored) (*Hash, error) {
	prefix, label, encoding, body, ok := splitLDAP(s.Hash)
	if !ok {
		return nil, malformed("want {SCHEME}value")
	}
	if encoding != "" && encoding != "HEX" && encoding != "B64" && encoding != "BASE64" {
		return nil, malformed("unknown encoding behind the label")
	}
	row, ok := t.find(label, body)
	if !ok {
		return nil, malformed("unknown label, or a value that is not of its shape")
	}
	return row.open(e, s, prefix, body)
}

func anyBody(string) bool { return true }

func ofLength(enc *base64.Encoding, n int) func(string) bool {
	return func(body string) bool { _, ok := decode64(enc, body, n); return ok }
}

// ldapDigest is a digest in base64 or hex, with the salt behind it if salted. Which it is the length tells; hex of a
// salted one must be said, as Dovecot does: {SSHA256.HEX}.
func ldapDigest(names string, p hashFunc, salted bool) ldapLabel {
	decode := func(body string, asHex bool) (b []byte, encode func([]byte) string, ok bool) {
		if asHex || !salted && len(body) == 2*p.size {
			b, ok = decodeHex(body, anyLen)
			encode = hex.EncodeToString
		} else {
			b, ok = decode64(b64Std, body, anyLen)
			encode = b64Std.EncodeToString
		}
		return b, encode, ok && (len(b) == p.size && !salted || len(b) > p.size && salted)
	}
	return ldapLabel{
		names: names,
		shape: func(body string) bool {
			_, _, ok := decode(body, false)
			_, _, okHex := decode(body, true)
			return ok || okHex
		},
		open: func(e *env, s legacy.Stored, prefix, body string) (*Hash, error) {
			b, encode, ok := decode(body, strings.HasSuffix(strings.ToUpper(prefix), ".HEX}"))
			if !ok {
				return nil, malformed("digest is not of the label's length and encoding")
			}
			want, salt := b[:p.size], b[p.size:]
			if err := saltWithin(e, salt); err != nil {
				return nil, err
			}
			return &Hash{
				compute: func(password []byte) []byte { return p.sum(password, salt) },
				want:    want,
				masked:  withHash(s, prefix+encode(append(make([]byte, p.size), salt...))),
			}, nil
		},
	}
}

// ldapInner is another scheme's string behind a label.
func ldapInner(names, scheme, mark string) ldapLabel {
	return ldapLabel{names, startsWith(mark), func(e *env, s legacy.Stored, prefix, body string) (*Hash, error) {
		return openBehind(e, s, prefix, legacy.Stored{Scheme: scheme, Hash: body, Params: s.Params})
	}}
}

func looksPBKDF2(body string) bool {
	f := strings.Split(body, "$")
	return len(f) == 3 && f[0] != ""
}

// ldapPBKDF2 reads N$salt$key: OpenLDAP writes ab64 without padding, 389-ds standard base64 with it.
func ldapPBKDF2(p hashFunc) func(*env, legacy.Stored, string, string) (*Hash, error) {
	return func(e *env, s legacy.Stored, prefix, body string) (*Hash, error) {
		f := strings.Split(body, "$")
		iterations, ok := decimal(f[0])
		salt, ok2 := decodeEither(f[1], anyLen)
		want, ok3 := decodeEither(f[2], p.size)
		if !ok || !ok2 || !ok3 {
			return nil, malformed("want iterations$salt$key in base64, the key as long as the hash function's output")
		}
		key := strings.TrimRight(f[2], "=")
		filler := strings.Repeat("A", len(key)) + f[2][len(key):]
		return openPBKDF2(e, s, pbkdf2Setting{prf: p, rounds: iterations, salt: salt, length: p.size}, want, prefix+f[0]+"$"+f[1]+"$"+filler)
	}
}

// decodeEither reads ab64 without padding or standard base64 with or without it.
func decodeEither(text string, n int) ([]byte, bool) {
	if strings.HasSuffix(text, "=") {
		return decode64(b64Std, text, n)
	}
	if b, ok := decode64(b64AB, text, n); ok {
		return b, true
	}
	return decode64(b64Raw, text, n)
}

// openDovecotPBKDF2 reads $1$salt$N$hex: SHA-1, the salt as text.
func openDovecotPBKDF2(e *env, s legacy.Stored, prefix, body string) (*Hash, error) {
	f := strings.Split(body, "$")
	if len(f) != 5 || !cryptSalt(f[2]) {
		return nil, malformed("want $1$salt$iterations$hex")
	}
	iterations, ok := decimal(f[3])
	want, ok2 := decodeHex(f[4], hashSHA1.size)
	if !ok || !ok2 {
		return nil, malformed("want $1$salt$iterations$ and 40 hex digits")
	}
	set := pbkdf2Setting{prf: hashSHA1, rounds: iterations, salt: []byte(f[2]), length: hashSHA1.size}
	return openPBKDF2(e, s, set, want, prefix+"$1$"+f[2]+"$"+f[3]+"$"+zeroHex(hashSHA1.size))
}

// open389PBKDF2 reads what 389-ds before 2.2 wrote: base64 of iterations (32 bits, big-endian), 64 bytes of salt and
// 256 of key.
func open389PBKDF2(e *env, s legacy.Stored, prefix, body string) (*Hash, error) {
	b, ok := decode64(b64Std, body, 4+64+256)
	if !ok {
		return nil, malformed("want 324 bytes in base64")
	}
	set := pbkdf2Setting{prf: hashSHA256, rounds: int64(binary.BigEndian.Uint32(b)), salt: b[4:68], length: 256}
	return openPBKDF2(e, s, set, b[68:], prefix+b64Std.EncodeToString(append(b[:68:68], make([]byte, 256)...)))
}

// openPKCS5S2 reads Atlassian's: base64 of 16 bytes of salt and 32 of PBKDF2-HMAC-SHA1, 10,000 iterations.
func openPKCS5S2(e *env, s legacy.Stored, prefix, body string) (*Hash, error) {
	b, ok := decode64(b64Std, body, 16+32)
	if !ok {
		return nil, malformed("want 48 bytes in base64")
	}
	set := pbkdf2Setting{prf: hashSHA1, rounds: 10_000, salt: b[:16], length: 32}
	return openPBKDF2(e, s, set, b[16:], prefix+b64Std.EncodeToString(append(b[:16:16], make([]byte, 32)...)))
}

func looksHex16(body string) bool { _, ok := decodeHex(body, 16); return ok }

func looksHex32(body string) bool { _, ok := decodeHex(body, 32); return ok }

func looksSaltedMD5(body string) bool {
	b, ok := decode64(b64Std, body, anyLen)
	return ok && len(b) >= hashMD5.size
}

// ldapMD5Crypt reads base64 of md5crypt's digest, in its natural order, and the salt.
func ldapMD5Crypt(magic string) func(*env, legacy.Stored, string, string) (*Hash, error) {
	return func(_ *env, s legacy.Stored, prefix, body string) (*Hash, error) {
		b, ok := decode64(b64Std, body, anyLen)
		if !ok || len(b) < hashMD5.size || len(b) > hashMD5.size+64 {
			return nil, malformed("want a digest and a salt in base64")
		}
		salt := b[hashMD5.size:]
		return &Hash{
			compute: func(password []byte) []byte { return md5crypt(password, salt, magic) },
			want:    reorder(b[:hashMD5.size], md5cryptOrder[:]),
			masked:  withHash(s, prefix+b64Std.EncodeToString(append(make([]byte, hashMD5.size), salt...))),
		}, nil
	}
}

func openLDAPNT(e *env, s legacy.Stored, prefix, _ string) (*Hash, error) {
	return ntParser(prefix, utf16le)(e, s)
}

func looksSCRAM(body string) bool { return strings.Count(body, ",") == 3 }

// ldapSCRAM reads Dovecot's iterations,salt,StoredKey,ServerKey. Dovecot 2.3 does not prepare the password.
func ldapSCRAM(p hashFunc) func(*env, legacy.Stored, string, string) (*Hash, error) {
	return func(e *env, s legacy.Stored, prefix, body string) (*Hash, error) {
		f := strings.Split(body, ",")
		if len(f) != 4 {
			return nil, malformed("want iterations,salt,StoredKey,ServerKey")
		}
		h, err := openSCRAM(e, p, f[0], f[1], f[2], f[3])
		if err != nil {
			return nil, err
		}
		filler := zero64(b64Std, p.size)
		h.masked = withHash(s, prefix+f[0]+","+f[1]+","+filler+","+filler)
		return h, nil
	}
}

// openLDAPDigestMD5 reads Dovecot's md5(user:realm:password), where the user's name may hold the realm: user@realm.
func openLDAPDigestMD5(_ *env, s legacy.Stored, prefix, body string) (*Hash, error) {
	want, ok := decodeHex(body, hashMD5.size)
	if !ok || s.User == "" {
		return nil, malformed("want 32 hex digits and the user's name")
	}
	user, realm, _ := strings.Cut(s.User, "@")
	head := []byte(user + ":" + realm + ":")
	return &Hash{
		compute: func(password []byte) []byte { return hashMD5.sum(head, password) },
		want:    want,
		masked:  withHash(s, prefix+zeroHex(hashMD5.size)),
	}, nil
}

func openLDAPPlain(e *env, s legacy.Stored, prefix, _ string) (*Hash, error) {
	return plainParser(prefix)(e, s)
}
