package phase_test

import (
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
	"pgregory.net/rapid"

	"rekey/accounts/phase"
)

func later() time.Time { return testTime().Add(48 * time.Hour) }

// Each step of each plan, as the states that it passes.
func TestMoveStates(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		plan     phase.Plan
		from     phase.Phase
		fromAt   phase.Percent
		to       phase.Phase
		toAt     phase.Percent
		want     []string
		trust    int64 // afterwards; it was 5 in epoch 5
		announce int64 // the trust epoch of the state before the last; 0: there is one state
	}{
		{phase.DualWrite, phase.LegacyOnly, 0, phase.Shadow, 0, []string{"6 shadow"}, 6, 0},
		{phase.DualWrite, phase.Shadow, 0, phase.Both, 0, []string{"6 both to both", "7 both"}, 7, 7},
		{phase.DualWrite, phase.Both, 0, phase.Ramp, 500, []string{"6 ramp 5"}, 5, 0},
		{phase.DualWrite, phase.Ramp, 500, phase.Ramp, 2500, []string{"6 ramp 25"}, 5, 0},
		{phase.DualWrite, phase.Ramp, 2500, phase.Ramp, 0, []string{"6 ramp 0"}, 5, 0},
		{phase.DualWrite, phase.Ramp, phase.All, phase.NewFirst, 0, []string{"6 new-first"}, 5, 0},
		{phase.DualWrite, phase.NewFirst, 0, phase.NewOnly, 0, []string{"6 new-first frozen to new-only", "7 new-only frozen to new-only", "8 new-only"}, 5, 5},

		{phase.DualWrite, phase.NewFirst, 0, phase.Ramp, phase.All, []string{"6 ramp 100"}, 5, 0},
		{phase.DualWrite, phase.Ramp, 2500, phase.Both, 0, []string{"6 both"}, 5, 0},
		{phase.DualWrite, phase.Both, 0, phase.Shadow, 0, []string{"6 shadow"}, 6, 0},
		{phase.DualWrite, phase.Shadow, 0, phase.LegacyOnly, 0, []string{"6 legacy-only"}, 5, 0},

		{phase.Lazy, phase.LegacyOnly, 0, phase.NewFirst, 0, []string{"6 legacy-only frozen to new-first", "7 new-first frozen to new-first", "8 new-first"}, 8, 8},
		{phase.Lazy, phase.NewFirst, 0, phase.LegacyOnly, 0, []string{"6 new-first frozen to legacy-only", "7 legacy-only frozen to legacy-only", "8 legacy-only"}, 5, 5},
		{phase.Lazy, phase.NewFirst, 0, phase.NewOnly, 0, []string{"6 new-first frozen to new-only", "7 new-only frozen to new-only", "8 new-only"}, 5, 5},
	} {
		s := state(row.plan, row.from)
		s.Percent = row.fromAt
		states, err := s.Move(row.to, row.toAt, later())
		if err != nil {
			t.Errorf("%s, %s to %s: %v", row.plan, row.from, row.to, err)
			continue
		}
		var got []string
		for _, s := range states {
			got = append(got, summary(s))
		}
		if diff := cmp.Diff(row.want, got); diff != "" {
			t.Errorf("%s, %s to %s (-want +got):\n%s", row.plan, row.from, row.to, diff)
		}
		last := states[len(states)-1]
		if last.TrustEpoch != row.trust || !last.Began.Equal(later()) {
			t.Errorf("%s, %s to %s: trust epoch %d, want %d; began %s", row.plan, row.from, row.to, last.TrustEpoch, row.trust, last.Began)
		}
		if n := len(states); n > 1 && states[n-2].TrustEpoch != row.announce {
			t.Errorf("%s, %s to %s: trust epoch %d is announced, want %d", row.plan, row.from, row.to, states[n-2].TrustEpoch, row.announce)
		}
		if first := states[0]; first.Frozen && !first.Began.Equal(s.Began) {
			t.Errorf("%s, %s to %s: frozen, the old phase began anew", row.plan, row.from, row.to)
		}
	}
}

// summary is a state in a few words.
func summary(s phase.State) string {
	var b strings.Builder
	b.WriteString(strconv.FormatInt(s.Epoch, 10) + " " + s.Phase.String())
	if s.Phase == phase.Ramp {
		b.WriteString(" " + s.Percent.String())
	}
	if s.Frozen {
		b.WriteString(" frozen")
	}
	if s.Moving() {
		b.WriteString(" to " + s.To.String())
	}
	return b.String()
}

