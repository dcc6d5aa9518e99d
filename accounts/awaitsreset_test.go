package accounts_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"rekey/accounts"
	"rekey/accounts/phase"
	"rekey/legacy"
)

// resetting is a move that takes the password away.
func resetting(id string) accounts.Migration {
	m := swept(id)
	m.Hash = accounts.KeepReset
	return m
}

// A password that was taken away does not come back with a change of the legacy record, whoever finds that, and whatever is swept
// then. The address follows.
func TestForcedResetStays(t *testing.T) {
	t.Parallel()
	moved := func(u *legacy.User) { u.Email = "new@example.org" }
	changes := map[string]func(*legacy.User){
		"address": moved,
		"factor":  func(u *legacy.User) { u.Profile.TOTP = []legacy.TOTP{{Secret: []byte("12345678901234567890")}} },
		"blocked": func(u *legacy.User) { disable(u); moved(u) },
		"hash":    repass("rose"),
	}
	found := map[string]func(*testing.T, *village){
		"by nobody": func(*testing.T, *village) {},
		"by a repair": func(t *testing.T, v *village) {
			t.Helper()
			v.judged(t, v.person(t, "7"), accounts.VerdictDifferent)
			_, err := v.MarkDrifted(t.Context(), "shop", "7", because)
			must(t, "mark", err, nil)
			v.mustDrift(t, true)
		},
		"and accepted": func(t *testing.T, v *village) {
			t.Helper()
			_, err := v.IgnoreDifference(t.Context(), "shop", "7", because)
			must(t, "ignore", err, nil)
		},
	}
	for name, look := range looks() {
		found["by "+name] = func(t *testing.T, v *village) { t.Helper(); look(v, t, v.second) }
	}
	for what, change := range changes {
		for how, find := range found {
			t.Run(what+" "+how, func(t *testing.T) {
				t.Parallel()
				v := newVillage(t, phase.Lazy, accounts.CopyBackNone, salted(t, "7", "anna", "tulip"))
				v.hear(t)
				mustMigrate(t, v.Service, resetting("7"), accounts.OutcomeReset)
				v.stillTaken(t)
				v.source.Change("7", change)
				find(t, v)
				v.stillTaken(t)
				v.source.Change("7", allow)
				find(t, v)
				v.stillTaken(t)
				for _, m := range []accounts.Migration{swept("7"), resetting("7"), swept("7")} {
					_, err := v.Migrate(t.Context(), m)
					must(t, "sweep", err, nil)
					v.stillTaken(t)
				}
				h := newHerd(t, v.world, "7")
				_, err := v.MigrateMany(t.Context(), h.batch(t))
				must(t, "sweep with others", err, nil)
				v.stillTaken(t)
				mustKeep(t, v.Service, "anna", accounts.StateWaiting)

				address := "anna@example.org"
				if there := v.person(t, "7"); how != "by nobody" {
					v.mustDrift(t, false)
					v.judged(t, there, accounts.VerdictAhead)
					address = there.Email
				}
				must(t, "reset", confirmReset(t, v.second, v.token(t, address), orchids), nil)
				v.refuses(t, "tulip")
				v.refuses(t, "rose")
				rec, err := v.store.ByID(t.Context(), anna)
				if err != nil || rec.Credential.Waits() || rec.Named(accounts.Email) != address || !rec.ChangedHere {
					t.Errorf("after the reset: waits %v, address %q, changed here %v (%v)", rec.Credential.Waits(), rec.Named(accounts.Email), rec.ChangedHere, err)
				}
			})
		}
	}
}

