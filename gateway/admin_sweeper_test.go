package gateway_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"rekey/accounts"
	"rekey/gateway"
)

// A sweeper keeps one number, how many workers it has, and notes what it was asked for.
type sweeper struct {
	sync.Mutex
	version int64 // less one
	asked   []accounts.SweepChange
	fails   error
}

func (s *sweeper) view() accounts.SweepView {
	const settings = `{"state":"off","schedule":{"zone":"","windows":[],"blackout":[]},"workers":2,"accounts_per_second":"max","batch":{"target_ms":500,"max":5000},` +
		`"chunk":10000,"order":"key","filter":"","hash":"auto","dry_run":false,"error_budget":{"share":0.05,"at_least":100},"sources":[],"every":"24h","governor":null}`
	return accounts.SweepView{Version: s.version + 1, JSON: json.RawMessage(fmt.Sprintf(
		`{"version":%d,"at":"2026-11-23T12:00:00Z","settings":%s,"effective":%s,"holds":[{"cause":"off","text":"nobody has started it"}]}`, s.version+1, settings, settings))}
}

// Look implements gateway.Sweeper.
func (s *sweeper) Look(context.Context) (accounts.SweepView, error) {
	s.Lock()
	defer s.Unlock()
	return s.view(), s.fails
}

// Change implements gateway.Sweeper.
func (s *sweeper) Change(_ context.Context, c accounts.SweepChange) (accounts.SweepView, error) {
	s.Lock()
	defer s.Unlock()
	if s.fails != nil {
		return accounts.SweepView{}, s.fails
	}
	if c.Version != 0 && c.Version != s.version+1 {
		return accounts.SweepView{}, accounts.ErrStale
	}
	s.asked = append(s.asked, c)
	if !c.DryRun {
		s.version++
	}
	return s.view(), nil
}

func TestSweeper(t *testing.T) {
	t.Parallel()
	s := &sweeper{}
	w := newWorld(t, func(c *gateway.Config) { c.Sweeper = s })
	_, token := w.staff(accounts.RoleOperator, 0)
	a := w.admin(token, "GET", "/admin/v1/sweeper", "")
	if a.Code != 200 || a.Header().Get("ETag") != `"1"` || !strings.Contains(a.Body.String(), "nobody has started it") {
		t.Fatalf("%d %s", a.Code, a.Body)
	}
	put := func(body, tag string) answer {
		return w.admin(token, "PUT", "/admin/v1/sweeper", body, "If-Match", tag)
	}
	const night = `{"set":{"workers":8,"schedule":{"windows":null}},"until":"2026-11-24T06:00:00+01:00","dry_run":true,"reason":"tonight"}`
	if a := put(night, `"1"`); a.Code != 200 || a.Header().Get("ETag") != `"1"` {
		t.Errorf("%d %s", a.Code, a.Body)
	}
	if a := put(`{"set":{"workers":8},"reason":"more"}`, `"1"`); a.Code != 200 || a.Header().Get("ETag") != `"2"` {
		t.Errorf("%d %s", a.Code, a.Body)
	}
	if a := put(`{"set":{"workers":9},"reason":"more"}`, `"1"`); a.Code != 412 { // somebody else was first
		t.Errorf("%d %s", a.Code, a.Body)
	}
	if a := w.admin(token, "PUT", "/admin/v1/sweeper", `{"set":{"workers":9},"reason":"more"}`); a.Code != 428 {
		t.Errorf("%d %s", a.Code, a.Body)
	}
	for _, command := range []string{"start", "resume", "pause", "stop"} {
		if a := w.admin(token, "POST", "/admin/v1/sweeper/"+command, because); a.Code != 200 {
			t.Errorf("%s: %d %s", command, a.Code, a.Body)
		}
	}
	if a := w.admin(token, "POST", "/admin/v1/sweeper/pause", `{"dry_run":true,"reason":"ticket 4711"}`); a.Code != 200 || a.Header().Get("ETag") != `"6"` {
		t.Errorf("%d %s", a.Code, a.Body)
	}
	for i := range s.asked {
		if by := &s.asked[i].By; !strings.HasPrefix(by.Actor, "staff:") || by.RequestID == "" {
			t.Errorf("by %+v", by)
		}
		s.asked[i].By = accounts.By{Reason: s.asked[i].By.Reason}
	}
	want := []accounts.SweepChange{
		{Version: 1, Patch: json.RawMessage(`{"workers":8,"schedule":{"windows":null}}`), Until: time.Date(2026, 11, 24, 5, 0, 0, 0, time.UTC), DryRun: true, By: accounts.By{Reason: "tonight"}},
		{Version: 1, Patch: json.RawMessage(`{"workers":8}`), By: accounts.By{Reason: "more"}},
		{Command: accounts.SweepStart, By: accounts.By{Reason: "ticket 4711"}},
		{Command: accounts.SweepResume, By: accounts.By{Reason: "ticket 4711"}},
		{Command: accounts.SweepPause, By: accounts.By{Reason: "ticket 4711"}},
		{Command: accounts.SweepStop, By: accounts.By{Reason: "ticket 4711"}},
		{Command: accounts.SweepPause, DryRun: true, By: accounts.By{Reason: "ticket 4711"}},
	}
	if diff := cmp.Diff(want, s.asked); diff != "" {
		t.Error(diff)
	}
}

