package ldapsource

import (
	"context"
	"errors"
	"fmt"

	"github.com/go-ldap/ldap/v3"

	"rekey/legacy"
	"rekey/legacy/guard"
)

// A Writer is a Source that takes changes. It is a legacy.Writer. Each write has a connection to itself: they are few.
type Writer struct {
	*Source
	guard  *guard.Guard
	writes legacy.Writes
}

var _ legacy.Writer = (*Writer)(nil)

// OpenWriter is Open for a configuration with Write.
func OpenWriter(c Config) (*Writer, error) {
	if c.Write == nil {
		return nil, fmt.Errorf("legacy source %s: write: nothing says what may be written", c.Name)
	}
	s, err := Open(c)
	if err != nil {
		return nil, err
	}
	w := &Writer{Source: s}
	if w.writes, err = s.config.checkWrite(); err != nil {
		return nil, errors.Join(fmt.Errorf("legacy source %s: write: %w", c.Name, err), s.Close())
	}
	w.guard, err = guard.New(guard.Config{
		Source: c.Name, Describe: s.describe, Timeout: c.Timeout, BreakAfter: c.BreakAfter, BreakFor: c.BreakFor,
	})
	if err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return w, nil
}

// Writes is legacy.Writer's.
func (w *Writer) Writes() legacy.Writes { return w.writes }

func (w *Writer) notSent(doing, why string) error {
	return fmt.Errorf("legacy source %s: %s: %s: %w", w.config.Name, doing, why, legacy.ErrNotSent)
}

// unsentError is a failure before anything was asked.
type unsentError struct{ cause error }

func (e *unsentError) Error() string   { return e.cause.Error() + "; nothing was sent" }
func (e *unsentError) Unwrap() []error { return []error{e.cause, legacy.ErrNotSent} }

// A sending is a write that is prepared and then sent once.
type sending struct {
	sent bool
}

// write runs one write under the guard.
func (w *Writer) write(ctx context.Context, doing string, work func(context.Context, *sending) error) error {
	s := &sending{}
	err := w.guard.Ask(ctx, doing, func(ctx context.Context) error { return work(ctx, s) })
	refused, _ := errors.AsType[*legacy.RefusedError](err)
	switch {
	case err == nil, refused != nil, s.sent, errors.Is(err, legacy.ErrNoUser), errors.Is(err, legacy.ErrConflict), errors.Is(err, legacy.ErrNotSent):
		return err
	}
	return &unsentError{err}
}

// send asks the directory to write, on a connection on which who writes is bound.
func (w *Writer) send(ctx context.Context, s *sending, field string, op byte, ask func(*ldap.Conn) error) error {
	c, err := w.dialer.dial(ctx)
	if err != nil {
		return err
	}
	defer c.close()
	name, password := w.config.Write.BindDN, w.config.Write.BindPassword
	if name == "" {
		name, password = w.config.BindDN, w.config.BindPassword
	}
	if err := c.bind(ctx, name, password); err != nil {
		return bindError(err)
	}
	s.sent = true
	return w.judge(s, field, c.ask(ctx, func() error { return ask(c.ldap) }, op))
}

// judge tells what a directory's answer to a write means. Every result but success is a write that was not done (RFC
// 4511, 4.6: the whole of a modification or nothing).
func (w *Writer) judge(s *sending, field string, err error) error {
	if err == nil || !isResult(err) {
		return err
	}
	refuse := func(field, reason string, taken bool) error {
		return guard.Answered(&legacy.RefusedError{Field: field, Reason: reason, Taken: taken})
	}
	switch result, _ := errors.AsType[*ldap.Error](err); result.ResultCode {
	case ldap.LDAPResultAssertionFailed, ldap.LDAPResultNoSuchAttribute:
		return guard.Answered(legacy.ErrConflict)
	case ldap.LDAPResultNoSuchObject:
		return guard.Answered(legacy.ErrNoUser)
	case ldap.LDAPResultEntryAlreadyExists:
		return refuse("", "there is an entry of that name", true)
	case ldap.LDAPResultBusy, ldap.LDAPResultUnavailable, ldap.LDAPResultTimeLimitExceeded, ldap.LDAPResultAdminLimitExceeded:
		s.sent = false
		return err
	case ldap.LDAPResultUnavailableCriticalExtension:
		return refuse("", "it cannot hold a condition: it does not know the assertion control (RFC 4528)", false)
	case ldap.LDAPResultInsufficientAccessRights, ldap.LDAPResultConfidentialityRequired, ldap.LDAPResultStrongAuthRequired:
		return refuse("", fmt.Sprintf("the account may not write it (LDAP result %d)", result.ResultCode), false)
	default:
		return refuse(field, fmt.Sprintf("LDAP result %d (%s)", result.ResultCode, ldap.LDAPResultCodeMap[result.ResultCode]), false)
	}
}

const assertionControl = "1.3.6.1.1.12" // RFC 4528

// isStill is the condition that an entry has the key and the stored password that were read.
func (w *Writer) isStill(e entry, was legacy.User) ([]ldap.Control, error) {
	filter := anyone
	if w.kind != keyDN {
		filter = "(" + w.config.Attributes.ID + "=" + ldap.EscapeFilter(e.all(w.config.Attributes.ID)[0]) + ")"
	}
	filter = "(&" + filter + "(" + w.config.Attributes.Password + "=" + ldap.EscapeFilter(was.Password.Hash) + "))"
	packet, err := ldap.CompileFilter(filter)
	if err != nil {
		return nil, err
	}
	return []ldap.Control{ldap.NewControlString(assertionControl, true, string(packet.Bytes()))}, nil
}

// still reads a person, who must be as they were read.
func (w *Writer) still(ctx context.Context, was legacy.User, change legacy.Change) (entry, error) {
	found, err := w.byKey(ctx, was.ID, w.read)
	if err != nil {
		return entry{}, err
	}
	now, bad := w.user(found)
	if bad != nil {
		return entry{}, guard.Answered(bad)
	}
	e, reason := w.newEntry(found)
	switch {
	case reason != "":
		return entry{}, guard.Answered(legacy.ErrNoUser)
	case change.Late(was, now):
		return entry{}, guard.Answered(legacy.ErrConflict)
	case w.config.Write.Modify:
		return e, nil
	case now.Password == nil || was.Password == nil:
		return entry{}, guard.Answered(&legacy.RefusedError{Reason: "their stored password cannot be read, or does not decide alone, so that no condition holds"})
	case now.Password.Hash != was.Password.Hash || now.Password.Salt != was.Password.Salt:
		return entry{}, guard.Answered(legacy.ErrConflict)
	}
	return e, nil
}
