package accountstest

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"rekey/accounts"
	"rekey/accounts/phase"
)

func deskRules() []rule {
	return []rule{
		{"search", "An account is found once by any part of its identifiers, and no character of the part means anything but itself.", testSearch},
		{"search bound", "A search returns so many and no more, in the order of the identifiers.", testSearchBound},
		{"notes about", "The notes about a legacy person are returned, newest first, whether or not they have an account.", testNotesAbout},
		{"clear guesses", "Guesses that were given back can be taken again, with one event; nobody else gets any.", testClearGuesses},
		{"add event", "An event stands by itself, of somebody who is not here too.", testAddEvent},
		{"revert", "A move is taken back once: the copy is behind legacy, its sessions end, and one event counts them.", testRevert},
		{"revert kept", "Nothing is taken back of an account that was changed here, is in doubt, is pinned, or owes a delivery.", testRevertKept},
		{"revert stale", "A move is taken back only as it was read: another password or another link is stale, and nothing is written.", testRevertStale},
		{"revert epoch", "In another epoch nothing is taken back.", testRevertEpoch},
		{"revert and change", "A new password and the end of its move, at once: never is the move taken back of a password that legacy does not know.",
			testRevertAndChange},
		{"revert race", "Of 50 that take a move back one does.", testRevertRace},
	}
}

func testAddEvent(t *testing.T, s accounts.Store) {
	person := accounts.SubjectFor("shop", "7")
	is(t, "AddEvent", s.AddEvent(t.Context(), Event(person, accounts.EventMoveRefused)), nil)
	events(t, s, person, 1)
}

func search(t *testing.T, s accounts.Store, part string, limit int, want ...accounts.Record) {
	t.Helper()
	ids, err := s.SearchIdentifiers(t.Context(), part, limit)
	is(t, "SearchIdentifiers", err, nil)
	var wanted []uuid.UUID
	for _, r := range want {
		wanted = append(wanted, r.ID)
	}
	same(t, fmt.Sprintf("found by %q", part), ids, wanted)
}

