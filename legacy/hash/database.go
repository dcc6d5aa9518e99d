package hash

import (
	"bytes"
	"crypto/des"
	"encoding/hex"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"rekey/legacy"
)

// databaseSchemes are the accounts of databases, brokers and Windows.
func databaseSchemes() []Scheme { return slices.Concat(databaseOnlySchemes(), deviceSchemes()) }

func databaseOnlySchemes() []Scheme {
	return []Scheme{
		{ // *HEX: MySQL 4.1, sha1(sha1(password))
			Name: "mysql41", Family: "database", parse: openMySQL41,
			Match: func(s string) bool { _, ok := decodeHex(strings.TrimPrefix(s, "*"), 20); return ok && s[0] == '*' },
		},
		// 16 hex digits: MySQL before 4.1, which skips spaces and tabs
		{Name: "mysql323", Aliases: []string{"mysql-old"}, Family: "database", parse: openMySQL323},
		// md5 and hex: PostgreSQL before 14, md5(password, user)
		recipeMatched("postgres-md5", `"md5".md5($pass.$user)`, func(s string) bool {
			digest, ok := strings.CutPrefix(s, "md5")
			return ok && len(digest) == 32 && only(digest, "0123456789abcdef")
		}),
		{ // SCRAM-SHA-256$N:salt$StoredKey:ServerKey: PostgreSQL since 10 (RFC 7677, SASLprep)
			Name: "postgres-scram-sha-256", Family: "database", Match: startsWith("SCRAM-SHA-256$"), parse: openPostgresSCRAM,
		},
		// hex: Apache htdigest, md5(user:realm:password). Params: realm
		{Name: "htdigest", Family: "database", parse: openHTDigest},
		{ // $6$salt$digest in base64: mosquitto_passwd -H sha512, sha512(password, salt)
			Name: "mosquitto-6", Family: "database", parse: openMosquitto6,
			Match: func(s string) bool { return strings.HasPrefix(s, "$6$") && strings.HasSuffix(s, "=") },
		},
		{ // $7$N$salt$key in base64: mosquitto_passwd, PBKDF2-HMAC-SHA512
			Name: "mosquitto-7", Family: "database", parse: openMosquitto7,
			Match: func(s string) bool { return strings.HasPrefix(s, "$7$") && strings.Count(s, "$") == 4 },
		},
		{ // 0x0100, salt and two digests in hex: SQL Server 2000, sha1(UTF-16LE password, salt), the same of it in capitals
			Name: "mssql2000", Family: "database", parse: openMSSQL2000,
			Match: func(s string) bool { return len(s) == 2+2*(2+4+40) && hasFold(s, mssql2000Mark) },
		},
		{ // 0x0100, salt and digest in hex: SQL Server 2005 and 2008 R2, sha1(UTF-16LE password, salt)
			Name: "mssql2005", Family: "database", parse: mssqlParser("0x0100", hashSHA1),
			Match: func(s string) bool { return len(s) == 2+2*(2+4+20) && hasFold(s, "0x0100") },
		},
		{ // 0x0200: SQL Server 2012 and later, the same with SHA-512
			Name: "mssql2012", Family: "database", parse: mssqlParser("0x0200", hashSHA512),
			Match: func(s string) bool { return len(s) == 2+2*(2+4+64) && hasFold(s, "0x0200") },
		},
		{ // S:digest, salt in hex: Oracle 11g, sha1(password, salt)
			Name: "oracle11", Family: "database", parse: openOracle11,
			Match: func(s string) bool { return len(s) == 2+2*30 && s[:2] == "S:" },
		},
		// 16 hex digits: Oracle 7 to 10g, DES over the user's name and the password in capitals
		{Name: "oracle10", Family: "database", parse: openOracle10},
		// 43 characters of base64: MariaDB's ed25519, the public key of which the password's SHA-512 is the secret
		{Name: "mariadb-ed25519", Family: "database", parse: openMariaDBEd25519},
		{ // grub.pbkdf2.sha512.N.salt.key in hex: GRUB 2
			Name: "grub-pbkdf2-sha512", Family: "database", Match: startsWith("grub.pbkdf2.sha512."), parse: openGRUB,
		},
		// 32 hex digits: LAN Manager, two times 7 bytes in capitals
		{Name: "lm", Family: "database", parse: openLM},
		// Windows' cached domain logins, versions 1 and 2
		recipeScheme("msdcc", "md4(md4_bin(utf16le($pass)).utf16le(lower($user)))", "mscash"),
		recipeScheme("msdcc2", "pbkdf2_sha1(md4_bin(md4_bin(utf16le($pass)).utf16le(lower($user))), utf16le(lower($user)), 10240, 16)", "mscash2"),
	}
}

