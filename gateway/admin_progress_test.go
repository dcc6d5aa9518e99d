package gateway_test

import (
	"context"
	"encoding/json"
	"errors"
	"testing"
	"time"

	"github.com/google/uuid"

	"rekey/accounts"
	"rekey/gateway"
)

// TestProgress holds the answers to the document, as every question does.
func TestProgress(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	run := accounts.Run{ID: uuid.Must(uuid.NewV7()), Kind: accounts.RunMove, State: accounts.RunRunning, Spec: `{"order":"key"}`, Began: time.Now()}
	e := accounts.Event{ID: uuid.Must(uuid.NewV7()), At: time.Now(), AccountID: uuid.Max, Kind: "run.began", Actor: "system"}
	if err := w.store.BeginRun(t.Context(), run, nil, e); err != nil {
		t.Fatal(err)
	}
	for range 20 {
		ended := accounts.Run{ID: uuid.Must(uuid.NewV7()), Kind: accounts.RunVerify, State: accounts.RunRunning, Began: time.Now()}
		e.ID = uuid.Must(uuid.NewV7())
		if err := w.store.BeginRun(t.Context(), ended, nil, e); err != nil {
			t.Fatal(err)
		}
		e.ID, ended.State, ended.Ended = uuid.Must(uuid.NewV7()), accounts.RunDone, time.Now()
		if err := w.store.EndRun(t.Context(), ended, e); err != nil {
			t.Fatal(err)
		}
	}
	for _, role := range accounts.Roles() {
		_, token := w.staff(role, 0)
		a := w.admin(token, "GET", "/admin/v1/progress", "")
		if p := as[accounts.Progress](t, a); a.Code != 200 || p.Phase.String() != "new-first" || len(p.Sources) != 1 || p.Sources[0].Total == nil {
			t.Errorf("%d %s", a.Code, a.Body)
		}
		a = w.admin(token, "GET", "/admin/v1/ready", "")
		if r := as[accounts.Readiness](t, a); a.Code != 200 || r.Ready || len(r.Checks) != 14 {
			t.Errorf("%d %s", a.Code, a.Body)
		}
		a = w.admin(token, "GET", "/admin/v1/sweeper/runs", "")
		listed := as[struct {
			Status json.RawMessage
			Runs   []struct {
				ID   uuid.UUID
				Spec struct{ Order string }
			}
		}](t, a)
		if a.Code != 200 || len(listed.Runs) != 21 || listed.Runs[20].ID != run.ID || listed.Runs[20].Spec.Order != "key" || listed.Status != nil {
			t.Errorf("%d %s", a.Code, a.Body)
		}
	}
}

// TestSweepStatus: what the sweeper says of itself stands beside its runs, and where it cannot the answer is not half of it.
func TestSweepStatus(t *testing.T) {
	t.Parallel()
	var status error
	w := newWorld(t, func(c *gateway.Config) {
		c.SweepStatus = func(context.Context) (json.RawMessage, error) { return json.RawMessage(`{"held":["paused"]}`), status }
	})
	_, token := w.staff(accounts.RoleOperator, 0)
	a := w.admin(token, "GET", "/admin/v1/sweeper/runs", "")
	if got := as[struct{ Status struct{ Held []string } }](t, a); a.Code != 200 || len(got.Status.Held) != 1 {
		t.Errorf("%d %s", a.Code, a.Body)
	}
	status = &accounts.UnavailableError{RetryAfter: time.Second, Err: errors.New("the store does not answer")}
	if a := w.admin(token, "GET", "/admin/v1/sweeper/runs", ""); a.Code != 503 {
		t.Errorf("%d %s, want 503", a.Code, a.Body)
	}
}
