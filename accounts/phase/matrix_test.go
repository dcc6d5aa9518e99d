package phase

import (
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"
)

// The epoch of the model's states, in which copies are trusted.
const epoch = 5

// sideState is a state that has the account of the model on one side.
func sideState(side Side) State {
	s := State{Epoch: epoch, TrustEpoch: epoch, Plan: DualWrite, Began: time.Unix(1e9, 0), Salt: "0123456789abcdef"}
	for p := LegacyOnly; p <= NewOnly; p++ {
		if slices.Contains(sidesOf[p], side) {
			s.Phase = p
		}
	}
	if side == RampInSide {
		s.Percent = All
	}
	return s
}

// beginning is how the account may stand at first.
type beginning struct {
	name string
	w    world
	now  byte
}

func beginnings() []beginning {
	return []beginning{
		{"moved", world{legacy: cell{1, old, 0}, here: cell{1, old, epoch}}, old},
		{"unmoved", world{legacy: cell{1, old, 0}}, old},
		{"old copy", world{legacy: cell{1, old, 0}, here: cell{1, stale, epoch - 1}}, old},
		{"not delivered", world{legacy: cell{1, stale, 0}, here: cell{2, old, epoch}, relay: [3]cell{{2, old, 0}}}, old},
	}
}

// moved are those in which there is a trusted copy.
func moved() []beginning {
	return slices.DeleteFunc(beginnings(), func(b beginning) bool { return b.w.here.copied != epoch })
}

// operations are all that a replica may do, with val where a password is written.
func operations(s State, val byte) []operation {
	return []operation{{opChange, val, s}, {opDelete, gone, s}, {opLogin, none, s}, {opSweep, none, s}}
}

// playPair plays every pair of operations on two replicas from every beginning, and returns the first fault.
func (g guards) playPair(a, b State, later *State, from []beginning) string {
	for _, begin := range from {
		for _, left := range operations(a, newA) {
			for _, right := range operations(b, newB) {
				if fault := g.play(scene{begin.name, begin.w, begin.now, left, right, later}); fault != "" {
					return fault
				}
			}
		}
	}
	return ""
}

// faultBetween plays two states with every guard, and again without the pins.
func faultBetween(a, b State, later *State, from []beginning) string {
	if fault := allGuards().playPair(a, b, later, from); fault != "" {
		return fault
	}
	return unpinned().playPair(a, b, later, delivered(from))
}

func unpinned() guards {
	g := allGuards()
	g.pin = false
	return g
}

func delivered(from []beginning) []beginning {
	return slices.DeleteFunc(slices.Clone(from), func(b beginning) bool { return b.w.pending() })
}

// given are the beginnings that a pair of sides can meet. Who is not moved when new-only has come was given up.
func given(a, b Side) []beginning {
	if a == NewOnlySide && b == NewOnlySide {
		return moved()
	}
	return beginnings()
}

func eachPair(visit func(a, b Side)) {
	for a := LegacyOnlySide; a <= NewOnlySide; a++ {
		for b := a; b <= NewOnlySide; b++ {
			visit(a, b)
		}
	}
}

// The matrix says what the model finds, for every pair. It does not lean on pins: where two phases agree only because each
// replica sees at once that an account has just been changed here, they may not coexist.
func TestMatrixIsWhatTheModelFinds(t *testing.T) {
	t.Parallel()
	eachPair(func(a, b Side) {
		fault := faultBetween(sideState(a), sideState(b), nil, given(a, b))
		switch {
		case fault != "" && SidesCoexist(a, b):
			t.Errorf("%s and %s may coexist, says the matrix: %s", a, b, fault)
		case fault == "" && !SidesCoexist(a, b):
			t.Errorf("%s and %s may not coexist, says the matrix, and the model finds no fault", a, b)
		}
		if SidesCoexist(a, b) != SidesCoexist(b, a) {
			t.Errorf("%s and %s: the matrix is not symmetric", a, b)
		}
	})
}

