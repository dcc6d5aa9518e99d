package accountstest

import (
	"errors"
	"testing"
	"time"

	"github.com/google/uuid"

	"rekey/accounts"
	"rekey/accounts/phase"
)

func bulkRules() []rule {
	return []rule{
		{"many", "Many accounts that are made together are as those that are made one by one, and the chunk is as far as it says.", testMany},
		{"many refused", "Where one of many cannot be made, none is, the chunk stays, and all that cannot be made are told.", testManyRefused},
		{"many fenced", "Whose chunk was claimed by another makes nobody.", testManyFenced},
		{"many changed", "Who was changed while they were not here, after they were read, is not made of what was read.", testManyChanged},
		{"many addressed", "The same after a change of their address, under which their sessions go on.", testManyAddress},
		{"many in doubt", "Who is being changed is in doubt from the beginning, until the change has ended.", testManyInDoubt},
		{"many not alone", "What is not made together is refused before anything is written.", testManyNotAlone},
		{"many in another epoch", "Many are not made in a phase that they were not meant for.", testManyEpoch},
		{"many race", "Of those who make the same people at once, by one or by many, one makes each.", testManyRace},
		{"many and changes race", "However the move of somebody and a change of theirs meet, they have the new password, or are not here, and are not in doubt.", testManyChangesRace},
		{"snapshot", "Snapshot shows what was there when it was asked for, whatever is written meanwhile.", testSnapshot},
		{"copies", "Copies tells of those who are here, also as a part of another and as deleted, and of nobody else.", testCopies},
	}
}

// aChunk begins a run of one chunk and claims it.
func aChunk(t *testing.T, s accounts.Store) accounts.Chunk {
	t.Helper()
	run := accounts.Run{ID: uuid.Must(uuid.NewV7()), Kind: accounts.RunMove, State: accounts.RunRunning, Spec: "{}", Began: now()}
	part := accounts.Part{Source: "shop"}
	is(t, "BeginRun", s.BeginRun(t.Context(), run, []accounts.Part{part}, Event(uuid.Nil, accounts.EventSweepBegan)), nil)
	is(t, "CutChunks", s.CutChunks(t.Context(), run.ID, part, accounts.Part{Source: "shop", Whole: true}, []accounts.Chunk{{}}), nil)
	return aClaim(t, s, run.ID, time.Hour)
}

func aClaim(t *testing.T, s accounts.Store, run uuid.UUID, claim time.Duration) accounts.Chunk {
	t.Helper()
	c, err := s.ClaimChunk(t.Context(), run, "w", 1000, claim)
	is(t, "ClaimChunk", err, nil)
	return c
}

// cursor fails unless a run's only chunk is as far.
func cursor(t *testing.T, s accounts.Store, c accounts.Chunk, want string) {
	t.Helper()
	chunks, err := s.Chunks(t.Context(), c.Run)
	is(t, "Chunks", err, nil)
	same(t, "chunks", len(chunks), 1)
	same(t, "cursor", chunks[0].Cursor, want)
}

func made(r accounts.Record) accounts.Made {
	return accounts.Made{Record: r, Event: Event(r.ID, accounts.EventMigrated)}
}

// makeMany makes accounts and fails unless just these indexes are refused.
func makeMany(t *testing.T, s accounts.Writes, many []accounts.Made, c accounts.Chunk, refused map[int]error) {
	t.Helper()
	got, err := s.CreateMany(t.Context(), many, c, time.Hour)
	is(t, "CreateMany", err, nil)
	same(t, "refusals", len(got), len(refused))
	for _, r := range got {
		is(t, numbered("refusal", r.Index), r.Err, refused[r.Index])
	}
}

