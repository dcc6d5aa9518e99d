package mapping

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"rekey/legacy"
)

// setsField reports whether an expression gives a field its value: then what the store holds there is not what is read, and
// writing the one would not give the other.
func (m *Mapping) setsField(names ...string) bool {
	return slices.ContainsFunc(m.sets, func(s set) bool { return slices.Contains(names, s.expression.target) })
}

// writes is what the source can write, without what the mapping sets.
func (s *mapped) writes() legacy.Writes {
	can := s.writer.Writes()
	for _, field := range []struct {
		name string
		can  *bool
	}{
		{"username", &can.Username}, {"email", &can.Email}, {"phone", &can.Phone}, {"display_name", &can.DisplayName},
		{"email_verified", &can.EmailVerified}, {"disabled", &can.Disabled},
	} {
		*field.can = *field.can && !s.mapping.setsField(field.name)
	}
	can.Insert = can.Insert && !s.mapping.setsField("username", "email", "phone")
	return can
}

// notWritten is the error of a write that the mapping keeps from being sent.
func (s *mapped) notWritten(doing, why string) error {
	return fmt.Errorf("legacy source %s: %s: %s: %w", s.mapping.name, doing, why, legacy.ErrNotSent)
}

func (s *mapped) insert(ctx context.Context, user legacy.User, pw legacy.NewPassword) (string, error) {
	if !s.writes().Insert {
		return "", s.notWritten("insert a user", "identifiers are made by expressions, or the source takes nobody")
	}
	if s.mapping.setsField("display_name") {
		user.Profile.DisplayName = ""
	}
	user.Disabled = user.Disabled && !s.mapping.setsField("disabled")
	user.Profile.EmailVerified = user.Profile.EmailVerified && !s.mapping.setsField("email_verified")
	if s.mapping.keep != nil {
		kept, err := s.mapping.keep.truth(&record{user: user, now: s.mapping.now()})
		if err != nil || !kept {
			return "", &legacy.RefusedError{Reason: "keep would leave them out"}
		}
	}
	return s.writer.Insert(ctx, user, pw)
}

func (s *mapped) update(ctx context.Context, was legacy.User, change legacy.Change) error {
	can := s.writes()
	for _, field := range []struct {
		set, can bool
		name     string
	}{
		{change.Username != nil, can.Username, "username"}, {change.Email != nil, can.Email, "email"}, {change.Phone != nil, can.Phone, "phone"},
		{change.DisplayName != nil, can.DisplayName, "display_name"}, {change.EmailVerified != nil, can.EmailVerified, "email_verified"},
		{change.Disabled != nil, can.Disabled, "disabled"},
	} {
		if field.set && !field.can {
			return s.notWritten("update a user", field.name+" is made by an expression, or not written by the source")
		}
	}
	raw, err := s.stored(ctx, was)
	if err != nil {
		return err
	}
	return s.writer.Update(ctx, raw, change)
}

func (s *mapped) remove(ctx context.Context, was legacy.User) error {
	raw, err := s.stored(ctx, was)
	if err != nil {
		return err
	}
	return s.writer.Delete(ctx, raw)
}

// stored returns a person as the source knows them, with the password that the caller has read: the condition is on that.
// Somebody who was not read through the mapping is read now, and may be one who is not kept.
func (s *mapped) stored(ctx context.Context, was legacy.User) (legacy.User, error) {
	if o, ok := was.Extra[originalKey].(original); ok && o.user.ID == was.ID {
		raw := *o.user
		raw.Password = was.Password
		return raw, nil
	}
	if s.getter == nil {
		return was, nil
	}
	raw, err := s.getter.Get(ctx, was.ID)
	if errors.Is(err, legacy.ErrNoUser) {
		return legacy.User{}, legacy.ErrNoUser
	}
	if err != nil {
		return legacy.User{}, errors.Join(err, legacy.ErrNotSent)
	}
	switch _, kept, err := s.mapping.Apply(raw); {
	case err != nil:
		return legacy.User{}, errors.Join(s.fail("map a user", []error{err}), legacy.ErrNotSent)
	case !kept:
		return legacy.User{}, legacy.ErrNoUser
	}
	raw.Password = was.Password
	return raw, nil
}
