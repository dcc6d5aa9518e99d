package sqlsource

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"rekey/legacy"
)

// A schema is the configured tables and columns, checked and quoted. The first table is the people's; it has no alias
// unless there are others.
type schema struct {
	tables   []table
	key      []column
	fields   []field // the key first
	where    []condition
	disabled []condition // any of them is enough
	updated  column      // when a record was written; no name: there is none
}

// A table is one that is read.
type table struct {
	name   string // as configured
	quoted string
	alias  string // as configured; "" for the people's
	on     []on
	where  []condition
}

// A column is one of a table of the schema.
type column struct {
	table int // its index
	name  string
}

type on struct{ left, right column }

type condition struct {
	column column
	op     string
	values []string
}

// A field is a column that is read, and where its value goes.
type field struct {
	kind    fieldKind
	column  column
	label   string // as configured, for errors and Extra
	negated bool
}

type fieldKind int

const (
	fieldID fieldKind = iota
	fieldUsername
	fieldEmail
	fieldPhone
	fieldPassword
	fieldSalt
	fieldCreatedAt
	fieldLastLoginAt
	fieldDisabled
	fieldDisabledWhen // no column: what the conditions say
	fieldDisplayName
	fieldLocale
	fieldEmailVerified
	fieldPhoneVerified
	fieldRoles
	fieldGroups
	fieldTOTPSecret
	fieldExtra
)

// isIdentifier reports whether people are found by the field.
func (k fieldKind) isIdentifier() bool {
	return k == fieldUsername || k == fieldEmail || k == fieldPhone
}

// mayNegate reports whether "!" before the column means something.
func (k fieldKind) mayNegate() bool {
	return k == fieldDisabled || k == fieldEmailVerified || k == fieldPhoneVerified
}

// mayRepeat reports whether several columns may be named.
func (k fieldKind) mayRepeat() bool { return k == fieldID || k.isIdentifier() || k == fieldDisplayName }

// A slot is a place for columns in the configuration.
type slot struct {
	kind  fieldKind
	name  string // in errors, and what a query calls its result
	names string // of columns, as configured
}

func slots(c Config) []slot {
	return []slot{
		{fieldID, "id", c.Columns.ID},
		{fieldUsername, "username", c.Columns.Username},
		{fieldEmail, "email", c.Columns.Email},
		{fieldPhone, "phone", c.Columns.Phone},
		{fieldPassword, "password", c.Columns.Password},
		{fieldSalt, "salt", c.Columns.Salt},
		{fieldCreatedAt, "created_at", c.Columns.CreatedAt},
		{fieldLastLoginAt, "last_login_at", c.Columns.LastLoginAt},
		{fieldDisabled, "disabled", c.Columns.Disabled},
		{fieldDisplayName, "display_name", c.Profile.DisplayName},
		{fieldLocale, "locale", c.Profile.Locale},
		{fieldEmailVerified, "email_verified", c.Profile.EmailVerified},
		{fieldPhoneVerified, "phone_verified", c.Profile.PhoneVerified},
		{fieldRoles, "roles", c.Profile.Roles},
		{fieldGroups, "groups", c.Profile.Groups},
		{fieldTOTPSecret, "totp_secret", c.Profile.TOTPSecret},
	}
}

// newSchema checks the names of the tables and columns. Its error joins all that is wrong with them; the schema is then of
// no use.
func newSchema(c Config, d dialect) (*schema, error) {
	l := &schema{}
	var errs []error
	people, err := quoteTable(c.Table, d)
	if err != nil {
		errs = append(errs, legacy.Wrong("table", "%w", err))
	}
	l.tables = []table{{name: c.Table, quoted: people}}
	for i, j := range c.Joins {
		if err := l.join(fmt.Sprintf("joins[%d]", i), j, d); err != nil {
			// Columns of a table that is not there would be told one by one.
			return l, errors.Join(append(errs, err)...)
		}
	}
	l.where, err = l.conditions("where", c.Where, l.column)
	errs = append(errs, err)
	l.disabled, err = l.conditions("disabled_when", c.DisabledWhen, l.column)
	errs = append(errs, err)
	if c.UpdatedAt != "" {
		l.updated, err = l.column(c.UpdatedAt)
		if err == nil && l.updated.table != 0 {
			err = errors.New("it is a column of the people's table, not of a joined one")
		}
		if err != nil {
			errs = append(errs, legacy.Wrong("columns.updated_at", "%w", err))
		}
	}
	return l, errors.Join(append(errs, l.mapColumns(c))...)
}

// mapColumns makes the list of fields.
func (l *schema) mapColumns(c Config) error {
	identified := false
	var errs []error
	for _, s := range slots(c) {
		if s.names == "" {
			if s.kind == fieldID || s.kind == fieldPassword {
				errs = append(errs, legacy.Wrong("columns."+s.name, "a name is missing"))
			}
			continue
		}
		fields, err := l.slot(s)
		if err != nil {
			errs = append(errs, legacy.Wrong("columns."+s.name, "%w", err))
		}
		identified = identified || s.kind.isIdentifier()
		l.fields = append(l.fields, fields...)
		if s.kind == fieldDisabled && len(l.disabled) > 0 {
			l.fields = append(l.fields, field{kind: fieldDisabledWhen, label: "disabled_when"})
		}
	}
	if !identified {
		errs = append(errs, legacy.Wrong("columns", "at least one of username, email and phone is needed"))
	}
	if c.Columns.Disabled == "" && len(l.disabled) > 0 {
		l.fields = append(l.fields, field{kind: fieldDisabledWhen, label: "disabled_when"})
	}
	for i, name := range c.Extra {
		at, err := l.column(name)
		if err != nil {
			errs = append(errs, legacy.Wrong(fmt.Sprintf("extra[%d]", i), "%w", err))
		}
		if slices.Contains(c.Extra[:i], name) {
			errs = append(errs, legacy.Wrong(fmt.Sprintf("extra[%d]", i), "%s is named twice", name))
		}
		l.fields = append(l.fields, field{kind: fieldExtra, column: at, label: name})
	}
	for _, f := range l.fields {
		if f.kind == fieldID {
			l.key = append(l.key, f.column)
		}
	}
	return errors.Join(errs...)
}

