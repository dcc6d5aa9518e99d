package httpsource

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"unicode/utf8"

	"rekey/legacy"
	"rekey/legacy/hash"
)

// Write says what may be written back, and by which requests.
//
// A change is one request to the person's own address that has in its body what changes, and nothing else. It holds only if
// the person still is as they were read: the application tests that by If-Match (RFC 9110, section 13.1.1), so it has to
// answer Config.GetPath with a strong ETag that is another one whenever anything of the person has changed. Before the first
// write each process tries whether it does: with a tag that nothing has, it must refuse.
type Write struct {
	// Path is the person's address, behind Config.URL, with {id}, {username} or {email} in it.
	Path   string
	Method string // PATCH if empty, PUT or POST
	// Fields are the JSON pointers at which the body has what is written. What has none is not written; what has one must
	// be among Plain.Fields too, where it is read again afterwards.
	Fields WriteFields

	// InsertPath takes a POST for somebody new; empty: nobody is added. Fixed are further texts of its body, by pointer.
	InsertPath string
	Fixed      map[string]string
	Delete     bool // by DELETE of Path

	// Scheme is what new hashes are made in, where the application shows and takes hashes (Fields.Password of Plain); empty:
	// each like the person's own, and then nobody can be added. Like and LikeSalt are a stored value of it, for a scheme of
	// which package hash has no example.
	Scheme, Like, LikeSalt string

	Auth Auth // who writes; zero: who reads
}

// WriteFields are JSON pointers into the body of a write. An empty text is written as null.
type WriteFields struct {
	// Password is a hash where the application shows its hashes, and otherwise what was typed, which the application hashes
	// itself. OldPassword has the one before, for applications that want to see it; only with a typed one.
	Password, Salt, OldPassword string

	Username, Email, Phone, DisplayName string
	EmailVerified                       string // true or false
	Disabled                            string // true or false; a leading "!" turns it round
}

// A writing is a Write ready to be used.
type writing struct {
	can    legacy.Writes
	change *operation
	insert *operation // nil: nobody is added
	remove *operation // nil: nobody is deleted
	client *client

	at      map[string]pointer // by the configuration's key
	fixed   []member
	negated bool
}

// A member is a value at its place in a body.
type member struct {
	at    pointer
	value any
}

