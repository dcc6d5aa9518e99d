package gateway_test

import (
	"encoding/base32"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/pquerna/otp/totp"

	"rekey/gateway"
	"rekey/legacy"
)

// key is a secret of a one-time password generator.
var key = []byte("12345678901234567890") // RFC 6238, appendix B

var base32Text = base32.StdEncoding.WithPadding(base32.NoPadding)

// code is what a generator shows now, or so many steps later. From then on the time stands still: otherwise it would be in
// another step some day.
func (w *world) code(t *testing.T, secret string, steps int) string {
	t.Helper()
	now := w.now()
	w.frozen.Store(&now)
	code, err := totp.GenerateCode(secret, now.Add(time.Duration(steps)*30*time.Second))
	if err != nil {
		t.Fatal(err)
	}
	return code
}

// read returns an answer's body as a T.
func read[T any](t *testing.T, a answer, status int) T {
	t.Helper()
	var got T
	if err := json.Unmarshal(a.Body.Bytes(), &got); err != nil || a.Code != status {
		t.Fatalf("%d %s (%v), want %d", a.Code, a.Body, err, status)
	}
	return got
}

// challenge is what a login of somebody with a second factor returns.
type challenge struct {
	Challenge string
	Factors   []string
	Access    string `json:"access_token"`
}

func (w *world) challenged(t *testing.T, identifier, pw string) string {
	t.Helper()
	c := read[challenge](t, w.login(identifier, pw), 200)
	if c.Challenge == "" || c.Access != "" {
		t.Fatal("a password alone has let somebody in who has a second factor")
	}
	return c.Challenge
}

func (w *world) second(challenge, code string) answer {
	w.t.Helper()
	return w.ask("POST", "/v1/login/factor", text(w.t, "challenge", challenge, "code", code))
}

// loginBoth takes both steps of a login, the second by a generator with this secret.
func (w *world) loginBoth(t *testing.T, identifier, pw, secret string, steps int) answer {
	t.Helper()
	a := w.second(w.challenged(t, identifier, pw), w.code(t, base32Text.EncodeToString([]byte(secret)), steps))
	if a.Code != 200 || a.Access == "" {
		t.Fatalf("the second step: %d %s", a.Code, a.Body)
	}
	return a
}

// as asks with an access token.
func (w *world) as(access, method, path string, pairs ...string) answer {
	w.t.Helper()
	return w.ask(method, path, text(w.t, pairs...), "Authorization", "Bearer "+access)
}

// enrol gives somebody who is logged in a second factor.
func (w *world) enrol(t *testing.T, access, pw string) (secret string, recovery []string) {
	t.Helper()
	begun := read[struct{ Secret, URI string }](t, w.as(access, "POST", "/v1/account/factors/totp", "current_password", pw), 200)
	if !strings.HasPrefix(begun.URI, "otpauth://totp/rekey.test:anna?") || !strings.Contains(begun.URI, "secret="+begun.Secret) {
		t.Errorf("the address for generators is %q", begun.URI)
	}
	done := read[struct {
		Codes []string `json:"recovery_codes"`
	}](t, w.as(access, "POST", "/v1/account/factors/totp/confirm", "code", w.code(t, begun.Secret, -1)), 200)
	return begun.Secret, done.Codes
}

func TestSecondFactor(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	access := w.login("anna", "tulip").Access

	w.wants("enrol without the password", w.as(access, "POST", "/v1/account/factors/totp", "current_password", "rose"), 401, "credentials")
	w.wants("confirm nothing", w.as(access, "POST", "/v1/account/factors/totp/confirm", "code", "123456"), 401, "code")
	secret, recovery := w.enrol(t, access, "tulip")
	if len(recovery) != 10 {
		t.Errorf("%d recovery codes, want 10", len(recovery))
	}
	w.wants("enrol again", w.as(access, "POST", "/v1/account/factors/totp", "current_password", "tulip"), 409, "factor-there")

	// The code that has confirmed it is spent; the next one lets her in once.
	asked := read[challenge](t, w.login("anna", "tulip"), 200)
	if diff := cmp.Diff([]string{"totp", "recovery"}, asked.Factors); diff != "" {
		t.Errorf("factors (-want +got):\n%s", diff)
	}
	w.wants("the code of the enrolment", w.second(asked.Challenge, w.code(t, secret, -1)), 401, "code")
	w.wants("no code", w.second(asked.Challenge, " - "), 400, "malformed")
	w.wants("a wrong code", w.second(asked.Challenge, "000000x"), 401, "code")
	in := w.second(asked.Challenge, w.code(t, secret, 0))
	if in.Code != 200 || in.Access == "" || in.Account.Username != "anna" {
		t.Fatalf("the second step: %d %s", in.Code, in.Body)
	}
	w.wants("the code again", w.second(w.challenged(t, "anna", "tulip"), w.code(t, secret, 0)), 401, "code")
	w.wants("the challenge again", w.second(asked.Challenge, w.code(t, secret, 1)), 401, "code")
	w.wants("an earlier code", w.second(w.challenged(t, "anna", "tulip"), w.code(t, secret, -1)), 401, "code")

	// A recovery code lets her in once, however she writes it.
	typed := strings.ToUpper(strings.ReplaceAll(recovery[3], "-", " "))
	if a := w.second(w.challenged(t, "anna", "tulip"), typed); a.Code != 200 {
		t.Errorf("a recovery code: %d %s", a.Code, a.Body)
	}
	w.wants("it again", w.second(w.challenged(t, "anna", "tulip"), recovery[3]), 401, "code")

	// What she does with her session needs what it needed.
	w.wants("removal without the password", w.as(in.Access, "DELETE", "/v1/account/factors/totp", "current_password", "rose", "code", recovery[4]), 401, "credentials")
	w.wants("removal with a spent code", w.as(in.Access, "DELETE", "/v1/account/factors/totp", "current_password", "tulip", "code", recovery[3]), 401, "code")
	if a := w.as(in.Access, "DELETE", "/v1/account/factors/totp", "current_password", "tulip", "code", recovery[4]); a.Code != 204 {
		t.Errorf("removal: %d %s", a.Code, a.Body)
	}
	w.wants("removal again", w.as(in.Access, "DELETE", "/v1/account/factors/totp", "current_password", "tulip", "code", recovery[5]), 404, "no-such")
	if a := w.login("anna", "tulip"); a.Access == "" {
		t.Errorf("after the removal: %d %s", a.Code, a.Body)
	}
	for _, private := range append(recovery, secret, asked.Challenge) {
		if strings.Contains(w.log.String(), private) {
			t.Error("the log holds a secret")
		}
	}
}

