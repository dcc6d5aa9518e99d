package phase_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"rekey/accounts/phase"
)

func TestParse(t *testing.T) {
	t.Parallel()
	for _, plan := range []phase.Plan{phase.Lazy, phase.DualWrite} {
		if got, err := phase.ParsePlan(plan.String()); err != nil || got != plan {
			t.Errorf("plan %s: %v, %v", plan, got, err)
		}
		for _, p := range plan.Phases() {
			if got, err := phase.ParsePhase(p.String()); err != nil || got != p {
				t.Errorf("phase %s: %v, %v", p, got, err)
			}
		}
	}
	for _, p := range []phase.CopyBackPolicy{phase.CopyNothing, phase.CopyProfile, phase.CopyFull} {
		if got, err := phase.ParseCopyBackPolicy(p.String()); err != nil || got != p {
			t.Errorf("policy %s: %v, %v", p, got, err)
		}
	}
	for _, text := range []string{"", "Both", " both", "both ", "new_first", "unknown (9)", "2"} {
		_, err := phase.ParsePhase(text)
		if err == nil || !strings.Contains(err.Error(), "want one of legacy-only, shadow, both, ramp, new-first, new-only") {
			t.Errorf("phase %q: %v", text, err)
		}
		if _, err := phase.ParsePlan(text); err == nil {
			t.Errorf("plan %q was taken", text)
		}
	}
	if _, err := phase.ParsePhase(strings.Repeat("x\n", 1000)); err == nil || len(err.Error()) > 200 {
		t.Errorf("an error of any length: %v", err)
	}
	if _, err := phase.Phase(9).MarshalText(); err == nil {
		t.Error("a phase without a name was written")
	}
	if _, err := phase.Phase(0).MarshalText(); err == nil {
		t.Error("no phase was written")
	}
}

func TestPlan(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		plan     phase.Plan
		from     phase.Phase
		up, down phase.Phase // none: 0
	}{
		{phase.Lazy, phase.LegacyOnly, phase.NewFirst, 0},
		{phase.Lazy, phase.NewFirst, phase.NewOnly, phase.LegacyOnly},
		{phase.Lazy, phase.NewOnly, 0, 0},
		{phase.Lazy, phase.Both, 0, 0},
		{phase.DualWrite, phase.LegacyOnly, phase.Shadow, 0},
		{phase.DualWrite, phase.Shadow, phase.Both, phase.LegacyOnly},
		{phase.DualWrite, phase.Both, phase.Ramp, phase.Shadow},
		{phase.DualWrite, phase.Ramp, phase.NewFirst, phase.Both},
		{phase.DualWrite, phase.NewFirst, phase.NewOnly, phase.Ramp},
		{phase.DualWrite, phase.NewOnly, 0, 0},
		{0, phase.LegacyOnly, 0, 0},
		{7, phase.LegacyOnly, 0, 0},
	} {
		up, isUp := row.plan.Next(row.from)
		down, isDown := row.plan.Back(row.from)
		if up != row.up || isUp != (row.up != 0) || down != row.down || isDown != (row.down != 0) {
			t.Errorf("%s from %s: up %q, down %q, want %q and %q", row.plan, row.from, up, down, row.up, row.down)
		}
	}
	phase.Lazy.Phases()[0] = phase.Both
	if got := phase.Lazy.Phases()[0]; got != phase.LegacyOnly {
		t.Errorf("a caller has changed the plan: it begins with %s", got)
	}
}

func TestPercent(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]phase.Percent{
		"0": 0, "0.00": 0, "0.01": 1, "0.1": 10, "1": 100, "12.5": 1250, "12.50%": 1250, "99.99": 9999, "100": 10000, "100.00": 10000,
	} {
		if got, err := phase.ParsePercent(text); err != nil || got != want {
			t.Errorf("%q: %d, %v, want %d", text, got, err, want)
		}
	}
	for _, text := range []string{
		"", "%", ".5", "5.", "-1", "+1", "100.01", "101", "1000", "0.001", "1e1", "0x1", "01", "00", "1,5", " 1", "1 %", "1%%", "NaN", "1_0", "٣",
	} {
		if got, err := phase.ParsePercent(text); err == nil {
			t.Errorf("%q was read as %s", text, got)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		p := phase.Percent(rapid.IntRange(0, int(phase.All)).Draw(t, "percent"))
		if got, err := phase.ParsePercent(p.String()); err != nil || got != p {
			t.Fatalf("%d is written as %q and read as %d, %v", p, p, got, err)
		}
	})
}

// What is read is written in one way, and reads as the same.
func FuzzParsePercent(f *testing.F) {
	for _, seed := range []string{"0", "12.5", "100%", "99.999", "1e2", "-0", "007"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		p, err := phase.ParsePercent(text)
		if err != nil {
			return
		}
		if again, err := phase.ParsePercent(p.String()); p > phase.All || err != nil || again != p {
			t.Errorf("%q was read as %d, written as %q, read as %d, %v", text, p, p, again, err)
		}
	})
}

// reasonsOf are the codes of a refused move.
func reasonsOf(t *testing.T, err error) []phase.ReasonCode {
	t.Helper()
	if err == nil {
		return nil
	}
	refused, ok := err.(*phase.MoveError) //nolint:errorlint // the package says that it returns no other
	if !ok {
		t.Fatalf("%T: %v", err, err)
	}
	var codes []phase.ReasonCode
	for _, r := range refused.Reasons {
		if r.Text == "" || !strings.Contains(err.Error(), r.Text) {
			t.Errorf("reason %s has no text, or the error leaves it out: %v", r.Code, err)
		}
		codes = append(codes, r.Code)
	}
	return codes
}

func wantReasons(t *testing.T, what string, err error, want ...phase.ReasonCode) {
	t.Helper()
	if diff := cmp.Diff(want, reasonsOf(t, err)); diff != "" {
		t.Errorf("%s: reasons (-want +got):\n%s", what, diff)
	}
}
