package gateway_test

import (
	"context"
	"errors"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"rekey/accounts"
	"rekey/gateway"
	"rekey/legacy"
)

// in reports how a person's tokens fare: verify, account and refresh.
func (w *world) in(a answer) [3]int {
	w.t.Helper()
	bearer := []string{"Authorization", "Bearer " + a.Access}
	return [3]int{
		w.ask("GET", "/v1/verify", "", bearer...).Code, w.ask("GET", "/v1/account", "", bearer...).Code,
		w.ask("POST", "/v1/token/refresh", `{"refresh_token":"`+a.Refresh+`"}`).Code,
	}
}

var (
	allIn = [3]int{204, 200, 200}
	out   = [3]int{401, 401, 401}
)

type changed struct {
	AccountID     string `json:"account_id"`
	Disabled      bool
	Changed       bool
	SessionsEnded int `json:"sessions_ended"`
}

type event struct {
	ID        string
	Kind      string
	Actor     string
	Reason    string
	AccountID string `json:"account_id"`
	RequestID string `json:"request_id"`
	Detail    map[string]string
}

type eventPage struct {
	Events []event
	Next   string
}

// A disabled account is out by every door, at once, and stays out of its old sessions when it is enabled again.
func TestDisable(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	_, token := w.staff(accounts.RoleSupport, 0)
	before := []answer{w.login("anna", "tulip"), w.login("anna", "tulip")}
	wrong := w.login("anna", "rose")
	if got := w.in(w.login("anna", "tulip")); got != allIn {
		t.Fatalf("before: %v", got)
	}

	a := w.admin(token, "POST", "/admin/v1/accounts/anna/disable", `{"reason":"stolen phone"}`)
	if got := as[changed](t, a); a.Code != 200 || got != (changed{before[0].Account.ID, true, true, 3}) {
		t.Fatalf("disable: %d %+v", a.Code, got)
	}
	for i, person := range before {
		if got := w.in(person); got != out {
			t.Errorf("session %d after it: verify, account, refresh are %v", i, got)
		}
	}
	if a := w.login("anna", "tulip"); a.Code != 401 || a.Body.String() != wrong.Body.String() {
		t.Errorf("login after it: %d %s", a.Code, a.Body)
	}
	again := w.admin(token, "POST", "/admin/v1/accounts/Anna@example.org/disable", because)
	if got := as[changed](t, again); again.Code != 200 || got != (changed{before[0].Account.ID, true, false, 0}) {
		t.Errorf("disable again: %d %+v", again.Code, got)
	}

	events := as[eventPage](t, w.admin(token, "GET", "/admin/v1/events?account=anna", "")).Events
	if len(events) != 2 || events[0].Kind != "account.disabled" || events[0].Actor != "staff:support-person" || events[0].Reason != "stolen phone" ||
		events[0].RequestID != a.Header().Get("X-Request-Id") || events[0].Detail["sessions"] != "3" || events[0].AccountID != before[0].Account.ID {
		t.Errorf("events: %+v", events)
	}

	on := w.admin(token, "POST", "/admin/v1/accounts/"+before[0].Account.ID+"/enable", because)
	if got := as[changed](t, on); on.Code != 200 || got.Disabled || !got.Changed {
		t.Errorf("enable: %d %+v", on.Code, got)
	}
	if got := w.in(w.login("anna", "tulip")); got != allIn {
		t.Errorf("after it is enabled: %v", got)
	}
	if got := w.in(before[0]); got != out {
		t.Errorf("a session of before, after it is enabled: %v", got)
	}
	events = as[eventPage](t, w.admin(token, "GET", "/admin/v1/events?account=anna", "")).Events
	if len(events) != 3 || events[0].Kind != "account.enabled" {
		t.Errorf("events: %+v", events)
	}
}

func TestRevokeSessions(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	_, token := w.staff(accounts.RoleSupport, 0)
	people := []answer{w.login("anna", "tulip"), w.login("anna", "tulip")}
	path := "/admin/v1/accounts/anna/revoke-sessions"
	for i, want := range []int{2, 0} {
		if a := w.admin(token, "POST", path, because); a.Code != 200 || as[changed](t, a).SessionsEnded != want {
			t.Errorf("%d: %d %s", i, a.Code, a.Body)
		}
	}
	for i, person := range people {
		if got := w.in(person); got != out {
			t.Errorf("session %d after it: %v", i, got)
		}
	}
	if got := w.in(w.login("anna", "tulip")); got != allIn {
		t.Errorf("a new login: %v", got)
	}
	events := as[eventPage](t, w.admin(token, "GET", "/admin/v1/events?account=anna", "")).Events
	if len(events) != 2 || events[0].Kind != "account.sessions-revoked" || events[0].Detail["sessions"] != "2" {
		t.Errorf("events: %+v", events)
	}
}

