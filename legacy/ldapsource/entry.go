package ldapsource

import (
	"strconv"
	"strings"

	"github.com/go-ldap/ldap/v3"

	"rekey/legacy"
)

// What an entry may hold.
const (
	maxKey        = 1 << 10
	maxIdentifier = 1 << 10
	maxHash       = 8 << 10 // as package hash
	maxText       = 4 << 10 // of any other value
	maxValues     = 2000    // of one attribute; memberOf above all
)

// An entry is a person as the directory sent them.
type entry struct {
	dn     string
	name   *ldap.DN // dn, parsed
	values map[string][]string
}

// newEntry takes an answer's entry. reason says why it cannot be one of the people that were asked for.
func (s *Source) newEntry(from *ldap.Entry) (e entry, reason string) {
	name, err := ldap.ParseDN(from.DN)
	if err != nil {
		return entry{}, "its name is no DN"
	}
	if !s.base.AncestorOfFold(name) && !s.base.EqualFold(name) {
		return entry{}, "it is not below the base"
	}
	e = entry{dn: from.DN, name: name, values: make(map[string][]string, len(from.Attributes))}
	for _, a := range from.Attributes {
		name := strings.ToLower(a.Name)
		if base, _, _ := strings.Cut(name, ";"); s.asked[base] { // a server may send what it was not asked for
			e.values[name] = append(e.values[name], a.Values...)
		}
	}
	return e, ""
}

// all returns an attribute's values; without a name there are none.
func (e entry) all(attribute string) []string { return e.values[strings.ToLower(attribute)] }

// one returns the value that stands for the attribute: the one in the entry's own name, or else the first.
func (e entry) one(attribute string) string {
	values := e.all(attribute)
	if len(values) == 0 {
		return ""
	}
	if len(values) > 1 && len(e.name.RDNs) > 0 {
		for _, part := range e.name.RDNs[0].Attributes {
			for _, value := range values {
				if strings.EqualFold(part.Type, attribute) && strings.EqualFold(part.Value, value) {
					return value
				}
			}
		}
	}
	return values[0]
}

// first returns the value of the first attribute that has one.
func (e entry) first(attributes []string) string {
	for _, attribute := range attributes {
		if value := e.one(attribute); value != "" {
			return value
		}
	}
	return ""
}

// key returns the entry's key, or why it has none.
func (s *Source) key(e entry) (key, reason string) {
	values := []string{e.dn}
	if s.kind != keyDN {
		values = e.all(s.config.Attributes.ID)
	}
	if len(values) != 1 {
		return "", "the key has " + strconv.Itoa(len(values)) + " values"
	}
	key, ok := s.kind.text(values[0])
	if !ok {
		return "", "the key is not written as one"
	}
	return key, ""
}

// user makes a person of an entry, and a RowError if it cannot.
func (s *Source) user(from *ldap.Entry) (legacy.User, *legacy.RowError) {
	a := s.config.Attributes
	var u legacy.User
	unreadable := func(attribute, reason string) (legacy.User, *legacy.RowError) {
		return legacy.User{}, &legacy.RowError{Key: u.ID, Column: attribute, Reason: reason}
	}
	e, reason := s.newEntry(from)
	if reason != "" {
		return unreadable(DN, reason)
	}
	if u.ID, reason = s.key(e); reason != "" {
		return unreadable(a.ID, reason)
	}
	for attribute, values := range e.values {
		if base, option, ranged := strings.Cut(attribute, ";"); ranged && strings.HasPrefix(option, "range=") {
			// Active Directory sends so many of them, and the others if asked again (MS-ADTS, 3.1.1.3.1.3.3).
			return unreadable(base, "more values than are sent at once")
		}
		if len(values) > maxValues {
			return unreadable(attribute, "more than "+strconv.Itoa(maxValues)+" values")
		}
	}
	u.Username, u.Email, u.Phone = cut(e.first(a.Username), maxIdentifier), cut(e.first(a.Email), maxIdentifier), cut(e.first(a.Phone), maxIdentifier)
	for _, rule := range s.config.Disabled {
		holds, reason := rule.holds(e.all(rule.Attribute), s.config.Now(), s.config.LockoutFor)
		if reason != "" {
			return unreadable(rule.Attribute, reason)
		}
		u.Disabled = u.Disabled || holds
	}
	u.CreatedAt, _ = timeOf(e.one(a.CreatedAt)) // a strange date is no reason to keep somebody out
	u.LastLoginAt, _ = timeOf(e.one(a.LastLoginAt))
	u.Profile = legacy.Profile{DisplayName: cut(e.one(a.DisplayName), maxText), Locale: cut(locale(e.one(a.Locale)), maxText)}
	for _, group := range e.all(a.Groups) {
		u.Profile.Groups = append(u.Profile.Groups, cut(group, maxText))
	}
	if a.Password != "" {
		u.Password = s.stored(e.all(a.Password), e.one(a.Salt), u)
	}
	u.Extra = s.extra(e)
	return u, nil
}

// extra returns what mapping expressions may look at.
func (s *Source) extra(e entry) map[string]any {
	var extra map[string]any
	for name, kind := range s.config.Extra {
		value := kind.of(e.all(name))
		if value == nil {
			continue
		}
		if extra == nil {
			extra = make(map[string]any, len(s.config.Extra))
		}
		extra[name] = value
	}
	return extra
}

// of returns values as the kind has them, or nil if they are not of it.
func (k Kind) of(values []string) any {
	if len(values) == 0 {
		return nil
	}
	first := values[0]
	switch k {
	case Text:
		return cut(first, maxText)
	case List:
		list := make([]string, len(values))
		for i, value := range values {
			list[i] = cut(value, maxText)
		}
		return list
	case Integer:
		if n, err := strconv.ParseInt(first, 10, 64); err == nil {
			return n
		}
	case Boolean:
		switch {
		case strings.EqualFold(first, "TRUE"):
			return true
		case strings.EqualFold(first, "FALSE"):
			return false
		}
	case Time:
		if moment, ok := timeOf(first); ok && !moment.IsZero() {
			return moment
		}
	}
	return nil
}
