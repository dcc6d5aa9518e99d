package gateway_test

import (
	"encoding/json"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"rekey/accounts"
	"rekey/legacy"
)

// A person sees what is kept of them, the same before and after the move.
func TestWholeAccount(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	w.old.Change("1", func(u *legacy.User) {
		u.Profile = legacy.Profile{
			DisplayName: "Anna", Locale: "de-CH", EmailVerified: true, Roles: []string{"admin"}, Groups: []string{"ski"},
			Attributes: map[string]string{"plan": "gold"},
			TOTP:       []legacy.TOTP{{Secret: []byte("nobody sees this")}},
		}
	})
	want := map[string]any{
		"id": accounts.SubjectFor("shop", "1").String(), "username": "anna", "email": "Anna@example.org", "email_verified": true,
		"phone_verified": false, "display_name": "Anna", "locale": "de-CH", "roles": []any{"admin"}, "groups": []any{"ski"},
		"attributes": map[string]any{"plan": "gold"},
	}
	see := func(access string) map[string]any {
		t.Helper()
		a := w.ask("GET", "/v1/account", "", "Authorization", "Bearer "+access)
		var got map[string]any
		if err := json.Unmarshal(a.Body.Bytes(), &got); err != nil || a.Code != 200 {
			t.Fatalf("account: %d, %v", a.Code, err)
		}
		return got
	}
	w.failCreate.Store(true) // the first login does not move her
	unmoved := w.loginBoth(t, "anna", "tulip", "nobody sees this", -1)
	want["email_verified"] = false // nobody has looked yet whether the address is another's too
	if diff := cmp.Diff(want, see(unmoved.Access)); diff != "" {
		t.Errorf("before the move (-want +got):\n%s", diff)
	}
	w.failCreate.Store(false)
	moved := w.loginBoth(t, "anna", "tulip", "nobody sees this", 0)
	want["email_verified"] = true
	for _, access := range []string{moved.Access, unmoved.Access} {
		if diff := cmp.Diff(want, see(access)); diff != "" {
			t.Errorf("after the move (-want +got):\n%s", diff)
		}
	}

	// Somebody whom only the legacy store knows cannot be told while it is down.
	w.failCreate.Store(true)
	w.old.Change("2", func(u *legacy.User) { u.Disabled = false })
	bert := w.login("bert", "daisy")
	w.old.SetDown(errors.New("down"))
	if a := w.ask("GET", "/v1/account", "", "Authorization", "Bearer "+bert.Access); a.Code != 503 {
		t.Errorf("account while the legacy store is down: %d, want 503", a.Code)
	}
}
