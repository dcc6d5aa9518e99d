package accounts_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"rekey/accounts"
	"rekey/accounts/phase"
)

// asks makes the first process one that asks something of people.
func (v *village) asks(t *testing.T, required accounts.RequiredActions, mailer accounts.Mailer) {
	t.Helper()
	v.Service = v.serve(t, func(c *accounts.Config) {
		c.Store, c.Lease, c.Now, c.Mailer = v.doors, v.leases[0], v.clock.now, mailer
		c.Sources = []accounts.Source{{Name: "shop", Source: v.shop, CopyBack: accounts.CopyBackFull}}
		c.Required = required
	})
}

func owes(t *testing.T, what string, got []accounts.Action, want ...accounts.Action) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", what, diff)
	}
}

// A renewing is a session that is renewed again and again.
type renewing struct {
	*village
	session    accounts.Session
	generation int64 // of the next renewal
}

// owes fails unless a session's person owes these at the next renewal, and where they are shown to themselves.
func (r *renewing) owes(t *testing.T, what string, want ...accounts.Action) {
	t.Helper()
	_, renewed, err := r.Renew(t.Context(), r.session.ID, r.generation, time.Now(), time.Hour, 24*time.Hour)
	must(t, what+": renew", err, nil)
	r.generation++
	owes(t, what+", renewed", renewed.Required, want...)
	resumed, err := r.Resume(t.Context(), r.session)
	must(t, what+": resume", err, nil)
	owes(t, what+", resumed", resumed.Required, want...)
}

// Nothing is asked before the new store answers for everybody who was moved; then it is asked at the login, and at every
// refresh until it is done.
func TestRequiredActionsAlongThePhases(t *testing.T) {
	t.Parallel()
	v := newVillage(t, phase.DualWrite, accounts.CopyBackFull, salted(t, "7", "anna", "tulip"))
	v.asks(t, accounts.RequiredActions{Schemes: []string{accounts.SchemeRecipe}, Fields: []string{"locale"}, Terms: "2"}, v.post)
	all := []accounts.Action{accounts.ActionChangePassword, accounts.ActionCompleteProfile, accounts.ActionAcceptTerms}
	var p accounts.Person
	for _, to := range []phase.Phase{phase.LegacyOnly, phase.Shadow, phase.Both, phase.Ramp} {
		if to != phase.LegacyOnly {
			v.move(t, to)
		}
		p = mustLogin(t, v.Service, "anna", "tulip")
		owes(t, to.String(), p.Required)
	}
	session := v.open(t, p)
	renewed := renewing{village: v, session: session}
	renewed.owes(t, "in the ramp")
	v.move(t, phase.NewFirst)
	owes(t, "in new-first", mustLogin(t, v.Service, "anna", "tulip").Required, all...)
	renewed.owes(t, "in new-first", all...)

	must(t, "change", change(v.Service, session, "tulip", tulips), nil)
	renewed.owes(t, "with a new password", all[1:]...)
	locale, terms, none := "de-ch", "2", ""
	must(t, "update", v.UpdateProfile(t.Context(), accounts.ProfileChange{Session: session, Locale: &locale, AcceptedTerms: &terms}), nil)
	renewed.owes(t, "with all done")
	profile, err := v.store.Profile(t.Context(), anna)
	if err != nil || profile.Locale != "de-CH" {
		t.Errorf("her locale is %q (%v)", profile.Locale, err)
	}
	var policy *accounts.PolicyError
	err = v.UpdateProfile(t.Context(), accounts.ProfileChange{Session: session, Locale: &none})
	if !errors.As(err, &policy) || policy.Field != "locale" {
		t.Errorf("a field that is asked for was emptied: %v", err)
	}
	owes(t, "at last", mustLogin(t, v.Service, "anna", tulips).Required)
}

// Somebody for whom legacy answers again, though they were moved, could do nothing of what is asked: their token is whole, and
// they owe it as soon as the account is at home here again.
func TestNothingIsOwedWhileLegacyAnswers(t *testing.T) {
	t.Parallel()
	terms := accounts.ActionAcceptTerms
	v, session := copying(t)
	v.asks(t, accounts.RequiredActions{Terms: "2"}, nil)
	renewed := renewing{village: v, session: session}
	renewed.owes(t, "at home here", terms)

	v.source.Put(md5Salted(t, "8", "Anna", "", "rose"))
	v.raw(t, `UPDATE legacy_links SET drifted = TRUE WHERE legacy_id = '7'`)
	owes(t, "drifted, and a namesake in the way", mustLogin(t, v.Service, "anna", "tulip").Required)
	renewed.owes(t, "drifted, and a namesake in the way")
	v.source.Remove("8")
	owes(t, "copied again", mustLogin(t, v.Service, "anna", "tulip").Required, terms)
	renewed.owes(t, "copied again", terms)

	v.raw(t, `UPDATE accounts SET in_doubt = TRUE`)
	owes(t, "in doubt", mustLogin(t, v.Service, "anna", "tulip").Required)
	renewed.owes(t, "in doubt")
}

