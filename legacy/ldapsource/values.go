package ldapsource

import (
	"math"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/google/uuid"
)

// plain reports whether text can be asked for.
func plain(s string) bool { return utf8.ValidString(s) && !strings.Contains(s, "\x00") }

// The layouts of times in text. GeneralizedTime (RFC 4517, 3.3.13) may stop at the minute or the hour; a fraction is taken
// wherever there are seconds. The others are what applications write into attributes of text.
var timeLayouts = [...]string{
	"20060102150405Z0700", "20060102150405Z07", "200601021504Z0700", "200601021504Z07", "2006010215Z0700", "2006010215Z07",
	time.RFC3339, time.DateOnly,
}

// timeOf reads a time: GeneralizedTime, or a number whose size tells what it counts. It is the zero time where the value
// means "never", and false where it is no time.
func timeOf(text string) (time.Time, bool) {
	if len(text) > 64 {
		return time.Time{}, false
	}
	if n, err := strconv.ParseInt(text, 10, 64); err == nil {
		return numericTime(n)
	}
	for _, layout := range timeLayouts {
		if moment, err := time.Parse(layout, text); err == nil {
			return known(moment), true
		}
	}
	return time.Time{}, false
}

// numericTime reads a number of Active Directory (100 ns since 1601; 0 and the largest mean never: MS-ADTS, 2.2.18 and
// 3.1.1.1.3), of shadow(5) (days since 1970), or of Unix.
func numericTime(n int64) (time.Time, bool) {
	const (
		days    = 1_000_000              // as days: the year 4707; as seconds: 12 January 1970
		seconds = 100_000_000_000        // as seconds: the year 5138
		millis  = 10_000_000_000_000     // as milliseconds: the year 2286
		digits  = 100_000_000_000_000    // a GeneralizedTime without its zone, which is nobody's time
		micros  = 10_000_000_000_000_000 // as microseconds: the year 2286; as Active Directory's: 1632

		ticks     = 10_000_000     // a second
		sinceThen = 11_644_473_600 // seconds from 1601 to 1970
	)
	switch {
	case n <= 0 || n == math.MaxInt64:
		return time.Time{}, true
	case n < days:
		return time.Unix(n*86_400, 0).UTC(), true
	case n < seconds:
		return time.Unix(n, 0).UTC(), true
	case n < millis:
		return time.UnixMilli(n).UTC(), true
	case n < digits:
		return time.Time{}, false
	case n < micros:
		return time.UnixMicro(n).UTC(), true
	}
	return known(time.Unix(n/ticks-sinceThen, n%ticks*100)), true
}

// known returns a time of our age in UTC, and the zero time for others.
func known(moment time.Time) time.Time {
	if moment = moment.UTC(); moment.Year() < 1900 || moment.Year() > 9999 {
		return time.Time{}
	}
	return moment
}

// locale returns the first language of an Accept-Language, which is what preferredLanguage holds (RFC 2798, 2.7).
func locale(text string) string {
	first, _, _ := strings.Cut(text, ",")
	tag, _, _ := strings.Cut(first, ";")
	if tag = strings.TrimSpace(tag); tag == "*" {
		return ""
	}
	return tag
}

// A keyKind is how a key is written in the directory and as text.
type keyKind int

const (
	keyText keyKind = iota
	keyUUID         // text that is a UUID (RFC 4530)
	keyGUID         // 16 bytes, the first three groups with the lowest byte first (MS-DTYP, 2.3.4.2)
	keyDN
)

// keyKindOf tells it by the attribute's name.
func keyKindOf(attribute string) keyKind {
	switch strings.ToLower(attribute) {
	case "entryuuid", "ipauniqueid":
		return keyUUID
	case "objectguid":
		return keyGUID
	case DN:
		return keyDN
	}
	return keyText
}

// text returns a value as a key, and false if it is none.
func (k keyKind) text(value string) (string, bool) {
	switch k {
	case keyUUID:
		id, err := uuid.Parse(value)
		return id.String(), err == nil && len(value) == 36
	case keyGUID:
		id, err := uuid.FromBytes([]byte(value))
		return turned(id).String(), err == nil
	case keyText, keyDN:
	}
	return value, value != "" && len(value) <= maxKey && plain(value)
}

// value is the reverse: what is asked for. It is false if no key is written that way.
func (k keyKind) value(key string) (string, bool) {
	switch k {
	case keyUUID, keyGUID:
		id, err := uuid.Parse(key)
		if err != nil || id.String() != key {
			return "", false
		}
		if k == keyGUID {
			id = turned(id)
			return string(id[:]), true
		}
		return key, true
	case keyText, keyDN:
	}
	return key, key != "" && len(key) <= maxKey && plain(key)
}

// turned swaps the bytes of the first three groups.
func turned(id uuid.UUID) uuid.UUID {
	return uuid.UUID{id[3], id[2], id[1], id[0], id[5], id[4], id[7], id[6], id[8], id[9], id[10], id[11], id[12], id[13], id[14], id[15]}
}

// pack returns a key as List remembers it: in the same order, and a UUID as 16 bytes.
func (k keyKind) pack(key string) string {
	if k != keyUUID && k != keyGUID {
		return key
	}
	id, err := uuid.Parse(key)
	if err != nil { // text and value let none pass
		return key
	}
	return string(id[:])
}

// unpack is the reverse of pack.
func (k keyKind) unpack(packed string) string {
	if id, err := uuid.FromBytes([]byte(packed)); err == nil && (k == keyUUID || k == keyGUID) {
		return id.String()
	}
	return packed
}