// Each guard is needed: without it, phases that may coexist lose a change or revive a password.
func TestModelNeedsEachGuard(t *testing.T) {
	t.Parallel()
	for name, without := range map[string]func(*guards){
		"lock":       func(g *guards) { g.lock = false },
		"lock alone": func(g *guards) { g.lockAlone = false },
		"cas":        func(g *guards) { g.cas = false },
		"doubt":      func(g *guards) { g.doubt = false },
		"tombstone":  func(g *guards) { g.tombstone = false },
		"pin":        func(g *guards) { g.pin = false },
		"trust":      func(g *guards) { g.trust = false },
		"here first": func(g *guards) { g.hereFirst = false },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := allGuards()
			without(&g)
			var pairs int
			var first string
			eachPair(func(a, b Side) {
				if !SidesCoexist(a, b) {
					return
				}
				if fault := g.playPair(sideState(a), sideState(b), nil, given(a, b)); fault != "" {
					pairs++
					if first == "" {
						first = fault
					}
				}
			})
			if pairs == 0 {
				t.Fatal("the model finds no fault without it: either nothing needs it, or the model does not try what does")
			}
			t.Logf("%d pairs, first %s", pairs, first)
		})
	}
}

// new-only stands alone for the sake of people who are not moved. Those who are, it answers as the inside of the ramp and
// new-first do.
func TestNewOnlyAgreesAboutWhoIsMoved(t *testing.T) {
	t.Parallel()
	for _, side := range []Side{RampInSide, NewFirstSide} {
		if fault := faultBetween(sideState(side), sideState(NewOnlySide), nil, delivered(moved())); fault != "" {
			t.Errorf("%s and new-only: %s", side, fault)
		}
	}
}

// Where legacy alone must be written, a change without the lock does no harm as long as nothing waits to be copied back: so
// a replica whose operator has relaxed it by hand may write while it cannot reach the lock.
func TestLegacyAloneNeedsNoLock(t *testing.T) {
	t.Parallel()
	g := allGuards()
	g.lockAlone = false
	eachPair(func(a, b Side) {
		if !SidesCoexist(a, b) {
			return
		}
		if fault := g.playPair(sideState(a), sideState(b), nil, delivered(given(a, b))); fault != "" {
			t.Errorf("%s and %s: %s", a, b, fault)
		}
	})
}

// Every two states that follow each other in a move may coexist, says Coexist, and so finds the model.
func TestStatesOfEveryMoveCoexist(t *testing.T) {
	t.Parallel()
	pairs, crossed := 0, 0
	for _, plan := range []Plan{Lazy, DualWrite} {
		for _, from := range statesOf(plan) {
			for to := LegacyOnly; to <= NewOnly; to++ {
				for _, percent := range []Percent{0, All} {
					states, err := from.Move(to, percent, time.Unix(2e9, 0))
					if err != nil {
						continue
					}
					if len(states) == 3 {
						crossed++
					}
					before := from
					for _, next := range states {
						pairs++
						begin := beginnings()
						if next.Phase == NewOnly {
							begin = moved()
						}
						if !Coexist(before, next) || !Coexist(next, before) {
							t.Errorf("%s and %s: Coexist says no", told(before), told(next))
						}
						if fault := faultBetween(before, next, nil, begin); fault != "" {
							t.Errorf("%s and %s: %s", told(before), told(next), fault)
						}
						before = next
					}
				}
			}
		}
	}
	// lazy: up, down, up to new-only; dual-write: up to new-only.
	if crossed != 4 || pairs < 20 {
		t.Errorf("%d pairs and %d crossings were tried", pairs, crossed)
	}
}

// statesOf are the settled states of a plan, the ramp at both ends.
func statesOf(plan Plan) []State {
	var states []State
	for _, phase := range plan.Phases() {
		for _, side := range sidesOf[phase] {
			s := sideState(side)
			s.Plan = plan
			states = append(states, s)
		}
	}
	return states
}

// A copy that was made while some replica was in shadow is not trusted later, for that replica may have written legacy alone.
// The model finds the fault where it is trusted.
func TestCopiesAreTrustedOnceAllAreInBoth(t *testing.T) {
	t.Parallel()
	shadow := sideState(ShadowSide)
	states, err := shadow.Move(Both, 0, time.Unix(2e9, 0))
	if err != nil || len(states) != 2 {
		t.Fatal(states, err)
	}
	ramp, err := states[1].Move(Ramp, All, time.Unix(3e9, 0))
	if err != nil {
		t.Fatal(err)
	}
	if fault := faultBetween(shadow, states[0], &ramp[0], beginnings()); fault != "" {
		t.Error(fault)
	}
	early, ramped := states[0], ramp[0]
	early.TrustEpoch, ramped.TrustEpoch = early.Epoch, early.Epoch
	if fault := faultBetween(shadow, early, &ramped, beginnings()); fault == "" {
		t.Error("the model finds no fault where copies are trusted too early")
	}
}

