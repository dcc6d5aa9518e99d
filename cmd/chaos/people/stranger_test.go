package people

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"rekey/cmd/chaos/history"
)

// Whoever is answered otherwise than everybody else is found.
func TestLookAlike(t *testing.T) {
	t.Parallel()
	for what, tell := range map[string]func(w http.ResponseWriter){
		"":       nil,
		"status": func(w http.ResponseWriter) { w.WriteHeader(http.StatusForbidden) },
		"header": func(w http.ResponseWriter) { w.Header().Set("Retry-After", "1") },
		"body":   func(w http.ResponseWriter) { fmt.Fprint(w, " ") },
	} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("X-Request-Id", fmt.Sprint(r.RemoteAddr))
			asked, _ := io.ReadAll(r.Body)
			if tell != nil && strings.Contains(string(asked), `"old3"`) {
				tell(w)
			}
			fmt.Fprint(w, "no")
		}))
		t.Cleanup(server.Close)
		crowd := New(Config{
			Cast: cast, Doors: []Door{{Public: server.URL}, {Public: server.URL}}, Log: history.NewLog(),
			Address: func(name string) string { return name + "@example.org" },
		})
		if findings := crowd.LookAlike(t.Context()); len(findings) > 0 != (what != "") {
			t.Errorf("%q: %q", what, findings)
		}
	}
}

// More guesses than there may be are found.
func TestGuess(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		room int64
		ok   bool
	}{{10, true}, {60, false}} {
		var asked atomic.Int64
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			if asked.Add(1) > row.room {
				w.WriteHeader(http.StatusTooManyRequests)
				return
			}
			w.WriteHeader(http.StatusUnauthorized)
		}))
		t.Cleanup(server.Close)
		crowd := New(Config{Cast: cast, Doors: []Door{{Public: server.URL}}, Log: history.NewLog()})
		if findings := crowd.Guess(t.Context(), 60, 10); len(findings) == 0 != row.ok {
			t.Errorf("%+v: %q", row, findings)
		}
	}
}