func testMany(t *testing.T, s accounts.Store) {
	c := aChunk(t, s)
	c.Cursor, c.Counts, c.Attempts = "Carl", `{"moved":3}`, 0
	ada, bert, carl := Person("Ada"), Person("Bert"), Person("Carl")
	bert.Disabled, bert.NeedsChange, bert.Incomplete, bert.Terms = true, true, true, "2026"
	bert.Profile = &accounts.Profile{DisplayName: "Bert Bo\x00b", Locale: "pt-BR", Roles: []string{"a"}, Attributes: map[string]string{"k": "v"}}
	carl.Link.LegacyCreatedAt, carl.Link.Fingerprint, carl.Link.Drifted = time.Time{}, nil, true
	carl.Credential = accounts.Credential{Scheme: accounts.SchemeWrapped, Encoded: encoded("wrap"), Legacy: "sealed", Fold: "trim"}
	carl.Identifiers = carl.Identifiers[:1]
	carl.Also = []accounts.LegacyLink{{Source: "crm", LegacyID: "9", How: accounts.BySweep, At: now().Add(time.Second)}}
	makeMany(t, s, []accounts.Made{made(carl), made(ada), made(bert)}, c, nil)
	cursor(t, s, c, "Carl")

	for _, r := range []accounts.Record{ada, bert} {
		r.Profile = nil // is read by itself
		whole(t, s, r)
	}
	got, err := s.ByLink(t.Context(), "crm", "9")
	is(t, "ByLink of the second link", err, nil)
	same(t, "whose it is", got.ID, carl.ID)
	got, err = s.ByID(t.Context(), carl.ID)
	is(t, "ByID", err, nil)
	same(t, "credential", got.Credential, accounts.Credential{Version: 1, Scheme: accounts.SchemeWrapped, Encoded: encoded("wrap"), Legacy: "sealed", Fold: "trim"})
	same(t, "drift", got.Link.Drifted, true)
	profile, err := s.Profile(t.Context(), bert.ID)
	is(t, "Profile", err, nil)
	same(t, "profile", profile, accounts.Profile{DisplayName: "Bert Bo\uFFFDb", Locale: "pt-BR", Roles: []string{"a"}, Attributes: map[string]string{"k": "v"}})
	_, _, err = s.SetDisabled(t.Context(), bert.ID, false, now(), Event(bert.ID, accounts.EventEnabled))
	is(t, "SetDisabled", err, nil)
	chunks, err := s.Chunks(t.Context(), c.Run)
	is(t, "Chunks", err, nil)
	same(t, "counts", chunks[0].Counts, `{"moved":3}`)
	makeMany(t, s, nil, c, nil) // nobody is to be made, and the chunk is kept
}

func testManyRefused(t *testing.T, s accounts.Store) {
	c := aChunk(t, s)
	c.Cursor = "x"
	ada, bert, carl, dora, ernst := Person("Ada"), Person("Bert"), Person("Carl"), Person("Dora"), Person("Ernst")
	create(t, s, ada)
	other := Person("Other")
	other.Identifiers[0] = bert.Identifiers[1]
	create(t, s, other)
	ernst.Identifiers[1] = dora.Identifiers[1]
	makeMany(t, s, []accounts.Made{made(ada), made(bert), made(carl), made(dora), made(ernst)}, c,
		map[int]error{0: accounts.ErrLinked, 1: accounts.ErrTaken, 4: accounts.ErrTaken})
	for _, r := range []accounts.Record{carl, dora} {
		none(t, s, r)
	}
	cursor(t, s, c, "")
	makeMany(t, s, []accounts.Made{made(carl), made(dora)}, c, nil)
	cursor(t, s, c, "x")
}

func testManyFenced(t *testing.T, s accounts.Store) {
	c := aChunk(t, s)
	is(t, "KeepChunk", s.KeepChunk(t.Context(), c, 0, 0), nil)
	again := aClaim(t, s, c.Run, time.Hour)
	same(t, "fence", again.Fence, c.Fence+1)
	c.Cursor = "late"
	_, err := s.CreateMany(t.Context(), []accounts.Made{made(Person("Ada"))}, c, time.Hour)
	is(t, "CreateMany under the older claim", err, accounts.ErrStale)
	none(t, s, Person("Ada"))
	cursor(t, s, c, "")
	_, err = s.CreateMany(cancelled(), []accounts.Made{made(Person("Ada"))}, again, time.Hour)
	noVerdict(t, "CreateMany of who has gone", err)
	none(t, s, Person("Ada"))
}

