package accountstest

import (
	"testing"
	"time"

	"github.com/google/uuid"

	"rekey/accounts"
	"rekey/accounts/phase"
)

func factorRules() []rule {
	return []rule{
		{"second factor", "Who has a one-time password generator is read as such with the account, by every way; recovery codes alone " +
			"are no second factor. Without that somebody gets in by a password alone.", testSecondFactor},
		{"debts", "What a person owes is read with the account and with a renewed session; a new password pays that one.", testDebts},
		{"copied factors", "A copy that is made again replaces the factors that moved with the person, where they were read, and none " +
			"that was enrolled here.", testCopiedFactors},
		{"untold", "What no legacy store is told keeps the account at home here, also when the delivery of something else arrives.",
			testUntold},
		{"profile", "An update changes what it names and nothing else, with its events.", testUpdateProfile},
	}
}

func testSecondFactor(t *testing.T, s accounts.Store) {
	ada, bob, carl := Person("Ada"), Person("Bob"), Person("Carl")
	ada.Factors = []accounts.Factor{recovery("r"), generator("a"), generator("b")}
	ada.SecondFactor = true
	bob.Factors = []accounts.Factor{recovery("r")}
	for _, r := range []accounts.Record{ada, bob, carl} {
		create(t, s, r)
		r.Factors = nil
		whole(t, s, r)
		got, err := s.ByID(t.Context(), r.ID)
		is(t, "ByID", err, nil)
		same(t, "ByID", got, asStored(r))
	}
}

func testDebts(t *testing.T, s accounts.Store) {
	first(t, s, phase.Lazy)
	r := Person("Ada")
	r.NeedsChange, r.Incomplete, r.Terms = true, true, "2026-03"
	create(t, s, r)
	whole(t, s, r)
	session := opened(t, s, r.ID, 0)
	_, account, err := s.RenewSession(t.Context(), session.ID, 0, now(), time.Hour, 240*time.Hour)
	is(t, "RenewSession", err, nil)
	same(t, "account of RenewSession", account, asStored(r).Account)

	rehashed := accounts.Credential{Scheme: accounts.SchemeArgon2id, Encoded: encoded("rehashed")}
	is(t, "ReplaceCredential", s.ReplaceCredential(t.Context(), r.ID, 1, rehashed, Event(r.ID, accounts.EventRehashed)), nil)
	owes := func(what string, id uuid.UUID, want bool) {
		t.Helper()
		got, err := s.ByID(t.Context(), id)
		is(t, "ByID", err, nil)
		same(t, what, got.NeedsChange, want)
	}
	owes("after a rehash", r.ID, true)
	setPassword(t, s, r.ID, 2, session.ID)
	owes("after a new password", r.ID, false)

	bob := Person("Bob")
	bob.NeedsChange = true
	create(t, s, bob)
	intent, err := s.BeginIntent(t.Context(), delivery(bob.ID, accounts.DeliverPassword), now().Add(time.Minute))
	is(t, "BeginIntent", err, nil)
	next := newPassword()
	is(t, "FinishDelivery", s.FinishDelivery(t.Context(), intent, accounts.Finish{
		Event: Event(bob.ID, accounts.EventPassword), Credential: &next, At: now(),
	}), nil)
	owes("after a new password that legacy has too", bob.ID, false)
}

func testCopiedFactors(t *testing.T, s accounts.Store) {
	first(t, s, phase.Lazy)
	ada := Person("Ada")
	ada.Factors = []accounts.Factor{recovery("carried")}
	create(t, s, ada)
	copied := func(from int64, want []string, factors ...accounts.Factor) {
		t.Helper()
		next := ada
		next.Factors = factors
		is(t, "Recopy", s.Recopy(t.Context(), next, from, Event(ada.ID, accounts.EventCopied)), nil)
		hasFactors(t, s, ada.ID, want...)
	}
	copied(1, []string{"phone"}, generator("phone"))
	copied(2, []string{"phone"})
	copied(3, nil, []accounts.Factor{}...)
	own := enrolment(ada.ID, "own")
	is(t, "BeginEnrolment", s.BeginEnrolment(t.Context(), own), nil)
	is(t, "AddFactors", enrol(t, s, own, 1), nil)
	copied(4, []string{"own", "of own", "phone"}, generator("phone"))
	copied(5, []string{"own", "of own"}, []accounts.Factor{}...)
}