// Somebody who could not be moved has no account here, and sessions all the same.
func TestRevokeSessionsOfUnmoved(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	_, token := w.staff(accounts.RoleSupport, 0)
	w.failCreate.Store(true)
	person := w.login("anna", "tulip")
	if got := w.in(person); got != allIn {
		t.Fatalf("before: %v", got)
	}
	path := "/admin/v1/accounts/" + person.Account.ID
	type sessions struct{ Sessions []struct{ ID, Client string } }
	for _, path := range []string{path, "/admin/v1/accounts/anna"} { // what they log in with is good for it too
		if a := w.admin(token, "GET", path+"/sessions", ""); a.Code != 200 || len(as[sessions](t, a).Sessions) != 1 {
			t.Errorf("sessions: %d %s", a.Code, a.Body)
		}
		if a := w.admin(token, "POST", path+"/revoke-sessions", because); a.Code != 200 || as[changed](t, a).SessionsEnded != 1 {
			t.Errorf("revoke-sessions: %d %s", a.Code, a.Body)
		}
		if got := w.in(person); got != out {
			t.Errorf("after it: %v", got)
		}
		person = w.login("anna", "tulip")
	}
	for _, call := range [][2]string{{"GET", path}, {"POST", path + "/disable"}, {"GET", "/admin/v1/accounts/nobody/sessions"}, {"POST", "/admin/v1/accounts/nobody/revoke-sessions"}} {
		body := because
		if call[0] == "GET" {
			body = ""
		}
		if a := w.admin(token, call[0], call[1], body); a.Code != 404 || !strings.Contains(a.Body.String(), "no-such") {
			t.Errorf("%s %s: %d %s", call[0], call[1], a.Code, a.Body)
		}
	}
}

func TestShowAccount(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	w.old.Change("1", func(u *legacy.User) {
		u.Profile = legacy.Profile{
			DisplayName: "Anna M.", Roles: []string{"editor"}, Attributes: map[string]string{"shoe": "thirty-eight", "card": "4711"},
			TOTP:          []legacy.TOTP{{Secret: []byte("totp-secret-bytes-20"), Algorithm: "SHA1", Digits: 6, Period: 30}},
			RecoveryCodes: []string{"code-one", "code-two"},
		}
	})
	_, token := w.staff(accounts.RoleAuditor, 0)
	in := w.loginBoth(t, "anna", "tulip", "totp-secret-bytes-20", 0)
	type account struct {
		ID          string
		Disabled    bool
		Identifiers []struct{ Kind, Value, Canonical string }
		Credential  struct {
			Scheme  string
			Version int
		}
		Links   []struct{ Source, How string }
		Profile struct {
			DisplayName       string `json:"display_name"`
			Roles, Attributes []string
		}
		Factors  map[string]int
		Sessions int
		Notes    []any
		Events   []event
	}
	for _, ref := range []string{"anna", "ANNA", "Anna@Example.org", "Anna%40Example.org", in.Account.ID, "%61nna"} {
		a := w.admin(token, "GET", "/admin/v1/accounts/"+ref, "")
		if a.Code != 200 {
			t.Errorf("%s: %d %s", ref, a.Code, a.Body)
			continue
		}
		got := as[account](t, a)
		if got.ID != in.Account.ID || got.Disabled || len(got.Identifiers) != 2 || got.Credential.Scheme != "argon2id" || got.Credential.Version != 1 ||
			len(got.Links) != 1 || got.Profile.DisplayName != "Anna M." || strings.Join(got.Profile.Attributes, " ") != "card shoe" ||
			got.Factors["totp"] != 1 || got.Factors["recovery"] != 2 || got.Sessions != 1 || len(got.Notes) != 0 || len(got.Events) != 2 {
			t.Errorf("%s: %+v", ref, got)
		}
		for _, secret := range []string{"$argon2id$", "tulip", "totp-secret", "code-one", "thirty-eight", "4711", "fingerprint"} {
			if strings.Contains(a.Body.String(), secret) {
				t.Errorf("%s is shown", secret)
			}
		}
	}
	for _, ref := range []string{"nobody", uuid.NewString(), url.PathEscape("a/b"), "%00", strings.Repeat("a", 400)} {
		if a := w.admin(token, "GET", "/admin/v1/accounts/"+ref, ""); a.Code != 404 {
			t.Errorf("%s: %d", ref, a.Code)
		}
	}
}

