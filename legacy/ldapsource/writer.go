package ldapsource

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

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
func (w *Writer) still(ctx context.Context, was legacy.User) (entry, error) {
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
	case w.config.Write.Modify:
		return e, nil
	case now.Password == nil || was.Password == nil:
		return entry{}, guard.Answered(&legacy.RefusedError{Reason: "their stored password cannot be read, or does not decide alone, so that no condition holds"})
	case now.Password.Hash != was.Password.Hash || now.Password.Salt != was.Password.Salt:
		return entry{}, guard.Answered(legacy.ErrConflict)
	}
	return e, nil
}

// An edit replaces one value of an attribute by another; empty is none.
type edit struct{ attribute, from, to string }

// edits are what a change does to an entry, and the identifiers that must be free.
func (w *Writer) edits(e entry, c legacy.Change) (edits []edit, ids map[string]string, field string) {
	a, can := w.config.Attributes, w.writes
	ids = map[string]string{}
	set := 0
	for _, f := range []struct {
		name       string
		to         *string
		can        bool
		attributes []string
		identifies bool
	}{
		{"Username", c.Username, can.Username, a.Username, true}, {"Email", c.Email, can.Email, a.Email, true},
		{"Phone", c.Phone, can.Phone, a.Phone, true}, {"DisplayName", c.DisplayName, can.DisplayName, []string{a.DisplayName}, false},
	} {
		if f.to == nil {
			continue
		}
		set++
		field = f.name
		edits = append(edits, edit{f.attributes[0], e.one(f.attributes[0]), *f.to})
		if f.identifies {
			ids[f.name] = *f.to
		}
	}
	if c.Disabled != nil {
		set++
		field = "Disabled"
		d := w.config.Write.Disable
		to := d.Off
		if *c.Disabled {
			to = d.On
		}
		edits = append(edits, edit{d.Attribute, e.one(d.Attribute), to})
	}
	if c.Password != nil && !w.config.Write.Modify {
		set++
		field = "Password"
		edits = append(edits, edit{a.Password, e.all(a.Password)[0], c.Password.Hashed.Hash})
	}
	if set != 1 {
		field = ""
	}
	return edits, ids, field
}

// Update is legacy.Writer's.
func (w *Writer) Update(ctx context.Context, was legacy.User, change legacy.Change) error {
	const doing = "update a user"
	can := w.writes
	for _, f := range []struct{ set, can bool }{
		{change.Password != nil, can.Password != legacy.PasswordNever}, {change.Username != nil, can.Username}, {change.Email != nil, can.Email},
		{change.Phone != nil, can.Phone}, {change.DisplayName != nil, can.DisplayName}, {change.EmailVerified != nil, false}, {change.Disabled != nil, can.Disabled},
	} {
		if f.set && !f.can {
			return w.notSent(doing, "the configuration does not let it be written")
		}
	}
	if change.Password != nil && can.Password == legacy.PasswordTyped {
		if change.Disabled != nil {
			return w.notSent(doing, "a password that is typed is a write by itself")
		}
		return w.modifyPassword(ctx, was, *change.Password)
	}
	if change.Password != nil && change.Password.Hashed.Hash == "" {
		return w.notSent(doing, "there is no hash to write")
	}
	return w.write(ctx, doing, func(ctx context.Context, s *sending) error {
		e, err := w.still(ctx, was)
		if err != nil {
			return err
		}
		edits, ids, field := w.edits(e, change)
		if err := w.free(ctx, was.ID, ids); err != nil {
			return err
		}
		var controls []ldap.Control
		if !w.config.Write.Modify {
			if controls, err = w.isStill(e, was); err != nil {
				return err
			}
		}
		request := ldap.NewModifyRequest(e.dn, controls)
		for _, edit := range edits {
			if edit.from == edit.to {
				continue
			}
			if edit.from != "" {
				request.Delete(edit.attribute, []string{edit.from})
			}
			if edit.to != "" {
				request.Add(edit.attribute, []string{edit.to})
			}
		}
		if len(request.Changes) == 0 {
			return nil // it is so already
		}
		return w.send(ctx, s, field, opModify, func(c *ldap.Conn) error { return c.Modify(request) })
	})
}

// modifyPassword has the directory hash a password (RFC 3062). The old one must open the entry at that moment.
func (w *Writer) modifyPassword(ctx context.Context, was legacy.User, pw legacy.NewPassword) error {
	const doing = "change a password"
	if len(pw.Typed) == 0 || len(pw.Old) == 0 {
		return w.notSent(doing, "the new password and the old one are needed, as they were typed")
	}
	return w.write(ctx, doing, func(ctx context.Context, s *sending) error {
		e, err := w.still(ctx, was)
		if err != nil {
			return err
		}
		if err := w.tryBind(ctx, e.dn, pw.Old); errors.Is(err, legacy.ErrWrongPassword) {
			return guard.Answered(legacy.ErrConflict)
		} else if err != nil {
			return err
		}
		request := ldap.NewPasswordModifyRequest(e.dn, string(pw.Old), string(pw.Typed))
		return w.send(ctx, s, "Password", opExtended, func(c *ldap.Conn) error {
			_, err := c.PasswordModify(request)
			return err
		})
	})
}

