package ldapsource

import (
	"context"
	"slices"
	"strings"

	"github.com/go-ldap/ldap/v3"
)

// sampleSize is how many people Check reads.
const sampleSize = 10

// Check is legacy.Checker's. It asks whether the source may bind, whether the base is there, whether the directory knows
// the attributes that the configuration names, and whether people can be read: an empty answer is a mistake too, for a
// directory that lets the source see nobody says the same as one in which nobody is.
func (s *Source) Check(ctx context.Context) error {
	return s.guard.Ask(ctx, "check the directory", func(ctx context.Context) error {
		if err := s.seeBase(ctx); err != nil {
			return err
		}
		unknown, err := s.unknownAttributes(ctx)
		if err != nil {
			return err
		}
		if len(unknown) > 0 {
			return mapping("the directory knows no attribute of the name %s", strings.Join(unknown, ", "))
		}
		sample, _, err := s.find(ctx, s.request(anyone, s.read, sampleSize))
		if err != nil {
			return err
		}
		if len(sample) == 0 {
			return mapping("nobody below the base fits the filter, or the source may see nobody")
		}
		users, bad := s.users(sample)
		if len(users) == 0 {
			return mapping("of %d people none can be read: attribute %s: %s", len(bad), bad[0].Column, bad[0].Reason)
		}
		for _, user := range users {
			if len(user.Identifiers()) > 0 {
				return nil
			}
		}
		return mapping("of %d people none has anything in %s", len(users), strings.Join(slices.Concat(
			s.config.Attributes.Username, s.config.Attributes.Email, s.config.Attributes.Phone), ", "))
	})
}

// Ping is legacy.Pinger's. It asks for the root (RFC 4512, 5.1), which costs nothing; whatever the directory may answer, it
// answers.
func (s *Source) Ping(ctx context.Context) error {
	return s.guard.Ask(ctx, "ping", func(ctx context.Context) error {
		_, err := s.people.search(ctx, s.anyRequest("", ldap.ScopeBaseObject, anyone, nothing(), 1))
		switch {
		case isCode(err, ldap.LDAPResultBusy), isCode(err, ldap.LDAPResultUnavailable):
			return err
		case isResult(err):
			return nil
		}
		return err
	})
}

// unknownAttributes returns those of the configuration's attributes that are not in the directory's schema (RFC 4512, 4.2).
// A directory that does not show its schema is asked no further.
func (s *Source) unknownAttributes(ctx context.Context) ([]string, error) {
	const pointer, types = "subschemaSubentry", "attributeTypes"
	root, err := s.people.search(ctx, s.anyRequest("", ldap.ScopeBaseObject, anyone, []string{pointer}, 1))
	if err != nil || len(root.Entries) != 1 {
		return nil, unlessResult(err)
	}
	subschema := root.Entries[0].GetEqualFoldAttributeValue(pointer)
	if subschema == "" {
		return nil, nil
	}
	shown, err := s.people.search(ctx, s.anyRequest(subschema, ldap.ScopeBaseObject, "(objectClass=subschema)", []string{types}, 1))
	if err != nil || len(shown.Entries) != 1 {
		return nil, unlessResult(err)
	}
	known := map[string]bool{}
	for _, definition := range shown.Entries[0].GetEqualFoldAttributeValues(types) {
		for _, name := range definedNames(definition) {
			known[strings.ToLower(name)] = true
		}
	}
	if len(known) == 0 {
		return nil, nil
	}
	var unknown []string
	for _, name := range s.named {
		if !known[strings.ToLower(name)] {
			unknown = append(unknown, name)
		}
	}
	return unknown, nil
}

// unlessResult lets an error pass that is no answer.
func unlessResult(err error) error {
	if isResult(err) {
		return nil
	}
	return err
}

// definedNames returns the names of an attribute type: of "( 0.9.2342.19200300.100.1.3 NAME ( 'mail' 'rfc822Mailbox' ) …"
// both (RFC 4512, 4.1.2).
func definedNames(definition string) []string {
	_, behind, ok := strings.Cut(definition, " NAME ")
	if !ok {
		return nil
	}
	behind = strings.TrimLeft(behind, " ")
	if list, several := strings.CutPrefix(behind, "("); several {
		behind, _, _ = strings.Cut(list, ")")
	} else {
		name, _, _ := strings.Cut(strings.TrimPrefix(behind, "'"), "'")
		return []string{name}
	}
	var names []string
	for word := range strings.FieldsSeq(behind) {
		names = append(names, strings.Trim(word, "'"))
	}
	return names
}
