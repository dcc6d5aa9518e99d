package accounts

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"rekey/accounts/failpoint"
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
	Missing []Replica   `json:"missing"` // alive, and not there yet, or late and in the way of the next; empty: all have acknowledged it
	Clock   time.Time   `json:"clock"`   // now, as leases are counted
	Lease   phase.Lease `json:"-"`       // that they have
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
// A move that was left in the middle is gone on with by asking for the same one again, whoever asks. Asking for the phase
// that it left takes it back, as long as the new one has not begun.
//
// When ctx ends the move stops between two epochs. Its errors are an *InvalidError (the reason), a *phase.MoveError, a
// *GateError, ErrStale (somebody else has moved the phase since the given epoch), or an *UnavailableError.
func (s *Service) MovePhase(ctx context.Context, m PhaseMove) (PhaseReport, error) {
	from, report, err := s.beginMove(ctx, m)
	if err != nil {
		return report, err
	}
	if report.Steps, err = s.stepsOf(from, m); err != nil {
		return report, err
	}
	if m.DryRun || !from.Moving() { // in the middle the gates are asked where the numbers stand still, by nextStep
		if report.Findings, err = s.gates(ctx, from, m); err != nil || m.DryRun {
			return report, err
		}
	}
	if m.takesBack(from) { // the same phase, open: nobody has to be waited for
		back, err := s.takeBack(ctx, from, m)
		if err != nil {
			return report, err
		}
		return report, s.awaitAll(ctx, back, m)
	}
	if err := s.awaitAll(ctx, from, m); err != nil {
		return report, err
	}
	report.Steps = nil
	for at := from; ; {
		next, findings, err := s.nextStep(ctx, at, m)
		if len(findings) > 0 {
			report.Findings = findings
		}
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

// beginMove reads where the installation is, and checks what was asked for against it.
func (s *Service) beginMove(ctx context.Context, m PhaseMove) (phase.State, PhaseReport, error) {
	if err := m.By.Check(); err != nil {
		return phase.State{}, PhaseReport{}, err
	}
	from, err := s.store.Phase(ctx)
	if err != nil {
		return phase.State{}, PhaseReport{}, cannotTell("read the phase", err)
	}
	report := PhaseReport{From: from}
	if m.Epoch != 0 && m.Epoch != from.Epoch {
		return from, report, ErrStale
	}
	return from, report, nil
}

// takesBack tells whether m asks for the phase that a move under way is about to leave.
func (m PhaseMove) takesBack(from phase.State) bool {
	return from.Moving() && from.Phase != from.To && from.Phase == m.To
}

// stepsOf returns the states that m leads through, or why it does not.
func (s *Service) stepsOf(from phase.State, m PhaseMove) ([]phase.State, error) {
	switch {
	case m.takesBack(from):
		back, err := from.Cancel()
		return []phase.State{back}, err
	case from.Moving() && from.To == m.To:
		return from.Resume(s.now()), nil
	}
	return from.Move(m.To, m.Percent, s.now())
}

// nextStep stores the state behind at, if the gates let it. Where they do not, and the old phase is frozen for the move, it
// is opened again.
func (s *Service) nextStep(ctx context.Context, at phase.State, m PhaseMove) (phase.State, []phase.Finding, error) {
	next := at.Resume(s.now())
	var findings []phase.Finding
	var err error
	if !at.Moving() {
		next, err = at.Move(m.To, m.Percent, s.now())
	} else if findings, err = s.gates(ctx, at, m); err != nil && at.Phase != at.To {
		_, backErr := s.takeBack(ctx, at, m)
		err = errors.Join(err, backErr)
	}
	if err != nil {
		return phase.State{}, findings, err
	}
	return next[0], findings, s.storePhase(ctx, at, next[0], m, EventPhaseMoved)
}

// takeBack opens the old phase again. It does so too when whoever asked for the move has gone: frozen, it serves nobody.
func (s *Service) takeBack(ctx context.Context, at phase.State, m PhaseMove) (phase.State, error) {
	back, err := at.Cancel()
	if err != nil {
		return phase.State{}, err
	}
	return back, s.outlive(ctx, func(ctx context.Context) error { return s.storePhase(ctx, at, back, m, EventPhaseTakenBack) })
}

// Relax takes the installation from both to shadow. No gate is asked, and of what is under way only a ramp that has not ended
// everywhere is waited for. What m says of a phase is not looked at. Its errors are those of MovePhase.
func (s *Service) Relax(ctx context.Context, m PhaseMove) (PhaseReport, error) {
	return s.changePhase(ctx, m, EventPhaseMoved, func(from phase.State) (phase.State, error) { return from.Relax(s.now()) })
}

// Relist replaces the allow-list and the deny-list of the ramp by what edit makes of them. Its errors are those of MovePhase.
func (s *Service) Relist(ctx context.Context, m PhaseMove, edit func(allow, deny []uuid.UUID) (newAllow, newDeny []uuid.UUID)) (PhaseReport, error) {
	return s.changePhase(ctx, m, EventPhaseRelisted, func(from phase.State) (phase.State, error) {
		return from.Relist(edit(from.Allow, from.Deny))
	})
}

// changePhase takes a single step that no gate holds up.
func (s *Service) changePhase(
	ctx context.Context, m PhaseMove, kind EventKind, change func(phase.State) (phase.State, error),
) (PhaseReport, error) {
	from, report, err := s.beginMove(ctx, m)
	if err != nil {
		return report, err
	}
	next, err := change(from)
	if err != nil {
		return report, err
	}
	report.Steps = []phase.State{next}
	if m.DryRun {
		return report, nil
	}
	if err := s.awaitAll(ctx, from, m); err != nil {
		return report, err
	}
	if err := s.storePhase(ctx, from, next, m, kind); err != nil {
		return report, err
	}
	return report, s.awaitAll(ctx, next, m)
}

// storePhase stores the state behind at. The store waits for the writes that hold the epoch of at, and the move tells whose they
// may be: a process that is stopped in the middle of one does not renew its lease either.
func (s *Service) storePhase(ctx context.Context, at, next phase.State, m PhaseMove, kind EventKind) error {
	event := m.By.event(phaseAccount, kind, s.now())
	event.Detail = map[string]string{
		"epoch": strconv.FormatInt(next.Epoch, 10), "phase": next.Phase.String(), "percent": next.Percent.String(), "frozen": strconv.FormatBool(next.Frozen),
	}
	stored := make(chan error, 1)
	go func() { stored <- s.store.MovePhase(ctx, next, event) }()
	tick := time.NewTicker(ackEvery)
	defer tick.Stop()
	for {
		select {
		case err := <-stored:
			if err != nil && !errors.Is(err, ErrStale) {
				return cannotTell("move the phase", err)
			}
			return err
		case <-tick.C:
			late, clock, err := s.replicasThat(ctx, s.terms.Late)
			if err == nil && len(late) > 0 && m.Progress != nil {
				m.Progress(PhaseStep{at, late, clock, s.terms})
			}
		}
	}
}

// awaitAll waits until no live replica is behind a state.
func (s *Service) awaitAll(ctx context.Context, state phase.State, m PhaseMove) error {
	if failpoint.Without(failpoint.Crossing) {
		return nil
	}
	tick := time.NewTicker(ackEvery)
	defer tick.Stop()
	for {
		missing, clock, err := s.missing(ctx, state.Epoch)
		if err != nil {
			return cannotTell("ask who has acknowledged the phase", err)
		}
		if m.Progress != nil {
			m.Progress(PhaseStep{state, missing, clock, s.terms})
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

// missing returns the live replicas that have not acknowledged an epoch, and the time that their leases are counted by.
func (s *Service) missing(ctx context.Context, epoch int64) ([]Replica, time.Time, error) {
	return s.replicasThat(ctx, func(rows []phase.Replica, now time.Time) []phase.Replica { return s.terms.Missing(epoch, rows, now) })
}

// replicasThat returns some of the replicas, and the time that their leases are counted by.
func (s *Service) replicasThat(ctx context.Context, some func([]phase.Replica, time.Time) []phase.Replica) ([]Replica, time.Time, error) {
	all, clock, err := s.store.Replicas(ctx)
	if err != nil {
		return nil, time.Time{}, err
	}
	rows, named := make([]phase.Replica, len(all)), make(map[string]Replica, len(all))
	for i, r := range all {
		rows[i], named[r.ID] = r.Replica, r
	}
	var chosen []Replica
	for _, r := range some(rows, clock) {
		chosen = append(chosen, named[r.ID])
	}
	return chosen, clock, nil
}

func replicaNames(all []Replica) string {
	names := make([]string, len(all))
	for i, r := range all {
		names[i] = r.Name
	}
	return strings.Join(names, ", ")
}