// slot makes the fields of one place in the configuration.
func (l *schema) slot(s slot) ([]field, error) {
	names := []string{s.names}
	if s.kind.mayRepeat() {
		names = splitNames(s.names)
	}
	var fields []field
	for _, name := range names {
		f := field{kind: s.kind}
		if s.kind.mayNegate() {
			if name, f.negated = strings.CutPrefix(name, "!"); f.negated && name == "" {
				return nil, errors.New("a name is missing behind the exclamation mark")
			}
		}
		var err error
		if f.column, err = l.column(name); err != nil {
			return nil, err
		}
		if s.kind == fieldID && f.column.table != 0 {
			return nil, errors.New("the key is a column of the people's table, not of a joined one")
		}
		if f.label = name; slices.ContainsFunc(fields, func(other field) bool { return other.column == f.column }) {
			return nil, fmt.Errorf("%s is named twice", name)
		}
		fields = append(fields, f)
	}
	return fields, nil
}

// splitNames splits a list of columns. A single name stays as it is.
func splitNames(list string) []string {
	names := strings.Split(list, ",")
	for i := range names {
		if len(names) > 1 {
			names[i] = strings.Trim(names[i], " ")
		}
	}
	return names
}

// column finds the column of a name such as "name" or "alias.name".
func (l *schema) column(name string) (column, error) {
	alias, rest, qualified := strings.Cut(name, ".")
	if !qualified {
		return column{0, name}, checkName(name)
	}
	i := slices.IndexFunc(l.tables, func(t table) bool { return t.alias == alias })
	if i <= 0 {
		return column{}, fmt.Errorf("no join is called %q", alias)
	}
	return column{i, rest}, checkName(rest)
}

// peopleAlias is what the people's table is called beside joined ones.
const peopleAlias = "people"

// maxJoins is more than any application needs.
const maxJoins = 16

// join adds a table, which the configuration has at key.
func (l *schema) join(key string, j Join, d dialect) error {
	quoted, err := quoteTable(j.Table, d)
	if err != nil {
		return legacy.Wrong(key+".table", "%w", err)
	}
	alias := j.As
	if alias == "" {
		alias = j.Table[strings.LastIndex(j.Table, ".")+1:]
	}
	if err := checkName(alias); err != nil {
		return legacy.Wrong(key+".as", "%w", err)
	}
	// Letter case makes a difference to PostgreSQL only.
	if slices.ContainsFunc(l.tables, func(t table) bool { return strings.EqualFold(t.alias, alias) }) ||
		strings.EqualFold(alias, peopleAlias) || strings.EqualFold(alias, foundAlias) {
		return legacy.Wrong(key+".as", "%s is taken; choose another", alias)
	}
	if len(l.tables) > maxJoins {
		return legacy.Wrong("joins", "there are more than %d", maxJoins)
	}
	if len(j.On) == 0 {
		return legacy.Wrong(key+".on", "without it everybody would have every row")
	}
	at := len(l.tables)
	t := table{name: j.Table, quoted: quoted, alias: alias}
	for _, pair := range j.On {
		left, err := l.column(pair.Left)
		if err != nil {
			return legacy.Wrong(key+".on."+pair.Left, "%w", err)
		}
		if err := checkName(pair.Right); err != nil {
			return legacy.Wrong(key+".on."+pair.Left, "%q: %w", pair.Right, err)
		}
		t.on = append(t.on, on{left, column{at, pair.Right}})
	}
	own := func(name string) (column, error) { return column{at, name}, checkName(name) }
	if t.where, err = l.conditions(key+".where", j.Where, own); err != nil {
		return err
	}
	l.tables = append(l.tables, t)
	return nil
}

func quoteTable(name string, d dialect) (string, error) {
	parts := strings.Split(name, ".")
	if len(parts) > 2 {
		return "", errors.New("want a name, or schema.name")
	}
	for i, part := range parts {
		if err := checkName(part); err != nil {
			return "", err
		}
		parts[i] = d.quote(part)
	}
	return strings.Join(parts, "."), nil
}

// maxName is the longest name that all databases take whole; PostgreSQL would cut a longer one.
const maxName = 63

// checkName refuses what is no name: quotes and control characters above all, so that quoting is safe twice over.
func checkName(name string) error {
	if name == "" || len(name) > maxName || !utf8.ValidString(name) {
		return fmt.Errorf("a name has 1 to %d bytes of UTF-8", maxName)
	}
	for _, r := range name {
		if !unicode.IsLetter(r) && !unicode.IsDigit(r) && !strings.ContainsRune("_$- ", r) {
			return fmt.Errorf("a name has letters, digits, _ $ - and spaces, not %q", r)
		}
	}
	return nil
}
