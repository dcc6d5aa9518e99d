package accountstest

import (
	"cmp"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"

	"rekey/accounts"
)

func reckonRules() []rule {
	return []rule{
		{"links", "Everybody of whom there is a link is counted once, by all that is known of them.", testCountLinks},
		{"credentials", "Accounts that live are counted, and their passwords by how they are kept; who waits for one has none.", testCountCredentials},
		{"notes", "Who is in quarantine is counted by class and reason, and who was moved since is not.", testCountNotes},
		{"moved", "Who has moved since a time is counted, of so many events and no more; from when on is told.", testCountMoved},
		{"days", "The links are counted by the day on which they were made.", testMovedByDay},
		{"events", "Events are counted by their kind.", testCountEvents},
		{"works", "All work that was ever claimed is told, with when it was done.", testWorks},
	}
}

func testCountLinks(t *testing.T, s accounts.Store) {
	none, err := s.CountLinks(t.Context(), 7)
	is(t, "CountLinks of nobody", err, nil)
	same(t, "nobody", len(none), 0)

	people := map[string]accounts.Record{}
	for _, name := range []string{"plain", "plain2", "early", "swept", "dirty", "deleted", "disabled", "changed", "doubted", "changed and doubted", "gone"} {
		r := Person(name)
		switch name {
		case "early":
			r.Link.CopiedEpoch = 6
		case "swept":
			r.Link.How = accounts.BySweep
		case "changed", "changed and doubted":
			r.ChangedHere = true
		}
		create(t, s, r)
		people[name] = asStored(r)
	}
	blog := Person("blogger")
	blog.Link.Source = "blog"
	create(t, s, blog)
	born := Person("born")
	born.Link = nil
	create(t, s, born)
	is(t, "MarkDirty", s.MarkDirty(t.Context(), accounts.LegacyKey{Source: "shop", LegacyID: "dirty"}), nil)
	id := people["deleted"].ID
	is(t, "Delete", s.Delete(t.Context(), id, 1, now(), Event(id, accounts.EventDeleted)), nil)
	id = people["disabled"].ID
	_, _, err = s.SetDisabled(t.Context(), id, true, now(), Event(id, accounts.EventDisabled))
	is(t, "SetDisabled", err, nil)
	for _, name := range []string{"doubted", "changed and doubted"} {
		_, err := s.BeginIntent(t.Context(), delivery(people[name].ID, accounts.DeliverPassword), now().Add(time.Minute))
		is(t, "BeginIntent", err, nil)
	}
	see(t, s, sighting(people["gone"], barred(accounts.BarredGone)))
	intents, err := s.CountIntents(t.Context())
	is(t, "CountIntents", err, nil)
	same(t, "intents", intents, int64(2))

	kind := func(change func(k *accounts.LinkKind)) accounts.LinkKind {
		k := accounts.LinkKind{Source: "shop", How: accounts.ByLogin, Trusted: true}
		change(&k)
		return k
	}
	want := []accounts.LinkCount{
		{LinkKind: kind(func(*accounts.LinkKind) {}), People: 2},
		{LinkKind: kind(func(k *accounts.LinkKind) { k.Source = "blog" }), People: 1},
		{LinkKind: kind(func(k *accounts.LinkKind) { k.Trusted = false }), People: 1},
		{LinkKind: kind(func(k *accounts.LinkKind) { k.How = accounts.BySweep }), People: 1},
		{LinkKind: kind(func(k *accounts.LinkKind) { k.Dirty = true }), People: 1},
		{LinkKind: kind(func(k *accounts.LinkKind) { k.Deleted, k.Disabled = true, true }), People: 1},
		{LinkKind: kind(func(k *accounts.LinkKind) { k.Disabled = true }), People: 1},
		{LinkKind: kind(func(k *accounts.LinkKind) { k.Stays = true }), People: 1},
		{LinkKind: kind(func(k *accounts.LinkKind) { k.InDoubt = true }), People: 1},
		{LinkKind: kind(func(k *accounts.LinkKind) { k.Stays, k.InDoubt = true, true }), People: 1},
		{LinkKind: kind(func(k *accounts.LinkKind) { k.Gone, k.Disabled = true, true }), People: 1},
	}
	got, err := s.CountLinks(t.Context(), 7)
	is(t, "CountLinks", err, nil)
	same(t, "counts", byKind(got), byKind(want))
}

