package accountstest

import (
	"testing"
	"time"

	"github.com/google/uuid"

	"rekey/accounts"
)

func directoryRules() []rule {
	return []rule{
		{"empty", "A store that answers that it has nothing says ErrNotFound, which is not the same as being unable to tell.",
			testEmpty},
		{"round trip", "What Create stored is what each of ByIdentifier, ByID and ByLink returns, whole, in the given order.",
			testRoundTrip},
		{"born here", "An account needs no legacy link, and has none when it is read.", testBornHere},
		{"bare link", "A link without a legacy creation time has the zero time when it is read, not 1970.", testBareLink},
		{"exact identifier", "Only the canonical identifier finds an account: making it canonical is done once, above the store.",
			testExactIdentifier},
		{"count", "CountAccounts counts accounts, not their identifiers.", testCount},
		{"cannot tell", "A store that could not be asked never answers ErrNotFound: that would send a person who has moved " +
			"back to the legacy store.", testCannotTell},
		{"events", "Events come oldest first and no more than asked for.", testEvents},
		{"notes", "Notes come newest first and no more than asked for.", testNotes},
		{"ping", "Ping says whether the store answers.", testPing},
	}
}

func testEmpty(t *testing.T, s accounts.Store) {
	ctx := t.Context()
	none(t, s, Person("Ada"))
	count(t, s, 0)
	_, err := s.Meta(ctx, "x")
	is(t, "Meta", err, accounts.ErrNotFound)
	_, err = s.Session(ctx, uuid.Must(uuid.NewV7()))
	is(t, "Session", err, accounts.ErrNotFound)
	keys, err := s.SigningKeys(ctx)
	is(t, "SigningKeys", err, nil)
	same(t, "SigningKeys", len(keys), 0)
	notes, err := s.Notes(ctx, 10)
	is(t, "Notes", err, nil)
	same(t, "Notes", len(notes), 0)
}

func testRoundTrip(t *testing.T, s accounts.Store) {
	ctx := t.Context()
	r := Person("Ada")
	r.Disabled = true
	r.Identifiers = []accounts.Identifier{
		{Kind: accounts.Username, Canonical: "zoe", Spelling: "ZOE"}, // sorts last, and must come back first
		{Kind: accounts.Phone, Canonical: "+4930", Spelling: "+49 30", Contested: true},
		{Kind: accounts.Email, Canonical: "ada@example.org", Spelling: "Ada@Example.org"},
		{Kind: accounts.Email, Canonical: "aaa@example.org", Spelling: "aaa@example.org"},
	}
	r.Credential = accounts.Credential{
		Version: 77, // Create begins at 1 whatever it is handed
		Scheme:  accounts.SchemeWrapped, Encoded: "$wrap$1", Fold: "nfc", Legacy: `{"scheme":"bcrypt","cost":"4"}`,
	}
	e := Event(r.ID, accounts.EventMigrated)
	if err := s.Create(ctx, r, e); err != nil {
		t.Fatal(err)
	}
	whole(t, s, r)
	got, err := s.ByID(ctx, r.ID)
	is(t, "ByID", err, nil)
	same(t, "ByID", got, asStored(r))
	same(t, "e-mail", got.Named(accounts.Email), "Ada@Example.org")
	same(t, "event", events(t, s, r.ID, 1)[0], eventAsStored(e))
}

func testBornHere(t *testing.T, s accounts.Store) {
	r := Person("Ada")
	r.Link = nil
	create(t, s, r)
	whole(t, s, r)
}

func testBareLink(t *testing.T, s accounts.Store) {
	r := Person("Ada")
	r.Link.LegacyCreatedAt = time.Time{}
	create(t, s, r)
	whole(t, s, r)
}

func testExactIdentifier(t *testing.T, s accounts.Store) {
	create(t, s, Person("Ada"))
	for _, other := range []string{"Ada", "ADA@EXAMPLE.ORG", "ada ", " ada", "ad_", "ad%", "a", "", "adà"} {
		_, err := s.ByIdentifier(t.Context(), other)
		is(t, "ByIdentifier "+other, err, accounts.ErrNotFound)
	}
	_, err := s.ByLink(t.Context(), "Shop", "Ada")
	is(t, "ByLink of another source", err, accounts.ErrNotFound)
	_, err = s.ByLink(t.Context(), "shop", "ada")
	is(t, "ByLink of another id", err, accounts.ErrNotFound)
}

