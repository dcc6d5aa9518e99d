package accountstest

import (
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"rekey/accounts"
)

func quarantineRules() []rule {
	return []rule{
		{"add notes", "Many notes are kept in one transaction with one event that counts the new ones; those that are there are only seen again.", testAddNotes},
		{"list", "Notes come in the order of their keys, as the query says, in pages that neither repeat nor skip one.", testQuarantineList},
		{"moved", "A move resolves the notes that it makes untrue, in its transaction, and no others.", testMovedNotes},
		{"late", "Of somebody who has moved no note is kept that says that they have not, and one that is there is read as resolved.", testLateNotes},
		{"anew", "A note that was resolved and is true again begins anew; one that was skipped stays so.", testNoteAnew},
		{"retry", "A try is counted before it is made; who was skipped is open again then, with an event.", testRetryNotes},
		{"resolve", "What is no longer true of a person is resolved, but for the class that is.", testResolveNotes},
		{"skip", "Who is skipped is so with who and why and one event; again it does nothing.", testSkipNotes},
		{"add race", "Of 50 that put the same people into quarantine one writes the event.", testAddNotesRace},
	}
}

func key(source, id string, class accounts.NoteClass) accounts.NoteKey {
	return accounts.NoteKey{LegacyKey: accounts.LegacyKey{Source: source, LegacyID: id}, Class: class}
}

func noteOf(k accounts.NoteKey, at time.Time) accounts.Note {
	return accounts.Note{Source: k.Source, LegacyID: k.LegacyID, Class: k.Class, Reason: "because of " + string(k.Class), At: at}
}

// addNotes adds notes about people who have not moved, and fails unless so many were new.
func addNotes(t *testing.T, s accounts.Store, want int64, at time.Time, keys ...accounts.NoteKey) accounts.Event {
	t.Helper()
	var notes []accounts.Note
	for _, k := range keys {
		notes = append(notes, noteOf(k, at))
	}
	e := Event(uuid.Must(uuid.NewV7()), accounts.EventQuarantined)
	added, err := s.AddNotes(t.Context(), notes, 0, e)
	is(t, "AddNotes", err, nil)
	same(t, "added", added, want)
	return e
}

// quarantined returns the notes that a query gives, which has no limit of its own.
func quarantined(t *testing.T, s accounts.Store, q accounts.QuarantineQuery) []accounts.QuarantineRow {
	t.Helper()
	q.Limit = 1000
	rows, err := s.Quarantine(t.Context(), q)
	is(t, "Quarantine", err, nil)
	return rows
}

func keysOf(rows []accounts.QuarantineRow) []accounts.NoteKey {
	keys := make([]accounts.NoteKey, 0, len(rows))
	for _, r := range rows {
		keys = append(keys, r.NoteKey)
	}
	return keys
}

