package gateway_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"rekey/accounts"
	"rekey/gateway"
	"rekey/gateway/limit"
	"rekey/legacy"
)

// Passwords that may be set.
const (
	tulips  = "tulips from amsterdam"
	orchids = "orchids of the night"
)

// text is a body of these names and values.
func text(t testing.TB, pairs ...string) string {
	t.Helper()
	fields := make(map[string]string)
	for i := 0; i < len(pairs); i += 2 {
		fields[pairs[i]] = pairs[i+1]
	}
	body, err := json.Marshal(fields)
	if err != nil {
		t.Fatal(err)
	}
	return string(body)
}

func (w *world) register(username, email, pw string) answer {
	w.t.Helper()
	return w.ask("POST", "/v1/accounts", text(w.t, "username", username, "email", email, "password", pw))
}

func (w *world) change(access, current, next string) answer {
	w.t.Helper()
	return w.ask("PUT", "/v1/account/password", text(w.t, "current_password", current, "new_password", next), "Authorization", "Bearer "+access)
}

func (w *world) erase(access, current string) answer {
	w.t.Helper()
	return w.ask("DELETE", "/v1/account", text(w.t, "current_password", current), "Authorization", "Bearer "+access)
}

func (w *world) refresh(raw string) answer {
	w.t.Helper()
	return w.ask("POST", "/v1/token/refresh", text(w.t, "refresh_token", raw))
}

func (w *world) see(access string) answer {
	w.t.Helper()
	return w.ask("GET", "/v1/account", "", "Authorization", "Bearer "+access)
}

// wants fails unless an answer has a status and, if it is a problem, a type.
func (w *world) wants(what string, a answer, status int, kind string) {
	w.t.Helper()
	var p struct{ Type string }
	if err := json.Unmarshal(a.Body.Bytes(), &p); kind != "" && (err != nil || p.Type != "urn:rekey:problem:"+kind) {
		w.t.Errorf("%s: the problem is %q (%v), want %s", what, p.Type, err, kind)
	}
	if a.Code != status {
		w.t.Errorf("%s: %d, want %d", what, a.Code, status)
	}
}

// The road of a person: register, log in, change the password, delete the account, and the name is free again.
func TestLifeOfAnAccount(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	made := w.ask("POST", "/v1/accounts", text(t, "username", "Zoe", "email", "zoe@example.org", "password", orchids, "display_name", "Zoë", "locale", "de-ch"))
	w.wants("register", made, 201, "")
	var account map[string]any
	if err := json.Unmarshal(made.Body.Bytes(), &account); err != nil || account["username"] != "Zoe" || account["email"] != "zoe@example.org" || account["email_verified"] != false {
		t.Errorf("registered as %v (%v)", account, err)
	}
	if made.Header().Get("Location") != "" || made.Header().Get("Cache-Control") != "no-store" {
		t.Errorf("headers are %v: an account has no address that others could ask for", made.Header())
	}
	here, there := w.login("zoe", orchids), w.login("zoe@example.org", orchids)
	w.wants("login", here, 200, "")
	if here.Account.ID != account["id"] {
		t.Errorf("logged in as %s, registered as %s", here.Account.ID, account["id"])
	}
	if a := w.see(here.Access); !strings.Contains(a.Body.String(), `"display_name":"Zoë","locale":"de-CH"`) {
		t.Errorf("she sees %s", a.Body)
	}

	w.wants("change with a wrong password", w.change(here.Access, tulips, tulips), 401, "credentials")
	w.wants("change", w.change(here.Access, orchids, tulips), 204, "")
	w.wants("login with the old password", w.login("zoe", orchids), 401, "credentials")
	fresh := w.login("zoe", tulips)
	w.wants("login with the new one", fresh, 200, "")
	w.wants("which is refreshed", w.refresh(fresh.Refresh), 200, "")
	w.wants("and sees", w.see(fresh.Access), 200, "")
	w.wants("the other session", w.refresh(there.Refresh), 401, "token")
	w.wants("the other session sees", w.see(there.Access), 401, "token")
	w.wants("the other session changes", w.change(there.Access, tulips, orchids), 401, "token")
	w.wants("this session sees", w.see(here.Access), 200, "")
	again := w.refresh(here.Refresh)
	w.wants("this session is refreshed", again, 200, "")

	w.wants("delete with a wrong password", w.erase(again.Access, orchids), 401, "credentials")
	w.wants("delete", w.erase(again.Access, tulips), 204, "")
	w.wants("login afterwards", w.login("zoe", tulips), 401, "credentials")
	w.wants("refresh afterwards", w.refresh(again.Refresh), 401, "token")
	w.wants("account afterwards", w.see(again.Access), 401, "token")
	w.wants("delete again", w.erase(again.Access, tulips), 401, "token")
	w.wants("change afterwards", w.change(again.Access, tulips, orchids), 401, "token")

	w.wants("register again", w.register("zoe", "", tulips), 201, "")
	if second := w.login("zoe", tulips); second.Code != 200 || second.Account.ID == here.Account.ID {
		t.Errorf("the second of that name: %d, and the same subject is %v", second.Code, second.Account.ID == here.Account.ID)
	}
	log := w.log.String()
	for _, secret := range []string{orchids, tulips, here.Access, "$argon2id$", "zoe"} {
		if strings.Contains(log, secret) {
			t.Error("a secret or a name is in the log")
		}
	}
}

