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
	mssql "github.com/microsoft/go-mssqldb"
	sqlite3 "modernc.org/sqlite"

	"rekey/legacy"
)

// mappingError is a table, a column or a query that is not as configured. The cause may be nil.
type mappingError struct {
	text  string
	cause error
}

func mapping(text string, cause error) error { return &mappingError{text, cause} }

func (e *mappingError) Error() string { return e.text }

func (e *mappingError) Unwrap() []error {
	if e.cause == nil {
		return []error{legacy.ErrMapping}
	}
	return []error{legacy.ErrMapping, e.cause}
}

// Server errors whose messages speak of names and rights only. The others may quote a value, such as PostgreSQL's
// "invalid input syntax" and MySQL's "incorrect string value", and are told by number.
var (
	tellablePostgres  = []string{"08", "28", "3D", "3F", "42", "53", "57"} // classes of SQLSTATE
	tellableSQLServer = []int32{
		207, 208, 4104, // unknown column, table, qualifier
		229, 230, 916, 4060, 18456, // access denied
		1205, 1222, // deadlock, lock wait
	}
	tellableMySQL = []uint16{
		1040,                         // too many connections
		1044, 1045, 1142, 1143, 1227, // access denied
		1049, 1054, 1146, 1109, // unknown database, column, table
		1267,                   // columns that cannot be compared
		1129, 1130, 1203, 1226, // host blocked, user's resources
		1205, 1213, 1317, 1290, 1792, // lock wait, deadlock, interrupted, read-only
	}
)

// isStatementError reports whether the database refused the statement: it is up, and the configuration may be wrong.
func isStatementError(err error) bool {
	if pg, ok := errors.AsType[*pgconn.PgError](err); ok {
		return strings.HasPrefix(pg.Code, "42") || strings.HasPrefix(pg.Code, "3F")
	}
	if my, ok := errors.AsType[*mysql.MySQLError](err); ok {
		return slices.Contains([]uint16{1044, 1049, 1054, 1142, 1143, 1146, 1267}, my.Number)
	}
	if ms, ok := errors.AsType[mssql.Error](err); ok {
		return slices.Contains([]int32{207, 208, 229, 230, 245, 916, 4060, 4104}, ms.Number)
	}
	if li, ok := errors.AsType[*sqlite3.Error](err); ok {
		return li.Code() == sqliteError
	}
	return false
}

// isRefusal is isStatementError for a query of the operator's, in which more can be wrong: its syntax, and its types.
func isRefusal(err error) bool {
	if pg, ok := errors.AsType[*pgconn.PgError](err); ok {
		return slices.Contains([]string{"0A", "21", "22", "3F", "42"}, pg.Code[:min(2, len(pg.Code))])
	}
	if my, ok := errors.AsType[*mysql.MySQLError](err); ok {
		return slices.Contains([]string{"21", "22", "42"}, string(my.SQLState[:2])) || isStatementError(err)
	}
	if ms, ok := errors.AsType[mssql.Error](err); ok {
		const byUser = 16 // the highest class of what a user can mend
		return ms.Class <= byUser && ms.Number != 1205 && ms.Number != 1222
	}
	return isStatementError(err)
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
		li      *sqlite3.Error
		network *net.OpError
	)
	ms, isMS := errors.AsType[mssql.Error](err)
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
	case isMS:
		if slices.Contains(tellableSQLServer, ms.Number) {
			return fmt.Sprintf("SQL Server: %s (error %d)", ms.Message, ms.Number)
		}
		return fmt.Sprintf("SQL Server: error %d", ms.Number)
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
