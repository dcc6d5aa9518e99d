package httpsource

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptrace"
	"slices"
	"strings"
	"sync/atomic"

	"rekey/legacy"
	"rekey/legacy/guard"
)

// A writer is a source that takes changes, in rules:
//
//  1. The person is read first, and must be as the caller has read them; the write then holds only under the tag of that
//     reading. So nobody comes between.
//  2. An application that has never refused a tag that nothing has is not written to.
//  3. A status is believed only for what it says exactly; every other answer, and none, is "nobody knows".
//  4. What was written is read again. One that says "done" and has not done it is "nobody knows" too.
type writer struct {
	keyed
	holds *atomic.Bool // rule 2 has been tried
}

var _ legacy.Writer = writer{}

// tagKey is where a person's Extra has the entity tag under which they were read.
const tagKey = "\x00etag"

// Writes is legacy.Writer's.
func (w writer) Writes() legacy.Writes { return w.writing.can }

// unsentError is a failure before anything was asked.
type unsentError struct{ cause error }

func (e *unsentError) Error() string   { return e.cause.Error() + "; nothing was sent" }
func (e *unsentError) Unwrap() []error { return []error{e.cause, legacy.ErrNotSent} }

func (w writer) notSent(doing, why string) error {
	return fmt.Errorf("legacy source %s: %s: %s: %w", w.config.Name, doing, why, legacy.ErrNotSent)
}

// A sending is a write that is prepared and then sent once.
type sending struct{ sent atomic.Bool }

// write runs one write under the guard.
func (w writer) write(ctx context.Context, doing string, work func(context.Context, *sending) error) error {
	s := &sending{}
	err := w.guard.Ask(ctx, doing, func(ctx context.Context) error { return work(ctx, s) })
	refused, _ := errors.AsType[*legacy.RefusedError](err)
	switch {
	case err == nil, refused != nil, s.sent.Load(), errors.Is(err, legacy.ErrNoUser), errors.Is(err, legacy.ErrConflict):
		return err
	}
	return &unsentError{err}
}

// send sends a write. From the moment at which it has a connection, nobody knows what becomes of it but by its answer.
func (w writer) send(ctx context.Context, s *sending, o *operation, n namingFunc, tag string, members []member) error {
	var body []byte
	if o.contentType != "" {
		var err error
		if body, err = encodeMembers(members); err != nil {
			return guard.Answered(&legacy.RefusedError{Reason: err.Error()})
		}
	}
	header := http.Header{}
	if tag != "" {
		header.Set("If-Match", tag)
	}
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{GotConn: func(httptrace.GotConnInfo) { s.sent.Store(true) }})
	a, err := w.writing.client.exchange(ctx, o, n, body, header)
	if err != nil {
		return err
	}
	return w.judge(s, a.status)
}

// errNoAddress is a 404, which may mean the person or the address.
var errNoAddress = errors.New("it has no such address (404)")

// judge tells what a status says of a write.
func (w writer) judge(s *sending, status int) error {
	refuse := func(reason string, taken bool) error {
		return guard.Answered(&legacy.RefusedError{Reason: reason, Taken: taken})
	}
	switch status {
	case http.StatusOK, http.StatusCreated, http.StatusNoContent:
		return nil
	case http.StatusPreconditionFailed:
		return guard.Answered(legacy.ErrConflict)
	case http.StatusNotFound, http.StatusGone:
		return errNoAddress
	case http.StatusConflict:
		return refuse("somebody else has an identifier (HTTP 409)", true)
	case http.StatusUnauthorized, http.StatusForbidden:
		return refuse(fmt.Sprintf("the credential may not write it (HTTP %d)", status), false)
	case http.StatusBadRequest, http.StatusMethodNotAllowed, http.StatusNotAcceptable, http.StatusLengthRequired, http.StatusRequestEntityTooLarge,
		http.StatusRequestURITooLong, http.StatusUnsupportedMediaType, http.StatusUnprocessableEntity, http.StatusPreconditionRequired,
		http.StatusRequestHeaderFieldsTooLarge, http.StatusNotImplemented:
		return refuse(fmt.Sprintf("HTTP %d", status), false)
	case http.StatusTooManyRequests:
		s.sent.Store(false)
	}
	return unexpected(status)
}

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

// Update is legacy.Writer's.
func (w writer) Update(ctx context.Context, was legacy.User, change legacy.Change) error {
	const doing = "update a user"
	if !w.writing.can.Allows(change) {
		return w.notSent(doing, "the configuration does not let it be written")
	}
	if why := w.unfit(change.Password); why != "" {
		return w.notSent(doing, why)
	}
	return w.write(ctx, doing, func(ctx context.Context, s *sending) error {
		now, tag, err := w.still(ctx, was)
		if err != nil {
			return err
		}
		if change.Late(was, now) {
			return guard.Answered(legacy.ErrConflict)
		}
		if err := w.free(ctx, was.ID, change); err != nil {
			return err
		}
		if err := w.try(ctx, now); err != nil {
			return err
		}
		err = w.send(ctx, s, w.writing.change, whoIs(now), tag, w.writing.members(change))
		if errors.Is(err, errNoAddress) {
			return w.noPerson(ctx, was.ID)
		}
		if err != nil {
			return w.named(err, change)
		}
		return w.kept(ctx, was.ID, change)
	})
}

