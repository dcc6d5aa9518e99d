package schedule

import (
	"errors"
	"fmt"
	"strings"
	"time"
)

// dayEnd is 24:00, in minutes.
const dayEnd = 24 * 60

// Faults of a text. They hold nothing of it: a field's name goes before them.
var (
	errZone     = errors.New("must be a time zone of the IANA database, such as Europe/Berlin")
	errWindow   = errors.New("must be days and times, such as mon-fri 22:00-05:30, or times alone")
	errDays     = errors.New("has days that are none: mon, tue, wed, thu, fri, sat and sun are, with - and commas between them")
	errTimes    = errors.New("has times that are none: 00:00 to 23:59 are, and 24:00 for the end")
	errEmpty    = errors.New("begins when it ends; a whole day is 00:00-24:00")
	errBlackout = errors.New("must be a day, such as 2026-12-24, or two with .. between them")
	errBackward = errors.New("ends before it begins")
	errClock    = errors.New("must be a time of the day, 00:00 to 23:59")
)

func loadZone(name string) (*time.Location, error) {
	if len(name) > maxText || name == "Local" { // that of whichever machine looks
		return nil, errZone
	}
	zone, err := time.LoadLocation(name)
	if err != nil {
		return nil, errZone
	}
	return zone, nil
}

// A Window is a time of some days of the week.
type Window struct {
	days     [7]bool // that it begins on, by time.Weekday
	from, to int     // minutes from 00:00; where to is not more than from, it is that of the next day
}

// days of the week, from Monday on.
var dayNames = [7]string{"mon", "tue", "wed", "thu", "fri", "sat", "sun"}

// weekday returns the day of an index of dayNames.
func weekday(i int) time.Weekday { return time.Weekday((i + 1) % 7) }

// ParseWindow reads a window: "mon-fri 22:00-05:30", "sat,sun 00:00-24:00", or "22:00-05:30" for every day. The days are
// those that it begins on; one that ends before it begins goes on into the next day, out of Sunday too.
func ParseWindow(text string) (Window, error) {
	if len(text) > maxText {
		return Window{}, errWindow
	}
	var w Window
	parts := strings.Fields(strings.ToLower(text))
	switch len(parts) {
	case 1:
		w.days = [7]bool{true, true, true, true, true, true, true}
	case 2:
		var ok bool
		if w.days, ok = parseDays(parts[0]); !ok {
			return Window{}, errDays
		}
	default:
		return Window{}, errWindow
	}
	from, to, ok := strings.Cut(parts[len(parts)-1], "-")
	if !ok {
		return Window{}, errWindow
	}
	var fromOK, toOK bool
	w.from, fromOK = parseClock(from)
	w.to, toOK = parseClock(to)
	switch {
	case !fromOK || !toOK || w.from == dayEnd:
		return Window{}, errTimes
	case w.from == w.to:
		return Window{}, errEmpty
	}
	return w, nil
}

func parseDays(text string) (days [7]bool, ok bool) {
	for part := range strings.SplitSeq(text, ",") {
		first, last, isRange := strings.Cut(part, "-")
		if !isRange {
			last = first
		}
		from, to := dayOf(first), dayOf(last)
		if from < 0 || to < 0 {
			return days, false
		}
		for i := from; ; i = (i + 1) % 7 {
			days[weekday(i)] = true
			if i == to {
				break
			}
		}
	}
	return days, true
}

// dayOf returns the index of a day's name; -1 if it is none.
func dayOf(name string) int {
	for i, day := range dayNames {
		if day == name {
			return i
		}
	}
	return -1
}

// parseClock reads HH:MM as minutes from 00:00; up to 24:00.
func parseClock(text string) (int, bool) {
	if len(text) != 5 || text[2] != ':' {
		return 0, false
	}
	hour, hourOK := twoDigits(text[:2])
	minute, minuteOK := twoDigits(text[3:])
	all := 60*hour + minute
	return all, hourOK && minuteOK && minute < 60 && all <= dayEnd
}

func twoDigits(text string) (int, bool) {
	tens, ones := int(text[0])-'0', int(text[1])-'0'
	return 10*tens + ones, 0 <= tens && tens <= 9 && 0 <= ones && ones <= 9
}

// String returns the window as ParseWindow reads it.
func (w Window) String() string {
	var days []string
	for i := 0; i < len(dayNames); i++ {
		last := i
		for last < len(dayNames) && w.days[weekday(last)] {
			last++
		}
		switch last - i {
		case 0:
			continue
		case 1:
			days = append(days, dayNames[i])
		default:
			days = append(days, dayNames[i]+"-"+dayNames[last-1])
		}
		i = last
	}
	return fmt.Sprintf("%s %02d:%02d-%02d:%02d", strings.Join(days, ","), w.from/60, w.from%60, w.to/60, w.to%60)
}

// A Blackout is a day, or some in a row, on which nothing is open.
type Blackout struct{ from, to date } // both of it

// ParseBlackout reads a blackout: "2026-12-24", or "2026-12-24..2026-12-26" with both days in it.
func ParseBlackout(text string) (Blackout, error) {
	if len(text) > maxText {
		return Blackout{}, errBlackout
	}
	first, last, isRange := strings.Cut(text, "..")
	if !isRange {
		last = first
	}
	from, fromOK := parseDate(first)
	to, toOK := parseDate(last)
	switch {
	case !fromOK || !toOK:
		return Blackout{}, errBlackout
	case to.before(from):
		return Blackout{}, errBackward
	}
	return Blackout{from, to}, nil
}

// String returns the blackout as ParseBlackout reads it.
func (b Blackout) String() string {
	if b.from == b.to {
		return b.from.String()
	}
	return b.from.String() + ".." + b.to.String()
}

// A date is a day of the calendar, of no zone: days since 1970-01-01.
type date int64

func dateOf(t time.Time) date {
	year, month, day := t.Date()
	return date(time.Date(year, month, day, 0, 0, 0, 0, time.UTC).Unix() / 86400)
}

// parseDate reads YYYY-MM-DD of this century and the nine after it.
func parseDate(text string) (date, bool) {
	t, err := time.Parse(time.DateOnly, text)
	if err != nil || t.Year() < 2000 || t.Year() > 2999 {
		return 0, false
	}
	return dateOf(t), true
}

func (d date) add(days int) date      { return d + date(days) }
func (d date) before(other date) bool { return d < other }
func (d date) weekday() time.Weekday  { return d.clock(0).Weekday() }
func (d date) String() string         { return d.clock(0).Format(time.DateOnly) }

// clock returns what a clock shows at a minute of the day, as if it were UTC.
func (d date) clock(minute int) time.Time {
	return time.Unix(int64(d)*86400+int64(minute)*60, 0).UTC()
}