// newWriting checks what the configuration says of writing.
func (s *source) newWriting(c Config) (*writing, error) {
	w := &writing{at: map[string]pointer{}}
	var errs []error
	note := func(key, reason string, args ...any) {
		errs = append(errs, legacy.Wrong("write."+key, reason, args...))
	}
	f, read := c.Write.Fields, c.Plain.Fields
	if c.Dialect != PlainDialect || c.GetPath == "" {
		errs = append(errs, legacy.Wrong("write", "want the dialect %s and a get_path, whose answers have an ETag", PlainDialect))
	}
	shows := read.Password != ""
	disabled, negated := strings.CutPrefix(f.Disabled, "!")
	w.negated = negated
	for _, field := range []struct {
		key, at, read string
		can           *bool
	}{
		{"username", f.Username, read.Username, &w.can.Username}, {"email", f.Email, read.Email, &w.can.Email}, {"phone", f.Phone, read.Phone, &w.can.Phone},
		{"display_name", f.DisplayName, read.DisplayName, &w.can.DisplayName},
		{"email_verified", f.EmailVerified, read.EmailVerified, &w.can.EmailVerified}, {"disabled", disabled, read.Disabled, &w.can.Disabled},
		{"password", f.Password, "-", new(bool)}, {"salt", f.Salt, read.Salt, new(bool)}, {"old_password", f.OldPassword, "-", new(bool)},
	} {
		if field.at == "" {
			continue
		}
		p, err := parsePointer(field.at)
		if err == nil && len(p) == 0 {
			err = errNoPointer
		}
		if err != nil {
			note("fields."+field.key, "%w", err)
		}
		if field.read == "" {
			note("fields."+field.key, "is not among plain.fields, where it would be read again")
		}
		*field.can, w.at[field.key] = true, p
	}
	switch {
	case len(w.at) == 0:
		note("fields", "nothing is named that could be written")
	case shows && f.OldPassword != "":
		note("fields.old_password", "is for applications that hash passwords themselves")
	case !shows && (f.Salt != "" || c.Write.Scheme != "" || c.Write.Like != ""):
		note("fields.password", "a scheme and a salt are for applications that show their hashes, in plain.fields.password")
	case f.Password == "" && (f.Salt != "" || f.OldPassword != ""):
		note("fields.password", "is missing")
	}
	for _, at := range sortedNames(c.Write.Fixed) {
		p, err := parsePointer(at)
		if err != nil || len(p) == 0 {
			note("fixed", "%w", errNoPointer)
		}
		w.fixed = append(w.fixed, member{p, c.Write.Fixed[at]})
	}
	if err := w.apart(); err != nil {
		note("fields", "%w", err)
	}
	errs = append(errs, w.requests(c.Write), c.Write.Auth.check())
	if f.Password != "" {
		w.can.Password = legacy.PasswordTyped
		if shows {
			w.can.Password = legacy.PasswordHashed
		}
	}
	var err error
	if w.can.Like, err = c.like(); err != nil {
		errs = append(errs, err)
	}
	w.can.Conditional, w.can.Delete = true, c.Write.Delete
	w.can.Insert = w.insert != nil && (w.can.Password == legacy.PasswordTyped || w.can.Like != nil)
	if w.insert != nil && !w.can.Insert {
		note("insert_path", "a new person needs a password: name its field, and a scheme for hashes")
	}
	w.client = s.client
	if c.Write.Auth.scheme() != "" || c.Write.Auth.Header != "" || len(c.Write.Auth.SigningKey) > 0 {
		own := *s.client
		own.auth = c.Write.Auth
		w.client = &own
	}
	return w, errors.Join(errs...)
}

// apart reports two things at one place of the body, or one within the other.
func (w *writing) apart() error {
	var all []pointer
	for _, key := range sortedNames(w.at) {
		all = append(all, w.at[key])
	}
	for _, m := range w.fixed {
		all = append(all, m.at)
	}
	for i, a := range all {
		for _, b := range all[i+1:] {
			if n := min(len(a), len(b)); slices.Equal(a[:n], b[:n]) {
				return fmt.Errorf("two things at one place of the body: /%s", strings.Join(a, "/"))
			}
		}
	}
	return nil
}

// requests makes the requests.
func (w *writing) requests(c *Write) error {
	var errs []error
	path, err := parseTemplate(c.Path, markID, markUsername, markEmail)
	if err == nil && !path.names() {
		err = errors.New("nothing in it says whose it is: want {id}, {username} or {email}")
	}
	if err != nil {
		errs = append(errs, legacy.Wrong("write.path", "%w", err))
	}
	method := c.Method
	switch method {
	case "":
		method = http.MethodPatch
	case http.MethodPatch, http.MethodPut, http.MethodPost:
	default:
		errs = append(errs, legacy.Wrong("write.method", "want PATCH, PUT or POST"))
	}
	w.change = &operation{method: method, path: path, contentType: typeJSON}
	if c.Delete {
		w.remove = &operation{method: http.MethodDelete, path: path}
	}
	if c.InsertPath != "" {
		path, err := parseTemplate(c.InsertPath)
		if err != nil {
			errs = append(errs, legacy.Wrong("write.insert_path", "%w", err))
		}
		w.insert = &operation{method: http.MethodPost, path: path, contentType: typeJSON}
	}
	return errors.Join(errs...)
}

