package accounts_test

import (
	"testing"

	"rekey/accounts"
	"rekey/accounts/phase"
)

// Support hears of a stored name that did not move, also where cleaning has left it out before.
func TestLeftOutByCleaning(t *testing.T) {
	t.Parallel()
	anna := salted(t, "7", "anna", "tulip")
	anna.LeftOut = 2
	for name, move := range map[string]func(*testing.T, *village){
		"login": func(t *testing.T, v *village) { t.Helper(); mustLogin(t, v.Service, "anna", "tulip") },
		"alone": func(t *testing.T, v *village) {
			t.Helper()
			mustMigrate(t, v.Service, swept("7"), accounts.OutcomeMoved)
		},
		"with others": func(t *testing.T, v *village) {
			t.Helper()
			h := newHerd(t, v.world, "7")
			h.mustMove(t, v.Service, h.batch(t), map[accounts.Outcome]int64{accounts.OutcomeMoved: 1})
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			v := newVillage(t, phase.Lazy, accounts.CopyBackNone, anna)
			v.hear(t)
			move(t, v)
			if n := v.noted(t, accounts.NoteIdentifierLeftOut); n != 1 {
				t.Errorf("%d notes, want 1", n)
			}
		})
	}
}
