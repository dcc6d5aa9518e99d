package gateway_test

import (
	"encoding/json"
	"net/url"
	"strings"
	"testing"

	"rekey/accounts"
	"rekey/gateway"
	"rekey/gateway/limit"
)

func (w *world) askEmail(access, current, email string) answer {
	w.t.Helper()
	return w.ask("POST", "/v1/account/email", text(w.t, "current_password", current, "email", email), "Authorization", "Bearer "+access)
}

func TestEmail(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	in := w.login("anna", "tulip")
	w.wants("without a token", w.askEmail("", "tulip", "anna@new.example"), 401, "token")
	w.wants("a wrong password", w.askEmail(in.Access, "rose", "anna@new.example"), 401, "credentials")
	w.wants("no address", w.askEmail(in.Access, "tulip", "anna"), 400, "malformed")
	w.wants("ask", w.askEmail(in.Access, "tulip", "Anna@New.example"), 202, "")
	letters := w.sent()
	if len(letters) != 1 || letters[0].Kind != accounts.LetterVerify {
		t.Fatalf("%d letters, want 1", len(letters))
	}
	token := string(letters[0].Token.Reveal())
	w.wants("another token", w.ask("POST", "/v1/email/confirm", text(t, "token", token+"x")), 401, "link")
	w.wants("confirm", w.ask("POST", "/v1/email/confirm", text(t, "token", token)), 204, "")
	w.wants("again", w.ask("POST", "/v1/email/confirm", text(t, "token", token)), 401, "link")
	var seen struct {
		Email    string
		Verified bool `json:"email_verified"`
	}
	if err := json.Unmarshal(w.see(in.Access).Body.Bytes(), &seen); err != nil {
		t.Fatal(err)
	}
	if seen.Email != "Anna@New.example" || !seen.Verified {
		t.Errorf("the account has %+v", seen)
	}
	if letters := w.sent(); len(letters) != 1 || letters[0].Kind != accounts.LetterEmailChanged || letters[0].To != "Anna@example.org" {
		t.Errorf("%d letters, want one to the address of before", len(letters))
	}
}

func TestEmailPage(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	in := w.login("anna", "tulip")
	w.wants("ask", w.askEmail(in.Access, "tulip", "anna@new.example"), 202, "")
	letters := w.sent()
	if len(letters) != 1 {
		t.Fatalf("%d letters, want 1", len(letters))
	}
	token := string(letters[0].Token.Reveal())
	for range 2 { // a look changes nothing
		if a := w.ask("GET", "/email?token="+token, ""); a.Code != 200 || !strings.Contains(a.Body.String(), `value="`+token+`"`) {
			t.Errorf("the page: %d %s", a.Code, a.Body)
		}
	}
	for _, want := range []int{200, 401} {
		a := w.ask("POST", "/email", url.Values{"token": {token}}.Encode(), "Content-Type", "application/x-www-form-urlencoded")
		if a.Code != want || !strings.Contains(a.Header().Get("Content-Type"), "text/html") {
			t.Errorf("confirm: %d %s, want %d", a.Code, a.Body, want)
		}
	}
}

// Who is logged in cannot fill another's mailbox either.
func TestEmailLimits(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(c *gateway.Config) {
		c.Limiter = limit.NewLocal(limit.LocalConfig{})
		c.Rules = limit.DefaultRules()
	})
	in := w.login("anna", "tulip")
	for range 3 {
		w.wants("ask", w.askEmail(in.Access, "tulip", "victim@example.org"), 202, "")
	}
	w.wants("who registers with it", w.register("eve", "victim@example.org", orchids), 429, "limited")
	for range 5 {
		w.wants("who registers with what is taken", w.register("eve", "anna@example.org", orchids), 409, "taken")
	}
	w.wants("once more", w.askEmail(in.Access, "tulip", "Victim@example.org"), 429, "limited")
}
