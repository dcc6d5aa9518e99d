package hash

import (
	"crypto/sha1"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"

	"rekey/legacy"
)

// parseXenForo reads xf_user_authenticate.data: PHP's serialization of {hash} (password_hash or phpass) or of
// {hash, salt, hashFunc}; or, for an export, the hash alone with its salt column.
func parseXenForo(e *env, s legacy.Stored) (*Hash, error) {
	fields, ok := phpUnserialize(s.Hash)
	if !ok {
		switch {
		case strings.HasPrefix(s.Hash, "$"):
			return parsePasswordHash(e, s)
		case len(s.Hash) == hex.EncodedLen(sha1.Size):
			return openPHPDigest(e, s, phpDigestHash{size: sha1.Size, salt: s.Salt, text: xenForoSHA1})
		}
		return openPHPDigest(e, s, phpDigestHash{size: sha256.Size, salt: s.Salt, text: xenForoSHA256})
	}
	// All but the hash are kept as they stand; the hash is masked in its place.
	at := strings.Index(s.Hash, `"`+fields["hash"]+`"`) + 1
	prefix, suffix := s.Hash[:at], s.Hash[at+len(fields["hash"]):]
	if len(fields) == 1 {
		h, err := openPHPAny(e, withHash(s, fields["hash"]))
		if err != nil {
			return nil, err
		}
		h.masked = withHash(s, prefix+h.masked.Hash+suffix)
		return h, nil
	}
	d := phpDigestHash{salt: fields["salt"], prefix: prefix, suffix: suffix}
	switch fields["hashFunc"] {
	case "sha256":
		d.size, d.text = sha256.Size, xenForoSHA256
	case "sha1":
		d.size, d.text = sha1.Size, xenForoSHA1
	default:
		return nil, malformed("unknown hashFunc")
	}
	return openPHPDigest(e, withHash(s, fields["hash"]), d)
}

// openPHPAny opens what Openwall's PasswordHash class writes: portable hashes or bcrypt.
func openPHPAny(e *env, s legacy.Stored) (*Hash, error) {
	if startsWith("$P$", "$H$")(s.Hash) {
		return parsePHPass(e, s)
	}
	return parsePasswordHash(e, s)
}

// phpUnserialize reads XenForo's two shapes of PHP's serialize: an array of 1 or 3 strings, of which the first is the
// hash. Anything else is refused.
func phpUnserialize(text string) (fields map[string]string, ok bool) {
	var keys []string
	switch {
	case strings.HasPrefix(text, "a:1:{"):
		keys = []string{"hash"}
	case strings.HasPrefix(text, "a:3:{"):
		keys = []string{"hash", "salt", "hashFunc"}
	default:
		return nil, false
	}
	rest := text[len("a:1:{"):]
	fields = map[string]string{}
	for _, key := range keys {
		if rest, ok = strings.CutPrefix(rest, fmt.Sprintf(`s:%d:"%s";s:`, len(key), key)); !ok {
			return nil, false
		}
		size, tail, found := strings.Cut(rest, ":")
		n, isNumber := decimal(size)
		if !found || !isNumber || n > int64(len(tail)-len(`"";`)) {
			return nil, false
		}
		if tail[0] != '"' || tail[n+1:n+3] != `";` {
			return nil, false
		}
		fields[key], rest = tail[1:n+1], tail[n+3:]
	}
	return fields, rest == "}"
}

// woltLabAlgorithms maps the name before the colon, in lower case, to what reads the rest.
// wcf/lib/system/user/authentication/password/algorithm
var woltLabAlgorithms = map[string]parseFunc{
	"bcrypt":       parsePasswordHash,
	"argon2":       parsePasswordHash,
	"argon2id":     parsePasswordHash,
	"doublebcrypt": parseDoubleBcrypt,
	"wcf2":         parseDoubleBcrypt,
	"pbkdf2":       parseWCFPBKDF2,
	"phpass":       parsePHPass,
	"wcf1":         phpDigestNamed("wcf1"),
	"joomla1":      phpDigestNamed("joomla-md5-salt"),
	"smf1":         phpDigestNamed("sha1-salt-pw-colon"),
	"vb3":          phpDigestNamed("vbulletin"),
	"vb4":          phpDigestNamed("vbulletin"),
	"vb5":          phpDigestNamed("vbulletin"),
	"ipb2":         phpDigestNamed("ipb-mybb"),
	"ipb3":         phpDigestNamed("ipb-mybb"),
	"mybb1":        phpDigestNamed("ipb-mybb"),
	"phpfox3":      phpDigestNamed("phpfox3"),
	"xf1":          phpDigestNamed("xenforo-sha256"),
	"xf12":         parsePasswordHash,
}

// phpDigestNamed returns the parser of a row of phpDigests.
func phpDigestNamed(name string) parseFunc {
	for _, d := range phpDigests {
		if d.name == name {
			return d.parse
		}
	}
	panic("hash: no digest is called " + name) // a test opens every name of the table, so this never ships
}

func parseWoltLab(e *env, s legacy.Stored) (*Hash, error) {
	name, body, _ := strings.Cut(s.Hash, ":")
	parse := woltLabAlgorithms[strings.ToLower(name)]
	if parse == nil {
		return nil, malformed("want the name of one of WoltLab's algorithms and a colon")
	}
	h, err := parse(e, withHash(s, body))
	if err != nil {
		return nil, err
	}
	h.masked = withHash(s, name+":"+h.masked.Hash)
	return h, nil
}

// parseDoubleBcrypt opens bcrypt(bcrypt(password)): the inner one's whole string, of 60 characters, is the outer
// one's password, and both have one setting.
func parseDoubleBcrypt(e *env, s legacy.Stored) (*Hash, error) {
	set, want, err := parseBcrypt(e, s.Hash)
	if err != nil {
		return nil, err
	}
	return &Hash{
		Limit:  bcryptMaxPassword,
		want:   want,
		masked: withHash(s, set.mask()),
		compute: func(password []byte) []byte {
			return set.hash([]byte(set.encode(set.hash(password))))
		},
	}, nil
}

// parseWCFPBKDF2 reads hex:salt:sha256:iterations:32.
func parseWCFPBKDF2(e *env, s legacy.Stored) (*Hash, error) {
	fields := strings.Split(s.Hash, ":")
	if len(fields) != 5 || fields[2] != "sha256" || fields[4] != "32" {
		return nil, malformed("want digest:salt:sha256:iterations:32")
	}
	want, ok := decodeHex(fields[0], sha256.Size)
	if !ok {
		return nil, malformed("digest is not 32 bytes of hex")
	}
	iterations, ok := decimal(fields[3])
	if !ok {
		return nil, malformed("iterations must be a whole number")
	}
	set := pbkdf2Setting{prf: hashSHA256, rounds: iterations, salt: []byte(fields[1]), length: hashSHA256.size}
	fields[0] = zeroHex(hashSHA256.size)
	return openPBKDF2(e, s, set, want, strings.Join(fields, ":"))
}
