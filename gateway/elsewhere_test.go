package gateway_test

import (
	"strings"
	"testing"

	"rekey/accounts"
	"rekey/gateway"
)

// manageURL is where the old store's people change what has to be changed there.
const manageURL = "https://shop.example.org/account?tab=profile"

// Whoever is sent to the old store is told where, if that is known, and whom to ask, if not.
func TestManagedElsewhere(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	w.failCreate.Store(true)
	a := w.as(w.login("anna", "tulip").Access, "PUT", "/v1/account", "display_name", "Anna")
	w.wants("a profile that is there", a, 409, "managed-elsewhere")
	if p := read[struct {
		Manage string `json:"manage_url"`
		Detail string
	}](t, a, 409); p.Manage != manageURL || !strings.Contains(p.Detail, manageURL) {
		t.Errorf("sent to %q: %s", p.Manage, p.Detail)
	}
	for _, err := range []error{accounts.ErrManagedElsewhere, &accounts.ElsewhereError{}} {
		if said := gateway.ProblemOf(err); !strings.Contains(said, "Ask support") || strings.Contains(said, "http") {
			t.Errorf("where no place is known: %s", said)
		}
	}
}