// like returns the stored value that new hashes are made like, or nil.
func (c Config) like() (*legacy.Stored, error) {
	registry := hash.New(hash.Config{})
	w := c.Write
	var like legacy.Stored
	switch {
	case w.Like != "":
		like = legacy.Stored{Scheme: w.Scheme, Hash: w.Like, Salt: w.LikeSalt, User: "user", Params: c.Params}
		if like.Scheme == "" {
			like.Scheme = c.Scheme
		}
	case w.LikeSalt != "":
		return nil, legacy.Wrong("write.like_salt", "there is no like that it belongs to")
	case w.Scheme == "":
		return nil, nil //nolint:nilnil // like the person's own
	default:
		var ok bool
		if like, ok = registry.Example(w.Scheme, c.Params); !ok {
			return nil, legacy.Wrong("write.scheme", "no value of it can be made; give one of the application's as like")
		}
	}
	const password = "rekey tries this word"
	made, err := registry.Make(like, []byte(password))
	if err != nil {
		return nil, legacy.Wrong("write.scheme", "nothing can be made like the example: %w", err)
	}
	made.Scheme, made.Params = c.Scheme, c.Params
	if made.Salt != "" && w.Fields.Salt == "" {
		return nil, legacy.Wrong("write.fields.salt", "is missing: the scheme makes a salt")
	}
	if opened, err := registry.Open(made); err != nil || !opened.Verify([]byte(password)) {
		return nil, legacy.Wrong("write.scheme", "what is made in it cannot be read back in the scheme of the source")
	}
	return &like, nil
}

// members are what a change has in its body.
func (w *writing) members(c legacy.Change) []member {
	var all []member
	for _, field := range []struct {
		key   string
		value *string
	}{{"username", c.Username}, {"email", c.Email}, {"phone", c.Phone}, {"display_name", c.DisplayName}} {
		if field.value != nil {
			all = append(all, member{w.at[field.key], orNull(*field.value)})
		}
	}
	if c.EmailVerified != nil {
		all = append(all, member{w.at["email_verified"], *c.EmailVerified})
	}
	if c.Disabled != nil {
		all = append(all, member{w.at["disabled"], *c.Disabled != w.negated})
	}
	if c.Password != nil {
		all = append(all, w.passwordMembers(*c.Password)...)
	}
	return all
}

func (w *writing) passwordMembers(pw legacy.NewPassword) []member {
	if w.can.Password == legacy.PasswordTyped {
		all := []member{{w.at["password"], string(pw.Typed)}}
		if old, ok := w.at["old_password"]; ok && pw.Old != nil {
			all = append(all, member{old, string(pw.Old)})
		}
		return all
	}
	all := []member{{w.at["password"], pw.Hashed.Hash}}
	if salt, ok := w.at["salt"]; ok {
		all = append(all, member{salt, orNull(pw.Hashed.Salt)})
	}
	return all
}

func orNull(text string) any {
	if text == "" {
		return nil
	}
	return text
}

// encodeMembers writes a body. What is not Unicode is refused: JSON could only hold it changed.
func encodeMembers(members []member) ([]byte, error) {
	body := map[string]any{}
	for _, m := range members {
		if text, ok := m.value.(string); ok && !utf8.ValidString(text) {
			return nil, errNotWritable
		}
		at := body
		for _, step := range m.at[:len(m.at)-1] {
			below, ok := at[step].(map[string]any)
			if !ok {
				below = map[string]any{}
				at[step] = below
			}
			at = below
		}
		at[m.at[len(m.at)-1]] = m.value
	}
	return json.Marshal(body)
}

// maxTag is the longest entity tag that is taken, in bytes.
const maxTag = 256

// strongTag reports whether a text is a strong entity tag (RFC 9110, section 8.8.3). A weak one holds no condition.
func strongTag(text string) bool {
	if len(text) < 2 || len(text) > maxTag || text[0] != '"' || text[len(text)-1] != '"' {
		return false
	}
	return !strings.ContainsFunc(text[1:len(text)-1], func(r rune) bool { return r < '!' || r > '~' || r == '"' })
}
