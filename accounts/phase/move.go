package phase

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
)

// A Reason is one thing that speaks against a move.
type Reason struct {
	Code ReasonCode `json:"code"`
	Text string     `json:"text"` // for people
}

// A ReasonCode is a word for programs.
type ReasonCode string

// What can speak against a move.
const (
	ReasonState      ReasonCode = "invalid-state"     // the row is not one that moves lead to
	ReasonUnderWay   ReasonCode = "move-under-way"    // another move has not ended
	ReasonUnknown    ReasonCode = "unknown-phase"     //
	ReasonNotInPlan  ReasonCode = "not-in-plan"       //
	ReasonThere      ReasonCode = "nothing-to-change" //
	ReasonSkips      ReasonCode = "skips-a-phase"     //
	ReasonNoReturn   ReasonCode = "no-return"         // from new-only
	ReasonPercent    ReasonCode = "percent"           // out of range, or for a phase that has none
	ReasonRampOpen   ReasonCode = "ramp-not-full"     // ramp and new-first meet at 100 % only
	ReasonDenied     ReasonCode = "deny-list"         // and with everybody inside
	ReasonNotBoth    ReasonCode = "not-in-both"       // relax is from both
	ReasonTooLate    ReasonCode = "too-late"          // the new phase has begun: end the move, then go back
	ReasonNoMove     ReasonCode = "no-move-under-way" //
	ReasonBadListing ReasonCode = "list"              // an allow-list or deny-list that cannot be kept
)

// A MoveError says that a state cannot be left as asked. It lists every reason, not the first.
type MoveError struct {
	From, To Phase
	Reasons  []Reason
}

func (e *MoveError) Error() string {
	texts := make([]string, len(e.Reasons))
	for i, r := range e.Reasons {
		texts[i] = r.Text
	}
	if e.From == e.To {
		return fmt.Sprintf("change phase %s: %s", e.From, strings.Join(texts, "; "))
	}
	return fmt.Sprintf("move from %s to %s: %s", e.From, e.To, strings.Join(texts, "; "))
}

// Move returns the states to pass on the way from s to phase to: at least one, each with the next epoch. percent is of the
// ramp, and 0 for any other phase; a move from ramp to ramp changes it.
//
// The epoch of s must have been acknowledged by all live replicas (see Missing) before the first state is stored, and so
// must each state before the next. Only the first is to be stored as it is: for the others ask Resume, with the time it is
// then. Where the first state is frozen, Check is asked again before the second.
//
// The error is a *MoveError.
func (s State) Move(to Phase, percent Percent, at time.Time) ([]State, error) {
	if reasons := s.against(to, percent); len(reasons) > 0 {
		return nil, &MoveError{From: s.Phase, To: to, Reasons: reasons}
	}
	first := s.first(to, percent, at)
	return append([]State{first}, first.Resume(at)...), nil
}

// first returns the first state of a legal move.
func (s State) first(to Phase, percent Percent, at time.Time) State {
	next := s.enter(to, percent)
	if !Coexist(s, next) {
		frozen := s.next()
		frozen.Frozen, frozen.To = true, to
		return frozen
	}
	next.Began = stamp(at)
	switch {
	case s.Phase == Shadow && to == Both:
		next.To, next.TrustEpoch = Both, next.Epoch+1 // what is copied once all have acknowledged this one
	case to == Shadow:
		next.TrustEpoch = next.Epoch // from here on legacy is written alone, and copies fall behind
	}
	return next
}

// Resume returns the states that are left of the move that s is in the middle of; none, if s is settled. Whoever finds such
// a state, and a lease that has ended where the mover was, goes on with them.
func (s State) Resume(at time.Time) []State {
	switch {
	case !s.Moving():
		return nil
	case s.Phase != s.To: // the old phase, frozen
		next := s.enter(s.To, 0)
		next.Frozen, next.To, next.Began = true, s.To, stamp(at)
		if s.Phase == LegacyOnly {
			// Announced while nobody can copy, so that a replica still frozen and one already open trust the same people.
			next.TrustEpoch = next.Epoch + 1
		}
		return append([]State{next}, next.Resume(at)...)
	default: // the new phase, frozen; or both, whose copies are now to be trusted
		next := s.settled()
		next.Began = stamp(at)
		return []State{next}
	}
}

// Cancel returns the state that takes back a move whose new phase has not begun: the old phase, open again. Without it
// a crossing that cannot go on would stay frozen. The error is a *MoveError.
func (s State) Cancel() (State, error) {
	switch {
	case !s.Moving():
		return State{}, s.refuse(ReasonNoMove, "no move is under way")
	case s.Phase == s.To:
		return State{}, s.refuse(ReasonTooLate, fmt.Sprintf("phase %s has begun: let the move end, then go back", s.Phase))
	}
	return s.settled(), nil
}

// Relax returns shadow, the quick way out of both: no gate is asked and nothing is measured. The error is a *MoveError.
//
// As with Move, the epoch of s must have been acknowledged by all live replicas: one that is still in the ramp may not
// stand beside shadow. A replica that does not answer holds this up until its lease ends, and no longer.
func (s State) Relax(at time.Time) (State, error) {
	if s.Phase != Both {
		return State{}, &MoveError{From: s.Phase, To: Shadow, Reasons: []Reason{
			{ReasonNotBoth, fmt.Sprintf("only phase both can be relaxed, and this is %s", s.Phase)}}}
	}
	return s.first(Shadow, 0, at), nil
}

