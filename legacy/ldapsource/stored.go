package ldapsource

import (
	"maps"
	"strings"

	"rekey/legacy"
	"rekey/legacy/hash"
)

const (
	schemeLDAP = "ldap"      // {SSHA}, {CRYPT} and the like: RFC 2307, 5.3
	schemeText = "plaintext" // RFC 4519, 2.41: what has no label is the password itself
)

// stored returns the password that an entry shows, or nil if it shows none that alone decides: several values each let
// somebody in, {SASL} has the directory ask elsewhere, and a label may be the directory's own. A bind decides then.
func (s *Source) stored(values []string, salt string, u legacy.User) *legacy.Stored {
	if len(values) != 1 {
		return nil
	}
	value := values[0]
	if label, _, _ := strings.Cut(value, "}"); strings.EqualFold(label, "{SASL") {
		return nil
	}
	scheme, labelled := s.config.Scheme, false
	if scheme == "" {
		scheme = hash.Auto
	}
	if scheme == hash.Auto && strings.EqualFold(s.config.Attributes.Password, "userPassword") {
		scheme = schemeText
		if label, _, ok := strings.Cut(value, "}"); ok && strings.HasPrefix(label, "{") {
			scheme, labelled = schemeLDAP, true
		}
	}
	login := u.Username
	if login == "" {
		login = u.Email
	}
	stored := &legacy.Stored{
		Scheme: scheme,
		Hash:   cut(value, maxHash), Salt: cut(salt, maxHash),
		User: login, Params: maps.Clone(s.config.Params),
	}
	if labelled {
		if _, err := s.hashes.Open(*stored); err != nil {
			return nil
		}
	}
	return stored
}

// cut cuts a value one byte behind its bound, which is enough for whoever parses it to refuse it: one odd value must not
// keep the rest of an entry from being read.
func cut(text string, bound int) string { return text[:min(len(text), bound+1)] }
