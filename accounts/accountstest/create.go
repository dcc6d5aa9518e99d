package accountstest

import (
	"context"
	"testing"
	"time"

	"github.com/google/uuid"

	"rekey/accounts"
)

func createRules() []rule {
	return []rule{
		{"again", "Creating a legacy person again is ErrLinked and changes nothing: whoever could not see how the first " +
			"try ended may ask again.", testCreateAgain},
		{"linked before taken", "If both the person and an identifier are there, the answer is ErrLinked: the loser of a race " +
			"must look for the account of the person, not for a stranger's.", testLinkedFirst},
		{"same id", "An account id that is there is ErrLinked, whatever the link says.", testSameID},
		{"same link", "A (source, legacy id) that is there is ErrLinked, whatever the account id is.", testSameLink},
		{"several links", "An account made from several legacy people is found by each of them, and is named after the first; if " +
			"one of them has an account already, it is ErrLinked.", testSeveralLinks},
		{"profile", "What moves beside the password comes back as it was, and belongs to the account alone.", testProfile},
		{"external identity taken", "An identity at a provider belongs to one account: the second is created without it.",
			testExternalTaken},
		{"taken", "An identifier of another account is ErrTaken, and nothing of the new account stays.", testTaken},
		{"one namespace", "A username and an e-mail address with the same canonical form cannot belong to two accounts.",
			testOneNamespace},
		{"all or none", "If any row of an account is refused, none of it is stored.", testAllOrNone},
		{"no plaintext", "What is not argon2id or wrapped is refused by the store itself: a mistake above it must not put " +
			"a plaintext or a bare legacy hash on the disk.", testNoPlaintext},
		{"cancelled", "A context that ends leaves the whole account or nothing behind, and no error means the whole.",
			testCancelled},
	}
}

func testCreateAgain(t *testing.T, s accounts.Store) {
	r := Person("Ada")
	create(t, s, r)
	again := r
	again.Credential.Encoded = encoded("other")
	is(t, "Create again", s.Create(t.Context(), again, Event(r.ID, accounts.EventMigrated)), accounts.ErrLinked)
	whole(t, s, r)
	count(t, s, 1)
}

func testLinkedFirst(t *testing.T, s accounts.Store) {
	ada, bob := Person("Ada"), Person("Bob")
	create(t, s, ada)
	create(t, s, bob)
	mixed := ada
	mixed.Identifiers = bob.Identifiers
	is(t, "Create", s.Create(t.Context(), mixed, Event(ada.ID, accounts.EventMigrated)), accounts.ErrLinked)
	mixed.ID = uuid.Must(uuid.NewV7())
	is(t, "Create", s.Create(t.Context(), mixed, Event(mixed.ID, accounts.EventMigrated)), accounts.ErrLinked)
	events(t, s, mixed.ID, 0)
	whole(t, s, ada)
	whole(t, s, bob)
}

func testSameID(t *testing.T, s accounts.Store) {
	r := Person("Ada")
	create(t, s, r)
	other := Person("Bob")
	other.ID = r.ID
	is(t, "Create", s.Create(t.Context(), other, Event(r.ID, accounts.EventMigrated)), accounts.ErrLinked)
	other.Link = nil
	is(t, "Create without a link", s.Create(t.Context(), other, Event(r.ID, accounts.EventMigrated)), accounts.ErrLinked)
	whole(t, s, r)
}

func testSameLink(t *testing.T, s accounts.Store) {
	r := Person("Ada")
	create(t, s, r)
	other := Person("Bob")
	other.Link = r.Link
	is(t, "Create", s.Create(t.Context(), other, Event(other.ID, accounts.EventMigrated)), accounts.ErrLinked)
	whole(t, s, r)
	other.Link = nil
	none(t, s, other)
}

