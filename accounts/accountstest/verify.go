package accountstest

import (
	"testing"
	"time"

	"github.com/google/uuid"

	"rekey/accounts"
)

func verifyRules() []rule {
	return []rule{
		{"digest", "The digest of good copies is that of their fingerprints; whoever has anything about them is not among them.", testDigest},
		{"validation once", "A pass that is stored again, after an answer that was lost, stays as it was.", testValidationOnce},
		{"chunks of a run", "The run that goes on is found by its kind; its chunks are visited in their order, and removed only once it has ended.", testRunChunks},
		{"written", "Whose accounts the audit tells of are returned by the time of it, in pages that pass nobody over.", testWritten},
		{"marked", "Whose links are marked are returned, and nobody else.", testMarkedIDs},
		{"ignored", "What is accepted of a person is kept with its event, in the place of what was before.", testIgnored},
	}
}

func testDigest(t *testing.T, s accounts.Store) {
	var want accounts.Digest
	ids := []string{"nobody", "quote'\"é"}
	good := func(name string) accounts.Record {
		r := Person(name)
		r.Link.Fingerprint = []byte("fingerprint of " + name)
		create(t, s, r)
		ids = append(ids, name)
		return r
	}
	add := func(r accounts.Record) { want.Add(r.ID, r.Link.LegacyID, r.Link.Fingerprint) }
	equal := func(what string, since int64) {
		t.Helper()
		got, err := s.CopiesDigest(t.Context(), "shop", ids, since)
		is(t, what, err, nil)
		same(t, what, got, want)
	}
	equal("nobody is here", 0)
	for _, name := range []string{"Ada", "Bert", "Zoë"} {
		add(good(name))
	}
	equal("good copies", 7)
	same(t, "how many", want.People, int64(3))
	create(t, s, Person("Unasked"))
	elsewhere := Person("Ada of the blog")
	elsewhere.Link.Source, elsewhere.Link.LegacyID = "blog", "Ada"
	create(t, s, elsewhere)
	equal("others", 7)

	gone := good("Gone")
	is(t, "Delete", s.Delete(t.Context(), gone.ID, 1, now(), Event(gone.ID, accounts.EventDeleted)), nil)
	dirty := good("Dirty")
	is(t, "MarkDirty", s.MarkDirty(t.Context(), accounts.LegacyKey{Source: "shop", LegacyID: dirty.Link.LegacyID}), nil)
	drifted := good("Drifted")
	see(t, s, sighting(asStored(drifted), drift))
	changed := Person("Changed")
	changed.ChangedHere = true
	create(t, s, changed)
	ids = append(ids, "Changed")
	equal("beside those who have something about them", 7)

	part := accounts.LegacyLink{Source: "shop", LegacyID: "Part", Fingerprint: []byte("p"), How: accounts.ByLogin, At: now().Add(time.Hour)}
	is(t, "KeepLink", s.KeepLink(t.Context(), accounts.SubjectFor("shop", "Ada"), part), nil)
	ids = append(ids, "Part")
	equal("beside one that was copied earlier", 7)
	want.Add(accounts.SubjectFor("shop", "Ada"), "Part", part.Fingerprint) // which is not the account that Part is named after
	equal("a part of another", 1)
	want = accounts.Digest{}
	equal("all of them copied earlier", 8)
	ids = nil
	equal("nobody is asked for", 0)
}

func testValidationOnce(t *testing.T, s accounts.Store) {
	v := accounts.Validation{ID: uuid.Must(uuid.NewV7()), Began: stored(now()), Ended: stored(now()), Epoch: 1, Found: accounts.ValidationReport{Complete: true}}
	is(t, "AddValidation", s.AddValidation(t.Context(), v), nil)
	again := v
	again.Found.Complete = false
	is(t, "AddValidation again", s.AddValidation(t.Context(), again), nil)
	all, err := s.Validations(t.Context(), 10)
	is(t, "Validations", err, nil)
	same(t, "Validations", all, []accounts.Validation{v})
}

func testRunChunks(t *testing.T, s accounts.Store) {
	_, err := s.Running(t.Context(), accounts.RunVerify)
	is(t, "Running of none", err, accounts.ErrNotFound)
	begin := func(kind accounts.RunKind) accounts.Run {
		t.Helper()
		run := accounts.Run{ID: uuid.Must(uuid.NewV7()), Kind: kind, State: accounts.RunRunning, Spec: "{}", Began: stored(now())}
		part := accounts.Part{Source: "shop"}
		is(t, "BeginRun", s.BeginRun(t.Context(), run, []accounts.Part{part}, Event(uuid.Nil, accounts.EventVerifyBegan)), nil)
		is(t, "CutChunks", s.CutChunks(t.Context(), run.ID, part, accounts.Part{Source: "shop", Cut: "b"}, []accounts.Chunk{{Through: "a"}, {After: "a", Through: "b"}}), nil)
		return run
	}
	count := func(run accounts.Run, want ...string) {
		t.Helper()
		var got []string
		err := s.EachChunk(t.Context(), run.ID, func(c accounts.Chunk) error { got = append(got, c.After+"-"+c.Through); return nil })
		is(t, "EachChunk", err, nil)
		same(t, "chunks", got, want)
	}
	verify, move := begin(accounts.RunVerify), begin(accounts.RunMove)
	got, err := s.Running(t.Context(), accounts.RunVerify)
	is(t, "Running", err, nil)
	same(t, "Running", got, verify)
	is(t, "EachChunk that fails", s.EachChunk(t.Context(), verify.ID, func(accounts.Chunk) error { return errNotMe }), errNotMe)
	is(t, "DropChunks", s.DropChunks(t.Context(), accounts.RunVerify), nil)
	count(verify, "-a", "a-b")
	for _, run := range []accounts.Run{verify, move} {
		run.State, run.Ended = accounts.RunDone, now()
		is(t, "EndRun", s.EndRun(t.Context(), run, Event(uuid.Nil, accounts.EventVerifyEnded)), nil)
	}
	is(t, "DropChunks", s.DropChunks(t.Context(), accounts.RunVerify), nil)
	count(verify)
	count(move, "-a", "a-b")
	parts, err := s.Parts(t.Context(), verify.ID)
	is(t, "Parts", err, nil)
	same(t, "parts", len(parts), 0)
}

