package sqlsource

import (
	"errors"
	"fmt"
	"time"

	"rekey/legacy"
)

// Columns names the columns of the people's table; an empty name is a column that is not there. A column of a joined
// table is written "alias.column".
type Columns struct {
	// ID is the table's key: unique and never null. A key of several columns is written "realm_id,username", in the order
	// of the table's index; see key.go for the text that the person's ID then is.
	ID string
	// Username, Email and Phone are what people type to log in; at least one of them is needed. Each may name several
	// columns, "username,username_clean": people are found by all of them, the first that is not empty is the person's, and
	// the others are aliases, and in the person's Extra under their own names.
	Username    string
	Email       string
	Phone       string
	Password    string
	Salt        string
	CreatedAt   string // a time of the database, Unix seconds, or text as in RFC 3339; see value.go
	LastLoginAt string
	// Disabled holds a truth value. A leading "!" turns it round, for columns that say that somebody is active. False
	// are NULL, zero, and the texts "", "0", "f", "false", "n", "no", "off"; everything else is true.
	Disabled string
}

// ProfileColumns names the columns of what moves with a person beside the password. An empty name is a column that is
// not there. A column of a joined table is written "alias.column".
type ProfileColumns struct {
	DisplayName string // several, "first_name,last_name", are joined by a space
	Locale      string // BCP 47, or as POSIX writes it ("pt_BR.UTF-8"); what is neither is left out

	// EmailVerified and PhoneVerified hold a truth value, or the time at which it was shown; a leading "!" turns a truth
	// value round. NULL and what is clearly neither true nor a time is not verified.
	EmailVerified string
	PhoneVerified string

	// Roles and Groups hold names separated by commas, a JSON array of texts, an array of PostgreSQL, one that PHP has
	// serialised, or one name in each row of a joined table. A list that begins as one of these and is none makes the row
	// unreadable.
	Roles  string
	Groups string

	// TOTPSecret holds the secret of a one-time password generator in base32 (RFC 4648), empty where there is none. What
	// is neither makes the row unreadable: a second factor must not get lost by a mistake.
	TOTPSecret string
}

// A Join adds a table. It is a LEFT JOIN: somebody who has no row in it is still there.
//
// Where several rows belong to one person, roles, groups and TOTP secrets are collected from all of them, one row that
// says "disabled" is enough, one that says "not verified" too, and the latest login counts. A difference in anything
// else makes that person unreadable rather than a matter of chance: Where must choose the row.
type Join struct {
	Table string      // table or schema.table, spelled as the database has it
	As    string      // what columns are written with, "as.column"; empty: the table's name
	On    []On        // all of them hold
	Where []Condition // on columns of this table, written without alias; all of them hold
}

// On says which rows belong together: Left = Right.
type On struct {
	Left  string // a column of the people's table, or "alias.column" of an earlier Join
	Right string // a column of this table, written without alias
}

// A Condition compares a column with fixed values, as the database compares them. NULL is a value of its own: it is not
// equal to any other, so that "!=" and "not in" hold for it, and neither smaller nor larger.
type Condition struct {
	Column string
	Op     string   // "=", "!=", "<", ">" take one value; "in", "not in" take 1 to 100; "is null", "is not null" none
	Values []string // a number, a date or a truth value ("true", "false") is written as text
}

// Queries are SELECTs of the operator's own, in place of those that are built. Each is optional if a Table is named, and
// all four are needed if none is.
//
// Marks stand for values, which are always bound: :identifier is a list of texts, for IN (:identifier); :id and :after are
// keys as the result's column id has them; :limit is a number. A query is one statement without comments.
//
// The result's columns are known by name, in any order and letter case: id, username, email, phone, password, salt,
// created_at, last_login_at, disabled, display_name, locale, email_verified, phone_verified, roles, groups and totp_secret,
// and those that Config.Extra names. id, password and one of username, email and phone are needed. Table, Joins, Where and
// DisabledWhen do not apply to such a query; disabled is a truth value as in Columns. A list has one row for each person.
type Queries struct {
	Lookup    string // takes :identifier
	Get       string // takes :id
	List      string // takes :limit; in the order of id
	ListAfter string // takes :after and :limit: those behind it in the same order
}

// Config describes a source. The zero values of the last four fields are usable.
type Config struct {
	Name    string // in errors
	DSN     string // mysql://user:pass@host:port/db, postgres://…, sqlserver://…?database=db, sqlite:///path
	Table   string // table or schema.table, spelled as the database has it
	Columns Columns
	Profile ProfileColumns
	// Extra names further columns, for legacy.User.Extra under the names given here: text, whole numbers, numbers, truth
	// values and times by the columns' types, arrays of PostgreSQL as lists of texts. NULL is left out.
	Extra []string
	Joins []Join
	// UpdatedAt names the column of the people's table that says when a record was written last, for Changed: a time of the
	// database, a whole number of Unix seconds, milliseconds or microseconds, or text that sorts by time. It wants an index, and to be in UTC, or
	// an hour of each autumn is told once. Empty: nobody can tell.
	UpdatedAt string
	// Where says who is there: nobody exists for whom not all of it holds, such as those who are deleted softly.
	Where []Condition
	// DisabledWhen adds to Columns.Disabled: any of these is enough.
	DisabledWhen []Condition
	Queries      Queries
	Scheme       string            // of the hash column; see package hash
	Params       map[string]string // for the scheme
	// ParamColumns names columns that hold a parameter of the scheme, by the parameter, where each person has their own.
	// They are read as those of Extra, and an empty one leaves Params as it is.
	ParamColumns map[string]string
	// Write says what may be written back; nil: nothing, and then no connection can write. See OpenWriter; Open leaves it
	// alone.
	Write *Write

	Timeout  time.Duration // of one question, waiting for a connection included; 0: 2 s
	MaxConns int           // 0: 8

	BreakAfter int           // failures in a row that open the circuit breaker; 0: 5
	BreakFor   time.Duration // how long it then answers at once, before one question tries again; 0: 2 s
}

// CheckConfig tells what is wrong with a configuration as far as that shows without asking the database: the DSN, names
// that are none, aliases that nobody declares, conditions and queries that cannot be. Whether the tables and columns are
// there is Source.Check's to find out.
func CheckConfig(c Config) error {
	if c.Write != nil {
		w, err := OpenWriter(c)
		if err != nil {
			return err
		}
		return w.Close()
	}
	s, err := Open(c)
	if err != nil {
		return err
	}
	return s.Close()
}

// checkAlone checks a configuration all of whose questions are queries.
func (c Config) checkAlone() error {
	if c.Columns != (Columns{}) || c.UpdatedAt != "" || c.Profile != (ProfileColumns{}) || len(c.Joins)+len(c.Where)+len(c.DisabledWhen) > 0 {
		return legacy.Wrong("queries", "columns, joins, where and disabled_when mean nothing without a table; the queries name what they return")
	}
	var errs []error
	for i, name := range c.Extra {
		if err := checkName(name); err != nil {
			errs = append(errs, legacy.Wrong(fmt.Sprintf("extra[%d]", i), "%w", err))
		}
	}
	return errors.Join(errs...)
}