func testManyChanged(t *testing.T, s accounts.Store) {
	first(t, s, phase.Lazy)
	c := aChunk(t, s)
	ada, bert := Person("Ada"), Person("Bert")
	d, err := s.BeginIntent(t.Context(), delivery(ada.ID, accounts.DeliverPassword), now().Add(time.Minute))
	is(t, "BeginIntent", err, nil)
	is(t, "FinishDelivery", s.FinishDelivery(t.Context(), d, accounts.Finish{Event: Event(ada.ID, accounts.EventPassword), At: now()}), nil)
	makeMany(t, s, []accounts.Made{made(bert), made(ada)}, c, map[int]error{1: accounts.ErrStale})
	none(t, s, bert)
	epochs, err := s.SessionEpochs(t.Context(), []uuid.UUID{ada.ID, bert.ID})
	is(t, "SessionEpochs", err, nil)
	same(t, "SessionEpochs", epochs, map[uuid.UUID]int64{ada.ID: 1})
	m := made(ada)
	m.Epoch = epochs[ada.ID]
	makeMany(t, s, []accounts.Made{made(bert), m}, c, nil)
	epochs, err = s.SessionEpochs(t.Context(), []uuid.UUID{ada.ID, bert.ID})
	is(t, "SessionEpochs", err, nil)
	same(t, "SessionEpochs afterwards", epochs, map[uuid.UUID]int64{ada.ID: 1})
}

// testManyAddress: the end of a change of an address leaves nothing of somebody who is not here but that it has been.
func testManyAddress(t *testing.T, s accounts.Store) {
	first(t, s, phase.Lazy)
	c := aChunk(t, s)
	ada := Person("Ada")
	session := accounts.Session{ID: uuid.Must(uuid.NewV7()), AccountID: ada.ID, Source: "shop", LegacyID: "Ada", CreatedAt: now(), RotatedAt: now(), ExpiresAt: now().Add(time.Hour)}
	is(t, "CreateSession", s.CreateSession(t.Context(), session), nil)
	end := func() {
		t.Helper()
		d, err := s.BeginIntent(t.Context(), delivery(ada.ID, accounts.DeliverEmail), now().Add(time.Minute))
		is(t, "BeginIntent", err, nil)
		address := accounts.Identifier{Kind: accounts.Email, Canonical: "new@example.org", Spelling: "new@example.org"}
		is(t, "FinishDelivery", s.FinishDelivery(t.Context(), d, accounts.Finish{
			Event: Event(ada.ID, accounts.EventEmail), At: now(), Address: &address, Link: ada.Link, Was: []byte("before"),
		}), nil)
	}
	end()
	makeMany(t, s, []accounts.Made{made(ada)}, c, map[int]error{0: accounts.ErrStale})
	epochs, err := s.SessionEpochs(t.Context(), []uuid.UUID{ada.ID})
	is(t, "SessionEpochs", err, nil)
	same(t, "SessionEpochs", epochs, map[uuid.UUID]int64{ada.ID: 1})
	m := made(ada)
	m.Epoch = epochs[ada.ID]
	makeMany(t, s, []accounts.Made{m}, c, nil)
	got, err := s.Session(t.Context(), session.ID)
	is(t, "Session", err, nil)
	same(t, "superseded", got.Superseded, false)

	end() // she is here: she gets the address, and her sessions go on as they are
	got, err = s.Session(t.Context(), session.ID)
	is(t, "Session", err, nil)
	same(t, "superseded", got.Superseded, false)
	rec, err := s.ByIdentifier(t.Context(), "new@example.org")
	is(t, "ByIdentifier", err, nil)
	same(t, "whose", rec.ID, ada.ID)
	same(t, "drifted, made of a later record", rec.Link.Drifted, false)
	ada.Link.Fingerprint = []byte("another")
	end()
	rec, err = s.ByID(t.Context(), ada.ID)
	is(t, "ByID", err, nil)
	same(t, "drifted, made of a later record", rec.Link.Drifted, true)
}

