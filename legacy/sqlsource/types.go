package sqlsource

import (
	"encoding/hex"
	"math"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/google/uuid"
	mssql "github.com/microsoft/go-mssqldb"
)

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
	typeFloat
	typeBool
	typeTime
	typeUUID    // of PostgreSQL
	typeGUID    // uniqueidentifier of SQL Server, whose driver gives it as bytes in an order of its own
	typeBinary  // bound as bytes
	typePadded  // char(n) of PostgreSQL and SQL Server, which is filled up with spaces that mean nothing
	typeVarchar // of SQL Server: compared with Unicode text, its index would not be used
	typeArray   // of PostgreSQL
	typeJSON
)

// typeOf classifies what a driver calls a column's type.
func typeOf(name string) columnType {
	name = strings.ToUpper(name)
	switch {
	case strings.HasPrefix(name, "_"):
		return typeArray
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
	case strings.HasPrefix(name, "FLOAT"), strings.HasPrefix(name, "DOUBLE"), name == "REAL":
		return typeFloat
	case name == "BOOL", name == "BOOLEAN":
		return typeBool
	case strings.HasPrefix(name, "DATE"), strings.HasPrefix(name, "TIMESTAMP"), name == "SMALLDATETIME":
		return typeTime
	case name == "UUID":
		return typeUUID
	case name == "BPCHAR":
		return typePadded
	case name == "JSON", name == "JSONB":
		return typeJSON
	case strings.Contains(name, "BINARY"), strings.Contains(name, "BLOB"), name == "BYTEA":
		return typeBinary
	}
	return typeText
}

// mySQLType knows BIT, which PostgreSQL has for something else.
func mySQLType(name string) columnType {
	if name == "BIT" {
		return typeBool
	}
	return typeOf(name)
}

// sqlServerType knows what means something else elsewhere, and what is only there.
func sqlServerType(name string) columnType {
	switch name {
	case "BIT":
		return typeBool
	case "UNIQUEIDENTIFIER":
		return typeGUID
	case "CHAR", "NCHAR":
		return typePadded
	case "VARCHAR":
		return typeVarchar
	case "IMAGE":
		return typeBinary
	case "MONEY", "SMALLMONEY":
		return typeDecimal
	}
	return typeOf(name)
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
	case typeFloat:
		n, err := strconv.ParseFloat(text, 64)
		return n, err == nil && strconv.FormatFloat(n, 'f', -1, 64) == text && !math.IsInf(n, 0) && !math.IsNaN(n)
	case typeUUID, typeGUID:
		id, err := uuid.Parse(text)
		return text, err == nil && id.String() == text
	case typeBinary:
		return []byte(text), true
	case typeVarchar:
		// Other texts would arrive in the wrong character set. They are compared as Unicode, which is slow and right.
		if isASCII(text) {
			return mssql.VarChar(text), true
		}
	case typeBool, typeArray, typeJSON: // nobody is found by these
		return nil, false
	case typeText, typePadded, typeTime:
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

// bindFixed is bind for a value of the configuration, which may be signed, a fraction or a truth value.
func (t columnType) bindFixed(text string) (any, bool) {
	yes := text == "true"
	isTruth := yes || text == "false"
	switch t {
	case typeInt16, typeInt32, typeInt64, typeUint64:
		if isTruth {
			return map[bool]int64{true: 1}[yes], true
		}
	case typeBool:
		return yes || text == "1", isTruth || text == "0" || text == "1"
	case typeDecimal, typeFloat:
		n, err := strconv.ParseFloat(text, 64)
		if isFinite := err == nil && !math.IsInf(n, 0) && !math.IsNaN(n); !isFinite || t == typeFloat {
			return n, isFinite
		}
		return text, strings.Trim(text, "-.0123456789") == ""
	case typeText, typeTime, typeUUID, typeGUID, typeBinary, typePadded, typeVarchar, typeArray, typeJSON:
	}
	return t.bind(text)
}

// text returns a value of the column as text; NULL is empty.
func (t columnType) text(value any) (string, bool) {
	if raw, ok := value.([]byte); ok && t == typeGUID {
		var id mssql.UniqueIdentifier
		if err := id.Scan(raw); err != nil {
			return "", false
		}
		return uuid.UUID(id).String(), true
	}
	text, ok := textOf(value)
	if t == typePadded {
		text = strings.TrimRight(text, " ")
	}
	return text, ok
}

// keyText is text for the key, which is hex where the column is binary.
func (t columnType) keyText(value any) (string, bool) {
	text, ok := t.text(value)
	if t == typeBinary {
		text = hex.EncodeToString([]byte(text))
	}
	return text, ok
}

// extra returns a value as mapping expressions have it, and nil for NULL, for times that are none, and for what is
// neither text, number, truth nor time. Bytes that are no text are hex; a text is cut.
func (t columnType) extra(value any) any {
	if value == nil {
		return nil
	}
	_, isTime := value.(time.Time)
	switch {
	case t == typeBool:
		return truth(value)
	case t == typeTime, isTime:
		if moment := timeOf(value); !moment.IsZero() {
			return moment
		}
		return nil
	}
	switch v := value.(type) {
	case bool, int64, float64:
		return v
	}
	text, ok := t.text(value)
	if !ok {
		return nil
	}
	switch t {
	case typeInt16, typeInt32, typeInt64, typeUint64:
		if n, err := strconv.ParseInt(text, 10, 64); err == nil {
			return n
		}
	case typeDecimal, typeFloat:
		if n, err := strconv.ParseFloat(text, 64); err == nil && !math.IsInf(n, 0) && !math.IsNaN(n) {
			return n
		}
	case typeBinary:
		if !utf8.ValidString(text) {
			return hex.EncodeToString([]byte(text[:min(len(text), maxExtra/2)]))
		}
	case typeArray:
		if names, err := listOf(text, t); err == nil {
			return names
		}
	case typeText, typeBool, typeTime, typeUUID, typeGUID, typePadded, typeVarchar, typeJSON:
	}
	return cut(text, maxExtra)
}

// cut shortens a text to at most n bytes, not in the middle of a character.
func cut(text string, n int) string {
	if len(text) <= n {
		return text
	}
	for n > 0 && !utf8.RuneStart(text[n]) {
		n--
	}
	return text[:n]
}

func isASCII(text string) bool {
	return strings.IndexFunc(text, func(r rune) bool { return r >= utf8.RuneSelf }) < 0
}
