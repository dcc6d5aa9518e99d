package httpsource

import (
	"cmp"
	"errors"
	"fmt"
	"iter"
	"math"
	"strconv"
	"strings"
	"time"

	"rekey/legacy"
)

// Fields are the JSON pointers (RFC 6901) to what the plain dialect's answer says of a person. An empty one is a field
// that is not there. What the answer leaves out, or has as null, is empty; what it has of another type than is wanted
// makes the whole answer unreadable.
type Fields struct {
	ID       string // a text or a whole number
	Username string // texts; at least one of the three is needed
	Email    string
	Phone    string

	// Disabled is true or false, or 1 or 0. A leading "!" turns it round, for fields that say that somebody is active;
	// there, what is left out means active.
	Disabled    string
	CreatedAt   string // RFC 3339, "2006-01-02 15:04:05" in UTC, or Unix seconds or milliseconds
	LastLoginAt string

	// Password is the stored hash, for applications that show it: then it is compared here, in Config.Scheme, and whoever has
	// one is not asked about. Salt is what stands beside it.
	Password string
	Salt     string

	DisplayName   string
	Locale        string
	EmailVerified string // true or false, or 1 or 0
	PhoneVerified string
	Roles         string            // a list of texts
	Groups        string            // likewise
	Attributes    map[string]string // our name -> pointer; texts, numbers, true and false
}

// maxTexts bounds roles, groups, attributes and what else comes in numbers.
const maxTexts = 1000

// A recordReader takes values out of a person's record, and keeps the first thing that is wrong with it.
type recordReader struct{ err *legacy.RowError }

func (r *recordReader) fail(column, reason string) {
	if r.err == nil {
		r.err = &legacy.RowError{Column: column, Reason: reason}
	}
}

// short reads a text of which nothing is known but that it is not long; where numbers are allowed, a whole number too.
func (r *recordReader) short(column string, v value, numbers bool) string {
	switch {
	case v.kind == null:
		return ""
	case v.kind == number && numbers && wholeNumber(v.literal):
	case v.kind != text:
		r.fail(column, "it is not a text")
		return ""
	}
	switch {
	case len(v.literal) > maxIdentifier:
		r.fail(column, fmt.Sprintf("it is longer than %d bytes", maxIdentifier))
		return ""
	case !plainText(v.literal):
		r.fail(column, "it has a control character in it")
		return ""
	}
	return v.literal
}

func wholeNumber(literal string) bool {
	return literal != "" && strings.Trim(literal, "0123456789") == "" || literal != "-" && strings.HasPrefix(literal, "-") && wholeNumber(literal[1:])
}

// truth reads true and false, and 1 and 0, which databases show for them.
func (r *recordReader) truth(column string, v value, missing bool) bool {
	switch {
	case v.kind == null:
		return missing
	case v.kind == boolean:
		return v.literal == "true"
	case v.kind == number && (v.literal == "0" || v.literal == "1"):
		return v.literal == "1"
	}
	r.fail(column, "it is neither true nor false")
	return false
}

// texts reads a list of texts.
func (r *recordReader) texts(column string, v value) []string {
	switch {
	case v.kind == null:
		return nil
	case v.kind != list:
		r.fail(column, "it is not a list")
		return nil
	case len(v.items) > maxTexts:
		r.fail(column, fmt.Sprintf("it has more than %d entries", maxTexts))
		return nil
	}
	var texts []string
	for _, item := range v.items {
		if item.kind != text {
			r.fail(column, "it has an entry that is not a text")
			return nil
		}
		texts = append(texts, item.literal)
	}
	return texts
}

// The layouts of times in text; without a zone they are UTC.
var timeLayouts = [...]string{time.RFC3339Nano, "2006-01-02T15:04:05.999999999", "2006-01-02 15:04:05.999999999", time.DateOnly}

// moment reads a time. A text that is none, such as "0000-00-00 00:00:00", is unknown, which is the zero time: a strange
// date is no reason to keep somebody out.
func (r *recordReader) moment(column string, v value) time.Time {
	switch v.kind {
	case null:
		return time.Time{}
	case number:
		n, err := strconv.ParseInt(v.literal, 10, 64)
		if err != nil {
			f, err := strconv.ParseFloat(v.literal, 64)
			if err != nil || math.Abs(f) >= 1<<53 {
				return time.Time{}
			}
			n = int64(f)
		}
		return unixTime(n)
	case text:
		for _, layout := range timeLayouts {
			if at, err := time.Parse(layout, strings.TrimSpace(v.literal)); err == nil {
				return known(at)
			}
		}
		return time.Time{}
	case boolean, list, object:
	}
	r.fail(column, "it is not a time")
	return time.Time{}
}