func testUntold(t *testing.T, s accounts.Store) {
	first(t, s, phase.Lazy)
	ada, bob := Person("Ada"), Person("Bob")
	create(t, s, ada)
	create(t, s, bob)
	owed := owe(t, s, ada, 1)
	e := enrolment(ada.ID, "phone")
	is(t, "BeginEnrolment", s.BeginEnrolment(t.Context(), e), nil)
	is(t, "AddFactors", enrol(t, s, e, 1), nil)
	bobs := owe(t, s, bob, 1)
	for range 2 {
		d, err := s.ClaimDelivery(t.Context(), now(), now().Add(time.Minute))
		is(t, "ClaimDelivery", err, nil)
		is(t, "FinishDelivery", s.FinishDelivery(t.Context(), d, accounts.Finish{Event: Event(d.AccountID, accounts.EventDelivered)}), nil)
	}
	for id, want := range map[uuid.UUID]bool{owed.AccountID: true, bobs.AccountID: false} {
		got, err := s.ByID(t.Context(), id)
		is(t, "ByID", err, nil)
		same(t, "changed here", got.ChangedHere, want)
	}
}

func testUpdateProfile(t *testing.T, s accounts.Store) {
	ada, bob := Person("Ada"), Person("Bob")
	ada.Profile = &accounts.Profile{DisplayName: "Ada", Locale: "en", Roles: []string{"admin"}}
	ada.Incomplete, bob.Incomplete = true, true
	create(t, s, ada)
	create(t, s, bob)
	name, terms := "Ada Berg", "2026-03"
	update := func(id uuid.UUID, u accounts.Update, kinds ...accounts.EventKind) error {
		var all []accounts.Event
		for _, kind := range kinds {
			all = append(all, Event(id, kind))
		}
		return s.UpdateProfile(t.Context(), id, u, all...)
	}
	is(t, "UpdateProfile", update(ada.ID, accounts.Update{DisplayName: &name, Complete: true}, accounts.EventProfileChanged), nil)
	is(t, "UpdateProfile", update(bob.ID, accounts.Update{DisplayName: &name, Terms: &terms}, accounts.EventProfileChanged, accounts.EventTermsAccepted), nil)
	is(t, "UpdateProfile of nobody", update(uuid.Must(uuid.NewV7()), accounts.Update{Terms: &terms}), accounts.ErrNotFound)
	for _, x := range []struct {
		id         uuid.UUID
		profile    accounts.Profile
		incomplete bool
		terms      string
		events     int
	}{
		{ada.ID, accounts.Profile{DisplayName: name, Locale: "en", Roles: []string{"admin"}}, false, "", 2},
		{bob.ID, accounts.Profile{DisplayName: name}, true, terms, 3},
	} {
		profile, err := s.Profile(t.Context(), x.id)
		is(t, "Profile", err, nil)
		same(t, "Profile", profile, x.profile)
		got, err := s.ByID(t.Context(), x.id)
		is(t, "ByID", err, nil)
		same(t, "incomplete", got.Incomplete, x.incomplete)
		same(t, "terms", got.Terms, x.terms)
		same(t, "changed here", got.ChangedHere, true)
		events(t, s, x.id, x.events)
	}
	carl := Person("Carl")
	create(t, s, carl)
	is(t, "UpdateProfile of the terms alone", update(carl.ID, accounts.Update{Terms: &terms}, accounts.EventTermsAccepted), nil)
	got, err := s.ByID(t.Context(), carl.ID)
	is(t, "ByID", err, nil)
	same(t, "changed here by terms", got.ChangedHere, false)
	deleted(t, s, carl)
	is(t, "UpdateProfile of a deleted person", update(carl.ID, accounts.Update{DisplayName: &name}), accounts.ErrNotFound)
}
