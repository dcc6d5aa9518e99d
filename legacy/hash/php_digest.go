package hash

import (
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"

	"rekey/legacy"
)

// A phpDigest is a bare hex digest that a PHP application keeps beside its salt.
type phpDigest struct {
	name    string
	aliases []string
	size    int // bytes of the digest
	salt    saltPlace
	// text returns the digest as lower-case hex, over the password and what salt names.
	text func(password, salt []byte) []byte
	// modern: later releases of the application write password_hash or phpass into the same column.
	modern bool
	escape string // as in Scheme
}

// A saltPlace says where the second argument of a phpDigest comes from.
type saltPlace int

const (
	saltBeside saltPlace = iota // the salt column, or behind a colon in the hash column
	saltOfSite                  // one secret for the whole site: the parameter pepper, or else the salt column
	saltIsUser                  // the login name, lower-cased
)

var phpDigests = []phpDigest{
	// vBulletin 3 and 4, Discuz: md5(md5(password)+salt). includes/functions_login.php
	{name: "vbulletin", aliases: []string{"vbulletin3", "vbulletin4", "discuz"}, size: md5.Size, text: vBulletinDigest},
	// MyBB 1, Invision Power Board 2 and 3: md5(md5(salt)+md5(password)). inc/functions_user.php
	{name: "ipb-mybb", aliases: []string{"mybb", "ipb"}, size: md5.Size, modern: true, text: func(p, s []byte) []byte {
		return hashMD5.hex(hashMD5.hex(s), hashMD5.hex(p))
	}},
	// phpFox 3: md5(md5(password)+md5(salt)).
	{name: "phpfox3", aliases: []string{"phpfox"}, size: md5.Size, text: func(p, s []byte) []byte {
		return hashMD5.hex(hashMD5.hex(p), hashMD5.hex(s))
	}},
	// Joomla 1.0 to 2.5: md5(password+salt), stored as "digest:salt". JUserHelper::verifyPassword
	{name: "joomla-md5-salt", aliases: []string{"joomla", "joomla1"}, size: md5.Size, modern: true, text: func(p, s []byte) []byte {
		return hashMD5.hex(p, s)
	}},
	// osCommerce 2, Zen Cart: md5(salt+password), stored as "digest:salt". includes/functions/password_funcs.php
	{name: "oscommerce", aliases: []string{"zencart", "xtcommerce"}, size: md5.Size, modern: true, text: func(p, s []byte) []byte {
		return hashMD5.hex(s, p)
	}},
	// PrestaShop before 1.7: md5(_COOKIE_KEY_+password). classes/Tools.php, Tools::encrypt
	{name: "prestashop", aliases: []string{"prestashop16"}, size: md5.Size, salt: saltOfSite, modern: true, text: func(p, s []byte) []byte {
		return hashMD5.hex(s, p)
	}},
	// CakePHP 1 to 2: sha1(Security.salt+password). Cake/Utility/Security.php
	{name: "cakephp", size: sha1.Size, salt: saltOfSite, modern: true, text: func(p, s []byte) []byte {
		return hashSHA1.hex(s, p)
	}},
	// SMF 1.1 and 2.0: sha1(lower(member name)+password). Sources/LogInOut.php
	{name: "smf1-sha1-user", aliases: []string{"smf", "smf1", "smf20"}, size: sha1.Size, salt: saltIsUser, text: func(p, s []byte) []byte {
		return hashSHA1.hex(s, p)
	}},
	// The same exported by WoltLab with the name as a salt: sha1(salt+password).
	{name: "sha1-salt-pw-colon", aliases: []string{"woltlab-smf1"}, size: sha1.Size, text: func(p, s []byte) []byte {
		return hashSHA1.hex(s, p)
	}},
	// OpenCart before 3: sha1(salt+sha1(salt+sha1(password))). system/library/customer.php
	{name: "opencart", size: sha1.Size, modern: true, escape: "html", text: wcf1Digest},
	// WoltLab Burning Board 3, Community Framework 1: the same without the escape. wcf/lib/util/StringUtil.class.php
	{name: "wcf1", aliases: []string{"woltlab1"}, size: sha1.Size, modern: true, text: wcf1Digest},
	// PunBB 1.3 and later: sha1(salt+sha1(password)). include/functions.php, forum_hash
	{name: "punbb", size: sha1.Size, modern: true, text: func(p, s []byte) []byte {
		return hashSHA1.hex(s, hashSHA1.hex(p))
	}},
	// XenForo 1.0 and 1.1: sha256(sha256(password)+salt), or with sha1. XenForo_Authentication_Core
	{name: "xenforo-sha256", size: sha256.Size, modern: true, text: xenForoSHA256},
	{name: "xenforo-sha1", size: sha1.Size, modern: true, text: xenForoSHA1},
}

func vBulletinDigest(p, s []byte) []byte { return hashMD5.hex(hashMD5.hex(p), s) }
func wcf1Digest(p, s []byte) []byte      { return hashSHA1.hex(s, hashSHA1.hex(s, hashSHA1.hex(p))) }
func xenForoSHA256(p, s []byte) []byte   { return hashSHA256.hex(hashSHA256.hex(p), s) }
func xenForoSHA1(p, s []byte) []byte     { return hashSHA1.hex(hashSHA1.hex(p), s) }

