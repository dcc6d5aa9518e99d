package filesource

import (
	"encoding/base32"
	"errors"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"rekey/legacy"
)

// What a record may hold. A longer identifier or hash is cut one byte behind its bound, which is enough for whoever
// parses it to refuse it: one odd value must not keep the rest of the record from being read.
const (
	maxIdentifier = 1 << 10
	maxHash       = 8 << 10 // as package hash
	maxPath       = 256     // bytes of a column's name in the configuration
)

// What is said before the columns that an export has not.
const (
	headerLacks = "it has no column "
	recordsLack = "none of its records has "
)

// mappingError is an export that is not as configured.
type mappingError struct{ text string }

func (e *mappingError) Error() string { return e.text }
func (e *mappingError) Unwrap() error { return legacy.ErrMapping }

// A fault is what is wrong with one person's record. It contains no value.
type fault struct{ column, reason string }

func (f *fault) Error() string { return f.column + ": " + f.reason }

// A target is something of a person that a column can be mapped to: a key of Config.Columns. set gets a value that is
// there and not null.
type target struct {
	name   string
	needed bool // a mapping to a column that no record has is a mistake of configuration
	secret bool // never told in Extra
	set    func(p *person, c columnRule, v value) *fault
}

// targets is the table. The key, "id", is read before the others.
var targets = []target{
	{name: "id", needed: true, set: func(*person, columnRule, value) *fault { return nil }},
	{name: "username", needed: true, set: identifier(func(p *person) *string { return &p.Username })},
	{name: "email", needed: true, set: identifier(func(p *person) *string { return &p.Email })},
	{name: "phone", set: identifier(func(p *person) *string { return &p.Phone })},
	{name: "password", needed: true, secret: true, set: hashColumn(func(p *password) *string { return &p.Hash })},
	{name: "salt", needed: true, secret: true, set: hashColumn(func(p *password) *string { return &p.Salt })},
	{name: "created_at", set: timeColumn(func(p *person) *int64 { return &p.CreatedAt })},
	{name: "last_login_at", set: timeColumn(func(p *person) *int64 { return &p.LastLoginAt })},
	{name: "disabled", set: func(p *person, c columnRule, v value) *fault { p.Disabled = truth(v) != c.negated; return nil }},
	{name: "display_name", set: text(func(p *person) *string { return &p.DisplayName })},
	{name: "locale", set: text(func(p *person) *string { return &p.Locale })},
	{name: "email_verified", set: func(p *person, _ columnRule, v value) *fault { p.EmailVerified = affirmed(v); return nil }},
	{name: "phone_verified", set: func(p *person, _ columnRule, v value) *fault { p.PhoneVerified = affirmed(v); return nil }},
	{name: "roles", set: func(p *person, c columnRule, v value) *fault { p.Roles = v.texts(c.split); return nil }},
	{name: "groups", set: func(p *person, c columnRule, v value) *fault { p.Groups = v.texts(c.split); return nil }},
	{name: "totp", secret: true, set: totpColumn},
	{name: "recovery_codes", secret: true, set: func(p *person, c columnRule, v value) *fault {
		p.RecoveryCodes = v.texts(c.split)
		return nil
	}},
	{name: "attribute.", set: func(p *person, c columnRule, v value) *fault {
		return c.text(v, func(text string) {
			if p.Attributes == nil {
				p.Attributes = map[string]string{}
			}
			p.Attributes[c.detail] = text
		})
	}},
	{name: "external.", set: func(p *person, c columnRule, v value) *fault {
		return c.text(v, func(text string) { p.External = append(p.External, external{Provider: c.detail, Subject: text}) })
	}},
}

// A columnRule says which column of an export goes where.
type columnRule struct {
	target
	detail     string // behind the dot of attribute.NAME and external.PROVIDER
	paths      []string
	negated    bool
	split      bool // a text is a list
	configured bool // by the operator: the column must be there
}

// columnRules joins what the format has by itself with what the operator names.
func columnRules(f format, columns map[string]string, isTable bool) ([]columnRule, error) {
	rules := map[string]columnRule{}
	for name, paths := range f.columns {
		rule, err := newRule(name, paths)
		if err != nil {
			return nil, err // a test opens each format, so this never ships
		}
		rules[name] = rule
	}
	var errs []error
	for _, name := range slices.Sorted(maps.Keys(columns)) {
		rule, err := newRule(name, []string{columns[name]})
		if err != nil {
			errs = append(errs, err)
			continue
		}
		rule.configured = true
		rules[name] = rule
	}
	if errs != nil {
		return nil, errors.Join(errs...)
	}
	list := make([]columnRule, 0, len(rules))
	for _, rule := range rules {
		rule.split = isTable
		list = append(list, rule)
	}
	slices.SortFunc(list, func(a, b columnRule) int { return strings.Compare(a.name+a.detail, b.name+b.detail) })
	return list, nil
}

func newRule(name string, paths []string) (columnRule, error) {
	for _, t := range targets {
		detail, ok := strings.CutPrefix(name, t.name)
		if prefix := strings.HasSuffix(t.name, "."); !ok || prefix == (detail == "") {
			continue
		}
		rule := columnRule{target: t, detail: detail}
		for _, path := range paths {
			if t.name == "disabled" {
				var negated bool
				path, negated = strings.CutPrefix(path, "!")
				rule.negated = negated
			}
			if path == "" || len(path) > maxPath || !utf8.ValidString(path) || strings.ContainsFunc(path, unicode.IsControl) {
				return columnRule{}, legacy.Wrong("columns."+name, "a name has 1 to %d bytes of UTF-8", maxPath)
			}
			rule.paths = append(rule.paths, path)
		}
		return rule, nil
	}
	return columnRule{}, legacy.Wrong("columns."+name, "there is nothing of that name to map to")
}