// unfit tells why a password cannot be written.
func (w writer) unfit(pw *legacy.NewPassword) string {
	switch {
	case pw == nil:
	case w.writing.can.Password == legacy.PasswordTyped && len(pw.Typed) == 0:
		return "the new password is needed, as it was typed"
	case w.writing.can.Password == legacy.PasswordHashed && pw.Hashed.Hash == "":
		return "there is no hash to write"
	}
	return ""
}

// named gives a refusal the field, where the change has one only.
func (w writer) named(err error, c legacy.Change) error {
	refused, ok := errors.AsType[*legacy.RefusedError](err)
	if !ok {
		return err
	}
	told := *refused
	told.Taken = told.Taken && len(c.Identifiers()) > 0
	if field := c.Field(); field != "" {
		told.Field = field
	}
	return guard.Answered(&told)
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

// Delete is legacy.Writer's.
func (w writer) Delete(ctx context.Context, was legacy.User) error {
	const doing = "delete a user"
	if w.writing.remove == nil {
		return w.notSent(doing, "the configuration does not let people be deleted")
	}
	return w.write(ctx, doing, func(ctx context.Context, s *sending) error {
		now, tag, err := w.still(ctx, was)
		if err != nil {
			return err
		}
		if err := w.try(ctx, now); err != nil {
			return err
		}
		err = w.send(ctx, s, w.writing.remove, whoIs(now), tag, nil)
		if errors.Is(err, errNoAddress) {
			return w.noPerson(ctx, was.ID)
		}
		if err != nil {
			return err
		}
		switch _, err := w.read(ctx, was.ID); {
		case err == nil:
			return errNotKept
		case !errors.Is(err, legacy.ErrNoUser):
			return errUnread
		}
		return nil
	})
}

// Insert is legacy.Writer's. The key is that of whom the application then finds under the new names.
func (w writer) Insert(ctx context.Context, user legacy.User, pw legacy.NewPassword) (string, error) {
	const doing = "insert a user"
	change, ok := w.whole(user, pw)
	switch {
	case !w.writing.can.Insert:
		return "", w.notSent(doing, "the configuration does not let people be inserted")
	case w.unfit(&pw) != "":
		return "", w.notSent(doing, w.unfit(&pw))
	case !ok:
		return "", w.notSent(doing, "without an identifier that is written nobody could be found")
	}
	var id string
	err := w.write(ctx, doing, func(ctx context.Context, s *sending) error {
		if err := w.free(ctx, "", change); err != nil {
			return err
		}
		err := w.send(ctx, s, w.writing.insert, naming(""), "", append(w.writing.members(change), w.writing.fixed...))
		if errors.Is(err, errNoAddress) {
			return guard.Answered(&legacy.RefusedError{Reason: errNoAddress.Error() + "; is write.insert_path right?"})
		}
		if err != nil {
			return err
		}
		id, err = w.inserted(ctx, change)
		return err
	})
	return id, err
}

// whole is a new person as a change of everything that is written, and whether they can be found by it.
func (w writer) whole(u legacy.User, pw legacy.NewPassword) (legacy.Change, bool) {
	can, c, named := w.writing.can, legacy.Change{Password: &pw}, false
	for _, f := range []struct {
		can   bool
		value string
		to    **string
		names bool
	}{
		{can.Username, u.Username, &c.Username, true}, {can.Email, u.Email, &c.Email, true}, {can.Phone, u.Phone, &c.Phone, true},
		{can.DisplayName, u.Profile.DisplayName, &c.DisplayName, false},
	} {
		if f.can && f.value != "" {
			*f.to = &f.value
			named = named || f.names
		}
	}
	if can.EmailVerified {
		c.EmailVerified = &u.Profile.EmailVerified
	}
	if can.Disabled {
		c.Disabled = &u.Disabled
	}
	return c, named
}

// inserted finds who was just added.
func (w writer) inserted(ctx context.Context, c legacy.Change) (string, error) {
	for _, name := range []*string{c.Username, c.Email, c.Phone} {
		if name == nil {
			continue
		}
		found, err := w.find(ctx, w.spelled(*name))
		switch {
		case err != nil:
			return "", errUnread
		case len(found) != 1:
			return "", errNotKept
		}
		return found[0].ID, w.kept(ctx, found[0].ID, c)
	}
	return "", errNotKept
}