func byKind(all []accounts.LinkCount) []accounts.LinkCount {
	bit := func(is bool) int {
		if is {
			return 1
		}
		return 0
	}
	slices.SortFunc(all, func(a, b accounts.LinkCount) int {
		return cmp.Or(cmp.Compare(a.Source, b.Source), cmp.Compare(a.How, b.How), cmp.Compare(bit(a.Trusted), bit(b.Trusted)), cmp.Compare(bit(a.Dirty), bit(b.Dirty)),
			cmp.Compare(bit(a.Deleted), bit(b.Deleted)), cmp.Compare(bit(a.Disabled), bit(b.Disabled)), cmp.Compare(bit(a.Stays), bit(b.Stays)),
			cmp.Compare(bit(a.InDoubt), bit(b.InDoubt)), cmp.Compare(bit(a.Gone), bit(b.Gone)))
	})
	return all
}

func testCountCredentials(t *testing.T, s accounts.Store) {
	for i, scheme := range []accounts.Scheme{accounts.SchemeArgon2id, accounts.SchemeArgon2id, accounts.SchemeWrapped, accounts.SchemeCarried} {
		r := Person(numbered("person", i))
		r.Credential.Scheme = scheme
		if scheme != accounts.SchemeArgon2id {
			r.Credential.Legacy = "sealed"
		}
		if scheme == accounts.SchemeCarried {
			r.Credential.Encoded = "$rekey-carried$bcrypt"
		}
		create(t, s, r)
		if i == 1 {
			is(t, "Delete", s.Delete(t.Context(), r.ID, 1, now(), Event(r.ID, accounts.EventDeleted)), nil)
		}
	}
	for i, encoded := range []string{"$argon2id" + accounts.WaitingMark + "pQ", "$argon2id" + accounts.ResetMark} {
		r := Person(numbered("waiting", i))
		r.Credential.Scheme, r.Credential.Encoded = accounts.SchemeArgon2id, encoded
		create(t, s, r)
	}
	got, err := s.CountCredentials(t.Context())
	is(t, "CountCredentials", err, nil)
	same(t, "counts", got, accounts.CredentialCounts{Accounts: 5, Passwords: map[accounts.Scheme]int64{
		accounts.SchemeArgon2id: 1, accounts.SchemeWrapped: 1, accounts.SchemeCarried: 1,
	}, AwaitResets: 1})
}

func testCountNotes(t *testing.T, s accounts.Store) {
	ada := Person("ada")
	create(t, s, ada)
	for _, n := range []accounts.Note{
		{Source: "shop", LegacyID: "ada", Class: accounts.NoteWeakHash, Reason: "was weak"},
		{Source: "shop", LegacyID: "ada", Class: accounts.NoteIDReused, Reason: "is another"},
		{Source: "shop", LegacyID: "bob", Class: accounts.NoteContested, Reason: "two hold it"},
		{Source: "shop", LegacyID: "cid", Class: accounts.NoteContested, Reason: "two hold it"},
		{Source: "blog", LegacyID: "ada", Class: accounts.NoteWeakHash, Reason: "is weak"},
	} {
		n.At = now()
		_, err := s.AddNote(t.Context(), n, Event(accounts.SubjectFor(n.Source, n.LegacyID), accounts.EventQuarantined))
		is(t, "AddNote", err, nil)
	}
	for _, id := range []string{"ada", "dan"} {
		n := accounts.Note{Source: "crm", LegacyID: id, Class: accounts.NoteContested, Reason: "two hold it", At: now()}
		_, err := s.AddNote(t.Context(), n, Event(accounts.SubjectFor("crm", id), accounts.EventQuarantined))
		is(t, "AddNote", err, nil)
		n.Class = accounts.NoteWeakHash
		_, err = s.AddNote(t.Context(), n, Event(accounts.SubjectFor("crm", id), accounts.EventQuarantined))
		is(t, "AddNote", err, nil)
		_, err = s.SkipNotes(t.Context(), accounts.LegacyKey{Source: "crm", LegacyID: id}, now(), Event(accounts.SubjectFor("crm", id), accounts.EventQuarantineSkipped))
		is(t, "SkipNotes", err, nil)
	}
	bob := accounts.LegacyKey{Source: "shop", LegacyID: "bob"}
	_, err := s.SkipNotes(t.Context(), bob, now(), Event(accounts.SubjectFor("shop", "bob"), accounts.EventQuarantineSkipped))
	is(t, "SkipNotes", err, nil)
	again := accounts.Note{Source: "shop", LegacyID: "bob", Class: accounts.NoteWeakHash, Reason: "is weak", At: now()}
	_, err = s.AddNote(t.Context(), again, Event(accounts.SubjectFor("shop", "bob"), accounts.EventQuarantined))
	is(t, "AddNote", err, nil)
	held, err := s.CountHeld(t.Context())
	is(t, "CountHeld", err, nil)
	same(t, "who is in quarantine", held, map[string]accounts.Held{"blog": {Open: 1}, "crm": {Skipped: 2}, "shop": {Open: 2}})
	got, err := s.CountNotes(t.Context())
	is(t, "CountNotes", err, nil)
	same(t, "counts", got, []accounts.NoteCount{
		{Source: "blog", Class: accounts.NoteWeakHash, Reason: "is weak", People: 1},
		{Source: "shop", Class: accounts.NoteContested, Reason: "two hold it", People: 1},
		{Source: "shop", Class: accounts.NoteIDReused, Reason: "is another", People: 1},
		{Source: "shop", Class: accounts.NoteWeakHash, Reason: "is weak", People: 1},
	})
}

