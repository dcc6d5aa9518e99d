package sqlsource

import (
	"math"
	"strconv"
	"strings"
	"time"
)

// This file reads single values: what drivers return, as old applications have written it.

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

// shown reads whether something was verified, the other way round if negated. Unlike truth it takes nothing for true that
// is not clearly so: a truth value, 1, or a time. Other small numbers are states of whose meaning we know nothing.
func shown(value any, negated bool) bool {
	if value == nil {
		return false
	}
	if negated {
		return !truth(value)
	}
	switch v := value.(type) {
	case bool:
		return v
	case []byte:
		if len(v) == 1 && v[0] <= 1 { // MySQL's BIT(1)
			return v[0] == 1
		}
		return shownText(string(v))
	case string:
		return shownText(v)
	case int64:
		return v == 1 || shownTime(v)
	case uint64:
		return v == 1 || shownTime(v)
	case float64:
		return v == 1 || shownTime(v)
	}
	return shownTime(value)
}

func shownText(text string) bool {
	switch strings.ToLower(strings.TrimSpace(text)) {
	case "1", "t", "true", "y", "yes", "on":
		return true
	}
	return shownTime(text)
}

// shownTime reports whether a value is a time at which an application may have sent a mail.
func shownTime(value any) bool { return timeOf(value).Year() >= 1980 }

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

// compactTime is how MediaWiki writes times. As a number it would be milliseconds after the year 2570.
const compactTime = "20060102150405"

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
	if len(text) == len(time.DateTime) && text[len(time.DateOnly)] == ' ' { // what most stores have; a layout that does not fit costs as much as one that does
		if moment, err := time.Parse(time.DateTime, text); err == nil {
			return known(moment)
		}
	}
	if len(text) == len(compactTime) {
		if moment, err := time.Parse(compactTime, text); err == nil {
			return known(moment)
		}
	}
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
	if n <= 0 { // "never" in most applications
		return time.Time{}
	}
	each := int64(time.Second / unixUnit(n))
	return known(time.Unix(n/each, n%each*int64(unixUnit(n))))
}

// unixUnit is what a number of Unix time counts, by its size.
func unixUnit(n int64) time.Duration {
	const (
		millis = 100_000_000_000     // as seconds: the year 5138
		micros = 100_000_000_000_000 // as milliseconds: the same
	)
	switch {
	case n < millis:
		return time.Second
	case n < micros:
		return time.Millisecond
	}
	return time.Microsecond
}

// known returns a time of our age in UTC, and the zero time for others, such as MySQL's year 0 and "infinity".
func known(moment time.Time) time.Time {
	if moment = moment.UTC(); moment.Year() < 1900 || moment.Year() > 9999 {
		return time.Time{}
	}
	return moment
}