// The same with somebody whom the legacy store still has.
func TestLifeOfAMovedAccount(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	w.failCreate.Store(true)
	unmoved := w.login("anna", "tulip")
	w.wants("change while nobody can be moved", w.change(unmoved.Access, "tulip", tulips), 503, "unavailable")
	w.failCreate.Store(false)
	w.wants("change by somebody who has not moved", w.change(unmoved.Access, "tulip", tulips), 204, "")
	w.wants("login with the old store's password", w.login("anna", "tulip"), 401, "credentials")
	w.wants("delete", w.erase(unmoved.Access, tulips), 204, "")
	for _, pw := range []string{"tulip", tulips} {
		w.wants("login of the deleted", w.login("anna", pw), 401, "credentials")
	}
	w.wants("the session that was not moved", w.see(unmoved.Access), 401, "token")
	w.wants("register her name", w.register("Anna", "anna@example.org", orchids), 201, "")
	if a := w.login("anna", orchids); a.Code != 200 || a.Account.ID == unmoved.Account.ID {
		t.Errorf("the new anna: %d, %s", a.Code, a.Account.ID)
	}
}

// Which store has a name is nobody's business: the answer is the same to the byte.
func TestTakenIsTheSame(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(c *gateway.Config) { c.Floor = 200 * time.Millisecond })
	w.wants("register", w.register("zoe", "", orchids), 201, "")
	begin := time.Now()
	first := w.register("zoe", "", orchids)
	w.wants("registered", first, 409, "taken")
	for name, a := range map[string]answer{
		"unmoved": w.register("anna", "", orchids), "unmoved, by e-mail": w.register("", "ANNA@example.org", orchids),
		"disabled": w.register("bert", "", orchids), "one of two": w.register("free", "anna@example.org", orchids),
	} {
		w.wants(name, a, 409, "taken")
		if !bytes.Equal(a.Body.Bytes(), first.Body.Bytes()) || len(a.Header()) != len(first.Header()) {
			t.Errorf("%s: %s %v, want what a registered name gives: %s %v", name, a.Body, a.Header(), first.Body, first.Header())
		}
		for header := range a.Header() {
			if header != "X-Request-Id" && a.Header().Get(header) != first.Header().Get(header) {
				t.Errorf("%s: header %s differs", name, header)
			}
		}
	}
	if took := time.Since(begin); took < 5*200*time.Millisecond {
		t.Errorf("five refusals took %v: they were not held", took)
	}
	w.old.SetDown(errors.New("down"))
	for _, name := range []string{"zoe", "anna", "free"} {
		a := w.register(name, "", orchids)
		w.wants(name+" while the legacy store is down", a, 503, "unavailable")
		if a.Header().Get("Retry-After") == "" {
			t.Errorf("%s: no Retry-After", name)
		}
	}
}

// A "no" to the current password is held like one at a login.
func TestChangeIsHeld(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(c *gateway.Config) { c.Floor = 200 * time.Millisecond })
	in := w.login("anna", "tulip")
	for what, ask := range map[string]func() answer{
		"change": func() answer { return w.change(in.Access, "rose", tulips) },
		"delete": func() answer { return w.erase(in.Access, "rose") },
	} {
		begin := time.Now()
		w.wants(what, ask(), 401, "credentials")
		if took := time.Since(begin); took < 200*time.Millisecond {
			t.Errorf("%s: refused after %v", what, took)
		}
	}
}

func TestContestedAnswer(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	w.failCreate.Store(true)
	in := w.login("anna", "tulip")
	w.failCreate.Store(false)
	w.wants("register beside her", w.register("zoe", "", orchids), 201, "")
	w.old.Change("2", func(u *legacy.User) { u.Username = "ANNA" })
	w.wants("change", w.change(in.Access, "tulip", tulips), 409, "contested")
	w.wants("delete", w.erase(in.Access, "tulip"), 409, "contested")
	w.wants("login", w.login("anna", "tulip"), 200, "")
}

