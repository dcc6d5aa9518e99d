package accounts

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"time"

	"rekey/accounts/phase"
)

// What there is to see of the phase, for who decides on a move. Nothing here changes anything: what can be measured only by
// writing to an old store, or by reading all of it, is left to a dry run.

// A PhaseView is where the installation is, who serves, and where it can go.
type PhaseView struct {
	State    phase.State
	Replicas []ReplicaState
	Ways     []PhaseWay
}

// A ReplicaState is a process that serves, or did a while ago.
type ReplicaState struct {
	Replica
	Live   bool
	Behind bool          // alive, and without having acknowledged the epoch: a move waits for it
	Ends   time.Time     // its lease, by the store's clock
	EndsIn time.Duration // negative where it has ended
}

// A PhaseWay is a step that could be asked for.
type PhaseWay struct {
	Name     Way
	To       phase.Phase
	Percent  phase.Percent
	Steps    []phase.State   // the epochs that it takes
	Reasons  []phase.Reason  // why it cannot be taken; empty: it can, if the gates let it
	Findings []phase.Finding // what each gate says
	Deferred []phase.Gate    // those of them that only a dry run measures
}

// Open reports whether nothing that is known holds the step up.
func (w PhaseWay) Open() bool { return len(w.Reasons) == 0 && len(phase.Blockers(w.Findings)) == 0 }

// A Way is a direction.
type Way string

// The ways out of a phase.
const (
	WayUp   Way = "up"
	WayDown Way = "down"
	WayRamp Way = "ramp" // more accounts in the ramp
)

// Phase returns what there is to see of the phase. Its error is an *UnavailableError.
func (s *Service) Phase(ctx context.Context) (PhaseView, error) {
	state, err := s.store.Phase(ctx)
	if err != nil {
		return PhaseView{}, cannotTell("read the phase", err)
	}
	v := PhaseView{State: state}
	if v.Replicas, err = s.replicas(ctx, state.Epoch); err != nil {
		return PhaseView{}, err
	}
	for _, way := range waysOf(state) {
		if err := s.look(ctx, state, &way); err != nil {
			return PhaseView{}, err
		}
		v.Ways = append(v.Ways, way)
	}
	return v, nil
}

// waysOf names the steps that a state offers, legal or not.
func waysOf(s phase.State) []PhaseWay {
	var ways []PhaseWay
	if to, ok := s.Up(); ok {
		ways = append(ways, PhaseWay{Name: WayUp, To: to})
	}
	if s.Phase == phase.Ramp && s.Percent < phase.All && !s.Moving() {
		ways = append(ways, PhaseWay{Name: WayRamp, To: phase.Ramp, Percent: phase.All})
	}
	if to, ok := s.Down(); ok {
		way := PhaseWay{Name: WayDown, To: to}
		if to == phase.Ramp {
			way.Percent = phase.All
		}
		ways = append(ways, way)
	}
	return ways
}

// deferred are the gates that are not measured for a look.
var deferred = []phase.Gate{phase.GateWayBack, phase.GateUnmoved}

// look fills in what is known of a step.
func (s *Service) look(ctx context.Context, from phase.State, way *PhaseWay) error {
	m := PhaseMove{To: way.To, Percent: way.Percent}
	steps, err := s.stepsOf(from, m)
	if illegal, ok := errors.AsType[*phase.MoveError](err); ok {
		way.Reasons = illegal.Reasons
	} else if err != nil {
		return err
	}
	way.Steps = steps
	asked := phase.Gates(from, m.To, m.Percent)
	if len(asked) == 0 {
		return nil
	}
	cheap := slices.DeleteFunc(slices.Clone(asked), func(g phase.Gate) bool { return slices.Contains(deferred, g) })
	facts, err := s.facts(ctx, from, m, cheap)
	if err != nil {
		return err
	}
	way.Findings = phase.Check(from, m.To, m.Percent, facts, phase.DefaultLimits())
	for i, f := range way.Findings {
		if slices.Contains(deferred, f.Gate) {
			way.Findings[i] = phase.Finding{Gate: f.Gate, Value: "not measured yet", Limit: "a dry run measures it, and the move"}
			way.Deferred = append(way.Deferred, f.Gate)
		}
	}
	return nil
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
	lease := phase.DefaultLease()
	var states []ReplicaState
	for _, r := range all {
		state := ReplicaState{Replica: r, Live: lease.Live(r.Replica, clock), Ends: lease.Ends(r.Replica)}
		state.Behind = state.Live && r.Epoch < epoch
		if state.EndsIn = state.Ends.Sub(clock); state.EndsIn > -goneFor {
			states = append(states, state)
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
