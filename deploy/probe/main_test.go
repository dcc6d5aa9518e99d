package main

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func TestProbe(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct {
		status int
		want   string // part of the error; empty for none
	}{
		"ready":       {http.StatusOK, ""},
		"no content":  {http.StatusNoContent, ""},
		"unavailable": {http.StatusServiceUnavailable, "503 Service Unavailable"},
		"elsewhere":   {http.StatusFound, "302 Found"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r.URL.Path != "/readyz" {
					w.WriteHeader(http.StatusOK)
					return
				}
				w.Header().Set("Location", "/")
				w.WriteHeader(row.status)
			}))
			defer server.Close()
			err := probe(server.URL + "/readyz")
			if row.want == "" && err != nil || row.want != "" && (err == nil || !strings.Contains(err.Error(), row.want)) {
				t.Errorf("error %v, want %q", err, row.want)
			}
		})
	}
}

func TestProbeWithoutAnswer(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.NotFoundHandler())
	server.Close()
	for _, url := range []string{server.URL, "no address"} {
		if probe(url) == nil {
			t.Errorf("%s: no error", url)
		}
	}
}
