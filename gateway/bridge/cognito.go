package bridge

import (
	"encoding/json"
	"net/http"
	"strconv"

	"rekey/accounts"
)

// Amazon Cognito calls a function of the operator's, which passes the event on and returns what it gets (see README.md). A
// yes is the event with its response filled. A no is 403, at which the function returns the event as it came; at every
// other status it throws, and the login fails without a verdict.

// An event is Cognito's, member by member: what we do not know goes back as it came.
type event map[string]json.RawMessage

const (
	cognitoLogin  = "UserMigration_Authentication"
	cognitoForgot = "UserMigration_ForgotPassword"
)

var cognito = product{
	name:  "cognito",
	read:  readCognito,
	whole: true,
	yes: func(q question, p person) any {
		q.event["response"] = cognitoResponse(q, p)
		return q.event
	},
	no: answer{status: http.StatusForbidden},
}

func readCognito(_ *http.Request, body []byte) (question, error) {
	var in struct {
		TriggerSource string  `json:"triggerSource"`
		UserName      *string `json:"userName"`
		Request       struct {
			Password *string `json:"password"`
		} `json:"request"`
	}
	var whole event
	if err := decode(body, &in); err != nil {
		return question{}, err
	}
	if err := decode(body, &whole); err != nil || in.UserName == nil {
		return question{}, errMalformed
	}
	var err error
	if whole["request"], err = withoutPassword(whole["request"]); err != nil {
		return question{}, errMalformed
	}
	q := question{identifier: *in.UserName, event: whole}
	switch {
	case in.TriggerSource == cognitoLogin && in.Request.Password != nil:
		q.password = secret(*in.Request.Password)
	case in.TriggerSource == cognitoForgot && in.Request.Password == nil:
	default:
		return question{}, errMalformed
	}
	return q, nil
}

// withoutPassword takes the password out of what goes back: Cognito has it, and nobody else needs to see it again.
func withoutPassword(request json.RawMessage) (json.RawMessage, error) {
	var members map[string]json.RawMessage
	if err := json.Unmarshal(request, &members); err != nil {
		return nil, err
	}
	delete(members, "password")
	return json.Marshal(members)
}

// cognitoAnswer is the event's response. There is no "sub" in it: Cognito makes its own. Attributes of the operator's are
// left out: a pool takes only those that it has declared, and we do not know which.
type cognitoAnswer struct {
	UserAttributes     map[string]string `json:"userAttributes"`
	FinalUserStatus    string            `json:"finalUserStatus,omitempty"`
	MessageAction      string            `json:"messageAction"`
	ForceAliasCreation bool              `json:"forceAliasCreation"`
}

func cognitoResponse(q question, p person) json.RawMessage {
	a := cognitoAnswer{UserAttributes: map[string]string{}, MessageAction: "SUPPRESS"} // no welcome to people of long standing
	if q.password != nil {
		a.FinalUserStatus = "CONFIRMED" // the password is theirs, and goes on
	}
	for _, address := range []struct {
		kind        accounts.Kind
		name, value string
	}{{accounts.Email, "email", p.named(accounts.Email)}, {accounts.Phone, "phone_number", p.phone()}} {
		if address.value != "" {
			a.UserAttributes[address.name] = address.value
			a.UserAttributes[address.name+"_verified"] = strconv.FormatBool(p.verified(address.kind))
		}
	}
	for name, value := range map[string]string{"name": p.profile.DisplayName, "locale": p.profile.Locale} {
		if value != "" {
			a.UserAttributes[name] = value
		}
	}
	raw, err := json.Marshal(a)
	if err != nil {
		return nil // texts, and a map of texts, can always be written
	}
	return raw
}
