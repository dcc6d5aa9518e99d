package accounts_test

import (
	"testing"
	"time"

	"rekey/accounts"
	"rekey/accounts/password"
	"rekey/accounts/phase"
)

// waits fails unless a person's credential waits, or does not.
func (w *world) waits(t *testing.T, source, id string, want, drifted bool) {
	t.Helper()
	rec, err := w.store.ByLink(t.Context(), source, id)
	must(t, "ByLink", err, nil)
	if rec.Credential.Waits() != want || rec.Link.Drifted != drifted {
		t.Errorf("the credential waits: %v; another answers: %v", rec.Credential.Waits(), rec.Link.Drifted)
	}
}

// Of a store that shows no hashes the profile moves; that store answers until the password has come with a login.
func TestProfileMovesFirst(t *testing.T) {
	t.Parallel()
	for name, begin := range map[string]func(*testing.T, *world) func() accounts.Outcome{
		"alone": func(t *testing.T, w *world) func() accounts.Outcome {
			t.Helper()
			m := swept("7")
			m.Source = "ldap"
			return func() accounts.Outcome {
				outcome, err := w.Migrate(t.Context(), m)
				must(t, "Migrate", err, nil)
				return outcome
			}
		},
		"with others": func(t *testing.T, w *world) func() accounts.Outcome {
			t.Helper()
			h := newHerd(t, w, "7")
			return func() accounts.Outcome {
				b := h.batch(t)
				b.Source = "ldap"
				tally, err := w.MigrateMany(t.Context(), b)
				must(t, "MigrateMany", err, nil)
				for outcome := range tally.Outcomes {
					return outcome
				}
				return ""
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w, d := newDirectory(t, password.FoldNone)
			w.source = d.Memory
			watched := w.serve(t, func(c *accounts.Config) {
				c.Sources = []accounts.Source{{Name: "ldap", Source: d, Watch: accounts.Watch{Reconcile: time.Hour, PerSecond: 1_000_000}}}
			})
			move := begin(t, w)
			for i := range 3 {
				want := accounts.OutcomeProfile
				if i > 0 {
					want = accounts.OutcomeUnchanged
					_, err := watched.ReconcileNext(t.Context(), "ldap")
					must(t, "look at everybody", err, nil)
				}
				if got := move(); got != want {
					t.Errorf("%d: %s", i, got)
				}
				w.waits(t, "ldap", "7", true, true)
				mustRefuse(t, w.Service, "anna", "wrong")
			}
			p := mustLogin(t, w.Service, "anna", "tulip")
			if p.ID != accounts.SubjectFor("ldap", "7") {
				t.Errorf("the subject is %s", p.ID)
			}
			w.waits(t, "ldap", "7", false, false)
			asked := d.asked.Load()
			mustLogin(t, w.Service, "anna", "tulip")
			mustRefuse(t, w.Service, "anna", "wrong")
			if d.asked.Load() != asked {
				t.Error("the directory is asked after the move")
			}
		})
	}
}

// Who is to set a new password has none until then, and can.
func TestMovedWithoutPassword(t *testing.T) {
	t.Parallel()
	unusable := salted(t, "8", "bert", "rose")
	unusable.Password.Hash = "*"
	lost := md5Salted(t, "9", "carl", "", "lily")
	v := newVillage(t, phase.Lazy, accounts.CopyBackNone, salted(t, "7", "anna", "tulip"), unusable, lost)
	reset := func(id string) accounts.Migration {
		m := swept(id)
		m.Hash = accounts.KeepReset
		return m
	}
	h := newHerd(t, v.world, "7", "8", "9")
	b := h.batch(t)
	b.Hash = accounts.KeepReset
	tally := h.mustMove(t, v.Service, b, map[accounts.Outcome]int64{accounts.OutcomeReset: 2})
	if tally.Refused[accounts.NoteNoAddress] != 1 {
		t.Errorf("%+v", tally.Refused)
	}
	mustNotMigrate(t, v.Service, reset("9"), accounts.NoteNoAddress)
	mustMigrate(t, v.Service, reset("7"), accounts.OutcomeUnchanged)
	v.waits(t, "shop", "7", true, false)
	mustRefuse(t, v.Service, "anna", "tulip")
	mustRefuse(t, v.second, "bert", "rose")
	mustLogin(t, v.Service, "carl", "lily")
	must(t, "reset", confirmReset(t, v.second, v.token(t, "anna@example.org"), orchids), nil)
	v.takes(t, orchids)
	v.refuses(t, "tulip")
	v.waits(t, "shop", "7", false, false)
}