func testSeveralLinks(t *testing.T, s accounts.Store) {
	r := Person("Ada")
	second := *r.Link
	second.Source, second.LegacyID, second.At = "crm", "a-7", r.Link.At.Add(time.Microsecond)
	r.Also = []accounts.LegacyLink{second}
	create(t, s, r)
	want := asStored(r)
	want.Also = nil
	for _, link := range []accounts.LegacyLink{*r.Link, second} {
		got, err := s.ByLink(t.Context(), link.Source, link.LegacyID)
		is(t, "ByLink", err, nil)
		same(t, "ByLink", got, want)
	}
	other := Person("Bob")
	other.Also = []accounts.LegacyLink{second}
	is(t, "Create with a link that is there", s.Create(t.Context(), other, Event(other.ID, accounts.EventMigrated)), accounts.ErrLinked)
	other.Also = nil
	none(t, s, other)
}

func testProfile(t *testing.T, s accounts.Store) {
	full := accounts.Profile{
		DisplayName: "Ada \"the first\"", Locale: "en-GB", Roles: []string{"admin", "a,b"}, Groups: []string{"ünïcode"},
		Attributes: map[string]string{"plan": "gold", "empty": ""},
	}
	ada, bob := Person("Ada"), Person("Bob")
	ada.Identifiers[1].Verified = true
	ada.Profile = &full
	ada.Factors = []accounts.Factor{
		{ID: uuid.Must(uuid.NewV7()), Kind: accounts.FactorTOTP, Name: "phone", Secret: []byte{0, 1, 0xff}},
		{ID: uuid.Must(uuid.NewV7()), Kind: accounts.FactorRecovery, Secret: []byte("r1")},
		{ID: uuid.Must(uuid.NewV7()), Kind: accounts.FactorRecovery, Secret: []byte("r2")},
	}
	ada.External = []accounts.ExternalIdentity{{Provider: "google", Subject: "17"}, {Provider: "github", Subject: "17"}}
	create(t, s, ada)
	create(t, s, bob)
	for _, x := range []struct {
		record  accounts.Record
		profile accounts.Profile
	}{{ada, full}, {bob, accounts.Profile{}}} {
		got, err := s.Profile(t.Context(), x.record.ID)
		is(t, "Profile", err, nil)
		same(t, "Profile", got, x.profile)
		factors, err := s.Factors(t.Context(), x.record.ID)
		is(t, "Factors", err, nil)
		same(t, "Factors", factors, x.record.Factors)
		external, err := s.ExternalIdentities(t.Context(), x.record.ID)
		is(t, "ExternalIdentities", err, nil)
		same(t, "ExternalIdentities", len(external), len(x.record.External))
	}
	rec, err := s.ByID(t.Context(), ada.ID)
	is(t, "ByID", err, nil)
	same(t, "verified", rec.Identifiers[1].Verified, true)
	same(t, "not verified", rec.Identifiers[0].Verified, false)
	_, err = s.Profile(t.Context(), uuid.Must(uuid.NewV7()))
	is(t, "Profile of nobody", err, accounts.ErrNotFound)
}

func testExternalTaken(t *testing.T, s accounts.Store) {
	ada, bob := Person("Ada"), Person("Bob")
	same17 := []accounts.ExternalIdentity{{Provider: "google", Subject: "17"}}
	ada.External = same17
	bob.External = append(same17, accounts.ExternalIdentity{Provider: "google", Subject: "18"})
	create(t, s, ada)
	create(t, s, bob)
	got, err := s.ExternalIdentities(t.Context(), bob.ID)
	is(t, "ExternalIdentities", err, nil)
	same(t, "ExternalIdentities of the second", got, bob.External[1:])
	got, err = s.ExternalIdentities(t.Context(), ada.ID)
	is(t, "ExternalIdentities", err, nil)
	same(t, "ExternalIdentities of the first", got, same17)
}

func testTaken(t *testing.T, s accounts.Store) {
	ada, bob := Person("Ada"), Person("Bob")
	create(t, s, ada)
	taken := bob
	taken.Identifiers = []accounts.Identifier{bob.Identifiers[0], ada.Identifiers[1]}
	is(t, "Create", s.Create(t.Context(), taken, Event(bob.ID, accounts.EventMigrated)), accounts.ErrTaken)
	none(t, s, bob)
	whole(t, s, ada)
	create(t, s, bob)
	whole(t, s, bob)
}

