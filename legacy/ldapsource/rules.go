package ldapsource

import (
	"slices"
	"strconv"
	"strings"
	"time"
)

// lockedForGood is pwdAccountLockedTime of somebody whom only an administrator lets in again.
const lockedForGood = "000001010000Z"

// holds tells whether the rule disables somebody who has these values. reason is why that cannot be told.
func (r Rule) holds(values []string, now time.Time, lockoutFor time.Duration) (holds bool, reason string) {
	named := func(value string) bool {
		return slices.ContainsFunc(r.Values, func(other string) bool { return strings.EqualFold(value, other) })
	}
	switch r.When {
	case Present:
		return len(values) > 0, ""
	case Is:
		return slices.ContainsFunc(values, named), ""
	case IsNot:
		return !slices.ContainsFunc(values, named), ""
	case HasBits:
		if len(values) != 1 {
			return false, "there is not one value"
		}
		n, err := strconv.ParseInt(values[0], 10, 64)
		if err != nil {
			return false, "no integer"
		}
		return n&r.Bits != 0, ""
	case LockedOut:
		if slices.Contains(values, lockedForGood) {
			return true, ""
		}
	case Past, Future: // below
	}
	for _, value := range values {
		moment, ok := timeOf(value)
		switch {
		case !ok:
			return false, "no time"
		case moment.IsZero(): // never
		case r.When == Past:
			holds = holds || !now.Before(moment)
		case r.When == Future:
			holds = holds || now.Before(moment)
		case r.When == LockedOut:
			holds = holds || lockoutFor == 0 || now.Before(moment.Add(lockoutFor))
		}
	}
	return holds, ""
}
