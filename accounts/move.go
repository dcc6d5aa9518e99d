package accounts

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"rekey/accounts/phase"
)

// A PhaseMove is what an operator asks for.
type PhaseMove struct {
	To      phase.Phase
	Percent phase.Percent // of the ramp
	Epoch   int64         // that the operator has seen; 0: whatever it is
	DryRun  bool

	// Abandon is how many people may be given up by a move to new-only; nil: none.
	Abandon *int
	// LeaveBacklog: what is not delivered yet may stay here on a way back.
	LeaveBacklog bool

	By By
	// Progress, if set, is told of each epoch and, while it waits, of whom it waits for.
	Progress func(PhaseStep)
}

// A PhaseStep is an epoch of a move.
type PhaseStep struct {
	State   phase.State `json:"state"`
	Missing []Replica   `json:"missing"` // alive, and not there yet; empty: all have acknowledged it
}

// A PhaseReport is what a move did, or would do.
type PhaseReport struct {
	From     phase.State     `json:"from"`
	Findings []phase.Finding `json:"findings"`
	Steps    []phase.State   `json:"steps"`
}

// A GateError is a move that is held up by what was measured. It lists every gate.
type GateError struct{ Blockers []phase.Finding }

func (e *GateError) Error() string {
	texts := make([]string, len(e.Blockers))
	for i, b := range e.Blockers {
		texts[i] = fmt.Sprintf("%s: %s (limit: %s)", b.Gate, b.Value, b.Limit)
	}
	return "held up by " + strings.Join(texts, "; ")
}

// ackEvery is how often a move looks who has acknowledged.
const ackEvery = 50 * time.Millisecond

// MovePhase takes the installation one step along its plan, or back, and returns when every live replica has arrived. It
// passes each epoch only when all have acknowledged the one before or their leases have ended.
//
// A move that was left in the middle is gone on with by asking for the same one again. Its errors are a *phase.MoveError,
// a *GateError, ErrStale (somebody else has moved the phase since the given epoch), or an *UnavailableError.
func (s *Service) MovePhase(ctx context.Context, m PhaseMove) (PhaseReport, error) {
	from, err := s.store.Phase(ctx)
	if err != nil {
		return PhaseReport{}, cannotTell("read the phase", err)
	}
	report := PhaseReport{From: from}
	if m.Epoch != 0 && m.Epoch != from.Epoch {
		return report, ErrStale
	}
	steps := from.Resume(s.now())
	if !from.Moving() || from.To != m.To {
		if steps, err = from.Move(m.To, m.Percent, s.now()); err != nil {
			return report, err
		}
	}
	report.Steps = steps
	if report.Findings, err = s.gates(ctx, from, m); err != nil || m.DryRun {
		return report, err
	}
	if err := s.awaitAll(ctx, from, m); err != nil {
		return report, err
	}
	report.Steps = nil
	for at := from; ; {
		next, err := s.nextStep(ctx, at, m)
		if err != nil {
			return report, err
		}
		report.Steps = append(report.Steps, next)
		if err := s.awaitAll(ctx, next, m); err != nil {
			return report, err
		}
		if at = next; !at.Moving() {
			return report, nil
		}
	}
}

// nextStep stores the state behind at, if the gates let it.
func (s *Service) nextStep(ctx context.Context, at phase.State, m PhaseMove) (phase.State, error) {
	next := at.Resume(s.now())
	if !at.Moving() {
		var err error
		if next, err = at.Move(m.To, m.Percent, s.now()); err != nil {
			return phase.State{}, err
		}
	} else if _, err := s.gates(ctx, at, m); err != nil {
		return phase.State{}, errors.Join(err, s.takeBack(ctx, at, m))
	}
	return next[0], s.storePhase(ctx, next[0], m, EventPhaseMoved)
}

// takeBack opens the old phase again where the gates have closed behind its back.
func (s *Service) takeBack(ctx context.Context, at phase.State, m PhaseMove) error {
	back, err := at.Cancel()
	if err != nil {
		return err
	}
	return s.storePhase(ctx, back, m, EventPhaseTakenBack)
}

func (s *Service) storePhase(ctx context.Context, next phase.State, m PhaseMove, kind EventKind) error {
	event := m.By.event(phaseAccount, kind, s.now())
	event.Detail = map[string]string{
		"epoch": strconv.FormatInt(next.Epoch, 10), "phase": next.Phase.String(), "percent": next.Percent.String(), "frozen": strconv.FormatBool(next.Frozen),
	}
	err := s.store.MovePhase(ctx, next, event)
	if err != nil && !errors.Is(err, ErrStale) {
		return cannotTell("move the phase", err)
	}
	return err
}

// awaitAll waits until no live replica is behind a state.
func (s *Service) awaitAll(ctx context.Context, state phase.State, m PhaseMove) error {
	tick := time.NewTicker(ackEvery)
	defer tick.Stop()
	for {
		missing, err := s.missing(ctx, state.Epoch)
		if err != nil {
			return cannotTell("ask who has acknowledged the phase", err)
		}
		if m.Progress != nil {
			m.Progress(PhaseStep{state, missing})
		}
		if len(missing) == 0 {
			return nil
		}
		select {
		case <-ctx.Done():
			return cannotTell("wait for "+replicaNames(missing), ctx.Err())
		case <-tick.C:
		}
	}
}

// missing returns the live replicas that have not acknowledged an epoch.
func (s *Service) missing(ctx context.Context, epoch int64) ([]Replica, error) {
	all, clock, err := s.store.Replicas(ctx)
	if err != nil {
		return nil, err
	}
	rows, named := make([]phase.Replica, len(all)), make(map[string]Replica, len(all))
	for i, r := range all {
		rows[i], named[r.ID] = r.Replica, r
	}
	var missing []Replica
	for _, r := range phase.DefaultLease().Missing(epoch, rows, clock) {
		missing = append(missing, named[r.ID])
	}
	return missing, nil
}

func replicaNames(all []Replica) string {
	names := make([]string, len(all))
	for i, r := range all {
		names[i] = r.Name
	}
	return strings.Join(names, ", ")
}