// absent is the rule as something that is not there.
func (c columnRule) absent() absence {
	return absence{c.name + c.detail, strings.Join(c.paths, " or ")}
}

// find returns the first of the rule's columns that a record has.
func (c columnRule) find(v value) (value, bool) {
	for _, path := range c.paths {
		if found, ok := v.at(path); ok && found.kind != kindNull {
			return found, true
		}
	}
	return value{}, false
}

// text reads one text.
func (c columnRule) text(v value, set func(string)) *fault {
	text, ok := v.plain()
	if !ok {
		return &fault{c.paths[0], "no text"}
	}
	if text != "" {
		set(text)
	}
	return nil
}

func text(of func(*person) *string) func(*person, columnRule, value) *fault {
	return func(p *person, c columnRule, v value) *fault {
		return c.text(v, func(text string) { *of(p) = text })
	}
}

func identifier(of func(*person) *string) func(*person, columnRule, value) *fault {
	return func(p *person, c columnRule, v value) *fault {
		return c.text(v, func(text string) { *of(p) = cut(text, maxIdentifier) })
	}
}

func hashColumn(of func(*password) *string) func(*person, columnRule, value) *fault {
	return func(p *person, c columnRule, v value) *fault {
		return c.text(v, func(text string) {
			if p.Password == nil {
				p.Password = &password{}
			}
			*of(p.Password) = cut(text, maxHash)
		})
	}
}

func timeColumn(of func(*person) *int64) func(*person, columnRule, value) *fault {
	return func(p *person, _ columnRule, v value) *fault {
		*of(p) = micros(v)
		return nil
	}
}

func totpColumn(p *person, c columnRule, v value) *fault {
	text, ok := v.plain()
	if ok && text == "" {
		return nil
	}
	secret, valid := base32Secret(text)
	if !ok || !valid {
		return &fault{c.paths[0], "not the base32 of a one-time password secret"}
	}
	p.TOTP = append(p.TOTP, totp{Secret: secret})
	return nil
}

// base32Secret reads the shared key of an authenticator application as it is shown to people: spaces and letters of
// either case, padded or not. RFC 4226 wants 16 bytes; 10 are what Google's first version had, and what there is.
func base32Secret(text string) ([]byte, bool) {
	text = strings.ToUpper(strings.TrimRight(strings.ReplaceAll(text, " ", ""), "="))
	secret, err := base32.StdEncoding.WithPadding(base32.NoPadding).DecodeString(text)
	return secret, err == nil && len(secret) >= 10 && len(secret) <= 128
}

// cut keeps a text one byte longer than its bound, without leaving half a character behind: the byte more is what
// tells whoever reads it that it was too long.
func cut(text string, bound int) string {
	if len(text) <= bound {
		return text
	}
	return strings.ToValidUTF8(text[:bound], "?") + "…"
}

// truth reads what says that somebody may not log in. Only what clearly says no is false.
func truth(v value) bool {
	text, ok := v.plain()
	if !ok {
		return true
	}
	switch strings.ToLower(strings.TrimSpace(text)) {
	case "", "0", "f", "false", "n", "no", "off":
		return false
	}
	return true
}

// affirmed reads what says that an address was verified. Only what clearly says yes is true.
func affirmed(v value) bool {
	text, _ := v.plain()
	switch strings.ToLower(strings.TrimSpace(text)) {
	case "1", "t", "true", "y", "yes", "on", "verified":
		return true
	}
	return false
}

// The layouts of times in text; without a zone they are UTC.
var timeLayouts = [...]string{
	time.RFC3339Nano,
	"2006-01-02 15:04:05.999999999Z07:00",
	"2006-01-02 15:04:05.999999999 MST",
	"2006-01-02 15:04:05.999999999",
	"2006-01-02T15:04:05.999999999",
	"2006-01-02T15:04:05.999999999Z0700",
	time.DateOnly,
}

// micros reads a time: text, or a number since 1970 in seconds, milliseconds or microseconds, told by its size. What
// cannot be read is unknown: a strange date is no reason to keep somebody out.
func micros(v value) int64 {
	text, _ := v.plain()
	text = strings.TrimSpace(text)
	if n, err := strconv.ParseInt(text, 10, 64); err == nil {
		switch {
		case n <= 0: // "never" in most applications
			return 0
		case n < 100_000_000_000: // as seconds: the year 5138
			return n * 1_000_000
		case n < 100_000_000_000_000: // as milliseconds: the same
			return n * 1000
		case n < 100_000_000_000_000_000:
			return n
		}
		return 0
	}
	for _, layout := range timeLayouts {
		if at, err := time.Parse(layout, text); err == nil && at.Year() >= 1900 && at.Year() <= 9999 {
			return at.UnixMicro()
		}
	}
	return 0
}

// extraOf returns a value for mapping expressions, and false for what they have no type for.
func extraOf(v value) (extra, bool) {
	switch v.kind {
	case kindString:
		return extra{Text: &v.text}, true
	case kindBool:
		yes := v.text == "true"
		return extra{Bool: &yes}, true
	case kindNumber:
		if n, err := strconv.ParseInt(v.text, 10, 64); err == nil {
			return extra{Integer: &n}, true
		}
		f, err := strconv.ParseFloat(v.text, 64)
		return extra{Float: &f}, err == nil && !math.IsInf(f, 0)
	case kindList:
		list := v.texts(false)
		return extra{List: list}, len(list) > 0 && len(list) == len(v.list)
	case kindNull, kindObject:
	}
	return extra{}, false
}
