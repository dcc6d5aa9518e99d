package gateway_test

import (
	"strings"
	"testing"

	"github.com/golang-jwt/jwt/v5"
	"github.com/google/go-cmp/cmp"

	"rekey/accounts"
	"rekey/legacy"
)

// audience is whom an access token is for.
func audience(t *testing.T, access string) string {
	t.Helper()
	claims := jwt.RegisteredClaims{}
	if _, _, err := jwt.NewParser().ParseUnverified(access, &claims); err != nil {
		t.Fatal(err)
	}
	return strings.Join(claims.Audience, " ")
}

// owes fails unless an answer names just these actions, and its token is for the audience that goes with that.
func (w *world) owes(t *testing.T, a answer, want ...string) string {
	t.Helper()
	got := read[struct {
		Access   string   `json:"access_token"`
		Required []string `json:"required_actions"`
	}](t, a, 200)
	if diff := cmp.Diff(append([]string{}, want...), got.Required); diff != "" {
		t.Errorf("required actions (-want +got):\n%s", diff)
	}
	wanted := "rekey"
	if len(want) > 0 {
		wanted = "rekey:required-actions"
	}
	if aud := audience(t, got.Access); aud != wanted {
		t.Errorf("the token is for %q, want %q", aud, wanted)
	}
	return got.Access
}

// Who has something to do first has a token for just that, until it is done.
func TestRequiredActions(t *testing.T) {
	t.Parallel()
	w := newWorldOf(t, accounts.RequiredActions{Schemes: []string{"plaintext"}, Fields: []string{"display_name"}, Terms: "2026-03"}, nil)
	w.old.Change("1", func(u *legacy.User) { u.Password.Hash = tulips })
	in := w.login("anna", tulips)
	access := w.owes(t, in, "change-password", "complete-profile", "accept-terms")

	if a := w.see(access); a.Code != 200 {
		t.Errorf("she does not see herself: %d", a.Code)
	}
	for _, closed := range [][]string{
		{"DELETE", "/v1/account", "current_password", tulips},
		{"POST", "/v1/account/factors/totp", "current_password", tulips},
		{"POST", "/v1/account/factors/totp/confirm", "code", "123456"},
		{"DELETE", "/v1/account/factors/totp", "current_password", tulips, "code", "123456"},
	} {
		w.wants(closed[0]+" "+closed[1], w.as(access, closed[0], closed[1], closed[2:]...), 403, "required-actions")
	}
	w.wants("verify", w.ask("GET", "/v1/verify", "", "Authorization", "Bearer "+access), 403, "required-actions")
	w.wants("verify by cookie", w.ask("GET", "/v1/verify", "", "Cookie", "__Host-rekey="+access), 403, "required-actions")

	w.wants("the terms of last year", w.as(access, "PUT", "/v1/account", "accepted_terms", "2025-03"), 422, "policy")
	w.wants("a name that is none", w.as(access, "PUT", "/v1/account", "display_name", " "), 422, "policy")
	w.wants("nothing", w.as(access, "PUT", "/v1/account"), 400, "malformed")
	w.wants("the same password", w.change(access, tulips, tulips), 422, "policy")
	if a := w.as(access, "PUT", "/v1/account", "accepted_terms", "2026-03"); a.Code != 204 {
		t.Errorf("accept the terms: %d %s", a.Code, a.Body)
	}
	in = w.refresh(in.Refresh)
	access = w.owes(t, in, "change-password", "complete-profile")
	if a := w.as(access, "PUT", "/v1/account", "display_name", "Anna"); a.Code != 204 {
		t.Errorf("complete the profile: %d %s", a.Code, a.Body)
	}
	in = w.refresh(in.Refresh)
	access = w.owes(t, in, "change-password")
	w.wants("the profile again", w.as(access, "PUT", "/v1/account", "display_name", "Berta"), 403, "required-actions")
	if a := w.change(access, tulips, orchids); a.Code != 204 {
		t.Errorf("change the password: %d %s", a.Code, a.Body)
	}
	w.wants("verify by the old token", w.ask("GET", "/v1/verify", "", "Authorization", "Bearer "+access), 403, "required-actions")
	whole := w.owes(t, w.refresh(in.Refresh))
	w.wants("verify", w.ask("GET", "/v1/verify", "", "Authorization", "Bearer "+whole), 204, "")
	w.owes(t, w.login("anna", orchids))

	want := []accounts.EventKind{"account.migrated", "terms.accepted", "profile.changed", "credential.changed"}
	events, err := w.store.Events(t.Context(), accounts.SubjectFor("shop", "1"), 10)
	var got []accounts.EventKind
	for _, e := range events {
		got = append(got, e.Kind)
	}
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("events (%v, -want +got):\n%s", err, diff)
	}
	if a := w.ask("POST", "/v1/logout", "", "Authorization", "Bearer "+access); a.Code != 204 {
		t.Errorf("logout by a restricted token: %d", a.Code)
	}
}

