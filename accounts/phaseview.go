package accounts

import (
	"cmp"
	"context"
	"errors"
	"math"
	"slices"
	"time"

	"rekey/accounts/phase"
)

// What there is to see of the phase, for who decides on a move. Nothing here changes anything: what can be measured only by
// writing to an old store, or by reading all of it, is left to a dry run.

// A PhaseView is where the installation is, who serves, and where it can go.
type PhaseView struct {
	State    phase.State    `json:"state"`
	Meaning  string         `json:"meaning"` // in a sentence
	Backlog  Backlog        `json:"backlog"` // intents too: whoever switches a store off loses them
	Staying  int            `json:"staying"` // accounts that legacy cannot answer for, in this phase and after a way back
	Replicas []ReplicaState `json:"replicas"`
	Up       *PhaseWay      `json:"up,omitempty"`
	Down     *PhaseWay      `json:"down,omitempty"`
	Ramp     *PhaseWay      `json:"ramp,omitempty"` // everybody in the ramp
}

// A ReplicaState is a process that serves, or did a while ago.
type ReplicaState struct {
	Replica
	Live   bool      `json:"live"`
	Behind bool      `json:"behind"`        // alive, and without having acknowledged the epoch: a move waits for it
	Ends   time.Time `json:"lease_ends"`    // by the store's clock
	EndsIn int64     `json:"lease_ends_in"` // seconds, rounded up; 0 or less where it has ended
}

// A PhaseWay is a step that could be asked for.
type PhaseWay struct {
	To       phase.Phase     `json:"to"`
	Percent  phase.Percent   `json:"percent"`
	Epochs   []Epoch         `json:"epochs"`  // that it takes
	Reasons  []phase.Reason  `json:"reasons"` // why it cannot be taken; empty: it can, if the gates let it
	Findings []phase.Finding `json:"findings"`
	Deferred []phase.Gate    `json:"deferred"` // gates that only a dry run measures, and the move
}

// Open reports whether nothing that is known holds the step up.
func (w PhaseWay) Open() bool { return len(w.Reasons) == 0 && len(phase.Blockers(w.Findings)) == 0 }

// An Epoch is what of a state tells where a move is.
type Epoch struct {
	Epoch   int64         `json:"epoch"`
	Phase   phase.Phase   `json:"phase"`
	Percent phase.Percent `json:"percent"`
	Frozen  bool          `json:"frozen"`
}

// EpochsOf returns what is shown of states.
func EpochsOf(states []phase.State) []Epoch {
	epochs := make([]Epoch, len(states))
	for i, s := range states {
		epochs[i] = Epoch{s.Epoch, s.Phase, s.Percent, s.Frozen}
	}
	return epochs
}

// Phase returns what there is to see of the phase. Its error is an *UnavailableError.
func (s *Service) Phase(ctx context.Context) (PhaseView, error) {
	state, err := s.store.Phase(ctx)
	if err != nil {
		return PhaseView{}, cannotTell("read the phase", err)
	}
	v := PhaseView{State: state, Meaning: state.Meaning()}
	if v.Backlog, err = s.Backlog(ctx); err != nil {
		return PhaseView{}, err
	}
	counts, err := s.store.PhaseCounts(ctx, s.now())
	if err != nil {
		return PhaseView{}, cannotTell("count who stays", err)
	}
	v.Staying = counts.Staying
	if v.Replicas, err = s.replicas(ctx, state.Epoch); err != nil {
		return PhaseView{}, err
	}
	if to, ok := state.Up(); ok {
		if v.Up, err = s.look(ctx, state, PhaseMove{To: to}); err != nil {
			return PhaseView{}, err
		}
	}
	if to, ok := state.Down(); ok {
		if v.Down, err = s.look(ctx, state, PhaseMove{To: to, Percent: PercentOf(to)}); err != nil {
			return PhaseView{}, err
		}
	}
	if state.Phase == phase.Ramp && state.Percent < phase.All {
		v.Ramp, err = s.look(ctx, state, PhaseMove{To: phase.Ramp, Percent: phase.All})
	}
	return v, err
}

// PercentOf returns the percentage that a step down to a phase has: the ramp is entered from above with everybody inside.
func PercentOf(to phase.Phase) phase.Percent {
	if to == phase.Ramp {
		return phase.All
	}
	return 0
}

// deferred are the gates that are not measured for a look.
var deferred = []phase.Gate{phase.GateWayBack, phase.GateUnmoved}

// look returns what is known of a step before it is tried.
func (s *Service) look(ctx context.Context, from phase.State, m PhaseMove) (*PhaseWay, error) {
	way := &PhaseWay{To: m.To, Percent: m.Percent, Reasons: []phase.Reason{}, Findings: []phase.Finding{}, Deferred: []phase.Gate{}}
	steps, err := s.stepsOf(from, m)
	if illegal, ok := errors.AsType[*phase.MoveError](err); ok {
		way.Reasons = illegal.Reasons
	} else if err != nil {
		return nil, err
	}
	way.Epochs = EpochsOf(steps)
	asked := phase.Gates(from, m.To, m.Percent)
	if len(asked) == 0 {
		return way, nil
	}
	later := func(g phase.Gate) bool { return slices.Contains(deferred, g) }
	facts, err := s.facts(ctx, from, m, slices.DeleteFunc(slices.Clone(asked), later))
	if err != nil {
		return nil, err
	}
	way.Findings = phase.Check(from, m.To, m.Percent, facts, s.limits)
	for i, f := range way.Findings {
		if later(f.Gate) {
			way.Findings[i] = phase.Finding{Gate: f.Gate, Value: "not measured yet", Limit: "a dry run measures it, and the move"}
			way.Deferred = append(way.Deferred, f.Gate)
		}
	}
	return way, nil
}

// goneFor is how long a replica is still shown after its lease has ended: whoever looks for one that hangs finds it.
const goneFor = time.Hour

// Replicas returns who serves and who did in the last hour. Its error is an *UnavailableError.
func (s *Service) Replicas(ctx context.Context) ([]ReplicaState, error) {
	epoch, err := s.store.PhaseEpoch(ctx)
	if err != nil {
		return nil, cannotTell("read the phase", err)
	}
	return s.replicas(ctx, epoch)
}

// replicas lists them by name, those that live first.
func (s *Service) replicas(ctx context.Context, epoch int64) ([]ReplicaState, error) {
	all, clock, err := s.store.Replicas(ctx)
	if err != nil {
		return nil, cannotTell("read the replicas", err)
	}
	lease := s.terms
	states := []ReplicaState{}
	for _, r := range all {
		live, left := lease.Live(r.Replica, clock), lease.Ends(r.Replica).Sub(clock)
		if left > -goneFor {
			states = append(states, ReplicaState{r, live, live && r.Epoch < epoch, lease.Ends(r.Replica), seconds(left)})
		}
	}
	slices.SortFunc(states, func(a, b ReplicaState) int {
		return cmp.Or(cmp.Compare(rank(a.Live), rank(b.Live)), cmp.Compare(a.Name, b.Name), cmp.Compare(a.ID, b.ID))
	})
	return states, nil
}

func rank(first bool) int {
	if first {
		return 0
	}
	return 1
}

func seconds(d time.Duration) int64 { return int64(math.Ceil(d.Seconds())) }