func testSnapshot(t *testing.T, s accounts.Store) {
	first(t, s, phase.Lazy)
	ada, bert := Person("Ada"), Person("Bert")
	look := func(l accounts.Lookups, copies, epochs int) {
		t.Helper()
		here, err := l.Copies(t.Context(), "shop", []string{"Ada", "Bert"})
		is(t, "Copies", err, nil)
		same(t, "copies", len(here), copies)
		ended, err := l.SessionEpochs(t.Context(), []uuid.UUID{ada.ID, bert.ID})
		is(t, "SessionEpochs", err, nil)
		same(t, "epochs", len(ended), epochs)
	}
	is(t, "Snapshot", s.Snapshot(t.Context(), func(then accounts.Lookups) error {
		is(t, "Create", s.Create(t.Context(), ada, Event(ada.ID, accounts.EventMigrated)), nil)
		d, err := s.BeginIntent(t.Context(), delivery(bert.ID, accounts.DeliverPassword), now().Add(time.Minute))
		is(t, "BeginIntent", err, nil)
		is(t, "FinishDelivery", s.FinishDelivery(t.Context(), d, accounts.Finish{Event: Event(bert.ID, accounts.EventPassword), At: now()}), nil)
		look(s, 1, 1)
		look(then, 0, 0)
		return nil
	}), nil)
	look(s, 1, 1)
	is(t, "an error inside", s.Snapshot(t.Context(), func(accounts.Lookups) error { return accounts.ErrStale }), accounts.ErrStale)
}

func testManyInDoubt(t *testing.T, s accounts.Store) {
	first(t, s, phase.Lazy)
	c := aChunk(t, s)
	ada, bert := Person("Ada"), Person("Bert")
	d, err := s.BeginIntent(t.Context(), delivery(ada.ID, accounts.DeliverPassword), now().Add(time.Minute))
	is(t, "BeginIntent", err, nil)
	makeMany(t, s, []accounts.Made{made(ada), made(bert)}, c, nil)
	doubt := func(want bool) {
		t.Helper()
		copies, err := s.Copies(t.Context(), "shop", []string{"Ada", "Bert"})
		is(t, "Copies", err, nil)
		same(t, "in doubt", copies["Ada"].InDoubt, want)
		same(t, "the other in doubt", copies["Bert"].InDoubt, false)
	}
	doubt(true)
	is(t, "DropDelivery", s.DropDelivery(t.Context(), d, false), nil)
	doubt(false)
}

func testManyNotAlone(t *testing.T, s accounts.Store) {
	c := aChunk(t, s)
	born, factor, owes, external := Person("Born"), Person("Factor"), Person("Owes"), Person("External")
	born.Link = nil
	factor.Factors = []accounts.Factor{{ID: uuid.Must(uuid.NewV7()), Kind: accounts.FactorTOTP, Secret: []byte("x")}}
	owes.Owed = []accounts.Delivery{delivery(owes.ID, accounts.DeliverPassword)}
	external.External = []accounts.ExternalIdentity{{Provider: "p", Subject: "s"}}
	for _, r := range []accounts.Record{born, factor, owes, external} {
		_, err := s.CreateMany(t.Context(), []accounts.Made{made(Person("Ada")), made(r)}, c, time.Hour)
		noVerdict(t, "CreateMany of "+r.Named(accounts.Username), err)
		none(t, s, r)
		none(t, s, Person("Ada"))
	}
}

func testManyEpoch(t *testing.T, s accounts.Store) {
	state := first(t, s, phase.Lazy)
	c := aChunk(t, s)
	_, err := s.At(state.Epoch+1).CreateMany(t.Context(), []accounts.Made{made(Person("Ada"))}, c, time.Hour)
	is(t, "CreateMany in another epoch", err, accounts.ErrStaleEpoch)
	none(t, s, Person("Ada"))
	makeMany(t, s.At(state.Epoch), []accounts.Made{made(Person("Ada"))}, c, nil)
}

func testManyRace(t *testing.T, s accounts.Store) {
	const people = 30
	run := aChunk(t, s).Run
	claims := make([]accounts.Chunk, 4)
	for i := range claims { // each is behind the claim of the next: only what it makes counts here
		claims[i] = accounts.Chunk{Run: run, Seq: 1, Fence: 1}
	}
	errs := together(2*len(claims), func(w int) error {
		var many []accounts.Made
		for i := range people {
			many = append(many, made(Person(numbered("p", i))))
		}
		if w >= len(claims) {
			for _, m := range many {
				if err := s.Create(t.Context(), m.Record, m.Event); err != nil && !errors.Is(err, accounts.ErrLinked) {
					return err
				}
			}
			return nil
		}
		for len(many) > 0 {
			refused, err := s.CreateMany(t.Context(), many, claims[w], time.Hour)
			if err != nil {
				return err
			}
			if len(refused) == 0 {
				return nil
			}
			var rest []accounts.Made
			out := map[int]bool{}
			for _, r := range refused {
				if !errors.Is(r.Err, accounts.ErrLinked) {
					return r.Err
				}
				out[r.Index] = true
			}
			for i, m := range many {
				if !out[i] {
					rest = append(rest, m)
				}
			}
			many = rest
		}
		return nil
	})
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
	for i := range people {
		whole(t, s, Person(numbered("p", i)))
	}
}

