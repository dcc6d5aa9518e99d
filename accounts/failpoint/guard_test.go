//go:build !failpoint

package failpoint

import (
	"testing"
	"time"
)

// Without the tag no environment leaves a guard out, or sets a clock wrong.
func TestGuardsStand(t *testing.T) {
	t.Setenv("REKEY_FAILPOINT_CLOCK", "-1h")
	for _, g := range Guards() {
		t.Setenv("REKEY_FAILPOINT_WITHOUT", string(g))
		if Without(g) {
			t.Errorf("%s is left out", g)
		}
		if parsed, ok := ParseGuard(string(g)); !ok || parsed != g {
			t.Errorf("%s is not read as itself", g)
		}
	}
	if _, ok := ParseGuard("nonsense"); ok {
		t.Error("nonsense is a guard")
	}
	if time.Since(Now()) > time.Minute {
		t.Error("the clock is wrong")
	}
}
