package gateway_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"rekey/gateway"
)

// serve is one request to a handler, with nothing of a network around it.
func serve(b *testing.B, h http.Handler, method, path, body, bearer string, want int) *httptest.ResponseRecorder {
	b.Helper()
	req := httptest.NewRequestWithContext(b.Context(), method, path, strings.NewReader(body))
	if bearer != "" {
		req.Header.Set("Authorization", "Bearer "+bearer)
	}
	res := httptest.NewRecorder()
	h.ServeHTTP(res, req)
	if res.Code != want {
		b.Fatalf("%s %s: %d, want %d", method, path, res.Code, want)
	}
	return res
}

// BenchmarkLogin is all that a login of a moved person costs beside its hash, which is of 64 KiB here (about 0.1 ms): two
// statements on SQLite, limits and the signature included. The allocations are the figure to watch.
func BenchmarkLogin(b *testing.B) {
	w := newWorld(b, quietLog)
	const body = `{"identifier":"anna","password":"tulip"}`
	serve(b, w.gw.Public(), http.MethodPost, "/v1/login", body, "", http.StatusOK)
	b.ReportAllocs()
	for b.Loop() {
		serve(b, w.gw.Public(), http.MethodPost, "/v1/login", body, "", http.StatusOK)
	}
}

// BenchmarkVerifyRoute is forward auth, beside a handler that does nothing.
func BenchmarkVerifyRoute(b *testing.B) {
	w := newWorld(b, quietLog)
	in := w.login("anna", "tulip")
	b.Run("seen before", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			serve(b, w.gw.Public(), http.MethodGet, "/v1/verify", "", in.Access, http.StatusNoContent)
		}
	})
	b.Run("healthz", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			serve(b, w.gw.Public(), http.MethodGet, "/healthz", "", "", http.StatusOK)
		}
	})
}

func quietLog(c *gateway.Config) { c.Log = nil }
