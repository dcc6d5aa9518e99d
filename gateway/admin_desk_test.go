package gateway_test

import (
	"context"
	"net/url"
	"strings"
	"testing"

	"rekey/accounts"
	"rekey/gateway"
	"rekey/gateway/limit"
	"rekey/legacy"
)

// deskState is what the tests look at of a person.
type deskState struct {
	ID, Where, State, Why, Answers, Source string
	LegacyID                               string `json:"legacy_id"`
	Move                                   struct{ Outcome, Class string }
	Here, There                            *struct {
		Email    string
		Disabled bool
		Password struct{ Scheme, Strength string }
	}
	Differ []string
	Events []event
}

// As support: somebody who exists only in the old store is found, looked at, moved by a dry run and then for good; they log in with
// the password that they had, the audit has it, and it is taken back.
func TestDesk(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	_, token := w.staff(accounts.RoleSupport, 0)
	type finding struct {
		Accounts []struct{ ID, Where, State, Why, Source string }
		More     bool
		Problems []any
	}
	for _, q := range []string{"anna", "nna@exam", "shop/1", "1"} {
		a := w.admin(token, "GET", "/admin/v1/accounts?q="+url.QueryEscape(q), "")
		got := as[finding](t, a)
		if a.Code != 200 || len(got.Accounts) != 1 || got.Accounts[0].State != "will-move" || got.Accounts[0].Where != "legacy" || got.More || len(got.Problems) != 0 {
			t.Fatalf("find %q: %d %s", q, a.Code, a.Body)
		}
	}
	for query, field := range map[string]string{"": "q", "?q=": "q", "?q=a%00": "q", "?name=anna": "name", "?q=a&q=b": "q"} {
		if a := w.admin(token, "GET", "/admin/v1/accounts"+query, ""); a.Code != 400 || len(a.Errors) != 1 || a.Errors[0].Field != field {
			t.Errorf("find %s: %d %s", query, a.Code, a.Body)
		}
	}
	path := "/admin/v1/accounts/shop%2F1"
	look := func() deskState {
		t.Helper()
		a := w.admin(token, "GET", path, "")
		if a.Code != 200 {
			t.Fatalf("show: %d %s", a.Code, a.Body)
		}
		for _, secret := range []string{"tulip", "$argon2id$", "fingerprint"} {
			if strings.Contains(a.Body.String(), secret) {
				t.Errorf("%s is deskState", secret)
			}
		}
		return as[deskState](t, a)
	}
	p := look()
	if p.Where != "legacy" || p.State != "will-move" || p.Move.Outcome != "moved" || p.Here != nil || p.There == nil || p.There.Email != "Anna@example.org" ||
		p.There.Password.Strength != "weak" || p.Source != "shop" || p.LegacyID != "1" {
		t.Errorf("before: %+v", p)
	}
	for _, step := range []struct{ body, state string }{{`{"reason":"ticket 7","dry_run":true}`, "will-move"}, {`{"reason":"ticket 7"}`, "moved"}} {
		if a := w.admin(token, "POST", path+"/migrate", step.body); a.Code != 200 || look().State != step.state {
			t.Errorf("migrate %s: %d %s", step.body, a.Code, a.Body)
		}
	}
	in := w.login("anna", "tulip")
	if in.Code != 200 || in.Account.ID != p.ID {
		t.Fatalf("login: %d as %s", in.Code, in.Account.ID)
	}
	w.old.Change("1", func(u *legacy.User) { u.Password = &legacy.Stored{Scheme: "plaintext", Hash: "rose"} })
	if p = look(); p.Where != "both" || p.Answers != "new" || p.Here.Password.Scheme != "argon2id" || strings.Join(p.Differ, " ") != "record" {
		t.Errorf("moved: %+v", p)
	}
	type taken struct {
		Changed  bool
		DryRun   bool `json:"dry_run"`
		Until    string
		Sessions int `json:"sessions_ended"`
	}
	for _, step := range []struct {
		body, state string
		want        taken
	}{
		{`{"reason":"ticket 8","dry_run":true}`, "moved", taken{true, true, "", 0}},
		{`{"reason":"ticket 8"}`, "reverted", taken{true, false, "", 1}},
		{`{"reason":"ticket 8"}`, "reverted", taken{false, false, "", 0}},
	} {
		a := w.admin(token, "POST", path+"/revert", step.body)
		got := as[taken](t, a)
		if step.want.Until = got.Until; a.Code != 200 || got != step.want || !strings.Contains(got.Until, "next login") || look().State != step.state {
			t.Errorf("revert %s: %d %s", step.body, a.Code, a.Body)
		}
	}
	if got := w.in(in); got != out {
		t.Errorf("the session after it: %v", got)
	}
	if a := w.login("anna", "tulip"); a.Code != 401 {
		t.Errorf("what was copied still counts: %d", a.Code)
	}
	if a := w.login("anna", "rose"); a.Code != 200 || a.Account.ID != p.ID {
		t.Errorf("login after it: %d as %s", a.Code, a.Account.ID)
	}
	events := as[eventPage](t, w.admin(token, "GET", "/admin/v1/events?account=shop/1", "")).Events
	if len(events) != 4 || events[0].Kind != "account.copied" || events[1].Kind != "account.reverted" || events[1].Reason != "ticket 8" ||
		events[1].Actor != "staff:support-person" || events[3].Kind != "account.migrated" || events[3].Reason != "ticket 7" {
		t.Errorf("events: %+v", events)
	}
}

