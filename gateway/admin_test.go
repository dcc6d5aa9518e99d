package gateway_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/google/uuid"

	"rekey/accounts"
	"rekey/gateway"
	"rekey/gateway/limit"
)

// staff makes a token and returns its id and its text. begun is how long ago it was made; it lives an hour.
func (w *world) staff(role accounts.Role, begun time.Duration) (uuid.UUID, string) {
	w.t.Helper()
	then := time.Now().Add(-begun)
	t, text, err := accounts.NewStaff(accounts.StaffConfig{Store: w.store, Now: func() time.Time { return then }}).Add(w.t.Context(),
		accounts.StaffGrant{Name: string(role) + "-person", Role: role, Until: then.Add(time.Hour)}, accounts.By{Actor: "cli:test", Reason: "test"})
	if err != nil {
		w.t.Fatal(err)
	}
	return t.ID, text
}

// admin asks the admin listener with a staff token; "" sends none.
func (w *world) admin(token, method, path, body string, header ...string) answer {
	w.t.Helper()
	if token != "" {
		header = append(header, "Authorization", "Bearer "+token)
	}
	return w.askOf(w.gw.Admin(), method, path, body, header...)
}

// as decodes an answer's body.
func as[T any](t *testing.T, a answer) T {
	t.Helper()
	var v T
	if err := json.Unmarshal(a.Body.Bytes(), &v); err != nil {
		t.Fatalf("%d %s: %v", a.Code, a.Body, err)
	}
	return v
}

const because = `{"reason":"ticket 4711"}`

// filled returns a path of the table that could be asked for, and a body that could go with it.
func filled(r gateway.AdminRoute) (path, body string) {
	path = strings.NewReplacer(":ref", "anna", ":id", uuid.NewString()).Replace(r.Pattern)
	switch {
	case r.Method == http.MethodGet:
	case r.Pattern == "/admin/v1/staff-tokens":
		body = `{"name":"new","role":"support","reason":"ticket 4711"}`
	case r.Pattern == "/admin/v1/phase":
		body = `{"to":"legacy-only","reason":"ticket 4711"}`
	case r.Pattern == "/admin/v1/sweeper":
		body = `{"set":{"workers":4},"reason":"ticket 4711"}`
	default:
		body = because
	}
	return path, body
}

// Who may do what is the table, and nothing gets past it.
func TestAdminTable(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	in := w.login("anna", "tulip")
	byRole := map[accounts.Role]string{}
	for _, role := range accounts.Roles() {
		_, byRole[role] = w.staff(role, 0)
	}
	_, expired := w.staff(accounts.RoleAdmin, 2*time.Hour)
	revokedID, revoked := w.staff(accounts.RoleAdmin, 0)
	if a := w.admin(byRole[accounts.RoleAdmin], "DELETE", "/admin/v1/staff-tokens/"+revokedID.String(), because); a.Code != 204 {
		t.Fatal(a.Code)
	}
	_, other := newWorld(t, nil).staff(accounts.RoleAdmin, 0)
	good := byRole[accounts.RoleAdmin]
	strangers := map[string][]string{
		"no token":                 {},
		"a token of another rekey": {"Authorization", "Bearer " + other},
		"a mistyped token":         {"Authorization", "Bearer " + good[:len(good)-1] + "!"},
		"an expired token":         {"Authorization", "Bearer " + expired},
		"a revoked token":          {"Authorization", "Bearer " + revoked},
		"a person's token":         {"Authorization", "Bearer " + in.Access},
		"a person's refresh token": {"Authorization", "Bearer " + in.Refresh},
		"another scheme":           {"Authorization", "Basic " + good},
		"no scheme":                {"Authorization", good},
		"nothing behind it":        {"Authorization", "Bearer "},
		"a cookie":                 {"Cookie", "__Host-rekey=" + good},
		"another header":           {"X-Token", good},
	}
	table := w.gw.AdminTable()
	if len(table) < 10 {
		t.Fatalf("the table has %d routes", len(table))
	}
	var refusal []byte
	for _, r := range table {
		path, body := filled(r)
		if len(r.Roles) == 0 {
			t.Errorf("%s %s: nobody may", r.Method, r.Pattern)
		}
		for name, header := range strangers {
			a := w.askOf(w.gw.Admin(), r.Method, path, body, header...)
			if refusal == nil {
				refusal = a.Body.Bytes()
			}
			if a.Code != 401 || a.Header().Get("WWW-Authenticate") != "Bearer" || a.Body.String() != string(refusal) ||
				a.Header().Get("Content-Type") != "application/problem+json" {
				t.Errorf("%s %s with %s: %d %s", r.Method, path, name, a.Code, a.Body)
			}
		}
		for role, token := range byRole {
			a := w.admin(token, r.Method, path, body)
			switch allowed := slices.Contains(r.Roles, role); {
			case allowed && (a.Code == 401 || a.Code == 403 || a.Code >= 500):
				t.Errorf("%s %s as %s: %d %s", r.Method, path, role, a.Code, a.Body)
			case !allowed && a.Code != 403:
				t.Errorf("%s %s as %s: %d, want 403", r.Method, path, role, a.Code)
			}
			if a.Code == 403 {
				for _, needed := range r.Roles {
					if !strings.Contains(a.Body.String(), string(needed)) {
						t.Errorf("%s %s as %s: %s does not name %s", r.Method, path, role, a.Body, needed)
					}
				}
			}
			if a.Header().Get("Cache-Control") != "no-store" || a.Header().Get("Access-Control-Allow-Origin") != "" {
				t.Errorf("%s %s: headers %v", r.Method, path, a.Header())
			}
		}
	}
}

