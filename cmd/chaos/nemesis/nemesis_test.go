package nemesis

import (
	"slices"
	"testing"
	"time"

	"rekey/accounts/phase"
)

var shape = Shape{
	Every: time.Second, Gateways: 3, From: phase.NewFirst, Pause: 12 * time.Second,
	Walk: []phase.Phase{phase.LegacyOnly, phase.NewFirst},
}

func TestPlanIsOfTheSeed(t *testing.T) {
	t.Parallel()
	plan := func(seed uint64) []Blow { return Plan(seed, shape, time.Minute) }
	if !slices.Equal(plan(1), plan(1)) {
		t.Error("one seed, two plans")
	}
	if slices.Equal(plan(1), plan(2)) {
		t.Error("two seeds, one plan")
	}
}

// Everything happens, and the phase is walked step by step.
func TestPlan(t *testing.T) {
	t.Parallel()
	s := shape
	s.Walk = []phase.Phase{phase.LegacyOnly, phase.Shadow, phase.Both}
	s.From = phase.LegacyOnly
	const length = 20 * time.Minute
	at, kinds := s.From, map[Kind]int{}
	for _, b := range Plan(3, s, length) {
		kinds[b.Kind]++
		if b.String() == "" || b.At > length*9/10 || b.Gateway > 2 {
			t.Fatalf("%s", b)
		}
		if b.Kind == Walk {
			if b.To != at+1 && b.To != at-1 {
				t.Errorf("from %s to %s", at, b.To)
			}
			at = b.To
		}
	}
	for _, kind := range []Kind{Kill, Pause, Cut, Flush, Walk} {
		if kinds[kind] == 0 {
			t.Errorf("no %s in %s", kind, length)
		}
	}
}

// Where there is one phase, none is walked to.
func TestPlanWithoutWalk(t *testing.T) {
	t.Parallel()
	s := shape
	s.Walk = nil
	if i := slices.IndexFunc(Plan(3, s, 10*time.Minute), func(b Blow) bool { return b.Kind == Walk }); i >= 0 {
		t.Error("the phase is moved")
	}
}
