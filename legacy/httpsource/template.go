package httpsource

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"rekey/legacy"
)

// Placeholders of a path.
const (
	markIdentifier = "identifier" // the name that is asked for; for a password the username, else the e-mail
	markID         = "id"
	markUsername   = "username"
	markEmail      = "email"
)

// A naming fills the placeholders. For a question by name or by key there is only one value, whatever it is called.
type namingFunc func(placeholder string) string

func naming(value string) namingFunc { return func(string) string { return value } }

// whoIs names a person whose password is to be checked.
func whoIs(u legacy.User) namingFunc {
	return func(placeholder string) string {
		switch placeholder {
		case markID:
			return u.ID
		case markUsername:
			return u.Username
		case markEmail:
			return u.Email
		}
		if u.Username != "" {
			return u.Username
		}
		return u.Email
	}
}

// A template is a path, and perhaps a query, with placeholders.
type template []piece

// A piece is a literal text, or the name of a placeholder.
type piece struct{ literal, placeholder string }

var errTemplate = errors.New("want a path such as /users/{identifier} or /users?name={identifier}, in plain ASCII")

// parseTemplate reads a path. Only the named placeholders may be in it; a password never may: it would stand in every
// log on the way.
func parseTemplate(text string, placeholders ...string) (template, error) {
	if text != "" && text[0] != '/' && text[0] != '?' {
		return nil, errTemplate
	}
	var t template
	for rest := text; rest != ""; {
		literal, after, open := strings.Cut(rest, "{")
		if strings.ContainsFunc(literal, unfitForURL) {
			return nil, errTemplate
		}
		if literal != "" {
			t = append(t, piece{literal: literal})
		}
		if !open {
			break
		}
		name, behind, closed := strings.Cut(after, "}")
		if !closed || !slices.Contains(placeholders, name) {
			return nil, fmt.Errorf("a placeholder that is none of {%s}", strings.Join(placeholders, "} {"))
		}
		t = append(t, piece{placeholder: name})
		rest = behind
	}
	if _, ok := t.expand(naming("x")); !ok {
		return nil, errors.New("a path with . or .. in it")
	}
	return t, nil
}

// names reports whether the template has any placeholder.
func (t template) names() bool {
	return slices.ContainsFunc(t, func(p piece) bool { return p.placeholder != "" })
}

// expand returns the path, and false if a placeholder has no value or the path would have "." or ".." for a segment:
// servers and proxies take those out, however they are escaped, and ask somewhere else.
func (t template) expand(value namingFunc) (string, bool) {
	var b strings.Builder
	for _, p := range t {
		b.WriteString(p.literal)
		if p.placeholder == "" {
			continue
		}
		v := value(p.placeholder)
		if v == "" {
			return "", false
		}
		escape(&b, v)
	}
	expanded := b.String()
	path, _, _ := strings.Cut(expanded, "?")
	for segment := range strings.SplitSeq(path, "/") {
		if segment == "." || segment == ".." {
			return "", false
		}
	}
	return expanded, true
}

// escape percent-encodes all but the unreserved characters of RFC 3986, section 2.3, so that a value stays one segment
// of a path or one value of a query, "+" included, which some take for a space.
func escape(b *strings.Builder, value string) {
	const hex = "0123456789ABCDEF"
	for i := range len(value) {
		c := value[i]
		if c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.IndexByte("-._~", c) >= 0 {
			b.WriteByte(c)
			continue
		}
		b.WriteByte('%')
		b.WriteByte(hex[c>>4])
		b.WriteByte(hex[c&15])
	}
}

// unfitForURL are the characters that a URL must not have, those that begin something else in it, and the backslash,
// which some take for a slash.
func unfitForURL(r rune) bool {
	return r <= ' ' || r > '~' || strings.ContainsRune(`#"<>\^`+"`{|}%", r)
}