// Two headers, of which others on the way may have looked at the other one, are none.
func TestAdminTwoTokens(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	_, token := w.staff(accounts.RoleAdmin, 0)
	req := httptest.NewRequest(http.MethodGet, "/admin/v1/sources", nil)
	req.Header["Authorization"] = []string{"Bearer " + token, "Bearer " + token}
	res := httptest.NewRecorder()
	w.gw.Admin().ServeHTTP(res, req)
	if res.Code != 401 {
		t.Errorf("two tokens: %d", res.Code)
	}
}

// What is not in the table needs a token as well, before it is said whether it is there. Probes need none.
func TestAdminOutsideTheTable(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	_, token := w.staff(accounts.RoleAuditor, 0)
	send := func(token, method, path string) int {
		req := httptest.NewRequest(method, path, nil)
		if token != "" {
			req.Header.Set("Authorization", "Bearer "+token)
		}
		res := httptest.NewRecorder()
		w.gw.Admin().ServeHTTP(res, req)
		return res.Code
	}
	for _, test := range []struct {
		method, path     string
		stranger, member int
	}{
		{"GET", "/", 401, 404},
		{"GET", "/admin/v1/nothing", 401, 404},
		{"GET", "/admin/v1/events/", 401, 404},
		{"GET", "/metrics/", 401, 404},
		{"GET", "//metrics", 401, 404},
		{"OPTIONS", "/admin/v1/events", 405, 405}, // which methods a path has is in the source
		{"DELETE", "/admin/v1/events", 405, 405},
		{"FLY", "/admin/v1/events", 405, 405},
		{"FLY", "/nowhere", 401, 404},
		{"POST", "/v1/login", 401, 404},
		{"HEAD", "/admin/v1/events", 401, 200},
		{"GET", "/openapi.json", 401, 200},
		{"GET", "/healthz", 200, 200},
		{"HEAD", "/healthz", 200, 200},
		{"GET", "/readyz", 200, 200},
		{"GET", "/metrics", 200, 200},
		{"POST", "/metrics", 405, 405},
	} {
		if got := send("", test.method, test.path); got != test.stranger {
			t.Errorf("%s %s without a token: %d, want %d", test.method, test.path, got, test.stranger)
		}
		if got := send(token, test.method, test.path); got != test.member {
			t.Errorf("%s %s with one: %d, want %d", test.method, test.path, got, test.member)
		}
	}
	numbers := w.askOf(w.gw.Admin(), "GET", "/metrics", "").Body.String()
	for _, made := range []string{"FLY", "nowhere"} {
		if strings.Contains(numbers, made) {
			t.Errorf("%s, which a client made up, is a label", made)
		}
	}
}

// Without staff the listener lets nobody in.
func TestAdminWithoutStaff(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(c *gateway.Config) { c.Staff = nil })
	_, token := w.staff(accounts.RoleAdmin, 0)
	for _, r := range w.gw.AdminTable() {
		path, body := filled(r)
		if a := w.admin(token, r.Method, path, body); a.Code != 401 {
			t.Errorf("%s %s: %d", r.Method, path, a.Code)
		}
	}
}

