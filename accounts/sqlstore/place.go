package sqlstore

import (
	"database/sql/driver"
	"encoding/base64"
	"fmt"
	"strings"
)

// A place is how far somebody has come in an old store: a key or a cursor of it. Those may be bytes that no text here can be, and who
// stands behind one must be come past all the same. It is kept as it is, or as "base64:" and its bytes (RFC 4648, section 4).
type place string

const encodedPlace = "base64:"

// Value implements driver.Valuer.
func (p place) Value() (driver.Value, error) {
	if storable(string(p)) && !strings.HasPrefix(string(p), encodedPlace) {
		return string(p), nil
	}
	return encodedPlace + base64.StdEncoding.EncodeToString([]byte(p)), nil
}

// Scan implements sql.Scanner.
func (p *place) Scan(value any) error {
	text, ok := value.(string)
	if !ok {
		return fmt.Errorf("a place is a %T, and no text", value)
	}
	if code, encoded := strings.CutPrefix(text, encodedPlace); encoded {
		bytes, err := base64.StdEncoding.DecodeString(code)
		if err != nil {
			return fmt.Errorf("read a place: %w", err)
		}
		text = string(bytes)
	}
	*p = place(text)
	return nil
}
