package mapping

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"

	"rekey/legacy"
)

// A record is what an expression sees: one person, cleaned, and the time. It resolves the two names, user and now. It
// reaches CEL only as that of which a field is selected, never as a value, because the person has a password.
type record struct {
	user legacy.User
	now  time.Time
}

// ResolveName implements cel.Activation.
func (r *record) ResolveName(name string) (any, bool) {
	switch name {
	case "user":
		return r, true
	case "now":
		return types.Timestamp{Time: r.now}, true
	}
	return nil, false
}

// Parent implements cel.Activation.
func (*record) Parent() cel.Activation { return nil }

// String hides the person from errors that print what they were given.
func (*record) String() string { return "[person]" }

// GoString hides the person from %#v.
func (*record) GoString() string { return "[person]" }

// A field is something of a person that expressions can ask for.
type field struct {
	name string
	kind *cel.Type
	get  func(*record) ref.Val
	set  func(*record) bool // what has(user.name) says
}

// fields lists what expressions see of everybody. Password, salt, one-time passwords and recovery codes are not in it.
func fields(adapter types.Adapter) []field {
	texts := cel.ListType(cel.StringType)
	text := func(name string, get func(*legacy.User) string) field {
		return field{
			name, cel.StringType,
			func(r *record) ref.Val { return types.String(get(&r.user)) },
			func(r *record) bool { return get(&r.user) != "" },
		}
	}
	truth := func(name string, get func(*legacy.User) bool) field {
		return field{
			name, cel.BoolType,
			func(r *record) ref.Val { return types.Bool(get(&r.user)) },
			func(*record) bool { return true },
		}
	}
	list := func(name string, get func(*legacy.User) []string) field {
		return field{
			name, texts,
			func(r *record) ref.Val { return types.NewStringList(adapter, get(&r.user)) },
			func(r *record) bool { return len(get(&r.user)) > 0 },
		}
	}
	moment := func(name string, get func(*legacy.User) time.Time) field {
		return field{
			name, cel.TimestampType,
			func(r *record) ref.Val { return types.Timestamp{Time: orEpoch(get(&r.user))} },
			func(r *record) bool { return !get(&r.user).IsZero() },
		}
	}
	lastLogin := func(u *legacy.User) time.Time { return u.LastLoginAt }
	return []field{
		text("id", func(u *legacy.User) string { return u.ID }),
		text("username", func(u *legacy.User) string { return u.Username }),
		text("email", func(u *legacy.User) string { return u.Email }),
		text("phone", func(u *legacy.User) string { return u.Phone }),
		text("display_name", func(u *legacy.User) string { return u.Profile.DisplayName }),
		text("locale", func(u *legacy.User) string { return u.Profile.Locale }),
		truth("disabled", func(u *legacy.User) bool { return u.Disabled }),
		truth("email_verified", func(u *legacy.User) bool { return u.Profile.EmailVerified }),
		truth("phone_verified", func(u *legacy.User) bool { return u.Profile.PhoneVerified }),
		moment("created_at", func(u *legacy.User) time.Time { return u.CreatedAt }),
		moment("last_login", lastLogin),
		moment("last_login_at", lastLogin),
		list("roles", func(u *legacy.User) []string { return u.Profile.Roles }),
		list("groups", func(u *legacy.User) []string { return u.Profile.Groups }),
		{
			"attributes", cel.MapType(cel.StringType, cel.StringType),
			func(r *record) ref.Val { return types.NewStringStringMap(adapter, r.user.Profile.Attributes) },
			func(r *record) bool { return len(r.user.Profile.Attributes) > 0 },
		},
	}
}

// secret names what an expression must not see under any name.
var secret = [...]string{"password", "salt", "totp", "recovery_codes"}

// orEpoch returns a time as expressions see it. An unknown one is 1970-01-01: comparisons then say "long ago", which is
// what "never" means beside them, where null would make every such comparison fail.
func orEpoch(moment time.Time) time.Time {
	if moment.IsZero() {
		return time.Unix(0, 0).UTC()
	}
	return moment
}

// A schema knows the fields of user: those of everybody, and the columns. It is CEL's type provider.
type schema struct {
	*types.Registry
	fields map[string]*types.FieldType
	names  []string
}

