package sqlsource

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/go-sql-driver/mysql"
	"github.com/jackc/pgx/v5/pgconn"
	mssql "github.com/microsoft/go-mssqldb"
	sqlite3 "modernc.org/sqlite"
	sqlitelib "modernc.org/sqlite/lib"

	"rekey/legacy"
	"rekey/legacy/guard"
)

// A trouble is what a database says of a statement that it did not do.
type trouble int

const (
	troubleUnknown trouble = iota // it may have been done, or is no answer to the statement
	troubleTaken                  // a unique index
	troubleValue                  // too long, or of the wrong kind
	troubleMissing                // a column that must have a value
	troubleRule                   // a constraint, a foreign key, a trigger
	troubleRight
	troubleStatement // the statement itself
	troubleLater     // taken back whole: a deadlock, a lock that was waited for too long, a server that only reads
)

func (t trouble) reason() string {
	return map[trouble]string{
		troubleTaken: "a value that may be there once only is there already", troubleValue: "the column does not take such a value",
		troubleMissing: "a column that must have a value is left without one", troubleRule: "it breaks a constraint",
		troubleRight: "the account may not write it", troubleStatement: "the database does not take the statement",
	}[t]
}

// troubles by the numbers of MySQL and SQL Server, and by the codes of SQLite.
var (
	mySQLTroubles = map[uint16]trouble{
		1062: troubleTaken, 1586: troubleTaken,
		1264: troubleValue, 1265: troubleValue, 1292: troubleValue, 1366: troubleValue, 1406: troubleValue, 1690: troubleValue, 3988: troubleValue,
		1048: troubleMissing, 1364: troubleMissing,
		1216: troubleRule, 1217: troubleRule, 1451: troubleRule, 1452: troubleRule, 1644: troubleRule, 3819: troubleRule, 4025: troubleRule,
		1044: troubleRight, 1045: troubleRight, 1142: troubleRight, 1143: troubleRight, 1227: troubleRight, 1370: troubleRight,
		1054: troubleStatement, 1064: troubleStatement, 1136: troubleStatement, 1146: troubleStatement, 1267: troubleStatement,
		1205: troubleLater, 1213: troubleLater, 1290: troubleLater, 1792: troubleLater, 1836: troubleLater,
	}
	sqlServerTroubles = map[int32]trouble{
		2601: troubleTaken, 2627: troubleTaken, 2628: troubleValue, 8152: troubleValue, 245: troubleValue, 8114: troubleValue, 8115: troubleValue,
		515: troubleMissing, 547: troubleRule, 229: troubleRight, 230: troubleRight, 916: troubleRight,
		102: troubleStatement, 207: troubleStatement, 208: troubleStatement, 1205: troubleLater, 1222: troubleLater, 3906: troubleLater,
	}
	sqliteTroubles = map[int]trouble{
		sqlitelib.SQLITE_CONSTRAINT_UNIQUE: troubleTaken, sqlitelib.SQLITE_CONSTRAINT_PRIMARYKEY: troubleTaken, sqlitelib.SQLITE_CONSTRAINT_ROWID: troubleTaken,
		sqlitelib.SQLITE_CONSTRAINT_NOTNULL: troubleMissing, sqlitelib.SQLITE_CONSTRAINT_CHECK: troubleRule,
		sqlitelib.SQLITE_CONSTRAINT_FOREIGNKEY: troubleRule, sqlitelib.SQLITE_CONSTRAINT_TRIGGER: troubleRule,
		sqlitelib.SQLITE_CONSTRAINT_DATATYPE: troubleValue, sqlitelib.SQLITE_TOOBIG: troubleValue, sqlitelib.SQLITE_MISMATCH: troubleValue,
		sqlitelib.SQLITE_READONLY: troubleRight, sqlitelib.SQLITE_PERM: troubleRight, sqlitelib.SQLITE_AUTH: troubleRight,
		sqlitelib.SQLITE_ERROR: troubleStatement, sqlitelib.SQLITE_BUSY: troubleLater, sqlitelib.SQLITE_LOCKED: troubleLater,
	}
)

// troubleOf tells what a database said, and the names that it said it of: columns, indexes or constraints.
func troubleOf(err error) (trouble, string) {
	if pg, ok := errors.AsType[*pgconn.PgError](err); ok {
		return postgresTrouble(pg)
	}
	if my, ok := errors.AsType[*mysql.MySQLError](err); ok {
		return mySQLTroubles[my.Number], lastQuoted(my)
	}
	if ms, ok := errors.AsType[mssql.Error](err); ok {
		return sqlServerTroubles[ms.Number], ""
	}
	if li, ok := errors.AsType[*sqlite3.Error](err); ok {
		t, known := sqliteTroubles[li.Code()]
		if !known {
			t = sqliteTroubles[li.Code()&0xff]
		}
		return t, sqliteNames(li, t)
	}
	return troubleUnknown, ""
}

