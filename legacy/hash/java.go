package hash

import (
	"encoding/hex"
	"slices"
	"strconv"
	"strings"

	"rekey/legacy"
)

// The hashes of Java applications: Spring Security here, Keycloak in java_keycloak.go, Shiro, Tomcat, jasypt and Jetty
// in java_other.go, servers that keep a bare derived key in servers.go.

func javaSchemes() []Scheme {
	return family("java", springSchemes(), keycloakSchemes(), javaOtherSchemes(), javaServerSchemes())
}

// A springEncoder is one of Spring Security's PasswordEncoders (crypto/src/main/java/org/springframework/security/
// crypto). None ever matches an empty password.
type springEncoder struct {
	name    string // of the bare body; with "-delegating" it also stands for "{id}body"
	aliases []string
	ids     []string // the ids under which PasswordEncoderFactories.createDelegatingPasswordEncoder knows it
	parse   parseFunc
}

func springEncoders() []springEncoder {
	return []springEncoder{
		// bcrypt(pw)
		{"spring-bcrypt", []string{"spring-bcrypt-2a", "spring-bcrypt-2b", "spring-bcrypt-2y"}, []string{"bcrypt"}, springBcrypt},
		// hex(salt+pbkdf2(pw, salt+secret)): sha1 x185000 with 8 bytes of salt; 5.8: sha256 x310000 with 16
		{"spring-pbkdf2-v5_5", nil, []string{"pbkdf2"}, springPBKDF2("sha1", 185_000, 8)},
		{"spring-pbkdf2-v5_8", nil, []string{"pbkdf2@SpringSecurity_v5_8"}, springPBKDF2("sha256", 310_000, 16)},
		// the same built by hand: Params secret, prf, iterations, salt_len, hash_bits, encoding (hex or base64)
		{"spring-pbkdf2", []string{"spring-pbkdf2-secret", "spring-pbkdf2-b64"}, nil, springPBKDF2("sha256", 310_000, 16)},
		// $log2N<<16|r<<8|p$salt$key: one reader for all versions, they differ in costs and salt length
		{"spring-scrypt-v4_1", []string{"spring-scrypt", "spring-scrypt-small"}, []string{"scrypt"}, springScrypt},
		{"spring-scrypt-v5_8", nil, []string{"scrypt@SpringSecurity_v5_8"}, springScrypt},
		// a PHC string
		{"spring-argon2-v5_2", []string{"spring-argon2"}, []string{"argon2"}, springArgon2},
		{"spring-argon2-v5_8", nil, []string{"argon2@SpringSecurity_v5_8"}, springArgon2},
		// StandardPasswordEncoder: hex(salt[8]+sha256^1024(salt+secret+pw)); Params secret
		{"spring-sha256", []string{"spring-sha256-secret", "spring-standard"}, []string{"sha256"}, springStandard},
		// MessageDigestPasswordEncoder, Md4PasswordEncoder: {salt}hex or base64 of H(pw+"{salt}"); Params iterations
		{"spring-MD4", nil, []string{"MD4"}, springDigest(hashMD4)},
		{"spring-MD5", nil, []string{"MD5"}, springDigest(hashMD5)},
		{"spring-SHA-1", nil, []string{"SHA-1"}, springDigest(hashSHA1)},
		{"spring-SHA-256", []string{"spring-SHA-256-b64"}, []string{"SHA-256"}, springDigest(hashSHA256)},
		{"spring-SHA-512", []string{"spring-SHA-512-it1000"}, nil, springDigest(hashSHA512)},
		// LdapShaPasswordEncoder: {SHA} or {SSHA}
		{"spring-ldap", nil, []string{"ldap"}, springLDAP},
	}
}

// springSchemes are the encoders one by one, and "spring" for what DelegatingPasswordEncoder writes: "{id}body".
func springSchemes() []Scheme {
	delegating := Scheme{Name: "spring", Aliases: []string{"spring-delegating"}, Match: matchSpring, parse: springNeverEmpty(parseSpring)}
	var schemes []Scheme
	for _, encoder := range springEncoders() {
		if len(encoder.ids) > 0 {
			delegating.Aliases = append(delegating.Aliases, encoder.name+"-delegating")
		}
		scheme := Scheme{Name: encoder.name, Aliases: encoder.aliases, parse: springNeverEmpty(encoder.parse)}
		if encoder.name == "spring-scrypt-v4_1" {
			scheme.Match = matchSpringScrypt
		}
		schemes = append(schemes, scheme)
	}
	return append(schemes, delegating,
		// NoOpPasswordEncoder: the password itself. Never recognised, only declared
		Scheme{Name: "spring-noop", parse: springNeverEmpty(plainParser(""))},
		Scheme{Name: "spring-noop-delegating", parse: springNeverEmpty(springNoop)},
	)
}

