package ldapsource

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"rekey/legacy"
	"rekey/legacy/hash"
)

// Write says what may be written.
//
// A write is one modification, addition or deletion. It holds only if the entry still has the key and the stored password
// that were read: the directory itself tests that, by the assertion control (RFC 4528), which it has to know.
type Write struct {
	BindDN       string // who writes; empty: who reads
	BindPassword string

	// Modify hands new passwords to the directory as they were typed (RFC 3062), which hashes them: for a directory that
	// does not show its hashes. The old password must be known then, and is tried first by a bind. Nothing else can be
	// written but Disable, for there is nothing to hold a condition on.
	Modify bool
	// Scheme is what hashes are made in; empty: {SSHA}, which every directory reads. Like is a stored value of a scheme of
	// which package hash has no example. Neither means anything with Modify.
	Scheme string
	Like   string

	Username, Email, Phone, DisplayName bool // in the first attribute that is named for it
	Delete                              bool
	Disable                             *Disable
	Insert                              *Insert
}

// Disable says how somebody is disabled: one of Config.Disabled must look at Attribute.
type Disable struct {
	Attribute string
	On, Off   string // its only value then; empty: none
}

// Insert says how an entry is made. Its key is given by the directory, or is among Attributes.
type Insert struct {
	ObjectClasses []string
	RDN           string // the attribute that the entry's name is made of; one of Attributes, or of those of the source
	// Attributes are further ones: username, email, phone or display_name (the username where that is empty), or a fixed
	// text behind "=".
	Attributes map[string]string
}

// check refuses what cannot be meant, and returns what can be written.
func (c *Config) checkWrite() (legacy.Writes, error) {
	w := c.Write
	fail := func(format string, args ...any) (legacy.Writes, error) {
		return legacy.Writes{}, fmt.Errorf(format, args...)
	}
	can := legacy.Writes{Conditional: !w.Modify, Delete: w.Delete, Insert: w.Insert != nil, Disabled: w.Disable != nil, DisplayName: w.DisplayName}
	a := c.Attributes
	for _, field := range []struct {
		name       string
		wanted     bool
		attributes []string
		can        *bool
	}{
		{"username", w.Username, a.Username, &can.Username}, {"email", w.Email, a.Email, &can.Email}, {"phone", w.Phone, a.Phone, &can.Phone},
	} {
		if *field.can = field.wanted; field.wanted && len(field.attributes) == 0 {
			return fail("%s: no attribute is named for it", field.name)
		}
	}
	switch {
	case w.DisplayName && a.DisplayName == "":
		return fail("display_name: no attribute is named for it")
	case (w.BindDN == "") != (w.BindPassword == ""):
		return fail("bind: want a name and a password")
	case w.Disable != nil && !slices.ContainsFunc(c.Disabled, func(r Rule) bool { return strings.EqualFold(r.Attribute, w.Disable.Attribute) }):
		return fail("disable: no rule of who is disabled looks at %s", w.Disable.Attribute)
	case w.Modify && (can.Username || can.Email || can.Phone || can.DisplayName || can.Insert || can.Delete || w.Scheme != "" || w.Like != ""):
		return fail("with modify there is no condition on the stored password: only passwords and disable can be written")
	case w.Modify:
		can.Password = legacy.PasswordTyped
		return can, nil
	case a.Password == "":
		return fail("no attribute is named for the password, on which every write has its condition; see modify")
	}
	if w.Insert != nil {
		for name := range w.Insert.Attributes {
			if !attributeName.MatchString(name) {
				return fail("insert: attribute %q is no name", name)
			}
		}
		if len(w.Insert.ObjectClasses) == 0 || !attributeName.MatchString(w.Insert.RDN) {
			return fail("insert: object classes and the attribute of the entry's name are needed")
		}
	}
	like, err := w.like(c)
	if err != nil {
		return legacy.Writes{}, err
	}
	can.Password, can.Like = legacy.PasswordHashed, like
	return can, nil
}

func (w *Write) like(c *Config) (*legacy.Stored, error) {
	registry := hash.New(hash.Config{})
	if w.Like != "" {
		like := &legacy.Stored{Scheme: w.Scheme, Hash: w.Like, User: "user", Params: c.Params}
		if _, err := registry.Open(*like); err != nil {
			return nil, fmt.Errorf("like: %w", err)
		}
		return like, nil
	}
	scheme := w.Scheme
	if scheme == "" {
		scheme = schemeLDAP
	}
	like, ok := registry.Example(scheme, c.Params)
	if !ok {
		return nil, errors.New("scheme: no value of it can be made; give one as like")
	}
	return &like, nil
}