func testManyChangesRace(t *testing.T, s accounts.Store) {
	first(t, s, phase.Lazy)
	c := aChunk(t, s)
	next := accounts.Credential{Scheme: accounts.SchemeArgon2id, Encoded: encoded("next")}
	for i := range 24 {
		r := Person(numbered("p", i))
		d, err := s.BeginIntent(t.Context(), delivery(r.ID, accounts.DeliverPassword), now().Add(time.Minute))
		is(t, "BeginIntent", err, nil)
		ends := i%2 == 0
		errs := together(2, func(w int) error {
			switch {
			case w == 1 && ends:
				return s.FinishDelivery(t.Context(), d, accounts.Finish{Event: Event(r.ID, accounts.EventPassword), Credential: &next, At: now()})
			case w == 1:
				return s.DropDelivery(t.Context(), d, false)
			case i%4 < 2:
				_, err := s.CreateMany(t.Context(), []accounts.Made{made(r)}, c, time.Hour)
				return err
			}
			return s.Create(t.Context(), r, Event(r.ID, accounts.EventMigrated))
		})
		if err := errors.Join(errs...); err != nil {
			t.Fatal(err)
		}
		got, err := s.ByID(t.Context(), r.ID)
		switch {
		case errors.Is(err, accounts.ErrNotFound) && ends && i%4 < 2: // it was changed before, and not made of what was
		case err != nil:
			t.Errorf("%d: %v", i, err)
		case got.InDoubt:
			t.Errorf("%d is in doubt for ever", i)
		case ends && i%4 < 2 && got.Credential.Encoded != next.Encoded:
			t.Errorf("%d has the password from before", i)
		}
	}
}

func testCopies(t *testing.T, s accounts.Store) {
	ada, bert, carl := Person("Ada"), Person("Bert"), Person("Carl")
	ada.Also = []accounts.LegacyLink{{Source: "shop", LegacyID: "Ada's second", How: accounts.BySweep, At: now().Add(time.Second), CopiedEpoch: 3}}
	bert.Disabled, bert.ChangedHere = true, true
	for _, r := range []accounts.Record{ada, bert, carl} {
		create(t, s, r)
	}
	is(t, "Delete", s.Delete(t.Context(), carl.ID, 1, now(), Event(carl.ID, accounts.EventDeleted)), nil)
	got, err := s.Copies(t.Context(), "shop", []string{"Ada", "Ada's second", "Bert", "Carl", "Nobody", `q"\`})
	is(t, "Copies", err, nil)
	same(t, "copies", len(got), 4)
	of := func(r accounts.Record) accounts.Copy { // what Copies reads of it
		r = asStored(r)
		r.Identifiers, r.CreatedAt, r.Credential, r.Also = nil, time.Time{}, accounts.Credential{}, nil
		return accounts.Copy{Record: r}
	}
	same(t, "Ada", got["Ada"], of(ada))
	same(t, "Bert", got["Bert"], of(bert))
	same(t, "her second", got["Ada's second"].ID, ada.ID)
	same(t, "her second is a part", got["Ada's second"].Part, true)
	same(t, "Carl", got["Carl"].Deleted(), true)
	other, err := s.Copies(t.Context(), "crm", []string{"Ada"})
	is(t, "Copies of another source", err, nil)
	same(t, "copies of another source", len(other), 0)
	nobody, err := s.Copies(t.Context(), "shop", nil)
	is(t, "Copies of nobody", err, nil)
	same(t, "copies of nobody", len(nobody), 0)
	epochs, err := s.SessionEpochs(t.Context(), nil)
	is(t, "SessionEpochs of nobody", err, nil)
	same(t, "epochs of nobody", len(epochs), 0)
}
