package accountstest

import (
	"errors"
	"testing"

	"github.com/google/uuid"

	"rekey/accounts"
)

// crowd is how many goroutines want the same thing at once.
const crowd = 50

func raceRules() []rule {
	return []rule{
		{"one account", "Of 50 first logins of one person one makes the account; the others are told ErrLinked, so that " +
			"they read it and go on.", testOneAccount},
		{"one identifier", "Of 50 people who want one identifier one gets it; the others are told ErrTaken.", testOneIdentifier},
		{"crossed identifiers", "People whose identifiers overlap in any order end with a verdict, not with a deadlock.",
			testCrossedIdentifiers},
		{"whole accounts", "A reader sees all of an account or nothing, at any moment while it is written.", testWholeAccounts},
		{"credential versions", "Each version of a credential has exactly one writer: 50 that replace in a loop lose no write.",
			testCredentialVersions},
		{"contest", "Of 50 that contest an identifier one does, with one event.", testContestRace},
		{"note", "Of 50 that note the same one does, with one event.", testNoteRace},
		{"meta", "50 that store different values under one name all get the same one back.", testMetaRace},
		{"signing key", "Of 50 that add the same number one does: two processes that rotate at once end with one key.",
			testSigningKeyRace},
	}
}

func testOneAccount(t *testing.T, s accounts.Store) {
	for round := range 4 {
		r := Person(numbered("ada", round))
		errs := together(crowd, func(int) error {
			return s.Create(t.Context(), r, Event(r.ID, accounts.EventMigrated))
		})
		oneWon(t, errs, accounts.ErrLinked)
		whole(t, s, r)
		count(t, s, int64(round+1))
	}
}

func testOneIdentifier(t *testing.T, s accounts.Store) {
	for round := range 4 {
		people := make([]accounts.Record, crowd)
		for i := range people {
			people[i] = Person(numbered(numbered("p", round), i))
			people[i].Identifiers[1] = accounts.Identifier{
				Kind: accounts.Email, Canonical: numbered("shared", round), Spelling: numbered("shared", round),
			}
		}
		errs := together(crowd, func(i int) error {
			return s.Create(t.Context(), people[i], Event(people[i].ID, accounts.EventMigrated))
		})
		winner := oneWon(t, errs, accounts.ErrTaken)
		whole(t, s, people[winner])
		count(t, s, int64(round+1))
	}
}

func testCrossedIdentifiers(t *testing.T, s accounts.Store) {
	for round := range 10 {
		a, b := numbered("a", round), numbered("b", round)
		people := make([]accounts.Record, 8)
		for i := range people {
			people[i] = Person(numbered(numbered("p", round), i))
			ids := []accounts.Identifier{
				{Kind: accounts.Username, Canonical: a, Spelling: a}, {Kind: accounts.Username, Canonical: b, Spelling: b},
			}
			if i%2 == 1 {
				ids[0], ids[1] = ids[1], ids[0]
			}
			people[i].Identifiers = ids
		}
		errs := together(len(people), func(i int) error {
			return s.Create(t.Context(), people[i], Event(people[i].ID, accounts.EventMigrated))
		})
		whole(t, s, people[oneWon(t, errs, accounts.ErrTaken)])
	}
}

func testWholeAccounts(t *testing.T, s accounts.Store) {
	const people = 100
	// Readers pass the people again and again until the writers are done, and once more after that.
	done := make(chan struct{})
	writers := make(chan []error, 1)
	go func() {
		writers <- together(4, func(w int) error {
			for i := w; i < people; i += 4 {
				r := Person(numbered("p", i))
				if err := s.Create(t.Context(), r, Event(r.ID, accounts.EventMigrated)); err != nil {
					return err
				}
			}
			return nil
		})
		close(done)
	}()
	errs := together(4, func(int) error {
		for last := false; !last; {
			select {
			case <-done:
				last = true
			default:
			}
			for i := range people {
				r := Person(numbered("p", i))
				got, err := s.ByIdentifier(t.Context(), r.Identifiers[i%2].Canonical)
				switch {
				case err == nil:
					if len(got.Identifiers) != 2 || got.Link == nil || got.Credential.Version != 1 {
						t.Errorf("a reader saw %d identifiers, link %v, version %d",
							len(got.Identifiers), got.Link != nil, got.Credential.Version)
					}
				case last || !errors.Is(err, accounts.ErrNotFound):
					return err
				}
			}
		}
		return nil
	})
	if err := errors.Join(append(errs, <-writers...)...); err != nil {
		t.Error(err)
	}
}