func testAddNotes(t *testing.T, s accounts.Store) {
	addNotes(t, s, 0, now())
	var people []accounts.NoteKey
	for i := range 300 {
		people = append(people, key("shop", numbered("p", 299-i), accounts.NoteWeakHash))
	}
	people = append(people, key("shop", `7 "é" \`, accounts.NoteContested), people[0]) // one is there twice
	e := addNotes(t, s, 301, now(), people...)
	got := events(t, s, e.AccountID, 1)
	for name, want := range map[string]string{"people": "301", "weak-hash": "300", "contested": "1", "source": "shop"} {
		same(t, "the event's "+name, got[0].Detail[name], want)
	}
	later := now().Add(time.Hour)
	e = addNotes(t, s, 1, later, people[1], key("shop", "new", accounts.NoteWeakHash))
	same(t, "the event counts the new one", events(t, s, e.AccountID, 1)[0].Detail["people"], "1")
	e = addNotes(t, s, 0, now(), people[1]) // seen earlier: nothing of it is new
	events(t, s, e.AccountID, 0)

	rows := quarantined(t, s, accounts.QuarantineQuery{})
	same(t, "rows", len(rows), 302)
	again := slices.IndexFunc(rows, func(r accounts.QuarantineRow) bool { return r.NoteKey == people[1] })
	same(t, "the one that was seen again", rows[again], accounts.QuarantineRow{
		NoteKey: people[1], State: accounts.NoteOpen, Reason: "because of weak-hash", FirstSeen: stored(now()), LastSeen: stored(later),
	})
	same(t, "an odd key", rows[0].NoteKey, key("shop", `7 "é" \`, accounts.NoteContested))

	used := events(t, s, got[0].AccountID, 1)[0]
	_, err := s.AddNotes(t.Context(), []accounts.Note{noteOf(key("shop", "x", accounts.NoteGone), now())}, 0, used)
	noVerdict(t, "AddNotes with an event that cannot be written", err)
	same(t, "rows after it", len(quarantined(t, s, accounts.QuarantineQuery{})), 302)
}

func testQuarantineList(t *testing.T, s accounts.Store) {
	all := []accounts.NoteKey{
		key("blog", "1", accounts.NoteContested),
		key("shop", "1", accounts.NoteContested),
		key("shop", "1", accounts.NoteWeakHash),
		key("shop", "10", accounts.NoteWeakHash),
		key("shop", "2", accounts.NoteIDReused),
		key("shop", "Z", accounts.NoteWeakHash),
		key("shop", "a", accounts.NoteGone),
	}
	moved := key("shop", "3", accounts.NoteDrifted)
	addNotes(t, s, 8, now(), append([]accounts.NoteKey{moved}, all...)...)
	did, err := s.SkipNotes(t.Context(), all[5].LegacyKey, now(), Event(uuid.Must(uuid.NewV7()), accounts.EventQuarantineSkipped))
	is(t, "SkipNotes", onceTrue(did, err), nil)
	is(t, "BeginRetry", s.BeginRetry(t.Context(), all[3].LegacyKey, now(), accounts.Event{}), nil)

	for name, tt := range map[string]struct {
		q    accounts.QuarantineQuery
		want []accounts.NoteKey
	}{
		"all that were not moved": {accounts.QuarantineQuery{}, all},
		"of a source":             {accounts.QuarantineQuery{Source: "shop"}, all[1:]},
		"of a class":              {accounts.QuarantineQuery{Class: accounts.NoteWeakHash}, []accounts.NoteKey{all[2], all[3], all[5]}},
		"of those who moved":      {accounts.QuarantineQuery{Class: accounts.NoteDrifted}, []accounts.NoteKey{moved}},
		"skipped":                 {accounts.QuarantineQuery{State: accounts.NoteSkipped}, all[5:6]},
		"open, of a class":        {accounts.QuarantineQuery{Class: accounts.NoteWeakHash, State: accounts.NoteOpen}, all[2:4]},
		"never tried":             {accounts.QuarantineQuery{Class: accounts.NoteWeakHash, TriedBelow: 1}, []accounts.NoteKey{all[2], all[5]}},
		"behind one":              {accounts.QuarantineQuery{After: all[2]}, all[3:]},
	} {
		same(t, name, keysOf(quarantined(t, s, tt.q)), tt.want)
	}

	var paged []accounts.NoteKey
	for q := (accounts.QuarantineQuery{Limit: 2}); ; {
		page, err := s.Quarantine(t.Context(), q)
		is(t, "Quarantine", err, nil)
		paged = append(paged, keysOf(page)...)
		if len(page) < q.Limit {
			break
		}
		q.After = page[1].NoteKey
	}
	same(t, "in pages", paged, all)
	none, err := s.Quarantine(t.Context(), accounts.QuarantineQuery{Limit: -1})
	is(t, "Quarantine", err, nil)
	same(t, "with a limit below 0", len(none), 0)

	counts, err := s.QuarantineCounts(t.Context(), 0)
	is(t, "QuarantineCounts", err, nil)
	same(t, "counts", counts, []accounts.QuarantineCount{
		{Source: "blog", Class: accounts.NoteContested, State: accounts.NoteOpen, People: 1},
		{Source: "shop", Class: accounts.NoteContested, State: accounts.NoteOpen, People: 1},
		{Source: "shop", Class: accounts.NoteDrifted, State: accounts.NoteOpen, People: 1},
		{Source: "shop", Class: accounts.NoteGone, State: accounts.NoteOpen, People: 1},
		{Source: "shop", Class: accounts.NoteIDReused, State: accounts.NoteOpen, People: 1},
		{Source: "shop", Class: accounts.NoteWeakHash, State: accounts.NoteOpen, People: 2},
		{Source: "shop", Class: accounts.NoteWeakHash, State: accounts.NoteSkipped, People: 1},
	})
}

// states are the states of the notes about a person, by class.
func states(t *testing.T, s accounts.Store, id string) map[accounts.NoteClass]accounts.NoteState {
	t.Helper()
	got := map[accounts.NoteClass]accounts.NoteState{}
	for _, class := range []accounts.NoteClass{"", accounts.NoteDrifted} {
		for _, r := range quarantined(t, s, accounts.QuarantineQuery{Class: class}) {
			if r.LegacyID == id {
				got[r.Class] = r.State
			}
		}
	}
	return got
}

func testMovedNotes(t *testing.T, s accounts.Store) {
	ada := Person("Ada")
	keys := []accounts.NoteKey{
		key("shop", "Ada", accounts.NoteWeakHash), key("shop", "Ada", accounts.NoteContested), key("shop", "Ada", accounts.NoteIDReused),
		key("shop", "Ada", accounts.NoteDrifted), key("shop", "Bob", accounts.NoteContested), key("blog", "Ada", accounts.NoteContested),
	}
	addNotes(t, s, 6, now(), keys...)
	bob := Person("Bob")
	bob.Identifiers = ada.Identifiers
	create(t, s, bob)
	is(t, "Create", s.Create(t.Context(), ada, Event(ada.ID, accounts.EventMigrated)), accounts.ErrTaken)
	stand := map[accounts.NoteClass]accounts.NoteState{
		accounts.NoteWeakHash: accounts.NoteOpen, accounts.NoteContested: accounts.NoteOpen,
		accounts.NoteIDReused: accounts.NoteOpen, accounts.NoteDrifted: accounts.NoteOpen,
	}
	open := states(t, s, "Ada")
	same(t, "after a move that failed", open, stand)
	same(t, "of who moved instead", states(t, s, "Bob")[accounts.NoteContested], accounts.NoteResolved)

	ada.Identifiers = []accounts.Identifier{{Kind: accounts.Username, Canonical: "ada2", Spelling: "ada2"}}
	create(t, s, ada)
	stand[accounts.NoteWeakHash], stand[accounts.NoteContested] = accounts.NoteResolved, accounts.NoteResolved
	rows := quarantined(t, s, accounts.QuarantineQuery{Class: accounts.NoteContested, State: accounts.NoteOpen})
	same(t, "open after the move", keysOf(rows), keys[5:])
	notes, err := s.NotesOf(t.Context(), ada.ID)
	is(t, "NotesOf", err, nil)
	same(t, "what is still said of the account", len(notes), 2)

	// A copy that is made again is a move too.
	did, err := s.AddNote(t.Context(), noteOf(keys[1], now()), Event(ada.ID, accounts.EventQuarantined))
	is(t, "AddNote", onceTrue(did, err), nil)
	same(t, "open again", states(t, s, "Ada")[accounts.NoteContested], accounts.NoteOpen)
	is(t, "Recopy", s.Recopy(t.Context(), ada, 1, Event(ada.ID, accounts.EventCopied)), nil)
	same(t, "after the copy", states(t, s, "Ada"), stand)
}

func testLateNotes(t *testing.T, s accounts.Store) {
	ada, bob, cid, dan := Person("Ada"), Person("Bob"), Person("Cid"), Person("Dan")
	cid.ChangedHere = true
	for _, r := range []accounts.Record{ada, bob, cid, dan} {
		create(t, s, r)
	}
	drifted := *asStored(bob).Link
	drifted.Drifted = true
	is(t, "SetLink", s.SetLink(t.Context(), *asStored(bob).Link, drifted, Event(bob.ID, accounts.EventDrifted)), nil)
	is(t, "Delete", s.Delete(t.Context(), dan.ID, 1, now(), Event(dan.ID, accounts.EventDeleted)), nil)
	var notes []accounts.Note
	for _, id := range []string{"Ada", "Bob", "Cid", "Dan", "Eve"} {
		notes = append(notes, noteOf(key("shop", id, accounts.NoteWeakHash), now()), noteOf(key("shop", id, accounts.NoteIDReused), now()))
	}
	// Copies are of epoch 7.
	for epoch, want := range map[int64]string{0: "Ada Bob Eve", 7: "Bob Eve", 8: "Ada Bob Eve"} {
		var said []string
		e := Event(uuid.Must(uuid.NewV7()), accounts.EventQuarantined)
		if _, err := s.AddNotes(t.Context(), notes, epoch, e); err != nil {
			t.Fatal(err)
		}
		for _, r := range quarantined(t, s, accounts.QuarantineQuery{Class: accounts.NoteWeakHash, State: accounts.NoteOpen, Trusted: epoch}) {
			said = append(said, r.LegacyID)
		}
		same(t, "open where copies count from "+strconv.FormatInt(epoch, 10), strings.Join(said, " "), want)
	}
	same(t, "what a move does not end", len(quarantined(t, s, accounts.QuarantineQuery{Class: accounts.NoteIDReused, State: accounts.NoteOpen, Trusted: 7})), 5)
	all := quarantined(t, s, accounts.QuarantineQuery{Class: accounts.NoteWeakHash})
	same(t, "notes of people who are answered here, or deleted", len(all), 3) // Ada, Bob, Eve
	said := quarantined(t, s, accounts.QuarantineQuery{Class: accounts.NoteWeakHash, Trusted: 7})
	same(t, "Ada's as it is read", said[0].State, accounts.NoteResolved)
	counts, err := s.QuarantineCounts(t.Context(), 7)
	is(t, "QuarantineCounts", err, nil)
	same(t, "counts", counts, []accounts.QuarantineCount{
		{Source: "shop", Class: accounts.NoteIDReused, State: accounts.NoteOpen, People: 5},
		{Source: "shop", Class: accounts.NoteWeakHash, State: accounts.NoteOpen, People: 2},
		{Source: "shop", Class: accounts.NoteWeakHash, State: accounts.NoteResolved, People: 1},
	})
}

func testNoteAnew(t *testing.T, s accounts.Store) {
	open, skipped := key("shop", "1", accounts.NoteTimeout), key("shop", "2", accounts.NoteTimeout)
	addNotes(t, s, 2, now(), open, skipped)
	is(t, "BeginRetry", s.BeginRetry(t.Context(), open.LegacyKey, now(), accounts.Event{}), nil)
	is(t, "ResolveNotes", s.ResolveNotes(t.Context(), open.LegacyKey, "", now()), nil)
	did, err := s.SkipNotes(t.Context(), skipped.LegacyKey, now(), Event(uuid.Must(uuid.NewV7()), accounts.EventQuarantineSkipped))
	is(t, "SkipNotes", onceTrue(did, err), nil)

	later := now().Add(time.Hour)
	e := addNotes(t, s, 1, later, open, skipped)
	events(t, s, e.AccountID, 1)
	rows := quarantined(t, s, accounts.QuarantineQuery{})
	same(t, "anew", rows[0], accounts.QuarantineRow{
		NoteKey: open, State: accounts.NoteOpen, Reason: "because of legacy-timeout", FirstSeen: stored(later), LastSeen: stored(later),
	})
	same(t, "skipped", rows[1], accounts.QuarantineRow{
		NoteKey: skipped, State: accounts.NoteSkipped, Reason: "because of legacy-timeout", FirstSeen: stored(now()), LastSeen: stored(later),
		By: "person", Because: "the reason",
	})
}

func testRetryNotes(t *testing.T, s accounts.Store) {
	person := accounts.LegacyKey{Source: "shop", LegacyID: "1"}
	reopened := Event(uuid.Must(uuid.NewV7()), accounts.EventQuarantineReopened)
	is(t, "BeginRetry of nobody", s.BeginRetry(t.Context(), person, now(), reopened), accounts.ErrNotFound)
	addNotes(t, s, 3, now(), key("shop", "1", accounts.NoteContested), key("shop", "1", accounts.NotePoisoned), key("shop", "1", accounts.NoteIDReused))
	for range 2 {
		is(t, "BeginRetry", s.BeginRetry(t.Context(), person, now(), reopened), nil)
	}
	events(t, s, reopened.AccountID, 0)
	var attempts []int64
	for _, r := range quarantined(t, s, accounts.QuarantineQuery{}) {
		attempts = append(attempts, r.Attempts)
	}
	same(t, "attempts", attempts, []int64{2, 0, 2}) // contested, id-reused, poisoned

	did, err := s.SkipNotes(t.Context(), person, now(), Event(reopened.AccountID, accounts.EventQuarantineSkipped))
	is(t, "SkipNotes", onceTrue(did, err), nil)
	reopened.ID, reopened.Actor, reopened.Reason = uuid.Must(uuid.NewV7()), "staff:anna", "mended"
	is(t, "BeginRetry of who was skipped", s.BeginRetry(t.Context(), person, now(), reopened), nil)
	rows := quarantined(t, s, accounts.QuarantineQuery{State: accounts.NoteOpen})
	same(t, "open", len(rows), 2)
	same(t, "by", rows[0].By+" "+rows[0].Because, "staff:anna mended")
	same(t, "attempts", rows[0].Attempts, 3)
	same(t, "the events", events(t, s, reopened.AccountID, 2)[1].Kind, accounts.EventQuarantineReopened)

	is(t, "ResolveNotes", s.ResolveNotes(t.Context(), person, "", now()), nil)
	is(t, "BeginRetry of who has moved", s.BeginRetry(t.Context(), person, now(), reopened), accounts.ErrNotFound)
}

func testResolveNotes(t *testing.T, s accounts.Store) {
	addNotes(t, s, 4, now(), key("shop", "1", accounts.NoteContested), key("shop", "1", accounts.NoteWeakHash),
		key("shop", "1", accounts.NoteDrifted), key("shop", "2", accounts.NoteWeakHash))
	is(t, "ResolveNotes", s.ResolveNotes(t.Context(), accounts.LegacyKey{Source: "shop", LegacyID: "1"}, accounts.NoteContested, now()), nil)
	same(t, "states", states(t, s, "1"), map[accounts.NoteClass]accounts.NoteState{
		accounts.NoteContested: accounts.NoteOpen, accounts.NoteWeakHash: accounts.NoteResolved, accounts.NoteDrifted: accounts.NoteOpen,
	})
	same(t, "of another", states(t, s, "2")[accounts.NoteWeakHash], accounts.NoteOpen)
}

func testSkipNotes(t *testing.T, s accounts.Store) {
	addNotes(t, s, 3, now(), key("shop", "1", accounts.NoteWeakHash), key("shop", "1", accounts.NoteDrifted), key("shop", "2", accounts.NoteWeakHash))
	e := Event(uuid.Must(uuid.NewV7()), accounts.EventQuarantineSkipped)
	person := accounts.LegacyKey{Source: "shop", LegacyID: "1"}
	errs := together(crowd, func(int) error {
		each := e
		each.ID = uuid.Must(uuid.NewV7())
		return onceTrue(s.SkipNotes(t.Context(), person, now(), each))
	})
	oneWon(t, errs, errNotMe)
	same(t, "the event's classes", events(t, s, e.AccountID, 1)[0].Detail["classes"], "drifted weak-hash")
	same(t, "states", states(t, s, "1"), map[accounts.NoteClass]accounts.NoteState{
		accounts.NoteWeakHash: accounts.NoteSkipped, accounts.NoteDrifted: accounts.NoteSkipped,
	})
	same(t, "of another", states(t, s, "2")[accounts.NoteWeakHash], accounts.NoteOpen)
	rows := quarantined(t, s, accounts.QuarantineQuery{State: accounts.NoteSkipped})
	same(t, "by", rows[0].By+" "+rows[0].Because, "person the reason")
	did, err := s.SkipNotes(t.Context(), accounts.LegacyKey{Source: "shop", LegacyID: "nobody"}, now(), e)
	is(t, "SkipNotes of nobody", err, nil)
	same(t, "SkipNotes of nobody", did, false)
}

func testAddNotesRace(t *testing.T, s accounts.Store) {
	var notes []accounts.Note
	for i := range 20 {
		notes = append(notes, noteOf(key("shop", numbered("p", i), accounts.NoteWeakHash), now()))
	}
	about := uuid.Must(uuid.NewV7())
	errs := together(crowd, func(i int) error {
		own := slices.Clone(notes)
		if i%2 == 0 {
			slices.Reverse(own)
		}
		added, err := s.AddNotes(t.Context(), own, 0, Event(about, accounts.EventQuarantined))
		return onceTrue(added == int64(len(notes)), err)
	})
	oneWon(t, errs, errNotMe)
	events(t, s, about, 1)
}
