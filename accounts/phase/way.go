package phase

import "slices"

// meanings say what a phase is to the people who log in, in a sentence.
var meanings = [...]string{
	LegacyOnly: "The old store answers and is written; nobody is moved.",
	Shadow:     "The old store answers and is written; the new store is written too, and its failures are only counted.",
	Both:       "The old store answers; a change is in both stores or nowhere.",
	Ramp:       "The new store answers for a share of the accounts, the old store for the others; a change is in both.",
	NewFirst:   "The new store answers, and the old store for who is not there yet; who logs in is moved.",
	NewOnly:    "The new store answers; the old store is not asked any more, and there is no way back.",
}

// Meaning says in a sentence what p is; "" for none.
func (p Phase) Meaning() string {
	if int(p) >= len(meanings) {
		return ""
	}
	return meanings[p]
}

// Meaning says in a sentence what s is.
func (s State) Meaning() string {
	if !s.Frozen {
		return s.Phase.Meaning()
	}
	return "Frozen on the way to " + s.To.String() + ": people log in, nobody is moved, and changes are answered 503."
}

// Up returns the phase that a step up asks for, and whether there is one: the next of the plan, or, in the middle of a move,
// where that goes or came from, if it is above.
func (s State) Up() (Phase, bool) {
	switch {
	case !s.Moving() || s.Phase == s.To && !s.cameUp():
		return s.Plan.Next(s.Phase)
	}
	return max(s.Phase, s.To), true
}

// Down is Up in the other direction.
func (s State) Down() (Phase, bool) {
	switch {
	case !s.Moving() || s.Phase == s.To && s.cameUp():
		return s.Plan.Back(s.Phase)
	}
	return min(s.Phase, s.To), true
}

// cameUp tells whether the second half of a move is one of a step up. Of the phases that are entered in more than one epoch
// legacy-only alone is entered from above.
func (s State) cameUp() bool { return s.Phase != LegacyOnly }

// Gates returns what is measured before going from s to phase to, in the order in which Check tells of it; none where nothing
// is asked.
func Gates(s State, to Phase, percent Percent) []Gate {
	gates := slices.Clone(gatesOf[step{s.Phase, to}])
	switch {
	case s.Phase == to && (to != Ramp || percent <= s.Percent):
		return nil
	case s.Frozen:
		return slices.DeleteFunc(gates, func(g Gate) bool { return !slices.Contains(again, g) })
	}
	return gates
}

// A Need is what a gate asks for, before anything is measured.
type Need struct {
	Gate  Gate   `json:"gate"`
	Limit string `json:"limit"`
}

// A Leg is one phase of a plan's road, and what it takes to get there.
type Leg struct {
	Phase   Phase  `json:"phase"`
	Meaning string `json:"meaning"`
	Needs   []Need `json:"needs"` // of the step up into it
	Back    []Need `json:"back"`  // of the step down out of it
	Return  bool   `json:"return"`
}

// Road returns the phases of a plan, in order, with what each step asks for under these limits.
func (p Plan) Road(l Limits) []Leg {
	var legs []Leg
	for _, at := range p.Phases() {
		leg := Leg{Phase: at, Meaning: at.Meaning(), Needs: []Need{}, Back: []Need{}}
		if before, ok := p.at(at, -1); ok {
			leg.Needs = needs(p, before, at, l)
		}
		if back, ok := p.Back(at); ok {
			leg.Return, leg.Back = true, needs(p, at, back, l)
		}
		legs = append(legs, leg)
	}
	return legs
}

func needs(p Plan, from, to Phase, l Limits) []Need {
	s, gates := State{Plan: p, Phase: from}, gatesOf[step{from, to}]
	list := make([]Need, 0, len(gates))
	for _, f := range Check(s, to, 0, Facts{Known: gates}, l) {
		list = append(list, Need{f.Gate, f.Limit})
	}
	return list
}
