package hash

import (
	"encoding/base64"
	"encoding/hex"
	"slices"
	"strings"

	"rekey/legacy"
)

// Where the salt of a stored value stands, and how its digest is written. A salted value is rebuilt from these two;
// what its digest is of, its own parser knows.

// A freshHash is a stored value under a new salt, but for its digest.
type freshHash func(digest []byte) legacy.Stored

// A freshText is the same for what stands in the hash column alone.
type freshText func(digest []byte) string

// resalted returns like under a new salt, or nil where no shape fits.
func (r *Registry) resalted(like legacy.Stored, example *Hash) freshHash {
	scheme := r.byName[like.Scheme]
	if scheme == nil {
		return resaltRecipe(r.env.bounds, like.Scheme, like, example.want)
	}
	if scheme.recipe != "" {
		return resaltRecipe(r.env.bounds, scheme.recipe, like, example.want)
	}
	for _, shape := range []func(stored string) freshText{
		resaltBcrypt, resaltPHPass, resaltArgon2, resaltCrypt, resaltDollars, resaltLDAP, resaltIdentity,
	} {
		if fresh := shape(like.Hash); fresh != nil {
			return func(digest []byte) legacy.Stored { return withHash(like, fresh(digest)) }
		}
	}
	if slices.Contains(columnMakers, scheme.Name) {
		return resaltColumn(like, example.want)
	}
	return nil
}

// columnMakers are the schemes, beside recipes, whose digest is bare and whose salt is in a column of its own, or
// behind the digest and a colon. Not here are those whose column holds no salt: a secret of the site, a name.
var columnMakers = []string{
	"restful-auth-sha1", "clearance-sha1", "devise-sha1", "devise-sha512", "redmine",
	"authlogic-md5", "authlogic-md5-v2", "authlogic-sha1", "authlogic-sha1-v2", "authlogic-sha256", "authlogic-sha256-v2",
	"authlogic-sha512", "authlogic-sha512-v2",
	"symfony-md-sha512-5000", "symfony-md-sha1-1", "symfony-pbkdf2",
	"vbulletin", "ipb-mybb", "phpfox3", "joomla-md5-salt", "oscommerce", "opencart", "wcf1", "punbb", "xenforo-sha256", "xenforo-sha1",
	"magento1", "passport-local-mongoose", "aspnet-membership-sha1", "aspnet-membership-sha256", "gogs-pbkdf2",
	"fusionauth-pbkdf2-sha256", "npm-pbkdf2-password",
	"pbkdf2-md5-hex", "pbkdf2-sha1-hex", "pbkdf2-sha256-hex", "pbkdf2-sha512-hex",
}

// resaltBcrypt finds the 60 characters of bcrypt at the end of a value, whatever stands before and whatever they are of.
func resaltBcrypt(stored string) freshText {
	at := len(stored) - 60
	if at < 0 || !startsWith("$2a$", "$2b$", "$2y$")(stored[at:]) {
		return nil
	}
	head := stored[:at+len("$2y$10$")] + b64Bcrypt.EncodeToString(randomBytes(16))
	return func(digest []byte) string { return head + b64Bcrypt.EncodeToString(digest) }
}

// resaltPHPass finds phpass at the beginning of a value, also behind Drupal's "U". Its digest is text.
func resaltPHPass(stored string) freshText {
	body, _ := strings.CutPrefix(stored, "U")
	if !startsWith("$P$", "$H$", "$S$")(body) || len(body) < phpassHead {
		return nil
	}
	head := stored[:len(stored)-len(body)] + body[:len("$P$.")] + randomText(alphabetCrypt, phpassHead-len("$P$."))
	return func(digest []byte) string { return head + string(digest) }
}

// resaltArgon2 finds a PHC string at the end of a value.
func resaltArgon2(stored string) freshText {
	at := strings.Index(stored, "$argon2")
	if at < 0 {
		return nil
	}
	f := strings.Split(stored[at:], "$")
	if len(f) < 5 {
		return nil
	}
	salt, ok := decode64(b64Raw, f[len(f)-2], anyLen)
	if !ok {
		return nil
	}
	f[len(f)-2] = b64Raw.EncodeToString(randomBytes(max(len(salt), 8))) // argon2 refuses fewer
	head := stored[:at] + strings.Join(f[:len(f)-1], "$") + "$"
	return func(digest []byte) string { return head + b64Raw.EncodeToString(digest) }
}

// cryptLeastSalt is the shortest salt that is made for crypt(3), in characters.
const cryptLeastSalt = 8

// resaltCrypt finds md5crypt, apr1 and sha-crypt, also behind a label such as {CRYPT}.
func resaltCrypt(stored string) freshText {
	label := stored[:strings.IndexByte(stored, '}')+1]
	body := stored[len(label):]
	longest := shaCryptSalt
	switch {
	case strings.HasPrefix(body, md5cryptMagic), strings.HasPrefix(body, apr1Magic):
		longest = 8
	case !startsWith("$5$", "$6$")(body), strings.HasSuffix(body, "="): // mosquitto's $6$
		return nil
	}
	f := strings.Split(body, "$")
	if len(f) < 4 {
		return nil
	}
	f[len(f)-2] = randomText(alphabetCrypt, min(max(len(f[len(f)-2]), cryptLeastSalt), longest))
	head := label + strings.Join(f[:len(f)-1], "$") + "$"
	return func(digest []byte) string { return head + encodeCrypt64(digest) }
}