func postgresTrouble(pg *pgconn.PgError) (trouble, string) {
	names := pg.ColumnName + " " + pg.ConstraintName
	if columns, _, ok := strings.Cut(strings.TrimPrefix(pg.Detail, "Key ("), ")="); ok && strings.HasPrefix(pg.Detail, "Key (") {
		names += " " + columns
	}
	switch {
	case pg.Code == "23505":
		return troubleTaken, names
	case pg.Code == "23502":
		return troubleMissing, names
	case strings.HasPrefix(pg.Code, "23"), pg.Code == "P0001":
		return troubleRule, names
	case strings.HasPrefix(pg.Code, "22"):
		return troubleValue, names
	case pg.Code == "42501":
		return troubleRight, ""
	case strings.HasPrefix(pg.Code, "42"), strings.HasPrefix(pg.Code, "0A"), strings.HasPrefix(pg.Code, "21"):
		return troubleStatement, ""
	case strings.HasPrefix(pg.Code, "40") && pg.Code != "40003", pg.Code == "55P03", pg.Code == "25006":
		return troubleLater, ""
	}
	return troubleUnknown, ""
}

// quotedName is a name between quotes in a message of MySQL's, whose quotes may also hold values.
var quotedName = regexp.MustCompile("(?:key|column|Column|Field) ['`]([A-Za-z0-9_.$ -]+)['`]|`([A-Za-z0-9_$ -]+)` at row|CONSTRAINT `([A-Za-z0-9_$ -]+)`")

// lastQuoted returns the name at the end of a message: a value comes before it, and could look like anything.
func lastQuoted(my *mysql.MySQLError) string {
	all := quotedName.FindAllStringSubmatch(my.Message, -1)
	if len(all) == 0 {
		return ""
	}
	return strings.Join(all[len(all)-1][1:], "")
}

// sqliteNames returns the columns of "UNIQUE constraint failed: users.email (2067)".
func sqliteNames(li *sqlite3.Error, t trouble) string {
	if t != troubleTaken && t != troubleMissing {
		return ""
	}
	_, names, _ := strings.Cut(li.Error(), "constraint failed: ")
	if _, behind, ok := strings.Cut(names, "constraint failed: "); ok {
		names = behind
	}
	names, _, _ = strings.Cut(names, " (")
	return names
}

// laterError is a write that the database took back whole, and would take another time.
type laterError struct{ text string }

func (e *laterError) Error() string { return e.text }
func (e *laterError) Unwrap() error { return legacy.ErrNotSent }

// judge is what the guard is to hear of a failure anywhere in a write.
func (w *Writer) judge(t *transaction, err error) error {
	if err == nil || guard.IsAnswered(err) {
		return err
	}
	kind, _ := troubleOf(err)
	switch {
	case kind == troubleLater:
		t.sent = false
		return guard.Answered(&laterError{"it was taken back: " + w.describe(err)})
	case kind == troubleRight, kind == troubleStatement, kind != troubleUnknown && t.sent:
		return guard.Answered(&legacy.RefusedError{Reason: w.reason(kind, err)})
	}
	return err
}

// refusal is judge for a statement that writes these parts: it knows which field is meant.
func (w *Writer) refusal(err error, parts []writePart) error {
	kind, names := troubleOf(err)
	if guard.IsAnswered(err) || kind == troubleUnknown || kind == troubleLater {
		return err
	}
	refused := &legacy.RefusedError{Reason: w.reason(kind, err)}
	if kind != troubleRight && kind != troubleStatement {
		refused.Field = w.fieldNamed(names)
		if refused.Field == "" && len(parts) == 1 && kind != troubleTaken {
			refused.Field = w.ways[parts[0]].slot.field
		}
	}
	refused.Taken = kind == troubleTaken && slices.Contains([]string{"Username", "Email", "Phone"}, refused.Field)
	return guard.Answered(refused)
}

// reason says why without a value. A statement that is wrong is the operator's to read about, where its message is of
// names alone.
func (w *Writer) reason(kind trouble, err error) string {
	if kind == troubleStatement || kind == troubleRight {
		return fmt.Sprintf("%s (%s)", kind.reason(), w.describe(err))
	}
	return kind.reason()
}

// fieldNamed returns the field whose column a database speaks of: by its name, or by that of an index or a constraint
// which has the column's name in it.
func (w *Writer) fieldNamed(names string) string {
	words := strings.FieldsFunc(names, func(r rune) bool { return r == ' ' || r == '.' || r == ',' })
	best, field := 0, ""
	for _, f := range w.schema.fields {
		name := fieldName(f.kind)
		if name == "" {
			continue
		}
		for _, word := range words {
			if strings.EqualFold(word, f.column.name) {
				return name
			}
			if n := len(f.column.name); n > best && strings.Contains(strings.ToLower(word), strings.ToLower(f.column.name)) {
				best, field = n, name
			}
		}
	}
	return field
}