// A browser sends a cookie by itself, also with what another site makes it send: nothing is changed by one.
func TestCookieIsNotEnough(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	in := w.login("anna", "tulip")
	cookie := []string{"Cookie", "__Host-rekey=" + in.Access}
	for _, read := range []string{"/v1/account", "/v1/verify"} {
		if a := w.ask("GET", read, "", cookie...); a.Code >= 300 {
			t.Errorf("GET %s by cookie: %d", read, a.Code)
		}
	}
	for what, a := range map[string]answer{
		"change": w.ask("PUT", "/v1/account/password", text(t, "current_password", "tulip", "new_password", tulips), cookie...),
		"delete": w.ask("DELETE", "/v1/account", text(t, "current_password", "tulip"), cookie...),
		"logout": w.ask("POST", "/v1/logout", "", cookie...),
	} {
		w.wants(what+" by cookie", a, 401, "token")
	}
	for what, a := range map[string]answer{
		"change": w.ask("PUT", "/v1/account/password", text(t, "current_password", "tulip", "new_password", tulips)),
		"delete": w.ask("DELETE", "/v1/account", text(t, "current_password", "tulip"), "Authorization", "Basic YW5uYTp0dWxpcA=="),
	} {
		w.wants(what+" by nothing", a, 401, "token")
	}
	w.wants("the session", w.refresh(in.Refresh), 200, "")
	w.wants("the password", w.login("anna", "tulip"), 200, "")
}

// A stolen access token is no way to guess the password, nor to lock its owner out of logging in.
func TestGuessingByAToken(t *testing.T) {
	t.Parallel()
	rules := limit.Rules{
		Address:    limit.Rule{Name: "address", Count: 1, Per: time.Hour, Burst: 100},
		Identifier: limit.Rule{Name: "identifier", Count: 1, Per: time.Hour, Burst: 4},
	}
	w := newWorld(t, func(c *gateway.Config) { c.Limiter, c.Rules = limit.NewLocal(limit.LocalConfig{}), rules })
	in := w.login("anna", "tulip")
	for range 10 {
		w.wants("a short one", w.change(in.Access, "tulip", "short"), 422, "policy")
		w.wants("a malformed one", w.change(in.Access, "tulip", "a\x00"), 400, "malformed")
	}
	w.wants("somebody who types her id", w.login(in.Account.ID, "x"), 401, "credentials")
	for range 2 {
		w.wants("guess", w.change(in.Access, "rose", tulips), 401, "credentials")
		w.wants("guess", w.erase(in.Access, "rose"), 401, "credentials")
	}
	for what, a := range map[string]answer{"change": w.change(in.Access, "tulip", tulips), "delete": w.erase(in.Access, "tulip")} {
		w.wants(what+" after four guesses", a, 429, "limited")
		if a.Header().Get("Retry-After") == "" {
			t.Errorf("%s: no Retry-After", what)
		}
	}
	other := w.login("anna", "tulip")
	w.wants("her login", other, 200, "")
	w.wants("by another session", w.change(other.Access, "tulip", tulips), 429, "limited")
}

// Names are not tried by the thousand, and what is our fault or a slip of the pen costs nothing.
func TestRegisterLimits(t *testing.T) {
	t.Parallel()
	rules := limit.Rules{
		Address:    limit.Rule{Name: "address", Count: 1, Per: time.Hour, Burst: 3},
		Identifier: limit.Rule{Name: "identifier", Count: 1, Per: time.Hour, Burst: 100},
	}
	w := newWorld(t, func(c *gateway.Config) { c.Limiter, c.Rules = limit.NewLocal(limit.LocalConfig{}), rules })
	for range 5 {
		w.wants("short", w.register("zoe", "", "short"), 422, "policy")
		w.wants("malformed", w.register("", "", orchids), 400, "malformed")
	}
	w.old.SetDown(errors.New("down"))
	for range 5 {
		w.wants("down", w.register("zoe", "", orchids), 503, "unavailable")
	}
	w.old.SetDown(nil)
	w.wants("the first", w.register("zoe", "", orchids), 201, "")
	for range 2 {
		w.wants("taken", w.register("anna", "", orchids), 409, "taken")
	}
	for _, name := range []string{"anna", "free"} {
		w.wants("after three", w.register(name, "", orchids), 429, "limited")
	}
}