func testWritten(t *testing.T, s accounts.Store) {
	elsewhere := Person("Eve")
	elsewhere.Link.Source = "blog"
	create(t, s, elsewhere)
	var want []string
	for _, name := range []string{"Cid", "Ada", "Bob"} {
		create(t, s, Person(name))
		want = append(want, name)
	}
	two := accounts.LegacyLink{Source: "shop", LegacyID: "Bob2", How: accounts.ByLogin, At: now().Add(time.Hour)}
	is(t, "KeepLink", s.KeepLink(t.Context(), accounts.SubjectFor("shop", "Bob"), two), nil)
	want = append(want, "Bob2")
	ada := accounts.SubjectFor("shop", "Ada")
	is(t, "Delete", s.Delete(t.Context(), ada, 1, now(), Event(ada, accounts.EventDeleted)), nil)
	want = append(want, "Ada")
	for _, limit := range []int{1, 2, 10} {
		var got []string
		var places []accounts.WrittenPlace
		for at := (accounts.WrittenPlace{}); ; at = places[len(places)-1] {
			var err error
			places, err = s.Written(t.Context(), "shop", at, limit)
			is(t, "Written", err, nil)
			for _, p := range places {
				got = append(got, p.LegacyID)
			}
			if len(places) < limit {
				break
			}
		}
		same(t, "who was written", got, want)
	}
	late, err := s.Written(t.Context(), "shop", accounts.WrittenPlace{Event: uuid.Max}, 10)
	is(t, "Written", err, nil)
	same(t, "behind the end", len(late), 0)
}

func testMarkedIDs(t *testing.T, s accounts.Store) {
	for _, name := range []string{"Ada", "Bob", "Cid", "Dan"} {
		create(t, s, Person(name))
	}
	marked := func(after string, limit int, want ...string) {
		t.Helper()
		got, err := s.MarkedIDs(t.Context(), "shop", after, limit)
		is(t, "MarkedIDs", err, nil)
		same(t, "who is marked", got, want)
	}
	marked("", 10)
	is(t, "MarkDirty", s.MarkDirty(t.Context(), accounts.LegacyKey{Source: "shop", LegacyID: "Cid"}), nil)
	see(t, s, sighting(asStored(Person("Bob")), drift))
	marked("", 10, "Bob", "Cid")
	marked("", 1, "Bob")
	marked("Bob", 10, "Cid")
	none, err := s.MarkedIDs(t.Context(), "blog", "", 10)
	is(t, "MarkedIDs", err, nil)
	same(t, "of another source", len(none), 0)
}

// known has nil for no fingerprint, which a store may give back as an empty one.
func known(all ...accounts.Ignored) []accounts.Ignored {
	for i := range all {
		for _, fingerprint := range []*[]byte{&all[i].Theirs, &all[i].Ours} {
			if len(*fingerprint) == 0 {
				*fingerprint = nil
			}
		}
	}
	return all
}

func testIgnored(t *testing.T, s accounts.Store) {
	_, err := s.Ignored(t.Context(), "shop", "7")
	is(t, "Ignored of none", err, accounts.ErrNotFound)
	account := accounts.SubjectFor("shop", "7")
	first := accounts.Ignored{
		Source: "shop", LegacyID: "7", Verdict: accounts.VerdictDifferent, Theirs: []byte{1, 0xff}, Ours: []byte{2}, Actor: "cli:ann", Reason: "ticket 1", At: stored(now()),
	}
	is(t, "KeepIgnored", s.KeepIgnored(t.Context(), first, Event(account, accounts.EventDifferenceIgnored)), nil)
	other := first
	other.LegacyID, other.Theirs, other.Ours, other.At = "é'8", nil, nil, first.At.Add(time.Second)
	is(t, "KeepIgnored", s.KeepIgnored(t.Context(), other, Event(account, accounts.EventDifferenceIgnored)), nil)
	got, err := s.Ignored(t.Context(), "shop", "7")
	is(t, "Ignored", err, nil)
	same(t, "Ignored", known(got)[0], first)
	all, err := s.AllIgnored(t.Context(), 10)
	is(t, "AllIgnored", err, nil)
	same(t, "AllIgnored", known(all...), []accounts.Ignored{other, first})

	second := first
	second.Verdict, second.Theirs, second.Reason, second.At = accounts.VerdictMissingThere, nil, "ticket 2", first.At.Add(time.Minute)
	is(t, "KeepIgnored again", s.KeepIgnored(t.Context(), second, Event(account, accounts.EventDifferenceIgnored)), nil)
	all, err = s.AllIgnored(t.Context(), 1)
	is(t, "AllIgnored", err, nil)
	same(t, "AllIgnored", known(all...), []accounts.Ignored{second})
	events(t, s, account, 3)
	_, err = s.Ignored(t.Context(), "shop", "\xff")
	is(t, "Ignored of what cannot be a key", err, accounts.ErrNotFound)
}
