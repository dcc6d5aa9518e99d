package sqlsource

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"rekey/legacy"
	"rekey/legacy/guard"
)

// What a row may hold. A longer identifier or hash is cut one byte behind its bound, which is enough for whoever parses
// it to refuse it: one odd value must not keep the rest of the row from being read.
const (
	maxIdentifier = 1 << 10
	maxHash       = 8 << 10 // as package hash
	maxExtra      = 4 << 10
)

// A reader makes people of the rows of one result.
type reader struct {
	scheme string
	params map[string]string
	own    map[string]string // parameter -> name in Extra
	fields []field
	types  []columnType // of the fields

	// repeats says that several rows may belong to one person; see merge.go.
	repeats bool
}

// read runs a SELECT over the schema's fields and returns the people, and the rows that cannot be read.
func (s *Source) read(ctx context.Context, query string, args []any, most int) ([]legacy.User, []*legacy.RowError, error) {
	rows, err := s.rows.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, nil, err
	}
	defer rows.Close()
	return s.people(rows, s.schema.fields, len(s.schema.tables) > 1, most)
}

// people reads rows whose columns are these fields. It stops when it has seen more than most people.
func (s *Source) people(rows *sql.Rows, fields []field, repeats bool, most int) ([]legacy.User, []*legacy.RowError, error) {
	types, err := typesOf(rows, s.dialect, len(fields))
	if err != nil {
		return nil, nil, err
	}
	r := &reader{scheme: s.config.Scheme, params: s.config.Params, own: s.config.ParamColumns, fields: fields, types: types, repeats: repeats}
	c := newCrowd(r, most)
	values := make([]any, len(fields))
	targets := make([]any, len(fields))
	for i := range values {
		targets[i] = &values[i]
	}
	for c.size() <= most && rows.Next() {
		clear(values)
		if err := rows.Scan(targets...); err != nil {
			return nil, nil, err
		}
		if err := c.add(values); err != nil {
			return nil, nil, err
		}
	}
	users, bad := c.result()
	return users, bad, rows.Err()
}

// typesOf returns the types of a result's columns, of which there must be n.
func typesOf(rows *sql.Rows, d dialect, n int) ([]columnType, error) {
	columns, err := rows.ColumnTypes()
	if err != nil {
		return nil, err
	}
	if len(columns) != n {
		return nil, fmt.Errorf("the database shows %d columns of %d", len(columns), n)
	}
	types := make([]columnType, n)
	for i, c := range columns {
		types[i] = d.typeOf(c.DatabaseTypeName())
	}
	return types, nil
}

// user makes a person of a row. Its errors are *legacy.RowError; beside one the ID is set if it could be read.
func (r *reader) user(values []any) (legacy.User, error) {
	u := legacy.User{Password: &legacy.Stored{Scheme: r.scheme, Params: maps.Clone(r.params)}}
	var err error
	if u.ID, err = r.key(values); err != nil {
		return legacy.User{}, err
	}
	for i, f := range r.fields {
		if reason := r.field(&u, f, r.types[i], values[i]); reason != "" {
			return legacy.User{ID: u.ID}, unreadable(u.ID, f, reason)
		}
	}
	if u.Password.User = u.Username; u.Username == "" {
		u.Password.User = u.Email
	}
	for param, name := range r.own {
		value, there := u.Extra[name]
		if text := fmt.Sprint(value); there && text != "" {
			if u.Password.Params == nil {
				u.Password.Params = map[string]string{}
			}
			u.Password.Params[param] = text
		}
	}
	return u, nil
}

func unreadable(id string, f field, reason string) *legacy.RowError {
	return &legacy.RowError{Key: id, Column: f.label, Reason: reason}
}

