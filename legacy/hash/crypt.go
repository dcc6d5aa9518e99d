package hash

import (
	gohash "hash"
	"strings"

	"rekey/legacy"
)

// cryptSchemes are the strings of crypt(3), as libxcrypt, glibc, the BSDs, Apache and PHP write them.
func cryptSchemes() []Scheme {
	return []Scheme{
		{ // $2a$ $2b$ $2y$ $2x$: OpenBSD, crypt_blowfish, PHP password_hash, and most web frameworks
			Name: "bcrypt", Aliases: []string{"bcrypt-2a", "bcrypt-2b", "bcrypt-2y", "bcrypt-2x"}, Family: "crypt",
			Match: func(s string) bool { return len(s) == 60 && s[:2] == "$2" && s[3] == '$' }, parse: openBcrypt,
		},
		{ // $1$: FreeBSD md5crypt by Poul-Henning Kamp
			Name: "md5crypt", Aliases: []string{"crypt-md5"}, Family: "crypt",
			Match: startsWith(md5cryptMagic), parse: md5cryptParser(md5cryptMagic),
		},
		{ // $apr1$: Apache htpasswd -m, md5crypt with another magic
			Name: "apr1", Aliases: []string{"crypt-apr1"}, Family: "crypt",
			Match: startsWith(apr1Magic), parse: md5cryptParser(apr1Magic),
		},
		{ // salt$digest: AIX {smd5} without its mark, md5crypt with no magic at all
			Name: "aix-smd5-bare", Family: "crypt", parse: md5cryptParser(""),
		},
		{ // $5$: Ulrich Drepper, "Unix crypt using SHA-256 and SHA-512" (2008)
			Name: "sha256crypt", Aliases: []string{"crypt-sha256"}, Family: "crypt",
			Match: startsWith("$5$"), parse: openSHA256Crypt,
		},
		{ // $6$: the same with SHA-512; mosquitto's $6$ ends in base64 padding
			Name: "sha512crypt", Aliases: []string{"crypt-sha512"}, Family: "crypt",
			Match: func(s string) bool { return strings.HasPrefix(s, "$6$") && !strings.HasSuffix(s, "=") }, parse: openSHA512Crypt,
		},
		{ // $sha1$N$salt$digest: NetBSD's HMAC-SHA1 chain by Simon Gerraty
			Name: "sha1crypt", Aliases: []string{"crypt-sha1"}, Family: "crypt",
			Match: startsWith("$sha1$"), parse: openSHA1Crypt,
		},
		{ // $y$: Solar Designer's yescrypt with its default flags
			Name: "yescrypt", Aliases: []string{"crypt-yescrypt"}, Family: "crypt",
			Match: startsWith("$y$"), parse: openYescrypt,
		},
		{ // $gy$: yescrypt for GOST's rules, of ALT Linux and 389 Directory Server
			Name: "gost-yescrypt", Aliases: []string{"crypt-gost-yescrypt"}, Family: "crypt",
			Match: startsWith("$gy$"), parse: openGOSTYescrypt,
		},
		{ // $7$: libxcrypt's and libsodium's scrypt; mosquitto's $7$ has one field more
			Name: "scrypt-crypt7", Aliases: []string{"crypt-scrypt7"}, Family: "crypt",
			Match: func(s string) bool { return strings.HasPrefix(s, "$7$") && strings.Count(s, "$") == 3 }, parse: openScrypt7,
		},
		{ // $md5$ and $md5,rounds=N$: Solaris
			Name: "sunmd5", Aliases: []string{"crypt-sunmd5", "sun-md5-crypt"}, Family: "crypt", parse: openSunMD5,
			Match: func(s string) bool { return startsWith("$md5$", "$md5,")(s) && strings.Count(s, "$") >= 3 },
		},
		{ // $3$$hex: libxcrypt's NT hash, MD4 over the bytes widened to 16 bits
			Name: "crypt-nt3", Family: "crypt", Match: startsWith(nt3Magic), parse: ntParser(nt3Magic, widen),
		},
		{ // $3$$hex as passlib writes it: MD4 over UTF-16LE
			Name: "bsd-nthash", Family: "crypt", parse: ntParser(nt3Magic, utf16le),
		},
		{ // _CCCCSSSS: BSDi's extended DES
			Name: "bsdi-crypt", Aliases: []string{"crypt-bsdi"}, Family: "crypt",
			Match: func(s string) bool { return len(s) == 20 && s[0] == '_' && only(s[1:], alphabetCrypt) }, parse: openBSDiCrypt,
		},
		{ // 13 characters: traditional DES crypt
			Name: "des-crypt", Aliases: []string{"crypt-des"}, Family: "crypt",
			Match: func(s string) bool { return len(s) == 13 && only(s, alphabetCrypt) }, parse: openDESCrypt,
		},
		{ // 2+11*n characters: DEC bigcrypt, which libxcrypt writes for passwords of more than 8 bytes
			Name: "bigcrypt", Aliases: []string{"crypt-bigcrypt"}, Family: "crypt", parse: openBigcrypt,
		},
		{ // 2+11+11 characters: Ultrix crypt16, as long as a bigcrypt of two blocks
			Name: "crypt16", Family: "crypt", parse: openCrypt16,
		},
		{ // any of these, as found in {CRYPT} and shadow(5)
			Name: "crypt", Aliases: []string{"crypt3"}, Family: "crypt", parse: openCrypt,
		},
	}
}

