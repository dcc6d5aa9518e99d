package gateway_test

import (
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"rekey/gateway"
	"rekey/gateway/bridge"
)

// What is not routed is refused, on both listeners: a 204 to OPTIONS would be a yes to forward auth.
func TestOnlyWhatIsRouted(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(c *gateway.Config) { c.Bridge = bridge.Config{Kratos: bridge.Access{Key: strings.Repeat("k", 32)}} })
	get, post := []string{"GET", "HEAD"}, []string{"POST"}
	listeners := map[string]struct {
		handler http.Handler
		paths   map[string][]string
	}{
		"public": {w.gw.Public(), map[string][]string{
			"/v1/login": post, "/v1/token/refresh": post, "/v1/logout": post, "/v1/account": {"GET", "HEAD", "PUT", "DELETE"}, "/v1/verify": get,
			"/v1/accounts": post, "/v1/account/password": {"PUT"}, "/v1/login/factor": post,
			"/v1/account/factors/totp": {"POST", "DELETE"}, "/v1/account/factors/totp/confirm": post,
			"/.well-known/jwks.json": get, "/.well-known/openid-configuration": get,
			"/healthz": get, "/readyz": get, "/openapi.json": get, "/bridge/kratos": post,
		}},
		"admin": {w.gw.Admin(), map[string][]string{"/metrics": get, "/healthz": get, "/readyz": get, "/openapi.json": get}},
	}
	for name, l := range listeners {
		for path, routed := range l.paths {
			for _, method := range []string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT", "PROPFIND", "REPORT", "MADE-UP"} {
				res := httptest.NewRecorder()
				l.handler.ServeHTTP(res, httptest.NewRequestWithContext(t.Context(), method, path, http.NoBody))
				allow := res.Header().Get("Allow")
				switch {
				case slices.Contains(routed, method) == (res.Code == http.StatusMethodNotAllowed):
					t.Errorf("%s: %s %s: %d", name, method, path, res.Code)
				case res.Code == http.StatusMethodNotAllowed && (strings.Contains(allow, "OPTIONS") || !strings.Contains(allow, routed[0])):
					t.Errorf("%s: %s %s: Allow %q, want %v", name, method, path, allow, routed)
				}
			}
		}
	}
}