// key makes the person's ID. Its errors are *legacy.RowError.
func (r *reader) key(values []any) (string, error) {
	var parts []string
	var last field
	for i, f := range r.fields {
		if f.kind != fieldID {
			continue
		}
		text, ok := r.types[i].keyText(values[i])
		switch {
		case !ok:
			return "", unreadable("", f, fmt.Sprintf("a value of type %T is no text", values[i]))
		case values[i] == nil:
			return "", unreadable("", f, "the key is empty")
		}
		parts, last = append(parts, text), f
	}
	id := joinKey(parts)
	switch {
	case id == "":
		return "", unreadable("", last, "the key is empty")
	case len(id) > maxIdentifier:
		return "", unreadable("", last, fmt.Sprintf("longer than %d bytes", maxIdentifier))
	case !plain(id):
		return "", unreadable("", last, "not UTF-8 text")
	}
	return id, nil
}

// field puts a value where it belongs, and returns why that cannot be done, or "".
func (r *reader) field(u *legacy.User, f field, t columnType, value any) (reason string) {
	switch f.kind {
	case fieldID: // has been read
		return ""
	case fieldCreatedAt:
		u.CreatedAt = timeOf(value)
		return ""
	case fieldLastLoginAt:
		u.LastLoginAt = timeOf(value)
		return ""
	case fieldDisabled, fieldDisabledWhen:
		u.Disabled = u.Disabled || truth(value) != f.negated
		return ""
	case fieldEmailVerified:
		u.Profile.EmailVerified = shown(value, f.negated)
		return ""
	case fieldPhoneVerified:
		u.Profile.PhoneVerified = shown(value, f.negated)
		return ""
	case fieldExtra:
		setExtra(u, f.label, t.extra(value))
		return ""
	case fieldUsername, fieldEmail, fieldPhone, fieldPassword, fieldSalt, fieldDisplayName, fieldLocale, fieldRoles, fieldGroups,
		fieldTOTPSecret: // text, below
	}
	text, ok := t.text(value)
	if !ok {
		return fmt.Sprintf("a value of type %T is no text", value)
	}
	var err error
	switch f.kind {
	case fieldUsername:
		setIdentifier(u, &u.Username, f, text)
	case fieldEmail:
		setIdentifier(u, &u.Email, f, text)
	case fieldPhone:
		setIdentifier(u, &u.Phone, f, text)
	case fieldPassword:
		u.Password.Hash = bounded(text, maxHash)
	case fieldSalt:
		u.Password.Salt = bounded(text, maxHash)
	case fieldDisplayName:
		name := u.Profile.DisplayName + " " + strings.TrimSpace(bounded(text, maxIdentifier))
		u.Profile.DisplayName = bounded(strings.TrimSpace(name), maxIdentifier)
	case fieldLocale:
		u.Profile.Locale = localeOf(text)
	case fieldRoles:
		u.Profile.Roles, err = listOf(text, t)
	case fieldGroups:
		u.Profile.Groups, err = listOf(text, t)
	case fieldTOTPSecret:
		u.Profile.TOTP, err = totpOf(text)
	case fieldID, fieldCreatedAt, fieldLastLoginAt, fieldDisabled, fieldDisabledWhen, fieldEmailVerified, fieldPhoneVerified,
		fieldExtra: // above
	}
	if err != nil {
		return err.Error()
	}
	return ""
}

func bounded(text string, bound int) string { return text[:min(len(text), bound+1)] }

// setIdentifier keeps the first value that is not empty as the person's, and the others as aliases and as Extra.
func setIdentifier(u *legacy.User, to *string, f field, text string) {
	text = bounded(text, maxIdentifier)
	switch {
	case *to == "":
		*to = text
	case text != "":
		setExtra(u, f.label, text)
		if text != *to && !slices.Contains(u.Aliases, text) {
			u.Aliases = append(u.Aliases, text)
		}
	}
}

func setExtra(u *legacy.User, name string, value any) {
	if value == nil {
		return
	}
	if u.Extra == nil {
		u.Extra = map[string]any{}
	}
	u.Extra[name] = value
}

// joined is the error of a page in which some rows cannot be read.
func joined(bad []*legacy.RowError) error {
	if len(bad) == 0 {
		return nil
	}
	errs := make([]error, len(bad))
	for i, row := range bad {
		errs[i] = row
	}
	return guard.Answered(errors.Join(errs...))
}
