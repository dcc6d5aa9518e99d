// Package mapping stands between an old user store and those who move its people: it cleans what the store says of a
// person, leaves out the people whom nobody wants to keep, and sets fields by expressions.
//
// It serves whoever puts sources together: New compiles what the configuration says and refuses what is wrong in it,
// Wrap puts the result before any legacy.Source. What Wrap returns has the powers of the source it is given, no more and
// no fewer.
//
// It never touches a password, a salt, a one-time password secret or a recovery code, and no expression can see one. It
// never makes an address verified that the store does not call verified. It never makes one person's identifier out of
// another's: of an identifier only white space and invisible characters at its ends are removed and its Unicode form and
// case are settled; what cannot be mended so is left out. And nothing of this is silent: Report counts it.
//
// Expressions are written in CEL, the Common Expression Language (https://cel.dev).
package mapping

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"rekey/legacy"
)

// Config describes what happens to the people of one source. Its zero value only cleans.
type Config struct {
	Name string // the source's name, in errors

	// Keep is an expression that says whom to keep; "" keeps everybody. For whoever asks the wrapped source, the others
	// do not exist.
	Keep string

	// Set gives fields a value by an expression. The fields are username, email, phone, display_name, locale, disabled,
	// created_at, last_login_at, email_verified, phone_verified, roles, groups, and attributes.NAME with any name. Each
	// expression sees the person as the store has them, cleaned; none sees what another has set.
	Set map[string]string

	// Columns names what else the source reads (legacy.User.Extra). Expressions see them as user.NAME; a name that is no
	// identifier is written between backticks. Other names are refused by New.
	Columns []string

	Sanitise Sanitise

	// Asked is told how long each question about people took, how many it returned, and its error; nil: nobody is told.
	Asked func(took time.Duration, people int, err error)

	Now func() time.Time // what expressions see as now; nil: time.Now
}

const (
	maxSets    = 256
	maxColumns = 256
	// maxName is the longest name of a column or an attribute, in bytes. PostgreSQL's names have 63, MySQL's 64 characters.
	maxName = 256
)

// A Mapping is a Config that has been compiled. It is safe for concurrent use.
type Mapping struct {
	name  string
	keep  *expression // nil: everybody
	sets  []set       // by target
	clean Sanitise
	now   func() time.Time
	asked func(took time.Duration, people int, err error)
	tally tally
}

// A set gives one field its value.
type set struct {
	*expression
	target target
}

// New compiles the expressions. Its error joins everything that is wrong, each thing as a legacy.SettingError; those about an
// expression wrap an *ExpressionError.
func New(c Config) (*Mapping, error) {
	m := &Mapping{name: c.Name, clean: c.Sanitise, now: c.Now, asked: c.Asked}
	if m.now == nil {
		m.now = time.Now
	}
	fail := func(err error) (*Mapping, error) { return nil, fmt.Errorf("mapping of source %s: %w", c.Name, err) }
	errs := []error{m.clean.complete()}
	if len(c.Set) > maxSets {
		return fail(legacy.Wrong("set", "more than %d fields are set", maxSets))
	}
	if err := checkColumns(c.Columns); err != nil {
		return fail(errors.Join(append(errs, err)...)) // what expressions could see is not known
	}
	if c.Keep == "" && len(c.Set) == 0 {
		if err := errors.Join(errs...); err != nil {
			return fail(err)
		}
		return m, nil // and no environment of CEL, which would be most of an idle server's growth
	}
	compiler, err := newCompiler(c.Columns)
	if err != nil {
		return fail(err)
	}
	if c.Keep != "" {
		if m.keep, err = compiler.compile("keep", c.Keep, resultTruth); err != nil {
			errs = append(errs, &legacy.SettingError{Key: "keep", Err: err})
		}
	}
	for _, name := range slices.Sorted(maps.Keys(c.Set)) {
		target, err := targetOf(name)
		if err != nil {
			errs = append(errs, &legacy.SettingError{Key: "set." + name, Err: err})
			continue
		}
		compiled, err := compiler.compile(name, c.Set[name], target.result)
		if err != nil {
			errs = append(errs, &legacy.SettingError{Key: "set." + name, Err: err})
			continue
		}
		m.sets = append(m.sets, set{compiled, target})
	}
	if err := errors.Join(errs...); err != nil {
		return fail(err)
	}
	return m, nil
}

// Apply maps one person. The second result is false if they are not to be kept. The error is a *legacy.RowError: an
// expression fails for this person, so that it cannot be told who they are or whether they are wanted.
//
// The person that is returned shares nothing with the one that was given that Apply has changed, and has no Extra.
func (m *Mapping) Apply(raw legacy.User) (legacy.User, bool, error) {
	var found notes
	user := m.clean.user(raw, &found)
	email, phone := user.Email, user.Phone
	if m.keep != nil || len(m.sets) > 0 {
		mapped, kept, target, err := m.evaluate(user, &found)
		if err != nil {
			return m.failed(raw, target, err)
		}
		if !kept {
			m.tally.drop()
			return legacy.User{}, false, nil
		}
		user = mapped
	}
	m.settle(&user, email, phone, raw, &found)
	m.tally.keep(raw.ID, found)
	return user, true, nil
}

// evaluate asks the expressions about a person who has been cleaned: whether they are kept, and what is set. Its error is of the
// expression of target.
func (m *Mapping) evaluate(user legacy.User, found *notes) (mapped legacy.User, kept bool, target string, err error) {
	subject := &record{user: user, now: m.now()}
	if m.keep != nil {
		if kept, err := m.keep.truth(subject); err != nil || !kept {
			return legacy.User{}, false, m.keep.target, err
		}
	}
	for _, s := range m.sets {
		value, err := s.eval(subject)
		if err == nil {
			err = s.target.assign(&edit{clean: m.clean, user: &user, found: found, field: s.expression.target}, value)
		}
		if err != nil {
			return legacy.User{}, false, s.expression.target, err
		}
	}
	return user, true, "", nil
}

// settle applies the rules that hold whatever was set. email and phone are the person's before anything was set.
func (m *Mapping) settle(user *legacy.User, email, phone string, raw legacy.User, found *notes) {
	user.Extra = nil

	// A verified flag is about one address, so it goes when the address goes, and only the store may give it.
	verified := func(set *bool, stored bool, address, before, field string) {
		if *set && (!stored || address == "" || settled(address) != settled(before)) {
			*set = false
			found.add(NotVerified, field)
		}
	}
	verified(&user.Profile.EmailVerified, raw.Profile.EmailVerified, user.Email, email, "email_verified")
	verified(&user.Profile.PhoneVerified, raw.Profile.PhoneVerified, user.Phone, phone, "phone_verified")

	for _, id := range []struct{ field, value string }{
		{"username", user.Username}, {"email", user.Email}, {"phone", user.Phone},
	} {
		if id.value != "" && !m.clean.reaches(id.value, raw) {
			found.add(Unreachable, id.field)
		}
	}
}

// failed tells and counts that an expression has no result for a person.
func (m *Mapping) failed(raw legacy.User, target string, err error) (legacy.User, bool, error) {
	m.tally.fail(raw.ID, target)
	return legacy.User{}, false, &legacy.RowError{
		Key: raw.ID, Column: target, Mapping: true, Reason: "its mapping expression has no result: " + cmp.Or(reasonOf(err), "unknown"),
	}
}

// Report returns what has been seen so far.
func (m *Mapping) Report() Report { return m.tally.report() }