func TestMoveReasons(t *testing.T) {
	t.Parallel()
	type reasons = []phase.ReasonCode
	for name, row := range map[string]struct {
		plan    phase.Plan
		from    phase.Phase
		change  func(*phase.State)
		to      phase.Phase
		percent phase.Percent
		want    reasons
	}{
		"there already":              {phase.DualWrite, phase.Both, nil, phase.Both, 0, reasons{phase.ReasonThere}},
		"the same percentage":        {phase.DualWrite, phase.Ramp, nil, phase.Ramp, 0, reasons{phase.ReasonThere}},
		"skips up":                   {phase.DualWrite, phase.LegacyOnly, nil, phase.Both, 0, reasons{phase.ReasonSkips}},
		"skips down":                 {phase.DualWrite, phase.NewFirst, nil, phase.Both, 0, reasons{phase.ReasonSkips}},
		"skips in lazy":              {phase.Lazy, phase.LegacyOnly, nil, phase.NewOnly, 0, reasons{phase.ReasonSkips}},
		"not in the plan":            {phase.Lazy, phase.LegacyOnly, nil, phase.Shadow, 0, reasons{phase.ReasonNotInPlan}},
		"no phase":                   {phase.DualWrite, phase.Both, nil, 0, 0, reasons{phase.ReasonUnknown}},
		"unknown":                    {phase.DualWrite, phase.Both, nil, 9, 0, reasons{phase.ReasonUnknown}},
		"back from the end":          {phase.DualWrite, phase.NewOnly, nil, phase.NewFirst, 0, reasons{phase.ReasonNoReturn}},
		"far back from the end":      {phase.DualWrite, phase.NewOnly, nil, phase.Shadow, 0, reasons{phase.ReasonNoReturn}},
		"a percentage too high":      {phase.DualWrite, phase.Both, nil, phase.Ramp, phase.All + 1, reasons{phase.ReasonPercent}},
		"a percentage for nothing":   {phase.DualWrite, phase.Both, nil, phase.Shadow, 100, reasons{phase.ReasonPercent}},
		"both faults of one":         {phase.DualWrite, phase.Both, nil, phase.Shadow, phase.All + 1, reasons{phase.ReasonPercent, phase.ReasonPercent}},
		"up, the ramp not full":      {phase.DualWrite, phase.Ramp, func(s *phase.State) { s.Percent = phase.All - 1 }, phase.NewFirst, 0, reasons{phase.ReasonRampOpen}},
		"down, the ramp not full":    {phase.DualWrite, phase.NewFirst, nil, phase.Ramp, phase.All - 1, reasons{phase.ReasonRampOpen}},
		"up, somebody denied":        {phase.DualWrite, phase.Ramp, denied(phase.All), phase.NewFirst, 0, reasons{phase.ReasonDenied}},
		"down, somebody denied":      {phase.DualWrite, phase.NewFirst, denied(0), phase.Ramp, phase.All, reasons{phase.ReasonDenied}},
		"up, both":                   {phase.DualWrite, phase.Ramp, denied(0), phase.NewFirst, 0, reasons{phase.ReasonRampOpen, phase.ReasonDenied}},
		"another move":               {phase.Lazy, phase.NewFirst, func(s *phase.State) { s.Frozen, s.To = true, phase.LegacyOnly }, phase.NewOnly, 0, reasons{phase.ReasonUnderWay}},
		"the same move":              {phase.Lazy, phase.NewFirst, func(s *phase.State) { s.Frozen, s.To = true, phase.LegacyOnly }, phase.LegacyOnly, 0, reasons{phase.ReasonUnderWay}},
		"another, and all else":      {phase.DualWrite, phase.Both, func(s *phase.State) { s.To, s.TrustEpoch = phase.Both, 6 }, phase.NewOnly, 1, reasons{phase.ReasonUnderWay, phase.ReasonSkips, phase.ReasonPercent}},
		"a row that cannot be":       {phase.DualWrite, phase.Both, func(s *phase.State) { s.Salt = "" }, phase.Ramp, 0, reasons{phase.ReasonState}},
		"a percentage not in a plan": {phase.Lazy, phase.NewFirst, nil, phase.Ramp, 100, reasons{phase.ReasonNotInPlan}},
	} {
		s := state(row.plan, row.from)
		if row.change != nil {
			row.change(&s)
		}
		states, err := s.Move(row.to, row.percent, later())
		if states != nil {
			t.Errorf("%s: %v", name, states)
		}
		wantReasons(t, name, err, row.want...)
	}
}

