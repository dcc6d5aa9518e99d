package hash

import (
	"slices"
	"strings"

	"rekey/legacy"
)

// Stored strings within stored strings, and what the tables of schemes are written with.

// A parseFunc opens a stored value under one scheme.
type parseFunc = func(e *env, s legacy.Stored) (*Hash, error)

// family joins the schemes of a family and writes its name into them.
func family(name string, lists ...[]Scheme) []Scheme {
	schemes := slices.Concat(lists...)
	for i := range schemes {
		schemes[i].Family = name
	}
	return schemes
}

// startsWith returns a Match for strings that begin with one of the prefixes.
func startsWith(prefixes ...string) func(string) bool {
	return func(s string) bool {
		return slices.ContainsFunc(prefixes, func(prefix string) bool { return strings.HasPrefix(s, prefix) })
	}
}

// fielded returns a Match for strings that begin with prefix and have a number of fields between "$".
func fielded(prefix string, fields int) func(string) bool {
	return func(s string) bool { return strings.HasPrefix(s, prefix) && strings.Count(s, "$") == fields-1 }
}

// openBehind opens a value that stands behind a prefix of the hash column, and masks it behind the same. What inner
// does not repeat of s (Params, above all) the inner scheme does not see: the outer one's secret is not its own.
func openBehind(e *env, s legacy.Stored, prefix string, inner legacy.Stored) (*Hash, error) {
	h, err := e.open(inner)
	if err != nil {
		return nil, err
	}
	h.masked = withHash(s, prefix+h.masked.Hash)
	return h, nil
}

// openBcryptBehind opens bcrypt behind a prefix, over what before makes of the password, of which nothing is cut: it
// is of constant length. A nil before is the password as it was typed.
func openBcryptBehind(e *env, s legacy.Stored, prefix string, before func(password []byte) []byte) (*Hash, error) {
	body, ok := strings.CutPrefix(s.Hash, prefix)
	if !ok {
		return nil, malformed("want " + prefix + " and a bcrypt string")
	}
	set, want, err := parseBcrypt(e, body)
	if err != nil {
		return nil, err
	}
	h := &Hash{want: want, masked: withHash(s, prefix+set.mask()), compute: set.hash, Limit: bcryptLimit(0)}
	if before != nil {
		h.Limit = 0
		h.precede(before)
	}
	return h, nil
}

// precede has before done to every password first.
func (h *Hash) precede(before func(password []byte) []byte) {
	compute := h.compute
	h.compute = func(password []byte) []byte { return compute(before(password)) }
}

// openDigest builds the Hash of a scheme that only digests.
func openDigest(s legacy.Stored, want []byte, masked string, compute func(password []byte) []byte) (*Hash, error) {
	return &Hash{compute: compute, want: want, masked: withHash(s, masked)}, nil
}

// saltColumn returns the salt column as text, within the bounds.
func saltColumn(e *env, s legacy.Stored) ([]byte, error) {
	salt := []byte(s.Salt)
	return salt, saltWithin(e, salt)
}