// openBcrypt reads bcrypt over the password as it was typed.
func openBcrypt(e *env, s legacy.Stored) (*Hash, error) {
	set, digest, err := parseBcrypt(e, s.Hash)
	if err != nil {
		return nil, err
	}
	return &Hash{Limit: bcryptLimit(0), compute: set.hash, want: digest, masked: withHash(s, set.mask())}, nil
}

// openCrypt reads whatever crypt(3) writes. A leading "$" tells the scheme; the DES family is told by length.
func openCrypt(e *env, s legacy.Stored) (*Hash, error) {
	inner := legacy.Stored{Scheme: Auto, Hash: s.Hash, Params: s.Params}
	switch {
	case strings.HasPrefix(s.Hash, "$"), strings.HasPrefix(s.Hash, "_"):
	case len(s.Hash) == 13:
		inner.Scheme = "des-crypt"
	default:
		inner.Scheme = "bigcrypt"
	}
	return openBehind(e, s, "", inner)
}

// cryptSalt reports whether a salt could stand in a crypt(3) string. Tools write crypt's own alphabet; libraries let
// people pass anything that does not break a line of passwd(5).
func cryptSalt(salt string) bool {
	for i := range len(salt) {
		if c := salt[i]; c < ' ' || c > '~' || c == '$' || c == ':' {
			return false
		}
	}
	return len(salt) <= 64
}

// repeatTo repeats b until it is n bytes long.
func repeatTo(b []byte, n int) []byte {
	out := make([]byte, 0, n+len(b))
	for len(out) < n {
		out = append(out, b...)
	}
	return out[:n]
}

// reorder picks the bytes of b in the given order.
func reorder(b []byte, order []int) []byte {
	out := make([]byte, len(order))
	for i, from := range order {
		out[i] = b[from]
	}
	return out
}

// cryptRounds is the loop of md5crypt, which sha-crypt took over: it mixes password, salt and the digest before.
func cryptRounds(h gohash.Hash, sum, password, salt []byte, rounds int) []byte {
	for i := range rounds {
		h.Reset()
		if i%2 == 1 {
			h.Write(password)
		} else {
			h.Write(sum)
		}
		if i%3 != 0 {
			h.Write(salt)
		}
		if i%7 != 0 {
			h.Write(password)
		}
		if i%2 == 1 {
			h.Write(sum)
		} else {
			h.Write(password)
		}
		sum = h.Sum(sum[:0])
	}
	return sum
}
