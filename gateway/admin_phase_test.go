package gateway_test

import (
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"rekey/accounts"
	"rekey/accounts/phase"
	"rekey/gateway"
)

// A shown is what GET /admin/v1/phase tells.
type shown struct {
	State struct {
		Epoch  int64
		Phase  string
		Frozen bool
	}
	Meaning  string
	Replicas []struct {
		Name   string
		Epoch  int64
		Live   bool
		Behind bool
		EndsIn int64 `json:"lease_ends_in"`
	}
	Up, Down *struct {
		To       string
		Epochs   []epochOf
		Findings []finding
		Deferred []string
	}
}

type epochOf struct {
	Epoch  int64
	Phase  string
	Frozen bool
}

type finding struct {
	Gate, Value, Limit string
	Blocks             bool
}

// moved is the answer to a move, or why there was none.
type moved struct {
	DryRun   bool `json:"dry_run"`
	From     epochOf
	State    epochOf
	Epochs   []epochOf
	Findings []finding
	Type     string
	Reasons  []struct{ Code, Text string }
	Gates    []finding
}

func (w *world) move(token, body, epoch string) (answer, moved) {
	w.t.Helper()
	a := w.admin(token, "POST", "/admin/v1/phase", body, "If-Match", epoch)
	w.t.Logf("%s: %d %s", body, a.Code, a.Body)
	return a, asIn[moved](w, a)
}

func asIn[T any](w *world, a answer) T {
	w.t.Helper()
	var v T
	if t, ok := w.t.(*testing.T); ok {
		v = as[T](t, a)
	}
	return v
}

func (w *world) stored() phase.State {
	w.t.Helper()
	s, err := w.store.Phase(w.t.Context())
	if err != nil {
		w.t.Fatal(err)
	}
	return s
}

// sleeper makes a process known that has acknowledged the first epoch and nothing since.
func (w *world) sleeper() string {
	w.t.Helper()
	id := uuid.NewString()
	if _, err := w.store.RenewLease(w.t.Context(), accounts.Replica{Replica: phase.Replica{ID: id, Epoch: 1}, Name: "sleeper"}); err != nil {
		w.t.Fatal(err)
	}
	return id
}

func TestShowPhase(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	w.sleeper()
	for _, role := range accounts.Roles() {
		_, token := w.staff(role, 0)
		a := w.admin(token, "GET", "/admin/v1/phase", "")
		v := as[shown](t, a)
		if a.Code != 200 || a.Header().Get("ETag") != `"1"` || v.State.Epoch != 1 || v.State.Phase != "new-first" || v.Meaning == "" {
			t.Fatalf("%d %s", a.Code, a.Body)
		}
		if len(v.Replicas) != 1 || v.Replicas[0].Name != "sleeper" || !v.Replicas[0].Live || v.Replicas[0].Behind || v.Replicas[0].EndsIn < 1 {
			t.Errorf("replicas: %+v", v.Replicas)
		}
		if v.Up == nil || v.Up.To != "new-only" || !slices.Equal(v.Up.Deferred, []string{"unmoved"}) || len(v.Up.Findings) != 5 || !v.Up.Findings[0].Blocks {
			t.Errorf("up: %+v", v.Up)
		}
		if v.Down == nil || v.Down.To != "legacy-only" || len(v.Down.Epochs) != 3 || !v.Down.Epochs[0].Frozen || v.Down.Findings[0].Blocks {
			t.Errorf("down: %+v", v.Down)
		}
		list := w.admin(token, "GET", "/admin/v1/replicas", "")
		if list.Code != 200 || !strings.Contains(list.Body.String(), `"name":"sleeper"`) {
			t.Errorf("replicas: %d %s", list.Code, list.Body)
		}
	}
}

