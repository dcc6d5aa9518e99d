package hash

import (
	"crypto/md5"
	"fmt"
	"slices"
	"strings"

	"rekey/legacy"
)

// MediaWiki stores ":type:" and what the type writes. Types may be layered over old ones ("pbkdf2-legacyA" is pbkdf2
// over A), so that a table is strengthened without the passwords; the layers' fields are then parted by "!".
//
// MediaWiki normalises what a browser sends to NFC before any of this; a store that is read here has only seen that.

// mediaWikiTypes maps a type to its parser; the text it gets is what stands behind ":type:".
var mediaWikiTypes = map[string]func(e *env, s legacy.Stored, prefix, body string) (*Hash, error){
	// :A:md5(password)
	"A": func(e *env, s legacy.Stored, prefix, body string) (*Hash, error) {
		return openPHPDigest(e, withHash(s, body), phpDigestHash{size: md5.Size, prefix: prefix, text: mediaWikiB(false)})
	},
	// :B:salt:md5(salt-md5(password)), where - is itself
	"B": func(e *env, s legacy.Stored, prefix, body string) (*Hash, error) {
		salt, digest, ok := strings.Cut(body, ":")
		if !ok {
			return nil, malformed("want salt:digest")
		}
		return openPHPDigest(e, withHash(s, digest), phpDigestHash{
			size: md5.Size, salt: salt, prefix: prefix + salt + ":", text: mediaWikiB(true),
		})
	},
	// :pbkdf2:sha512:iterations:length:salt:key
	"pbkdf2": func(e *env, s legacy.Stored, prefix, body string) (*Hash, error) {
		fields := strings.Split(body, ":")
		if len(fields) != 5 {
			return nil, malformed("want algorithm:iterations:length:salt:key")
		}
		return mediaWikiPBKDF2(e, s, prefix, strings.Join(fields[:3], ":"), ":", fields[3], fields[4])
	},
	// :pbkdf2-legacyA:!sha512:iterations:length!!salt!key
	"pbkdf2-legacyA": func(e *env, s legacy.Stored, prefix, body string) (*Hash, error) {
		return mediaWikiLayered(e, s, prefix, body, false)
	},
	// :pbkdf2-legacyB:!sha512:iterations:length!salt of B!salt!key
	"pbkdf2-legacyB": func(e *env, s legacy.Stored, prefix, body string) (*Hash, error) {
		return mediaWikiLayered(e, s, prefix, body, true)
	},
	// :bcrypt:cost$salt$digest, the cost without a leading zero
	"bcrypt": func(e *env, s legacy.Stored, prefix, body string) (*Hash, error) {
		fields := strings.Split(body, "$")
		if len(fields) != 3 || len(fields[1]) != 22 {
			return nil, malformed("want cost$salt$digest")
		}
		cost, ok := decimal(fields[0])
		if !ok || cost > 99 {
			return nil, malformed("cost must be a whole number")
		}
		set, want, err := parseBcrypt(e, fmt.Sprintf("$2y$%02d$%s%s", cost, fields[1], fields[2]))
		if err != nil {
			return nil, err
		}
		filler := set.mask()[len("$2y$00$")+22:]
		return &Hash{
			want:    want,
			Limit:   bcryptMaxPassword,
			masked:  withHash(s, prefix+fields[0]+"$"+fields[1]+"$"+filler),
			compute: set.hash,
		}, nil
	},
	// :argon2:$argon2id$…
	"argon2": func(e *env, s legacy.Stored, prefix, body string) (*Hash, error) {
		if !startsWith("$argon2i$", "$argon2id$")(body) {
			return nil, malformed("want an argon2 string")
		}
		return openBehind(e, s, prefix, legacy.Stored{Scheme: Auto, Hash: body})
	},
}

func matchMediaWiki(stored string) bool {
	_, _, _, ok := splitMediaWiki(stored)
	return ok
}

// splitMediaWiki cuts ":type:body" and returns ":type:" as prefix.
func splitMediaWiki(stored string) (kind, prefix, body string, ok bool) {
	if !strings.HasPrefix(stored, ":") {
		return "", "", "", false
	}
	kind, body, ok = strings.Cut(stored[1:], ":")
	return kind, ":" + kind + ":", body, ok && mediaWikiTypes[kind] != nil
}

func parseMediaWiki(e *env, s legacy.Stored) (*Hash, error) {
	kind, prefix, body, ok := splitMediaWiki(s.Hash)
	if !ok {
		// Before 1.13 the column held a bare md5.
		if h, err := openPHPBare(s, hashMD5); err == nil {
			return h, nil
		}
		return nil, malformed("want one of MediaWiki's types between colons")
	}
	return mediaWikiTypes[kind](e, s, prefix, body)
}

// mediaWikiB returns the digest of types A and B.
func mediaWikiB(salted bool) func(password, salt []byte) []byte {
	return func(password, salt []byte) []byte {
		if !salted {
			return hashMD5.hex(password)
		}
		return hashMD5.hex(salt, []byte("-"), hashMD5.hex(password))
	}
}

// mediaWikiLayered reads the fields of pbkdf2 over type A or B: both types' parameters, both types' salts, the key.
func mediaWikiLayered(e *env, s legacy.Stored, prefix, body string, salted bool) (*Hash, error) {
	fields := strings.Split(body, "!")
	if len(fields) != 5 || fields[0] != "" || (fields[2] != "") != salted {
		return nil, malformed("want !algorithm:iterations:length!salt!salt!key")
	}
	oldSalt := []byte(fields[2])
	if err := saltWithin(e, oldSalt); err != nil {
		return nil, err
	}
	h, err := mediaWikiPBKDF2(e, s, prefix+"!", fields[1], "!"+fields[2]+"!", fields[3], fields[4])
	if err != nil {
		return nil, err
	}
	old := mediaWikiB(salted)
	h.precede(func(password []byte) []byte { return old(password, oldSalt) })
	return h, nil
}

// mediaWikiPBKDF2 opens "algorithm:iterations:length" with a salt and a key in base64. gap stands between the
// parameters and the salt, and its last character between salt and key.
func mediaWikiPBKDF2(e *env, s legacy.Stored, prefix, params, gap, saltText, key string) (*Hash, error) {
	fields := strings.Split(params, ":")
	if len(fields) != 3 {
		return nil, malformed("want algorithm:iterations:length")
	}
	d, ok := hashNamed(fields[0])
	if !ok {
		return nil, malformed("unknown digest algorithm")
	}
	iterations, ok := decimal(fields[1])
	if !ok {
		return nil, malformed("iterations must be a whole number")
	}
	// The natural length, and the two that MediaWiki has had as defaults (128 up to 1.30, then 64).
	length, ok := decimal(fields[2])
	if lengths := []int64{int64(d.size), 64, 128}; !ok || !slices.Contains(lengths, length) {
		return nil, malformed("key length is none that MediaWiki writes")
	}
	salt, ok := decode64(b64Std, saltText, anyLen)
	if !ok {
		return nil, malformed("salt is not base64")
	}
	want, ok := decode64(b64Std, key, int(length))
	if !ok {
		return nil, malformed("key is not base64 of the stated length")
	}
	set := pbkdf2Setting{prf: d, rounds: iterations, salt: salt, length: int(length)}
	return openPBKDF2(e, s, set, want, prefix+params+gap+saltText+gap[len(gap)-1:]+zero64(b64Std, set.length))
}
