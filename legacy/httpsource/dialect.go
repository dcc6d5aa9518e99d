package httpsource

import (
	"cmp"
	"errors"
	"maps"
	"net/http"
	"slices"

	"rekey/legacy"
	"rekey/legacy/guard"
)

// A Dialect is how an application is asked and answers.
type Dialect string

// Dialects.
const (
	// Keycloak is the REST contract of the Keycloak plugin keycloak-user-migration: GET URL/{name}, and POST URL/{name} with
	// {"password": "…"}.
	Keycloak Dialect = "keycloak-user-migration"
	// PlainDialect is described by Plain.
	PlainDialect Dialect = "plain"
)

// A Key is which part of a person's record is their key: unique, there for everybody, and never given to somebody else.
type Key string

// Keys. With KeyUsername and KeyEmail a person can be read by key without a GetPath, and whoever is renamed becomes
// somebody else.
const (
	KeyID       Key = "id" // or ""
	KeyUsername Key = "username"
	KeyEmail    Key = "email"
)

// Plain describes an application. Paths stand behind Config.URL.
type Plain struct {
	// LookupPath finds a person: /users/{identifier} or /users?name={identifier}.
	LookupPath string
	// LookupField: the question is a POST, and the name stands in this field of a JSON object.
	LookupField string
	// List: the answer to a lookup is a list of people, at the JSON pointer ListAt, and an empty one is an exact "nobody".
	// Otherwise the answer is one person, and 404 is "nobody". In a list 404 is "nobody" as well.
	List   bool
	ListAt string
	Fields Fields

	// VerifyPath checks a password, with {id}, {username}, {email} or {identifier} (the username, else the e-mail) in it.
	VerifyPath   string
	VerifyMethod string // POST if empty, or PUT
	// PasswordField is the field of the body that holds the password; "password" if empty.
	PasswordField string
	// NameField holds what {identifier} means, where it is not in the path; IDField the key.
	NameField string
	IDField   string
	Form      bool // the bodies are forms, not JSON

	Yes Verdict
	No  Verdict
}

// A dialect is a Dialect ready to be spoken.
type dialect struct {
	lookup *operation
	get    *operation // nil: nobody can be read by key
	verify *operation

	listed bool
	listAt pointer
	person func(value) (legacy.User, error) // its errors are *legacy.RowError

	body  func(u legacy.User, password string) []pair
	rules rules
	auth  string // the scheme that we come with
}

// keycloakPlain is the Keycloak dialect in terms of the plain one, but for what a person looks like.
func keycloakPlain(c Config) Plain {
	wrong := c.WrongStatus
	if wrong == nil {
		wrong = []int{http.StatusUnauthorized}
	}
	p := Plain{
		LookupPath: "/{" + markIdentifier + "}", VerifyPath: "/{" + markIdentifier + "}",
		Yes: Verdict{Status: []int{http.StatusOK}}, No: Verdict{Status: wrong},
	}
	if c.VerifyByID {
		p.VerifyPath = "/{" + markID + "}"
	}
	return p
}

// newDialect checks what the configuration says of the application.
func newDialect(c Config) (*dialect, error) {
	read, err := reader(c)
	if err != nil {
		return nil, err
	}
	p := c.Plain
	if c.Dialect == Keycloak {
		p = keycloakPlain(c)
	}
	d := &dialect{listed: p.List, auth: c.Auth.scheme()}
	var errs []error
	note := func(err error) { errs = append(errs, err) }
	d.person, err = keyedBy(c, read)
	note(err)
	if d.listAt, err = parsePointer(p.ListAt); err != nil {
		note(legacy.Wrong("plain.list_at", "%w", err))
	}
	d.lookup, err = lookupOf(p)
	note(err)
	d.rules, err = newRules(p.Yes, p.No)
	if first, ok := errors.AsType[*legacy.SettingError](err); ok && c.Dialect == Keycloak {
		err = legacy.Wrong("wrong_status", "%w", first.Err) // all else is fixed
	}
	note(err)
	note(d.setVerify(p))
	switch {
	case c.GetPath != "":
		path, err := parseTemplate(c.GetPath, markID)
		if err == nil && !path.names() {
			err = errors.New("no {id} in it")
		}
		if err != nil {
			note(legacy.Wrong("get_path", "%w", err))
		}
		d.get = &operation{method: http.MethodGet, path: path, statuses: []int{http.StatusOK}, limit: maxUserBody}
	case c.Key == KeyUsername, c.Key == KeyEmail:
		d.get = d.lookup
	}
	return d, errors.Join(errs...)
}

