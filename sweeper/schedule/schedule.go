// Package schedule tells when a sweep may run: weekly windows by the clock of a time zone, without some days.
//
// It has no clock of its own. Clocks on a wall jump, and there is one rule for that: a window is open from the first moment
// at which the clock shows its beginning or later, until the last moment at which it shows its end or earlier.
//
//   - A time that the clock leaves out is the moment of the jump. In Berlin, where it goes from 02:00 to 03:00 on the last
//     Sunday of March, "sun 02:30-04:00" opens at 03:00 that night and is half an hour shorter than else, and "sun
//     02:10-02:50" does not open.
//   - Of a time that the clock shows twice, a window opens at the first and closes at the second, and is open in between,
//     whatever the clock shows there. In Berlin, where it goes from 03:00 to 02:00 on the last Sunday of October, "sun
//     02:30-04:00" and "sun 02:10-02:50" are an hour longer that night, and so is "sun 00:00-02:00".
//   - A day that a zone leaves out (30 December 2011 in Apia) is one long jump.
//
// A blackout is closed by the same rule, from 00:00 of its first day until 24:00 of its last.
package schedule

import (
	"fmt"
	"iter"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Bounds of what is parsed. They keep the slowest answer, that nothing opens within a year, to some milliseconds.
const (
	MaxWindows  = 64
	MaxBlackout = 366
	maxText     = 64 // bytes of a window, of a blackout or of the name of a zone
)

// horizon is how far is looked ahead.
const horizon = 366 * 24 * time.Hour

// A Schedule says when it is open. The zero value is open always. It may be used by many at once.
type Schedule struct {
	zone    *time.Location // nil: UTC
	windows []Window       // sorted by when they open
	closed  []span         // the blackout, sorted by when they begin
}

// An Error says what is wrong with a text that a Schedule is made of.
type Error struct {
	Field  string // zone, windows[1], blackout[0]
	Reason string // holds nothing of the text
}

func (e *Error) Error() string { return e.Field + " " + e.Reason }

// New returns a schedule in a zone of the IANA database ("" is UTC). Without windows it is open always, but for the
// blackout. Its error joins an *Error for each text that is wrong.
func New(zone string, windows, blackout []string) (Schedule, error) {
	var s Schedule
	var faults []error
	fault := func(field, reason string) { faults = append(faults, &Error{field, reason}) }
	var err error
	if s.zone, err = loadZone(zone); err != nil {
		fault("zone", err.Error())
	}
	if len(windows) > MaxWindows {
		fault("windows", fmt.Sprintf("must be at most %d", MaxWindows))
		windows = nil
	}
	if len(blackout) > MaxBlackout {
		fault("blackout", fmt.Sprintf("must be at most %d", MaxBlackout))
		blackout = nil
	}
	for i, text := range windows {
		w, err := ParseWindow(text)
		if err != nil {
			fault("windows["+strconv.Itoa(i)+"]", err.Error())
			continue
		}
		s.windows = append(s.windows, w)
	}
	for i, text := range blackout {
		b, err := ParseBlackout(text)
		if err != nil {
			fault("blackout["+strconv.Itoa(i)+"]", err.Error())
			continue
		}
		s.closed = append(s.closed, span{s.first(b.from, 0), s.last(b.to.add(1), 0)})
	}
	if len(faults) > 0 {
		return Schedule{}, joined(faults)
	}
	slices.SortFunc(s.windows, func(a, b Window) int { return a.from - b.from })
	slices.SortFunc(s.closed, func(a, b span) int { return a.from.Compare(b.from) })
	return s, nil
}

// joined is errors.Join, with a comma between them instead of a new line.
type joined []error

func (j joined) Unwrap() []error { return j }

func (j joined) Error() string {
	texts := make([]string, len(j))
	for i, err := range j {
		texts[i] = err.Error()
	}
	return strings.Join(texts, "; ")
}

// Zone returns where the schedule's clock hangs.
func (s Schedule) Zone() *time.Location {
	if s.zone == nil {
		return time.UTC
	}
	return s.zone
}

// Open reports whether it is open at a time.
func (s Schedule) Open(at time.Time) bool {
	for open := range s.spans(at) {
		return !open.from.After(at) // the first that ends after at
	}
	return false
}

// Next returns when it opens next, and when that ends. If it is open, opens is at itself. closes is zero if it does not
// close within a year, and both are if it does not open within a year.
func (s Schedule) Next(at time.Time) (opens, closes time.Time) {
	for open := range s.spans(at) {
		opens = later(open.from, at)
		if opens.Sub(at) > horizon {
			break
		}
		if open.to.Sub(at) <= horizon {
			closes = open.to
		}
		return opens, closes
	}
	return time.Time{}, time.Time{}
}

// After returns the time at which it will have been open for so long, counted from a time; zero if that is more than a
// year ahead.
func (s Schedule) After(from time.Time, open time.Duration) time.Time {
	if open <= 0 {
		return from
	}
	for span := range s.spans(from) {
		begin := later(span.from, from)
		end := span.to.Sub(begin)
		if end < open {
			open -= end
			continue
		}
		if done := begin.Add(open); done.Sub(from) <= horizon {
			return done
		}
		break
	}
	return time.Time{}
}

// Between returns for how long it is open from a time to a later one, which is at most a year ahead.
func (s Schedule) Between(from, to time.Time) time.Duration {
	var open time.Duration
	for span := range s.spans(from) {
		if !span.from.Before(to) {
			break
		}
		open += earlier(span.to, to).Sub(later(span.from, from))
	}
	return open
}

// Clock returns the next moment after at that the schedule's clock shows a time of the day, such as 06:00. A time that it leaves out
// is the moment of the jump; one that it shows twice is next the second time, once it was shown the first: what somebody wants
// until then ends sooner rather than a day later.
func (s Schedule) Clock(at time.Time, text string) (time.Time, error) {
	minute, ok := parseClock(text)
	if !ok || minute == dayEnd {
		return time.Time{}, errClock
	}
	for day := dateOf(at.In(s.Zone())); ; day = day.add(1) {
		for _, t := range []time.Time{s.first(day, minute), s.last(day, minute)} {
			if t.After(at) {
				return t, nil
			}
		}
	}
}

// A span of time: from inclusive, to exclusive.
type span struct{ from, to time.Time }

// endsAfter reports whether there is anything of it after a time.
func (s span) endsAfter(at time.Time) bool { return s.from.Before(s.to) && s.to.After(at) }

// far is the end of what does not end: further than anybody looks.
const far = 3 * horizon

// spans yields when it is open, in order, apart from each other, beginning with the first that ends after at, until it
// has yielded what begins within the horizon.
func (s Schedule) spans(at time.Time) iter.Seq[span] {
	return func(yield func(span) bool) {
		for open := range s.weekly(at) {
			for _, c := range s.closed {
				before := span{open.from, earlier(open.to, c.from)}
				if before.endsAfter(at) && !yield(before) {
					return
				}
				open.from = later(open.from, c.to)
			}
			if open.endsAfter(at) && !yield(open) {
				return
			}
		}
	}
}

// weekly yields the windows as spans, those that touch as one, beginning with one that ends after at or a little earlier.
func (s Schedule) weekly(at time.Time) iter.Seq[span] {
	return func(yield func(span) bool) {
		if len(s.windows) == 0 {
			yield(span{at.Add(-far), at.Add(far)})
			return
		}
		first, last := dateOf(at.In(s.Zone())), dateOf(at.Add(horizon).In(s.Zone())).add(2)
		var open span
		for day := first.add(-2); !last.before(day); day = day.add(1) { // where midnight comes twice, one of two days before may not have ended
			for _, w := range s.windows {
				if !w.days[day.weekday()] {
					continue
				}
				end := day
				if w.to <= w.from {
					end = day.add(1)
				}
				next := span{s.first(day, w.from), s.last(end, w.to)}
				if !next.from.Before(next.to) {
					continue
				}
				if !next.from.After(open.to) {
					open.to = later(open.to, next.to)
					continue
				}
				if open.to.After(at) && !yield(open) {
					return
				}
				open = next
			}
		}
		if open.to.After(at) {
			yield(open)
		}
	}
}

// offsets are never as large: a clock shows at most that much more or less than UTC.
const offsets = 36 * time.Hour

// leapDay is for how long a clock goes on as it does on the last day of a leap year, where ZoneBounds says of many a zone that it had
// ended before (https://go.dev/issue/81583).
const leapDay = 24 * time.Hour

// first returns the first moment at which the clock shows this minute of a day, or later.
func (s Schedule) first(day date, minute int) time.Time {
	shown := day.clock(minute)
	for at := shown.Add(-offsets); ; {
		in := at.In(s.Zone())
		_, offset := in.Zone()
		_, end := in.ZoneBounds()
		if !end.IsZero() && !end.After(in) {
			end = in.Add(leapDay)
		}
		t := later(at, shown.Add(-time.Duration(offset)*time.Second))
		if end.IsZero() || t.Before(end) {
			return t
		}
		at = end
	}
}

// last returns the last moment at which the clock shows this minute of a day, or earlier.
func (s Schedule) last(day date, minute int) time.Time {
	shown := day.clock(minute)
	for end := shown.Add(offsets); ; {
		in := end.Add(-1).In(s.Zone())
		_, offset := in.Zone()
		begin, _ := in.ZoneBounds()
		t := earlier(end, shown.Add(-time.Duration(offset)*time.Second))
		if begin.IsZero() || !t.Before(begin) {
			return t
		}
		end = begin
	}
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}