// springNeverEmpty adds Spring's rule that an empty password matches nothing.
func springNeverEmpty(parse parseFunc) parseFunc {
	return func(e *env, s legacy.Stored) (*Hash, error) {
		h, err := parse(e, s)
		if err != nil {
			return nil, err
		}
		compute := h.compute
		h.compute = func(password []byte) []byte {
			if len(password) == 0 {
				return nil
			}
			return compute(password)
		}
		return h, nil
	}
}

// matchSpring recognises the ids that only Spring writes, and those of LDAP's ({MD5}, {sha256}, {pbkdf2}) by what
// follows them: a salt in braces, or 80 hex digits.
func matchSpring(stored string) bool {
	id, body, ok := springID(stored)
	if !ok {
		return false
	}
	switch id {
	case "bcrypt", "ldap", "scrypt", "pbkdf2@SpringSecurity_v5_8", "scrypt@SpringSecurity_v5_8", "argon2@SpringSecurity_v5_8":
		return true
	case "argon2":
		return strings.HasPrefix(body, "$argon2")
	case "pbkdf2", "sha256":
		_, ok := decodeHex(body, 40)
		return ok
	case "MD4", "MD5", "SHA-1", "SHA-256":
		return strings.HasPrefix(body, "{")
	}
	return false
}

// springID splits "{id}body".
func springID(stored string) (id, body string, ok bool) {
	rest, ok := strings.CutPrefix(stored, "{")
	if !ok {
		return "", "", false
	}
	return strings.Cut(rest, "}")
}

// parseSpring finds the encoder by its id, which is case-sensitive. {noop} is read only where Params "plaintext" is
// "allow".
func parseSpring(e *env, s legacy.Stored) (*Hash, error) {
	id, body, ok := springID(s.Hash)
	if !ok {
		return nil, malformed("want {id} and an encoded password")
	}
	if id == "noop" && plaintextAllowed(s) {
		return springNoop(e, s)
	}
	for _, encoder := range springEncoders() {
		for _, known := range encoder.ids {
			if known != id {
				continue
			}
			h, err := encoder.parse(e, withHash(s, body))
			if err != nil {
				return nil, err
			}
			h.masked.Hash = "{" + id + "}" + h.masked.Hash
			return h, nil
		}
	}
	return nil, malformed("unknown {id}")
}

func springNoop(e *env, s legacy.Stored) (*Hash, error) {
	const prefix = "{noop}"
	if !strings.HasPrefix(s.Hash, prefix) {
		return nil, malformed("want {noop} and a password")
	}
	return plainParser(prefix)(e, s)
}

func springBcrypt(e *env, s legacy.Stored) (*Hash, error) {
	if strings.HasPrefix(s.Hash, "$2x$") {
		return nil, malformed("Spring reads $2a$, $2b$ and $2y$ alone")
	}
	return openBcryptBehind(e, s, "", nil)
}

// springEncoding reads salt and digest behind one another, as Params "encoding" says: hex (the default) or base64.
func springEncoding(s legacy.Stored, saltLength, length int) (salt, want []byte, masked string, err error) {
	filler := make([]byte, length)
	switch textParam(s, "encoding", "hex") {
	case "hex":
		raw, ok := decodeHex(s.Hash, saltLength+length)
		if !ok {
			return nil, nil, "", malformed("want salt and digest in hex of their length")
		}
		salt, want = raw[:saltLength:saltLength], raw[saltLength:]
		return salt, want, hex.EncodeToString(append(salt, filler...)), nil
	case "base64":
		raw, ok := decode64(b64Std, s.Hash, saltLength+length)
		if !ok {
			return nil, nil, "", malformed("want salt and digest in base64 of their length")
		}
		salt, want = raw[:saltLength:saltLength], raw[saltLength:]
		return salt, want, b64Std.EncodeToString(append(salt, filler...)), nil
	}
	return nil, nil, "", malformed("parameter encoding must be hex or base64")
}

func springPBKDF2(prf string, iterations int64, saltLength int64) parseFunc {
	return func(e *env, s legacy.Stored) (*Hash, error) {
		d, err := hashParam(s, "prf", prf)
		if err != nil {
			return nil, err
		}
		rounds, err := intParam(s, "iterations", iterations, 1, e.bounds.PBKDF2Iterations)
		if err != nil {
			return nil, err
		}
		saltBytes, err := intParam(s, "salt_len", saltLength, 1, int64(e.bounds.Salt))
		if err != nil {
			return nil, err
		}
		bits, err := intParam(s, "hash_bits", 256, 128, 512)
		if err != nil {
			return nil, err
		}
		if bits%8 != 0 {
			return nil, malformed("parameter hash_bits must be a multiple of 8")
		}
		salt, want, masked, err := springEncoding(s, int(saltBytes), int(bits/8))
		if err != nil {
			return nil, err
		}
		salted := slices.Concat(salt, []byte(textParam(s, "secret", "")))
		return openPBKDF2(e, s, pbkdf2Setting{prf: d, rounds: rounds, salt: salted, length: int(bits / 8)}, want, masked)
	}
}