func testCount(t *testing.T, s accounts.Store) {
	for i := range 3 {
		create(t, s, Person(numbered("p", i)))
		count(t, s, int64(i+1))
	}
}

func testCannotTell(t *testing.T, s accounts.Store) {
	r := Person("Ada")
	create(t, s, r)
	id := uuid.Must(uuid.NewV7())
	for name, ask := range map[string]func() error{
		"ByIdentifier":         func() error { _, err := s.ByIdentifier(cancelled(), "ada"); return err },
		"ByIdentifier, nobody": func() error { _, err := s.ByIdentifier(cancelled(), "nobody"); return err },
		"ByID":                 func() error { _, err := s.ByID(cancelled(), id); return err },
		"ByLink":               func() error { _, err := s.ByLink(cancelled(), "shop", "x"); return err },
		"Create":               func() error { return s.Create(cancelled(), r, Event(r.ID, accounts.EventMigrated)) },
		"ReplaceCredential": func() error {
			return s.ReplaceCredential(cancelled(), id, 1, r.Credential, Event(id, accounts.EventRehashed))
		},
		"SetPassword": func() error {
			return s.SetPassword(cancelled(), id, 1, r.Credential, uuid.Nil, Event(id, accounts.EventPassword))
		},
		"Delete":        func() error { return s.Delete(cancelled(), id, 1, now(), Event(id, accounts.EventDeleted)) },
		"Tombstone":     func() error { _, err := s.Tombstone(cancelled(), "shop", "x"); return err },
		"Session":       func() error { _, err := s.Session(cancelled(), id); return err },
		"RotateSession": func() error { _, err := s.RotateSession(cancelled(), id, 0, now(), now()); return err },
		"RenewSession": func() error {
			_, _, err := s.RenewSession(cancelled(), id, 0, now(), time.Hour, time.Hour)
			return err
		},
		"Meta": func() error { _, err := s.Meta(cancelled(), "x"); return err },
		"Ping": func() error { return s.Ping(cancelled()) },
	} {
		noVerdict(t, name+" with a context that has ended", ask())
	}
}

func testEvents(t *testing.T, s accounts.Store) {
	r := Person("Ada")
	create(t, s, r)
	create(t, s, Person("Bob"))
	want := []accounts.EventKind{accounts.EventMigrated}
	for i := range 3 {
		next := accounts.Credential{Scheme: accounts.SchemeArgon2id, Encoded: encoded(numbered("h", i))}
		err := s.ReplaceCredential(t.Context(), r.ID, int64(i+1), next, Event(r.ID, accounts.EventRehashed))
		is(t, "ReplaceCredential", err, nil)
		want = append(want, accounts.EventRehashed)
	}
	all := events(t, s, r.ID, len(want))
	for i, e := range all {
		same(t, "kind", e.Kind, want[i])
	}
	two, err := s.Events(t.Context(), r.ID, 2)
	is(t, "Events", err, nil)
	same(t, "the first two", two, all[:2])
	no, err := s.Events(t.Context(), r.ID, 0)
	is(t, "Events", err, nil)
	same(t, "none asked for", len(no), 0)
}

func testNotes(t *testing.T, s accounts.Store) {
	var want []accounts.Note
	for i := range 3 {
		n := accounts.Note{
			Source: "shop", LegacyID: numbered("p", i), Class: accounts.NoteUnreadableHash, Reason: "over the bounds",
			At: now().Add(time.Duration(i) * time.Microsecond),
		}
		id := accounts.SubjectFor(n.Source, n.LegacyID)
		did, err := s.AddNote(t.Context(), n, Event(id, accounts.EventQuarantined))
		is(t, "AddNote", onceTrue(did, err), nil)
		n.At = stored(n.At)
		want = append([]accounts.Note{n}, want...)
	}
	got, err := s.Notes(t.Context(), 10)
	is(t, "Notes", err, nil)
	same(t, "Notes", got, want)
	got, err = s.Notes(t.Context(), 2)
	is(t, "Notes", err, nil)
	same(t, "two notes", got, want[:2])
}

func testPing(t *testing.T, s accounts.Store) {
	is(t, "Ping", s.Ping(t.Context()), nil)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if s.Ping(t.Context()) == nil {
		t.Error("Ping of a closed store: no error")
	}
}
