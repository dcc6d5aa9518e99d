// Package phase says which store reads and which stores are written, for everybody, and how an installation gets from
// one arrangement to the next and back without losing a write.
//
// A move goes through phases, from legacy-only to new-only; a Plan names those that an installation goes through. One
// row of the new store, a State, says where it is. Each change of that row is an epoch. Replicas hold the row under a
// Lease and acknowledge each epoch once no request of theirs runs under an older one.
//
//   - State.Row is the table: who answers a login, which writes a change needs, what a login leaves behind.
//   - Coexist tells which states two replicas may be in at the same time. It is data; model_test.go finds the same by
//     trying every interleaving of two operations on one account.
//   - State.Move gives the epochs of a step. Phases that may coexist are one epoch apart. Others are crossed in three:
//     the old phase frozen, the new one frozen, the new one open.
//   - Check compares what was measured with what a step asks for.
//   - State.Relax is the quick way from both to shadow, which no gate holds up.
//   - Lease tells who is alive and who may write; Missing names those whom an epoch waits for.
//
// Who runs a move does this for each of its states: measure and Check, store the state under the condition that the
// row still has the epoch that was read, wait until Missing names nobody. If they die half-way, State.Resume tells
// anybody else how to go on. From a state that Missing still names somebody for, no move begins.
//
// The package serves the domain, its stores and the commands. It has no clock, reads and writes nothing, and never
// decides to move.
package phase

import (
	"fmt"
	"slices"
	"strings"
)

// A Phase says which store answers and which stores are written. The zero Phase is none.
type Phase uint8

// The phases, from the old store alone to the new store alone.
const (
	LegacyOnly Phase = iota + 1 // legacy answers and is written; nothing is copied
	Shadow                      // legacy answers; the new store is written too, and its failures are only counted
	Both                        // legacy answers; a change is in both stores or nowhere
	Ramp                        // as both, but the new store answers for a share of the accounts
	NewFirst                    // the new store answers, and legacy for who is not there yet; changes are copied back
	NewOnly                     // legacy is not asked any more: the point of no return
)

var phaseNames = names{"", "legacy-only", "shadow", "both", "ramp", "new-first", "new-only"}

// ParsePhase reads a phase's name.
func ParsePhase(text string) (Phase, error) { return parse[Phase]("phase", phaseNames, text) }

// String returns the name of p, or "" for none.
func (p Phase) String() string { return phaseNames.of(uint8(p)) }

// MarshalText writes the name of p.
func (p Phase) MarshalText() ([]byte, error) { return phaseNames.text("phase", uint8(p)) }

// UnmarshalText reads a phase's name.
func (p *Phase) UnmarshalText(text []byte) (err error) {
	*p, err = ParsePhase(string(text))
	return err
}

// A Plan is the road of an installation. The zero Plan is none.
type Plan uint8

// The plans.
const (
	// Lazy moves people as they log in, and needs no right to write to the old store.
	Lazy Plan = iota + 1
	// DualWrite goes through every phase, with a way back from each before the last.
	DualWrite
)

var planNames = names{"", "lazy", "dual-write"}

var planPhases = [...][]Phase{
	Lazy:      {LegacyOnly, NewFirst, NewOnly},
	DualWrite: {LegacyOnly, Shadow, Both, Ramp, NewFirst, NewOnly},
}

// ParsePlan reads a plan's name.
func ParsePlan(text string) (Plan, error) { return parse[Plan]("plan", planNames, text) }

// String returns the name of p, or "" for none.
func (p Plan) String() string { return planNames.of(uint8(p)) }

// MarshalText writes the name of p.
func (p Plan) MarshalText() ([]byte, error) { return planNames.text("plan", uint8(p)) }

// UnmarshalText reads a plan's name.
func (p *Plan) UnmarshalText(text []byte) (err error) {
	*p, err = ParsePlan(string(text))
	return err
}

// Phases returns the phases that p goes through, in order.
func (p Plan) Phases() []Phase {
	if int(p) >= len(planPhases) {
		return nil
	}
	return slices.Clone(planPhases[p])
}

// Next returns the phase above from, and whether there is one.
func (p Plan) Next(from Phase) (Phase, bool) { return p.at(from, +1) }

// Back returns the phase below from, and whether there is a way there. From new-only there is none: what was changed
// there is in no other place, and who was given up has no account.
func (p Plan) Back(from Phase) (Phase, bool) {
	if from == NewOnly {
		return 0, false
	}
	return p.at(from, -1)
}

func (p Plan) at(from Phase, by int) (Phase, bool) {
	phases := p.Phases()
	i := slices.Index(phases, from)
	if i < 0 || i+by < 0 || i+by >= len(phases) {
		return 0, false
	}
	return phases[i+by], true
}

// names are the words of an enumeration by value. The first may be empty: the value that stands for none.
type names []string

func (n names) of(v uint8) string {
	if int(v) >= len(n) {
		return fmt.Sprintf("unknown (%d)", v)
	}
	return n[v]
}

func (n names) text(what string, v uint8) ([]byte, error) {
	if int(v) >= len(n) || n[v] == "" {
		return nil, fmt.Errorf("%s %d has no name", what, v)
	}
	return []byte(n[v]), nil
}

// words are the names, without that which stands for none.
func (n names) words() string {
	return strings.Join(slices.DeleteFunc(slices.Clone(n), func(s string) bool { return s == "" }), ", ")
}

// parse reads a name. Text that is none is quoted in the error, cut to a line.
func parse[T ~uint8](what string, n names, text string) (T, error) {
	if i := slices.Index(n, text); i >= 0 && text != "" {
		return T(i), nil
	}
	return 0, fmt.Errorf("%s %.40q: want one of %s", what, text, n.words())
}
