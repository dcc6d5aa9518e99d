package filesource

import (
	"encoding/json"
	"fmt"
	"maps"
	"time"

	"rekey/legacy"
)

// A person is what the index keeps of a record. It is written as JSON, which legacy.User refuses on purpose: it holds
// hashes and one-time password secrets.
type person struct {
	Username string `json:"u,omitempty"`
	Email    string `json:"e,omitempty"`
	Phone    string `json:"p,omitempty"`

	Password *password `json:"h,omitempty"`

	DisplayName   string            `json:"n,omitempty"`
	Locale        string            `json:"l,omitempty"`
	EmailVerified bool              `json:"ev,omitempty"`
	PhoneVerified bool              `json:"pv,omitempty"`
	Roles         []string          `json:"r,omitempty"`
	Groups        []string          `json:"g,omitempty"`
	Attributes    map[string]string `json:"a,omitempty"`
	TOTP          []totp            `json:"t,omitempty"`
	RecoveryCodes []string          `json:"rc,omitempty"`
	External      []external        `json:"x,omitempty"`

	Extra map[string]extra `json:"o,omitempty"`

	Disabled    bool  `json:"d,omitempty"`
	CreatedAt   int64 `json:"c,omitempty"` // microseconds since 1970; 0 where unknown
	LastLoginAt int64 `json:"s,omitempty"`
}

type password struct {
	Scheme string            `json:"s,omitempty"` // "": the configuration's
	Hash   string            `json:"h"`
	Salt   string            `json:"a,omitempty"`
	Params map[string]string `json:"p,omitempty"` // of this person; the configuration's go before
}

type totp struct {
	Name      string `json:"n,omitempty"`
	Secret    []byte `json:"s"`
	Algorithm string `json:"a,omitempty"`
	Digits    int    `json:"d,omitempty"`
	Period    int    `json:"p,omitempty"`
}

type external struct {
	Provider string `json:"p"`
	Subject  string `json:"s"`
}

// An extra keeps the type of a value that package json would forget. One field is set.
type extra struct {
	Text    *string  `json:"t,omitempty"`
	Integer *int64   `json:"i,omitempty"`
	Float   *float64 `json:"f,omitempty"`
	Bool    *bool    `json:"b,omitempty"`
	List    []string `json:"l,omitempty"`
}

// encode and decodePerson are the record column of the index. The key is a column of its own.
func (p person) encode() ([]byte, error) { return json.Marshal(p) }

func decodePerson(text []byte) (person, error) {
	var p person
	if err := json.Unmarshal(text, &p); err != nil {
		return person{}, fmt.Errorf("a record of the index: %T", err) // its text may quote the record
	}
	return p, nil
}

// user is the person as the contract has them. What it returns shares nothing with anybody.
func (p person) user(key string, c Config) legacy.User {
	u := legacy.User{
		ID: key, Username: p.Username, Email: p.Email, Phone: p.Phone, Disabled: p.Disabled,
		CreatedAt: moment(p.CreatedAt), LastLoginAt: moment(p.LastLoginAt),
		Profile: legacy.Profile{
			DisplayName: p.DisplayName, Locale: p.Locale, EmailVerified: p.EmailVerified, PhoneVerified: p.PhoneVerified,
			Roles: p.Roles, Groups: p.Groups, Attributes: p.Attributes, RecoveryCodes: p.RecoveryCodes,
		},
	}
	for _, t := range p.TOTP {
		u.Profile.TOTP = append(u.Profile.TOTP, legacy.TOTP(t))
	}
	for _, x := range p.External {
		u.Profile.External = append(u.Profile.External, legacy.ExternalIdentity(x))
	}
	if p.Password != nil {
		stored := legacy.Stored{Scheme: p.Password.Scheme, Hash: p.Password.Hash, Salt: p.Password.Salt, User: p.Username}
		if stored.Scheme == "" {
			stored.Scheme = c.Scheme
		}
		if stored.User == "" {
			stored.User = p.Email
		}
		stored.Params = maps.Clone(c.Params)
		if stored.Params == nil && len(p.Password.Params) > 0 {
			stored.Params = map[string]string{}
		}
		maps.Copy(stored.Params, p.Password.Params)
		u.Password = &stored
	}
	if len(p.Extra) > 0 {
		u.Extra = make(map[string]any, len(p.Extra))
		for name, value := range p.Extra {
			u.Extra[name] = value.value()
		}
	}
	return u
}

func (e extra) value() any {
	switch {
	case e.Text != nil:
		return *e.Text
	case e.Integer != nil:
		return *e.Integer
	case e.Float != nil:
		return *e.Float
	case e.Bool != nil:
		return *e.Bool
	}
	return e.List
}

func moment(micros int64) time.Time {
	if micros == 0 {
		return time.Time{}
	}
	return time.UnixMicro(micros).UTC()
}

// identifiers returns what the person is found by.
func (p person) identifiers() []string {
	return legacy.User{Username: p.Username, Email: p.Email, Phone: p.Phone}.Identifiers()
}
