package accounts_test

import (
	"errors"
	"testing"

	"rekey/accounts"
	"rekey/accounts/phase"
)

// Somebody's sessions are found in every phase, by the id that they have before they are copied too, and without the old shop.
func TestSessionsInEveryPhase(t *testing.T) {
	t.Parallel()
	ways := ways()
	ways["new-first"] = append(ways["ramp"], phase.NewFirst)
	ways["new-only"] = append(ways["new-first"], phase.NewOnly)
	for name, way := range ways {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			v := newVillage(t, phase.DualWrite, accounts.CopyBackFull, salted(t, "7", "anna", "tulip"))
			v.move(t, way[:min(len(way), 4)]...)
			session := v.open(t, mustLogin(t, v.Service, "anna", "tulip"))
			v.move(t, way[min(len(way), 4):]...)
			if _, err := v.store.ByID(t.Context(), anna); errors.Is(err, accounts.ErrNotFound) != (name == "legacy-only") {
				t.Errorf("her account: %v", err)
			}
			v.source.SetDown(errors.New("down"))
			got, err := v.SessionsOf(t.Context(), session.AccountID)
			if err != nil || len(got) != 1 || got[0].ID != session.ID || got[0].AccountID != anna {
				t.Errorf("her sessions: %+v (%v)", got, err)
			}
		})
	}
}
