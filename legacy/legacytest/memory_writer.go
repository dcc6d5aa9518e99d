package legacytest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"

	"rekey/legacy"
)

// AllowAll lets everything be written to a Memory, under a condition; passwords as hashes like this one.
func AllowAll(like legacy.Stored) legacy.Writes {
	return legacy.Writes{
		Password: legacy.PasswordHashed, Like: &like, Conditional: true, Insert: true, Delete: true,
		Username: true, Email: true, Phone: true, EmailVerified: true, DisplayName: true, Disabled: true,
	}
}

// LoseAnswers makes every write from now on be done and then fail with err, as a connection does that breaks before the
// answer; nil ends it.
func (m *Memory) LoseAnswers(err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.lost = err
}

// memoryText is the longest text that a Memory holds, in bytes.
const memoryText = 191

var errNotAllowed = fmt.Errorf("it cannot be written here: %w", legacy.ErrNotSent)

// Writes implements legacy.Writer.
func (m *Memory) Writes() legacy.Writes { return m.Allow }

// Insert implements legacy.Writer. Keys are numbers.
func (m *Memory) Insert(ctx context.Context, user legacy.User, pw legacy.NewPassword) (string, error) {
	if !m.Allow.Insert {
		return "", errNotAllowed
	}
	err := m.write(ctx, func() error {
		fresh := legacy.User{
			Username: user.Username, Email: user.Email, Phone: user.Phone,
			Profile: legacy.Profile{DisplayName: user.Profile.DisplayName, EmailVerified: user.Profile.EmailVerified},
		}
		if err := m.fits(fresh); err != nil {
			return err
		}
		hashed := pw.Hashed
		fresh.Password = &hashed
		user.ID = m.freshID()
		fresh.ID = user.ID
		m.users = append(m.users, fresh)
		m.touched(fresh.ID)
		return nil
	})
	if err != nil {
		return "", err
	}
	return user.ID, nil
}

// freshID returns a number that no one has had.
func (m *Memory) freshID() string {
	for _, u := range m.users {
		if n, err := strconv.ParseInt(u.ID, 10, 64); err == nil {
			m.lastID = max(m.lastID, n)
		}
	}
	m.lastID++
	return strconv.FormatInt(m.lastID, 10)
}

// Update implements legacy.Writer.
func (m *Memory) Update(ctx context.Context, was legacy.User, change legacy.Change) error {
	if !m.Allow.Allows(change) {
		return errNotAllowed
	}
	return m.write(ctx, func() error {
		i, err := m.still(was)
		if err != nil {
			return err
		}
		if change.Late(was, m.users[i]) {
			return legacy.ErrConflict
		}
		now := change.Of(own(m.users[i]))
		if err := m.fits(now); err != nil {
			return err
		}
		m.users[i] = now
		m.touched(now.ID)
		return nil
	})
}

// Delete implements legacy.Writer.
func (m *Memory) Delete(ctx context.Context, was legacy.User) error {
	if !m.Allow.Delete {
		return errNotAllowed
	}
	return m.write(ctx, func() error {
		i, err := m.still(was)
		if err != nil {
			return err
		}
		m.users = slices.Delete(m.users, i, i+1)
		return nil
	})
}

// write runs one change, whole or not at all.
func (m *Memory) write(ctx context.Context, change func() error) error {
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("%w: %w", err, legacy.ErrNotSent)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.down != nil {
		return errors.Join(m.down, legacy.ErrNotSent)
	}
	if err := change(); err != nil {
		return err
	}
	m.Written.Add(1)
	return m.lost
}

// still returns where a person is, who must be as they were read.
func (m *Memory) still(was legacy.User) (int, error) {
	i := slices.IndexFunc(m.users, func(u legacy.User) bool { return u.ID == was.ID })
	if i < 0 {
		return 0, legacy.ErrNoUser
	}
	now := m.users[i].Password
	if (now == nil) != (was.Password == nil) || now != nil && (now.Hash != was.Password.Hash || now.Salt != was.Password.Salt) {
		return 0, legacy.ErrConflict
	}
	return i, nil
}

// fits refuses what is too long, and an identifier that somebody else has.
func (m *Memory) fits(u legacy.User) error {
	for _, f := range []struct {
		name, value string
		identifies  bool
	}{{"Username", u.Username, true}, {"Email", u.Email, true}, {"Phone", u.Phone, true}, {"DisplayName", u.Profile.DisplayName, false}} {
		taken := f.identifies && f.value != "" && slices.ContainsFunc(m.users, func(other legacy.User) bool {
			return other.ID != u.ID && slices.Contains(other.Identifiers(), f.value)
		})
		switch {
		case len(f.value) > memoryText:
			return &legacy.RefusedError{Field: f.name, Reason: "it is too long"}
		case taken:
			return &legacy.RefusedError{Field: f.name, Reason: "somebody else has it", Taken: true}
		}
	}
	return nil
}