// Terms are asked of everybody, what a profile lacked and weak hashes of whoever was moved with them; nothing of who is not
// here yet.
func TestWhoOwesWhat(t *testing.T) {
	t.Parallel()
	w := newWorldOf(t, accounts.RequiredActions{Schemes: []string{"md5crypt"}, Fields: []string{"display_name", "locale"}, Terms: "2"}, nil)
	w.old.Change("1", func(u *legacy.User) { u.Profile = legacy.Profile{DisplayName: "Anna", Locale: "de"} })
	w.failCreate.Store(true)
	w.owes(t, w.login("anna", "tulip"))
	w.failCreate.Store(false)
	w.owes(t, w.login("anna", "tulip"), "accept-terms")
	if a := w.register("zoe", "zoe@example.org", orchids); a.Code != 201 {
		t.Fatalf("register: %d", a.Code)
	}
	w.owes(t, w.login("zoe", orchids), "accept-terms")
}

// A second factor comes first, and what is owed with the tokens.
func TestRequiredActionsAfterASecondFactor(t *testing.T) {
	t.Parallel()
	w := newWorldOf(t, accounts.RequiredActions{Terms: "2"}, nil)
	w.old.Change("1", func(u *legacy.User) { u.Profile.TOTP = []legacy.TOTP{{Secret: key}} })
	w.owes(t, w.loginBoth(t, "anna", "tulip", string(key), 0), "accept-terms")
}

// A token that is for showing an address reaches what asks for the letter, and nothing that is for another action; what the
// letter's token does needs none.
func TestVerifyEmailIsRequired(t *testing.T) {
	t.Parallel()
	w := newWorldOf(t, accounts.RequiredActions{Email: true}, nil)
	in := w.login("anna", "tulip")
	access := w.owes(t, in, "verify-email")
	w.wants("her password", w.change(access, "tulip", orchids), 403, "required-actions")
	w.wants("her profile", w.as(access, "PUT", "/v1/account", "display_name", "Anna"), 403, "required-actions")
	w.wants("forward auth", w.ask("GET", "/v1/verify", "", "Authorization", "Bearer "+access), 403, "required-actions")
	if a := w.see(access); a.Code != 200 {
		t.Errorf("she does not see herself: %d", a.Code)
	}

	w.wants("a wrong password", w.askEmail(access, "rose", "Anna@example.org"), 401, "credentials")
	w.wants("ask", w.askEmail(access, "tulip", "Anna@example.org"), 202, "")
	letters := w.sent()
	if len(letters) != 1 || letters[0].Kind != accounts.LetterVerify || letters[0].To != "Anna@example.org" {
		t.Fatalf("%d letters, want one to her", len(letters))
	}
	in = w.refresh(in.Refresh)
	access = w.owes(t, in, "verify-email")
	w.wants("confirm", w.ask("POST", "/v1/email/confirm", text(t, "token", string(letters[0].Token.Reveal()))), 204, "")
	w.wants("forward auth by the token of before", w.ask("GET", "/v1/verify", "", "Authorization", "Bearer "+access), 403, "required-actions")
	whole := w.owes(t, w.refresh(in.Refresh))
	w.wants("forward auth", w.ask("GET", "/v1/verify", "", "Authorization", "Bearer "+whole), 204, "")
	w.owes(t, w.login("anna", "tulip"))
}

// The token for another action asks for no letters.
func TestEmailNeedsItsAction(t *testing.T) {
	t.Parallel()
	w := newWorldOf(t, accounts.RequiredActions{Terms: "2"}, nil)
	access := w.owes(t, w.login("anna", "tulip"), "accept-terms")
	w.wants("ask", w.askEmail(access, "tulip", "anna@new.example"), 403, "required-actions")
}
