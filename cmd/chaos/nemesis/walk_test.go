package nemesis

import (
	"testing"

	"rekey/accounts/phase"
)

// A move goes one step at a time towards where it is to lead, whatever became of those before.
func TestNext(t *testing.T) {
	t.Parallel()
	at := func(p phase.Phase, percent string) phase.State {
		s := phase.State{Plan: phase.DualWrite, Phase: p}
		if percent != "" {
			parsed, err := phase.ParsePercent(percent)
			if err != nil {
				t.Fatal(err)
			}
			s.Percent = parsed
		}
		return s
	}
	moving := at(phase.Shadow, "")
	moving.To = phase.Both
	for name, row := range map[string]struct {
		from    phase.State
		to      phase.Phase
		want    phase.Phase
		percent string
	}{
		"up":                   {at(phase.LegacyOnly, ""), phase.NewFirst, phase.Shadow, ""},
		"into the ramp":        {at(phase.Both, ""), phase.Ramp, phase.Ramp, "50"},
		"up the ramp":          {at(phase.Ramp, "50"), phase.NewFirst, phase.Ramp, "100"},
		"off the ramp":         {at(phase.Ramp, "100"), phase.NewFirst, phase.NewFirst, ""},
		"back onto the ramp":   {at(phase.NewFirst, ""), phase.Both, phase.Ramp, "100"},
		"down":                 {at(phase.Ramp, "50"), phase.Shadow, phase.Both, ""},
		"there":                {at(phase.Both, ""), phase.Both, phase.Both, ""},
		"what is under way":    {moving, phase.NewFirst, phase.Both, ""},
		"taking it back again": {moving, phase.Shadow, phase.Shadow, ""},
	} {
		if to, percent := next(row.from, row.to); to != row.want || percent != row.percent {
			t.Errorf("%s: to %s %s, want %s %s", name, to, percent, row.want, row.percent)
		}
	}
}
