package ldapsource

import (
	"maps"
	"strings"

	"rekey/legacy"
)

const (
	schemeAuto = "auto"
	schemeLDAP = "ldap"      // {SSHA}, {CRYPT} and the like: RFC 2307, 5.3
	schemeText = "plaintext" // RFC 4519, 2.41: what has no label is the password itself
)

// stored returns the password that an entry shows, or nil if it shows none that alone decides: several values each let
// somebody in, and {SASL} has the directory ask elsewhere. A bind decides then.
func (s *Source) stored(values []string, salt string, u legacy.User) *legacy.Stored {
	if len(values) != 1 {
		return nil
	}
	hash := values[0]
	label, _, labelled := strings.Cut(hash, "}")
	if strings.EqualFold(label, "{SASL") {
		return nil
	}
	scheme := s.config.Scheme
	if scheme == "" || scheme == schemeAuto {
		switch {
		case !strings.EqualFold(s.config.Attributes.Password, "userPassword"):
			scheme = schemeAuto
		case labelled && strings.HasPrefix(label, "{"):
			scheme = schemeLDAP
		default:
			scheme = schemeText
		}
	}
	login := u.Username
	if login == "" {
		login = u.Email
	}
	return &legacy.Stored{
		Scheme: scheme,
		Hash:   cut(hash, maxHash), Salt: cut(salt, maxHash),
		User: login, Params: maps.Clone(s.config.Params),
	}
}

// cut cuts a value one byte behind its bound, which is enough for whoever parses it to refuse it: one odd value must not
// keep the rest of an entry from being read.
func cut(text string, bound int) string { return text[:min(len(text), bound+1)] }
