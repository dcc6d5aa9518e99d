package password

import "strings"

// Canonical writes back what was parsed.
func Canonical(encoded string) string {
	if strings.HasPrefix(encoded, wrapPrefix) {
		id, p, _ := parseWrap(encoded)
		return wrapPrefix + "k=" + id + p.String()
	}
	p, _ := parsePHC(encoded)
	return p.String()
}