// While new-first opens, a replica still frozen trusts whom a replica already open has migrated.
func TestTrustIsAnnouncedBeforeNewFirstOpens(t *testing.T) {
	t.Parallel()
	from := sideState(LegacyOnlySide)
	from.Plan = Lazy
	states, err := from.Move(NewFirst, 0, time.Unix(2e9, 0))
	if err != nil || len(states) != 3 {
		t.Fatal(states, err)
	}
	frozen, open := states[1], states[2]
	if fault := faultBetween(frozen, open, nil, beginnings()); fault != "" {
		t.Error(fault)
	}
	frozen.TrustEpoch = 0
	if fault := faultBetween(frozen, open, nil, beginnings()); fault == "" {
		t.Error("the model finds no fault where the frozen replica trusts nobody")
	}
}

// A crossing needs its three epochs: with either half left out, the model finds a fault.
func TestCrossingNeedsBothFrozenEpochs(t *testing.T) {
	t.Parallel()
	from := sideState(LegacyOnlySide)
	from.Plan = Lazy
	up, err := from.Move(NewFirst, 0, time.Unix(2e9, 0))
	if err != nil {
		t.Fatal(err)
	}
	for name, pair := range map[string][2]State{
		"old open, new frozen": {from, up[1]},
		"old frozen, new open": {up[0], up[2]},
		"old open, new open":   {from, up[2]},
	} {
		if Coexist(pair[0], pair[1]) {
			t.Errorf("%s: Coexist says yes", name)
		}
	}
	// What legacy-only writes is not seen by a frozen new-first that trusts a copy, and the other way round.
	trusting := up[1]
	trusting.TrustEpoch = epoch
	if fault := faultBetween(from, trusting, nil, beginnings()); fault == "" {
		t.Error("old open, new frozen: the model finds no fault")
	}
	if fault := faultBetween(up[0], up[2], nil, beginnings()); fault == "" {
		t.Error("old frozen, new open: the model finds no fault")
	}
}

// The ramp has two sides unless a percentage and the lists leave one of them empty.
func TestCoexistLooksAtWhoIsInside(t *testing.T) {
	t.Parallel()
	someone := []uuid.UUID{uuid.Max}
	ramp := func(percent Percent, allow, deny []uuid.UUID) State {
		s := sideState(RampOutSide)
		s.Percent, s.Allow, s.Deny = percent, allow, deny
		return s
	}
	for name, row := range map[string]struct {
		ramp   State
		beside Phase
		want   bool
	}{
		"everybody":                 {ramp(All, nil, nil), NewFirst, true},
		"everybody, some by name":   {ramp(All, someone, nil), NewFirst, true},
		"all but one by percentage": {ramp(All-1, nil, nil), NewFirst, false},
		"all but one by name":       {ramp(All, nil, someone), NewFirst, false},
		"nobody":                    {ramp(0, nil, someone), LegacyOnly, true},
		"few":                       {ramp(1, nil, nil), LegacyOnly, false},
		"one by name":               {ramp(0, someone, nil), LegacyOnly, false},
		"any, beside both":          {ramp(5000, someone, nil), Both, true},
		"any, beside new-only":      {ramp(All, nil, nil), NewOnly, false},
	} {
		other := sideState(sidesOf[row.beside][0])
		if Coexist(row.ramp, other) != row.want || Coexist(other, row.ramp) != row.want {
			t.Errorf("%s beside %s: want %t", name, row.beside, row.want)
		}
	}
	for _, pair := range [][2]Percent{{0, All}, {0, 1}, {1, 5000}, {5000, All}} {
		if !Coexist(ramp(pair[0], nil, someone), ramp(pair[1], someone, nil)) {
			t.Errorf("%s and %s %% may not coexist", pair[0], pair[1])
		}
	}
}
