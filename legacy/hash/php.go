package hash

import (
	"slices"
	"strings"

	"rekey/legacy"
)

// The hashes of PHP applications that say by their own marks what they are, and the applications as such: a scheme
// named after one opens whatever that application's releases have left in its column, and does to the password what
// its login page does.
//
// Every scheme of the family takes the parameter "escape", see phpReadings.

// phpSchemes lists what has marks of its own. phpDigestSchemes lists bare digests.
func phpSchemes() []Scheme {
	return phpFamily([]Scheme{
		// WordPress since 6.8: bcrypt(base64(hmac-sha384(key "wp-sha384", trim(password)))). wp-includes/pluggable.php
		{Name: "wp-bcrypt", Aliases: []string{"wordpress-bcrypt"}, Match: startsWith("$wp$2"), parse: parseWPBcrypt},
		// WordPress: all that wp_check_password takes, behind the trim of wp_authenticate. wp-includes/pluggable.php
		{Name: "wordpress", escape: "slashes", parse: parseWordPress},
		// phpass "portable" hashes, also phpBB 3.0's $H$: md5(salt+password), then 2^n times md5(digest+password).
		// openwall.com/phpass, PasswordHash.php
		{Name: "phpass", Aliases: []string{"phpbb3", "wordpress-phpass"}, Match: startsWith("$P$", "$H$"), parse: parsePHPass},
		// phpBB 3: $H$ at first, password_hash since 3.1, behind the HTML escape of its request class.
		// phpbb/passwords/driver
		{Name: "phpbb", escape: "html", parse: parsePHPBB},
		// Drupal 7 to 10.0: phpass with sha512, cut to 55 characters. includes/password.inc
		{Name: "drupal7", Match: startsWith("$S$"), parse: parseDrupal7},
		// Drupal 6 accounts that Drupal 7 hashed again where they stood: the same over md5 hex. user.install
		{Name: "drupal7-u", Match: startsWith("U$S$", "U$P$", "U$H$"), parse: parseDrupal7U},
		// Drupal 6 to 11: all of these, and password_hash, behind the trim of its login form. user.module, UserLoginForm.php
		{Name: "drupal", parse: parseDrupal},
		// What password_hash of PHP writes: $2y$ (also $2a$, $2b$), $argon2i$, $argon2id$. php.net/password_hash
		{
			Name: "php-password-hash",
			Aliases: []string{
				"password_hash", "laravel", "joomla3", "opencart3", "prestashop17", "phpbb32", "symfony-auto", "xenforo12", "ipb4", "fluxbb-bcrypt",
			},
			parse: parsePasswordHash,
		},
		// Symfony's NativePasswordHasher: password_hash, over base64(sha512(password)) where the password has more than
		// 72 bytes or a NUL; the empty password never matches. symfony/password-hasher
		{Name: "symfony-native", Aliases: []string{"symfony-bcrypt-prehash"}, parse: parseSymfonyNative},
		// Symfony's MessageDigestPasswordHasher, FOSUserBundle: t=password{salt}, d=H(t), then H(d+t) n-1 times.
		{Name: "symfony-md-sha512-5000", Aliases: []string{"symfony-message-digest", "fosuser"}, parse: parseSymfonyDigest("sha512", 5000, "base64")},
		{Name: "symfony-md-sha1-1", parse: parseSymfonyDigest("sha1", 1, "hex")},
		// Symfony's Pbkdf2PasswordHasher: sha512, 1000 iterations, 40 bytes, base64; salt as text.
		{Name: "symfony-pbkdf2", parse: parseSymfonyPBKDF2},
		// Symfony's PlaintextPasswordHasher: password{salt}. It is plaintext: by name only.
		{Name: "symfony-plaintext-salt", parse: parseSymfonyPlaintext},
		// Nextcloud, ownCloud: 1|bcrypt, 2|argon2i, 3|argon2id; before: bcrypt(password+passwordsalt), sha1(password). Pepper
		// is config.php's passwordsalt. lib/private/Security/Hasher.php
		{Name: "nextcloud", Aliases: []string{"owncloud"}, Match: startsWith("1|$", "2|$", "3|$"), parse: parseNextcloud},
		// MediaWiki: see mediaWikiTypes. includes/password/PasswordFactory.php
		{
			Name: "mediawiki",
			Aliases: []string{
				"mediawiki-A", "mediawiki-B", "mediawiki-pbkdf2", "mediawiki-pbkdf2-legacyA", "mediawiki-pbkdf2-legacyB", "mediawiki-bcrypt", "mediawiki-argon2",
			},
			Match: matchMediaWiki,
			parse: parseMediaWiki,
		},
		// vBulletin 5: password_hash over md5 hex, or what vBulletin 3 and 4 left: "md5(md5(password)+salt) salt".
		// vb/api/user and vb/library/login
		{
			Name:    "vbulletin5",
			Aliases: []string{"vb5-bcrypt-md5", "vb5-argon2-md5", "bcrypt-md5hex"},
			parse:   parseVBulletin5,
		},
		// password_hash over sha1 hex: how sites without a framework upgraded a sha1 column where it stood.
		{Name: "bcrypt-sha1hex", parse: func(e *env, s legacy.Stored) (*Hash, error) { return phpPrehashed(e, s, hashSHA1.hex) }},
		// SMF 2.1: password_hash(lower(member name)+password). Sources/Subs-Auth.php, hash_password
		{Name: "smf2-bcrypt-user", Aliases: []string{"smf21"}, parse: parseSMF21},
		// Magento 1 (OpenMage): md5, sha256 or sha512 of salt+password, then ":salt"; or password_hash.
		// Mage_Core_Model_Encryption
		{Name: "magento1", Aliases: []string{"magento-md5-salt"}, parse: parseMagento1},
		// Magento 2: "digest:salt:version[:version…]". Magento\Framework\Encryption\Encryptor
		{
			Name:    "magento2",
			Aliases: []string{"magento", "magento2-v0", "magento2-v1", "magento2-v2", "magento2-v3", "magento2-chain"},
			Match:   matchMagento2,
			parse:   parseMagento2,
		},
		// XenForo: the serialized data column, or the bare digest of XenForo 1. XenForo_Authentication_Core, _Core12
		{Name: "xenforo", Match: startsWith(`a:1:{s:4:"hash"`, `a:3:{s:4:"hash"`), parse: parseXenForo},
		// WoltLab Suite 5.4 and later: the algorithm's name, a colon and what that algorithm writes.
		{Name: "woltlab", parse: parseWoltLab},
		// WoltLab Burning Board 4, Community Framework 2: bcrypt(bcrypt(password)) under one setting.
		{Name: "wcf2-double-bcrypt", Aliases: []string{"wcf2", "woltlab2"}, parse: parseDoubleBcrypt},
		// WoltLab Suite 6: hex:salt:sha256:iterations:32, salt as text.
		{Name: "wcf-pbkdf2", parse: parseWCFPBKDF2},
		// Seafile: PBKDF2SHA256$iterations$hex salt$hex.
		{Name: "seafile-pbkdf2", Aliases: []string{"seafile"}, Match: startsWith("PBKDF2SHA256$"), parse: parseSeafile},
	})
}