func testSearch(t *testing.T, s accounts.Store) {
	ada, bob, odd, gone := Person("Ada"), Person("Bob"), Person("Odd"), Person("Gone")
	odd.Identifiers[0].Canonical = `100%_sure!\`
	for _, r := range []accounts.Record{ada, bob, odd, gone} {
		create(t, s, r)
	}
	is(t, "Delete", s.Delete(t.Context(), gone.ID, 1, now(), Event(gone.ID, accounts.EventDeleted)), nil)
	search(t, s, "ada", 9, ada)
	search(t, s, "da@ex", 9, ada)
	search(t, s, "@example.org", 9, ada, bob, odd)
	search(t, s, "gone", 9)
	search(t, s, "0%_su", 9, odd)
	search(t, s, `re!\`, 9, odd)
	for _, nobody := range []string{"%", "_", "a_a", "a%a", "!", "zoe", "'", "a' OR '1'='1"} {
		if nobody == "%" || nobody == "_" || nobody == "!" {
			search(t, s, nobody, 9, odd)
			continue
		}
		search(t, s, nobody, 9)
	}
}

func testSearchBound(t *testing.T, s accounts.Store) {
	var all []accounts.Record
	for i := range 12 {
		r := Person(numbered("user", 10+i))
		create(t, s, r)
		all = append(all, r)
	}
	search(t, s, "user", 5, all[:5]...)
	search(t, s, "user", 12, all...)
	search(t, s, "user", 0)
}

func testNotesAbout(t *testing.T, s accounts.Store) {
	var want []accounts.Note
	for i, class := range []accounts.NoteClass{accounts.NoteContested, accounts.NoteUnreadableHash} {
		n := accounts.Note{Source: "shop", LegacyID: "7", Class: class, Reason: "r", At: now().Add(time.Duration(i) * time.Second)}
		did, err := s.AddNote(t.Context(), n, Event(accounts.SubjectFor("shop", "7"), accounts.EventQuarantined))
		is(t, "AddNote", onceTrue(did, err), nil)
		n.At = stored(n.At)
		want = append([]accounts.Note{n}, want...)
	}
	notes, err := s.NotesAbout(t.Context(), accounts.LegacyKey{Source: "shop", LegacyID: "7"})
	is(t, "NotesAbout", err, nil)
	same(t, "the notes", notes, want)
	for _, other := range []accounts.LegacyKey{{Source: "shop", LegacyID: "8"}, {Source: "blog", LegacyID: "7"}} {
		notes, err := s.NotesAbout(t.Context(), other)
		is(t, "NotesAbout", err, nil)
		same(t, "notes about others", len(notes), 0)
	}
}

func testClearGuesses(t *testing.T, s accounts.Store) {
	ada, bob := Person("Ada"), Person("Bob")
	create(t, s, ada) // bob is not here, and has guesses too
	for _, r := range []accounts.Record{ada, bob} {
		for range guessBurst {
			guess(t, s, r.ID, now(), 0)
		}
	}
	is(t, "ClearGuesses", s.ClearGuesses(t.Context(), bob.ID, Event(bob.ID, accounts.EventUnlocked)), nil)
	guess(t, s, bob.ID, now(), 0)
	guess(t, s, ada.ID, now(), guessEvery)
	all := events(t, s, bob.ID, 2) // the last guess, and its return
	same(t, "the kind of the last event", all[len(all)-1].Kind, accounts.EventUnlocked)
}

// revert takes the move of an account back as it was created.
func revert(t *testing.T, s accounts.Writes, r accounts.Record, from int64) ([]uuid.UUID, error) {
	t.Helper()
	return s.Revert(t.Context(), r.ID, from, *asStored(r).Link, now(), Event(r.ID, accounts.EventReverted))
}

// marked fails unless the account's link is marked as behind legacy, or not, and nothing else of it has changed.
func marked(t *testing.T, s accounts.Store, r accounts.Record, want bool) {
	t.Helper()
	got, err := s.ByID(t.Context(), r.ID)
	is(t, "ByID", err, nil)
	link := *asStored(r).Link
	link.Dirty = want
	same(t, "the link", *got.Link, link)
}

func testRevert(t *testing.T, s accounts.Store) {
	ada, bob := Person("Ada"), Person("Bob")
	create(t, s, ada)
	create(t, s, bob)
	session := newSession(ada.ID)
	is(t, "CreateSession", s.CreateSession(t.Context(), session), nil)
	ended, err := revert(t, s, ada, 1)
	is(t, "Revert", err, nil)
	same(t, "the ended sessions", ended, []uuid.UUID{session.ID})
	marked(t, s, ada, true)
	marked(t, s, bob, false)
	all := events(t, s, ada.ID, 2)
	same(t, "the sessions in the event", all[1].Detail["sessions"], "1")
	_, err = revert(t, s, ada, 1)
	is(t, "Revert again", err, accounts.ErrStale)
	events(t, s, ada.ID, 2)
	nobody := Person("Zoe")
	_, err = revert(t, s, nobody, 1)
	is(t, "Revert of nobody", err, accounts.ErrNotFound)
	is(t, "Delete", s.Delete(t.Context(), bob.ID, 1, now(), Event(bob.ID, accounts.EventDeleted)), nil)
	_, err = revert(t, s, bob, 1)
	is(t, "Revert of a deleted account", err, accounts.ErrNotFound)
}

func testRevertKept(t *testing.T, s accounts.Store) {
	first(t, s, phase.Lazy)
	for name, change := range map[string]func(r accounts.Record) error{
		"changed": func(r accounts.Record) error {
			// A delivery that was told of leaves the version as it is; what legacy never hears of keeps the account here.
			name := "another"
			return s.UpdateProfile(t.Context(), r.ID, accounts.Update{DisplayName: &name}, Event(r.ID, accounts.EventProfileChanged))
		},
		"in doubt": func(r accounts.Record) error {
			_, err := s.BeginIntent(t.Context(), delivery(r.ID, accounts.DeliverPassword), now().Add(time.Minute))
			return err
		},
	} {
		r := Person(strings.ReplaceAll(name, " ", "-"))
		create(t, s, r)
		is(t, name, change(r), nil)
		before := len(eventsOf(t, s, r.ID))
		_, err := revert(t, s, r, 1)
		is(t, "Revert of an account that is "+name, err, accounts.ErrStale)
		marked(t, s, r, false)
		same(t, "events", len(eventsOf(t, s, r.ID)), before)
	}
	r := Person("Owing")
	create(t, s, r)
	next := accounts.Credential{Scheme: accounts.SchemeArgon2id, Encoded: encoded("next")}
	is(t, "SetPassword", s.SetPassword(t.Context(), r.ID, 1, next, uuid.Nil, Event(r.ID, accounts.EventPassword), delivery(r.ID, accounts.DeliverPassword)), nil)
	_, err := revert(t, s, r, 2)
	is(t, "Revert of an account that owes", err, accounts.ErrStale)
	marked(t, s, r, false)

	r = Person("Told") // of what nobody has changed here, a legacy store may have to hear all the same
	r.Owed = []accounts.Delivery{delivery(r.ID, accounts.DeliverDelete)}
	create(t, s, r)
	_, err = revert(t, s, r, 1)
	is(t, "Revert of an account that owes from the first", err, accounts.ErrStale)
	marked(t, s, r, false)

	r = Person("Pinned")
	create(t, s, r)
	address := accounts.Identifier{Kind: accounts.Email, Canonical: "new@example.org", Spelling: "new@example.org", Verified: true}
	is(t, "SetEmail", s.SetEmail(t.Context(), r.ID, 1, address, Event(r.ID, accounts.EventEmail), nil), nil)
	_, err = revert(t, s, r, 2)
	is(t, "Revert of an account that is pinned", err, accounts.ErrStale)
	marked(t, s, r, false)
}

// eventsOf returns all events of an account.
func eventsOf(t *testing.T, s accounts.Store, account uuid.UUID) []accounts.Event {
	t.Helper()
	all, err := s.Events(t.Context(), account, 1000)
	is(t, "Events", err, nil)
	return all
}

func testRevertStale(t *testing.T, s accounts.Store) {
	r := Person("Ada")
	create(t, s, r)
	_, err := revert(t, s, r, 2)
	is(t, "Revert of another password", err, accounts.ErrStale)
	for name, change := range map[string]func(*accounts.LegacyLink){
		"fingerprint": func(l *accounts.LegacyLink) { l.Fingerprint = []byte{7} },
		"epoch":       func(l *accounts.LegacyLink) { l.CopiedEpoch++ },
		"drift":       func(l *accounts.LegacyLink) { l.Drifted = true },
		"bar":         func(l *accounts.LegacyLink) { l.Barred = accounts.BarredGone },
		"key":         func(l *accounts.LegacyLink) { l.LegacyID = "8" },
	} {
		was := *asStored(r).Link
		change(&was)
		_, err := s.Revert(t.Context(), r.ID, 1, was, now(), Event(r.ID, accounts.EventReverted))
		is(t, "Revert with another "+name, err, accounts.ErrStale)
	}
	marked(t, s, r, false)
	events(t, s, r.ID, 1)
}

func testRevertEpoch(t *testing.T, s accounts.Store) {
	state := first(t, s, phase.Lazy)
	r := Person("Ada")
	create(t, s, r)
	_, err := revert(t, s.At(state.Epoch+1), r, 1)
	is(t, "Revert in another epoch", err, accounts.ErrStaleEpoch)
	marked(t, s, r, false)
	_, err = revert(t, s.At(state.Epoch), r, 1)
	is(t, "Revert", err, nil)
}

func testRevertAndChange(t *testing.T, s accounts.Store) {
	for i := range 10 {
		r := Person(numbered("user", i))
		create(t, s, r)
		next := accounts.Credential{Scheme: accounts.SchemeArgon2id, Encoded: encoded("next")}
		errs := together(2, func(i int) error {
			if i == 0 {
				return s.SetPassword(t.Context(), r.ID, 1, next, uuid.Nil, Event(r.ID, accounts.EventPassword))
			}
			_, err := revert(t, s, r, 1)
			return err
		})
		is(t, "SetPassword", errs[0], nil)
		got, err := s.ByID(t.Context(), r.ID)
		is(t, "ByID", err, nil)
		switch {
		case !got.ChangedHere || got.Credential.Version != 2:
			t.Errorf("the new password is not what stays: version %d, changed here %t", got.Credential.Version, got.ChangedHere)
		case errs[1] == nil && !got.Link.Dirty, errs[1] != nil && (!errors.Is(errs[1], accounts.ErrStale) || got.Link.Dirty):
			t.Errorf("Revert: %v, and the link is marked: %t", errs[1], got.Link.Dirty)
		}
	}
}

func testRevertRace(t *testing.T, s accounts.Store) {
	r := Person("Ada")
	create(t, s, r)
	done := 0
	for _, err := range together(crowd, func(int) error { _, err := revert(t, s, r, 1); return err }) {
		if err == nil {
			done++
		} else {
			is(t, "Revert", err, accounts.ErrStale)
		}
	}
	same(t, "who took it back", done, 1)
	events(t, s, r.ID, 2)
}