// phpDigestSchemes lists the bare digests. Their shapes say too little for "auto", but for the two that carry a mark.
func phpDigestSchemes() []Scheme {
	var list []Scheme
	for _, d := range phpDigests {
		list = append(list, Scheme{Name: d.name, Aliases: d.aliases, escape: d.escape, parse: d.parse})
	}
	return phpFamily(append(list,
		// PHP-Fusion and others, as John the Ripper has it: $PHPS$hex of the salt$md5(md5(password)+salt).
		Scheme{Name: "phps", Match: startsWith("$PHPS$"), parse: parsePHPS},
		// AuthMe: $SHA$salt$sha256(sha256(password)+salt). fr.xephi.authme.security.crypts.Sha256
		Scheme{Name: "authme", Match: startsWith("$SHA$"), parse: parseAuthMe},
		// Unclassified NewsBoard, DokuWiki's "kmd5": md5(key+md5(password)) with the key's two characters in its middle.
		Scheme{Name: "kmd5-unb", parse: parseKMD5},
	))
}

func (d phpDigest) parse(e *env, s legacy.Stored) (*Hash, error) {
	if d.modern && strings.HasPrefix(s.Hash, "$") {
		if startsWith("$P$", "$H$")(s.Hash) {
			return parsePHPass(e, s)
		}
		return parsePasswordHash(e, s)
	}
	h := phpDigestHash{size: d.size, text: d.text}
	switch d.salt {
	case saltIsUser:
		if s.User == "" {
			return nil, malformed("the scheme needs the login name")
		}
		h.salt = strings.ToLower(s.User)
	case saltOfSite:
		if h.salt = textParam(s, "pepper", s.Salt); h.salt == "" {
			return nil, fmt.Errorf("%w: the scheme needs the site's secret as parameter pepper", ErrParams)
		}
	case saltBeside:
		h.salt = s.Salt
		if digits := hex.EncodedLen(d.size); s.Salt == "" && len(s.Hash) > digits && s.Hash[digits] == ':' {
			h.salt, h.suffix = s.Hash[digits+1:], s.Hash[digits:]
			s.Hash = s.Hash[:digits]
		}
	}
	return openPHPDigest(e, s, h)
}

// A phpDigestHash is a plain digest within a stored string.
type phpDigestHash struct {
	size           int // bytes
	salt           string
	prefix, suffix string // what stands about the hex digits
	text           func(password, salt []byte) []byte
}

// openPHPDigest opens s.Hash, the hex digits alone.
func openPHPDigest(e *env, s legacy.Stored, d phpDigestHash) (*Hash, error) {
	if _, ok := decodeHex(s.Hash, d.size); !ok {
		return nil, malformed("digest is not hex of the right length")
	}
	salt := []byte(d.salt)
	if err := saltWithin(e, salt); err != nil {
		return nil, err
	}
	return &Hash{
		want:    []byte(strings.ToLower(s.Hash)),
		masked:  withHash(s, d.prefix+zeroHex(d.size)+d.suffix),
		compute: func(password []byte) []byte { return d.text(password, salt) },
	}, nil
}

// openPHPBare opens a stored string that is the hex digest of the password and nothing else.
func openPHPBare(s legacy.Stored, d hashFunc) (*Hash, error) {
	want, ok := decodeHex(s.Hash, d.size)
	if !ok {
		return nil, malformed("digest is not hex of the right length")
	}
	return openDigest(s, want, zeroHex(d.size), func(password []byte) []byte { return d.sum(password) })
}

func parsePHPS(e *env, s legacy.Stored) (*Hash, error) {
	fields := strings.Split(s.Hash, "$")
	if len(fields) != 4 || fields[0] != "" || fields[1] != "PHPS" {
		return nil, malformed("want $PHPS$salt$digest")
	}
	salt, ok := decodeHex(fields[2], anyLen)
	if !ok {
		return nil, malformed("salt is not hex")
	}
	return openPHPDigest(e, withHash(s, fields[3]), phpDigestHash{
		size: md5.Size, salt: string(salt), prefix: "$PHPS$" + fields[2] + "$", text: vBulletinDigest,
	})
}

func parseAuthMe(e *env, s legacy.Stored) (*Hash, error) {
	fields := strings.Split(s.Hash, "$")
	if len(fields) != 4 || fields[0] != "" || fields[1] != "SHA" {
		return nil, malformed("want $SHA$salt$digest")
	}
	return openPHPDigest(e, withHash(s, fields[3]), phpDigestHash{
		size: sha256.Size, salt: fields[2], prefix: "$SHA$" + fields[2] + "$", text: xenForoSHA256,
	})
}

// parseKMD5 reads 16 hex digits, the two characters of the key, 16 hex digits.
func parseKMD5(e *env, s legacy.Stored) (*Hash, error) {
	const half, key = 16, 2
	if len(s.Hash) != half+key+half {
		return nil, malformed("want 34 characters")
	}
	head, middle, tail := s.Hash[:half], s.Hash[half:half+key], s.Hash[half+key:]
	h, err := openPHPDigest(e, withHash(s, head+tail), phpDigestHash{
		size: md5.Size, salt: middle, text: func(p, key []byte) []byte { return hashMD5.hex(key, hashMD5.hex(p)) },
	})
	if err != nil {
		return nil, err
	}
	h.masked = withHash(s, strings.Repeat("0", half)+middle+strings.Repeat("0", half))
	return h, nil
}
