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
	resetsNobody(t, w.Service, h, says)
	_, _, err := w.RetryQuarantined(t.Context(), accounts.Retry{Person: shopKey("7"), Hash: accounts.KeepReset, By: because})
	says("a person", err)
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

// resetsNobody tries each way to take the password of 7 away, and hands what came of it to says. Whoever keeps theirs moves.
func resetsNobody(t *testing.T, s *accounts.Service, h *herd, says func(what string, err error)) {
	t.Helper()
	for _, dryRun := range []bool{true, false} {
		m := resetting("7")
		m.DryRun = dryRun
		_, err := s.Migrate(t.Context(), m)
		says("alone", err)
	}
	b := h.batch(t)
	b.Hash = accounts.KeepReset
	_, err := s.MigrateMany(t.Context(), b)
	says("with others", err)
	_, _, err = s.RetryQuarantined(t.Context(), accounts.Retry{Class: accounts.NoteUnusableHash, Hash: accounts.KeepReset, By: because})
	says("a class", err)
	says("whoever", s.Moves(accounts.KeepReset))
	must(t, "moves", s.Moves(accounts.KeepAuto), nil)
}
