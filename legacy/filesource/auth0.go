package filesource

import (
	"strconv"
	"strings"
)

// auth0Format is both of Auth0's shapes: the NDJSON of a password export or of a users export job, and the JSON array
// that bulk import takes (Auth0 docs, "User Data JSON Schema for Bulk User Imports"). Roles have no column of their own:
// app_metadata may be mapped to them, user_metadata must not be, for people write it themselves.
func auth0Format() format {
	return format{
		name: "auth0", frame: frameLines,
		columns: map[string][]string{
			"id": {"user_id"}, "username": {"username"}, "email": {"email"}, "phone": {"phone_number"},
			"email_verified": {"email_verified"}, "phone_verified": {"phone_verified"},
			"display_name": {"name"}, "locale": {"locale"}, "disabled": {"blocked"},
			"created_at": {"created_at"}, "last_login_at": {"last_login"},
		},
		hidden: []string{"_id", "passwordHash", "password_hash", "custom_password_hash", "mfa_factors", "identities"},
		key:    auth0Key,
		fill:   fillAuth0,
	}
}

// auth0Key is the key of a person in a password export, which has the database's own: users exports and tokens show it
// behind the name of the strategy.
func auth0Key(v value) string {
	if id := v.str("_id.$oid"); id != "" {
		return "auth0|" + id
	}
	if id := v.str("_id"); id != "" {
		return "auth0|" + id
	}
	return ""
}

func fillAuth0(v value, p *person) *fault {
	p.nameFrom(v, "given_name", "family_name")
	identities, _ := v.at("identities")
	for _, identity := range identities.list {
		provider, subject := identity.str("provider"), identity.str("user_id")
		if provider != "" && subject != "" && provider != "auth0" {
			p.External = append(p.External, external{Provider: provider, Subject: subject})
		}
	}
	factors, _ := v.at("mfa_factors")
	var bad *fault
	for _, factor := range factors.list {
		for _, m := range factor.members {
			if m.name != "totp" {
				p.unsupported(m.name)
				continue
			}
			secret, ok := base32Secret(m.value.str("secret"))
			if !ok {
				bad = keep(bad, &fault{"mfa_factors", "a one-time password's secret is not base32"})
				continue
			}
			p.TOTP = append(p.TOTP, totp{Secret: secret})
		}
	}
	plain := ""
	for _, name := range []string{"passwordHash", "password_hash"} {
		if text := v.str(name); text != "" {
			if plain != "" && plain != text {
				return keep(bad, &fault{name, "more than one password"})
			}
			plain = text
		}
	}
	custom, ok := v.at("custom_password_hash")
	if !ok || custom.kind == kindNull {
		if plain != "" {
			p.Password = &password{Scheme: "auto", Hash: cut(plain, maxHash)}
		}
		return bad
	}
	if plain != "" {
		return keep(bad, &fault{"custom_password_hash", "more than one password"})
	}
	stored, reason := auth0Custom(custom)
	if reason != "" {
		return keep(bad, &fault{"custom_password_hash", reason})
	}
	stored.Hash = cut(stored.Hash, maxHash)
	p.Password = stored
	return bad
}

// auth0Strings are the algorithms whose value says everything, by the names of package hash.
var auth0Strings = map[string]string{"argon2": "argon2", "bcrypt": "bcrypt", "ldap": "ldap", "pbkdf2": "pbkdf2-phc"}

// auth0Passwords are the encodings of the password before it is hashed, as recipes. Those of one byte a letter are
// not among them: what they make of a password depends on letters that nobody has typed yet.
var auth0Passwords = map[string]string{"": "$pass", "utf8": "$pass", "utf16le": "utf16le($pass)", "ucs2": "utf16le($pass)"}