func TestListEvents(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	_, token := w.staff(accounts.RoleOperator, 0)
	in := w.login("anna", "tulip")
	for range 4 {
		w.staff(accounts.RoleAuditor, 0)
	}
	all := as[eventPage](t, w.admin(token, "GET", "/admin/v1/events", ""))
	if len(all.Events) != 7 || all.Next != "" || all.Events[0].Kind != "staff.token-added" || all.Events[4].Kind != "account.migrated" {
		t.Fatalf("all: %+v", all)
	}
	var paged []event
	path := "/admin/v1/events?limit=4"
	for next := path; next != ""; {
		page := as[eventPage](t, w.admin(token, "GET", next, ""))
		paged = append(paged, page.Events...)
		if next = ""; page.Next != "" {
			next = path + "&before=" + page.Next
		}
	}
	if len(paged) != 7 || paged[0].ID != all.Events[0].ID || paged[6].ID != all.Events[6].ID {
		t.Errorf("in pages: %+v", paged)
	}
	for _, ref := range []string{"anna", in.Account.ID, "anna%40example.org"} {
		if page := as[eventPage](t, w.admin(token, "GET", "/admin/v1/events?account="+ref, "")); len(page.Events) != 1 || page.Events[0].AccountID != in.Account.ID {
			t.Errorf("of %s: %+v", ref, page)
		}
	}
	for query, field := range map[string]string{
		"limit=0": "limit", "limit=501": "limit", "limit=x": "limit", "limit=1&limit=2": "limit", "before=x": "before", "before=7": "before",
		"before=urn:uuid:0197f3a2-5a0c-7cc1-8d2e-3f4f5a6b7c8d": "before", "colour=red": "colour", "a%zz": "query", "limit=1;before=x": "query",
	} {
		a := w.admin(token, "GET", "/admin/v1/events?"+query, "")
		if a.Code != 400 || len(a.Errors) != 1 || a.Errors[0].Field != field {
			t.Errorf("%s: %d %+v, want 400 that names %s", query, a.Code, a.Errors, field)
		}
	}
	if a := w.admin(token, "GET", "/admin/v1/events?account=nobody", ""); a.Code != 404 {
		t.Errorf("of nobody: %d", a.Code)
	}
}

func TestListSources(t *testing.T) {
	t.Parallel()
	down := errors.New("dial tcp: connection refused by mysql://root:hunter2@db")
	w := newWorld(t, func(c *gateway.Config) {
		c.Checks = append(c.Checks,
			gateway.Check{Name: "legacy:shop", Source: "shop", Kind: "sql", Ask: c.Checks[0].Ask},
			gateway.Check{Name: "legacy:staff", Source: "staff", Kind: "ldap", Ask: func(context.Context) error { return down }},
			gateway.Check{Name: "redis", Ask: c.Checks[0].Ask})
	})
	_, token := w.staff(accounts.RoleOperator, 0)
	a := w.admin(token, "GET", "/admin/v1/sources", "")
	const want = `{"sources":[{"name":"shop","kind":"sql","state":"up"},{"name":"staff","kind":"ldap","state":"down"}]}`
	if a.Code != 200 || strings.TrimSpace(a.Body.String()) != want {
		t.Errorf("%d %s, want %s", a.Code, a.Body, want)
	}
	w = newWorld(t, nil)
	_, token = w.staff(accounts.RoleOperator, 0)
	if a := w.admin(token, "GET", "/admin/v1/sources", ""); strings.TrimSpace(a.Body.String()) != `{"sources":[]}` {
		t.Errorf("without sources: %s", a.Body)
	}
}

type staffToken struct {
	ID, Name, Role, State, Token string
	ExpiresAt                    time.Time  `json:"expires_at"`
	LastUsedAt                   *time.Time `json:"last_used_at"`
	RevokedAt                    *time.Time `json:"revoked_at"`
}

