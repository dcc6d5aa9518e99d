package legacy

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
)

// A Writer is a Source that takes changes: from people who change something while this store still has to know it, and
// from the copy-back that keeps a rollback possible.
//
// Each method is wholly done or not at all, in one statement or transaction of the store, and never does what its
// condition does not allow. Its error says which:
//
//   - nil: it is done, and durable as far as the store goes.
//   - ErrConflict, ErrNoUser, *RefusedError (wrapped, too): the store answered, and nothing was written.
//   - an error that wraps ErrNotSent: nothing was written and nothing will be; the same may be tried again.
//   - every other error: nobody knows. The caller reads the person again and compares.
//
// No error contains a password, a hash or any other value of a person.
type Writer interface {
	// Writes says what the configuration lets be written. It does not ask the store.
	Writes() Writes

	// Insert adds a person and returns the key that the store gave them. Of user, the identifiers and what Writes names
	// are written, and nothing else; user.ID is ignored. An identifier that somebody there has already is a *RefusedError
	// with Taken.
	Insert(ctx context.Context, user User, pw NewPassword) (id string, err error)
	// Update changes a person who still is as was says: the same key, with the same stored password where the store shows
	// one, and with the same identifiers where change sets them, so that a write that comes late brings no older one back. A
	// person who is not is ErrConflict, and one who is not there ErrNoUser. Fields that Writes does not name must
	// not be set: such a change is not sent.
	Update(ctx context.Context, was User, change Change) error
	// Delete removes a person who still is as was says, or marks them as removed where that is what the store does. They
	// are not found by Lookup and Get afterwards. Its errors are Update's.
	Delete(ctx context.Context, was User) error
}

// Writes is what a Writer can write.
type Writes struct {
	Password PasswordWrite
	// Like is a stored value of the scheme that new passwords are to be made in, for PasswordHashed; see Make of package
	// hash. nil: a new password is made like the person's own, and nobody can be inserted.
	Like *Stored
	// Conditional: Update and Delete hold their condition on the stored password in the store itself, so that nobody can
	// come between. Without it a source can be neither written together with ours nor be copied back to in full.
	Conditional bool

	Insert, Delete         bool
	Username, Email, Phone bool
	EmailVerified          bool
	DisplayName            bool
	Disabled               bool
}

// PasswordWrite says how a store takes a new password.
type PasswordWrite int

// How a store takes a new password.
const (
	PasswordNever PasswordWrite = iota
	// PasswordHashed: as a hash in its own format, made by us. It can be delivered later.
	PasswordHashed
	// PasswordTyped: as it was typed; the store hashes it. It can be delivered only while the person is there.
	PasswordTyped
)

// A Change is what Update writes: every field that is not nil.
type Change struct {
	Password                            *NewPassword
	Username, Email, Phone, DisplayName *string
	EmailVerified, Disabled             *bool
}

// Fields returns the fields of User that c sets, the password last: conditions are on the old one.
func (c Change) Fields() []string {
	var set []string
	for _, f := range []struct {
		name string
		set  bool
	}{
		{"Username", c.Username != nil}, {"Email", c.Email != nil}, {"Phone", c.Phone != nil}, {"DisplayName", c.DisplayName != nil},
		{"EmailVerified", c.EmailVerified != nil}, {"Disabled", c.Disabled != nil}, {"Password", c.Password != nil},
	} {
		if f.set {
			set = append(set, f.name)
		}
	}
	return set
}

// Field returns the field that c sets if it is but one, "" if not: a refusal can name no other.
func (c Change) Field() string {
	if fields := c.Fields(); len(fields) == 1 {
		return fields[0]
	}
	return ""
}

// Identifiers returns the identifiers that c sets, by their fields.
func (c Change) Identifiers() map[string]string {
	ids := map[string]string{}
	for field, value := range map[string]*string{"Username": c.Username, "Email": c.Email, "Phone": c.Phone} {
		if value != nil {
			ids[field] = *value
		}
	}
	return ids
}

// Late reports whether an identifier that c sets is another now than it was when it was read.
func (c Change) Late(was, now User) bool {
	return c.Username != nil && was.Username != now.Username || c.Email != nil && was.Email != now.Email || c.Phone != nil && was.Phone != now.Phone
}

// Of returns a person after c, with the password that is a hash.
func (c Change) Of(u User) User {
	for _, f := range []struct{ to, from *string }{
		{&u.Username, c.Username}, {&u.Email, c.Email}, {&u.Phone, c.Phone}, {&u.Profile.DisplayName, c.DisplayName},
	} {
		if f.from != nil {
			*f.to = *f.from
		}
	}
	for _, f := range []struct{ to, from *bool }{{&u.Profile.EmailVerified, c.EmailVerified}, {&u.Disabled, c.Disabled}} {
		if f.from != nil {
			*f.to = *f.from
		}
	}
	if c.Password != nil {
		hashed := c.Password.Hashed
		u.Password = &hashed
	}
	return u
}

// Allows reports whether w names every field that c sets.
func (w Writes) Allows(c Change) bool {
	can := map[string]bool{
		"Username": w.Username, "Email": w.Email, "Phone": w.Phone, "DisplayName": w.DisplayName, "EmailVerified": w.EmailVerified,
		"Disabled": w.Disabled, "Password": w.Password != PasswordNever,
	}
	return !slices.ContainsFunc(c.Fields(), func(field string) bool { return !can[field] })
}

// A NewPassword is a password to be stored. It prints as a placeholder.
type NewPassword struct {
	Hashed Stored // for PasswordHashed
	Typed  []byte // for PasswordTyped
	// Old is the password that is replaced, as it was just proven, or nil if it is not known. A store that hides its
	// hashes may need it for its condition.
	Old []byte
}

// Errors of a Writer.
var (
	// ErrConflict: the person is not as they were read. Somebody else wrote first.
	ErrConflict = errors.New("the legacy record has changed")
	// ErrNotSent: the write was not sent, or was taken back whole before it took effect, so it was not done and never
	// will be.
	ErrNotSent = errors.New("the write was not sent")
)

// A RefusedError is a write that the store answered with no: a constraint, a value that is too long, a right that is
// missing. It contains no value.
type RefusedError struct {
	Field  string // of User, as in "Email"; empty if the store does not tell
	Reason string
	Taken  bool // somebody else has that identifier
}

func (e *RefusedError) Error() string {
	if e.Field == "" {
		return "the legacy store refused the write: " + e.Reason
	}
	return fmt.Sprintf("the legacy store refused %s: %s", e.Field, e.Reason)
}

const redactedPassword = "[new password]"

// String hides the password.
func (NewPassword) String() string { return redactedPassword }

// GoString hides the password from %#v.
func (NewPassword) GoString() string { return redactedPassword }

// LogValue hides the password from slog.
func (NewPassword) LogValue() slog.Value { return slog.StringValue(redactedPassword) }

// MarshalJSON hides the password from JSON.
func (NewPassword) MarshalJSON() ([]byte, error) { return []byte(`"` + redactedPassword + `"`), nil }
