package phase

import (
	"slices"
	"testing"
	"time"
)

// states returns every state that steps along a plan lead through, those in the middle of a move too.
func states(t *testing.T, plan Plan) []State {
	t.Helper()
	begin := time.Unix(1e9, 0).UTC()
	first := State{Epoch: 1, Plan: plan, Phase: LegacyOnly, Began: begin, Salt: "0123456789abcdef"}
	all := []State{first}
	for at := first; ; {
		to, ok := plan.Next(at.Phase)
		if !ok {
			return all
		}
		if at.Phase == Ramp {
			at.Percent = All
		}
		if back, ok := plan.Back(at.Phase); ok {
			percent := Percent(0)
			if back == Ramp {
				percent = All
			}
			down, err := at.Move(back, percent, begin)
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, down...)
		}
		up, err := at.Move(to, 0, begin)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, up...)
		at = up[len(up)-1]
	}
}

// What Up and Down name can be asked for: it is a legal step, or goes on with the move under way, or takes it back. Only
// where the new phase has begun is there no other way than on.
func TestUpAndDown(t *testing.T) {
	t.Parallel()
	for _, plan := range []Plan{Lazy, DualWrite} {
		for _, s := range states(t, plan) {
			up, isUp := s.Up()
			down, isDown := s.Down()
			switch {
			case !s.Moving():
				next, hasNext := plan.Next(s.Phase)
				back, hasBack := plan.Back(s.Phase)
				if up != next || isUp != hasNext || down != back || isDown != hasBack {
					t.Errorf("%s: up %s %t, down %s %t", s.Phase, up, isUp, down, isDown)
				}
			case s.Phase != s.To: // both halves of the road are open
				if !isUp || !isDown || up < down || up == down || !slices.Contains([]Phase{s.Phase, s.To}, up) || !slices.Contains([]Phase{s.Phase, s.To}, down) {
					t.Errorf("%s, frozen, to %s: up %s %t, down %s %t", s.Phase, s.To, up, isUp, down, isDown)
				}
			default:
				if (up == s.To) == (down == s.To) {
					t.Errorf("second half of the move to %s: up %s, down %s", s.To, up, down)
				}
			}
		}
	}
	crossing := State{Plan: Lazy, Phase: LegacyOnly, To: LegacyOnly, Frozen: true}
	if down, ok := crossing.Down(); !ok || down != LegacyOnly {
		t.Errorf("coming down to legacy-only: down is %s", down)
	}
	if up, ok := crossing.Up(); !ok || up != NewFirst {
		t.Errorf("coming down to legacy-only: up is %s", up)
	}
}

// Check tells of just the gates that Gates names.
func TestGatesAreThoseOfCheck(t *testing.T) {
	t.Parallel()
	for _, plan := range []Plan{Lazy, DualWrite} {
		for _, s := range states(t, plan) {
			for to := LegacyOnly; to <= NewOnly; to++ {
				for _, percent := range []Percent{0, 50_00, All} {
					var told []Gate
					for _, f := range Check(s, to, percent, Facts{}, DefaultLimits()) {
						told = append(told, f.Gate)
					}
					if asked := Gates(s, to, percent); !slices.Equal(asked, told) {
						t.Errorf("%s (frozen %t) to %s: %v are asked, Check tells of %v", s.Phase, s.Frozen, to, asked, told)
					}
				}
			}
		}
	}
}

func TestRoad(t *testing.T) {
	t.Parallel()
	road := DualWrite.Road(DefaultLimits())
	if len(road) != 6 || road[0].Phase != LegacyOnly || len(road[0].Needs) != 0 || road[0].Return || road[5].Phase != NewOnly || road[5].Return {
		t.Fatalf("road: %+v", road)
	}
	for _, leg := range road {
		if leg.Meaning == "" {
			t.Errorf("%s means nothing", leg.Phase)
		}
		for _, n := range slices.Concat(leg.Needs, leg.Back) {
			if n.Limit == "" || n.Limit == "a measured value" {
				t.Errorf("%s: %s asks for %q", leg.Phase, n.Gate, n.Limit)
			}
		}
	}
	if needs := road[2].Needs; !slices.Contains(needs, Need{GateSoak, "at least 24h0m0s"}) {
		t.Errorf("both needs %v", needs)
	}
}
