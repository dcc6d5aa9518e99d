package sqlstore

import (
	"database/sql"
	"encoding/json"
	"fmt"
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

// encodeDetail writes the facts of an event as JSON, with sorted names; none are the empty string.
func encodeDetail(detail map[string]string) (string, error) {
	if len(detail) == 0 {
		return "", nil
	}
	text, err := json.Marshal(detail)
	if err != nil {
		return "", fmt.Errorf("encode the event's detail: %w", err)
	}
	return string(text), nil
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
