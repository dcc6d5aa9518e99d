package bridge

import (
	"net/http"
	"strings"

	"rekey/accounts"
)

// Keycloak with the plugin keycloak-user-migration asks twice. First who somebody is: 200 and a record is a yes, and it
// makes a user of it, before any password; it drops a record whose username, or e-mail where it asked by that, is not what
// it asked for, but for case. Then for the password: 200 is a yes. All else is a no to it, faults too; people see a wrong
// password while rekey cannot tell, but nothing is kept of it.

var keycloakLookup = product{
	name: "keycloak",
	read: func(r *http.Request, body []byte) (question, error) {
		if len(body) > 0 {
			return question{}, errMalformed
		}
		return question{identifier: r.PathValue("identifier")}, nil
	},
	whole: true,
	yes:   func(_ question, p person) any { return keycloakRecord(p) },
	alone: func(_ question, p person) string { return keycloakRecord(p).Username },
	no:    answer{status: http.StatusNotFound},
}

var keycloakVerify = product{
	name: "keycloak",
	read: func(r *http.Request, body []byte) (question, error) {
		var in struct {
			Password *string `json:"password"`
		}
		if err := decode(body, &in); err != nil {
			return question{}, err
		}
		identifier := r.PathValue("identifier")
		return wanted(&identifier, in.Password)
	},
	yes:   func(question, person) any { return nil },
	alone: func(q question, _ person) string { return q.identifier },
	no:    answer{status: http.StatusUnauthorized}, // without a challenge: it is not the caller who is refused
}

// keycloakUser has the plugin's fields and no other: it refuses a record with a field that it does not know.
type keycloakUser struct {
	ID            string              `json:"id"`
	Username      string              `json:"username"`
	Email         string              `json:"email,omitempty"`
	Enabled       bool                `json:"enabled"`
	EmailVerified bool                `json:"emailVerified"`
	Attributes    map[string][]string `json:"attributes,omitempty"`
	Roles         []string            `json:"roles,omitempty"`
	Groups        []string            `json:"groups,omitempty"`
}

// Names of attributes for what the record has no field for.
const (
	keycloakDisplayName = "displayName"
	keycloakLocale      = "locale" // Keycloak's own
	keycloakPhone       = "phoneNumber"
)

// keycloakRecord writes the username in lower case: Keycloak does, and fails the login if the record does not. Who has
// none is called by their e-mail, or else by their phone number.
func keycloakRecord(p person) keycloakUser {
	u := keycloakUser{
		ID: p.ID.String(), Email: p.named(accounts.Email), Enabled: true, EmailVerified: p.verified(accounts.Email),
		Roles: p.profile.Roles, Groups: p.profile.Groups,
	}
	for _, kind := range []accounts.Kind{accounts.Username, accounts.Email, accounts.Phone} {
		if u.Username == "" {
			u.Username = strings.ToLower(p.named(kind))
		}
	}
	attributes := map[string][]string{}
	for name, value := range p.profile.Attributes {
		attributes[name] = []string{value}
	}
	for name, value := range map[string]string{
		keycloakDisplayName: p.profile.DisplayName, keycloakLocale: p.profile.Locale, keycloakPhone: p.named(accounts.Phone),
	} {
		if value != "" {
			attributes[name] = []string{value}
		}
	}
	if len(attributes) > 0 {
		u.Attributes = attributes
	}
	return u
}
