package accounts_test

import (
	"testing"

	"rekey/accounts"
	"rekey/accounts/phase"
)

// Who delivers is told of each change that a legacy store is owed, and only when it is there to be found.
func TestChangesNudgeTheRelay(t *testing.T) {
	t.Parallel()
	for name, policy := range map[string]accounts.CopyBack{"full": accounts.CopyBackFull, "none": accounts.CopyBackNone} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			v := newVillage(t, phase.Lazy, policy, salted(t, "7", "anna", "tulip"))
			nudges := 0
			s := v.serve(t, func(c *accounts.Config) {
				c.Store, c.Lease = v.doors, v.leases[0]
				c.Sources = []accounts.Source{{Name: "shop", Source: v.shop, CopyBack: policy}}
				c.Nudge = func(kind string) {
					if kind != accounts.JobCopyBack {
						t.Errorf("nudged for %s", kind)
					}
					nudges++
					v.waiting(t, nudges)
				}
			})
			session := v.open(t, mustLogin(t, s, "anna", "tulip"))
			v.doors.beforeSet = func() error { return errDown }
			if err := change(s, session, "tulip", orchids); err == nil || nudges != 0 {
				t.Fatalf("a change that was not stored: error %v, %d nudges", err, nudges)
			}
			must(t, "change", change(s, session, "tulip", orchids), nil)
			bert := mustRegister(t, s, "bert", "", orchids)
			must(t, "delete", erase(s, v.open(t, bert), orchids), nil)
			if want := map[string]int{"full": 3}[name]; nudges != want {
				t.Errorf("%d nudges, want %d", nudges, want)
			}
		})
	}
}