// auth0Custom reads a custom_password_hash.
func auth0Custom(c value) (*password, string) {
	algorithm := strings.ToLower(c.str("algorithm"))
	hash, _ := c.at("hash")
	text, encoding := hash.str("value"), strings.ToLower(hash.str("encoding"))
	if hash.kind == kindString { // the flat shape of old files
		text, encoding = hash.text, strings.ToLower(c.str("encoding"))
	}
	if text == "" {
		return nil, "no hash.value"
	}
	encodes, ok := auth0Passwords[strings.ToLower(c.str("password.encoding"))]
	if !ok {
		return nil, "a password.encoding that cannot be computed"
	}
	d := digest{name: algorithm, password: encodes}
	if reason := auth0Salt(c, &d); reason != "" {
		return nil, reason
	}
	if scheme, ok := auth0Strings[algorithm]; ok {
		switch {
		case encoding != "" && encoding != "utf8", encodes != "$pass":
			return nil, "an encoding other than utf8 for an algorithm that has its own"
		case len(d.prefix)+len(d.suffix) > 0:
			return nil, "a salt for an algorithm that has its own"
		case algorithm == "pbkdf2":
			return auth0PBKDF2(text)
		}
		return &password{Scheme: scheme, Hash: text}, ""
	}
	switch algorithm {
	case "hmac":
		d.name = strings.ToLower(hash.str("digest"))
		key, ok := decodeAs(orUTF8(hash.str("key.encoding")), hash.str("key.value"))
		if !ok || len(key) == 0 {
			return nil, "hash.key cannot be read"
		}
		d.key = key
	case "scrypt":
		want, ok := decodeAs(encoding, text)
		if !ok || encodes != "$pass" {
			return nil, "hash.value cannot be read"
		}
		return auth0Scrypt(c, append(d.prefix, d.suffix...), want)
	case "md4", "md5", "sha1", "sha256", "sha512":
	default:
		return nil, "an unknown algorithm"
	}
	if encoding == "" { // 2n digits or some 4n/3 letters: never the same length
		encoding = "base64"
		if len(text) == 2*digestSizes[d.name] {
			encoding = "hex"
		}
	}
	if d.want, ok = decodeAs(encoding, text); !ok || encoding == "utf8" {
		return nil, "hash.value cannot be read"
	}
	return d.stored()
}

// auth0Salt reads the salt, which stands before the password unless it says otherwise.
func auth0Salt(c value, d *digest) string {
	d.prefix, d.suffix = []byte(c.str("salt_prefix")), []byte(c.str("salt_suffix"))
	salt, ok := c.at("salt")
	if !ok || salt.kind != kindObject {
		return ""
	}
	raw, ok := decodeAs(orUTF8(salt.str("encoding")), salt.str("value"))
	if !ok {
		return "salt.value cannot be read"
	}
	switch strings.ToLower(salt.str("position")) {
	case "", "prefix":
		d.prefix = raw
	case "suffix":
		d.suffix = raw
	default:
		return "an unknown salt.position"
	}
	return ""
}

func orUTF8(encoding string) string {
	if encoding == "" {
		return "utf8"
	}
	return strings.ToLower(encoding)
}

// auth0Scrypt reads the costs, which stand beside the hash or within it.
func auth0Scrypt(c value, salt, want []byte) (*password, string) {
	numbers := map[string]int64{}
	for _, name := range []string{"cost", "blockSize", "parallelization", "keylen"} {
		n, ok := c.number(name)
		if !ok {
			n, ok = c.number("hash." + name)
		}
		if !ok {
			return nil, name + " is missing"
		}
		numbers[name] = n
	}
	if numbers["keylen"] != int64(len(want)) {
		return nil, "hash.value is not keylen bytes long"
	}
	return scrypt(numbers["cost"], numbers["blockSize"], numbers["parallelization"], salt, want)
}

// auth0PBKDF2 reads $pbkdf2-sha512$i=100000,l=64$salt$key (the PHC string format), whose l may be left out.
func auth0PBKDF2(text string) (*password, string) {
	f := strings.Split(text, "$")
	if len(f) != 5 || f[0] != "" || !strings.HasPrefix(f[1], "pbkdf2-") {
		return nil, "not a PHC string of pbkdf2"
	}
	count, length, sized := strings.Cut(strings.TrimPrefix(f[2], "i="), ",l=")
	iterations, err := strconv.ParseInt(count, 10, 64)
	salt, okSalt := decodeAs("base64", f[3])
	want, okWant := decodeAs("base64", f[4])
	if err != nil || !okSalt || !okWant || sized && length != strconv.Itoa(len(want)) {
		return nil, "not a PHC string of pbkdf2"
	}
	return pbkdf2(strings.TrimPrefix(f[1], "pbkdf2-"), iterations, salt, want)
}