func TestMovePhase(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	_, token := w.staff(accounts.RoleOperator, 0)
	const down = `{"to":"legacy-only","reason":"incident 12"}`

	// What was seen has to be said.
	if a := w.admin(token, "POST", "/admin/v1/phase", down); a.Code != 428 || !strings.Contains(a.Body.String(), "unmatched") {
		t.Errorf("without If-Match: %d %s", a.Code, a.Body)
	}
	for _, tag := range []string{"1", "*", `W/"1"`, `"1", "2"`, `"01"`, `"0"`, `"x"`, `"`, `""`, `"-1"`, `"99999999999999999999"`} {
		if a := w.admin(token, "POST", "/admin/v1/phase", down, "If-Match", tag); a.Code != 400 || len(a.Errors) != 1 || a.Errors[0].Field != "If-Match" {
			t.Errorf("If-Match %s: %d %s", tag, a.Code, a.Body)
		}
	}
	if a, m := w.move(token, down, `"2"`); a.Code != 412 || m.Type != "urn:rekey:problem:stale" {
		t.Errorf("another epoch: %d", a.Code)
	}

	// The plan and the gates say everything that they have against it.
	if a, m := w.move(token, `{"to":"both","percent":5,"reason":"x"}`, `"1"`); a.Code != 409 || len(m.Reasons) != 2 || m.Reasons[0].Code != "not-in-plan" || m.Reasons[1].Code != "percent" {
		t.Errorf("not in the plan: %d %+v", a.Code, m)
	}
	if a, m := w.move(token, `{"to":"shadow","reason":"x"}`, `"1"`); a.Code != 409 || len(m.Reasons) != 1 || m.Reasons[0].Code != "not-in-plan" {
		t.Errorf("to shadow: %d %+v", a.Code, m)
	}
	if a, m := w.move(token, `{"to":"new-only","abandon":2,"reason":"x"}`, `"1"`); a.Code != 409 || len(m.Gates) != 2 || m.Gates[0].Gate != "soak" || m.Gates[1].Gate != "unmoved" {
		t.Errorf("held up: %d %+v", a.Code, m)
	}
	if a, m := w.move(token, `{"to":"new-only","dry_run":true,"reason":"x"}`, `"1"`); a.Code != 409 || len(m.Gates) != 2 {
		t.Errorf("held up, dry run: %d %+v", a.Code, m)
	}
	for body, field := range map[string]string{
		`{"to":"nowhere","reason":"x"}`:                          "to",
		`{"reason":"x"}`:                                         "to",
		`{"to":5,"reason":"x"}`:                                  "to",
		`{"to":"legacy-only"}`:                                   "reason",
		`{"to":"legacy-only","percent":"5","reason":"x"}`:        "percent",
		`{"to":"ramp","percent":1e1,"reason":"x"}`:               "percent",
		`{"to":"ramp","percent":100.1,"reason":"x"}`:             "percent",
		`{"to":"ramp","percent":-1,"reason":"x"}`:                "percent",
		`{"to":"ramp","percent":null,"reason":"x"}`:              "percent",
		`{"to":"ramp","percent":[5],"reason":"x"}`:               "percent",
		`{"to":"new-only","abandon":1.5,"reason":"x"}`:           "abandon",
		`{"to":"new-only","abandon":-1,"reason":"x"}`:            "abandon",
		`{"to":"new-only","abandon":99999999999,"reason":"x"}`:   "abandon",
		`{"to":"legacy-only","dry_run":"yes","reason":"x"}`:      "dry_run",
		`{"to":"legacy-only","dry_run":1,"reason":"x"}`:          "dry_run",
		`{"to":"legacy-only","leave_backlog":null,"reason":"x"}`: "leave_backlog",
		`{"to":"legacy-only","dry_run":1,"dry_run":1}`:           "dry_run",
		`{"to":"legacy-only","dry_run":true,"dry_run":true}`:     "dry_run",
		`{"to":"legacy-only","epoch":1,"reason":"x"}`:            "epoch",
	} {
		if a := w.admin(token, "POST", "/admin/v1/phase", body, "If-Match", `"1"`); a.Code != 400 || len(a.Errors) != 1 || a.Errors[0].Field != field {
			t.Errorf("%s: %d %+v, want 400 that names %s", body, a.Code, a.Errors, field)
		}
	}
	a, m := w.move(token, `{"to":"legacy-only","dry_run":true,"leave_backlog":true,"reason":"x"}`, `"1"`)
	if a.Code != 200 || !m.DryRun || m.State.Epoch != 1 || len(m.Epochs) != 3 || len(m.Findings) != 3 || a.Header().Get("ETag") != `"1"` {
		t.Errorf("dry run: %d %s", a.Code, a.Body)
	}
	if s := w.stored(); s.Epoch != 1 {
		t.Fatalf("something moved: %+v", s)
	}

	// And it goes.
	a, m = w.move(token, down, `"1"`)
	if a.Code != 200 || m.DryRun || m.State != (epochOf{4, "legacy-only", false}) || m.From.Epoch != 1 || a.Header().Get("ETag") != `"4"` {
		t.Fatalf("%d %s", a.Code, a.Body)
	}
	if s := w.stored(); s.Epoch != 4 || s.Phase != phase.LegacyOnly {
		t.Errorf("stored: %+v", s)
	}
	_, auditor := w.staff(accounts.RoleAuditor, 0)
	var events []event
	for _, e := range as[eventPage](t, w.admin(auditor, "GET", "/admin/v1/events", "")).Events {
		if e.Kind == "phase.moved" {
			events = append(events, e)
		}
	}
	if len(events) != 3 || events[0].Actor != "staff:operator-person" || events[0].Reason != "incident 12" || events[0].RequestID != a.Header().Get("X-Request-Id") || events[0].Detail["epoch"] != "4" {
		t.Errorf("events: %+v", events)
	}
	if a, _ := w.move(token, `{"to":"new-first","reason":"over"}`, `"1"`); a.Code != 412 {
		t.Errorf("with the tag of before: %d", a.Code)
	}
}

