package hash

import (
	"encoding/binary"
	"strconv"
	"strings"

	"rekey/legacy"
)

// PBKDF2 in the dress of libraries: Perl's Crypt::PBKDF2, cryptacular, pbkdf2.py, and passlib's scram.

func pbkdf2OtherSchemes() []Scheme {
	return family("phc", []Scheme{
		// $PBKDF2$HMACSHA1:N:salt$key: Crypt::PBKDF2's form "crypt"; its form {X-PBKDF2} is an LDAP label
		{Name: "perl-pbkdf2", Aliases: []string{"perl-crypt-pbkdf2-crypt"}, Match: startsWith("$PBKDF2$"), parse: parsePerlPBKDF2},
		// $p5k2$: told from each other by the length of the key
		{Name: "pbkdf2-p5k2-cta", Aliases: []string{"cta-pbkdf2-sha1"}, Match: matchP5K2(28), parse: parseP5K2(true)},
		{Name: "pbkdf2-p5k2-dlitz", Aliases: []string{"dlitz-pbkdf2-sha1"}, Match: matchP5K2(32), parse: parseP5K2(false)},
		// $scram$N$salt$sha-1=…,sha-256=…
		{Name: "scram-passlib", Aliases: []string{"scram"}, Match: startsWith("$scram$"), parse: parseSCRAMPasslib},
	})
}

// perlPBKDF2 are the functions of Perl's Crypt::PBKDF2 by the names that it writes; "+" of LDAP is "{…}" elsewhere.
var perlPBKDF2 = map[string]hashFunc{
	"HMACSHA1": hashSHA1, "HMACSHA2+224": hashSHA224, "HMACSHA2+256": hashSHA256, "HMACSHA2+384": hashSHA384, "HMACSHA2+512": hashSHA512,
}

func looksPerlPBKDF2(body string) bool { return strings.Count(body, ":") == 3 }

// openPerlPBKDF2LDAP reads function:iterations:salt:key, all but the first in base64, the iterations as four bytes.
func openPerlPBKDF2LDAP(e *env, s legacy.Stored, _, body string) (*Hash, error) {
	f := strings.Split(body, ":")
	if len(f) != 4 {
		return nil, malformed("want function:iterations:salt:key")
	}
	count, ok := decode64(b64Raw, f[1], 4)
	if !ok {
		return nil, malformed("iterations must be four bytes in base64")
	}
	return openPerlPBKDF2(e, s, f, int64(binary.BigEndian.Uint32(count)))
}

// parsePerlPBKDF2 reads $PBKDF2$function:iterations:salt$key, salt and key in base64.
func parsePerlPBKDF2(e *env, s legacy.Stored) (*Hash, error) {
	body, ok := strings.CutPrefix(s.Hash, "$PBKDF2$")
	head, key, ok2 := strings.Cut(body, "$")
	f := append(strings.Split(head, ":"), key)
	if !ok || !ok2 || len(f) != 4 {
		return nil, malformed("want $PBKDF2$function:iterations:salt$key")
	}
	rounds, ok := decimal(f[1])
	if !ok {
		return nil, malformed("iterations must be a whole number")
	}
	if name, size, braced := strings.Cut(strings.TrimSuffix(f[0], "}"), "{"); braced {
		f[0] = name + "+" + size
	}
	return openPerlPBKDF2(e, s, f, rounds)
}

// openPerlPBKDF2 opens the four fields. The key is the last of them, and the end of the stored string.
func openPerlPBKDF2(e *env, s legacy.Stored, f []string, rounds int64) (*Hash, error) {
	d, ok := perlPBKDF2[f[0]]
	salt, okSalt := decode64(b64Std, f[2], anyLen)
	want, okKey := decode64(b64Std, f[3], d.size)
	if !ok || !okSalt || !okKey {
		return nil, malformed("want a known function, and salt and key in base64, the key as long as the function's digest")
	}
	set := pbkdf2Setting{prf: d, rounds: rounds, salt: salt, length: d.size}
	return openPBKDF2(e, s, set, want, strings.TrimSuffix(s.Hash, f[3])+zero64(b64Std, d.size))
}

