package accounts_test

import (
	"errors"
	"testing"

	"rekey/accounts"
	"rekey/accounts/phase"
)

// Where no mail is sent, nobody's password is taken away, by no way that people move: nobody could set another.
func TestForcedResetWithoutMail(t *testing.T) {
	t.Parallel()
	w := newWorld(t, salted(t, "7", "anna", "tulip"))
	h := newHerd(t, w, "7")
	says := func(what string, err error) {
		t.Helper()
		invalid, ok := errors.AsType[*accounts.InvalidError](err)
		if !ok || invalid.Field != "hash" || invalid.Reason != accounts.ResetUnmailed || !errors.Is(err, accounts.ErrNothingMoves) {
			t.Errorf("%s: %v", what, err)
		}
	}
	for _, dryRun := range []bool{true, false} {
		m := resetting("7")
		m.DryRun = dryRun
		_, err := w.Migrate(t.Context(), m)
		says("alone", err)
	}
	b := h.batch(t)
	b.Hash = accounts.KeepReset
	_, err := w.MigrateMany(t.Context(), b)
	says("with others", err)
	_, _, err = w.RetryQuarantined(t.Context(), accounts.Retry{Class: accounts.NoteUnusableHash, Hash: accounts.KeepReset, By: because})
	says("a class", err)
	_, _, err = w.RetryQuarantined(t.Context(), accounts.Retry{Person: shopKey("7"), Hash: accounts.KeepReset, By: because})
	says("a person", err)
	says("whoever", w.Moves(accounts.KeepReset))
	must(t, "moves", w.Moves(accounts.KeepAuto), nil)
	mustLogin(t, w.Service, "anna", "tulip")
}

// Whose hash is of no use loses no password by being moved without one: staff disable them where no mail is sent, and where the legacy
// store answers.
func TestDisableOfTheUseless(t *testing.T) {
	t.Parallel()
	useless := salted(t, "7", "anna", "tulip")
	useless.Password.Hash = "*"
	disable := func(s *accounts.Service) {
		t.Helper()
		if b, err := s.DisableBy(t.Context(), "shop/7", true, false, because); err != nil || !b.Changed || !b.Moved {
			t.Errorf("%+v (%v)", b, err)
		}
	}
	disable(newWorld(t, useless).Service)
	v := newVillage(t, phase.DualWrite, accounts.CopyBackFull, useless)
	v.move(t, phase.Shadow)
	disable(v.Service)
}