func TestLifeMalformed(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	in := w.login("anna", "tulip")
	for _, test := range []struct{ method, path, body, field string }{
		{"POST", "/v1/accounts", ``, "body"},
		{"POST", "/v1/accounts", `[]`, "body"},
		{"POST", "/v1/accounts", `{"username":"zoe"}`, "password"},
		{"POST", "/v1/accounts", `{"password":"` + orchids + `"}`, "username"},
		{"POST", "/v1/accounts", `{"username":"","email":"","password":"` + orchids + `"}`, "username"},
		{"POST", "/v1/accounts", `{"username":"zoe","password":"` + orchids + `","roles":"admin"}`, "roles"},
		{"POST", "/v1/accounts", `{"username":"zoe","username":"zoe2","password":"` + orchids + `"}`, "username"},
		{"POST", "/v1/accounts", `{"username":"zoe","email":"zoe","password":"` + orchids + `"}`, "email"},
		{"POST", "/v1/accounts", `{"username":"z\u0000e","password":"` + orchids + `"}`, "username"},
		{"POST", "/v1/accounts", `{"username":"zoe","display_name":"\u0000","password":"` + orchids + `"}`, "display_name"},
		{"POST", "/v1/accounts", `{"username":"zoe","display_name":"` + strings.Repeat("a", 201) + `","password":"` + orchids + `"}`, "display_name"},
		{"POST", "/v1/accounts", `{"username":"zoe","locale":"tulip and rose","password":"` + orchids + `"}`, "locale"},
		{"POST", "/v1/accounts", `{"username":"zoe","password":""}`, "password"},
		{"POST", "/v1/accounts", `{"username":"zoe","password":"a\u0000b"}`, "password"},
		{"POST", "/v1/accounts", `{"username":"zoe","password":"` + strings.Repeat("a", 1025) + `"}`, "password"},
		{"PUT", "/v1/account/password", ``, "body"},
		{"PUT", "/v1/account/password", `{"current_password":"tulip"}`, "new_password"},
		{"PUT", "/v1/account/password", `{"new_password":"` + tulips + `"}`, "current_password"},
		{"PUT", "/v1/account/password", `{"current_password":"","new_password":"` + tulips + `"}`, "current_password"},
		{"PUT", "/v1/account/password", `{"current_password":"tulip","new_password":""}`, "new_password"},
		{"PUT", "/v1/account/password", `{"current_password":"tulip","new_password":null}`, "new_password"},
		{"DELETE", "/v1/account", ``, "body"},
		{"DELETE", "/v1/account", `{}`, "current_password"},
		{"DELETE", "/v1/account", `{"current_password":""}`, "current_password"},
		{"DELETE", "/v1/account", `{"current_password":"tulip","reason":"x"}`, "reason"},
	} {
		a := w.ask(test.method, test.path, test.body, "Authorization", "Bearer "+in.Access)
		if a.Code != 400 || len(a.Errors) != 1 || a.Errors[0].Field != test.field || a.Errors[0].Reason == "" {
			t.Errorf("%s %s %.60q: %d %+v, want 400 that names %s", test.method, test.path, test.body, a.Code, a.Errors, test.field)
		}
	}
	for path, pw := range map[string]string{"/v1/accounts": "password", "/v1/account/password": "new_password"} {
		var a answer
		if path == "/v1/accounts" {
			a = w.register("zoe", "", "fourteen chars")
		} else {
			a = w.change(in.Access, "tulip", "fourteen chars")
		}
		w.wants(path, a, 422, "policy")
		if len(a.Errors) != 1 || a.Errors[0].Field != pw || !strings.Contains(a.Errors[0].Reason, "15") {
			t.Errorf("%s: %+v, want the rule of %s", path, a.Errors, pw)
		}
	}
	w.wants("nothing has changed", w.login("anna", "tulip"), 200, "")
	if n, err := w.store.CountAccounts(t.Context()); err != nil || n != 1 {
		t.Errorf("there are %d accounts (%v), want anna's", n, err)
	}
}

// The events of what a person does tell who and by which request, and no secret.
func TestLifeIsAudited(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	made := w.register("zoe", "", orchids)
	in := w.login("zoe", orchids)
	changed := w.change(in.Access, orchids, tulips)
	gone := w.erase(in.Access, tulips)
	rec, err := w.store.Events(t.Context(), uuid.MustParse(in.Account.ID), 10)
	if err != nil || len(rec) != 3 {
		t.Fatalf("%d events (%v), want 3", len(rec), err)
	}
	for i, want := range []struct {
		kind accounts.EventKind
		by   answer
	}{{accounts.EventRegistered, made}, {accounts.EventPassword, changed}, {accounts.EventDeleted, gone}} {
		e := rec[i]
		if e.Kind != want.kind || e.Actor != "person" || e.RequestID != want.by.Header().Get("X-Request-Id") || e.RequestID == "" {
			t.Errorf("event %d is %+v, want %s by the person in request %s", i, e, want.kind, want.by.Header().Get("X-Request-Id"))
		}
		line, err := json.Marshal(e)
		if err != nil {
			t.Fatal(err)
		}
		for _, secret := range []string{orchids, tulips, "argon2id", "zoe"} {
			if bytes.Contains(line, []byte(secret)) {
				t.Errorf("event %d holds a secret or a name", i)
			}
		}
	}
}