// parseP5K2 reads the two dialects of $p5k2$rounds in hex$salt$key, both PBKDF2-HMAC-SHA1. cryptacular (CTA) writes salt
// and 20 bytes of key in URL-safe base64. Dwayne Litzenberger's pbkdf2.py writes 24 bytes without padding, takes no
// rounds for 400, and hashes the whole string before the key as the salt.
func parseP5K2(cryptacular bool) parseFunc {
	return func(e *env, s legacy.Stored) (*Hash, error) {
		f := strings.Split(s.Hash, "$")
		if len(f) != 5 || f[0] != "" || f[1] != "p5k2" {
			return nil, malformed("want $p5k2$rounds$salt$key")
		}
		rounds, err := strconv.ParseInt(f[2], 16, 63)
		if f[2] == "" && !cryptacular {
			rounds, err = 400, nil
		} else if !only(f[2], "0123456789abcdef") || strings.HasPrefix(f[2], "0") {
			return nil, malformed("rounds must be a whole number in hex")
		}
		if err != nil {
			return nil, malformed("rounds must be a whole number in hex")
		}
		set := pbkdf2Setting{prf: hashSHA1, rounds: rounds, length: 20}
		head := strings.TrimSuffix(s.Hash, f[4])
		if cryptacular {
			salt, ok := decode64(b64URL, f[3], anyLen)
			want, ok2 := decode64(b64URL, f[4], set.length)
			if !ok || !ok2 {
				return nil, malformed("want salt and 20 bytes of key in URL-safe base64")
			}
			set.salt = salt
			return openPBKDF2(e, s, set, want, head+zero64(b64URL, set.length))
		}
		set.length, set.salt = 24, []byte(strings.TrimSuffix(head, "$"))
		want, ok := decode64(b64AB, f[4], set.length)
		if !ok || !only(f[3], alphabetCrypt) {
			return nil, malformed("want salt in crypt's alphabet and 24 bytes of key in base64 with a dot for plus")
		}
		return openPBKDF2(e, s, set, want, head+zero64(b64AB, set.length))
	}
}

// matchP5K2 tells the dialects by the length of the key.
func matchP5K2(key int) func(string) bool {
	return func(stored string) bool {
		f := strings.Split(stored, "$")
		return len(f) == 5 && f[0] == "" && f[1] == "p5k2" && len(f[4]) == key
	}
}

// scramNames are passlib's names of digests, which are IANA's.
var scramNames = map[string]hashFunc{
	"md5": hashMD5, "sha-1": hashSHA1, "sha-224": hashSHA224, "sha-256": hashSHA256, "sha-384": hashSHA384, "sha-512": hashSHA512,
}

// parseSCRAMPasslib reads $scram$iterations$salt$name=key,…: RFC 5802's SaltedPassword under several digests. All of
// them are compared: each is the password's, and none must be left in a mask.
func parseSCRAMPasslib(e *env, s legacy.Stored) (*Hash, error) {
	f := strings.Split(s.Hash, "$")
	if len(f) != 5 || f[0] != "" || f[1] != "scram" {
		return nil, malformed("want $scram$iterations$salt$keys")
	}
	rounds, ok := decimal(f[2])
	salt, ok2 := decode64(b64AB, f[3], anyLen)
	if !ok || !ok2 {
		return nil, malformed("want iterations, and a salt in base64 with a dot for plus")
	}
	var sets []pbkdf2Setting
	var want []byte
	var fillers []string
	for field := range strings.SplitSeq(f[4], ",") {
		name, text, _ := strings.Cut(field, "=")
		d, known := scramNames[name]
		key, ok := decode64(b64AB, text, d.size)
		if !known || !ok || len(sets) == len(scramNames) {
			return nil, malformed("want keys of known digests, in their lengths")
		}
		sets = append(sets, pbkdf2Setting{prf: d, rounds: rounds, salt: salt, length: d.size})
		want = append(want, key...)
		fillers = append(fillers, name+"="+zero64(b64AB, d.size))
	}
	for _, set := range sets {
		if err := set.check(e); err != nil {
			return nil, err
		}
	}
	if err := within("PBKDF2 iterations times digests", rounds*int64(len(sets)), 1, e.bounds.PBKDF2Iterations); err != nil {
		return nil, err
	}
	h := &Hash{
		Fold: FoldNFKC, // which SASLprep is, but for rare spaces and marks
		compute: func(password []byte) []byte {
			var keys []byte
			for _, set := range sets {
				key := set.key(password)
				if key == nil {
					return nil
				}
				keys = append(keys, key...)
			}
			return keys
		},
		want:   want,
		masked: withHash(s, strings.Join(f[:4], "$")+"$"+strings.Join(fillers, ",")),
	}
	h.precede(saslPrep)
	return h, nil
}