// A move that is not taken back says why, by a state that a script can read.
func TestDeskRevertRefused(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	_, token := w.staff(accounts.RoleSupport, 0)
	in := w.login("anna", "tulip")
	if a := w.ask("PUT", "/v1/account/password", `{"current_password":"tulip","new_password":"orchids of the night"}`, "Authorization", "Bearer "+in.Access); a.Code != 204 {
		t.Fatal(a.Code)
	}
	a := w.admin(token, "POST", "/admin/v1/accounts/anna/revert", because)
	if a.Code != 409 || !strings.Contains(a.Body.String(), "problem:not-reverted") || len(a.Errors) != 1 || a.Errors[0].Reason != "changed-here" {
		t.Errorf("%d %s", a.Code, a.Body)
	}
	if a := w.admin(token, "POST", "/admin/v1/accounts/nobody/revert", because); a.Code != 404 {
		t.Errorf("nobody: %d", a.Code)
	}
}

// Staff delete somebody: they are out at once, nobody is made from them again, and the audit says who did it.
func TestDeskDelete(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	_, token := w.staff(accounts.RoleSupport, 0)
	in := w.login("anna", "tulip")
	type erased struct {
		AccountID string `json:"account_id"`
		Changed   bool
		What      []string
	}
	a := w.admin(token, "DELETE", "/admin/v1/accounts/anna", `{"reason":"asked in writing","dry_run":true}`)
	if got := as[erased](t, a); a.Code != 200 || !got.Changed || len(got.What) != 2 {
		t.Errorf("a dry run: %d %s", a.Code, a.Body)
	}
	if got := w.in(in); got != allIn {
		t.Fatalf("after a dry run: %v", got)
	}
	in = w.login("anna", "tulip")
	for i, ref := range []string{"anna", "shop%2F1"} {
		a := w.admin(token, "DELETE", "/admin/v1/accounts/"+ref, `{"reason":"asked in writing"}`)
		if got := as[erased](t, a); a.Code != 200 || got.Changed != (i == 0) || got.AccountID != in.Account.ID {
			t.Errorf("%s: %d %s", ref, a.Code, a.Body)
		}
	}
	if got := w.in(in); got != out {
		t.Errorf("the session after it: %v", got)
	}
	if a := w.login("anna", "tulip"); a.Code != 401 {
		t.Errorf("login after it: %d", a.Code)
	}
	p := as[deskState](t, w.admin(token, "GET", "/admin/v1/accounts/shop%2F1", ""))
	if p.State != "deleted" || len(p.Events) == 0 || p.Events[0].Kind != "account.deleted" || p.Events[0].Actor != "staff:support-person" || p.Events[0].Reason != "asked in writing" {
		t.Errorf("show: %+v", p)
	}
}

// Who has run out of guesses gets them back, under every name; nobody else does.
func TestDeskUnlock(t *testing.T) {
	t.Parallel()
	rules := limit.DefaultRules()
	rules.Address.Count, rules.Address.Burst = 10_000, 10_000
	w := newWorld(t, func(c *gateway.Config) { c.Limiter, c.Rules = limit.NewLocal(limit.LocalConfig{}), rules })
	_, token := w.staff(accounts.RoleSupport, 0)
	for _, name := range []string{"anna", "Anna@example.org", "bert"} {
		for range rules.Identifier.Burst {
			w.login(name, "wrong")
		}
		if a := w.login(name, "tulip"); a.Code != 429 {
			t.Fatalf("%s: %d, want 429", name, a.Code)
		}
	}
	type unlocked struct {
		Scope   string
		Counted int
		DryRun  bool `json:"dry_run"`
	}
	a := w.admin(token, "POST", "/admin/v1/accounts/anna/unlock", `{"reason":"x","dry_run":true}`)
	if got := as[unlocked](t, a); a.Code != 200 || got != (unlocked{"here", 3, true}) || w.login("anna", "tulip").Code != 429 {
		t.Errorf("a dry run: %d %s", a.Code, a.Body)
	}
	if a := w.admin(token, "POST", "/admin/v1/accounts/anna/unlock", because); a.Code != 200 {
		t.Fatalf("unlock: %d %s", a.Code, a.Body)
	}
	for name, want := range map[string]int{"anna": 200, "anna@example.org": 200, "bert": 429} {
		if a := w.login(name, "tulip"); a.Code != want {
			t.Errorf("%s after it: %d, want %d", name, a.Code, want)
		}
	}
	events := as[eventPage](t, w.admin(token, "GET", "/admin/v1/events?account=anna", "")).Events
	if len(events) != 2 || events[1].Kind != "account.unlocked" || events[1].Reason != "ticket 4711" {
		t.Errorf("events: %+v", events)
	}
}

// unreached is a limiter whose shared count cannot be reached.
type unreached struct{ *limit.Local }

func (unreached) Forget(context.Context, string, limit.Rule) error { return limit.ErrUnreached }

// "Not reached" is not "done".
func TestDeskUnlockUnreached(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(c *gateway.Config) {
		c.Limiter, c.Rules = unreached{limit.NewLocal(limit.LocalConfig{})}, limit.DefaultRules()
	})
	_, token := w.staff(accounts.RoleSupport, 0)
	if a := w.admin(token, "POST", "/admin/v1/accounts/anna/unlock", because); a.Code != 503 || a.Header().Get("Retry-After") == "" {
		t.Errorf("%d %s", a.Code, a.Body)
	}
}