// idAt is an event's id as one of a time has it.
func idAt(at time.Time, seq byte) uuid.UUID {
	id := uuid.Must(uuid.NewV7())
	ms := at.UnixMilli()
	for i := range 6 {
		id[i] = byte(ms >> (40 - 8*i))
	}
	id[6], id[7] = 0x70, seq
	return id
}

func testCountMoved(t *testing.T, s accounts.Store) {
	for i := range 6 {
		r := Person(numbered("person", i))
		e := Event(r.ID, accounts.EventMigrated)
		e.At = now().Add(time.Duration(i) * time.Second)
		e.ID = idAt(e.At, byte(i))
		if i == 4 {
			e.Kind = accounts.EventRegistered
		}
		is(t, "Create", s.Create(t.Context(), r, e), nil)
	}
	since := stored(now().Add(2 * time.Second)).Truncate(time.Millisecond)
	moved, from, err := s.CountMoved(t.Context(), since, 100)
	is(t, "CountMoved", err, nil)
	same(t, "moved", moved, int64(3))
	same(t, "from", from, since)
	moved, from, err = s.CountMoved(t.Context(), since, 3)
	is(t, "CountMoved of three", err, nil)
	same(t, "moved", moved, int64(2))
	same(t, "from", from, stored(now().Add(3*time.Second)))
}

func testMovedByDay(t *testing.T, s accounts.Store) {
	for i, at := range []time.Time{
		time.Date(2026, 3, 29, 23, 59, 59, 999_999_000, time.UTC), time.Date(2026, 3, 29, 0, 0, 0, 0, time.UTC), time.Date(2026, 3, 30, 0, 0, 0, 0, time.UTC),
	} {
		r := Person(numbered("person", i))
		r.Link.At = at
		create(t, s, r)
	}
	got, err := s.MovedByDay(t.Context())
	is(t, "MovedByDay", err, nil)
	same(t, "days", got, []accounts.DayCount{
		{Day: time.Date(2026, 3, 29, 0, 0, 0, 0, time.UTC), Source: "shop", How: accounts.ByLogin, People: 2},
		{Day: time.Date(2026, 3, 30, 0, 0, 0, 0, time.UTC), Source: "shop", How: accounts.ByLogin, People: 1},
	})
}

func testCountEvents(t *testing.T, s accounts.Store) {
	ada, bob := Person("ada"), Person("bob")
	create(t, s, ada)
	create(t, s, bob)
	is(t, "Delete", s.Delete(t.Context(), bob.ID, 1, now(), Event(bob.ID, accounts.EventDeleted)), nil)
	got, err := s.CountEvents(t.Context())
	is(t, "CountEvents", err, nil)
	same(t, "events", got, map[accounts.EventKind]int64{accounts.EventMigrated: 2, accounts.EventDeleted: 1})
}

func testWorks(t *testing.T, s accounts.Store) {
	at := stored(now())
	w, err := s.ClaimWork(t.Context(), "b", at, at.Add(time.Minute), 0)
	is(t, "ClaimWork", err, nil)
	w.DoneAt, w.Cursor = at, "half"
	is(t, "KeepWork", s.KeepWork(t.Context(), w, at), nil)
	_, err = s.ClaimWork(t.Context(), "a", at, at.Add(time.Minute), 0)
	is(t, "ClaimWork", err, nil)
	got, err := s.Works(t.Context())
	is(t, "Works", err, nil)
	same(t, "works", got, []accounts.Work{
		{Name: "a", Fence: 1, ClaimedTo: at.Add(time.Minute)}, {Name: "b", Cursor: "half", DoneAt: at, Fence: 1, ClaimedTo: at},
	})
}