// A forgetful store finds nobody by their id.
type forgetful struct{ accounts.Store }

func (forgetful) ByID(context.Context, uuid.UUID) (accounts.Record, error) {
	return accounts.Record{}, errors.New("disk full")
}

// That an account cannot be read once more takes nothing from what its person owes.
func TestOwedWhenTheStoreFails(t *testing.T) {
	t.Parallel()
	v, _ := copying(t)
	s := v.serve(t, func(c *accounts.Config) {
		c.Store, c.Required = forgetful{v.store}, accounts.RequiredActions{Terms: "2"}
	})
	owes(t, "her account not read again", mustLogin(t, s, "anna", "tulip").Required, accounts.ActionAcceptTerms)
}

// A verified address is asked for where it can be shown, until it was: of everybody, and of nobody if no letter can be sent. What
// the old store says of it counts, and a mailbox that a reset has proven does.
func TestVerifiedEmailIsOwed(t *testing.T) {
	t.Parallel()
	verify, terms := accounts.ActionVerifyEmail, accounts.ActionAcceptTerms
	unknown, known := salted(t, "7", "anna", "tulip"), salted(t, "8", "bert", "rose")
	unknown.Phone, unknown.Profile.PhoneVerified = "+4915100000001", true
	known.Profile.EmailVerified = true
	v := newVillage(t, phase.DualWrite, accounts.CopyBackFull, unknown, known, salted(t, "9", "carl", "daisy"))
	required := accounts.RequiredActions{Email: true, Terms: "2"}
	v.asks(t, required, v.post)
	for _, to := range []phase.Phase{phase.LegacyOnly, phase.Shadow, phase.Both, phase.Ramp} {
		if to != phase.LegacyOnly {
			v.move(t, to)
		}
		owes(t, to.String(), mustLogin(t, v.Service, "anna", "tulip").Required)
	}
	v.move(t, phase.NewFirst)
	p := mustLogin(t, v.Service, "anna", "tulip")
	owes(t, "in new-first", p.Required, verify, terms)
	owes(t, "bert, who has shown it to the shop", mustLogin(t, v.Service, "bert", "rose").Required, terms)

	renewed := renewing{village: v, session: v.open(t, p)}
	must(t, "ask", v.askEmail(t, renewed.session, "tulip", "anna@example.org"), nil)
	token := v.letter(t, accounts.LetterVerify, "anna@example.org")
	accepted := "2"
	must(t, "accept", v.UpdateProfile(t.Context(), accounts.ProfileChange{Session: renewed.session, AcceptedTerms: &accepted}), nil)
	renewed.owes(t, "before she uses the link", verify)
	must(t, "confirm", confirmEmail(t, v.Service, token), nil)
	renewed.owes(t, "with it done")
	owes(t, "at last", mustLogin(t, v.Service, "anna", "tulip").Required)

	must(t, "carl's reset", confirmReset(t, v.Service, v.token(t, "carl"), orchids), nil)
	owes(t, "carl after a reset", mustLogin(t, v.Service, "carl", orchids).Required, terms)

	mustRegister(t, v.Service, "yan", "", orchids)
	yan := mustLogin(t, v.Service, "yan", orchids)
	owes(t, "yan, who has no address", yan.Required, verify, terms)
	renewed = renewing{village: v, session: v.open(t, yan)}
	must(t, "yan asks", v.askEmail(t, renewed.session, orchids, "yan@example.org"), nil)
	must(t, "yan confirms", confirmEmail(t, v.Service, v.letter(t, accounts.LetterVerify, "yan@example.org")), nil)
	renewed.owes(t, "yan with an address", terms)

	mustRegister(t, v.Service, "zoe", "zoe@example.org", orchids)
	owes(t, "zoe, whose letter is on its way", mustLogin(t, v.Service, "zoe", orchids).Required, verify, terms)
	v.asks(t, required, nil)
	owes(t, "zoe where no letter can be sent", mustLogin(t, v.Service, "zoe", orchids).Required, terms)
}
