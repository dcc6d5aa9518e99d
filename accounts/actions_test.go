package accounts_test

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"rekey/accounts"
	"rekey/accounts/phase"
)

// Nothing is asked before the new store answers for everybody who was moved; then it is asked at the login, and at every
// refresh until it is done.
func TestRequiredActionsAlongThePhases(t *testing.T) {
	t.Parallel()
	v := newVillage(t, phase.DualWrite, accounts.CopyBackFull, salted(t, "7", "anna", "tulip"))
	s := v.serve(t, func(c *accounts.Config) {
		c.Store, c.Lease, c.Now = v.doors, v.leases[0], v.clock.now
		c.Sources = []accounts.Source{{Name: "shop", Source: v.shop, CopyBack: accounts.CopyBackFull}}
		c.Required = accounts.RequiredActions{Schemes: []string{accounts.SchemeRecipe}, Fields: []string{"locale"}, Terms: "2"}
	})
	owes := func(what string, got []accounts.Action, want ...accounts.Action) {
		t.Helper()
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", what, diff)
		}
	}
	all := []accounts.Action{accounts.ActionChangePassword, accounts.ActionCompleteProfile, accounts.ActionAcceptTerms}
	var p accounts.Person
	for _, to := range []phase.Phase{phase.LegacyOnly, phase.Shadow, phase.Both, phase.Ramp} {
		if to != phase.LegacyOnly {
			v.move(t, to)
		}
		p = mustLogin(t, s, "anna", "tulip")
		owes(to.String(), p.Required)
	}
	session := v.open(t, p)
	generation := int64(-1)
	renew := func(what string, want ...accounts.Action) {
		t.Helper()
		generation++
		_, renewed, err := s.Renew(t.Context(), session.ID, generation, time.Now(), time.Hour, 24*time.Hour)
		must(t, "renew", err, nil)
		owes(what+", renewed", renewed.Required, want...)
		resumed, err := s.Resume(t.Context(), session)
		must(t, "resume", err, nil)
		owes(what+", resumed", resumed.Required, want...)
	}
	renew("in the ramp")
	v.move(t, phase.NewFirst)
	owes("in new-first", mustLogin(t, s, "anna", "tulip").Required, all...)
	renew("in new-first", all...)

	must(t, "change", change(s, session, "tulip", tulips), nil)
	renew("with a new password", all[1:]...)
	locale, terms, none := "de-ch", "2", ""
	must(t, "update", s.UpdateProfile(t.Context(), accounts.ProfileChange{Session: session, Locale: &locale, AcceptedTerms: &terms}), nil)
	renew("with all done")
	profile, err := v.store.Profile(t.Context(), anna)
	if err != nil || profile.Locale != "de-CH" {
		t.Errorf("her locale is %q (%v)", profile.Locale, err)
	}
	var policy *accounts.PolicyError
	err = s.UpdateProfile(t.Context(), accounts.ProfileChange{Session: session, Locale: &none})
	if !errors.As(err, &policy) || policy.Field != "locale" {
		t.Errorf("a field that is asked for was emptied: %v", err)
	}
	owes("at last", mustLogin(t, s, "anna", tulips).Required)
}