// recipeMatched is a recipe under a name that its stored strings tell.
func recipeMatched(name, recipe string, match func(string) bool) Scheme {
	s := recipeScheme(name, recipe)
	s.Match = match
	return s
}

func hasFold(s, prefix string) bool {
	return len(s) >= len(prefix) && strings.EqualFold(s[:len(prefix)], prefix)
}

func openMySQL41(_ *env, s legacy.Stored) (*Hash, error) {
	text, ok := strings.CutPrefix(s.Hash, "*")
	want, ok2 := decodeHex(text, hashSHA1.size)
	if !ok || !ok2 {
		return nil, malformed("want * and 40 hex digits")
	}
	return &Hash{
		compute: func(password []byte) []byte { return hashSHA1.sum(hashSHA1.sum(password)) },
		want:    want,
		masked:  withHash(s, "*"+zeroHex(hashSHA1.size)),
	}, nil
}

func openMySQL323(_ *env, s legacy.Stored) (*Hash, error) {
	want, ok := decodeHex(s.Hash, 8)
	if !ok {
		return nil, malformed("want 16 hex digits")
	}
	// It skips spaces and tabs, for which there is no fold: what was typed is not proven to be the password.
	return &Hash{Limit: 1, compute: mysql323, want: want, masked: withHash(s, zeroHex(8))}, nil
}

// mysql323 is hash_password of MySQL's password.c.
func mysql323(password []byte) []byte {
	a, b, add := uint32(1345345333), uint32(0x12345671), uint32(7)
	for _, c := range password {
		if c == ' ' || c == '\t' {
			continue
		}
		a ^= ((a&63)+add)*uint32(c) + a<<8
		b += b<<8 ^ a
		add += uint32(c)
	}
	a, b = a&0x7fffffff, b&0x7fffffff
	return []byte{byte(a >> 24), byte(a >> 16), byte(a >> 8), byte(a), byte(b >> 24), byte(b >> 16), byte(b >> 8), byte(b)}
}

// openPostgresSCRAM reads what pg_authid holds. The password is prepared as PostgreSQL does.
func openPostgresSCRAM(e *env, s legacy.Stored) (*Hash, error) {
	head, keys, ok := strings.Cut(strings.TrimPrefix(s.Hash, "SCRAM-SHA-256$"), "$")
	iterations, salt, ok2 := strings.Cut(head, ":")
	stored, server, ok3 := strings.Cut(keys, ":")
	if !ok || !ok2 || !ok3 || !strings.HasPrefix(s.Hash, "SCRAM-SHA-256$") {
		return nil, malformed("want SCRAM-SHA-256$iterations:salt$StoredKey:ServerKey")
	}
	h, err := openSCRAM(e, hashSHA256, iterations, salt, stored, server)
	if err != nil {
		return nil, err
	}
	h.precede(saslPrep)
	h.Fold = FoldNFKC // which SASLprep is, but for rare spaces and marks
	filler := zero64(b64Std, hashSHA256.size)
	h.masked = withHash(s, "SCRAM-SHA-256$"+head+"$"+filler+":"+filler)
	return h, nil
}

// openSCRAM reads the parts of a SCRAM verifier (RFC 5802, section 3). Both keys are compared.
func openSCRAM(e *env, p hashFunc, iterationText, saltText, storedText, serverText string) (*Hash, error) {
	iterations, ok := decimal(iterationText)
	salt, ok2 := decode64(b64Std, saltText, anyLen)
	stored, ok3 := decode64(b64Std, storedText, p.size)
	server, ok4 := decode64(b64Std, serverText, p.size)
	if !ok || !ok2 || !ok3 || !ok4 {
		return nil, malformed("want iterations, and salt and keys in base64")
	}
	set := pbkdf2Setting{prf: p, rounds: iterations, salt: salt, length: p.size}
	if err := set.check(e); err != nil {
		return nil, err
	}
	return &Hash{
		compute: func(password []byte) []byte {
			salted := set.key(password)
			return append(p.sum(p.mac(salted, []byte("Client Key"))), p.mac(salted, []byte("Server Key"))...)
		},
		want: append(stored, server...),
	}, nil
}

