package gateway_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"

	"rekey/gateway"
)

// A store that is required and excused only degrades: people are sent here, where they are answered without it.
func TestReadyzExcused(t *testing.T) {
	t.Parallel()
	var excused atomic.Bool
	gw, err := gateway.New(gateway.Config{Accounts: newWorld(t, nil).accounts, Checks: []gateway.Check{
		{Name: "store", Required: true, Excused: excused.Load, Ask: func(context.Context) error { return errors.New("gone") }},
	}})
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []int{http.StatusServiceUnavailable, http.StatusOK} {
		res := httptest.NewRecorder()
		gw.Public().ServeHTTP(res, httptest.NewRequest(http.MethodGet, "/readyz", nil))
		if res.Code != want {
			t.Errorf("excused %v: %d %s", excused.Load(), res.Code, res.Body)
		}
		excused.Store(true)
	}
}