func springStandard(e *env, s legacy.Stored) (*Hash, error) {
	const rounds, saltLength = 1024, 8
	d := hashSHA256
	salt, want, masked, err := springEncoding(s, saltLength, d.size)
	if err != nil {
		return nil, err
	}
	secret := []byte(textParam(s, "secret", ""))
	if err := within("secret length", int64(len(secret)), 0, int64(e.bounds.Salt)); err != nil {
		return nil, err
	}
	return openDigest(s, want, masked, func(password []byte) []byte { return d.chain(rounds, salt, secret, password) })
}

// matchSpringScrypt recognises $hex$base64$base64 where the hex is log2 N, r and p of a byte or two each.
func matchSpringScrypt(stored string) bool {
	fields := strings.Split(stored, "$")
	return len(fields) == 4 && fields[0] == "" && len(fields[1]) >= 5 && len(fields[1]) <= 8 &&
		only(fields[1], "0123456789abcdef") && strings.HasSuffix(fields[3], "=")
}

// springScrypt reads a key of 32 bytes, or of as many as Params "dklen" says.
func springScrypt(e *env, s legacy.Stored) (*Hash, error) {
	length, err := intParam(s, "dklen", 32, 16, 128)
	if err != nil {
		return nil, err
	}
	fields := strings.Split(s.Hash, "$")
	if len(fields) != 4 {
		return nil, malformed("want $costs$salt$key")
	}
	costs, err := strconv.ParseUint(fields[1], 16, 32)
	if fields[0] != "" || err != nil || strconv.FormatUint(costs, 16) != fields[1] {
		return nil, malformed("costs are not hex in lower case")
	}
	salt, okSalt := decode64(b64Std, fields[2], anyLen)
	want, ok := decode64(b64Std, fields[3], int(length))
	if !ok || !okSalt || len(salt) == 0 {
		return nil, malformed("salt and key are not base64 of their length")
	}
	log2N := int64(costs >> 16)
	if err := within("scrypt log2 N", log2N, 1, 40); err != nil {
		return nil, err
	}
	set := scryptSetting{n: 1 << log2N, r: int64(costs >> 8 & 0xff), p: int64(costs & 0xff), salt: salt, length: int(length)}
	fields[3] = zero64(b64Std, int(length))
	return openScrypt(e, s, set, want, strings.Join(fields, "$"))
}

func springArgon2(e *env, s legacy.Stored) (*Hash, error) {
	return openBehind(e, s, "", legacy.Stored{Scheme: "argon2", Hash: s.Hash})
}

// springDigest reads {salt}digest, or the digest alone; it is hex or base64 by its length. The braces are part of the
// salt: that is what Spring appends to the password.
func springDigest(d hashFunc) parseFunc {
	return func(e *env, s legacy.Stored) (*Hash, error) {
		rounds, err := intParam(s, "iterations", 1, 1, e.bounds.DigestIterations)
		if err != nil {
			return nil, err
		}
		var braced string
		if salt, _, ok := springID(s.Hash); ok {
			braced = "{" + salt + "}"
		}
		if err := saltWithin(e, []byte(braced)); err != nil {
			return nil, err
		}
		body, masked := s.Hash[len(braced):], braced+zeroHex(d.size)
		want, ok := decodeHex(body, d.size)
		if !ok {
			masked = braced + zero64(b64Std, d.size)
			want, ok = decode64(b64Std, body, d.size)
		}
		if !ok {
			return nil, malformed("want {salt} and a digest in hex or base64")
		}
		return openDigest(s, want, masked, func(password []byte) []byte {
			return d.chain(rounds, password, []byte(braced))
		})
	}
}

// springLDAPSchemes are the marks of LdapShaPasswordEncoder; it reads both cases, and nothing else of LDAP's.
var springLDAPSchemes = map[string]string{"{SHA}": "ldap-sha", "{sha}": "ldap-sha", "{SSHA}": "ldap-ssha", "{ssha}": "ldap-ssha"}

func springLDAP(e *env, s legacy.Stored) (*Hash, error) {
	mark, _, _ := strings.Cut(s.Hash, "}")
	scheme, ok := springLDAPSchemes[mark+"}"]
	if !ok {
		return nil, malformed("want {SHA} or {SSHA}")
	}
	return openBehind(e, s, "", legacy.Stored{Scheme: scheme, Hash: s.Hash})
}
