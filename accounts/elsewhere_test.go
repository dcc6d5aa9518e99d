package accounts_test

import (
	"errors"
	"testing"

	"rekey/accounts"
	"rekey/accounts/password"
	"rekey/legacy"
)

// manageURL is where the old shop's people change what has to be changed there.
const manageURL = "https://shop.example.org/account"

// Whoever is sent to the old shop is told where that is.
func TestElsewhereSaysWhere(t *testing.T) {
	t.Parallel()
	inEach(t, func(t *testing.T, v *village) {
		session := v.open(t, mustLogin(t, v.Service, "anna", "tulip"))
		token := v.token(t, "anna")
		v.source.Allow = legacy.Writes{}
		name := "Anna"
		_, beginErr := begin(t, v.Service, session, "tulip")
		_, confirmErr := confirm(v.Service, session, "123456")
		_, registerErr := register(v.Service, "bert", "", orchids)
		for what, err := range map[string]error{
			"change": change(v.Service, session, "tulip", orchids), "delete": erase(v.Service, session, "tulip"),
			"address": v.askEmail(t, session, "tulip", "anna@new.example"), "reset": confirmReset(t, v.Service, token, orchids),
			"begin a factor": beginErr, "confirm a factor": confirmErr, "register": registerErr,
			"remove a factor": v.RemoveFactors(t.Context(), accounts.FactorRemoval{Session: session, Current: password.NewSecret([]byte("tulip")), Code: "1"}),
			"profile":         v.UpdateProfile(t.Context(), accounts.ProfileChange{Session: session, DisplayName: &name}),
		} {
			must(t, what, err, accounts.ErrManagedElsewhere)
			if elsewhere, ok := errors.AsType[*accounts.ElsewhereError](err); !ok || elsewhere.URL != manageURL {
				t.Errorf("%s: sent to %+v", what, elsewhere)
			}
		}
	})
}
