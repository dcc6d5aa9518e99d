package bridge

import (
	"net/http"
	"slices"
	"strings"

	"rekey/accounts"
	"rekey/accounts/password"
)

// The products whose answers are short. Each answers from a table: what a yes is, and what a no; everything else is one
// of the faults, which the product must not take for a no. Names of fields are the product's.

// wanted makes a question of two texts that must be there.
func wanted(identifier, typed *string) (question, error) {
	if identifier == nil || typed == nil {
		return question{}, errMalformed
	}
	return question{identifier: *identifier, password: secret(*typed)}, nil
}

func secret(typed string) *password.Secret {
	s := password.NewSecret([]byte(typed))
	return &s
}

// kratos is the password migration hook of Ory Kratos. It takes 200 with the body below for a yes, 403 for a no, and
// everything else for a fault, which it shows as 502.
var kratos = product{
	name: "kratos",
	read: func(_ *http.Request, body []byte) (question, error) {
		var in struct {
			Identifier *string `json:"identifier"`
			Password   *string `json:"password"`
		}
		if err := decode(body, &in); err != nil {
			return question{}, err
		}
		return wanted(in.Identifier, in.Password)
	},
	yes: func(question, person) any { return kratosMatch{"password_match"} },
	no:  answer{status: http.StatusForbidden},
}

type kratosMatch struct {
	Status string `json:"status"`
}

// okta is the password import inline hook. A no is an answer like a yes; any other status is a fault, and the login fails
// without a verdict.
var okta = product{
	name: "okta",
	read: func(_ *http.Request, body []byte) (question, error) {
		var in struct {
			EventType string `json:"eventType"`
			Data      struct {
				Context struct {
					Request struct {
						IPAddress string `json:"ipAddress"`
					} `json:"request"`
					Credential struct {
						Username *string `json:"username"`
						Password *string `json:"password"`
					} `json:"credential"`
				} `json:"context"`
			} `json:"data"`
		}
		if err := decode(body, &in); err != nil {
			return question{}, err
		}
		if in.EventType != "com.okta.user.credential.password.import" {
			return question{}, errMalformed
		}
		q, err := wanted(in.Data.Context.Credential.Username, in.Data.Context.Credential.Password)
		q.address = in.Data.Context.Request.IPAddress
		return q, err
	},
	yes: func(question, person) any { return oktaCredential("VERIFIED") },
	no:  answer{status: http.StatusOK, body: oktaCredential("UNVERIFIED")},
}

type oktaAnswer struct {
	Commands []oktaCommand `json:"commands"`
}

type oktaCommand struct {
	Type  string `json:"type"`
	Value struct {
		Credential string `json:"credential"`
	} `json:"value"`
}

func oktaCredential(verdict string) oktaAnswer {
	command := oktaCommand{Type: "com.okta.action.update"}
	command.Value.Credential = verdict
	return oktaAnswer{[]oktaCommand{command}}
}

// fusionAuth is the generic connector. It takes 404 for a no, of whichever kind, and every status but 200 and 404 for a
// fault.
var fusionAuth = product{
	name: "fusionauth",
	read: func(_ *http.Request, body []byte) (question, error) {
		var in struct {
			LoginID   *string `json:"loginId"`
			Password  *string `json:"password"`
			EventInfo struct {
				IPAddress string `json:"ipAddress"`
			} `json:"eventInfo"`
		}
		if err := decode(body, &in); err != nil {
			return question{}, err
		}
		q, err := wanted(in.LoginID, in.Password)
		q.address = in.EventInfo.IPAddress
		return q, err
	},
	whole: true,
	yes: func(_ question, p person) any {
		u := fusionAuthUser{
			ID: p.ID.String(), Username: p.named(accounts.Username), Email: p.named(accounts.Email), PhoneNumber: p.phone(),
			Active: true, FullName: p.profile.DisplayName, Verified: p.verified(accounts.Email),
		}
		if u.Username == "" && u.Email == "" && u.PhoneNumber == "" { // one has to be there
			u.Username = p.named(accounts.Phone)
		}
		u.Data = fusionAuthData{true, p.profile.Locale, p.profile.Roles, p.profile.Groups, p.profile.Attributes}
		return map[string]fusionAuthUser{"user": u}
	},
	no: answer{status: http.StatusNotFound},
}

type fusionAuthUser struct {
	ID          string         `json:"id"`
	Username    string         `json:"username,omitempty"`
	Email       string         `json:"email,omitempty"`
	PhoneNumber string         `json:"phoneNumber,omitempty"`
	Active      bool           `json:"active"`
	FullName    string         `json:"fullName,omitempty"`
	Verified    bool           `json:"verified"`
	Data        fusionAuthData `json:"data"`
}

// fusionAuthData is free text to FusionAuth. Roles stand here, and not in registrations: whether the application has roles
// of these names is for the operator to say.
type fusionAuthData struct {
	Migrated   bool              `json:"migrated"`
	Locale     string            `json:"locale,omitempty"`
	Roles      []string          `json:"roles,omitempty"`
	Groups     []string          `json:"groups,omitempty"`
	Attributes map[string]string `json:"attributes,omitempty"`
}

// named returns the person's identifier of a kind, as it is spelled.
func (p person) named(kind accounts.Kind) string {
	return accounts.Account{Identifiers: p.Identifiers}.Named(kind)
}

// phone returns the person's phone number as the products want it, "+" and digits (E.164), or "" if it has another form.
func (p person) phone() string {
	for _, id := range p.Identifiers {
		digits, international := strings.CutPrefix(id.Canonical, "+")
		if id.Kind == accounts.Phone && international && digits != "" && strings.Trim(digits, "0123456789") == "" {
			return id.Canonical
		}
	}
	return ""
}

// verified reports whether that identifier is known to be theirs. What is unknown is not.
func (p person) verified(kind accounts.Kind) bool {
	i := slices.IndexFunc(p.Identifiers, func(id accounts.Identifier) bool { return id.Kind == kind })
	return i >= 0 && p.Identifiers[i].Verified
}
