package filesource

import (
	"fmt"
	"strings"
)

// oktaFormat is Okta's users: the JSON of the Users API (lines or an array), the CSV of export tools whose columns are
// named by the same paths, and the payloads of an import, whose hashes are in credentials.password.hash (Okta API,
// PasswordCredentialHash). Okta itself exports no hash; files that were made for an import have them.
func oktaFormat() format {
	return format{
		name: "okta", frame: frameAny,
		columns: map[string][]string{
			"id": {"id"}, "username": {"profile.login", "login"}, "email": {"profile.email", "email"},
			"phone":        {"profile.mobilePhone", "mobilePhone"},
			"display_name": {"profile.displayName", "displayName"}, "locale": {"profile.locale", "locale"},
			"created_at": {"created"}, "last_login_at": {"lastLogin"},
		},
		hidden: []string{"status", "credentials", "_links"},
		fill:   fillOkta,
	}
}

// oktaOut are the states in which nobody logs in. LOCKED_OUT is among them: whoever guesses there shall not go on here.
var oktaOut = map[string]bool{"STAGED": true, "SUSPENDED": true, "DEPROVISIONED": true, "LOCKED_OUT": true}

func fillOkta(v value, p *person) *fault {
	p.nameFrom(v, "profile.firstName", "profile.lastName")
	p.nameFrom(v, "firstName", "lastName")
	if status := v.str("status"); status != "" {
		p.Disabled = p.Disabled || oktaOut[strings.ToUpper(status)]
		if p.Extra == nil {
			p.Extra = map[string]extra{}
		}
		p.Extra["status"] = extra{Text: &status}
	}
	const at = "credentials.password.hash"
	algorithm := strings.ToUpper(v.str(at + ".algorithm"))
	if algorithm == "" {
		return nil
	}
	stored, reason := oktaHash(v, at, algorithm)
	if reason != "" {
		return &fault{at, reason}
	}
	p.Password = stored
	return nil
}

// oktaDigests are the algorithms, and the HMACs of PBKDF2, by their recipes' names.
var oktaDigests = map[string]string{
	"MD5": "md5", "SHA-1": "sha1", "SHA-256": "sha256", "SHA-512": "sha512", "SHA256_HMAC": "sha256", "SHA512_HMAC": "sha512",
}

func oktaHash(v value, at, algorithm string) (*password, string) {
	text, salt := v.str(at+".value"), v.str(at+".salt")
	if algorithm == "BCRYPT" {
		factor, ok := v.number(at + ".workFactor")
		if !ok || factor < 1 || factor > 31 || len(salt) != 22 || len(text) != 31 {
			return nil, "want workFactor, 22 letters of salt and 31 of value"
		}
		return &password{Scheme: "bcrypt", Hash: fmt.Sprintf("$2b$%02d$%s%s", factor, salt, text)}, ""
	}
	want, okWant := decodeAs("base64", text)
	raw, okSalt := decodeAs("base64", salt)
	if !okWant || !okSalt || len(want) == 0 {
		return nil, "value or salt is not base64"
	}
	if algorithm == "PBKDF2" {
		iterations, ok := v.number(at + ".iterationCount")
		size, sized := v.number(at + ".keySize")
		if !ok || sized && size != int64(len(want)) {
			return nil, "want iterationCount, and a value of keySize bytes"
		}
		return pbkdf2(oktaDigests[strings.ToUpper(v.str(at+".digestAlgorithm"))], iterations, raw, want)
	}
	d := digest{name: oktaDigests[algorithm], want: want, password: "$pass"}
	switch order := strings.ToUpper(v.str(at + ".saltOrder")); {
	case len(raw) == 0:
	case order == "PREFIX":
		d.prefix = raw
	case order == "POSTFIX":
		d.suffix = raw
	default:
		return nil, "a salt without its saltOrder"
	}
	return d.stored()
}