// saslPrep is RFC 4013 as PostgreSQL's saslprep.c applies it: what it cannot prepare it hashes as it is.
func saslPrep(password []byte) []byte {
	if !utf8.Valid(password) {
		return password
	}
	prepared := norm.NFKC.Bytes([]byte(strings.Map(func(r rune) rune {
		switch {
		case unicode.Is(unicode.Zs, r), r == 0x200B: // RFC 3454, table C.1.2
			return ' '
		case r == 0xAD, r == 0x34F, r == 0x1806, 0x180B <= r && r <= 0x180D, r == 0x200C, r == 0x200D, r == 0x2060,
			0xFE00 <= r && r <= 0xFE0F, r == 0xFEFF: // table B.1
			return -1
		}
		return r
	}, string(password))))
	for _, r := range string(prepared) {
		if unicode.In(r, unicode.Cc, unicode.Co) { // tables C.2 and C.3
			return password
		}
	}
	if len(prepared) == 0 {
		return password
	}
	return prepared
}

func openHTDigest(_ *env, s legacy.Stored) (*Hash, error) {
	want, ok := decodeHex(s.Hash, hashMD5.size)
	realm, ok2 := s.Params["realm"]
	if !ok || !ok2 || s.User == "" {
		return nil, malformed("want 32 hex digits, the user's name and the parameter realm")
	}
	head := []byte(s.User + ":" + realm + ":")
	return &Hash{
		compute: func(password []byte) []byte { return hashMD5.sum(head, password) },
		want:    want,
		masked:  withHash(s, zeroHex(hashMD5.size)),
	}, nil
}

func openMosquitto6(e *env, s legacy.Stored) (*Hash, error) {
	saltText, text, ok := strings.Cut(strings.TrimPrefix(s.Hash, "$6$"), "$")
	salt, ok2 := decode64(b64Std, saltText, anyLen)
	want, ok3 := decode64(b64Std, text, hashSHA512.size)
	if !ok || !ok2 || !ok3 || !strings.HasPrefix(s.Hash, "$6$") {
		return nil, malformed("want $6$salt$digest in base64")
	}
	if err := saltWithin(e, salt); err != nil {
		return nil, err
	}
	return &Hash{
		compute: func(password []byte) []byte { return hashSHA512.sum(password, salt) },
		want:    want,
		masked:  withHash(s, "$6$"+saltText+"$"+zero64(b64Std, hashSHA512.size)),
	}, nil
}

func openMosquitto7(e *env, s legacy.Stored) (*Hash, error) {
	f := strings.Split(s.Hash, "$")
	if len(f) != 5 || f[0] != "" || f[1] != "7" {
		return nil, malformed("want $7$iterations$salt$key")
	}
	iterations, ok := decimal(f[2])
	salt, ok2 := decode64(b64Std, f[3], anyLen)
	want, ok3 := decode64(b64Std, f[4], hashSHA512.size)
	if !ok || !ok2 || !ok3 {
		return nil, malformed("want iterations, and salt and key in base64")
	}
	set := pbkdf2Setting{prf: hashSHA512, rounds: iterations, salt: salt, length: hashSHA512.size}
	return openPBKDF2(e, s, set, want, "$7$"+f[2]+"$"+f[3]+"$"+zero64(b64Std, hashSHA512.size))
}

// mssqlParser reads mark, 4 bytes of salt and a digest, all in hex.
func mssqlParser(mark string, p hashFunc) parseFunc {
	return func(_ *env, s legacy.Stored) (*Hash, error) {
		if !hasFold(s.Hash, mark) {
			return nil, malformed("want " + mark)
		}
		b, ok := decodeHex(s.Hash[len(mark):], 4+p.size)
		if !ok {
			return nil, malformed("want salt and digest in hex")
		}
		salt := b[:4]
		return &Hash{
			compute: func(password []byte) []byte {
				if wide := utf16le(password); wide != nil {
					return p.sum(wide, salt)
				}
				return nil
			},
			want:   b[4:],
			masked: withHash(s, mark+hex.EncodeToString(salt)+zeroHex(p.size)),
		}, nil
	}
}