// Relist returns s with other lists. They may come in any order. Outside the ramp they change nothing yet. The error is a
// *MoveError.
func (s State) Relist(allow, deny []uuid.UUID) (State, error) {
	if s.Moving() {
		return State{}, s.refuse(ReasonUnderWay, underWay(s))
	}
	next := s.next()
	next.Allow, next.Deny = sorted(allow), sorted(deny)
	if err := next.Validate(); err != nil {
		return State{}, s.refuse(ReasonBadListing, err.Error())
	}
	return next, nil
}

func sorted(ids []uuid.UUID) []uuid.UUID {
	ids = slices.Clone(ids)
	slices.SortFunc(ids, compareIDs)
	return slices.Compact(ids)
}

// RelaxesAlone tells whether a replica whose last state was s may, on the operator's word and with the new store out of
// reach, write to legacy alone: legacy answers for everybody. Not while the phase is frozen: a crossing was under way, and may
// have gone on to where it does not.
func (s State) RelaxesAlone() bool { return LegacyOnly <= s.Phase && s.Phase <= Both && !s.Frozen }

// Returned returns the state that comes first when a replica that has written to legacy alone has the new store back, and
// whether one does: shadow, whose copies are made anew, from shadow and both. In legacy-only no copy is trusted, and from
// later phases the installation does not go back: there only the copies of whom it has written for count as fallen behind.
// Where the replicas that live have not acknowledged the epoch of s, it is to be waited for, as with Relax.
func (s State) Returned(at time.Time) (State, bool) {
	if s.Phase != Shadow && s.Phase != Both {
		return State{}, false
	}
	return s.first(Shadow, 0, at), true
}

// against lists what speaks against going from s to a phase.
func (s State) against(to Phase, percent Percent) []Reason {
	var reasons []Reason
	add := func(is bool, code ReasonCode, format string, args ...any) {
		if is {
			reasons = append(reasons, Reason{code, fmt.Sprintf(format, args...)})
		}
	}
	if err := s.Validate(); err != nil {
		add(true, ReasonState, "the stored state is not valid: %v", err)
		return reasons // nothing else can be said of it
	}
	phases := s.Plan.Phases()
	known := LegacyOnly <= to && to <= NewOnly
	here, there := slices.Index(phases, s.Phase), slices.Index(phases, to)

	add(s.Moving(), ReasonUnderWay, "%s", underWay(s))
	add(!known, ReasonUnknown, "there is no phase %q", to)
	add(known && there < 0, ReasonNotInPlan, "plan %s has no phase %s, only %v", s.Plan, to, phases)
	add(s.Phase == to && (to != Ramp || percent == s.Percent), ReasonThere, "this is phase %s already", to)
	add(s.Phase == NewOnly && to != NewOnly, ReasonNoReturn, "there is no way back from new-only")
	if there >= 0 && s.Phase != NewOnly && (there > here+1 || there < here-1) {
		between := phases[min(here, there)+1 : max(here, there)]
		add(true, ReasonSkips, "that would skip %v", between)
	}
	add(percent > All, ReasonPercent, "percent %s is not 0 to 100", percent)
	add(to != Ramp && percent != 0, ReasonPercent, "phase %s has no percentage", to)

	// Outside the ramp legacy answers: that, and new-first, may not coexist.
	up, down := s.Phase == Ramp && to == NewFirst, s.Phase == NewFirst && to == Ramp && there >= 0
	add(up && s.Percent != All, ReasonRampOpen, "the ramp is at %s %%: new-first follows 100 %%", s.Percent)
	add(down && percent != All, ReasonRampOpen, "from new-first the ramp begins at 100 %%, not at %s %%", percent)
	add((up || down) && len(s.Deny) > 0, ReasonDenied, "%d accounts are on the deny-list: empty it first", len(s.Deny))
	return reasons
}

func underWay(s State) string {
	return fmt.Sprintf("a move to %s is under way (epoch %d)", s.To, s.Epoch)
}

// stepTo tells whether plan s.Plan goes from s.Phase to another one in one step, up or down.
func (s State) stepTo(to Phase) bool {
	up, isUp := s.Plan.Next(s.Phase)
	down, isDown := s.Plan.Back(s.Phase)
	return isUp && to == up || isDown && to == down
}

// next returns s in the next epoch.
func (s State) next() State {
	s.Epoch++
	return s
}

// enter returns s, settled, in the next epoch and another phase.
func (s State) enter(to Phase, percent Percent) State {
	s = s.settled()
	s.Phase, s.Percent = to, percent
	return s
}

// settled returns s in the next epoch, open and with no move under way.
func (s State) settled() State {
	s = s.next()
	s.Frozen, s.To = false, 0
	return s
}

func (s State) refuse(code ReasonCode, text string) error {
	return &MoveError{From: s.Phase, To: s.Phase, Reasons: []Reason{{code, text}}}
}
