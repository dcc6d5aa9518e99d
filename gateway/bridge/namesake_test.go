package bridge_test

import (
	"net/http"
	"testing"

	"rekey/legacy"
)

// Keycloak knows people by their name in lower case, and keeps for good whoever was proven once: a namesake must get
// neither the record nor the yes of another.
func TestKeycloakNamesakes(t *testing.T) {
	t.Parallel()
	auth := []string{"Authorization", "Bearer " + key("keycloak")}
	w := newWorld(t, nil)
	lookup := func(name string) int { return w.send(http.MethodGet, "/bridge/keycloak/"+name, "", auth...).Code }
	verify := func(name, password string) int {
		return w.send(http.MethodPost, "/bridge/keycloak/"+name, `{"password":"`+password+`"}`, auth...).Code
	}
	if a, b := lookup("anna"), verify("anna", "tulip"); a != 200 || b != 200 { // she has moved now
		t.Fatalf("Anna alone: %d, %d", a, b)
	}
	w.old.Change("2", func(u *legacy.User) { u.Username, u.Email, u.Disabled = "anna", "mallory@example.org", false })
	for name, status := range map[string]int{
		"the namesake's own name":              lookup("anna"),
		"the namesake's address, Anna's name":  lookup("mallory@example.org"),
		"the namesake's password":              verify("anna", "daisy"),
		"Anna's address, whose name is shared": lookup("Anna@example.org"),
	} {
		if status == 200 {
			t.Errorf("%s: answered %d", name, status)
		}
	}
}
