package sqlsource

import (
	"context"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/google/uuid"
)

// A field is a column that is read, and where its value goes.
type field struct {
	kind    fieldKind
	column  string // as configured, without "!"
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
)

// isIdentifier reports whether people are found by the field.
func (k fieldKind) isIdentifier() bool {
	return k == fieldUsername || k == fieldEmail || k == fieldPhone
}

// mapColumns checks the names of the table and its columns and makes the list of fields, the key first.
func (s *Source) mapColumns() error {
	parts := strings.Split(s.config.Table, ".")
	if len(parts) > 2 {
		return errors.New("table: want a name, or schema.name")
	}
	for i, part := range parts {
		if err := checkName(part); err != nil {
			return fmt.Errorf("table: %w", err)
		}
		parts[i] = s.dialect.quote(part)
	}
	s.table = strings.Join(parts, ".")

	c := s.config.Columns
	disabled, negated := strings.CutPrefix(c.Disabled, "!")
	if negated && disabled == "" {
		return errors.New("column disabled: a name is missing behind the exclamation mark")
	}
	columns := []struct {
		kind         fieldKind
		name, column string
	}{
		{fieldID, "id", c.ID}, {fieldUsername, "username", c.Username}, {fieldEmail, "email", c.Email}, {fieldPhone, "phone", c.Phone},
		{fieldPassword, "password", c.Password}, {fieldSalt, "salt", c.Salt}, {fieldCreatedAt, "created_at", c.CreatedAt},
		{fieldLastLoginAt, "last_login_at", c.LastLoginAt}, {fieldDisabled, "disabled", disabled},
	}
	identified := false
	for _, column := range columns {
		if column.column == "" {
			if column.kind == fieldID || column.kind == fieldPassword {
				return fmt.Errorf("column %s: a name is missing", column.name)
			}
			continue
		}
		if err := checkName(column.column); err != nil {
			return fmt.Errorf("column %s: %w", column.name, err)
		}
		identified = identified || column.kind.isIdentifier()
		s.fields = append(s.fields, field{kind: column.kind, column: column.column, negated: column.kind == fieldDisabled && negated})
	}
	if !identified {
		return errors.New("columns: at least one of username, email and phone is needed")
	}
	return nil
}

// maxName is the longest name that all three databases take whole; PostgreSQL would cut a longer one.
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

// A columnType is a column's type as far as it decides how a text is compared with it. Values are bound as the
// column's own type: a cast of the column would keep its index from being used, and MySQL, comparing a number with
// text, takes "1abc" for 1 and "abc" for 0.
type columnType int

const (
	typeText    columnType = iota
	typeInt16              // of PostgreSQL, whose driver refuses a number that does not fit
	typeInt32              // the same
	typeInt64              // bound as a number, as are the two above
	typeUint64             // of MySQL
	typeDecimal            // bound as decimal text
	typeUUID               // of PostgreSQL
	typeBinary             // bound as bytes
	typePadded             // char(n) of PostgreSQL, which fills up with spaces that mean nothing
)

// typeOf classifies what a driver calls a column's type.
func typeOf(name string) columnType {
	name = strings.ToUpper(name)
	switch {
	case strings.Contains(name, "POINT"), strings.Contains(name, "INTERVAL"):
		return typeText
	case name == "INT2":
		return typeInt16
	case name == "INT4":
		return typeInt32
	case strings.Contains(name, "INT") && strings.Contains(name, "UNSIGNED"):
		return typeUint64
	case strings.Contains(name, "INT"), name == "YEAR":
		return typeInt64
	case strings.HasPrefix(name, "NUMERIC"), strings.HasPrefix(name, "DECIMAL"):
		return typeDecimal
	case name == "UUID":
		return typeUUID
	case name == "BPCHAR":
		return typePadded
	case strings.Contains(name, "BINARY"), strings.Contains(name, "BLOB"), name == "BYTEA":
		return typeBinary
	}
	return typeText
}

