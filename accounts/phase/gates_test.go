package phase_test

import (
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"rekey/accounts/phase"
)

func allGates() []phase.Gate {
	return []phase.Gate{
		phase.GateSoak, phase.GateShadowFailures, phase.GateMirrored, phase.GateReadP99, phase.GateReadErrors, phase.GateDirty,
		phase.GateDrift, phase.GateIntents, phase.GateValidation, phase.GateCopyBack, phase.GateUnmoved, phase.GateWriters,
		phase.GateWayBack, phase.GateStaying,
	}
}

// clean are facts that pass every gate of the default limits.
func clean() phase.Facts {
	now := testTime().Add(8 * 24 * time.Hour)
	return phase.Facts{
		Known: allGates(), Now: now,
		ShadowWrites: 1000, ShadowFailures: 1,
		Reads: phase.ShadowReads{
			Logins: 100, Mirrored: 95, Reads: 2000, Errors: 2,
			P99: 120 * time.Millisecond, LegacyP99: 100 * time.Millisecond,
		},
		CleanValidation: now.Add(-24 * time.Hour),
		CopyBackBacklog: 100,
		Staying:         7,
		Sources:         []phase.Source{{Name: "shop", Writer: true, Conditional: true, CopyBack: phase.CopyFull}},
	}
}

// Each step, its gates in order, and that facts at the limit pass them.
func TestGatesOfEachStep(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		plan phase.Plan
		from phase.Phase
		at   phase.Percent
		to   phase.Phase
		toAt phase.Percent
		want string
	}{
		{phase.DualWrite, phase.LegacyOnly, 0, phase.Shadow, 0, "way-back"},
		{phase.DualWrite, phase.Shadow, 0, phase.Both, 0, "writers soak shadow-failures dirty drift open-intents shadow-reads-mirrored shadow-reads-p99 shadow-reads-errors way-back"},
		{phase.DualWrite, phase.Both, 0, phase.Ramp, 100, "writers soak dirty drift open-intents validation shadow-reads-mirrored shadow-reads-p99 shadow-reads-errors way-back"},
		{phase.DualWrite, phase.Ramp, 100, phase.Ramp, 101, "soak dirty drift open-intents"},
		{phase.DualWrite, phase.Ramp, 100, phase.Ramp, 99, ""},
		{phase.DualWrite, phase.Ramp, phase.All, phase.NewFirst, 0, "writers soak dirty drift open-intents validation way-back"},
		{phase.DualWrite, phase.NewFirst, 0, phase.NewOnly, 0, "soak drift open-intents copy-back-backlog unmoved"},
		{phase.DualWrite, phase.NewFirst, 0, phase.Ramp, phase.All, "copy-back-backlog staying-here"},
		{phase.DualWrite, phase.Ramp, 100, phase.Both, 0, ""},
		{phase.DualWrite, phase.Both, 0, phase.Shadow, 0, ""},
		{phase.DualWrite, phase.Shadow, 0, phase.LegacyOnly, 0, ""},
		{phase.Lazy, phase.LegacyOnly, 0, phase.NewFirst, 0, "writers open-intents way-back"},
		{phase.Lazy, phase.NewFirst, 0, phase.LegacyOnly, 0, "open-intents copy-back-backlog staying-here"},
	} {
		s := state(row.plan, row.from)
		s.Percent = row.at
		if _, err := s.Move(row.to, row.toAt, later()); err != nil {
			t.Errorf("%s to %s is no move: %v", row.from, row.to, err)
		}
		f := clean()
		if row.to < row.from {
			f.CopyBackBacklog = 0 // which is the limit of every way back
		}
		findings := phase.Check(s, row.to, row.toAt, f, phase.DefaultLimits())
		if got := gatesIn(findings); got != row.want {
			t.Errorf("%s to %s: gates %q, want %q", row.from, row.to, got, row.want)
		}
		for _, f := range phase.Blockers(findings) {
			t.Errorf("%s to %s: facts at the limit are blocked: %+v", row.from, row.to, f)
		}
		// What was not measured blocks, but for what is only told.
		want := strings.TrimSuffix(strings.TrimSuffix(row.want, "staying-here"), " ")
		if got := gatesIn(phase.Blockers(phase.Check(s, row.to, row.toAt, phase.Facts{}, phase.DefaultLimits()))); got != want {
			t.Errorf("%s to %s: without facts %q block, want %q", row.from, row.to, got, want)
		}
	}
}