// Both is left at once, also while its copies are about to be trusted, which along the plan is a move under way.
func TestRelaxPhase(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	_, token := w.staff(accounts.RoleOperator, 0)
	both := phase.State{
		Epoch: 2, TrustEpoch: 3, Plan: phase.DualWrite, Phase: phase.Both, To: phase.Both,
		Began: time.Now().UTC().Truncate(time.Microsecond), Salt: "0123456789abcdef",
	}
	if err := w.store.MovePhase(t.Context(), both, accounts.Event{ID: uuid.New(), At: time.Now(), Kind: accounts.EventPhaseMoved, Actor: "test"}); err != nil {
		t.Fatal(err)
	}
	if a, _ := w.move(token, `{"to":"ramp","reason":"x"}`, `"2"`); a.Code != 409 {
		t.Errorf("another move meanwhile: %d", a.Code)
	}
	if a, m := w.move(token, `{"to":"shadow","reason":"x"}`, `"2"`); a.Code != 200 || m.State != (epochOf{3, "shadow", false}) {
		t.Errorf("relax: %d %+v", a.Code, m)
	}
}

// onMessage calls do for each line of the log with a text.
type onMessage struct {
	slog.Handler
	text string
	do   func()
}

func (onMessage) Enabled(context.Context, slog.Level) bool { return true }

func (h onMessage) Handle(ctx context.Context, r slog.Record) error {
	if r.Message == h.text {
		h.do()
	}
	return h.Handler.Handle(ctx, r)
}

// The answer has a deadline of its own: a move may take longer than the listener gives to others.
func TestMovePhaseOutlastsTheListener(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	_, token := w.staff(accounts.RoleOperator, 0)
	server := httptest.NewUnstartedServer(w.gw.Admin())
	server.Config.WriteTimeout = time.Millisecond // over before the first epoch is
	server.Start()
	defer server.Close()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, server.URL+"/admin/v1/phase", strings.NewReader(`{"to":"legacy-only","reason":"x"}`))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Authorization", "Bearer "+token)
	req.Header.Set("If-Match", `"1"`)
	res, err := server.Client().Do(req)
	if err != nil {
		t.Fatal(err)
	}
	if err := res.Body.Close(); err != nil || res.StatusCode != http.StatusOK {
		t.Errorf("%d, %v", res.StatusCode, err)
	}
}

// A client that hangs up leaves no phase frozen: the move goes on without it.
func TestMovePhaseWithoutItsClient(t *testing.T) {
	t.Parallel()
	waits := make(chan struct{}, 8)
	w := newWorld(t, func(c *gateway.Config) {
		c.Log = slog.New(onMessage{slog.DiscardHandler, "a move of the phase waits", func() { waits <- struct{}{} }})
	})
	_, token := w.staff(accounts.RoleOperator, 0)
	sleeper := w.sleeper()
	ctx, hangUp := context.WithCancel(t.Context())
	req := httptest.NewRequestWithContext(ctx, "POST", "/admin/v1/phase", strings.NewReader(`{"to":"legacy-only","reason":"x"}`))
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Authorization", "Bearer "+token)
	req.Header.Set("If-Match", `"1"`)
	answered := make(chan struct{})
	go func() {
		w.gw.Admin().ServeHTTP(httptest.NewRecorder(), req)
		close(answered)
	}()
	<-waits
	hangUp()
	if s := w.stored(); !s.Frozen || s.Epoch != 2 {
		t.Errorf("it waits in %+v", s)
	}
	if err := w.store.EndLease(t.Context(), sleeper); err != nil {
		t.Fatal(err)
	}
	<-answered
	if s := w.stored(); s.Epoch != 4 || s.Frozen {
		t.Errorf("it ended in %+v", s)
	}
}