// phpFamily marks schemes as of this family and lets each of them take the parameter "escape".
func phpFamily(schemes []Scheme) []Scheme {
	for i := range schemes {
		schemes[i].Family = "php"
		schemes[i].parse = phpReadings(schemes[i].parse, schemes[i].escape)
	}
	return schemes
}

// openPasswordHash opens body, the part of the stored string behind prefix, as what password_hash writes, and nothing
// else. before is done to the password first; nil is nothing.
func openPasswordHash(e *env, s legacy.Stored, prefix, body string, before func(password []byte) []byte) (*Hash, error) {
	if !startsWith("$2a$", "$2b$", "$2y$", "$argon2i$", "$argon2id$")(body) {
		return nil, malformed("not a string of PHP's password_hash")
	}
	h, err := openBehind(e, s, prefix, legacy.Stored{Scheme: Auto, Hash: body})
	if err == nil && before != nil {
		h.precede(before)
	}
	return h, err
}

func parsePasswordHash(e *env, s legacy.Stored) (*Hash, error) {
	return openPasswordHash(e, s, "", s.Hash, nil)
}

// phpPrehashed opens password_hash over a digest in hex or base64: of at most 72 characters, so that bcrypt ignores none.
func phpPrehashed(e *env, s legacy.Stored, digest func(...[]byte) []byte) (*Hash, error) {
	h, err := openPasswordHash(e, s, "", s.Hash, func(password []byte) []byte { return digest(password) })
	if err != nil {
		return nil, err
	}
	h.Limit = 0
	return h, nil
}

// phpTrim is PHP's trim.
func phpTrim(password []byte) []byte {
	return []byte(strings.Trim(string(password), " \n\r\t\v\x00"))
}

// phpTrimming puts PHP's trim before h, as the login pages of WordPress and Drupal do.
func phpTrimming(h *Hash) *Hash {
	h.precede(phpTrim)
	h.Fold = FoldTrim
	return h
}

