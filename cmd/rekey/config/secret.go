package config

import (
	"log/slog"
	"net/url"
	"strings"
)

const hidden = "[secret]"

// A Secret is text that cannot be printed: every way of formatting it gives a placeholder. It stands behind a pointer
// because package fmt reads the unexported fields of a struct around it past all methods, and prints a pointer there
// as an address.
type Secret struct{ text *string }

// NewSecret wraps text.
func NewSecret(text string) Secret { return Secret{&text} }

// Reveal returns the text. It is for the one place that uses it.
func (s Secret) Reveal() string { return deref(s.text) }

// IsZero reports whether it is empty.
func (s Secret) IsZero() bool { return s.Reveal() == "" }

// Equal reports whether two secrets are the same, for tests.
func (s Secret) Equal(t Secret) bool { return s.Reveal() == t.Reveal() }

func deref(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

// String hides the text.
func (s Secret) String() string {
	if s.IsZero() {
		return ""
	}
	return hidden
}

// GoString hides the text from %#v.
func (s Secret) GoString() string { return s.String() }

// LogValue hides the text from slog.
func (s Secret) LogValue() slog.Value { return slog.StringValue(s.String()) }

// MarshalJSON hides the text from JSON.
func (s Secret) MarshalJSON() ([]byte, error) { return []byte(`"` + s.String() + `"`), nil }

// MarshalYAML hides the text from YAML.
func (s Secret) MarshalYAML() (any, error) { return s.String(), nil }

// A URL is the address of a store. It prints without what is secret in it: host, path and user can be read.
type URL struct{ text *string }

// NewURL wraps an address.
func NewURL(text string) URL { return URL{&text} }

// Reveal returns the address with its secrets. It is for the one place that connects.
func (u URL) Reveal() string { return deref(u.text) }

// IsZero reports whether it is empty.
func (u URL) IsZero() bool { return u.Reveal() == "" }

// Equal reports whether two addresses are the same, for tests.
func (u URL) Equal(v URL) bool { return u.Reveal() == v.Reveal() }

// Scheme returns what stands before "://", or "".
func (u URL) Scheme() string {
	scheme, _, ok := strings.Cut(u.Reveal(), "://")
	if !ok {
		return ""
	}
	return scheme
}

// plainQuery are the parameters of an address that say nothing secret; the values of all others are hidden.
var plainQuery = map[string]bool{
	"sslmode": true, "tls": true, "charset": true, "collation": true, "mode": true, "timeout": true,
	"connect_timeout": true, "application_name": true, "protocol": true, "db": true,
}

// String shows the address without password and without what else may be secret. What does not parse is hidden whole.
func (u URL) String() string {
	if u.IsZero() {
		return ""
	}
	parsed, err := url.Parse(u.Reveal())
	// An "@" in what is taken for host or path is the tail of a password with an unescaped "/" or "#" in it.
	if err != nil || parsed.Scheme == "" || parsed.Opaque != "" || strings.Contains(parsed.Path+parsed.Fragment, "@") && parsed.Scheme != "sqlite" {
		return hidden
	}
	var b strings.Builder
	b.WriteString(parsed.Scheme + "://")
	if parsed.User != nil {
		b.WriteString(url.User(parsed.User.Username()).String())
		if _, has := parsed.User.Password(); has {
			b.WriteString(":***")
		}
		b.WriteByte('@')
	}
	b.WriteString(parsed.Host + parsed.EscapedPath())
	separator := "?"
	for pair := range strings.SplitSeq(parsed.RawQuery, "&") {
		if key, _, _ := strings.Cut(pair, "="); pair != "" && !plainQuery[key] {
			pair = key + "=***"
		}
		if pair != "" {
			b.WriteString(separator + pair)
			separator = "&"
		}
	}
	return b.String()
}

// GoString hides what String hides.
func (u URL) GoString() string { return u.String() }

// LogValue hides what String hides.
func (u URL) LogValue() slog.Value { return slog.StringValue(u.String()) }

// MarshalText hides what String hides, from JSON too.
func (u URL) MarshalText() ([]byte, error) { return []byte(u.String()), nil }

// MarshalYAML hides what String hides.
func (u URL) MarshalYAML() (any, error) { return u.String(), nil }

// plainParams are the parameters of schemes whose values may be shown.
var plainParams = map[string]bool{
	"algorithm": true, "encoding": true, "iterations": true, "stretches": true, "rounds": true, "memCost": true,
	"N": true, "r": true, "p": true, "dklen": true, "realm": true, "merge": true, "salt_from": true,
}

// shown returns the parameters with their secrets hidden.
func (p Params) shown(name string) string {
	if plainParams[name] {
		return p[name].Reveal()
	}
	return hidden
}

// Reveal returns the parameters with their secrets. It is for the one place that uses them.
func (p Params) Reveal() map[string]string {
	texts := make(map[string]string, len(p))
	for name, value := range p {
		texts[name] = value.Reveal()
	}
	return texts
}

// String shows the names of the parameters, and the values that are not secret.
func (p Params) String() string {
	var parts []string
	for _, name := range sortedKeys(p) {
		parts = append(parts, name+"="+p.shown(name))
	}
	return strings.Join(parts, ",")
}

// GoString hides what String hides.
func (p Params) GoString() string { return p.String() }

// LogValue hides what String hides.
func (p Params) LogValue() slog.Value { return slog.StringValue(p.String()) }

// MarshalText hides what String hides, from JSON too.
func (p Params) MarshalText() ([]byte, error) { return []byte(p.String()), nil }

// MarshalYAML hides what String hides.
func (p Params) MarshalYAML() (any, error) { return p.String(), nil }
