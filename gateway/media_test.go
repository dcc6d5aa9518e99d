package gateway_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// A body of another kind is not taken for JSON.
func TestMediaType(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	for _, test := range []struct {
		header, value string
		want          int
	}{
		{"Content-Type", "", 200},
		{"Content-Type", "application/json", 200},
		{"Content-Type", "Application/JSON; charset=utf-8", 200},
		{"Content-Type", "application/json;", 200},
		{"Content-Type", "application/x-www-form-urlencoded", 415},
		{"Content-Type", "text/plain", 415},
		{"Content-Type", "application/json-patch+json", 415},
		{"Content-Type", "json", 415},
		{"Content-Encoding", "gzip", 415},
		{"Content-Encoding", "identity", 415},
	} {
		req := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/v1/login", strings.NewReader(`{"identifier":"anna","password":"tulip"}`))
		req.Header.Set(test.header, test.value)
		res := httptest.NewRecorder()
		w.gw.Public().ServeHTTP(res, req)
		var p struct{ Errors []struct{ Field string } }
		if err := json.Unmarshal(res.Body.Bytes(), &p); err != nil || res.Code != test.want ||
			test.want == 415 && (len(p.Errors) != 1 || p.Errors[0].Field != test.header) {
			t.Errorf("%s %q: %d %s, want %d", test.header, test.value, res.Code, res.Body, test.want)
		}
	}
	if a := w.ask("POST", "/v1/token/refresh", "{}", "Content-Type", "text/html"); a.Code != 415 {
		t.Errorf("refresh: %d", a.Code)
	}
}
