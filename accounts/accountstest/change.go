package accountstest

import (
	"testing"

	"github.com/google/uuid"

	"rekey/accounts"
)

func changeRules() []rule {
	return []rule{
		{"replace credential", "A credential is replaced only in the version that the writer read; its version grows by one; " +
			"the event is written with it.", testReplace},
		{"replace nothing", "A stale write changes nothing and writes no event: the loser of a race must not undo the winner.",
			testReplaceStale},
		{"contest", "Contest marks an identifier once, with one event, and says whether it was this call.", testContest},
		{"note", "The first note of a (source, legacy id, class) is kept, with one event, however often somebody tries.",
			testNote},
		{"event with change", "If the event cannot be written, the change is not made: nothing happens unaudited.",
			testNoEventNoChange},
	}
}

func testReplace(t *testing.T, s accounts.Store) {
	r := Person("Ada")
	create(t, s, r)
	create(t, s, Person("Bob"))
	next := accounts.Credential{
		Version: 40, // the version that counts is the one that is named
		Scheme:  accounts.SchemeWrapped, Encoded: "$wrap$2", Fold: "trim", Legacy: `{"a":"b"}`,
	}
	e := Event(r.ID, accounts.EventRehashed)
	is(t, "ReplaceCredential", s.ReplaceCredential(t.Context(), r.ID, 1, next, e), nil)
	want := asStored(r)
	want.Credential = next
	want.Credential.Version = 2
	got, err := s.ByID(t.Context(), r.ID)
	is(t, "ByID", err, nil)
	same(t, "ByID", got, want)
	same(t, "event", events(t, s, r.ID, 2)[1], eventAsStored(e))
	whole(t, s, Person("Bob"))
}

func testReplaceStale(t *testing.T, s accounts.Store) {
	r := Person("Ada")
	create(t, s, r)
	next := accounts.Credential{Scheme: accounts.SchemeArgon2id, Encoded: encoded("next")}
	for _, from := range []int64{0, 2, -1} {
		err := s.ReplaceCredential(t.Context(), r.ID, from, next, Event(r.ID, accounts.EventRehashed))
		is(t, "ReplaceCredential from another version", err, accounts.ErrStale)
	}
	whole(t, s, r)
	nobody := uuid.Must(uuid.NewV7())
	err := s.ReplaceCredential(t.Context(), nobody, 1, next, Event(nobody, accounts.EventRehashed))
	is(t, "ReplaceCredential of nobody", err, accounts.ErrNotFound)
	events(t, s, nobody, 0)
}

func testContest(t *testing.T, s accounts.Store) {
	r := Person("Ada")
	create(t, s, r)
	canonical := r.Identifiers[1].Canonical
	for i, want := range []bool{true, false, false} {
		did, err := s.Contest(t.Context(), canonical, Event(r.ID, accounts.EventContested))
		is(t, "Contest", err, nil)
		same(t, numbered("Contest", i), did, want)
	}
	events(t, s, r.ID, 2)
	got, err := s.ByIdentifier(t.Context(), canonical)
	is(t, "ByIdentifier", err, nil)
	want := asStored(r)
	want.Identifiers = []accounts.Identifier{r.Identifiers[0], r.Identifiers[1]}
	want.Identifiers[1].Contested = true
	same(t, "ByIdentifier", got, want)

	did, err := s.Contest(t.Context(), "nobody", Event(r.ID, accounts.EventContested))
	is(t, "Contest of an identifier that is not there", err, nil)
	same(t, "Contest of an identifier that is not there", did, false)
	events(t, s, r.ID, 2)
}

func testNote(t *testing.T, s accounts.Store) {
	n := accounts.Note{Source: "shop", LegacyID: "7", Class: accounts.NoteUnreadableHash, Reason: "first", At: now()}
	id := accounts.SubjectFor(n.Source, n.LegacyID)
	for i, want := range []bool{true, false, false} {
		did, err := s.AddNote(t.Context(), n, Event(id, accounts.EventQuarantined))
		is(t, "AddNote", err, nil)
		same(t, numbered("AddNote", i), did, want)
		n.Reason, n.At = "later", now().AddDate(0, 0, 1)
	}
	events(t, s, id, 1)
	n.Class = accounts.NoteContested
	did, err := s.AddNote(t.Context(), n, Event(id, accounts.EventQuarantined))
	is(t, "AddNote of another class", onceTrue(did, err), nil)
	events(t, s, id, 2)
	notes, err := s.Notes(t.Context(), 10)
	is(t, "Notes", err, nil)
	same(t, "notes", len(notes), 2)
	same(t, "the first reason", notes[len(notes)-1].Reason, "first")
}

func testNoEventNoChange(t *testing.T, s accounts.Store) {
	r := Person("Ada")
	create(t, s, r)
	session := newSession(r.ID)
	is(t, "CreateSession", s.CreateSession(t.Context(), session), nil)
	used := events(t, s, r.ID, 1)[0] // an event whose id is there cannot be written again

	next := accounts.Credential{Scheme: accounts.SchemeArgon2id, Encoded: encoded("next")}
	note := accounts.Note{Source: "shop", LegacyID: "7", Class: accounts.NoteContested, At: now()}
	key := newKey(1, "a")
	revocable := staffToken("anna")
	addStaff(t, s, revocable)
	for name, change := range map[string]func() error{
		"ReplaceCredential": func() error { return s.ReplaceCredential(t.Context(), r.ID, 1, next, used) },
		"SetPassword":       func() error { return s.SetPassword(t.Context(), r.ID, 1, next, uuid.Nil, used) },
		"Delete":            func() error { return s.Delete(t.Context(), r.ID, 1, now(), used) },
		"Contest":           func() error { _, err := s.Contest(t.Context(), "ada", used); return err },
		"AddNote":           func() error { _, err := s.AddNote(t.Context(), note, used); return err },
		"RevokeSession":     func() error { _, err := s.RevokeSession(t.Context(), session.ID, now(), used); return err },
		"AddSigningKey":     func() error { return s.AddSigningKey(t.Context(), key, used) },
		"Create":            func() error { return s.Create(t.Context(), Person("Bob"), used) },
		"SetDisabled":       func() error { _, _, err := s.SetDisabled(t.Context(), r.ID, true, now(), used); return err },
		"RevokeSessions":    func() error { _, err := s.RevokeSessions(t.Context(), r.ID, now(), used); return err },
		"AddStaffToken":     func() error { return s.AddStaffToken(t.Context(), staffToken("bert"), used) },
		"RevokeStaffToken":  func() error { _, err := s.RevokeStaffToken(t.Context(), revocable.ID, now(), used); return err },
	} {
		noVerdict(t, name+" with an event that cannot be written", change())
	}
	whole(t, s, r)
	_, err := s.ByIdentifier(t.Context(), "bob")
	is(t, "ByIdentifier", err, accounts.ErrNotFound)
	notes, err := s.Notes(t.Context(), 10)
	is(t, "Notes", err, nil)
	same(t, "notes", len(notes), 0)
	keys, err := s.SigningKeys(t.Context())
	is(t, "SigningKeys", err, nil)
	same(t, "keys", len(keys), 0)
	got, err := s.Session(t.Context(), session.ID)
	is(t, "Session", err, nil)
	same(t, "session", got, sessionAsStored(session))
	tokens, err := s.StaffTokens(t.Context())
	is(t, "StaffTokens", err, nil)
	same(t, "staff tokens", tokens, []accounts.StaffToken{staffAsStored(revocable)})
}