// The document and the table tell the same.
func TestAdminOpenAPI(t *testing.T) {
	t.Parallel()
	document, err := openapi3.NewLoader().LoadFromFile("openapi.yaml")
	if err != nil {
		t.Fatal(err)
	}
	if document.OpenAPI != "3.0.3" {
		t.Errorf("OpenAPI %s", document.OpenAPI)
	}
	told := map[string]string{} // "METHOD /path" to its roles
	for path, item := range document.Paths.Map() {
		for method, operation := range item.Operations() {
			if strings.HasPrefix(path, "/admin/") {
				told[method+" "+path] = fmt.Sprint(operation.Extensions["x-rekey-roles"])
				if s := operation.Security; s == nil || len(*s) != 1 || (*s)[0]["staff"] == nil {
					t.Errorf("%s %s does not ask for a staff token", method, path)
				}
			}
		}
	}
	is := map[string]string{}
	for _, r := range newWorld(t, nil).gw.AdminTable() {
		path := strings.NewReplacer(":ref", "{ref}", ":id", "{id}").Replace(r.Pattern)
		if !strings.HasPrefix(path, "/admin/") {
			if document.Paths.Find(path) == nil {
				t.Errorf("%s is not in the document", path)
			}
			continue
		}
		is[r.Method+" "+path] = fmt.Sprint(r.Roles)
	}
	for route, roles := range is {
		if told[route] != roles {
			t.Errorf("%s is for %s, and the document says %q", route, roles, told[route])
		}
	}
	for route := range told {
		if is[route] == "" {
			t.Errorf("the document has %s, and the table has not", route)
		}
	}
}

// Every change gives a reason, as strict JSON that is declared so, and one that does not changes nothing.
func TestAdminChangesGiveReasons(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	w.login("anna", "tulip")
	_, token := w.staff(accounts.RoleAdmin, 0)
	before := w.countEvents()
	for _, r := range w.gw.AdminTable() {
		if r.Method == http.MethodGet {
			continue
		}
		path, body := filled(r)
		with := func(reason string) string { return strings.Replace(body, `"ticket 4711"`, reason, 1) }
		for name, test := range map[string]struct{ body, kind, field string }{
			"no body":       {"", "application/json", "body"},
			"no reason":     {strings.Replace(strings.Replace(body, `,"reason":"ticket 4711"`, "", 1), `"reason":"ticket 4711"`, "", 1), "application/json", "reason"},
			"empty":         {with(`""`), "application/json", "reason"},
			"spaces":        {with(`"   "`), "application/json", "reason"},
			"too long":      {with(`"` + strings.Repeat("ä", 501) + `"`), "application/json", "reason"},
			"a line break":  {with(`"a\nb"`), "application/json", "reason"},
			"turned round":  {with(`"a\u202eb"`), "application/json", "reason"},
			"a number":      {with(`7`), "application/json", "reason"},
			"another field": {strings.Replace(body, "{", `{"force":"yes",`, 1), "application/json", "force"},
			"twice":         {strings.Replace(body, "{", `{"reason":"x",`, 1), "application/json", "reason"},
			"two objects":   {body + body, "application/json", "body"},
			"70 KiB":        {with(`"` + strings.Repeat("a", 70_000) + `"`), "application/json", "body"},
			"a form":        {"reason=x", "application/x-www-form-urlencoded", ""},
			"plain text":    {body, "text/plain", ""},
			"no type":       {body, "", ""},
			"another set":   {body, "application/json; charset=latin1", ""},
		} {
			a := w.admin(token, r.Method, path, test.body, "Content-Type", test.kind)
			switch {
			case test.field == "" && a.Code != 415:
				t.Errorf("%s %s, %s: %d, want 415", r.Method, path, name, a.Code)
			case test.field != "" && (a.Code != 400 || len(a.Errors) != 1 || a.Errors[0].Field != test.field):
				t.Errorf("%s %s, %s: %d %+v, want 400 that names %s", r.Method, path, name, a.Code, a.Errors, test.field)
			}
		}
	}
	if a := w.admin(token, "POST", "/admin/v1/accounts/nobody/disable", `{"reason":""}`); a.Code != 400 {
		t.Errorf("without a reason it is said whether there is an account: %d", a.Code)
	}
	if n := w.countEvents() - before; n != 0 {
		t.Errorf("%d events were written", n)
	}
	if a := w.admin(token, "POST", "/admin/v1/accounts/anna/disable", because, "Content-Type", "Application/JSON; charset=UTF-8"); a.Code != 200 {
		t.Errorf("JSON that says its character set: %d", a.Code)
	}
}