// reader returns what reads a person.
func reader(c Config) (func(value) (legacy.User, error), error) {
	switch c.Dialect {
	case Keycloak:
		if !c.Plain.isZero() {
			return nil, legacy.Wrong("plain", "it is described, but the dialect is %s", Keycloak)
		}
		return keycloakPerson, nil
	case PlainDialect:
		for _, of := range []struct {
			key string
			set bool
		}{{"verify_by_id", c.VerifyByID}, {"wrong_status", c.WrongStatus != nil}} {
			if of.set {
				return nil, legacy.Wrong(of.key, "is of the dialect %s", Keycloak)
			}
		}
		return newFields(c.Plain.Fields, c.Key)
	}
	return nil, legacy.Wrong("dialect", "want %s or %s", Keycloak, PlainDialect)
}

func (p Plain) isZero() bool {
	return p.LookupPath == "" && p.LookupField == "" && p.VerifyPath == "" && len(p.Yes.Status) == 0 && len(p.No.Status) == 0
}

// keyedBy gives each person the key that the configuration names.
func keyedBy(c Config, read func(value) (legacy.User, error)) (func(value) (legacy.User, error), error) {
	var keyOf func(legacy.User) string
	switch c.Key {
	case KeyID, "":
		keyOf = func(u legacy.User) string { return u.ID }
	case KeyUsername:
		keyOf = func(u legacy.User) string { return u.Username }
	case KeyEmail:
		keyOf = func(u legacy.User) string { return u.Email }
	default:
		return nil, legacy.Wrong("key", "want %s, %s or %s", KeyID, KeyUsername, KeyEmail)
	}
	s := &source{config: c}
	return func(v value) (legacy.User, error) {
		u, err := read(v)
		if row, ok := errors.AsType[*legacy.RowError](err); ok && cmp.Or(c.Key, KeyID) != KeyID {
			row.Key = s.spelled(keyOf(u)) // as the person would have it
		}
		if err != nil {
			return legacy.User{}, err
		}
		if u.Password != nil {
			u.Password.Scheme, u.Password.User, u.Password.Params = c.Scheme, u.Username, c.Params
		}
		key := cmp.Or(c.Key, KeyID)
		if u.ID = keyOf(u); u.ID == "" {
			return legacy.User{}, &legacy.RowError{
				Column: string(key), Reason: "it is missing, and is the key; if the application has no such thing, choose another key",
			}
		}
		if key != KeyID {
			u.ID = s.spelled(u.ID)
		}
		return u, nil
	}, nil
}

func lookupOf(p Plain) (*operation, error) {
	path, err := parseTemplate(p.LookupPath, markIdentifier)
	if err != nil {
		return nil, legacy.Wrong("plain.lookup_path", "%w", err)
	}
	o := &operation{method: http.MethodGet, path: path, statuses: []int{http.StatusOK}, limit: maxUserBody}
	if p.LookupField != "" {
		o.method, o.nameField, o.contentType = http.MethodPost, p.LookupField, p.contentType()
	}
	if path.names() == (p.LookupField != "") {
		return nil, legacy.Wrong("plain.lookup_path", "the name has to be in the path, as {identifier}, or in the lookup_field, and not in both")
	}
	return o, nil
}