// dollarShapes are values of fields between "$": the first field, how many there are, which is the salt, and how the
// last is written.
var dollarShapes = []struct {
	first  string
	fields int
	salt   int
	encode func([]byte) string
}{
	{"pbkdf2_sha256", 4, 2, b64Std.EncodeToString}, // Django
	{"pbkdf2_sha1", 4, 2, b64Std.EncodeToString},
	{"scrypt", 6, 2, b64Std.EncodeToString},
	{"md5", 3, 1, hex.EncodeToString},
	{"sha1", 3, 1, hex.EncodeToString},
	{"pbkdf2:", 3, 1, hex.EncodeToString}, // Werkzeug: what follows the colon is in the same field
	{"scrypt:", 3, 1, hex.EncodeToString},
	{"sha256", 3, 1, hex.EncodeToString},
	{"sha512", 3, 1, hex.EncodeToString},
}

// resaltDollars finds the values of Django and Werkzeug, whose salts are text.
func resaltDollars(stored string) freshText {
	f := strings.Split(stored, "$")
	for _, shape := range dollarShapes {
		prefix := strings.HasSuffix(shape.first, ":") && strings.HasPrefix(f[0], shape.first)
		if len(f) != shape.fields || f[0] != shape.first && !prefix || f[shape.salt] == "" {
			continue
		}
		f[shape.salt] = saltLike(f[shape.salt])
		head := strings.Join(f[:len(f)-1], "$") + "$"
		return func(digest []byte) string { return head + shape.encode(digest) }
	}
	return nil
}

// ldapSizes are the digests of the labels that resaltLDAP knows, in bytes.
var ldapSizes = map[string]int{
	"SHA": 20, "SSHA": 20, "SHA256": 32, "SSHA256": 32, "SHA384": 48, "SSHA384": 48, "SHA512": 64, "SSHA512": 64, "MD5": 16, "SMD5": 16,
}

// resaltLDAP finds {SSHA} and its kin: base64 of the digest and the salt behind it.
func resaltLDAP(stored string) freshText {
	prefix, label, encoding, body, ok := splitLDAP(stored)
	size := ldapSizes[label]
	b, ok2 := decode64(b64Std, body, anyLen)
	if !ok || !ok2 || size == 0 || encoding == "HEX" || len(b) < size || label[:2] == "SS" && len(b) == size {
		return nil
	}
	salt := randomBytes(len(b) - size)
	return func(digest []byte) string {
		return prefix + b64Std.EncodeToString(slices.Concat(digest, salt))
	}
}

// resaltIdentity finds the records of ASP.NET Identity, versions 2 and 3.
func resaltIdentity(stored string) freshText {
	raw, ok := decode64(b64Std, stored, anyLen)
	head := identityV3Head
	switch {
	case !ok:
		return nil
	case len(raw) == identityV2Size && raw[0] == 0:
		head = 1
	case len(raw) < identityV3Head+identitySalt+identityKey || raw[0] != 1:
		return nil
	}
	salted := slices.Concat(raw[:head], randomBytes(len(raw)-head-identityKey))
	return func(digest []byte) string { return b64Std.EncodeToString(slices.Concat(salted, digest)) }
}

// resaltColumn finds a bare digest, and its salt in a column or behind a colon. One of them there must be.
func resaltColumn(like legacy.Stored, want []byte) freshHash {
	text, salt, colon := strings.Cut(like.Hash, ":")
	encode := spelling(text, want)
	if encode == nil || (salt == "") == (like.Salt == "") {
		return nil
	}
	tail := ""
	if colon {
		tail = ":" + saltLike(salt)
	} else {
		like.Salt = saltLike(like.Salt)
	}
	return func(digest []byte) legacy.Stored { return withHash(like, encode(digest)+tail) }
}

// resaltRecipe puts the salt where the parameter salt_from says. A recipe that reads a salt is not made without one.
func resaltRecipe(b Bounds, recipe string, like legacy.Stored, want []byte) freshHash {
	compiled, err := compileRecipe(b, recipe)
	if err != nil {
		return nil // not reached: like was opened
	}
	text, salt, join, err := splitSalt(like)
	encode := spelling(text, want)
	if err != nil || encode == nil || compiled.salt && salt == "" {
		return nil
	}
	if compiled.salt {
		salt = saltLike(salt)
	}
	if like.Salt != "" && textParam(like, "salt_from", "column") == "column" {
		like.Salt = salt
	}
	return func(digest []byte) legacy.Stored { return withHash(like, join(encode(digest), salt)) }
}

// spelling returns how text writes want, or nil.
func spelling(text string, want []byte) func([]byte) string {
	for _, encode := range []func([]byte) string{
		func(b []byte) string { return string(b) },
		hex.EncodeToString,
		func(b []byte) string { return strings.ToUpper(hex.EncodeToString(b)) },
		func(b []byte) string { return strings.ToUpper(string(b)) },
		b64Std.EncodeToString,
		base64.RawStdEncoding.EncodeToString,
	} {
		if encode(want) == text {
			return encode
		}
	}
	return nil
}