// unixTime takes a number for milliseconds where it would be beyond the year 5000 as seconds.
func unixTime(n int64) time.Time {
	const millis = 100_000_000_000
	switch {
	case n <= 0: // "never" in most applications
		return time.Time{}
	case n < millis:
		return time.Unix(n, 0).UTC()
	}
	return known(time.UnixMilli(n))
}

// known returns a time of our age in UTC, and the zero time for others.
func known(at time.Time) time.Time {
	if at = at.UTC(); at.Year() < 1900 || at.Year() > 9999 {
		return time.Time{}
	}
	return at
}

// newFields returns what reads a person of the plain dialect.
func newFields(f Fields, key Key) (func(value) (legacy.User, error), error) {
	if f.Username == "" && f.Email == "" && f.Phone == "" {
		return nil, legacy.Wrong("plain.fields", "none of username, email and phone is named")
	}
	missing := map[Key]bool{KeyID: f.ID == "", "": f.ID == "", KeyUsername: f.Username == "", KeyEmail: f.Email == ""}
	if missing[key] {
		return nil, legacy.Wrong("plain.fields", "the key (%s) is not among them", cmp.Or(key, KeyID))
	}
	if f.Salt != "" && f.Password == "" {
		return nil, legacy.Wrong("plain.fields.salt", "there is no password that it belongs to")
	}
	disabled, negated := strings.CutPrefix(f.Disabled, "!")
	at := map[string]pointer{}
	var errs []error
	for key, text := range f.pointers() {
		p, err := parsePointer(text)
		if err != nil {
			errs = append(errs, legacy.Wrong("plain.fields."+key, "%w", err))
		}
		at[text] = p
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	return func(v value) (legacy.User, error) {
		if v.kind != object {
			return legacy.User{}, &legacy.RowError{Column: "the record", Reason: "it is not an object"}
		}
		r := &recordReader{}
		get := func(text string) value {
			if text == "" {
				return value{}
			}
			return v.at(at[text])
		}
		u := legacy.User{
			ID: r.short(f.ID, get(f.ID), true), Username: r.short(f.Username, get(f.Username), false),
			Email: r.short(f.Email, get(f.Email), false), Phone: r.short(f.Phone, get(f.Phone), false),
			Disabled:  r.truth(disabled, get(disabled), negated) != negated,
			CreatedAt: r.moment(f.CreatedAt, get(f.CreatedAt)), LastLoginAt: r.moment(f.LastLoginAt, get(f.LastLoginAt)),
			Profile: legacy.Profile{
				DisplayName: r.short(f.DisplayName, get(f.DisplayName), false), Locale: r.short(f.Locale, get(f.Locale), false),
				EmailVerified: r.truth(f.EmailVerified, get(f.EmailVerified), false),
				PhoneVerified: r.truth(f.PhoneVerified, get(f.PhoneVerified), false),
				Roles:         r.texts(f.Roles, get(f.Roles)), Groups: r.texts(f.Groups, get(f.Groups)),
			},
		}
		if stored := r.short(f.Password, get(f.Password), false); stored != "" {
			u.Password = &legacy.Stored{Hash: stored, Salt: r.short(f.Salt, get(f.Salt), false)}
		}
		for _, name := range sortedNames(f.Attributes) {
			r.attribute(&u, name, get(f.Attributes[name]))
		}
		return r.person(u)
	}, nil
}

// pointers walks the fields by the configuration's keys.
func (f Fields) pointers() iter.Seq2[string, string] {
	return func(yield func(string, string) bool) {
		for _, field := range [][2]string{
			{"id", f.ID}, {"username", f.Username}, {"email", f.Email}, {"phone", f.Phone},
			{"disabled", strings.TrimPrefix(f.Disabled, "!")}, {"created_at", f.CreatedAt}, {"last_login_at", f.LastLoginAt},
			{"password", f.Password}, {"salt", f.Salt}, {"display_name", f.DisplayName}, {"locale", f.Locale}, {"email_verified", f.EmailVerified},
			{"phone_verified", f.PhoneVerified}, {"roles", f.Roles}, {"groups", f.Groups},
		} {
			if !yield(field[0], field[1]) {
				return
			}
		}
		for _, name := range sortedNames(f.Attributes) {
			if !yield("attributes."+name, f.Attributes[name]) {
				return
			}
		}
	}
}

// attribute keeps one value.
func (r *recordReader) attribute(u *legacy.User, name string, v value) {
	switch v.kind {
	case null:
		return
	case list, object:
		r.fail(name, "it is neither a text nor a number nor true or false")
		return
	case text, number, boolean:
	}
	if u.Profile.Attributes == nil {
		u.Profile.Attributes = map[string]string{}
	}
	u.Profile.Attributes[name] = v.literal
}

// person returns the record, and the first thing that is wrong with it.
func (r *recordReader) person(u legacy.User) (legacy.User, error) {
	if r.err != nil {
		r.err.Key = u.ID
		return u, r.err
	}
	return u, nil
}