// bind returns text as an argument that can be compared with a column of the type, and false if no value of the
// column is written that way.
func (t columnType) bind(text string) (any, bool) {
	switch t {
	case typeInt16, typeInt32, typeInt64:
		bits := map[columnType]int{typeInt16: 16, typeInt32: 32, typeInt64: 64}[t]
		n, err := strconv.ParseInt(text, 10, bits)
		return n, err == nil && strconv.FormatInt(n, 10) == text
	case typeUint64:
		n, err := strconv.ParseUint(text, 10, 64)
		return n, err == nil && strconv.FormatUint(n, 10) == text
	case typeDecimal:
		return text, text != "" && len(text) <= 100 && strings.Trim(text, "0123456789") == ""
	case typeUUID:
		id, err := uuid.Parse(text)
		return text, err == nil && id.String() == text
	case typeBinary:
		return []byte(text), true
	case typeText, typePadded:
	}
	return text, true
}

// bindKey is bind for the key, which is hex where the column is binary: bytes are no text.
func (t columnType) bindKey(text string) (any, bool) {
	if t != typeBinary {
		return t.bind(text)
	}
	raw, err := hex.DecodeString(text)
	return raw, err == nil && len(raw) > 0 && hex.EncodeToString(raw) == text
}

// A shape is what the database says of the columns.
type shape struct {
	key     columnType
	columns map[fieldKind]columnType
}

// types asks the database for the columns' types, unless it has answered before.
func (s *Source) types(ctx context.Context) (*shape, error) {
	if known := s.shape.Load(); known != nil {
		return known, nil
	}
	rows, err := s.db.QueryContext(ctx, s.selectFields()+" LIMIT 0")
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	found, err := shapeOf(rows, s.fields)
	if err != nil {
		return nil, err
	}
	s.shape.Store(found)
	return found, nil
}

func shapeOf(rows *sql.Rows, fields []field) (*shape, error) {
	types, err := rows.ColumnTypes()
	if err != nil {
		return nil, err
	}
	if len(types) != len(fields) {
		return nil, fmt.Errorf("the database shows %d columns of %d", len(types), len(fields))
	}
	found := &shape{columns: map[fieldKind]columnType{}}
	for i, f := range fields {
		found.columns[f.kind] = typeOf(types[i].DatabaseTypeName())
	}
	found.key = found.columns[fieldID]
	return found, rows.Err()
}

// probe asks whether an expression can be selected from the table under a condition. It reads no row.
func (s *Source) probe(ctx context.Context, expression, condition string, args ...any) error {
	rows, err := s.db.QueryContext(ctx, "SELECT "+expression+" FROM "+s.table+" WHERE "+condition+" LIMIT 0", args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
	}
	return rows.Err()
}

func (s *Source) selectFields() string {
	columns := make([]string, len(s.fields))
	for i, f := range s.fields {
		columns[i] = s.dialect.quote(f.column)
	}
	return "SELECT " + strings.Join(columns, ", ") + " FROM " + s.table
}

// lookupQuery returns the SELECT that finds whoever has one of the spellings, and its arguments; "" if no column can
// hold any of them. What is in unfit is left out.
func (s *Source) lookupQuery(shape *shape, spellings []string, unfit map[pair]bool) (string, []any) {
	var conditions []string
	var args []any
	for _, f := range s.fields {
		if !f.kind.isIdentifier() {
			continue
		}
		var marks []string
		for _, spelling := range spellings {
			if arg, ok := shape.columns[f.kind].bind(spelling); ok && !unfit[pair{f.kind, spelling}] {
				args = append(args, arg)
				marks = append(marks, s.dialect.mark(len(args)))
			}
		}
		if len(marks) > 0 {
			conditions = append(conditions, s.dialect.quote(f.column)+" IN ("+strings.Join(marks, ", ")+")")
		}
	}
	if len(conditions) == 0 {
		return "", nil
	}
	return s.selectFields() + " WHERE " + strings.Join(conditions, " OR ") + " LIMIT " + strconv.Itoa(maxPeople+1), args
}

// getQuery allows for two rows that a collation takes for equal.
func (s *Source) getQuery() string {
	return s.selectFields() + " WHERE " + s.dialect.quote(s.config.Columns.ID) + " = " + s.dialect.mark(1) + " LIMIT " + strconv.Itoa(maxPeople)
}

func (s *Source) listQuery(onwards bool, limit int) string {
	key := s.dialect.quote(s.config.Columns.ID)
	query := s.selectFields()
	if onwards {
		query += " WHERE " + key + " > " + s.dialect.mark(1)
	}
	return query + " ORDER BY " + key + " LIMIT " + strconv.Itoa(limit)
}
