package hash

import (
	"strconv"
	"strings"

	"golang.org/x/text/unicode/norm"

	"rekey/legacy"
)

func javaOtherSchemes() []Scheme {
	return []Scheme{
		// Shiro's DefaultPasswordService (Shiro1CryptFormat): $shiro1$SHA-256$N$b64salt$b64; H(salt+pw), N digests in all
		{Name: "shiro1", Aliases: []string{"shiro"}, Match: startsWith(shiro1Mark), parse: parseShiro1},
		// Shiro's SimpleHash: hex or base64, the salt column as text; Params algorithm (by length), iterations (1)
		{Name: "shiro-simplehash-hex", Aliases: []string{"shiro-simplehash"}, parse: parseShiroSimpleHash("hex")},
		{Name: "shiro-simplehash-b64", parse: parseShiroSimpleHash("base64")},
		// Tomcat's MessageDigestCredentialHandler: hexsalt$N$hex; H(salt+pw), N digests in all; Params algorithm (by length)
		{Name: "tomcat-salt-iter-hash", Aliases: []string{"tomcat"}, parse: parseTomcatDigest},
		// Tomcat's SecretKeyCredentialHandler: hexsalt$N$hex; Params algorithm (PBKDF2WithHmacSHA1), key_bits (160)
		{Name: "tomcat-pbkdf2", parse: parseTomcatPBKDF2},
		// jasypt: base64 of salt and digest of salt+NFC(pw); Basic md5 x1000 with 8 bytes, Strong sha256 x100000 with 16
		{Name: "jasypt-basic-md5", Aliases: []string{"jasypt-basic"}, parse: parseJasypt(hashMD5, 1000, 8)},
		{Name: "jasypt-strong-sha256", Aliases: []string{"jasypt-strong"}, parse: parseJasypt(hashSHA256, 100_000, 16)},
		// Jetty's Credential: MD5:hex of the password in ISO 8859-1
		{Name: "jetty-md5", Match: func(stored string) bool { return len(stored) == 36 && strings.HasPrefix(stored, "MD5:") }, parse: parseJettyMD5},
		// Jetty's Password: OBF: and what it takes to read it again, so it is the password itself
		{Name: "jetty-obf", Match: startsWith(obfMark), parse: parseJettyOBF},
		// Jetty's Credential: CRYPT:13 characters of DES crypt
		{Name: "jetty-crypt", Match: func(stored string) bool { return len(stored) == 19 && strings.HasPrefix(stored, "CRYPT:") }, parse: parseJettyCrypt},
	}
}

const shiro1Mark = "$shiro1$"

func parseShiro1(e *env, s legacy.Stored) (*Hash, error) {
	fields := strings.Split(s.Hash, "$")
	if !strings.HasPrefix(s.Hash, shiro1Mark) || len(fields) != 6 {
		return nil, malformed("want $shiro1$algorithm$N$salt$digest")
	}
	d, known := javaHashes[fields[2]]
	rounds, okRounds := decimal(fields[3])
	salt, okSalt := decode64(b64Std, fields[4], anyLen)
	if !known || !okRounds || !okSalt {
		return nil, malformed("want $shiro1$algorithm$N$salt$digest")
	}
	want, ok := decode64(b64Std, fields[5], d.size)
	if !ok {
		return nil, malformed("digest is not base64 of its length")
	}
	fields[5] = zero64(b64Std, d.size)
	return openJavaChain(e, s, d, rounds, salt, want, strings.Join(fields, "$"))
}

// javaHashes are the usual functions by Java's names.
var javaHashes = map[string]hashFunc{
	"MD5": hashMD5, "SHA-1": hashSHA1, "SHA-256": hashSHA256, "SHA-384": hashSHA384, "SHA-512": hashSHA512,
}

