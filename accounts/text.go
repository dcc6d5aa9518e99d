package accounts

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/language"
)

// What a person says of themselves is shown to others: by applications, in lists of support, on terminals.

// maxDisplayName is the longest name that is accepted, in Unicode code points. The longest that people have are shorter.
const maxDisplayName = 200

// maxLocale is the longest language tag that is accepted, in bytes: what RFC 5646, section 4.4.1, asks everybody to have
// room for.
const maxLocale = 35

// unshown are characters that do more to a line than stand in it: they end it, or turn the text around them
// (Unicode Standard Annex 9, section 2: embeddings, overrides, isolates).
var unshown = []*unicode.RangeTable{unicode.Cc, unicode.Zl, unicode.Zp, {
	R16: []unicode.Range16{{Lo: 0x202a, Hi: 0x202e, Stride: 1}, {Lo: 0x2066, Hi: 0x2069, Stride: 1}},
}}

// checkDisplayName returns the name without the spaces around it, or an *InvalidError.
func checkDisplayName(name string) (string, error) {
	var reason string
	switch name = strings.TrimSpace(name); {
	case !utf8.ValidString(name):
		reason = "must be valid UTF-8"
	case utf8.RuneCountInString(name) > maxDisplayName:
		reason = "must be at most 200 characters"
	case strings.ContainsFunc(name, func(r rune) bool { return unicode.In(r, unshown...) }):
		reason = "contains a character that cannot be shown"
	default:
		return name, nil
	}
	return "", &InvalidError{Field: "display_name", Reason: reason}
}

// checkLocale returns a BCP 47 tag as it is written there, or an *InvalidError. None is none.
func checkLocale(tag string) (string, error) {
	if tag == "" {
		return "", nil
	}
	if len(tag) <= maxLocale {
		if parsed, err := language.Parse(tag); err == nil && !parsed.IsRoot() {
			return parsed.String(), nil
		}
	}
	return "", &InvalidError{Field: "locale", Reason: "must be a language tag such as en or pt-BR"}
}
