package accounts_test

import (
	"testing"

	"rekey/accounts"
	"rekey/accounts/phase"
)

// Whoever is disabled here changes nothing in whichever phase, not by a session that is still believed either: of a disabled
// person legacy may know nothing.
func TestDisabledHereChangesNothingThere(t *testing.T) {
	t.Parallel()
	for name, way := range map[string][]phase.Phase{
		"legacy-only": {phase.LegacyOnly}, "shadow": nil, "both": {phase.Both}, "ramp": {phase.Both, phase.Ramp},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			v := newVillage(t, phase.DualWrite, accounts.CopyBackFull, salted(t, "7", "anna", "tulip"))
			v.move(t, phase.Shadow)
			session := v.open(t, mustLogin(t, v.Service, "anna", "tulip"))
			if changed, _, err := v.SetDisabled(t.Context(), anna, true, accounts.By{Actor: "staff:carla", Reason: "asked for"}); err != nil || !changed {
				t.Fatal(changed, err)
			}
			v.move(t, way...)
			must(t, "change", change(v.Service, session, "tulip", orchids), accounts.ErrCredentials)
			must(t, "deletion", erase(v.second, session, "tulip"), accounts.ErrCredentials)
			v.sold(t, "7", "tulip", true)
			v.waiting(t, 0)
		})
	}
}