// javaDigestParam reads Params "algorithm"; if it is absent, the length of the digest tells it.
func javaDigestParam(s legacy.Stored, size int) (hashFunc, error) {
	name, given := s.Params["algorithm"]
	d, ok := javaHashes[name]
	if !given {
		d, ok = hashSized(size)
	}
	if !ok {
		return d, malformed("parameter algorithm must be one of MD5, SHA-1, SHA-256, SHA-384, SHA-512")
	}
	if d.size != size {
		return d, malformed("digest is not of the algorithm's length")
	}
	return d, nil
}

// openJavaChain opens H(salt+pw), H again to rounds digests in all.
func openJavaChain(e *env, s legacy.Stored, d hashFunc, rounds int64, salt, want []byte, masked string) (*Hash, error) {
	if err := within("iterations", rounds, 1, e.bounds.DigestIterations); err != nil {
		return nil, err
	}
	if err := saltWithin(e, salt); err != nil {
		return nil, err
	}
	return openDigest(s, want, masked, func(password []byte) []byte { return d.chain(rounds, salt, password) })
}

func parseShiroSimpleHash(encoding string) parseFunc {
	return func(e *env, s legacy.Stored) (*Hash, error) {
		var want []byte
		var ok bool
		encoding := textParam(s, "encoding", encoding)
		switch encoding {
		case "hex":
			want, ok = decodeHex(s.Hash, anyLen)
		case "base64":
			want, ok = decode64(b64Std, s.Hash, anyLen)
		default:
			return nil, malformed("parameter encoding must be hex or base64")
		}
		if !ok {
			return nil, malformed("digest is not " + encoding)
		}
		d, err := javaDigestParam(s, len(want))
		if err != nil {
			return nil, err
		}
		rounds, err := intParam(s, "iterations", 1, 1, e.bounds.DigestIterations)
		if err != nil {
			return nil, err
		}
		masked := zeroHex(d.size)
		if encoding == "base64" {
			masked = zero64(b64Std, d.size)
		}
		return openJavaChain(e, s, d, rounds, []byte(s.Salt), want, masked)
	}
}

// tomcatFields splits hexsalt$N$hex.
func tomcatFields(s legacy.Stored) (salt []byte, rounds int64, want []byte, masked string, err error) {
	fields := strings.Split(s.Hash, "$")
	if len(fields) != 3 {
		return nil, 0, nil, "", malformed("want salt$N$digest")
	}
	salt, okSalt := decodeHex(fields[0], anyLen)
	rounds, okRounds := decimal(fields[1])
	want, ok := decodeHex(fields[2], anyLen)
	if !ok || !okSalt || !okRounds || len(salt) == 0 {
		return nil, 0, nil, "", malformed("want salt$N$digest, salt and digest in hex")
	}
	return salt, rounds, want, fields[0] + "$" + fields[1] + "$" + zeroHex(len(want)), nil
}

func parseTomcatDigest(e *env, s legacy.Stored) (*Hash, error) {
	salt, rounds, want, masked, err := tomcatFields(s)
	if err != nil {
		return nil, err
	}
	d, err := javaDigestParam(s, len(want))
	if err != nil {
		return nil, err
	}
	return openJavaChain(e, s, d, rounds, salt, want, masked)
}

// tomcatPBKDF2 are the algorithms of Java's SecretKeyFactory.
var tomcatPBKDF2 = map[string]hashFunc{
	"PBKDF2WithHmacSHA1": hashSHA1, "PBKDF2WithHmacSHA224": hashSHA224, "PBKDF2WithHmacSHA256": hashSHA256,
	"PBKDF2WithHmacSHA384": hashSHA384, "PBKDF2WithHmacSHA512": hashSHA512,
}

