package httpsource

import (
	"encoding/base32"
	"encoding/json"
	"strconv"
	"strings"

	"rekey/legacy"
)

// The record of the Keycloak dialect, as the plugin's documentation has it. A field that is left out or null is empty,
// but for "enabled": who is not said to be disabled is not. Fields that are not named here are passed over.
//
//	id username email firstName lastName        texts
//	enabled emailVerified                       true or false
//	attributes                                  {"name": ["value", …], …}
//	roles groups requiredActions                ["…", …]
//	totps                                       [{"name", "secret", "digits", "period", "algorithm", "encoding"}, …]
//	organizations                               [{"orgName", "orgAlias", …}, …]

// totpAlgorithms are Keycloak's names for those of RFC 6238.
var totpAlgorithms = map[string]string{"": "SHA1", "HmacSHA1": "SHA1", "HmacSHA256": "SHA256", "HmacSHA512": "SHA512"}

const (
	maxTOTP       = 16
	maxTOTPSecret = 256
	maxPeriod     = 600 // seconds; beyond it a code is no longer of one time
)

// keycloakPerson reads a person. Of Extra it fills firstName, lastName, requiredActions, organizations (their aliases),
// and "attributes." with a name for each attribute, as the list that it is.
func keycloakPerson(v value) (legacy.User, error) {
	if v.kind != object {
		return legacy.User{}, &legacy.RowError{Column: "the record", Reason: "it is not an object"}
	}
	r := &recordReader{}
	get := func(name string) value { return v.members[name] }
	short := func(name string) string { return r.short(name, get(name), false) }
	first, last := short("firstName"), short("lastName")
	u := legacy.User{
		ID: r.short("id", get("id"), true), Username: short("username"), Email: short("email"),
		Disabled: !r.truth("enabled", get("enabled"), true),
		Profile: legacy.Profile{
			DisplayName:   strings.TrimSpace(first + " " + last),
			EmailVerified: r.truth("emailVerified", get("emailVerified"), false),
			Roles:         r.texts("roles", get("roles")),
			Groups:        r.texts("groups", get("groups")),
			TOTP:          r.totps(get("totps")),
		},
		Extra: map[string]any{},
	}
	for name, value := range map[string]string{"firstName": first, "lastName": last} {
		if value != "" {
			u.Extra[name] = value
		}
	}
	if actions := r.texts("requiredActions", get("requiredActions")); len(actions) > 0 {
		u.Extra["requiredActions"] = actions
	}
	if aliases := r.organizations(get("organizations")); len(aliases) > 0 {
		u.Extra["organizations"] = aliases
	}
	r.attributes(&u, get("attributes"))
	return r.person(u)
}

// attributes keeps each attribute: one value as it is, several as the JSON list that they are, so that none is lost.
func (r *recordReader) attributes(u *legacy.User, v value) {
	switch {
	case v.kind == null:
		return
	case v.kind != object:
		r.fail("attributes", "it is not an object")
		return
	case len(v.members) > maxTexts:
		r.fail("attributes", "there are more than "+strconv.Itoa(maxTexts))
		return
	}
	for _, name := range sortedNames(v.members) {
		values := r.texts("attributes", v.members[name])
		if len(values) == 0 {
			continue
		}
		u.Extra["attributes."+name] = values
		kept := values[0]
		if len(values) > 1 {
			asList, err := json.Marshal(values)
			if err != nil {
				r.fail("attributes", "it cannot be written as JSON")
				return
			}
			kept = string(asList)
		}
		r.attribute(u, name, value{kind: text, literal: kept})
		if name == "locale" && len(values) == 1 { // where Keycloak itself keeps it
			u.Profile.Locale = kept
		}
	}
}

func (r *recordReader) organizations(v value) []string {
	if v.kind == null {
		return nil
	}
	if v.kind != list || len(v.items) > maxTexts {
		r.fail("organizations", "it is not a list of a reasonable length")
		return nil
	}
	var aliases []string
	for _, item := range v.items {
		alias := item.members["orgAlias"]
		if alias.kind != text {
			r.fail("organizations", "one has no orgAlias")
			return nil
		}
		aliases = append(aliases, alias.literal)
	}
	return aliases
}

// totps reads one-time password generators. One that cannot be read makes the record unreadable: left out, it would open
// the account to whoever has only the password.
func (r *recordReader) totps(v value) []legacy.TOTP {
	if v.kind == null {
		return nil
	}
	if v.kind != list || len(v.items) > maxTOTP {
		r.fail("totps", "it is not a list of a reasonable length")
		return nil
	}
	var totps []legacy.TOTP
	for _, item := range v.items {
		if item.kind != object {
			r.fail("totps", "an entry is not an object")
			return nil
		}
		t := legacy.TOTP{
			Name:   r.short("totps/name", item.members["name"], false),
			Secret: r.totpSecret(item.members["secret"], item.members["encoding"]),
			Digits: r.count("totps/digits", item.members["digits"], 6, 8),
			Period: r.count("totps/period", item.members["period"], 1, maxPeriod),
		}
		var known bool
		if t.Algorithm, known = totpAlgorithms[r.short("totps/algorithm", item.members["algorithm"], false)]; !known {
			r.fail("totps/algorithm", "it is none of HmacSHA1, HmacSHA256 and HmacSHA512")
		}
		totps = append(totps, t)
	}
	return totps
}

// totpSecret decodes a shared key: without an encoding its bytes are the text's own, which is how Keycloak keeps them.
func (r *recordReader) totpSecret(secret, encoding value) []byte {
	if secret.kind != text || secret.literal == "" || len(secret.literal) > maxTOTPSecret {
		r.fail("totps/secret", "it is missing, not a text or too long")
		return nil
	}
	switch {
	case encoding.kind == null:
		return []byte(secret.literal)
	case encoding.kind == text && strings.EqualFold(encoding.literal, "BASE32"):
		plain := strings.ToUpper(strings.TrimRight(strings.ReplaceAll(secret.literal, " ", ""), "="))
		if key, err := base32.StdEncoding.WithPadding(base32.NoPadding).DecodeString(plain); err == nil && len(key) > 0 {
			return key
		}
		r.fail("totps/secret", "it is not base32")
		return nil
	}
	r.fail("totps/encoding", "it is neither BASE32 nor null")
	return nil
}

// count reads a whole number; what is left out, or 0, is 0.
func (r *recordReader) count(column string, v value, least, most int) int {
	if v.kind == null || v.kind == number && v.literal == "0" {
		return 0
	}
	n, err := strconv.Atoi(v.literal)
	if v.kind != number || err != nil || n < least || n > most {
		r.fail(column, "it is out of its range")
		return 0
	}
	return n
}