// denied puts somebody on the deny-list.
func denied(percent phase.Percent) func(*phase.State) {
	return func(s *phase.State) { s.Percent, s.Deny = percent, []uuid.UUID{numbered(1)} }
}

// A mover that dies after any state leaves one from which the move goes on, to the same end.
func TestResume(t *testing.T) {
	t.Parallel()
	for _, from := range []phase.State{state(phase.DualWrite, phase.Shadow), state(phase.Lazy, phase.LegacyOnly), state(phase.Lazy, phase.NewFirst)} {
		to, _ := from.Plan.Next(from.Phase)
		states, err := from.Move(to, 0, later())
		if err != nil {
			t.Fatal(err)
		}
		for i, s := range states {
			if diff := cmp.Diff(states[i+1:], s.Resume(later()), cmp.Transformer("none", func(s []phase.State) []phase.State { return append([]phase.State{}, s...) })); diff != "" {
				t.Errorf("from %s, after %s (-want +got):\n%s", from.Phase, summary(s), diff)
			}
		}
		// The next state carries the time at which it is entered.
		if got := states[0].Resume(later().Add(time.Hour)); !got[0].Began.Equal(later().Add(time.Hour)) {
			t.Errorf("from %s: the second state began at %s", from.Phase, got[0].Began)
		}
	}
	if got := state(phase.Lazy, phase.NewFirst).Resume(later()); got != nil {
		t.Errorf("a settled state goes on with %v", got)
	}
}

func TestCancel(t *testing.T) {
	t.Parallel()
	from := state(phase.Lazy, phase.NewFirst)
	states, err := from.Move(phase.LegacyOnly, 0, later())
	if err != nil {
		t.Fatal(err)
	}
	back, err := states[0].Cancel()
	want := from
	want.Epoch += 2
	if diff := cmp.Diff(want, back); err != nil || diff != "" {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
	if !phase.Coexist(states[0], back) {
		t.Error("the way back may not stand beside what it takes back")
	}
	_, err = states[1].Cancel()
	wantReasons(t, "the new phase has begun", err, phase.ReasonTooLate)
	_, err = from.Cancel()
	wantReasons(t, "no move", err, phase.ReasonNoMove)
	settling, err := state(phase.DualWrite, phase.Shadow).Move(phase.Both, 0, later())
	if err != nil {
		t.Fatal(err)
	}
	_, err = settling[0].Cancel()
	wantReasons(t, "both has begun", err, phase.ReasonTooLate)
}

func TestRelax(t *testing.T) {
	t.Parallel()
	for _, s := range everyState() {
		relaxed, err := s.Relax(later())
		if s.Phase != phase.Both {
			wantReasons(t, s.Phase.String(), err, phase.ReasonNotBoth)
			continue
		}
		states, moveErr := s.Move(phase.Shadow, 0, later())
		if diff := cmp.Diff(states, []phase.State{relaxed}); err != nil || moveErr != nil || diff != "" {
			t.Errorf("%v, %v: not as the move (-move +relax):\n%s", err, moveErr, diff)
		}
	}
	// Not even a move to both that has not ended holds it up.
	states, err := state(phase.DualWrite, phase.Shadow).Move(phase.Both, 0, later())
	if err != nil {
		t.Fatal(err)
	}
	relaxed, err := states[0].Relax(later())
	if err != nil || summary(relaxed) != "7 shadow" || relaxed.TrustEpoch != 7 || relaxed.Validate() != nil {
		t.Errorf("%+v, %v", relaxed, err)
	}
	for _, s := range everyState() {
		if got, want := s.RelaxesAlone(), s.Phase <= phase.Both; got != want {
			t.Errorf("%s: relaxes alone: %t", s.Phase, got)
		}
		if s.Frozen = true; s.RelaxesAlone() {
			t.Errorf("%s, frozen: relaxes alone", s.Phase)
		}
	}
	if (phase.State{}).RelaxesAlone() {
		t.Error("no phase relaxes alone")
	}
}

func TestRelist(t *testing.T) {
	t.Parallel()
	s := state(phase.DualWrite, phase.Ramp)
	ids := []uuid.UUID{numbered(3), numbered(1), numbered(3), numbered(2)}
	got, err := s.Relist(ids, ids[:1])
	if err != nil || got.Validate() != nil || len(got.Allow) != 3 || len(got.Deny) != 1 || got.Epoch != testEpoch+1 || !got.Began.Equal(s.Began) {
		t.Errorf("%+v, %v", got, err)
	}
	if !slices.Equal(ids, []uuid.UUID{numbered(3), numbered(1), numbered(3), numbered(2)}) {
		t.Error("the caller's list was sorted")
	}
	_, err = s.Relist([]uuid.UUID{uuid.Nil}, nil)
	wantReasons(t, "the zero id", err, phase.ReasonBadListing)
	s.Phase, s.Frozen, s.To = phase.NewFirst, true, phase.NewOnly
	_, err = s.Relist(ids, nil)
	wantReasons(t, "in a crossing", err, phase.ReasonUnderWay)
}

// Whatever is tried in whatever order: states stay valid and can be stored, epochs grow by one, neighbours may coexist, trust
// never falls back, new-only is not left, and the ramp keeps its salt.
func TestWalkProperties(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		plan := rapid.SampledFrom([]phase.Plan{phase.Lazy, phase.DualWrite}).Draw(t, "plan")
		s, err := phase.Initial(plan, testSalt, testTime())
		if err != nil {
			t.Fatal(err)
		}
		at := testTime()
		enter := func(next phase.State) {
			switch {
			case next.Validate() != nil:
				t.Fatalf("from %s: %s is not valid: %v", summary(s), summary(next), next.Validate())
			case next.Epoch != s.Epoch+1:
				t.Fatalf("epoch %d follows %d", next.Epoch, s.Epoch)
			case !phase.Coexist(s, next) || !phase.Coexist(next, s):
				t.Fatalf("%s and %s may not coexist", summary(s), summary(next))
			case next.TrustEpoch < s.TrustEpoch:
				t.Fatalf("trust epoch %d follows %d", next.TrustEpoch, s.TrustEpoch)
			case s.Phase == phase.NewOnly && next.Phase != phase.NewOnly:
				t.Fatal("new-only was left")
			case next.Salt != s.Salt || next.Plan != s.Plan || next.Began.Before(s.Began):
				t.Fatalf("%+v follows %+v", next, s)
			}
			s = next
		}
		for range rapid.IntRange(1, 30).Draw(t, "steps") {
			at = at.Add(time.Hour)
			switch rapid.IntRange(0, 5).Draw(t, "what") {
			case 0:
				if next, err := s.Cancel(); err == nil {
					enter(next)
				}
			case 1:
				if next, err := s.Relax(at); err == nil {
					enter(next)
				}
			case 2:
				allow := rapid.SliceOfN(rapid.IntRange(0, 5), 0, 2).Draw(t, "allow")
				deny := rapid.SliceOfN(rapid.IntRange(0, 5), 0, 1).Draw(t, "deny")
				if next, err := s.Relist(many(allow), many(deny)); err == nil {
					enter(next)
				}
			case 3:
				if states := s.Resume(at); len(states) > 0 {
					enter(states[0])
				}
			default:
				to := phase.Phase(rapid.IntRange(1, 6).Draw(t, "to"))
				percent := phase.Percent(0)
				if to == phase.Ramp {
					percent = rapid.SampledFrom([]phase.Percent{0, 1, 5000, phase.All}).Draw(t, "percent")
				}
				states, err := s.Move(to, percent, at)
				if err != nil {
					continue
				}
				enter(states[0])
				if rapid.Bool().Draw(t, "to the end") {
					for _, next := range states[1:] {
						enter(next)
					}
				}
			}
		}
	})
}