func TestSweeperRefuses(t *testing.T) {
	t.Parallel()
	s := &sweeper{}
	w := newWorld(t, func(c *gateway.Config) { c.Sweeper = s })
	_, token := w.staff(accounts.RoleOperator, 0)
	put := func(body, tag string) answer {
		return w.admin(token, "PUT", "/admin/v1/sweeper", body, "If-Match", tag)
	}
	for name, test := range map[string]struct{ body, tag, field string }{
		"no patch":       {`{"reason":"x"}`, `"1"`, "set"},
		"null":           {`{"set":null,"reason":"x"}`, `"1"`, "set"},
		"a list":         {`{"set":[],"reason":"x"}`, `"1"`, "set"},
		"a text":         {`{"set":"{}","reason":"x"}`, `"1"`, "set"},
		"two patches":    {`{"set":{},"set":{},"reason":"x"}`, `"1"`, "set"},
		"half a patch":   {`{"set":{"workers":`, `"1"`, "body"},
		"a bad time":     {`{"set":{},"until":"06:00","reason":"x"}`, `"1"`, "until"},
		"time zero":      {`{"set":{},"until":"0001-01-01T00:00:00Z","reason":"x"}`, `"1"`, "until"},
		"no time":        {`{"set":{},"until":"","reason":"x"}`, `"1"`, "until"},
		"a bad tag":      {`{"set":{},"reason":"x"}`, `W/"1"`, "If-Match"},
		"more than fits": {`{"set":{"filter":"` + strings.Repeat("a", 64<<10) + `"},"reason":"x"}`, `"1"`, "body"},
	} {
		if a := put(test.body, test.tag); a.Code != 400 || len(a.Errors) != 1 || a.Errors[0].Field != test.field {
			t.Errorf("%s: %d %s, want 400 that names %s", name, a.Code, a.Body, test.field)
		}
	}
	if len(s.asked) > 0 {
		t.Errorf("it was asked for %+v", s.asked)
	}
	if a := put(`{"set":{"sources":["`+strings.Repeat("a", 60<<10)+`"]},"reason":"x"}`, `"1"`); len(s.asked) != 1 {
		t.Errorf("a patch that is no longer than it may be: %d", a.Code)
	}

	fault := func(field string) error { return &accounts.InvalidError{Field: field, Reason: "must be otherwise"} }
	s.fails = errors.Join(fault("workers"), fmt.Errorf("overrides[0]: %w", errors.Join(fault("schedule.windows[1]"), fault("chunk"))))
	if a := put(`{"set":{},"reason":"x"}`, `"2"`); a.Code != 400 || len(a.Errors) != 3 || a.Errors[1].Field != "schedule.windows[1]" {
		t.Errorf("all that is wrong: %d %s", a.Code, a.Body)
	}
	many := make([]error, 500)
	for i := range many {
		many[i] = fault("workers")
	}
	s.fails = errors.Join(many...)
	if a := put(`{"set":{},"reason":"x"}`, `"2"`); a.Code != 400 || len(a.Errors) != 50 {
		t.Errorf("very much that is wrong: %d, %d errors", a.Code, len(a.Errors))
	}
	s.fails = &accounts.UnavailableError{RetryAfter: time.Second, Err: errors.New("down")}
	for _, a := range []answer{
		put(`{"set":{},"reason":"x"}`, `"2"`), w.admin(token, "GET", "/admin/v1/sweeper", ""), w.admin(token, "POST", "/admin/v1/sweeper/pause", because),
	} {
		if a.Code != 503 || a.Header().Get("Retry-After") != "1" {
			t.Errorf("while it cannot be told: %d %s", a.Code, a.Body)
		}
	}
}

func TestNoSweeper(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(c *gateway.Config) { c.Sweeper = nil })
	_, token := w.staff(accounts.RoleOperator, 0)
	for _, a := range []answer{
		w.admin(token, "GET", "/admin/v1/sweeper", ""), w.admin(token, "POST", "/admin/v1/sweeper/pause", because),
		w.admin(token, "PUT", "/admin/v1/sweeper", `{"set":{},"reason":"x"}`, "If-Match", `"1"`),
	} {
		if a.Code != 404 {
			t.Errorf("%d %s", a.Code, a.Body)
		}
	}
}
