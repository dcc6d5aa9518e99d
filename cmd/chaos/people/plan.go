// Package people are those who use the gateways, at random: they log in, with right, old and wrong passwords, change them,
// register, are deleted and disabled. What they do is planned from a seed; with what, depends on how they were answered. It
// serves the chaos harness, and judges nothing.
package people

import (
	"math/rand/v2"
	"slices"
	"time"

	"rekey/cmd/chaos/history"
)

// An Act is what somebody does. Several make one kind of operation.
type Act string

// The acts.
const (
	LoginRight  Act = "login-right"
	LoginOld    Act = "login-old"
	LoginWrong  Act = "login-wrong" // cut, longer, or another's
	Change      Act = "change"
	ChangeTwice Act = "change-twice" // by two sessions at the same moment
	ChangeChain Act = "change-chain" // and once more, by somebody who has seen that it counts before it was answered
	ChangeWrong Act = "change-wrong" // with an old password
	Delete      Act = "delete"
	Register    Act = "register"
	Disable     Act = "disable"
	Enable      Act = "enable"
	Refresh     Act = "refresh"
	Reuse       Act = "reuse"
	Logout      Act = "logout"
	Revoke      Act = "revoke"
	LegacyWrite Act = "legacy-write"
	Reset       Act = "reset"
	Migrate     Act = "migrate"
	Enrol       Act = "enrol"
	Unenrol     Act = "unenrol"
)

// Weights say how often each act is done among all.
type Weights map[Act]int

// Ordinary are the weights of an ordinary run.
func Ordinary() Weights {
	return Weights{
		LoginRight: 36, LoginOld: 8, LoginWrong: 6, Change: 14, ChangeTwice: 3, ChangeChain: 2, ChangeWrong: 2, Delete: 3, Register: 6,
		Disable: 2, Enable: 4, Refresh: 10, Reuse: 1, Logout: 3, Revoke: 2, LegacyWrite: 6, Reset: 4, Migrate: 5, Enrol: 6, Unenrol: 2,
	}
}

// A Step is one act of the plan.
type Step struct {
	At      time.Duration
	Person  int
	Act     Act
	Gateway int
	Dice    uint64 // for what is chosen when it is done
}

// A Cast is who plays: Old are in the old store at the begin, the others can register.
type Cast struct{ Old, Others, Gateways int }

// drifts tells whether the old application writes to a person. Of them less can be told surely, so they are few.
func (c Cast) drifts(person int) bool { return person < c.Old && person%6 == 5 }

// factors tells whether a person may have a second factor. They open few sessions, so they are few.
func (c Cast) factors(person int) bool { return person%6 == 4 }

// Plan returns what is done in so much time, so many times a second. The same seed gives the same plan. Some people are
// asked for often, so that what is done to them meets.
func Plan(seed uint64, cast Cast, weights Weights, length time.Duration, rate float64) []Step {
	dice := rand.New(rand.NewPCG(seed, 1))
	acts := make([]Act, 0, 128)
	for _, act := range sorted(weights) {
		for range weights[act] {
			acts = append(acts, act)
		}
	}
	var steps []Step
	for at := time.Duration(0); at < length; at += time.Duration(dice.ExpFloat64() / rate * float64(time.Second)) {
		step := Step{At: at, Act: acts[dice.IntN(len(acts))], Gateway: dice.IntN(cast.Gateways), Dice: dice.Uint64()}
		all := cast.Old + cast.Others
		step.Person = dice.IntN(all)
		if dice.IntN(3) == 0 {
			step.Person = dice.IntN(4) * all / 4
		}
		if step.Act == LegacyWrite && !cast.drifts(step.Person) || step.Act == Enrol && !cast.factors(step.Person) {
			step.Act = LoginRight
		}
		steps = append(steps, step)
	}
	return steps
}

func sorted(weights Weights) []Act {
	acts := make([]Act, 0, len(weights))
	for act := range weights {
		acts = append(acts, act)
	}
	slices.Sort(acts)
	return acts
}

// kindOf is the kind of operation that an act asks for by the name of staff.
var kindOf = map[Act]history.Kind{
	Disable: history.Disable, Enable: history.Enable, Revoke: history.Revoke, Migrate: history.Migrate,
}
