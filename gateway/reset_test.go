package gateway_test

import (
	"encoding/json"
	"net/url"
	"strings"
	"testing"
	"time"

	"rekey/accounts"
	"rekey/gateway"
	"rekey/gateway/limit"
)

// sent sends what is due and returns it.
func (w *world) sent() []accounts.Letter {
	w.t.Helper()
	for more := true; more; {
		var err error
		if more, err = w.accounts.MailNext(w.t.Context()); err != nil {
			w.t.Fatal(err)
		}
	}
	w.post.mu.Lock()
	defer w.post.mu.Unlock()
	all := w.post.all
	w.post.all = nil
	return all
}

func (w *world) askReset(identifier string) answer {
	w.t.Helper()
	return w.ask("POST", "/v1/password-reset", text(w.t, "identifier", identifier))
}

func (w *world) useReset(token, pw string) answer {
	w.t.Helper()
	return w.ask("POST", "/v1/password-reset/confirm", text(w.t, "token", token, "new_password", pw))
}

// token asks for a reset and returns the token of the mail.
func (w *world) token(identifier string) string {
	w.t.Helper()
	w.wants("ask", w.askReset(identifier), 202, "")
	letters := w.sent()
	if len(letters) != 1 {
		w.t.Fatalf("%d letters, want 1", len(letters))
	}
	return string(letters[0].Token.Reveal())
}

func TestReset(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	first := w.askReset("anna")
	for _, other := range []string{"nobody", "bert", "Anna@example.org", "nobody@example.org"} {
		if a := w.askReset(other); a.Code != first.Code || a.Body.String() != first.Body.String() {
			t.Errorf("%s gets %d %s", other, a.Code, a.Body)
		}
	}
	w.wants("no name", w.askReset(""), 400, "malformed")
	w.sent()

	token := w.token("Anna")
	w.wants("a short password", w.useReset(token, "short"), 422, "policy")
	w.wants("none", w.useReset(token, ""), 400, "malformed")
	w.wants("another token", w.useReset(token+"x", orchids), 401, "link")
	w.wants("confirm", w.useReset(token, orchids), 204, "")
	w.wants("again", w.useReset(token, tulips), 401, "link")
	w.wants("the new password", w.login("anna", orchids), 200, "")
	w.wants("the old password", w.login("anna", "tulip"), 401, "credentials")
	for _, secret := range []string{token, orchids, "example.org"} {
		if strings.Contains(w.log.String(), secret) {
			t.Errorf("the log has %q in it", secret)
		}
	}
}

// What may be asked for under a name is little, and guesses at tokens cost the address.
func TestResetLimits(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(c *gateway.Config) {
		c.Limiter = limit.NewLocal(limit.LocalConfig{})
		c.Rules = limit.DefaultRules()
		c.Rules.Address = limit.Rule{Name: "address", Count: 1, Per: time.Hour, Burst: 12}
	})
	for _, name := range []string{"anna", "nobody"} {
		for range 3 {
			w.wants(name, w.askReset(name), 202, "")
		}
		w.wants(name+" once more", w.askReset(strings.ToUpper(name)), 429, "limited")
	}
	w.wants("a login", w.login("anna", "tulip"), 200, "") // it is not locked out by what others ask for
	for range 6 {
		w.wants("a guess", w.useReset("guess", orchids), 401, "link")
	}
	w.wants("a guess too many", w.useReset("guess", orchids), 429, "limited")
}

func TestResetPage(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	form := []string{"Content-Type", "application/x-www-form-urlencoded"}
	page := func(what string, a answer, status int, words ...string) {
		t.Helper()
		policy := a.Header().Get("Content-Security-Policy")
		if a.Code != status || !strings.HasPrefix(a.Header().Get("Content-Type"), "text/html") || a.Header().Get("Referrer-Policy") != "no-referrer" ||
			!strings.Contains(policy, "default-src 'none'") || !strings.Contains(policy, "frame-ancestors 'none'") {
			t.Errorf("%s: %d %v", what, a.Code, a.Header())
		}
		for _, word := range words {
			if !strings.Contains(a.Body.String(), word) {
				t.Errorf("%s: no %q in %s", what, word, a.Body)
			}
		}
		if strings.Contains(a.Body.String(), "<script") || strings.Contains(a.Body.String(), "http") {
			t.Errorf("%s: the page asks others: %s", what, a.Body)
		}
	}
	page("ask", w.ask("GET", "/reset", ""), 200, `name="identifier"`)
	page("asked", w.ask("POST", "/reset", url.Values{"identifier": {"anna"}}.Encode(), form...), 200, "mailbox")
	page("asked for nobody", w.ask("POST", "/reset", url.Values{"identifier": {"nobody"}}.Encode(), form...), 200, "mailbox")
	page("asked without a name", w.ask("POST", "/reset", "identifier=", form...), 400, `role="alert"`, "The name")
	page("JSON", w.ask("POST", "/reset", `{}`), 415, `role="alert"`)
	page("too much", w.ask("POST", "/reset", strings.Repeat("a", 5000), form...), 400, "4096")
	letters := w.sent()
	if len(letters) != 1 {
		t.Fatalf("%d letters, want 1", len(letters))
	}
	token := string(letters[0].Token.Reveal())
	page("the link", w.ask("GET", "/reset?token="+token, ""), 200, `value="`+token+`"`, `name="new_password"`)
	page("hostile", w.ask("GET", "/reset?token="+url.QueryEscape(`"><b>`), ""), 200, `value="&#34;&gt;&lt;b&gt;"`)
	page("a short password", w.ask("POST", "/reset", url.Values{"token": {token}, "new_password": {"short"}}.Encode(), form...), 422, "15 characters", token)
	page("set", w.ask("POST", "/reset", url.Values{"token": {token}, "new_password": {orchids}}.Encode(), form...), 200, "is set")
	page("set again", w.ask("POST", "/reset", url.Values{"token": {token}, "new_password": {tulips}}.Encode(), form...), 401, `href="/reset"`)
	w.wants("the new password", w.login("anna", orchids), 200, "")
}

func TestResetByStaff(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	_, token := w.staff(accounts.RoleSupport, 0)
	a := w.admin(token, "POST", "/admin/v1/accounts/anna/reset", because)
	var got struct {
		ID string `json:"account_id"`
	}
	if err := json.Unmarshal(a.Body.Bytes(), &got); err != nil || a.Code != 202 || got.ID != accounts.SubjectFor("shop", "1").String() {
		t.Errorf("%d %s", a.Code, a.Body)
	}
	w.wants("nobody", w.admin(token, "POST", "/admin/v1/accounts/nobody/reset", because), 404, "no-such")
	w.wants("without a reason", w.admin(token, "POST", "/admin/v1/accounts/anna/reset", `{"reason":""}`), 400, "malformed")
	letters := w.sent()
	if len(letters) != 1 || letters[0].To != "Anna@example.org" {
		t.Fatalf("%d letters, want one to her", len(letters))
	}
	w.wants("confirm", w.useReset(string(letters[0].Token.Reveal()), orchids), 204, "")
}
