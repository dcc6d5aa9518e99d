package sqlstore

import (
	"cmp"
	"database/sql"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Times are stored as microseconds since 1970, which both databases compare and index as plain numbers.

func micros(t time.Time) int64 { return t.UnixMicro() }

func moment(micros int64) time.Time { return time.UnixMicro(micros).UTC() }

// microsOrNull stores the zero time as NULL.
func microsOrNull(t time.Time) sql.NullInt64 {
	return sql.NullInt64{Int64: t.UnixMicro(), Valid: !t.IsZero()}
}

// momentOrZero is the opposite of microsOrNull.
func momentOrZero(micros sql.NullInt64) time.Time {
	if !micros.Valid {
		return time.Time{}
	}
	return moment(micros.Int64)
}

// encodeDetail writes the facts of an event as JSON, with sorted names; none are the empty string. There is one with every account
// that is made.
func encodeDetail(detail map[string]string) (string, error) {
	if len(detail) == 0 {
		return "", nil
	}
	names := make([]string, 0, 8)
	for name := range detail {
		names = append(names, name)
	}
	slices.Sort(names)
	var room [256]byte
	text := append(room[:0], '{')
	for i, name := range names {
		if i > 0 {
			text = append(text, ',')
		}
		var err, valueErr error
		text, err = appendJSON(text, name)
		text = append(text, ':')
		text, valueErr = appendJSON(text, detail[name])
		if err := cmp.Or(err, valueErr); err != nil {
			return "", fmt.Errorf("encode the event's detail: %w", err)
		}
	}
	return string(append(text, '}')), nil
}

// appendJSON appends a text as encoding/json writes it.
func appendJSON(to []byte, text string) ([]byte, error) {
	for i := range len(text) {
		if c := text[i]; c < ' ' || c > '~' || strings.IndexByte(`"\\<>&`, c) >= 0 {
			quoted, err := json.Marshal(text)
			return append(to, quoted...), err
		}
	}
	return append(append(append(to, '"'), text...), '"'), nil
}

func decodeDetail(text string) (map[string]string, error) {
	if text == "" {
		return nil, nil
	}
	var detail map[string]string
	if err := json.Unmarshal([]byte(text), &detail); err != nil {
		return nil, fmt.Errorf("decode the event's detail: %w", err)
	}
	return detail, nil
}
