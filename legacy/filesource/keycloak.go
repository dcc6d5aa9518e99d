package filesource

import (
	"encoding/json"
	"strings"
)

// keycloakFormat is a realm's export (`kc.sh export --realm NAME --users same_file`, or the file of users of another
// strategy): the object that has a list "users". Service accounts are no people and are left out.
func keycloakFormat() format {
	return format{
		name: "keycloak", frame: frameUsers,
		columns: map[string][]string{
			"id": {"id"}, "username": {"username"}, "email": {"email"}, "email_verified": {"emailVerified"},
			"phone": {"attributes.phoneNumber", "attributes.phone_number"}, "locale": {"attributes.locale"},
			"phone_verified": {"attributes.phoneNumberVerified", "attributes.phone_number_verified"},
			"disabled":       {"!enabled"}, "created_at": {"createdTimestamp"}, "groups": {"groups"}, "roles": {"realmRoles"},
		},
		hidden: []string{"credentials", "federatedIdentities", "clientRoles"},
		ignore: func(v value) bool { return v.str("serviceAccountClientId") != "" },
		fill:   fillKeycloak,
	}
}

func fillKeycloak(v value, p *person) *fault {
	p.nameFrom(v, "firstName", "lastName")
	clients, _ := v.at("clientRoles")
	for _, client := range clients.members {
		for _, role := range client.value.texts(false) {
			p.Roles = append(p.Roles, client.name+":"+role)
		}
	}
	identities, _ := v.at("federatedIdentities")
	for _, identity := range identities.list {
		if x := (external{Provider: identity.str("identityProvider"), Subject: identity.str("userId")}); x.Provider != "" && x.Subject != "" {
			p.External = append(p.External, x)
		}
	}
	credentials, _ := v.at("credentials")
	var bad *fault
	for _, c := range credentials.list {
		switch kind := c.str("type"); kind {
		case "password":
			bad = keep(bad, keycloakPassword(c, p))
		case "otp":
			bad = keep(bad, keycloakTOTP(c, p))
		case "password-history": // old passwords are nobody's business
		case "totp", "hotp": // before Keycloak 8, with the secret in another place
			p.unsupported(kind)
		default: // webauthn, webauthn-passwordless, recovery-authn-codes, …: bound to Keycloak's address, or hashed
			p.unsupported(kind)
		}
	}
	return bad
}

// keycloakPassword keeps the two texts that the hash is in, as package hash reads them. Exports from before Keycloak 8
// have the parts side by side.
func keycloakPassword(c value, p *person) *fault {
	if p.Password != nil {
		return &fault{"credentials", "more than one password"}
	}
	secret, data := c.str("secretData"), c.str("credentialData")
	if secret == "" && data == "" && c.str("hashedSaltedValue") != "" {
		iterations, ok := c.number("hashIterations")
		if !ok {
			return &fault{"credentials", "hashIterations is no number"}
		}
		secret = jsonText(map[string]any{"value": c.str("hashedSaltedValue"), "salt": c.str("salt")})
		data = jsonText(map[string]any{"hashIterations": iterations, "algorithm": c.str("algorithm")})
	}
	if secret == "" || data == "" {
		return &fault{"credentials", "a password without secretData and credentialData"}
	}
	stored := jsonText(map[string]any{"type": "password", "secretData": secret, "credentialData": data})
	p.Password = &password{Scheme: "keycloak", Hash: cut(stored, maxHash)}
	return nil
}

// keycloakAlgorithms are the HMACs of one-time passwords by Keycloak's names.
var keycloakAlgorithms = map[string]string{"": "", "HmacSHA1": "SHA1", "HmacSHA256": "SHA256", "HmacSHA512": "SHA512"}

// keycloakTOTP reads an otp credential (server-spi, OTPCredentialModel). The secret is its characters as they stand,
// unless the credential says that it is base32.
func keycloakTOTP(c value, p *person) *fault {
	secret, err := parseJSON([]byte(c.str("secretData")))
	if err != nil || secret.kind != kindObject {
		return &fault{"credentials", "a one-time password without secretData"}
	}
	data, err := parseJSON([]byte(c.str("credentialData")))
	if err != nil || data.kind != kindObject {
		return &fault{"credentials", "a one-time password without credentialData"}
	}
	if kind := data.str("subType"); kind != "totp" {
		p.unsupported("hotp")
		return nil
	}
	key := []byte(secret.str("value"))
	switch encoding := data.str("secretEncoding"); {
	case strings.EqualFold(encoding, "BASE32"):
		var ok bool
		if key, ok = base32Secret(string(key)); !ok {
			return &fault{"credentials", "a one-time password's secret is not base32"}
		}
	case encoding != "":
		return &fault{"credentials", "a one-time password's secret in an unknown encoding"}
	}
	algorithm, known := keycloakAlgorithms[data.str("algorithm")]
	digits, _ := data.number("digits")
	period, _ := data.number("period")
	if len(key) == 0 || len(key) > 128 || !known || digits != 0 && (digits < 6 || digits > 8) || period < 0 || period > 3600 {
		return &fault{"credentials", "a one-time password whose numbers are out of range"}
	}
	p.TOTP = append(p.TOTP, totp{
		Name: cut(c.str("userLabel"), maxIdentifier), Secret: key, Algorithm: algorithm, Digits: int(digits), Period: int(period),
	})
	return nil
}

// jsonText writes an object of texts and numbers.
func jsonText(object map[string]any) string {
	text, err := json.Marshal(object)
	if err != nil {
		return "" // texts and numbers cannot fail, and an empty text is no credential
	}
	return string(text)
}
