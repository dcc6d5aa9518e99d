package httpsource

import (
	"context"
	"crypto/rand"
	"errors"
	"slices"
	"strings"

	"rekey/legacy"
	"rekey/legacy/guard"
)

// What must hold before a write, and after it: rules 1, 2 and 4 of a writer.

// read reads a person by key, within a question.
func (w writer) read(ctx context.Context, id string) (legacy.User, error) {
	if !askable(id) || !w.dialect.get.asks(naming(id)) {
		return legacy.User{}, guard.Answered(legacy.ErrNoUser)
	}
	return w.keyed.read(ctx, id)
}

// still reads a person, who must be as they were read, and returns them with the tag of this reading.
func (w writer) still(ctx context.Context, was legacy.User) (now legacy.User, tag string, err error) {
	if now, err = w.read(ctx, was.ID); err != nil {
		return legacy.User{}, "", err
	}
	tag, _ = now.Extra[tagKey].(string)
	seen, _ := was.Extra[tagKey].(string)
	shown := now.Password != nil && was.Password != nil
	switch {
	case tag == "":
		err = guard.Answered(&legacy.RefusedError{Reason: "it answers without a strong ETag, so that no condition holds"})
	case (now.Password == nil) != (was.Password == nil),
		shown && (now.Password.Hash != was.Password.Hash || now.Password.Salt != was.Password.Salt),
		!shown && seen != "" && seen != tag:
		err = guard.Answered(legacy.ErrConflict)
	}
	return now, tag, err
}

// noPerson tells what a 404 to a write means: that the person has gone, if they have.
func (w writer) noPerson(ctx context.Context, id string) error {
	if _, err := w.read(ctx, id); errors.Is(err, legacy.ErrNoUser) {
		return err
	}
	return guard.Answered(&legacy.RefusedError{Reason: errNoAddress.Error() + "; is write.path right?"})
}

// try finds out whether the application holds conditions: it is asked to write what is there already, under a tag that
// nothing has.
func (w writer) try(ctx context.Context, now legacy.User) error {
	if w.holds.Load() {
		return nil
	}
	err := w.send(ctx, &sending{}, w.writing.change, whoIs(now), `"rekey-`+rand.Text()+`"`, w.writing.members(w.same(now)))
	switch {
	case errors.Is(err, legacy.ErrConflict):
		w.holds.Store(true)
		return nil
	case err == nil:
		return guard.Answered(&legacy.RefusedError{Reason: "it does not hold conditions: it took an If-Match that nothing has"})
	case errors.Is(err, errNoAddress):
		return w.noPerson(ctx, now.ID)
	}
	return err
}

// same is a change that changes nothing.
func (w writer) same(now legacy.User) legacy.Change {
	can, c := w.writing.can, legacy.Change{}
	switch {
	case can.DisplayName:
		c.DisplayName = &now.Profile.DisplayName
	case can.Disabled:
		c.Disabled = &now.Disabled
	case can.EmailVerified:
		c.EmailVerified = &now.Profile.EmailVerified
	case can.Email:
		c.Email = &now.Email
	case can.Username:
		c.Username = &now.Username
	case can.Phone:
		c.Phone = &now.Phone
	case now.Password != nil && can.Password == legacy.PasswordHashed:
		c.Password = &legacy.NewPassword{Hashed: *now.Password}
	}
	return c
}

// free refuses identifiers that somebody else has.
func (w writer) free(ctx context.Context, id string, c legacy.Change) error {
	for _, f := range []struct {
		name  string
		value *string
	}{{"Username", c.Username}, {"Email", c.Email}, {"Phone", c.Phone}} {
		if f.value == nil || *f.value == "" {
			continue
		}
		spelling := w.spelled(*f.value)
		if !askable(spelling) || !w.dialect.lookup.asks(naming(spelling)) {
			return guard.Answered(&legacy.RefusedError{Field: f.name, Reason: "it cannot be asked for, or is too long"})
		}
		found, err := w.find(ctx, spelling)
		if err != nil {
			return err
		}
		if slices.ContainsFunc(found, func(u legacy.User) bool { return u.ID != id }) {
			return guard.Answered(&legacy.RefusedError{Field: f.name, Reason: "somebody else has it", Taken: true})
		}
	}
	return nil
}

// Neither is marked as an answer: nobody knows what the application has done.
var (
	errNotKept = errors.New("it said that it was done, and what was written is not there")
	errUnread  = errors.New("it said that it was done, and the person could not be read again")
)

// kept reads again what was written.
func (w writer) kept(ctx context.Context, id string, c legacy.Change) error {
	now, err := w.read(ctx, id)
	if err != nil {
		return errUnread
	}
	for _, f := range []struct {
		want *string
		got  string
		fold bool // applications write names and addresses in lower case
	}{
		{c.Username, now.Username, true}, {c.Email, now.Email, true}, {c.Phone, now.Phone, false}, {c.DisplayName, now.Profile.DisplayName, false},
	} {
		if f.want != nil && *f.want != f.got && (!f.fold || !strings.EqualFold(*f.want, f.got)) {
			return errNotKept
		}
	}
	switch {
	case c.EmailVerified != nil && *c.EmailVerified != now.Profile.EmailVerified, c.Disabled != nil && *c.Disabled != now.Disabled:
		return errNotKept
	case c.Password != nil && w.writing.can.Password == legacy.PasswordHashed &&
		(now.Password == nil || now.Password.Hash != c.Password.Hashed.Hash || now.Password.Salt != c.Password.Hashed.Salt):
		return errNotKept
	}
	return nil
}