func gatesIn(findings []phase.Finding) string {
	var names []string
	for _, f := range findings {
		names = append(names, string(f.Gate))
		if f.Value == "" || f.Limit == "" {
			names = append(names, "(empty)")
		}
	}
	return strings.Join(names, " ")
}

// Each gate blocks just past its limit, alone, and says so with value and limit.
func TestEachGateBlocks(t *testing.T) {
	t.Parallel()
	number := func(n int) *int { return &n }
	for name, row := range map[string]struct {
		from, to phase.Phase
		percent  phase.Percent // of both
		spoil    func(*phase.Facts)
		want     []phase.Finding
	}{
		"soak": {phase.Shadow, phase.Both, 0, func(f *phase.Facts) { f.SoakSince = f.Now.Add(-24*time.Hour + time.Second) },
			[]phase.Finding{{phase.GateSoak, "23h59m59s", "at least 24h0m0s", true}}},
		"soak, all but a moment": {phase.Shadow, phase.Both, 0, func(f *phase.Facts) { f.SoakSince = f.Now.Add(-24*time.Hour + 1) },
			[]phase.Finding{{phase.GateSoak, "23h59m59s", "at least 24h0m0s", true}}},
		"soak of a percentage": {phase.Ramp, phase.Ramp, 100, func(f *phase.Facts) { f.Now = testTime().Add(59 * time.Minute) },
			[]phase.Finding{{phase.GateSoak, "59m0s", "at least 1h0m0s", true}}},
		"soak before the phase": {phase.NewFirst, phase.NewOnly, 0, func(f *phase.Facts) {
			f.SoakSince, f.Now = testTime().Add(-time.Hour), testTime().Add(7*24*time.Hour-time.Minute)
		},
			[]phase.Finding{{phase.GateSoak, "167h59m0s", "at least 168h0m0s", true}}},
		"a clock that is behind": {phase.NewFirst, phase.NewOnly, 0, func(f *phase.Facts) { f.Now = testTime().Add(-time.Second) },
			[]phase.Finding{{phase.GateSoak, "-1s", "at least 168h0m0s", true}}},
		"shadow failures": {phase.Shadow, phase.Both, 0, func(f *phase.Facts) { f.ShadowFailures = 2 },
			[]phase.Finding{{phase.GateShadowFailures, "2 of 1000 writes", "at most 0.1 %, of at least 100 writes", true}}},
		"too few writes": {phase.Shadow, phase.Both, 0, func(f *phase.Facts) { f.ShadowWrites, f.ShadowFailures = 99, 0 },
			[]phase.Finding{{phase.GateShadowFailures, "0 of 99 writes", "at most 0.1 %, of at least 100 writes", true}}},
		"mirrored": {phase.Shadow, phase.Both, 0, func(f *phase.Facts) { f.Reads.Mirrored = 94 },
			[]phase.Finding{{phase.GateMirrored, "94 of 100 logins at peak", "at least 95 %", true}}},
		"no logins": {phase.Shadow, phase.Both, 0, func(f *phase.Facts) { f.Reads.Logins, f.Reads.Mirrored = 0, 0 },
			[]phase.Finding{{phase.GateMirrored, "0 of 0 logins at peak", "at least 95 %", true}}},
		"slow reads": {phase.Both, phase.Ramp, 0, func(f *phase.Facts) { f.Reads.P99 = 121 * time.Millisecond },
			[]phase.Finding{{phase.GateReadP99, "121ms here, 100ms in legacy, of 2000 reads", "at most 120ms, of at least 1000 reads", true}}},
		"slow reads of a quick legacy": {phase.Both, phase.Ramp, 0, func(f *phase.Facts) { f.Reads.P99, f.Reads.LegacyP99 = 21*time.Millisecond, time.Millisecond },
			[]phase.Finding{{phase.GateReadP99, "21ms here, 1ms in legacy, of 2000 reads", "at most 20ms, of at least 1000 reads", true}}},
		"quick enough": {phase.Both, phase.Ramp, 0, func(f *phase.Facts) { f.Reads.P99, f.Reads.LegacyP99 = 20*time.Millisecond, time.Millisecond }, nil},
		"few reads": {phase.Both, phase.Ramp, 0, func(f *phase.Facts) { f.Reads.Reads, f.Reads.Errors = 999, 0 },
			[]phase.Finding{
				{phase.GateReadP99, "120ms here, 100ms in legacy, of 999 reads", "at most 120ms, of at least 1000 reads", true},
				{phase.GateReadErrors, "0 of 999 reads", "at most 0.1 %, of at least 1000 reads", true},
			}},
		"read errors": {phase.Both, phase.Ramp, 0, func(f *phase.Facts) { f.Reads.Errors = 3 },
			[]phase.Finding{{phase.GateReadErrors, "3 of 2000 reads", "at most 0.1 %, of at least 1000 reads", true}}},
		"dirty": {phase.Ramp, phase.NewFirst, phase.All, func(f *phase.Facts) { f.Dirty = 1 },
			[]phase.Finding{{phase.GateDirty, "1 accounts", "at most 0", true}}},
		"drift": {phase.Ramp, phase.NewFirst, phase.All, func(f *phase.Facts) { f.Drifted = 1 },
			[]phase.Finding{{phase.GateDrift, "1 accounts", "at most 0", true}}},
		"intents": {phase.Ramp, phase.NewFirst, phase.All, func(f *phase.Facts) { f.OpenIntents = 1 },
			[]phase.Finding{{phase.GateIntents, "1 intents", "at most 0", true}}},
		"a number that cannot be": {phase.Ramp, phase.NewFirst, phase.All, func(f *phase.Facts) { f.Drifted = -1 },
			[]phase.Finding{{phase.GateDrift, "-1 accounts", "at most 0", true}}},
		"never validated": {phase.Ramp, phase.NewFirst, phase.All, func(f *phase.Facts) { f.CleanValidation = time.Time{} },
			[]phase.Finding{{phase.GateValidation, "none", "a clean pass, at most 24h0m0s old", true}}},
		"validated long ago": {phase.Both, phase.Ramp, 0, func(f *phase.Facts) { f.CleanValidation = f.Now.Add(-24*time.Hour - time.Second) },
			[]phase.Finding{{phase.GateValidation, "clean, 24h0m1s old", "a clean pass, at most 24h0m0s old", true}}},
		"validated tomorrow": {phase.Both, phase.Ramp, 0, func(f *phase.Facts) { f.CleanValidation = f.Now.Add(time.Second) },
			[]phase.Finding{{phase.GateValidation, "clean, -1s old", "a clean pass, at most 24h0m0s old", true}}},
		"backlog": {phase.NewFirst, phase.NewOnly, 0, func(f *phase.Facts) { f.CopyBackBacklog = 101 },
			[]phase.Finding{{phase.GateCopyBack, "101 deliveries", "at most 100, none of them refused", true}}},
		"refused": {phase.NewFirst, phase.NewOnly, 0, func(f *phase.Facts) { f.CopyBackBacklog, f.Refused = 2, 1 },
			[]phase.Finding{{phase.GateCopyBack, "2 deliveries, 1 of them refused", "at most 100, none of them refused", true}}},
		"backlog of a way back": {phase.NewFirst, phase.Ramp, phase.All, func(f *phase.Facts) { f.CopyBackBacklog = 1 },
			[]phase.Finding{{phase.GateCopyBack, "1 deliveries", "at most 0", true}}},
		"refused on a way back": {phase.NewFirst, phase.Ramp, phase.All, func(f *phase.Facts) { f.CopyBackBacklog, f.Refused = 4, 3 },
			[]phase.Finding{{phase.GateCopyBack, "4 deliveries, 3 of them refused", "at most 0", true}}},
		"refused that may stay": {phase.NewFirst, phase.Ramp, phase.All, func(f *phase.Facts) { f.CopyBackBacklog, f.Refused, f.LeaveBacklog = 4, 3, true }, nil},
		"backlog that may stay": {phase.NewFirst, phase.Ramp, phase.All, func(f *phase.Facts) { f.CopyBackBacklog, f.LeaveBacklog = 101, true }, nil},
		"backlog that may not stay": {phase.NewFirst, phase.NewOnly, 0, func(f *phase.Facts) { f.CopyBackBacklog, f.LeaveBacklog = 101, true },
			[]phase.Finding{{phase.GateCopyBack, "101 deliveries", "at most 100, none of them refused", true}}},
		"unmoved": {phase.NewFirst, phase.NewOnly, 0, func(f *phase.Facts) { f.Unmoved = 1 },
			[]phase.Finding{{phase.GateUnmoved, "1 people", "0, or exactly as many given up", true}}},
		"unmoved, given up": {phase.NewFirst, phase.NewOnly, 0, func(f *phase.Facts) { f.Unmoved, f.Abandon = 12, number(12) }, nil},
		"one more than given up": {phase.NewFirst, phase.NewOnly, 0, func(f *phase.Facts) { f.Unmoved, f.Abandon = 13, number(12) },
			[]phase.Finding{{phase.GateUnmoved, "13 people", "12 given up", true}}},
		"one less than given up": {phase.NewFirst, phase.NewOnly, 0, func(f *phase.Facts) { f.Unmoved, f.Abandon = 11, number(12) },
			[]phase.Finding{{phase.GateUnmoved, "11 people", "12 given up", true}}},
		"no writer": {phase.Shadow, phase.Both, 0, func(f *phase.Facts) { f.Sources = append(f.Sources, phase.Source{Name: "crm"}) },
			[]phase.Finding{{phase.GateWriters, "crm takes no changes", "each can be written", true}}},
		"no condition": {phase.Both, phase.Ramp, 0, func(f *phase.Facts) { f.Sources = []phase.Source{{Name: "crm", Writer: true}, {Name: "hr"}} },
			[]phase.Finding{{phase.GateWriters, "crm takes no conditional changes, hr takes no changes", "each can be written", true}}},
		"nothing copied back": {phase.Ramp, phase.NewFirst, phase.All, func(f *phase.Facts) { f.Sources = []phase.Source{{Name: "crm"}} }, nil},
		"profile copied back": {phase.Ramp, phase.NewFirst, phase.All, func(f *phase.Facts) {
			f.Sources = []phase.Source{{Name: "crm", Conditional: true, CopyBack: phase.CopyProfile}}
		}, nil},
		"profile, without a condition": {phase.Ramp, phase.NewFirst, phase.All, func(f *phase.Facts) { f.Sources = []phase.Source{{Name: "crm", CopyBack: phase.CopyProfile}} },
			[]phase.Finding{{phase.GateWriters, "crm takes no conditional changes", "each can be written", true}}},
		"all, without a condition": {phase.Ramp, phase.NewFirst, phase.All, func(f *phase.Facts) {
			f.Sources = []phase.Source{{Name: "crm", Writer: true, CopyBack: phase.CopyFull}}
		}, []phase.Finding{{phase.GateWriters, "crm takes no conditional changes", "each can be written", true}}},
		"canary": {phase.LegacyOnly, phase.Shadow, 0, func(f *phase.Facts) { f.CanaryFault = "not found in shop" },
			[]phase.Finding{{phase.GateWayBack, "not found in shop", "the canary comes back", true}}},
		"not measured": {phase.LegacyOnly, phase.Shadow, 0, func(f *phase.Facts) { f.Known = nil },
			[]phase.Finding{{phase.GateWayBack, "not measured", "a measured value", true}}},
	} {
		s := state(phase.DualWrite, row.from)
		toAt := phase.Percent(0)
		if s.Phase == phase.Ramp {
			s.Percent = row.percent
		}
		if row.to == phase.Ramp {
			toAt = phase.All
		}
		f := clean()
		row.spoil(&f)
		got := phase.Blockers(phase.Check(s, row.to, toAt, f, phase.DefaultLimits()))
		if diff := cmp.Diff(row.want, slices.Clip(append([]phase.Finding(nil), got...))); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

// What is left here is named with its number, and a limit of 0 switches the mirrored share off.
func TestGatesThatWereOverruled(t *testing.T) {
	t.Parallel()
	f := clean()
	f.CopyBackBacklog, f.Refused, f.LeaveBacklog = 4, 3, true
	for _, plan := range []phase.Plan{phase.Lazy, phase.DualWrite} {
		down, _ := plan.Back(phase.NewFirst)
		want := phase.Finding{Gate: phase.GateCopyBack, Value: "4 deliveries, 3 of them refused", Limit: "none: the accounts stay here"}
		if findings := phase.Check(state(plan, phase.NewFirst), down, 0, f, phase.DefaultLimits()); !slices.Contains(findings, want) {
			t.Errorf("%s: %+v, want %+v", plan, findings, want)
		}
	}
	limits := phase.DefaultLimits()
	limits.MirroredShare = 0
	f = clean()
	f.Reads.Logins, f.Reads.Mirrored = 0, 0
	if held := phase.Blockers(phase.Check(state(phase.DualWrite, phase.Shadow), phase.Both, 0, f, limits)); len(held) > 0 {
		t.Errorf("a share of 0 is asked for: %+v", held)
	}
}

// Half-way through a crossing only what now stands still is asked again, and nothing may be on its way. Later nothing is
// asked: there is no way but on.
func TestGatesOfACrossing(t *testing.T) {
	t.Parallel()
	f := clean()
	for _, row := range []struct {
		to            phase.Phase
		gates, blocks string
	}{
		{phase.NewOnly, "open-intents copy-back-backlog unmoved", "copy-back-backlog"},
		{phase.LegacyOnly, "open-intents copy-back-backlog staying-here", "copy-back-backlog"},
	} {
		states, err := state(phase.Lazy, phase.NewFirst).Move(row.to, 0, later())
		if err != nil {
			t.Fatal(err)
		}
		findings := phase.Check(states[0], row.to, 0, f, phase.DefaultLimits())
		if got := gatesIn(findings); got != row.gates {
			t.Errorf("to %s: %q, want %q", row.to, got, row.gates)
		}
		if got := gatesIn(phase.Blockers(findings)); got != row.blocks {
			t.Errorf("to %s: %q block, want %q", row.to, got, row.blocks)
		}
		for _, s := range states[1:] {
			if got := phase.Check(s, row.to, 0, f, phase.DefaultLimits()); len(got) > 0 {
				t.Errorf("to %s, after the middle: %+v", row.to, got)
			}
		}
	}
}

// The staying accounts are told on the way back, and hold nobody up.
func TestStayingIsTold(t *testing.T) {
	t.Parallel()
	findings := phase.Check(state(phase.Lazy, phase.NewFirst), phase.LegacyOnly, 0, clean(), phase.DefaultLimits())
	want := phase.Finding{Gate: phase.GateStaying, Value: "7 accounts", Limit: "none: they go on being answered here"}
	if !slices.Contains(findings, want) {
		t.Errorf("%+v, want %+v", findings, want)
	}
}

func TestLimitsCheck(t *testing.T) {
	t.Parallel()
	for name, l := range map[string]phase.Limits{"default": phase.DefaultLimits(), "zero": {}} {
		if err := l.Check(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	bad := phase.Limits{
		Soak: map[phase.Phase]time.Duration{phase.Both: -1, 0: time.Hour}, RampStep: -1, MinShadowWrites: -1, ShadowFailureRate: math.NaN(),
		MinReads: -1, MirroredShare: 1.01, ReadErrorRate: -0.1, P99Ratio: math.Inf(1), P99Floor: -1, Dirty: -1, Drifted: -1, OpenIntents: -1,
		CopyBackBacklog: -1, ValidationAge: -1,
	}
	const want = `limits of the gates: out of range: copy-back backlog, dirty, drifted, least shadow reads, least shadow writes, mirrored share, ` +
		`open intents, p99 floor, p99 ratio, ramp step, read error rate, shadow failure rate, soak of phase "", soak of phase "both", validation age`
	if err := bad.Check(); err == nil || err.Error() != want {
		t.Errorf("%v\nwant %s", err, want)
	}
}