func (w *world) countEvents() int {
	w.t.Helper()
	events, err := w.store.RecentEvents(w.t.Context(), accounts.EventQuery{Limit: 10_000})
	if err != nil {
		w.t.Fatal(err)
	}
	return len(events)
}

// Failed tries are limited by address. They do not keep out who was in before, and success costs nothing.
func TestAdminLimit(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(c *gateway.Config) { c.Limiter = limit.NewLocal(limit.LocalConfig{}) })
	_, known := w.staff(accounts.RoleAdmin, 0)
	_, fresh := w.staff(accounts.RoleAdmin, 0)
	for range 50 {
		if a := w.admin(known, "GET", "/admin/v1/sources", ""); a.Code != 200 {
			t.Fatalf("a right token used up a try: %d", a.Code)
		}
	}
	refused := 0
	for range 50 {
		a := w.admin("rks_wrong", "GET", "/admin/v1/sources", "")
		if a.Code == 429 && a.Header().Get("Retry-After") != "" {
			refused++
		} else if a.Code != 401 {
			t.Fatalf("a wrong token: %d", a.Code)
		}
	}
	if refused != 30 {
		t.Errorf("%d of 50 wrong tries were limited, want 30", refused)
	}
	if n := strings.Count(w.log.String(), "staff token refused"); n != 20 {
		t.Errorf("%d tries are in the log, want the 20 that were not limited", n)
	}
	if a := w.admin(known, "GET", "/admin/v1/sources", ""); a.Code != 200 {
		t.Errorf("somebody who was in before: %d", a.Code)
	}
	if a := w.admin(fresh, "GET", "/admin/v1/sources", ""); a.Code != 429 {
		t.Errorf("a right token that was never seen: %d", a.Code)
	}
	if a := w.admin("", "GET", "/healthz", ""); a.Code != 200 {
		t.Errorf("a probe: %d", a.Code)
	}
}

// A token that ends is out at the next request, though it was in a moment ago, and then counts as any wrong one.
func TestAdminRevokedAtOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	id, token := w.staff(accounts.RoleAdmin, 0)
	if a := w.admin(token, "DELETE", "/admin/v1/staff-tokens/"+id.String(), because); a.Code != 204 {
		t.Fatal(a.Code)
	}
	if a := w.admin(token, "GET", "/admin/v1/sources", ""); a.Code != 401 {
		t.Errorf("after it was revoked by itself: %d", a.Code)
	}
}

func TestAdminLogHoldsNoToken(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	_, token := w.staff(accounts.RoleAdmin, 0)
	_, expired := w.staff(accounts.RoleAdmin, 2*time.Hour)
	w.admin(token, "GET", "/admin/v1/events", "")
	added := as[struct{ Token string }](t, w.admin(token, "POST", "/admin/v1/staff-tokens", `{"name":"new","role":"support","reason":"x"}`))
	w.admin(expired, "GET", "/admin/v1/events", "")
	w.admin(token+"x", "GET", "/admin/v1/events?token="+token, "")
	_ = w.store.Close() // to be down is the fault
	w.admin(token, "GET", "/admin/v1/events", "")
	log := w.log.String()
	for _, secret := range []string{token, expired, added.Token, token[4:20], expired[4:20]} {
		if secret == "" || strings.Contains(log, secret) {
			t.Error("a token is in the log")
		}
	}
	for _, want := range []string{`"staff":"admin-person"`, `"msg":"staff token refused"`, `"reason":"unknown, expired or revoked"`, `"client":"192.0.2.1"`, `"status":503`} {
		if !strings.Contains(log, want) {
			t.Errorf("the log does not have %s", want)
		}
	}
}

// "Cannot tell" is not "no" for staff either.
func TestAdminUnavailable(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(c *gateway.Config) { c.Limiter = limit.NewLocal(limit.LocalConfig{}) })
	_, token := w.staff(accounts.RoleAdmin, 0)
	if err := w.store.Close(); err != nil {
		t.Fatal(err)
	}
	for i := range 30 { // more than the limit lets fail
		if a := w.admin(token, "GET", "/admin/v1/events", ""); a.Code != 503 || a.Header().Get("Retry-After") == "" {
			t.Fatalf("%d: %d", i, a.Code)
		}
	}
}
