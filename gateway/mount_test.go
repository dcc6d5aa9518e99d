package gateway_test

import (
	"strings"
	"testing"

	"rekey/gateway"
	"rekey/gateway/bridge"
)

// A product with a key is answered on the public listener; the others are not there.
func TestBridge(t *testing.T) {
	t.Parallel()
	key := strings.Repeat("k", 32)
	w := newWorld(t, func(c *gateway.Config) {
		c.Bridge = bridge.Config{Kratos: bridge.Access{Key: key}, Keycloak: bridge.Access{Key: key + "2"}}
	})
	ask := func(pw, key string) answer {
		return w.ask("POST", "/bridge/kratos", `{"identifier":"anna","password":"`+pw+`"}`, "Authorization", "Bearer "+key)
	}
	if a := ask("tulip", key); a.Code != 200 || !strings.Contains(a.Body.String(), "password_match") {
		t.Errorf("the right password: %d %s", a.Code, a.Body)
	}
	if a := ask("wrong", key); a.Code != 403 {
		t.Errorf("a wrong password: %d", a.Code)
	}
	if a := ask("tulip", key+"x"); a.Code != 401 {
		t.Errorf("a wrong key: %d", a.Code)
	}
	if a := w.ask("GET", "/bridge/keycloak/anna", "", "Authorization", "Bearer "+key+"2"); a.Code != 200 || !strings.Contains(a.Body.String(), `"anna"`) {
		t.Errorf("who anna is: %d %s", a.Code, a.Body)
	}
	if a := w.ask("POST", "/bridge/okta", `{}`, "Authorization", "Bearer "+key); a.Code != 404 {
		t.Errorf("a product without a key: %d", a.Code)
	}
	if a := newWorld(t, nil).ask("POST", "/bridge/kratos", `{}`, "Authorization", "Bearer "+key); a.Code != 404 {
		t.Errorf("no product at all: %d", a.Code)
	}
}

func TestBridgeMisconfigured(t *testing.T) {
	t.Parallel()
	_, err := gateway.New(gateway.Config{Bridge: bridge.Config{Kratos: bridge.Access{Key: "short"}}})
	if err == nil || !strings.Contains(err.Error(), "kratos") || strings.Contains(err.Error(), "short") {
		t.Errorf("got %v, want an error that names the product and not the key", err)
	}
}