// What a factor was carried over from asks for it on the first login, whether or not that moves anybody.
func TestCarriedFactor(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	w.old.Change("1", func(u *legacy.User) {
		u.Profile.TOTP = []legacy.TOTP{{Secret: key}}
		u.Profile.RecoveryCodes = []string{"ABCD-1234", "EFGH-5678"}
	})
	secret := base32Text.EncodeToString(key)

	w.failCreate.Store(true)
	challenge := w.challenged(t, "anna", "tulip")
	w.wants("a wrong code", w.second(challenge, "12345"), 401, "code")
	if a := w.second(challenge, w.code(t, secret, -1)); a.Code != 200 || a.Account.ID == "" {
		t.Errorf("unmoved: %d %s", a.Code, a.Body)
	}
	w.wants("the code again", w.second(w.challenged(t, "anna", "tulip"), w.code(t, secret, -1)), 401, "code")
	if a := w.second(w.challenged(t, "anna", "tulip"), "abcd1234"); a.Code != 200 {
		t.Errorf("a recovery code, unmoved: %d %s", a.Code, a.Body)
	}

	// What was spent before the move is spent after it.
	challenge = w.challenged(t, "anna", "tulip")
	w.failCreate.Store(false)
	moved := w.challenged(t, "anna", "tulip")
	w.wants("a challenge from before the move", w.second(challenge, w.code(t, secret, 0)), 401, "code")
	w.wants("a code from before the move", w.second(moved, w.code(t, secret, -1)), 401, "code")
	w.wants("a recovery code from before the move", w.second(moved, "ABCD-1234"), 401, "code")
	if a := w.second(moved, w.code(t, secret, 0)); a.Code != 200 {
		t.Errorf("moved: %d %s", a.Code, a.Body)
	}
	if a := w.second(w.challenged(t, "anna", "tulip"), "efgh 5678"); a.Code != 200 {
		t.Errorf("a recovery code, moved: %d %s", a.Code, a.Body)
	}
}

// A challenge ends with what has proven the password.
func TestChallengeEnds(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	access := w.login("anna", "tulip").Access
	secret, recovery := w.enrol(t, access, "tulip")
	if a := w.second(w.challenged(t, "anna", "tulip"), w.code(t, secret, 0)); a.Code != 200 {
		t.Fatalf("the second step: %d", a.Code)
	}

	challenge := w.challenged(t, "anna", "tulip")
	if a := w.change(access, "tulip", tulips); a.Code != 204 {
		t.Fatalf("change: %d %s", a.Code, a.Body)
	}
	w.wants("after a new password", w.second(challenge, recovery[0]), 401, "code")
	challenge = w.challenged(t, "anna", tulips)
	if a := w.erase(access, tulips); a.Code != 204 {
		t.Fatalf("delete: %d %s", a.Code, a.Body)
	}
	w.wants("after the end of the account", w.second(challenge, recovery[1]), 401, "code")
	for name, foreign := range map[string]string{
		"none": "", "rubbish": "rc1_AAAA", "ours, cut": challenge[:len(challenge)-1], "ours, with a line end": challenge + "\n", "too long": strings.Repeat("a", 3200),
	} {
		w.wants(name, w.second(foreign, recovery[1]), 401, "code")
	}
}

// Guesses at codes have a ceiling of their own, and cost the floor.
func TestGuessesAtCodes(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(c *gateway.Config) { c.Limiter = nil })
	w.old.Change("1", func(u *legacy.User) { u.Profile.TOTP = []legacy.TOTP{{Secret: key}} })
	for range 10 {
		w.wants("a wrong code", w.second(w.challenged(t, "anna", "tulip"), "12345"), 401, "code")
	}
	a := w.second(w.challenged(t, "anna", "tulip"), w.code(t, base32Text.EncodeToString(key), 0))
	w.wants("the right code after too many", a, 429, "limited")
	if a.Header().Get("Retry-After") == "" {
		t.Error("nobody says when to try again")
	}
}

func TestFactorWhileAStoreIsDown(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	w.old.Change("1", func(u *legacy.User) { u.Profile.TOTP = []legacy.TOTP{{Secret: key}} })
	w.failCreate.Store(true)
	challenge := w.challenged(t, "anna", "tulip")
	w.old.SetDown(errors.New("down"))
	w.wants("while the legacy store is down", w.second(challenge, w.code(t, base32Text.EncodeToString(key), 0)), 503, "unavailable")
	w.old.SetDown(nil)
	if a := w.second(challenge, w.code(t, base32Text.EncodeToString(key), 0)); a.Code != 200 {
		t.Errorf("afterwards: %d %s", a.Code, a.Body)
	}
}
