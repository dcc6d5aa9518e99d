package people

import (
	"slices"
	"strings"
	"testing"
	"time"

	"rekey/cmd/chaos/history"
)

var cast = Cast{Old: 12, Others: 4, Gateways: 3}

// A seed is a plan; another seed is another.
func TestPlanIsOfTheSeed(t *testing.T) {
	t.Parallel()
	plan := func(seed uint64) []Step { return Plan(seed, cast, Ordinary(), 30*time.Second, 30) }
	if !slices.Equal(plan(1), plan(1)) {
		t.Error("one seed, two plans")
	}
	if slices.Equal(plan(1), plan(2)) {
		t.Error("two seeds, one plan")
	}
}

func TestPlan(t *testing.T) {
	t.Parallel()
	plan := Plan(7, cast, Ordinary(), time.Minute, 30)
	if n := len(plan); n < 1500 || n > 2100 {
		t.Errorf("%d steps in a minute, want about 1800", n)
	}
	acts := map[Act]int{}
	for i, step := range plan {
		acts[step.Act]++
		if i > 0 && step.At < plan[i-1].At || step.Person >= 16 || step.Gateway >= 3 {
			t.Fatalf("step %d: %+v", i, step)
		}
		if step.Act == LegacyWrite && step.Person%6 != 5 {
			t.Fatalf("the old application writes to person %d", step.Person)
		}
	}
	for act := range Ordinary() {
		if acts[act] == 0 {
			t.Errorf("nobody does %s", act)
		}
	}
}

// What is believed follows what was answered.
func TestBelieve(t *testing.T) {
	t.Parallel()
	p := &person{name: "anna", given: 1, belief: First}
	for _, row := range []struct {
		op    history.Op
		want  string
		maybe int
	}{
		{history.Op{Kind: history.Change, New: "p2", Answer: history.Done}, "p2", 0},
		{history.Op{Kind: history.Change, New: "p3", Answer: history.Refused}, "p2", 0},
		{history.Op{Kind: history.Change, New: "p4", Answer: history.Lost}, "p2", 1},
		{history.Op{Kind: history.Login, Password: "p4", Answer: history.Done}, "p4", 1},
		{history.Op{Kind: history.Delete, Answer: history.Done}, "", 1},
		{history.Op{Kind: history.Register, New: "p5", Answer: history.Done}, "p5", 1},
	} {
		p.believe(row.op)
		if p.belief != row.want || len(p.maybe) != row.maybe {
			t.Errorf("after %+v: %q and %q", row.op, p.belief, p.maybe)
		}
	}
	for range maxUnknown - 1 { // one is above
		if !p.mayWrite() {
			t.Fatal("no write may be without an answer any more")
		}
		p.believe(history.Op{Kind: history.Delete, Answer: history.Lost})
	}
	if p.mayWrite() {
		t.Error("writes without an answer have no end")
	}
}

// A password tells whose it is to nobody, and is nobody else's.
func TestText(t *testing.T) {
	t.Parallel()
	anna := Text("anna", "p1")
	if strings.Contains(anna, "anna") || anna == Text("bert", "p1") || anna == Text("anna", "p2") || anna != Text("anna", "p1") {
		t.Errorf("%q", anna)
	}
}
