package governor

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// A unit says how a value is written for people.
type unit int

const (
	number unit = iota
	milliseconds
	share
	times
)

func (u unit) write(v float64) string {
	switch u {
	case milliseconds:
		return round(v, 0) + " ms"
	case share:
		return round(v*100, 1) + " %"
	case times:
		return round(v, 2) + " x"
	case number:
	}
	return round(v, 2)
}

// round writes a number with so many digits behind the point, or fewer.
func round(v float64, digits int) string {
	unit := math.Pow10(digits)
	return strconv.FormatFloat(math.Round(v*unit)/unit, 'f', -1, 64)
}

// String tells a signal in words, such as "legacy shop errors 12 % (limit 5 %)".
func (t Tripped) String() string {
	k := kind{words: string(t.Signal)}
	for _, known := range kinds {
		if known.signal == t.Signal {
			k = known
		}
	}
	name := k.words
	switch first, rest, _ := strings.Cut(k.words, " "); {
	case t.Signal == Report:
		name = t.Of
	case t.Of != "":
		name = strings.TrimSpace(first + " " + t.Of + " " + rest)
	}
	if t.unread() {
		return name + " cannot be read since " + clock(t.Since)
	}
	return fmt.Sprintf("%s %s (limit %s)", name, k.unit.write(t.Value), k.unit.write(t.Limit))
}

// unread: it is none of its values that has tripped it.
func (t Tripped) unread() bool { return t.Zone == Stop && t.Limit == 0 }

// String tells a verdict in words, such as "held by 2 signals at 40 % of full speed: login p99 412 ms (limit 300 ms), legacy
// shop errors 2 % (limit 1 %)".
func (v Verdict) String() string {
	var b strings.Builder
	switch v.Zone {
	case Grow:
		if v.Factor >= 1 {
			return "full speed"
		}
		return "growing, at " + share.write(v.Factor) + " of full speed"
	case Hold:
		b.WriteString("held")
	case Shrink:
		b.WriteString("slowed down")
	case Stop:
		b.WriteString("stopped")
	}
	tripped := v.Tripped
	asleep := len(tripped) == 0 && len(v.Stopped) > 0
	if asleep {
		b.WriteString(" at " + clock(v.StoppedAt))
		tripped = v.Stopped
	}
	switch len(tripped) {
	case 0:
	case 1:
		b.WriteString(" by 1 signal")
	default:
		fmt.Fprintf(&b, " by %d signals", len(tripped))
	}
	if v.Zone != Stop {
		b.WriteString(" at " + share.write(v.Factor) + " of full speed")
	}
	for i, t := range tripped {
		b.WriteString([]string{": ", ", "}[min(i, 1)] + t.String())
	}
	switch {
	case asleep:
		b.WriteString("; none has reached its limit since, where anything was measured")
	case len(tripped) == 0:
		b.WriteString(": the signals are good, and have to stay so")
	}
	if !v.WakesAt.IsZero() {
		b.WriteString("; looks again at " + clock(v.WakesAt))
	}
	return b.String()
}

// clock writes a time of the day.
func clock(t time.Time) string {
	if t.IsZero() {
		return "the start"
	}
	return t.UTC().Format("15:04:05Z")
}
