package sqlsource

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"math"
	"strconv"
	"strings"
	"time"

	"rekey/legacy"
)

// What a row may hold. A longer identifier or hash is cut one byte behind its bound, which is enough for whoever parses
// it to refuse it: one odd value must not keep the rest of the row from being read.
const (
	maxIdentifier = 1 << 10
	maxHash       = 8 << 10 // as package hash
	maxKeyInError = 64
)

// read runs a SELECT over the fields and returns the people, and the rows that cannot be read.
func (s *Source) read(ctx context.Context, shape *shape, query string, args []any) (users []legacy.User, bad []*legacy.RowError, err error) {
	rows, err := s.db.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, nil, err
	}
	defer rows.Close()
	values := make([]any, len(s.fields))
	targets := make([]any, len(s.fields))
	for i := range values {
		targets[i] = &values[i]
	}
	for rows.Next() {
		clear(values)
		if err := rows.Scan(targets...); err != nil {
			return nil, nil, err
		}
		user, err := s.user(shape, values)
		var row *legacy.RowError
		switch {
		case errors.As(err, &row):
			bad = append(bad, row)
		case err != nil:
			return nil, nil, err
		default:
			users = append(users, user)
		}
	}
	return users, bad, rows.Err()
}

// user makes a person of a row. Its errors are *legacy.RowError.
func (s *Source) user(shape *shape, values []any) (legacy.User, error) {
	u := legacy.User{Password: &legacy.Stored{Scheme: s.config.Scheme, Params: maps.Clone(s.config.Params)}}
	for i, f := range s.fields {
		value := values[i]
		unreadable := func(reason string) (legacy.User, error) {
			return legacy.User{}, &legacy.RowError{Key: u.ID[:min(len(u.ID), maxKeyInError)], Column: f.column, Reason: reason}
		}
		switch f.kind {
		case fieldCreatedAt:
			u.CreatedAt = timeOf(value)
			continue
		case fieldLastLoginAt:
			u.LastLoginAt = timeOf(value)
			continue
		case fieldDisabled:
			u.Disabled = truth(value) != f.negated
			continue
		case fieldID, fieldUsername, fieldEmail, fieldPhone, fieldPassword, fieldSalt: // text, below
		}
		text, ok := textOf(value)
		if !ok {
			return unreadable(fmt.Sprintf("a value of type %T is no text", value))
		}
		bound := maxIdentifier
		if f.kind == fieldPassword || f.kind == fieldSalt {
			bound = maxHash
		}
		if f.kind == fieldID && shape.key == typeBinary {
			text = hex.EncodeToString([]byte(text))
		}
		text = text[:min(len(text), bound+1)]
		if shape.columns[f.kind] == typePadded {
			text = strings.TrimRight(text, " ")
		}
		switch f.kind {
		case fieldID:
			switch u.ID = text; {
			case text == "":
				return unreadable("the key is empty")
			case len(text) > bound:
				return unreadable(fmt.Sprintf("longer than %d bytes", bound))
			case !plain(text):
				return unreadable("not UTF-8 text")
			}
		case fieldUsername:
			u.Username = text
		case fieldEmail:
			u.Email = text
		case fieldPhone:
			u.Phone = text
		case fieldPassword:
			u.Password.Hash = text
		case fieldSalt:
			u.Password.Salt = text
		case fieldCreatedAt, fieldLastLoginAt, fieldDisabled: // above
		}
	}
	if u.Password.User = u.Username; u.Username == "" {
		u.Password.User = u.Email
	}
	return u, nil
}

// textOf returns a value as text; NULL is empty.
func textOf(value any) (string, bool) {
	switch v := value.(type) {
	case nil:
		return "", true
	case string:
		return v, true
	case []byte:
		return string(v), true
	case int64:
		return strconv.FormatInt(v, 10), true
	case uint64:
		return strconv.FormatUint(v, 10), true
	case float64:
		if v == math.Trunc(v) && math.Abs(v) < 1<<53 {
			return strconv.FormatInt(int64(v), 10), true
		}
	}
	return "", false
}

// truth reads a truth value as applications write them. A time is true: it is when somebody was disabled.
func truth(value any) bool {
	switch v := value.(type) {
	case nil:
		return false
	case bool:
		return v
	case int64:
		return v != 0
	case uint64:
		return v != 0
	case float64:
		return v != 0
	case []byte:
		if len(v) == 1 && v[0] <= 1 { // MySQL's BIT(1)
			return v[0] == 1
		}
		return truthText(string(v))
	case string:
		return truthText(v)
	}
	return true
}

func truthText(text string) bool {
	switch strings.ToLower(strings.TrimSpace(text)) {
	case "", "0", "f", "false", "n", "no", "off", "\x00", "0000-00-00", "0000-00-00 00:00:00":
		return false
	}
	return true
}

// The layouts of times in text; without a zone they are UTC.
var timeLayouts = [...]string{
	time.RFC3339Nano,
	"2006-01-02 15:04:05.999999999Z07:00",
	"2006-01-02 15:04:05.999999999Z07",
	"2006-01-02 15:04:05.999999999",
	"2006-01-02T15:04:05.999999999",
	time.DateOnly,
}

// timeOf reads a time: the database's own, text, or seconds since 1970 as a number (milliseconds and microseconds are
// told by their size). What cannot be read, MySQL's zero dates above all, is unknown, which is the zero time: a strange
// date is no reason to keep somebody out.
func timeOf(value any) time.Time {
	switch v := value.(type) {
	case time.Time:
		return known(v)
	case int64:
		return unixTime(v)
	case uint64:
		return unixTime(int64(min(v, math.MaxInt64)))
	case float64:
		if math.Abs(v) < 1<<53 {
			return unixTime(int64(v))
		}
	case []byte:
		return timeText(string(v))
	case string:
		return timeText(v)
	}
	return time.Time{}
}

func timeText(text string) time.Time {
	text = strings.TrimSpace(text)
	if n, err := strconv.ParseInt(text, 10, 64); err == nil {
		return unixTime(n)
	}
	for _, layout := range timeLayouts {
		if moment, err := time.Parse(layout, text); err == nil {
			return known(moment)
		}
	}
	return time.Time{}
}

func unixTime(n int64) time.Time {
	const (
		millis = 100_000_000_000     // as seconds: the year 5138
		micros = 100_000_000_000_000 // as milliseconds: the same
	)
	switch {
	case n <= 0: // "never" in most applications
		return time.Time{}
	case n < millis:
		return time.Unix(n, 0).UTC()
	case n < micros:
		return time.UnixMilli(n).UTC()
	}
	return known(time.UnixMicro(n))
}

// known returns a time of our age in UTC, and the zero time for others, such as MySQL's year 0 and "infinity".
func known(moment time.Time) time.Time {
	if moment = moment.UTC(); moment.Year() < 1900 || moment.Year() > 9999 {
		return time.Time{}
	}
	return moment
}
