package phase

import (
	"github.com/google/uuid"
)

// A Side is a phase as one account meets it: the ramp has two. The zero Side is none.
type Side uint8

// The sides.
const (
	LegacyOnlySide Side = iota + 1
	ShadowSide
	BothSide
	RampOutSide // the account is outside the ramp
	RampInSide  // the account is inside
	NewFirstSide
	NewOnlySide
)

var sideNames = names{"", "legacy-only", "shadow", "both", "ramp-out", "ramp-in", "new-first", "new-only"}

// String returns the name of s, or "" for none.
func (s Side) String() string { return sideNames.of(uint8(s)) }

// sidesOf are the sides of a phase.
var sidesOf = [...][]Side{
	LegacyOnly: {LegacyOnlySide},
	Shadow:     {ShadowSide},
	Both:       {BothSide},
	Ramp:       {RampOutSide, RampInSide},
	NewFirst:   {NewFirstSide},
	NewOnly:    {NewOnlySide},
}

// Side returns the side on which s has the account; none, if s has no phase.
func (s State) Side(id uuid.UUID) Side {
	if int(s.Phase) >= len(sidesOf) || s.Phase == 0 {
		return 0
	}
	sides := sidesOf[s.Phase]
	if s.Phase == Ramp && s.InRamp(id) {
		return RampInSide
	}
	return sides[0]
}

// sides are those on which s may have an account.
func (s State) sides() []Side {
	switch {
	case int(s.Phase) >= len(sidesOf):
		return nil
	case s.Phase != Ramp:
		return sidesOf[s.Phase]
	case s.full():
		return []Side{RampInSide}
	case s.Percent == 0 && len(s.Allow) == 0:
		return []Side{RampOutSide}
	}
	return sidesOf[Ramp]
}

// full tells whether every account is inside the ramp.
func (s State) full() bool { return s.Phase == Ramp && s.Percent == All && len(s.Deny) == 0 }

// beside says which sides of one account two replicas may be on at the same time: 'x' marks those that would lose an
// acknowledged change or answer differently. The model finds the same in every interleaving of two operations. That new-only
// stands alone is due to people who are not moved: new-first asks legacy for them, new-only gives them up. For people who are
// moved it agrees with the inside of the ramp and with new-first.
var beside = [...]string{
	//            l s b o i f o
	LegacyOnlySide: ". . . . x x x",
	ShadowSide:     ". . . . x x x",
	BothSide:       ". . . . . x x",
	RampOutSide:    ". . . . . x x",
	RampInSide:     "x x . . . . x",
	NewFirstSide:   "x x x x . . x",
	NewOnlySide:    "x x x x x x .",
}

// SidesCoexist tells whether two replicas may be on sides a and b of the same account at the same time.
func SidesCoexist(a, b Side) bool {
	if a == 0 || b == 0 || int(a) >= len(beside) || int(b) >= len(beside) {
		return false
	}
	return beside[a][2*(b-1)] == '.'
}

// Coexist tells whether two live replicas may be in states a and b at the same time. Two phases that may not coexist
// open may do so while both are frozen on the way from one to the other.
func Coexist(a, b State) bool {
	if a.Frozen && b.Frozen && a.To == b.To {
		return true
	}
	left, right := a.sides(), b.sides()
	for _, l := range left {
		for _, r := range right {
			if !SidesCoexist(l, r) {
				return false
			}
		}
	}
	return len(left) > 0 && len(right) > 0
}