func parseTomcatPBKDF2(e *env, s legacy.Stored) (*Hash, error) {
	salt, rounds, want, masked, err := tomcatFields(s)
	if err != nil {
		return nil, err
	}
	d, ok := tomcatPBKDF2[textParam(s, "algorithm", "PBKDF2WithHmacSHA1")]
	if !ok {
		return nil, malformed("parameter algorithm must be PBKDF2WithHmacSHA1, …SHA224, …SHA256, …SHA384 or …SHA512")
	}
	bits, err := intParam(s, "key_bits", 160, 128, 1024)
	if err != nil {
		return nil, err
	}
	if int64(len(want))*8 != bits {
		return nil, malformed("key is not of key_bits")
	}
	return openPBKDF2(e, s, pbkdf2Setting{prf: d, rounds: rounds, salt: salt, length: len(want)}, want, masked)
}

func parseJasypt(d hashFunc, iterations int64, saltLength int) parseFunc {
	return func(e *env, s legacy.Stored) (*Hash, error) {
		rounds, err := intParam(s, "iterations", iterations, 1, e.bounds.DigestIterations)
		if err != nil {
			return nil, err
		}
		raw, ok := decode64(b64Std, s.Hash, saltLength+d.size)
		if !ok {
			return nil, malformed("want base64 of salt and digest")
		}
		salt, want := raw[:saltLength:saltLength], raw[saltLength:]
		h, err := openJavaChain(e, s, d, rounds, salt, want, b64Std.EncodeToString(append(salt, make([]byte, d.size)...)))
		if err != nil {
			return nil, err
		}
		h.Fold = FoldNFC
		h.precede(norm.NFC.Bytes)
		return h, nil
	}
}

func parseJettyMD5(_ *env, s legacy.Stored) (*Hash, error) {
	const prefix = "MD5:"
	d := hashMD5
	hexDigest, ok := strings.CutPrefix(s.Hash, prefix)
	want, valid := decodeHex(hexDigest, d.size)
	if !ok || !valid {
		return nil, malformed("want MD5: and 32 hex digits")
	}
	return openDigest(s, want, prefix+zeroHex(d.size), func(password []byte) []byte {
		narrow, ok := latin1(password)
		if !ok {
			return nil
		}
		return d.sum(narrow)
	})
}

func parseJettyCrypt(e *env, s legacy.Stored) (*Hash, error) {
	const prefix = "CRYPT:"
	if !strings.HasPrefix(s.Hash, prefix) || len(s.Hash) != len(prefix)+13 {
		return nil, malformed("want CRYPT: and 13 characters")
	}
	return openBehind(e, s, prefix, legacy.Stored{Scheme: "crypt-des", Hash: s.Hash[len(prefix):]})
}

const obfMark = "OBF:"

// parseJettyOBF compares digests of what Jetty writes, as plaintext does.
func parseJettyOBF(_ *env, s legacy.Stored) (*Hash, error) {
	body, ok := strings.CutPrefix(s.Hash, obfMark)
	if !ok || !obfShaped(body) {
		return nil, malformed("want OBF: and groups of 4 base-36 digits, or of U and 4")
	}
	if body == "" {
		return nil, ErrUnusable
	}
	return openDigest(s, hashSHA256.sum([]byte(body)), obfMark+obfuscate([]byte("masked")), func(password []byte) []byte {
		return hashSHA256.sum([]byte(obfuscate(password)))
	})
}

func obfShaped(body string) bool {
	for body != "" {
		body = strings.TrimPrefix(body, "U")
		if len(body) < 4 || !only(body[:4], "0123456789abcdefghijklmnopqrstuvwxyz") {
			return false
		}
		body = body[4:]
	}
	return true
}

// obfuscate is Password.obfuscate of jetty-util: each byte with the one as far from the other end.
func obfuscate(password []byte) string {
	var out strings.Builder
	group := func(n int64) {
		digits := strconv.FormatInt(n, 36)
		out.WriteString("0000"[min(4, len(digits)):] + digits)
	}
	for i, c := range password {
		a, b := int64(c), int64(password[len(password)-1-i])
		if a >= 0x80 || b >= 0x80 {
			out.WriteByte('U')
			group(a<<8 | b)
		} else {
			group((127+a+b)<<8 + 127 + a - b)
		}
	}
	return out.String()
}
