package accounts_test

import (
	"context"
	"crypto/sha1"
	"errors"
	"testing"

	"rekey/accounts"
	"rekey/accounts/phase"
	rules "rekey/accounts/policy"
	"rekey/legacy"
)

// breachList knows one password, and fails for another.
type breachList struct{ known, unclear string }

func (b breachList) Has(_ context.Context, sum [sha1.Size]byte) (bool, error) {
	switch sum {
	case sha1.Sum([]byte(b.known)):
		return true, nil
	case sha1.Sum([]byte(b.unclear)):
		return false, errDown
	}
	return false, nil
}

// ruled returns a second process of w, with rules for new passwords.
func (w *world) ruled(t *testing.T, c rules.Config) *accounts.Service {
	t.Helper()
	made, err := rules.New(c)
	if err != nil {
		t.Fatal(err)
	}
	return w.serve(t, func(config *accounts.Config) { config.NewPasswords = made })
}

// mustBreak fails unless a new password was refused for a reason, under a field.
func mustBreak(t *testing.T, what string, err error, field, reason string) {
	t.Helper()
	if rule, ok := errors.AsType[*accounts.PolicyError](err); !ok || rule.Field != field || reason != "" && rule.Reason != reason {
		t.Errorf("%s: %v, want %s %s", what, err, field, reason)
	}
}

func TestNewPasswordsAreJudged(t *testing.T) {
	t.Parallel()
	user := plain("7", "tulipanna", "password") // what she has is as bad as can be, and works
	user.Email, user.Profile.DisplayName = "berg@kontoso-werke.example", "Annabella Bergström"
	w := newWorld(t, user)
	s := w.ruled(t, rules.Config{
		Words: []string{"rekey"}, Breached: breachList{known: "a horse of my own", unclear: "a stable of my own"},
	})
	session := w.open(t, mustLogin(t, s, "tulipanna", "password"))
	for what, next := range map[string]string{
		"username": "Tulipanna:1234:5", "address": "kontoso:werke:99", "display name": "annabella 123456", "product": "rekeyrekey12345",
	} {
		mustBreak(t, "her "+what, change(s, session, "password", next), "new_password", rules.ReasonKnown)
	}
	mustBreak(t, "a common one", change(s, session, "password", "password1234567"), "new_password", rules.ReasonCommon)
	mustBreak(t, "a breached one", change(s, session, "password", "a horse of my own"), "new_password", rules.ReasonBreached)
	mustLogin(t, s, "tulipanna", "password")
	must(t, "what cannot be told is accepted", change(s, session, "password", "a stable of my own"), nil)
	if n := s.Stats().Unscreened.Load(); n != 1 {
		t.Errorf("%d counted, want 1", n)
	}

	_, err := register(s, "georgina", "georgina@example.org", "Georgina1234567")
	mustBreak(t, "registered with her name", err, "password", rules.ReasonKnown)
	_, err = register(s, "georgina", "georgina@example.org", "a horse of my own")
	mustBreak(t, "registered with a breached one", err, "password", rules.ReasonBreached)
	mustRegister(t, s, "georgina", "georgina@example.org", orchids)
}

// Beside a second factor a password may be shorter; recovery codes are none.
func TestNewPasswordBesideAFactor(t *testing.T) {
	t.Parallel()
	with, without := plain("7", "anna", "tulip"), plain("8", "bert", "tulip")
	with.Profile.TOTP = []legacy.TOTP{{Secret: []byte("shared key")}}
	without.Profile.RecoveryCodes = []string{"only once"}
	w := newWorld(t, with, without)
	anna, bert := w.open(t, mustLogin(t, w.Service, "anna", "tulip")), w.open(t, mustLogin(t, w.Service, "bert", "tulip"))
	mustBreak(t, "seven characters", change(w.Service, anna, "tulip", "no bird"), "new_password", "must have at least 8 characters")
	must(t, "eight characters", change(w.Service, anna, "tulip", "no birds"), nil)
	mustBreak(t, "without a factor", change(w.Service, bert, "tulip", "no birds"), "new_password", "must have at least 15 characters")
}

// Where the legacy store answers, the rules are the same, by what it knows of the person.
func TestNewPasswordThere(t *testing.T) {
	t.Parallel()
	guarded := guarded(t)
	w := newVillage(t, phase.DualWrite, accounts.CopyBackFull, salted(t, "6", "annabella", "tulip"), guarded)
	session := w.open(t, mustLogin(t, w.Service, "annabella", "tulip"))
	mustBreak(t, "her name", change(w.Service, session, "tulip", "Annabella123456"), "new_password", rules.ReasonKnown)
	mustBreak(t, "eight characters", change(w.Service, session, "tulip", "no birds"), "new_password", "must have at least 15 characters")
	mustLogin(t, w.Service, "annabella", "tulip")

	now := w.stand()
	p, err := answer(w.Service, asked(t, w.Service, "anna", "tulip"), codeAt(t, now))
	must(t, "a code", err, nil)
	must(t, "eight characters beside a factor", change(w.Service, w.open(t, p), "tulip", "no birds"), nil)
}