// free refuses identifiers that somebody else has.
func (w *Writer) free(ctx context.Context, id string, ids map[string]string) error {
	for field, value := range ids {
		filter := w.lookupFilter([]string{value})
		if filter == "" {
			if value == "" {
				continue
			}
			return guard.Answered(&legacy.RefusedError{Field: field, Reason: "it is no text, or too long"})
		}
		found, _, err := w.find(ctx, w.request(filter, w.read, maxPeople))
		if err != nil {
			return err
		}
		for _, from := range found {
			e, reason := w.newEntry(from)
			if key, keyless := w.key(e); reason != "" || keyless != "" || key != id {
				return guard.Answered(&legacy.RefusedError{Field: field, Reason: "somebody else has it", Taken: true})
			}
		}
	}
	return nil
}

// Delete is legacy.Writer's.
func (w *Writer) Delete(ctx context.Context, was legacy.User) error {
	const doing = "delete a user"
	if !w.writes.Delete {
		return w.notSent(doing, "the configuration does not let people be deleted")
	}
	return w.write(ctx, doing, func(ctx context.Context, s *sending) error {
		e, err := w.still(ctx, was)
		if err != nil {
			return err
		}
		controls, err := w.isStill(e, was)
		if err != nil {
			return err
		}
		return w.send(ctx, s, "", opDelete, func(c *ldap.Conn) error { return c.Del(ldap.NewDelRequest(e.dn, controls)) })
	})
}

// Insert is legacy.Writer's. The entry's name is made of the value of one attribute.
func (w *Writer) Insert(ctx context.Context, user legacy.User, pw legacy.NewPassword) (string, error) {
	const doing = "insert a user"
	switch {
	case !w.writes.Insert:
		return "", w.notSent(doing, "the configuration does not let people be inserted")
	case pw.Hashed.Hash == "":
		return "", w.notSent(doing, "there is no hash to write")
	case len(user.Identifiers()) == 0:
		return "", w.notSent(doing, "without an identifier nobody could be found")
	}
	request, err := w.addition(user, pw.Hashed)
	if err != nil {
		return "", err
	}
	var id string
	err = w.write(ctx, doing, func(ctx context.Context, s *sending) error {
		ids := map[string]string{"Username": user.Username, "Email": user.Email, "Phone": user.Phone}
		if err := w.free(ctx, "", ids); err != nil {
			return err
		}
		if err := w.send(ctx, s, "", opAdd, func(c *ldap.Conn) error { return c.Add(request) }); err != nil {
			return err
		}
		found, _, err := w.find(ctx, w.anyRequest(request.DN, ldap.ScopeBaseObject, w.config.UserFilter, w.read, 2))
		switch {
		case err != nil:
			return err
		case len(found) != 1:
			return errors.New("who was inserted is not one of the people of the filter")
		}
		read, bad := w.user(found[0])
		if bad != nil {
			return bad
		}
		id = read.ID
		return nil
	})
	if err != nil {
		return "", err
	}
	return id, nil
}

// addition is the entry of somebody new.
func (w *Writer) addition(user legacy.User, hashed legacy.Stored) (*ldap.AddRequest, error) {
	a, in := w.config.Attributes, w.config.Write.Insert
	values := map[string]string{}
	names := map[string]string{} // by lower case, as they are written
	set := func(attribute, value string) {
		if attribute != "" && value != "" {
			names[strings.ToLower(attribute)], values[strings.ToLower(attribute)] = attribute, value
		}
	}
	fields := map[string]string{"username": user.Username, "email": user.Email, "phone": user.Phone, "display_name": user.Profile.DisplayName}
	for attribute, from := range in.Attributes {
		value, fixed := strings.CutPrefix(from, "=")
		if !fixed {
			if value = fields[from]; value == "" {
				value = user.Identifiers()[0]
			}
		}
		set(attribute, value)
	}
	for _, f := range []struct {
		attributes []string
		value      string
	}{{a.Username, user.Username}, {a.Email, user.Email}, {a.Phone, user.Phone}, {[]string{a.DisplayName}, user.Profile.DisplayName}} {
		if len(f.attributes) > 0 {
			set(f.attributes[0], f.value)
		}
	}
	set(a.Password, hashed.Hash)
	set(a.Salt, hashed.Salt)
	if d := w.config.Write.Disable; d != nil {
		set(d.Attribute, d.Off)
	}
	own := values[strings.ToLower(in.RDN)]
	if own == "" {
		return nil, w.notSent("insert a user", "the attribute of the entry's name has no value")
	}
	name := (&ldap.DN{RDNs: []*ldap.RelativeDN{{Attributes: []*ldap.AttributeTypeAndValue{{Type: in.RDN, Value: own}}}}}).String()
	request := ldap.NewAddRequest(name+","+w.config.BaseDN, nil)
	request.Attribute("objectClass", in.ObjectClasses)
	for _, key := range slices.Sorted(maps.Keys(values)) {
		request.Attribute(names[key], []string{values[key]})
	}
	return request, nil
}