// A mark ends when the records are equal again, also of somebody who awaits a reset.
func TestForcedResetIsEqualAgain(t *testing.T) {
	t.Parallel()
	v := newVillage(t, phase.Lazy, accounts.CopyBackNone, salted(t, "7", "anna", "tulip"))
	v.hear(t)
	mustMigrate(t, v.Service, resetting("7"), accounts.OutcomeReset)
	for _, email := range []string{"new@example.org", "anna@example.org"} {
		v.source.Change("7", func(u *legacy.User) { u.Email = email })
		v.reconcile(t, v.second)
		v.mustDrift(t, email == "new@example.org")
		v.stillTaken(t)
	}
	for i, email := range []string{"new@example.org", "anna@example.org"} {
		v.source.Change("7", func(u *legacy.User) { u.Email = email })
		if i == 0 {
			v.reconcile(t, v.second)
		}
	}
	v.mustDrift(t, true)
	mustMigrate(t, v.Service, swept("7"), accounts.OutcomeRecopied) // before anybody has looked again
	v.mustDrift(t, false)
	v.stillTaken(t)
}

// stillTaken fails unless no password lets anna in, and her account waits for a reset.
func (v *village) stillTaken(t *testing.T) {
	t.Helper()
	v.refuses(t, "tulip")
	v.refuses(t, "rose")
	rec, err := v.store.ByID(t.Context(), anna)
	if err != nil || !rec.Credential.AwaitsReset() {
		t.Fatalf("the account does not wait for a reset: %s (%v)", rec.Credential.Scheme, err)
	}
}

// A password that was taken away where this store answers stays that on a way back, under new trust, and after a new way up.
func TestForcedResetAndThePhase(t *testing.T) {
	t.Parallel()
	v := newVillage(t, phase.DualWrite, accounts.CopyBackFull, salted(t, "7", "anna", "tulip"))
	v.move(t, phase.Shadow, phase.Both, phase.Ramp)
	mustMigrate(t, v.Service, resetting("7"), accounts.OutcomeReset)
	v.stillTaken(t)
	for i, to := range []phase.Phase{phase.Both, phase.Shadow, phase.LegacyOnly, phase.Shadow, phase.Both, phase.Ramp, phase.NewFirst} {
		v.move(t, to)
		v.source.Change("7", func(u *legacy.User) { u.Email = fmt.Sprintf("anna-%d@example.org", i) })
		v.reconcile(t, v.second)
		v.stillTaken(t)
		v.mustDrift(t, true)
		if to > phase.LegacyOnly {
			mustMigrate(t, v.Service, swept("7"), accounts.OutcomeRecopied)
			v.stillTaken(t)
			v.judged(t, v.person(t, "7"), accounts.VerdictAhead)
		}
	}
	v.move(t, phase.Ramp, phase.Both)
	must(t, "reset", confirmReset(t, v.second, v.token(t, "anna-6@example.org"), orchids), nil)
	v.takes(t, orchids)
	v.refuses(t, "tulip")
	v.deliver(t, v.Service)
	v.sold(t, "7", orchids, true)
	v.takes(t, orchids)
}

// Where legacy answers, nobody's password is taken away: a login there would bring it back. It is said when it may be.
func TestForcedResetWhereLegacyAnswers(t *testing.T) {
	t.Parallel()
	v := newVillage(t, phase.DualWrite, accounts.CopyBackFull, salted(t, "7", "anna", "tulip"))
	h := newHerd(t, v.world, "7")
	refused := func(at phase.Phase) {
		t.Helper()
		says := func(what string, err error) {
			t.Helper()
			if !errors.Is(err, accounts.ErrNothingMoves) || !strings.Contains(err.Error(), "from new-first on") || !strings.Contains(err.Error(), at.String()) {
				t.Errorf("%s in %s: %v", what, at, err)
			}
		}
		resetsNobody(t, v.Service, h, says)
		v.takes(t, "tulip")
	}
	v.move(t, phase.Shadow)
	refused(phase.Shadow)
	v.move(t, phase.Both)
	refused(phase.Both)
	ramp := func(percent phase.Percent) {
		t.Helper()
		for v.step(t, phase.Ramp, percent).Moving() {
			v.hear(t)
		}
		v.hear(t)
	}
	ramp(0)
	refused(phase.Ramp)
	ramp(phase.All / 2)
	if err := v.Moves(accounts.KeepReset); !errors.Is(err, accounts.ErrNothingMoves) {
		t.Errorf("in half a ramp: %v", err)
	}
	ramp(phase.All)
	must(t, "moves", v.Moves(accounts.KeepReset), nil)
}