func testOneNamespace(t *testing.T, s accounts.Store) {
	ada, bob := Person("Ada"), Person("Bob")
	create(t, s, ada)
	bob.Identifiers = []accounts.Identifier{{Kind: accounts.Phone, Canonical: "ada", Spelling: "ada"}}
	is(t, "Create", s.Create(t.Context(), bob, Event(bob.ID, accounts.EventMigrated)), accounts.ErrTaken)
}

func testAllOrNone(t *testing.T, s accounts.Store) {
	for name, spoil := range map[string]func(*accounts.Record, *accounts.Event){
		"no id":            func(r *accounts.Record, _ *accounts.Event) { r.ID = uuid.Nil },
		"empty identifier": func(r *accounts.Record, _ *accounts.Event) { r.Identifiers[1].Canonical = "" },
		"unknown kind":     func(r *accounts.Record, _ *accounts.Event) { r.Identifiers[1].Kind = "shoe size" },
		"identifier twice": func(r *accounts.Record, _ *accounts.Event) {
			r.Identifiers[1].Canonical = r.Identifiers[0].Canonical
		},
		"no hash":                 func(r *accounts.Record, _ *accounts.Event) { r.Credential.Encoded = "" },
		"empty link":              func(r *accounts.Record, _ *accounts.Event) { r.Link.LegacyID = "" },
		"no reason for the event": func(_ *accounts.Record, e *accounts.Event) { e.Kind = "" },
	} {
		r := Person("Ada")
		e := Event(r.ID, accounts.EventMigrated)
		spoil(&r, &e)
		noVerdict(t, "Create, "+name, s.Create(t.Context(), r, e))
		none(t, s, Person("Ada"))
		count(t, s, 0)
	}
}

func testNoPlaintext(t *testing.T, s accounts.Store) {
	ada := Person("Ada")
	create(t, s, ada)
	for name, c := range map[string]accounts.Credential{
		"plaintext":       {Scheme: "plaintext", Encoded: "secret"},
		"bare md5":        {Scheme: "md5", Encoded: "5ebe2294ecd0e0f08eab7690d2a6ee69"},
		"no scheme":       {Encoded: encoded("x")},
		"not argon2id":    {Scheme: accounts.SchemeArgon2id, Encoded: "secret"},
		"argon2i":         {Scheme: accounts.SchemeArgon2id, Encoded: "$argon2i$v=19$m=19456,t=2,p=1$c2FsdA$aGFzaA"},
		"stray parameter": {Scheme: accounts.SchemeArgon2id, Encoded: encoded("x"), Legacy: "{}"},
	} {
		r := Person("Bob")
		r.Credential = c
		if s.Create(t.Context(), r, Event(r.ID, accounts.EventMigrated)) == nil {
			t.Errorf("Create stored a credential that is %s", name)
		}
		none(t, s, Person("Bob"))
		if s.ReplaceCredential(t.Context(), ada.ID, 1, c, Event(ada.ID, accounts.EventRehashed)) == nil {
			t.Errorf("ReplaceCredential stored a credential that is %s", name)
		}
		whole(t, s, ada)
	}
}

func testCancelled(t *testing.T, s accounts.Store) {
	before := Person("before")
	if s.Create(cancelled(), before, Event(before.ID, accounts.EventMigrated)) == nil {
		t.Error("Create with a context that had ended: no error")
	}
	none(t, s, before)

	// The rest are cancelled by somebody who runs beside them, at whatever step they then are.
	for i := range 40 {
		r := Person(numbered("p", i))
		ctx, cancel := context.WithCancel(t.Context())
		begun := make(chan struct{})
		done := make(chan error, 1)
		go func() {
			close(begun)
			done <- s.Create(ctx, r, Event(r.ID, accounts.EventMigrated))
		}()
		<-begun
		for range i { // a little later each time
			_, _ = s.Meta(t.Context(), "nothing") // only to pass the time
		}
		cancel()
		created := <-done
		// A commit that was under way when its context ended may still go through. Asking again waits for that, and
		// tells how it ended.
		again := s.Create(t.Context(), r, Event(r.ID, accounts.EventMigrated))
		if again != nil || created == nil {
			is(t, "Create again", again, accounts.ErrLinked)
		}
		whole(t, s, r)
	}
}