func testCredentialVersions(t *testing.T, s accounts.Store) {
	r := Person("Ada")
	create(t, s, r)
	const each = 4
	wins := make([]int, crowd)
	errs := together(crowd, func(i int) error {
		for wins[i] < each {
			read, err := s.ByID(t.Context(), r.ID)
			if err != nil {
				return err
			}
			next := accounts.Credential{Scheme: accounts.SchemeArgon2id, Encoded: encoded(numbered("w", i))}
			err = s.ReplaceCredential(t.Context(), r.ID, read.Credential.Version, next, Event(r.ID, accounts.EventRehashed))
			switch {
			case err == nil:
				wins[i]++
			case !errors.Is(err, accounts.ErrStale):
				return err
			}
		}
		return nil
	})
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
	got, err := s.ByID(t.Context(), r.ID)
	is(t, "ByID", err, nil)
	same(t, "version", got.Credential.Version, int64(1+crowd*each))
	events(t, s, r.ID, 1+crowd*each)
}

func testContestRace(t *testing.T, s accounts.Store) {
	r := Person("Ada")
	create(t, s, r)
	errs := together(crowd, func(int) error {
		return onceTrue(s.Contest(t.Context(), "ada", Event(r.ID, accounts.EventContested)))
	})
	oneWon(t, errs, errNotMe)
	events(t, s, r.ID, 2)
}

func testNoteRace(t *testing.T, s accounts.Store) {
	n := accounts.Note{Source: "shop", LegacyID: "7", Class: accounts.NoteContested, Reason: "r", At: now()}
	id := accounts.SubjectFor(n.Source, n.LegacyID)
	errs := together(crowd, func(int) error {
		return onceTrue(s.AddNote(t.Context(), n, Event(id, accounts.EventQuarantined)))
	})
	oneWon(t, errs, errNotMe)
	events(t, s, id, 1)
}

func testMetaRace(t *testing.T, s accounts.Store) {
	for round := range 4 {
		name := numbered("name", round)
		values := make([]string, crowd)
		errs := together(crowd, func(i int) error {
			var err error
			values[i], err = s.MetaOnce(t.Context(), name, numbered("value", i))
			return err
		})
		if err := errors.Join(errs...); err != nil {
			t.Fatal(err)
		}
		stands, err := s.Meta(t.Context(), name)
		is(t, "Meta", err, nil)
		for i, got := range values {
			same(t, numbered("MetaOnce", i), got, stands)
		}
	}
}

func testSigningKeyRace(t *testing.T, s accounts.Store) {
	system := uuid.Must(uuid.NewV7())
	for seq := range int64(4) {
		errs := together(crowd, func(i int) error {
			key := newKey(seq+1, numbered(numbered("key", int(seq)), i))
			return s.AddSigningKey(t.Context(), key, Event(system, accounts.EventKeyRotated))
		})
		winner := oneWon(t, errs, accounts.ErrStale)
		keys, err := s.SigningKeys(t.Context())
		is(t, "SigningKeys", err, nil)
		same(t, "the winner's key", keys[len(keys)-1].ID, numbered(numbered("key", int(seq)), winner))
		same(t, "keys", len(keys), int(seq)+1)
		events(t, s, system, int(seq)+1)
	}
}
