package accounts

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/google/uuid"

	"rekey/accounts/phase"
	"rekey/legacy"
)

// phaseAccount is what events of the phase are filed under: they are about nobody.
var phaseAccount = uuid.MustParse("00000000-0000-8000-8000-000000000001")

// drainFor is how long a move waits for deliveries that are on their way. Each takes as long as two questions to a legacy
// store; in a frozen phase changes are refused meanwhile.
const drainFor = 5 * time.Second

// gates measures what holds a move up, and returns a *GateError if anything does. It waits a moment for deliveries that nobody
// has refused: on a way back none may be left, and while changes go on one nearly always is.
func (s *Service) gates(ctx context.Context, from phase.State, m PhaseMove) ([]phase.Finding, error) {
	findings, draining, err := s.askGates(ctx, from, m)
	if m.DryRun || m.To > from.Phase && !from.Frozen {
		return findings, err
	}
	giveUp := time.NewTimer(drainFor)
	defer giveUp.Stop()
	for draining && s.drained(ctx, giveUp.C) {
		findings, draining, err = s.askGates(ctx, from, m)
	}
	return findings, err
}

// drained waits until no delivery is on its way, or it is of no use to wait any longer, and reports whether the gates are to be
// asked again.
func (s *Service) drained(ctx context.Context, giveUp <-chan time.Time) bool {
	tick := time.NewTicker(ackEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return false
		case <-giveUp:
			return false
		case <-tick.C:
		}
		if counts, err := s.store.PhaseCounts(ctx, s.now()); err != nil || counts.Backlog == 0 || counts.Refused > 0 {
			return true // what the store does not tell, the gates do not let pass
		}
	}
}

// askGates measures once. draining: what holds the move up is nothing but deliveries that may arrive at any moment.
func (s *Service) askGates(ctx context.Context, from phase.State, m PhaseMove) (findings []phase.Finding, draining bool, err error) {
	asked := phase.Gates(from, m.To, m.Percent)
	if len(asked) == 0 {
		return nil, false, nil
	}
	facts, err := s.facts(ctx, from, m, asked)
	if err != nil {
		return nil, false, err
	}
	findings = phase.Check(from, m.To, m.Percent, facts, s.limits)
	if blockers := phase.Blockers(findings); len(blockers) > 0 {
		draining = len(blockers) == 1 && blockers[0].Gate == phase.GateCopyBack && facts.Refused == 0
		return findings, draining, &GateError{blockers}
	}
	return findings, false, nil
}

// facts measures what the gates that are asked need to know, and nothing else: some of it writes to the old stores or reads
// all of their people. What is not in Known blocks.
func (s *Service) facts(ctx context.Context, from phase.State, m PhaseMove, asked []phase.Gate) (phase.Facts, error) {
	before := s.now()
	if !from.Frozen { // while changes go on, some are always under way
		before = before.Add(-claimFor)
	}
	counts, err := s.store.PhaseCounts(ctx, before)
	if err != nil {
		return phase.Facts{}, cannotTell("count what a move depends on", err)
	}
	f := phase.Facts{
		Now: s.now(), SoakSince: from.Began, Dirty: counts.Dirty, Drifted: counts.Drifted, OpenIntents: counts.Intents,
		CopyBackBacklog: counts.Backlog, Refused: counts.Refused, Staying: counts.Staying, LeaveBacklog: m.LeaveBacklog, Abandon: m.Abandon,
		Known: []phase.Gate{
			phase.GateSoak, phase.GateDirty, phase.GateDrift, phase.GateIntents, phase.GateCopyBack, phase.GateStaying,
			phase.GateWriters,
		},
	}
	for _, source := range s.sources {
		writes := source.writes()
		f.Sources = append(f.Sources, phase.Source{
			Name: source.Name, Writer: writes.Password == legacy.PasswordHashed, Conditional: writes.Conditional, CopyBack: source.CopyBack.policy(),
		})
	}
	if slices.ContainsFunc(asked, func(g phase.Gate) bool { return slices.Contains(measured, g) }) {
		if err := s.readWindows(ctx, from, &f); err != nil {
			return phase.Facts{}, err
		}
	}
	if slices.Contains(asked, phase.GateWayBack) {
		f.CanaryFault, f.Known = s.canary(ctx), append(f.Known, phase.GateWayBack)
	}
	if slices.Contains(asked, phase.GateValidation) {
		if f.CleanValidation, err = s.cleanSince(ctx, from); err != nil {
			return phase.Facts{}, err
		}
		f.Known = append(f.Known, phase.GateValidation)
	}
	if slices.Contains(asked, phase.GateUnmoved) {
		unmoved, err := s.countUnmoved(ctx, from)
		switch {
		case errors.Is(err, errNoLister): // nobody can tell, today or later: the gate says so
		case err != nil:
			return phase.Facts{}, err
		default:
			f.Unmoved, f.Known = unmoved, append(f.Known, phase.GateUnmoved)
		}
	}
	return f, nil
}

// PhaseCounts is what a move depends on.
type PhaseCounts struct {
	Dirty, Drifted int // links
	Intents        int // changes of both stores that have not ended
	Backlog        int // deliveries that have not arrived, of changes that were made here
	Refused        int // of those: the legacy store has said no
	Staying        int // accounts that legacy cannot answer for: those whose deliveries have not arrived are among them
}

// unmovedPage is how many people are read at a time when they are counted.
const unmovedPage = 500

// countUnmoved walks the legacy stores and counts whom the new store would not answer for in a state: who has no account
// here, and who has a copy that is not trusted. Who was deleted here is nobody to move. Records that cannot be read count as
// people who have no account.
func (s *Service) countUnmoved(ctx context.Context, in phase.State) (int, error) {
	unmoved := 0
	for _, source := range s.sources {
		err := walk(ctx, source, unmovedPage, func(user legacy.User) error {
			rec, err := s.store.ByLink(ctx, source.Name, user.ID)
			switch {
			case errors.Is(err, ErrNotFound):
				unmoved++
			case err != nil:
				return err
			case !rec.Deleted() && in.Row(facts(rec)).Answers != phase.New:
				unmoved++
			}
			return nil
		}, func(*legacy.RowError) { unmoved++ })
		if err != nil {
			return 0, cannotTell("count the people of "+source.Name, err)
		}
	}
	return unmoved, nil
}