// userType is what CEL calls the type of user. No expression can write that name, and so make one.
const userType = "a person"

// checkColumns refuses names of columns that expressions could not tell apart, or must not see.
func checkColumns(columns []string) error {
	if len(columns) > maxColumns {
		return legacy.Wrong("extra", "more than %d columns", maxColumns)
	}
	taken := map[string]bool{}
	for _, f := range fields(nil) {
		taken[f.name] = true
	}
	for _, column := range columns {
		switch {
		case column == "" || len(column) > maxName || !utf8.ValidString(column) || strings.ContainsFunc(column, unicode.IsControl):
			return legacy.Wrong("extra", "column %q: a name has 1 to %d bytes of text", column[:min(len(column), maxName)], maxName)
		case slices.Contains(secret[:], strings.ToLower(column)):
			return legacy.Wrong("extra", "column %s: no expression may see it", column)
		case taken[column]:
			return legacy.Wrong("extra", "column %s: user.%s is something else already; give the column another name", column, column)
		}
		taken[column] = true
	}
	return nil
}

// newSchema knows columns that checkColumns takes.
func newSchema(columns []string) (*schema, error) {
	registry, err := types.NewRegistry()
	if err != nil {
		return nil, fmt.Errorf("CEL: %w", err)
	}
	s := &schema{Registry: registry, fields: map[string]*types.FieldType{}}
	for _, f := range fields(registry) {
		s.add(f.name, &types.FieldType{
			Type: f.kind,
			IsSet: func(target any) bool {
				r, ok := target.(*record)
				return ok && f.set(r)
			},
			GetFrom: func(target any) (any, error) {
				r, ok := target.(*record)
				if !ok {
					return nil, errNoRecord
				}
				return f.get(r), nil
			},
		})
	}
	for _, column := range columns {
		s.add(column, &types.FieldType{
			Type: cel.DynType,
			IsSet: func(target any) bool {
				r, ok := target.(*record)
				return ok && isThere(r.user.Extra[column])
			},
			GetFrom: func(target any) (any, error) {
				r, ok := target.(*record)
				if !ok {
					return nil, errNoRecord
				}
				return columnValue(registry, r.user.Extra[column])
			},
		})
	}
	return s, nil
}

func (s *schema) add(name string, f *types.FieldType) {
	s.fields[name] = f
	s.names = append(s.names, name)
}

// FindStructType implements types.Provider.
func (s *schema) FindStructType(structType string) (*types.Type, bool) {
	if structType != userType {
		return s.Registry.FindStructType(structType)
	}
	return types.NewTypeTypeWithParam(cel.ObjectType(userType)), true
}

// FindStructFieldType implements types.Provider.
func (s *schema) FindStructFieldType(structType, name string) (*types.FieldType, bool) {
	if structType != userType {
		return s.Registry.FindStructFieldType(structType, name)
	}
	f, ok := s.fields[name]
	return f, ok
}

// Reasons for which a column has no value in an expression.
var (
	errNoRecord    = errors.New("not a person")
	errColumnType  = errors.New("a column has a value of a type that expressions do not know")
	errColumnLarge = errors.New("a column has a value that is too large for an expression")
)

// isThere says what has(user.column) says: whether the column is something else than null.
func isThere(value any) bool {
	moment, isTime := value.(time.Time)
	return value != nil && !(isTime && moment.IsZero())
}

// columnValue returns a value of legacy.User.Extra. What is not there is null. Its size is bounded, because the cost of
// an expression is reckoned with that bound.
func columnValue(adapter types.Adapter, value any) (ref.Val, error) {
	if !isThere(value) {
		return types.NullValue, nil
	}
	switch v := value.(type) {
	case string:
		if len(v) > maxText {
			return nil, errColumnLarge
		}
		return types.String(v), nil
	case bool:
		return types.Bool(v), nil
	case int64:
		return types.Int(v), nil
	case float64:
		return types.Double(v), nil
	case time.Time:
		return types.Timestamp{Time: v}, nil
	case []string:
		total := 0
		for _, text := range v {
			total += len(text)
		}
		if len(v) > maxItems || total > maxText {
			return nil, errColumnLarge
		}
		return types.NewStringList(adapter, v), nil
	}
	return nil, errColumnType
}
