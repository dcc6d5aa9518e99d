package ldapsource

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"

	"github.com/go-ldap/ldap/v3"

	"rekey/legacy"
	"rekey/legacy/guard"
)

// An edit replaces one value of an attribute by another; empty is none.
type edit struct{ attribute, from, to string }

// edits are what a change does to an entry.
func (w *Writer) edits(e entry, c legacy.Change) []edit {
	var edits []edit
	a := w.config.Attributes
	for _, f := range []struct {
		to         *string
		attributes []string
	}{{c.Username, a.Username}, {c.Email, a.Email}, {c.Phone, a.Phone}, {c.DisplayName, []string{a.DisplayName}}} {
		if f.to != nil {
			edits = append(edits, edit{f.attributes[0], e.one(f.attributes[0]), *f.to})
		}
	}
	if c.Disabled != nil {
		d := w.config.Write.Disable
		to := d.Off
		if *c.Disabled {
			to = d.On
		}
		edits = append(edits, edit{d.Attribute, e.one(d.Attribute), to})
	}
	if c.Password != nil {
		edits = append(edits, edit{a.Password, e.all(a.Password)[0], c.Password.Hashed.Hash})
	}
	return edits
}

// Update is legacy.Writer's.
func (w *Writer) Update(ctx context.Context, was legacy.User, change legacy.Change) error {
	const doing = "update a user"
	if !w.writes.Allows(change) {
		return w.notSent(doing, "the configuration does not let it be written")
	}
	if change.Password != nil && w.writes.Password == legacy.PasswordTyped {
		if change.Disabled != nil {
			return w.notSent(doing, "a password that is typed is a write by itself")
		}
		return w.modifyPassword(ctx, was, *change.Password)
	}
	if change.Password != nil && change.Password.Hashed.Hash == "" {
		return w.notSent(doing, "there is no hash to write")
	}
	return w.write(ctx, doing, func(ctx context.Context, s *sending) error {
		e, err := w.still(ctx, was, change)
		if err != nil {
			return err
		}
		if err := w.free(ctx, was.ID, change.Identifiers()); err != nil {
			return err
		}
		var controls []ldap.Control
		if !w.config.Write.Modify {
			if controls, err = w.isStill(e, was); err != nil {
				return err
			}
		}
		request := ldap.NewModifyRequest(e.dn, controls)
		for _, edit := range w.edits(e, change) {
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
		return w.send(ctx, s, change.Field(), opModify, func(c *ldap.Conn) error { return c.Modify(request) })
	})
}

// modifyPassword has the directory hash a password (RFC 3062). The old one must open the entry at that moment.
func (w *Writer) modifyPassword(ctx context.Context, was legacy.User, pw legacy.NewPassword) error {
	const doing = "change a password"
	if len(pw.Typed) == 0 || len(pw.Old) == 0 {
		return w.notSent(doing, "the new password and the old one are needed, as they were typed")
	}
	return w.write(ctx, doing, func(ctx context.Context, s *sending) error {
		e, err := w.still(ctx, was, legacy.Change{})
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
		e, err := w.still(ctx, was, legacy.Change{})
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
