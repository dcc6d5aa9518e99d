package accountstest

import (
	"testing"
	"time"

	"rekey/accounts"
	"rekey/accounts/phase"
)

func verdictRules() []rule {
	return []rule{
		{"kept once", "A disagreement is kept with its event, once, and in the place of an older one of the same person.", testDisagreementKept},
		{"stands", "A disagreement stands while the account lives and its credential and link are those that it names.", testDisagreementStands},
		{"counted", "Disagreements are counted by who took the password, without those that were ignored since.", testDisagreementsCounted},
	}
}

// disagreement is one about somebody as create makes them.
func disagreement(r accounts.Record, taken phase.Store) accounts.Disagreement {
	return accounts.Disagreement{
		Source: r.Link.Source, LegacyID: r.Link.LegacyID, Version: 1, Fingerprint: r.Link.Fingerprint, Taken: taken, At: stored(now()),
	}
}

// keep stores a disagreement, and fails unless the store says that it did, or did not.
func keep(t *testing.T, s accounts.Store, d accounts.Disagreement, want bool) {
	t.Helper()
	kept, err := s.KeepDisagreement(t.Context(), d, Event(accounts.SubjectFor(d.Source, d.LegacyID), accounts.EventDisagreement))
	is(t, "KeepDisagreement", err, nil)
	same(t, "kept", kept, want)
}

// disagrees fails unless these stand, of all and of the people asked for.
func disagrees(t *testing.T, s accounts.Store, want ...accounts.Disagreement) {
	t.Helper()
	all, err := s.Disagreements(t.Context(), 10)
	is(t, "Disagreements", err, nil)
	same(t, "Disagreements", all, want)
	var found []accounts.Disagreement
	for _, d := range want {
		of, err := s.DisagreementsOf(t.Context(), d.Source, []string{d.LegacyID, "nobody", "'\"é"})
		is(t, "DisagreementsOf", err, nil)
		found = append(found, of...)
	}
	same(t, "DisagreementsOf", found, want)
}

func testDisagreementKept(t *testing.T, s accounts.Store) {
	ada, bob := Person("Ada"), Person("quote'\"é")
	ada.Identifiers, bob.Identifiers = ada.Identifiers[:1], bob.Identifiers[:1]
	create(t, s, ada)
	create(t, s, bob)
	disagrees(t, s)
	first := disagreement(ada, phase.Legacy)
	keep(t, s, first, true)
	again := first
	again.At = first.At.Add(time.Minute)
	keep(t, s, again, false)
	disagrees(t, s, first)
	events(t, s, ada.ID, 2) // of the account, and of this

	again.Taken = phase.New
	keep(t, s, again, true)
	other := disagreement(bob, phase.Legacy)
	keep(t, s, other, true)
	disagrees(t, s, again, other)
	newest, err := s.Disagreements(t.Context(), 1)
	is(t, "Disagreements", err, nil)
	same(t, "the newest", newest, []accounts.Disagreement{again})
	none, err := s.DisagreementsOf(t.Context(), "blog", []string{"Ada"})
	is(t, "DisagreementsOf", err, nil)
	same(t, "of another source", len(none), 0)
	none, err = s.DisagreementsOf(t.Context(), "shop", nil)
	is(t, "DisagreementsOf", err, nil)
	same(t, "of nobody", len(none), 0)
}

func testDisagreementStands(t *testing.T, s accounts.Store) {
	people := map[string]accounts.Record{}
	for _, name := range []string{"Absent", "Ada", "Changed", "Copied", "Gone"} {
		people[name] = Person(name)
		if name != "Absent" {
			create(t, s, people[name])
		}
	}
	of := func(name string) accounts.Disagreement { return disagreement(people[name], phase.Legacy) }
	keep(t, s, of("Absent"), false)
	for _, wrong := range []func(*accounts.Disagreement){
		func(d *accounts.Disagreement) { d.Version = 2 },
		func(d *accounts.Disagreement) { d.Fingerprint = []byte("another") },
		func(d *accounts.Disagreement) { d.Source = "blog" },
	} {
		d := of("Ada")
		wrong(&d)
		keep(t, s, d, false)
	}
	events(t, s, people["Ada"].ID, 1)
	for _, name := range []string{"Ada", "Changed", "Copied", "Gone"} {
		keep(t, s, of(name), true)
	}

	changed := people["Changed"]
	next := accounts.Credential{Scheme: accounts.SchemeArgon2id, Encoded: encoded("next")}
	is(t, "ReplaceCredential", s.ReplaceCredential(t.Context(), changed.ID, 1, next, Event(changed.ID, accounts.EventRehashed)), nil)
	copied := asStored(people["Copied"])
	link := *copied.Link
	link.Fingerprint = []byte("another")
	is(t, "SetLink", s.SetLink(t.Context(), *copied.Link, link, Event(copied.ID, accounts.EventDriftSettled)), nil)
	gone := people["Gone"]
	is(t, "Delete", s.Delete(t.Context(), gone.ID, 1, now(), Event(gone.ID, accounts.EventDeleted)), nil)
	marked := asStored(people["Ada"]) // it stands: nobody has copied her again
	is(t, "MarkDirty", s.MarkDirty(t.Context(), accounts.LegacyKey{Source: "shop", LegacyID: marked.Link.LegacyID}), nil)
	disagrees(t, s, of("Ada"))

	late := of("Changed")
	late.Version = 2
	keep(t, s, late, true)
	disagrees(t, s, of("Ada"), late)
}

func testDisagreementsCounted(t *testing.T, s accounts.Store) {
	counts := func(legacy, here int64) {
		t.Helper()
		got, err := s.CountDisagreements(t.Context())
		is(t, "CountDisagreements", err, nil)
		same(t, "counts", got, map[phase.Store]int64{phase.Legacy: legacy, phase.New: here})
	}
	counts(0, 0)
	for name, taken := range map[string]phase.Store{"Ada": phase.Legacy, "Bob": phase.Legacy, "Cid": phase.New} {
		create(t, s, Person(name))
		keep(t, s, disagreement(Person(name), taken), true)
	}
	counts(2, 1)
	ignored := accounts.Ignored{Source: "shop", LegacyID: "Ada", Verdict: accounts.VerdictDifferent, Actor: "cli:ann", Reason: "so", At: now().Add(time.Second)}
	ignore := func() {
		t.Helper()
		is(t, "KeepIgnored", s.KeepIgnored(t.Context(), ignored, Event(accounts.SubjectFor("shop", "Ada"), accounts.EventDifferenceIgnored)), nil)
	}
	ignore() // something else
	counts(2, 1)
	ignored.Verdict = accounts.VerdictDisagreeing
	ignored.At = now().Add(-time.Second)
	ignore() // an older one
	counts(2, 1)
	ignored.At = now().Add(time.Second)
	ignore()
	counts(1, 1)
}
