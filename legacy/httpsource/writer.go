package httpsource

import (
	"context"
	"errors"
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
