package accountstest

import (
	"testing"
	"time"

	"github.com/google/uuid"

	"rekey/accounts"
)

func verifyRules() []rule {
	return []rule{
		{"contents", "What is here of people is all that was written of them, by their own link; who is not here is left out.", testContents},
		{"profile again", "Recopy replaces the profile as it is told to, and leaves it alone otherwise.", testRecopyProfile},
		{"validation once", "A pass that is stored again, after an answer that was lost, stays as it was.", testValidationOnce},
		{"chunks of a run", "The run that goes on is found by its kind; its chunks are visited in their order, and removed only once it has ended.", testRunChunks},
		{"written", "Whose accounts the audit tells of are returned by the time of it, in pages that pass nobody over.", testWritten},
		{"marked", "Whose links are marked are returned, and nobody else.", testMarkedIDs},
		{"ignored", "What is accepted of a person is kept with its event, in the place of what was before.", testIgnored},
	}
}

func testContents(t *testing.T, s accounts.Store) {
	ada, bert, carl, bare := Person("Ada"), Person("Bert"), Person("Quote'\"é\\"), Person("Bare")
	ada.Also = []accounts.LegacyLink{{Source: "shop", LegacyID: "Ada's second", How: accounts.BySweep, At: now().Add(time.Second), CopiedEpoch: 3}}
	bert.Disabled, bert.ChangedHere = true, true
	carl.Profile = &accounts.Profile{DisplayName: `Carl "é"`, Locale: "de", Roles: []string{"a", "b"}, Attributes: map[string]string{"k": "v"}}
	carl.Identifiers[1].Verified = true
	carl.Credential = accounts.Credential{Scheme: accounts.SchemeCarried, Encoded: "$rekey-carried$bcrypt", Legacy: "sealed"}
	carl.Factors = []accounts.Factor{{ID: uuid.Must(uuid.NewV7()), Kind: accounts.FactorTOTP, Secret: []byte("s")}}
	bare.Identifiers = nil
	for _, r := range []accounts.Record{ada, bert, carl, bare} {
		create(t, s, r)
	}
	gone := Person("Gone")
	create(t, s, gone)
	is(t, "Delete", s.Delete(t.Context(), gone.ID, 1, now(), Event(gone.ID, accounts.EventDeleted)), nil)
	name := func(r accounts.Record) string { return r.Link.LegacyID }
	got, err := s.Contents(t.Context(), "shop", []string{"Ada", "Ada's second", "Bert", name(carl), "Bare", "Gone", "nobody"})
	is(t, "Contents", err, nil)
	same(t, "how many", len(got), 6)
	of := func(r accounts.Record, merged bool) accounts.Content { // what Contents reads of it
		r = asStored(r)
		r.CreatedAt, r.Also, r.SecondFactor, r.Factors = time.Time{}, nil, len(r.Factors) > 0, nil
		return accounts.Content{Copy: accounts.Copy{Record: r}, Merged: merged}
	}
	same(t, "Ada", got["Ada"], of(ada, true))
	same(t, "Bert", got["Bert"], of(bert, false))
	same(t, "Carl", got[name(carl)], of(carl, false))
	same(t, "one without a name", got["Bare"], of(bare, false))
	same(t, "her second", got["Ada's second"].ID, ada.ID)
	same(t, "her second is a part", got["Ada's second"].Part, true)
	same(t, "who was deleted", got["Gone"].Deleted(), true)
	same(t, "their password", got["Gone"].Credential, accounts.Credential{})
	other, err := s.Contents(t.Context(), "crm", []string{"Ada"})
	is(t, "Contents of another source", err, nil)
	same(t, "contents of another source", len(other), 0)
	nobody, err := s.Contents(t.Context(), "shop", nil)
	is(t, "Contents of nobody", err, nil)
	same(t, "contents of nobody", len(nobody), 0)
}

func testRecopyProfile(t *testing.T, s accounts.Store) {
	ada := Person("Ada")
	create(t, s, ada)
	for i, profile := range []*accounts.Profile{{DisplayName: "Ada L."}, nil, {Locale: "de", Roles: []string{"a"}}, {}} {
		next := ada
		next.Profile = profile
		before, err := s.Profile(t.Context(), ada.ID)
		is(t, "Profile", err, nil)
		is(t, "Recopy", s.Recopy(t.Context(), next, int64(i+1), Event(ada.ID, accounts.EventCopied)), nil)
		want := before
		if profile != nil {
			want = *profile
		}
		got, err := s.Profile(t.Context(), ada.ID)
		is(t, "Profile again", err, nil)
		same(t, "the profile", got, want)
	}
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
