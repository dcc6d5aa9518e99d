package accounts_test

import (
	"slices"
	"strings"
	"testing"

	"rekey/accounts"
	"rekey/accounts/phase"
)

// All processes together count the logins that were compared, and whoever asks whether the old stores may go is told, also that
// there were none.
func TestComparedIsTold(t *testing.T) {
	t.Parallel()
	v, s := comparingIn(t, phase.Shadow, phase.Both)
	told := func(want string) {
		t.Helper()
		r, err := v.Ready(t.Context())
		must(t, "Ready", err, nil)
		i := slices.IndexFunc(r.Checks, func(line accounts.ReadyLine) bool { return line.Hurdle == accounts.HurdleVerdicts })
		if line := r.Checks[i]; !strings.Contains(line.Found, want) {
			t.Errorf("told is %q, want %q", line.Found, want)
		}
	}
	told("no login was compared")
	mustLogin(t, s, "anna", "tulip")
	mustRefuse(t, s, "anna", "rose")
	s.CompareAll(t.Context())
	for range 2 { // nothing is told twice
		s.TellCompared(t.Context())
		told("2 logins compared since 20")
	}
	other := v.comparing(t, asItIs)
	mustLogin(t, other, "anna", "tulip")
	other.CompareAll(t.Context())
	other.TellCompared(t.Context())
	told("3 logins compared since 20")
	told("none is judged differently now")
}