func many(ns []int) []uuid.UUID {
	var ids []uuid.UUID
	for _, n := range ns {
		ids = append(ids, numbered(n))
	}
	return ids
}

// Whoever has written to legacy alone leads the installation to shadow, from the phases in which that is allowed; nothing that
// was copied before is trusted then.
func TestReturned(t *testing.T) {
	t.Parallel()
	for _, p := range phase.DualWrite.Phases() {
		s := phase.State{Epoch: 7, TrustEpoch: 5, Plan: phase.DualWrite, Phase: p, Began: time.UnixMicro(1e15).UTC(), Salt: "0123456789abcdef"}
		for _, moving := range []bool{false, true} {
			if moving && p != phase.Both {
				continue
			}
			if moving {
				s.To, s.TrustEpoch = phase.Both, 8
			}
			next, ok := s.Returned(time.UnixMicro(2e15))
			if ok != (p == phase.Shadow || p == phase.Both) {
				t.Errorf("%s: %v", p, ok)
			}
			if !ok {
				continue
			}
			if err := next.Validate(); err != nil || next.Phase != phase.Shadow || next.Epoch != 8 || next.TrustEpoch != 8 || next.Moving() || !next.Began.After(s.Began) || !phase.Coexist(s, next) {
				t.Errorf("%s, moving %v: %+v (%v)", p, moving, next, err)
			}
		}
	}
}