func TestStaffTokens(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	_, boss := w.staff(accounts.RoleAdmin, 0)
	end := time.Now().UTC().Add(48 * time.Hour).Truncate(time.Second)
	a := w.admin(boss, "POST", "/admin/v1/staff-tokens",
		`{"name":"bert","role":"auditor","expires_at":"`+end.Format(time.RFC3339)+`","reason":"the audit of May"}`)
	bert := as[staffToken](t, a)
	if a.Code != 201 || bert.Name != "bert" || bert.Role != "auditor" || bert.State != "active" || !bert.ExpiresAt.Equal(end) || bert.Token == "" {
		t.Fatalf("add: %d %s", a.Code, a.Body)
	}
	if a := w.admin(bert.Token, "GET", "/admin/v1/events", ""); a.Code != 200 {
		t.Errorf("with the new token: %d", a.Code)
	}
	list := func() []staffToken {
		t.Helper()
		a := w.admin(boss, "GET", "/admin/v1/staff-tokens", "")
		if strings.Contains(a.Body.String(), "rks_") || strings.Contains(a.Body.String(), "digest") {
			t.Error("the list shows what proves a token")
		}
		return as[struct {
			Tokens []staffToken `json:"staff_tokens"`
		}](t, a).Tokens
	}
	if got := list(); len(got) != 2 || got[1].ID != bert.ID || got[1].LastUsedAt == nil || got[1].RevokedAt != nil {
		t.Errorf("list: %+v", got)
	}
	for range 2 {
		if a := w.admin(boss, "DELETE", "/admin/v1/staff-tokens/"+bert.ID, `{"reason":"it is June"}`); a.Code != 204 {
			t.Errorf("revoke: %d", a.Code)
		}
	}
	if a := w.admin(bert.Token, "GET", "/admin/v1/events", ""); a.Code != 401 {
		t.Errorf("with the revoked token: %d", a.Code)
	}
	if got := list(); len(got) != 2 || got[1].State != "revoked" || got[1].RevokedAt == nil {
		t.Errorf("list: %+v", got)
	}
	events := as[eventPage](t, w.admin(boss, "GET", "/admin/v1/events", "")).Events
	if len(events) != 4 || events[0].Kind != "staff.token-revoked" || events[0].Reason != "it is June" || events[0].Actor != "staff:admin-person" ||
		events[1].Kind != "staff.token-added" || events[1].Detail["name"] != "bert" || events[1].Reason != "the audit of May" {
		t.Errorf("events: %+v", events)
	}

	for body, field := range map[string]string{
		`{"name":"","role":"auditor","reason":"x"}`:                                      "name",
		`{"name":"a b","role":"auditor","reason":"x"}`:                                   "name",
		`{"role":"auditor","reason":"x"}`:                                                "name",
		`{"name":"a","role":"boss","reason":"x"}`:                                        "role",
		`{"name":"a","role":"auditor","expires_at":"tomorrow","reason":"x"}`:             "expires_at",
		`{"name":"a","role":"auditor","expires_at":"2020-01-01T00:00:00Z","reason":"x"}`: "expires_at",
		`{"name":"a","role":"auditor","expires_at":"2999-01-01T00:00:00Z","reason":"x"}`: "expires_at",
		`{"name":"a","role":"auditor","expires_at":"0001-01-01T00:00:00Z","reason":"x"}`: "expires_at",
		`{"name":"a","role":"auditor","digest":"x","reason":"x"}`:                        "digest",
	} {
		a := w.admin(boss, "POST", "/admin/v1/staff-tokens", body)
		if a.Code != 400 || len(a.Errors) != 1 || a.Errors[0].Field != field {
			t.Errorf("%s: %d %+v, want 400 that names %s", body, a.Code, a.Errors, field)
		}
	}
	for id, want := range map[string]int{uuid.NewString(): 404, "x": 400, "urn:uuid:" + bert.ID: 400} {
		if a := w.admin(boss, "DELETE", "/admin/v1/staff-tokens/"+id, because); a.Code != want {
			t.Errorf("revoke %s: %d, want %d", id, a.Code, want)
		}
	}
	if got := list(); len(got) != 2 {
		t.Errorf("%d tokens after requests that cannot be used", len(got))
	}
}