const mssql2000Mark = "0x0100"

// openMSSQL2000 compares the digest of the capitals, as a server of the default collation does: case does not count.
func openMSSQL2000(_ *env, s legacy.Stored) (*Hash, error) {
	if !hasFold(s.Hash, mssql2000Mark) {
		return nil, malformed("want " + mssql2000Mark)
	}
	b, ok := decodeHex(s.Hash[len(mssql2000Mark):], 4+2*hashSHA1.size)
	if !ok {
		return nil, malformed("want salt and two digests in hex")
	}
	salt := b[:4]
	masked := mssql2000Mark + hex.EncodeToString(salt) + zeroHex(2*hashSHA1.size)
	return &Hash{
		Fold: FoldUpper, // ASCII's letters; the server knew others as well
		compute: func(password []byte) []byte {
			if wide := utf16le(bytes.ToUpper(password)); wide != nil && utf8.Valid(password) {
				return hashSHA1.sum(wide, salt)
			}
			return nil
		},
		want:   b[4+hashSHA1.size:],
		masked: withHash(s, masked),
	}, nil
}

func openOracle11(_ *env, s legacy.Stored) (*Hash, error) {
	text, ok := strings.CutPrefix(s.Hash, "S:")
	b, ok2 := decodeHex(text, hashSHA1.size+10)
	if !ok || !ok2 {
		return nil, malformed("want S: and 60 hex digits")
	}
	salt := b[hashSHA1.size:]
	return &Hash{
		compute: func(password []byte) []byte { return hashSHA1.sum(password, salt) },
		want:    b[:hashSHA1.size],
		masked:  withHash(s, "S:"+zeroHex(hashSHA1.size)+hex.EncodeToString(salt)),
	}, nil
}

func openGRUB(e *env, s legacy.Stored) (*Hash, error) {
	f := strings.Split(s.Hash, ".")
	if len(f) != 6 || strings.Join(f[:3], ".") != "grub.pbkdf2.sha512" {
		return nil, malformed("want grub.pbkdf2.sha512.iterations.salt.key")
	}
	iterations, ok := decimal(f[3])
	salt, ok2 := decodeHex(f[4], anyLen)
	want, ok3 := decodeHex(f[5], hashSHA512.size)
	if !ok || !ok2 || !ok3 {
		return nil, malformed("want iterations, and salt and key in hex")
	}
	set := pbkdf2Setting{prf: hashSHA512, rounds: iterations, salt: salt, length: hashSHA512.size}
	return openPBKDF2(e, s, set, want, strings.TrimSuffix(s.Hash, f[5])+zeroHex(hashSHA512.size))
}

const lmLimit = 14 // bytes of password that count

func openLM(_ *env, s legacy.Stored) (*Hash, error) {
	want, ok := decodeHex(s.Hash, 16)
	if !ok {
		return nil, malformed("want 32 hex digits")
	}
	return &Hash{Limit: lmLimit, Fold: FoldUpper, compute: lanManager, want: want, masked: withHash(s, zeroHex(16))}, nil
}

// lanManager encrypts a constant under each half of the password in capitals. Other letters than ASCII's are taken as
// they are: Windows used the machine's code page, which nothing tells.
func lanManager(password []byte) []byte {
	var text [lmLimit]byte
	copy(text[:], upperASCII(password))
	out := make([]byte, 0, 16)
	for _, half := range [][]byte{text[:7], text[7:]} {
		var bits uint64
		for _, c := range half {
			bits = bits<<8 | uint64(c)
		}
		key := make([]byte, 8) // 7 bits of key above a parity bit each
		for i := range key {
			key[i] = byte(bits>>(49-7*i)) << 1
		}
		block, err := des.NewCipher(key)
		if err != nil {
			return nil // not reached: the key is 8 bytes
		}
		part := make([]byte, 8)
		block.Encrypt(part, []byte("KGS!@#$%"))
		out = append(out, part...)
	}
	return out
}
