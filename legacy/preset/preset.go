// Package preset knows the tables in which well-known applications keep their people: where the password is, how it was
// hashed, who is disabled or deleted, and what moves beside the password.
//
// It serves whoever sets up a source. It is data: it opens nothing, asks nothing and imports nothing of this repository.
// Nothing here is more than a default: what an operator writes into the configuration counts more.
package preset

import (
	"maps"
	"slices"
	"strings"
)

// A Preset is one application's layout. Its fields mean what those of the same name mean to package sqlsource.
type Preset struct {
	Name  string // as in configuration
	Title string // for people: the application and the releases that have this layout

	// Source says where the application's own definition of the tables is, so that the next release can be compared.
	Source  string
	Engines []string // the databases that the application runs on: mysql, postgres, sqlite, sqlserver, mongodb

	Prefix  string // what the application puts before its tables by default
	Table   string // the table of people, without the prefix
	Columns Columns
	Profile Profile
	Extra   []string // further columns for mapping expressions

	Joins        []Join
	Where        []Condition
	DisabledWhen []Condition
	Queries      Queries // instead of all between Table and here
	File         File    // instead of all since Prefix: the source is an export, of kind file

	Scheme string            // see package hash
	Params map[string]string // for the scheme
	// ParamColumns names columns that hold a parameter of the scheme, by the parameter, where each row has its own.
	ParamColumns map[string]string

	// Write says what of the application's tables can be written so that the application does not notice; nil: it is not
	// known. What is not plain columns is in its statements.
	Write *Write

	Needs []Need   // what the operator has to find out
	Notes []string // what the layout does not say, a sentence each
}

// Columns names the columns of the table of people; an empty name is a column that is not there.
type Columns struct {
	ID          string // several, "realm_id,username", are one key
	Username    string // several, "name,lower_name", are each asked; the first is the person's
	Email       string
	Phone       string
	Password    string
	Salt        string
	CreatedAt   string
	LastLoginAt string
	Disabled    string // "!" before it: the column says that somebody is active
}

// Profile names the columns of what moves beside the password.
type Profile struct {
	DisplayName   string // several are joined by a space
	Locale        string
	EmailVerified string // a truth value, or the time at which it was shown
	PhoneVerified string
	Roles         string
	Groups        string
	TOTPSecret    string // base32
}

// A Join adds a table; people who have no row in it stay.
type Join struct {
	Table string // without the prefix
	As    string
	On    []On
	Where []Condition // on columns of this table
}

// On says which rows belong together.
type On struct {
	Left  string // of the table of people, or "alias.column" of an earlier Join
	Right string // of the joined table
}

// A Condition compares a column with fixed values.
type Condition struct {
	Column string
	Op     string // "=", "!=", "<", ">", "in", "not in", "is null", "is not null"
	Values []string
}

// Queries are whole SELECTs, for what a table and joins cannot say.
type Queries struct {
	Lookup, Get, List, ListAfter string
}

// Write holds statements as package sqlsource takes them: "" is one that is built, "-" what is not written. {table} and
// {prefix} stand for the table of people and the prefix.
type Write struct {
	Scheme string // of new passwords; "" makes each like the person's own

	Password, Username, Email, Phone, DisplayName string
	EmailVerified, Disabled, Insert, Delete       string
}

// WriteWith returns what can be written, with the names of the tables in its statements, or false if that is not known.
func (p Preset) WriteWith(table, prefix string) (Write, bool) {
	if p.Write == nil {
		return Write{}, false
	}
	if prefix == "" {
		prefix = p.Prefix
	}
	names := strings.NewReplacer("{table}", table, "{prefix}", prefix)
	w := *p.Write
	for _, text := range []*string{
		&w.Password, &w.Username, &w.Email, &w.Phone, &w.DisplayName, &w.EmailVerified, &w.Disabled, &w.Insert, &w.Delete,
	} {
		*text = names.Replace(*text)
	}
	return w, true
}

// never is what is not written.
const never = "-"

// A File is an export, for applications whose database is not one that a source asks. It means what a configuration of
// package filesource means.
type File struct {
	Format  string
	Columns map[string]string
	Command string // that makes the export
}

// A Need is a key of the source's configuration that only the operator can fill.
type Need struct {
	Key string // "pepper", "where"
	// Always: without it nobody of this application can log in. Otherwise Why says who needs it.
	Always bool
	Why    string // where to find it, and what it is for
}

// TableWith returns the table's name behind a prefix; an empty prefix means the default.
func (p Preset) TableWith(prefix string) string { return p.prefixed(prefix, p.Table) }

// JoinsWith returns the joins with their tables' names behind a prefix; an empty prefix means the default.
func (p Preset) JoinsWith(prefix string) []Join {
	joins := slices.Clone(p.Joins)
	for i := range joins {
		joins[i].Table = p.prefixed(prefix, joins[i].Table)
	}
	return joins
}

func (p Preset) prefixed(prefix, table string) string {
	if table == "" {
		return ""
	}
	if prefix == "" {
		prefix = p.Prefix
	}
	return prefix + table
}

// All returns the presets in the order of their names. Each call makes them anew, so that nobody changes another's.
func All() []Preset {
	all := slices.Concat(cms(), forums(), shops(), phpFrameworks(), frameworks(), dotnet(), servers())
	slices.SortFunc(all, func(a, b Preset) int { return strings.Compare(a.Name, b.Name) })
	return all
}

// Names returns the presets' names in their order.
func Names() []string {
	var names []string
	for _, p := range All() {
		names = append(names, p.Name)
	}
	return names
}

// Named returns the preset of that name, and whether there is one.
func Named(name string) (Preset, bool) {
	all := All()
	i := slices.IndexFunc(all, func(p Preset) bool { return p.Name == name })
	if i < 0 {
		return Preset{}, false
	}
	return all[i], true
}

// ParamsWith returns the scheme's parameters with those of the operator over them.
func (p Preset) ParamsWith(own map[string]string) map[string]string {
	params := maps.Clone(p.Params)
	if params == nil {
		params = map[string]string{}
	}
	maps.Copy(params, own)
	return params
}

// Words that the tables of presets are written with.

func is(column, value string) Condition { return Condition{column, "=", []string{value}} }
func not(column, value string) Condition {
	return Condition{column, "!=", []string{value}}
}
func over(column, value string) Condition { return Condition{column, ">", []string{value}} }
func null(column string) Condition        { return Condition{Column: column, Op: "is null"} }
func given(column string) Condition       { return Condition{Column: column, Op: "is not null"} }

func on(left, right string) []On { return []On{{left, right}} }