func parseWPBcrypt(e *env, s legacy.Stored) (*Hash, error) {
	body, ok := strings.CutPrefix(s.Hash, "$wp")
	if !ok || !strings.HasPrefix(body, "$2") {
		return nil, malformed("want $wp$2y$")
	}
	h, err := openPasswordHash(e, s, "$wp", body, func(password []byte) []byte {
		return b64Std.AppendEncode(nil, hashSHA384.mac([]byte("wp-sha384"), password))
	})
	if err != nil {
		return nil, err
	}
	h.Limit = 0 // bcrypt sees 64 characters
	return phpTrimming(h), nil
}

func parseWordPress(e *env, s legacy.Stored) (*Hash, error) {
	switch {
	case strings.HasPrefix(s.Hash, "$wp"):
		return parseWPBcrypt(e, s)
	case strings.HasPrefix(s.Hash, "$P$"), strings.HasPrefix(s.Hash, "$H$"):
		return phpTrimmed(parsePHPass(e, s))
	case strings.HasPrefix(s.Hash, "$"): // by a plug-in, such as roots/wp-password-bcrypt
		return phpTrimmed(parsePasswordHash(e, s))
	}
	return phpTrimmed(openPHPBare(s, hashMD5)) // WordPress before 2.5
}

// phpTrimmed is phpTrimming for the result of a parser.
func phpTrimmed(h *Hash, err error) (*Hash, error) {
	if err != nil {
		return nil, err
	}
	return phpTrimming(h), nil
}

func parsePHPBB(e *env, s legacy.Stored) (*Hash, error) {
	if strings.HasPrefix(s.Hash, "$H$") || strings.HasPrefix(s.Hash, "$P$") {
		return parsePHPass(e, s)
	}
	if strings.HasPrefix(s.Hash, "$") {
		return parsePasswordHash(e, s)
	}
	return openPHPBare(s, hashMD5) // phpBB 2, until its first login
}

func parseNextcloud(e *env, s legacy.Stored) (*Hash, error) {
	kinds := map[string]string{"1|": "$2", "2|": "$argon2i$", "3|": "$argon2id$"}
	if len(s.Hash) > 2 && s.Hash[1] == '|' {
		version, body := s.Hash[:2], s.Hash[2:]
		if mark := kinds[version]; mark == "" || !strings.HasPrefix(body, mark) {
			return nil, malformed("version and hash do not fit")
		}
		return openPasswordHash(e, s, version, body, nil)
	}
	if !strings.HasPrefix(s.Hash, "$2") {
		return openPHPBare(s, hashSHA1)
	}
	salt := textParam(s, "pepper", "")
	h, err := openPasswordHash(e, s, "", s.Hash, func(password []byte) []byte { return slices.Concat(password, []byte(salt)) })
	if err != nil {
		return nil, err
	}
	h.Limit = bcryptLimit(len(salt))
	return h, nil
}

func parseVBulletin5(e *env, s legacy.Stored) (*Hash, error) {
	if strings.HasPrefix(s.Hash, "$") {
		return phpPrehashed(e, s, hashMD5.hex)
	}
	digest, salt, ok := strings.Cut(s.Hash, " ")
	if !ok {
		return nil, malformed("want password_hash, or a digest, a space and its salt")
	}
	return openPHPDigest(e, withHash(s, digest), phpDigestHash{
		size: 16, salt: salt, suffix: " " + salt, text: vBulletinDigest,
	})
}

func parseSMF21(e *env, s legacy.Stored) (*Hash, error) {
	if s.User == "" {
		return nil, malformed("the scheme needs the login name")
	}
	user := strings.ToLower(s.User)
	h, err := openPasswordHash(e, s, "", s.Hash, func(password []byte) []byte { return slices.Concat([]byte(user), password) })
	if err != nil {
		return nil, err
	}
	if h.Limit > 0 {
		h.Limit = bcryptLimit(len(user))
	}
	return h, nil
}

// parseSeafile reads seahub's PBKDF2SHA256$iterations$hex salt$hex digest of 32 bytes.
func parseSeafile(e *env, s legacy.Stored) (*Hash, error) {
	fields := strings.Split(s.Hash, "$")
	if len(fields) != 4 || fields[0] != "PBKDF2SHA256" {
		return nil, malformed("want PBKDF2SHA256$iterations$salt$digest")
	}
	iterations, ok := decimal(fields[1])
	if !ok {
		return nil, malformed("iterations must be a whole number")
	}
	salt, ok := decodeHex(fields[2], anyLen)
	if !ok {
		return nil, malformed("salt is not hex")
	}
	want, ok := decodeHex(fields[3], hashSHA256.size)
	if !ok {
		return nil, malformed("digest is not 32 bytes of hex")
	}
	fields[3] = zeroHex(hashSHA256.size)
	set := pbkdf2Setting{prf: hashSHA256, rounds: iterations, salt: salt, length: hashSHA256.size}
	return openPBKDF2(e, s, set, want, strings.Join(fields, "$"))
}
