package sqlsource

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"

	"github.com/go-sql-driver/mysql"
	"github.com/jackc/pgx/v5/pgconn"
	"modernc.org/sqlite"

	"rekey/legacy"
)

// mappingError is a table or column that is not as configured.
type mappingError struct {
	text  string
	cause error
}

func mapping(text string, cause error) error { return &mappingError{text, cause} }

func (e *mappingError) Error() string   { return e.text }
func (e *mappingError) Unwrap() []error { return []error{legacy.ErrMapping, e.cause} }

// Server errors whose messages speak of names and rights only. The others may quote a value, such as PostgreSQL's
// "invalid input syntax" and MySQL's "incorrect string value", and are told by number.
var (
	tellablePostgres = []string{"08", "28", "3D", "3F", "42", "53", "57"} // classes of SQLSTATE
	tellableMySQL    = []uint16{
		1040,                         // too many connections
		1044, 1045, 1142, 1143, 1227, // access denied
		1049, 1054, 1146, 1109, // unknown database, column, table
		1129, 1130, 1203, 1226, // host blocked, user's resources
		1205, 1213, 1317, 1290, 1792, // lock wait, deadlock, interrupted, read-only
	}
)

// isStatementError reports whether the database refused the statement: it is up, and the configuration may be wrong.
func isStatementError(err error) bool {
	var (
		pg *pgconn.PgError
		my *mysql.MySQLError
		li *sqlite.Error
	)
	switch {
	case errors.As(err, &pg):
		return strings.HasPrefix(pg.Code, "42") || strings.HasPrefix(pg.Code, "3F")
	case errors.As(err, &my):
		return slices.Contains([]uint16{1044, 1049, 1054, 1142, 1143, 1146}, my.Number)
	case errors.As(err, &li):
		return li.Code() == sqliteError
	}
	return false
}

// describe tells what went wrong without a value, a question or a secret.
func (s *Source) describe(err error) string {
	text := describe(err, s.config)
	for _, secret := range s.secrets {
		text = strings.ReplaceAll(text, secret, "***")
	}
	return text
}

func describe(err error, c Config) string {
	var (
		mapped  *mappingError
		pg      *pgconn.PgError
		connect *pgconn.ConnectError
		my      *mysql.MySQLError
		li      *sqlite.Error
		network *net.OpError
	)
	switch {
	case errors.As(err, &mapped):
		return mapped.Error()
	case errors.Is(err, context.DeadlineExceeded):
		return fmt.Sprintf("no answer within %v", c.Timeout)
	case errors.Is(err, context.Canceled):
		return "the caller did not wait"
	case errors.As(err, &pg):
		if slices.ContainsFunc(tellablePostgres, func(class string) bool { return strings.HasPrefix(pg.Code, class) }) {
			return fmt.Sprintf("PostgreSQL: %s (SQLSTATE %s)", pg.Message, pg.Code)
		}
		return "PostgreSQL: SQLSTATE " + pg.Code
	case errors.As(err, &my):
		if slices.Contains(tellableMySQL, my.Number) {
			return fmt.Sprintf("MySQL: %s (error %d)", my.Message, my.Number)
		}
		return fmt.Sprintf("MySQL: error %d", my.Number)
	case errors.As(err, &li):
		return "SQLite: " + li.Error()
	case errors.As(err, &network):
		return network.Error()
	case errors.As(err, &connect):
		return "PostgreSQL: cannot connect"
	}
	return fmt.Sprintf("the driver failed (%T)", root(err))
}

// root returns the innermost error, whose type is the most telling.
func root(err error) error {
	for {
		next := errors.Unwrap(err)
		if next == nil {
			return err
		}
		err = next
	}
}