func (p Plain) contentType() string {
	if p.Form {
		return typeForm
	}
	return typeJSON
}

func (d *dialect) setVerify(p Plain) error {
	path, err := parseTemplate(p.VerifyPath, markIdentifier, markID, markUsername, markEmail)
	if err != nil {
		return legacy.Wrong("plain.verify_path", "%w", err)
	}
	method := cmp.Or(p.VerifyMethod, http.MethodPost)
	if method != http.MethodPost && method != http.MethodPut {
		return legacy.Wrong("plain.verify_method", "want POST or PUT: a password goes into a body")
	}
	if !path.names() && p.NameField == "" && p.IDField == "" {
		return legacy.Wrong("plain.verify_path", "nothing says whose password it is, neither the path nor a name_field or id_field")
	}
	passwordField := cmp.Or(p.PasswordField, "password")
	fields := []string{passwordField}
	for _, f := range []string{p.NameField, p.IDField} {
		if f != "" && slices.Contains(fields, f) {
			return legacy.Wrong("plain.password_field", "two things in one field of the body: password_field, name_field and id_field must differ")
		}
		fields = append(fields, f)
	}
	d.verify = &operation{method: method, path: path, contentType: p.contentType(), statuses: d.rules.statuses(), limit: maxVerdict}
	d.body = func(u legacy.User, password string) []pair {
		pairs := []pair{{passwordField, password}}
		if p.NameField != "" {
			pairs = append(pairs, pair{p.NameField, whoIs(u)(markIdentifier)})
		}
		if p.IDField != "" {
			pairs = append(pairs, pair{p.IDField, u.ID})
		}
		return pairs
	}
	return nil
}

// passwordBody is the body of the question whether a password is somebody's.
func (d *dialect) passwordBody(u legacy.User, password []byte) ([]byte, error) {
	pairs := d.body(u, string(password))
	for _, p := range pairs {
		if p.value == "" {
			return nil, errNoName
		}
	}
	return encodeBody(d.verify.contentType, pairs)
}

// judge reads the answer to it.
func (d *dialect) judge(a *answer) (verdict, error) { return d.rules.judge(a, d.auth) }

// people reads the answer to a lookup.
func (d *dialect) people(a *answer) ([]legacy.User, error) {
	v, err := record(a)
	if err != nil || v == nil {
		return nil, err
	}
	if !d.listed {
		return d.one(*v)
	}
	items := v.at(d.listAt)
	switch {
	case items.kind != list:
		return nil, guard.Answered(&legacy.RowError{Column: "the list of people", Reason: "it is not there"})
	case len(items.items) > maxPeople:
		return nil, guard.Answered(legacy.ErrTooMany)
	}
	var users []legacy.User
	for _, item := range items.items {
		one, err := d.one(item)
		if err != nil {
			return nil, err
		}
		users = append(users, one...)
	}
	return users, nil
}

// byKey reads the answer to a question by key, which is one person unless it is the lookup that was asked.
func (d *dialect) byKey(a *answer) ([]legacy.User, error) {
	if d.get == d.lookup {
		return d.people(a)
	}
	v, err := record(a)
	if err != nil || v == nil {
		return nil, err
	}
	return d.one(*v)
}

func (d *dialect) one(v value) ([]legacy.User, error) {
	u, err := d.person(v)
	if err != nil {
		return nil, guard.Answered(err)
	}
	return []legacy.User{u}, nil
}

// record returns what a lookup was answered with, or nil for an exact "nobody".
func record(a *answer) (*value, error) {
	switch a.status {
	case http.StatusNotFound:
		return nil, nil //nolint:nilnil // nobody, and no error
	case http.StatusOK:
		v, err := parseJSON(a.body)
		if err != nil {
			return nil, guard.Answered(err)
		}
		return &v, nil
	}
	return nil, unexpected(a.status)
}

// sortedNames returns the keys of a map in an order that does not change.
func sortedNames[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
