package bridge

import (
	"crypto/sha256"
	"crypto/subtle"
	"log/slog"
	"net/http"
	"strings"
)

// Access is how a product shows that it is that product. Its zero value is off. It prints as a placeholder.
type Access struct {
	Key string // the secret, at least 32 bytes of printable ASCII

	// The key comes as "Authorization: Bearer …", unless one of these is set.
	User   string // Basic: the key is this user's password (RFC 7617)
	Header string // the key is this header's value; with "Authorization" its whole value, as Okta sends it
}

// minKey is the length of a key, in bytes: whoever has it may guess at passwords as fast as the limits allow, and ask who
// somebody is.
const minKey = 32

const redactedAccess = "[access of a product]"

// String hides the key.
func (Access) String() string { return redactedAccess }

// GoString hides the key from %#v.
func (Access) GoString() string { return redactedAccess }

// LogValue hides the key from slog.
func (Access) LogValue() slog.Value { return slog.StringValue(redactedAccess) }

func (a Access) on() bool { return a != Access{} }

// An AccessError is what is wrong with one product's access. It quotes no key.
type AccessError struct {
	Product string // "okta"
	Field   string // of Access as a word: "key", "user" or "header"
	Reason  string
}

// Error names the product and the field.
func (m *AccessError) Error() string { return m.Product + ": " + m.Field + ": " + m.Reason }

// mistakes returns everything that is wrong with a product's access.
func (a Access) mistakes(product string) (found []*AccessError) {
	note := func(wrong bool, field, reason string) {
		if wrong {
			found = append(found, &AccessError{product, field, reason})
		}
	}
	unprintable := func(r rune) bool { return r <= ' ' || r > '~' }
	separator := func(r rune) bool { return unprintable(r) || strings.ContainsRune(`"(),/:;<=>?@[\]{}`, r) }
	note(len(a.Key) < minKey, "key", "want at least 32 bytes")
	note(strings.ContainsFunc(a.Key, unprintable), "key", "want printable ASCII without spaces")
	note(strings.ContainsFunc(a.User, unprintable) || strings.Contains(a.User, ":"), "user", "want printable ASCII without spaces and colons")
	note(strings.ContainsFunc(a.Header, separator), "header", "that is no name of a header")
	note(a.User != "" && a.Header != "", "header", "there is a user too; want one of them")
	return found
}

// Mistakes returns everything that is wrong with the access of the products that are on, in the order of Config.
func (c Config) Mistakes() []*AccessError {
	var found []*AccessError
	owner := map[string]string{}
	for _, p := range c.products() {
		if !p.access.on() {
			continue
		}
		found = append(found, p.access.mistakes(p.name)...)
		if other, taken := owner[p.access.Key]; taken && p.access.Key != "" {
			found = append(found, &AccessError{p.name, "key", "is that of " + other + "; want one of its own"})
			continue
		}
		owner[p.access.Key] = p.name
	}
	return found
}

// accessOf is the access of one product, which is called name.
type accessOf struct {
	name   string
	access Access
}

func (c Config) products() []accessOf {
	return []accessOf{
		{keycloakVerify.name, c.Keycloak}, {kratos.name, c.Kratos}, {okta.name, c.Okta},
		{cognito.name, c.Cognito}, {fusionAuth.name, c.FusionAuth},
	}
}

// allows reports whether a request shows the key. It takes the same time for every wrong one.
func (a Access) allows(r *http.Request) bool {
	header := a.Header
	if header == "" {
		header = "Authorization"
	}
	values := r.Header.Values(header)
	if len(values) != 1 { // of two, others on the way may have looked at the other one
		return false
	}
	switch {
	case a.User != "":
		user, key, ok := r.BasicAuth()
		return same(user, a.User)&same(key, a.Key) == 1 && ok
	case a.Header != "":
		return same(values[0], a.Key) == 1
	}
	scheme, key, ok := strings.Cut(values[0], " ")
	return same(strings.TrimLeft(key, " "), a.Key) == 1 && ok && strings.EqualFold(scheme, "Bearer")
}

// same compares digests: texts would tell the length of the key by the time that they take.
func same(shown, want string) int {
	a, b := sha256.Sum256([]byte(shown)), sha256.Sum256([]byte(want))
	return subtle.ConstantTimeCompare(a[:], b[:])
}

// challenge is what RFC 9110, section 15.5.2, wants beside a 401.
func (a Access) challenge() string {
	switch {
	case a.User != "":
		return `Basic realm="rekey bridge"`
	case a.Header != "":
		return `Key realm="rekey bridge"`
	}
	return `Bearer realm="rekey bridge"`
}
