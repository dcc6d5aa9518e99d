package accountstest

import (
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"

	"rekey/accounts"
	"rekey/accounts/phase"
)

func outboxRules() []rule {
	return []rule{
		{"order", "Of one account's deliveries only the oldest is ever due; what has failed holds back its own account alone.", testOutboxOrder},
		{"claims", "Of 50 who claim one delivery one gets it, and nobody else until the claim ends.", testClaims},
		{"fence", "Who lost a claim neither finishes, drops nor postpones.", testFence},
		{"what waits", "Deliveries are listed oldest first, all or an account's or those that were refused, in pages that neither repeat nor skip one.",
			testDeliveries},
		{"try now", "What waits for its next try is due at once, an account's or all, but for what somebody is at; with one event that counts it, " +
			"and none where there is nothing.", testTryNow},
		{"finish", "A delivery that arrived leaves the account known to legacy, once nothing else waits; the link is as it is now.", testFinish},
		{"older", "A delivery that arrived makes known to legacy the password that it carries, hashed again or not, and no later one.", testFinishOlder},
		{"intent", "An intent is the account's lock, and the account is in doubt until it has ended, whoever made the account.", testIntent},
		{"intent ends", "What an intent leaves is there together with its end: the credential, the sessions, the event.", testIntentEnds},
		{"intent of an address", "An address is there with the end of its intent, with its mails and under the next version, and nobody is pinned; " +
			"one that is another's is not, and the intent stays. A link that has drifted is marked.", testIntentOfAddress},
		{"inserts", "New people who may be there already, and whom no link names, are found by their source.", testInserts},
		{"intent of nobody", "Somebody who is not here is made, or buried, with the end of the intent; or they are taken.", testIntentOfNobody},
		{"sessions of nobody", "The sessions of somebody who is not here end with the intent, but the one that is kept; one that was about to be " +
			"opened never lives; and the account that is made of them goes on from there.", testSessionsOfNobody},
	}
}

// delivery is owed to the shop.
func delivery(account uuid.UUID, kind accounts.DeliveryKind) accounts.Delivery {
	return accounts.Delivery{
		ID: uuid.Must(uuid.NewV7()), AccountID: account, Source: "shop", Kind: kind, Sealed: []byte{0, 7}, CreatedAt: stored(now()),
	}
}

// backlog fails unless so many deliveries wait.
func backlog(t *testing.T, s accounts.Store, want int64) {
	t.Helper()
	got, err := s.Backlog(t.Context())
	if err != nil || got.Waiting != want {
		t.Errorf("Backlog() = %+v, %v; want %d", got, err, want)
	}
}

// owe changes an account's password, and owes the shop that.
func owe(t *testing.T, s accounts.Store, r accounts.Record, from int64) accounts.Delivery {
	t.Helper()
	d := delivery(r.ID, accounts.DeliverPassword)
	next := accounts.Credential{Scheme: accounts.SchemeArgon2id, Encoded: encoded("next")}
	is(t, "SetPassword", s.SetPassword(t.Context(), r.ID, from, next, uuid.Nil, Event(r.ID, accounts.EventPassword), d), nil)
	return d
}

// claim fails unless the delivery that is due first at a time is want; nil: none is.
func claim(t *testing.T, s accounts.Store, at time.Time, want *accounts.Delivery) accounts.Delivery {
	t.Helper()
	got, err := s.ClaimDelivery(t.Context(), at, at.Add(30*time.Second))
	if want == nil {
		is(t, "ClaimDelivery", err, accounts.ErrNotFound)
		return got
	}
	is(t, "ClaimDelivery", err, nil)
	same(t, "the delivery that is due", got.ID, want.ID)
	same(t, "the end of the claim", got.ClaimedTo, at.Add(30*time.Second))
	return got
}

func testOutboxOrder(t *testing.T, s accounts.Store) {
	first(t, s, phase.Lazy)
	ada, bert := Person("Ada"), Person("Bert")
	create(t, s, ada)
	create(t, s, bert)
	claim(t, s, now(), nil)
	a1 := owe(t, s, ada, 1)
	a2 := owe(t, s, ada, 2)
	claim(t, s, now().Add(-time.Second), nil) // not due yet
	got := claim(t, s, now(), &a1)
	want := a1
	want.NextAt, want.Version, want.Attempts, want.Fence, want.ClaimedTo = want.CreatedAt, 2, 1, 1, got.ClaimedTo
	same(t, "the delivery", got, want)
	claim(t, s, now(), nil)
	b1 := delivery(bert.ID, accounts.DeliverPassword)
	b1.CreatedAt = b1.CreatedAt.Add(time.Second)
	next := accounts.Credential{Scheme: accounts.SchemeArgon2id, Encoded: encoded("next")}
	is(t, "SetPassword", s.SetPassword(t.Context(), bert.ID, 1, next, uuid.Nil, Event(bert.ID, accounts.EventPassword), b1), nil)
	claim(t, s, now().Add(time.Second), &b1) // though one that is claimed was due before
	is(t, "PostponeDelivery", s.PostponeDelivery(t.Context(), got, now().Add(time.Hour), "too\x00 long"), nil)
	again := claim(t, s, now().Add(time.Minute), &b1) // its claim has ended, and ada's waits
	claim(t, s, now().Add(time.Minute), nil)
	all, err := s.Deliveries(t.Context(), accounts.DeliveryQuery{Limit: 10})
	if err != nil || len(all) != 3 {
		t.Fatalf("%d deliveries (%v)", len(all), err)
	}
	for _, d := range all {
		want := map[uuid.UUID]string{a1.ID: "too\uFFFD long"}[d.ID]
		same(t, "why it waits", d.Refused, want)
	}
	waiting, err := s.Backlog(t.Context())
	is(t, "Backlog", err, nil)
	same(t, "Backlog", waiting, accounts.Backlog{Waiting: 3, Refused: 1, Oldest: stored(now())})

	is(t, "FinishDelivery", s.FinishDelivery(t.Context(), again, accounts.Finish{Event: Event(bert.ID, accounts.EventDelivered)}), nil)
	got = claim(t, s, now().Add(time.Hour), &a1)
	same(t, "attempts", got.Attempts, 2)
	is(t, "FinishDelivery", s.FinishDelivery(t.Context(), got, accounts.Finish{Event: Event(ada.ID, accounts.EventDelivered)}), nil)
	claim(t, s, now(), &a2)
}

func testClaims(t *testing.T, s accounts.Store) {
	first(t, s, phase.Lazy)
	ada := Person("Ada")
	create(t, s, ada)
	owe(t, s, ada, 1)
	owe(t, s, ada, 2)
	for round := range 4 {
		at := now().Add(time.Duration(round) * time.Minute)
		errs := together(crowd, func(int) error {
			_, err := s.ClaimDelivery(t.Context(), at, at.Add(time.Minute))
			return err
		})
		oneWon(t, errs, accounts.ErrNotFound)
	}
}

func testFence(t *testing.T, s accounts.Store) {
	first(t, s, phase.Lazy)
	ada := Person("Ada")
	create(t, s, ada)
	d := owe(t, s, ada, 1)
	lost := claim(t, s, now(), &d)
	has := claim(t, s, now().Add(time.Minute), &d)
	link := *ada.Link
	link.Fingerprint = []byte{5}
	finish := accounts.Finish{Event: Event(ada.ID, accounts.EventDelivered), Link: &link}
	is(t, "FinishDelivery", s.FinishDelivery(t.Context(), lost, finish), accounts.ErrStale)
	is(t, "DropDelivery", s.DropDelivery(t.Context(), lost, true), accounts.ErrStale)
	is(t, "PostponeDelivery", s.PostponeDelivery(t.Context(), lost, now(), "no"), accounts.ErrStale)
	got, err := s.ByID(t.Context(), ada.ID)
	if err != nil || string(got.Link.Fingerprint) != string(ada.Link.Fingerprint) || got.Link.Drifted || !got.ChangedHere {
		t.Errorf("who lost the claim has changed %+v (%v)", got.Link, err)
	}
	events(t, s, ada.ID, 2)
	is(t, "FinishDelivery", s.FinishDelivery(t.Context(), has, finish), nil)
	is(t, "FinishDelivery again", s.FinishDelivery(t.Context(), has, finish), accounts.ErrStale)
	backlog(t, s, 0)
}

func testFinish(t *testing.T, s accounts.Store) {
	state := first(t, s, phase.Lazy)
	is(t, "MovePhase", s.MovePhase(t.Context(), after(t, state, phase.LegacyOnly), moved()), nil)
	born := Person("Born")
	id := *born.Link
	born.ID, born.Link = uuid.Must(uuid.NewV7()), nil
	born.Owed = []accounts.Delivery{delivery(born.ID, accounts.DeliverInsert)}
	create(t, s, born)
	second := owe(t, s, born, 1)
	finish := func(want accounts.Delivery, link *accounts.LegacyLink, changed bool) accounts.Record {
		t.Helper()
		d := claim(t, s, now(), &want)
		is(t, "FinishDelivery", s.FinishDelivery(t.Context(), d, accounts.Finish{Event: Event(born.ID, accounts.EventDelivered), Link: link}), nil)
		got, err := s.ByID(t.Context(), born.ID)
		is(t, "ByID", err, nil)
		same(t, "changed here", got.ChangedHere, changed)
		return got
	}
	got := finish(born.Owed[0], &id, true)
	if got.Link == nil {
		t.Fatal("there is no link")
	}
	if got.Link.LegacyID != id.LegacyID || got.Link.CopiedEpoch != 2 || got.Credential.Version != 2 {
		t.Errorf("the link is %+v, want one of the epoch in which it arrived", got.Link)
	}
	now := id
	now.Fingerprint = []byte{5}
	got = finish(second, &now, false)
	same(t, "the fingerprint", got.Link.Fingerprint, now.Fingerprint)
	owed := owe(t, s, born, 2)
	got = finish(owed, nil, false)
	same(t, "the fingerprint", got.Link.Fingerprint, now.Fingerprint)
	events(t, s, born.ID, 6)

	// A link that is somebody else's is not taken from them.
	other := Person("Other")
	create(t, s, other)
	owed = owe(t, s, born, 3)
	theirs := *other.Link
	theirs.Fingerprint = []byte{6}
	finish(owed, &theirs, false)
	kept, err := s.ByLink(t.Context(), theirs.Source, theirs.LegacyID)
	if err != nil || kept.ID != other.ID || string(kept.Link.Fingerprint) != string(other.Link.Fingerprint) {
		t.Errorf("the link of another is %s's, %v (%v)", kept.ID, kept.Link.Fingerprint, err)
	}
}

// The source was to be told of everything, and then of nothing.
func testFinishOlder(t *testing.T, s accounts.Store) {
	first(t, s, phase.Lazy)
	ada := Person("Ada")
	create(t, s, ada)
	next := accounts.Credential{Scheme: accounts.SchemeArgon2id, Encoded: encoded("next")}
	arrive := func(want accounts.Delivery, known bool) {
		t.Helper()
		d := claim(t, s, now(), &want)
		is(t, "FinishDelivery", s.FinishDelivery(t.Context(), d, accounts.Finish{Event: Event(ada.ID, accounts.EventDelivered)}), nil)
		got, err := s.ByID(t.Context(), ada.ID)
		is(t, "ByID", err, nil)
		same(t, "what legacy does not know", got.ChangedHere, !known)
	}
	told := owe(t, s, ada, 1)
	is(t, "SetPassword", s.SetPassword(t.Context(), ada.ID, 2, next, uuid.Nil, Event(ada.ID, accounts.EventPassword)), nil)
	arrive(told, false)
	arrive(owe(t, s, ada, 3), true)
	told = owe(t, s, ada, 4)
	is(t, "ReplaceCredential", s.ReplaceCredential(t.Context(), ada.ID, 5, next, Event(ada.ID, accounts.EventRehashed)), nil)
	arrive(told, true)
}

func testIntent(t *testing.T, s accounts.Store) {
	first(t, s, phase.Lazy)
	ada := Person("Ada")
	begin := func() error {
		until := now().Add(30 * time.Second)
		d, err := s.BeginIntent(t.Context(), delivery(ada.ID, accounts.DeliverPassword), until)
		same(t, "the end of the claim", d.ClaimedTo, until)
		return err
	}
	doubt := func(want bool) {
		t.Helper()
		got, err := s.ByID(t.Context(), ada.ID)
		is(t, "ByID", err, nil)
		same(t, "in doubt", got.InDoubt, want)
	}
	oneWon(t, together(crowd, func(int) error { return begin() }), accounts.ErrStale)
	create(t, s, ada) // a login that began before
	doubt(true)
	claim(t, s, now(), nil)
	d, err := s.ClaimDelivery(t.Context(), now().Add(30*time.Second), now().Add(time.Minute))
	is(t, "ClaimDelivery of an intent whose claim has ended", err, nil)
	if !d.Intent || d.Fence != 2 || d.Attempts != 2 {
		t.Errorf("intent %v, fence %d, attempts %d", d.Intent, d.Fence, d.Attempts)
	}
	is(t, "DropDelivery", s.DropDelivery(t.Context(), d, false), nil)
	doubt(false)
	oneWon(t, together(crowd, func(int) error { return begin() }), accounts.ErrStale)
	doubt(true)
}

func testIntentEnds(t *testing.T, s accounts.Store) {
	first(t, s, phase.Lazy)
	ada := Person("Ada")
	create(t, s, ada)
	next := accounts.Credential{Scheme: accounts.SchemeArgon2id, Encoded: encoded("next")}
	link := *ada.Link
	link.Fingerprint = []byte{5}
	for round, was := range [][]byte{ada.Link.Fingerprint, {4, 4}} {
		d, err := s.BeginIntent(t.Context(), delivery(ada.ID, accounts.DeliverPassword), now().Add(time.Minute))
		is(t, "BeginIntent", err, nil)
		is(t, "FinishDelivery", s.FinishDelivery(t.Context(), d, accounts.Finish{
			Event: Event(ada.ID, accounts.EventPassword), Link: &link, Was: was, Credential: &next, At: now(),
		}), nil)
		got, err := s.ByID(t.Context(), ada.ID)
		is(t, "ByID", err, nil)
		if got.InDoubt || got.ChangedHere || got.Credential.Version != int64(round+2) || got.Credential.Encoded != next.Encoded || got.SessionEpoch != int64(round+1) {
			t.Errorf("she is %+v", got.Account)
		}
		// What was equal before is equal now; what was not is not.
		same(t, "the fingerprint", got.Link.Fingerprint, []byte{5})
		events(t, s, ada.ID, round+2)
		link.Fingerprint = []byte{6}
	}
}

func testIntentOfAddress(t *testing.T, s accounts.Store) {
	first(t, s, phase.Lazy)
	ada, bert := Person("Ada"), Person("Bert")
	create(t, s, ada)
	create(t, s, bert)
	d, err := s.BeginIntent(t.Context(), delivery(ada.ID, accounts.DeliverEmail), now().Add(time.Minute))
	is(t, "BeginIntent", err, nil)
	link, m := *ada.Link, mail(ada.ID, now())
	link.Fingerprint = []byte{5}
	finish := accounts.Finish{
		Event: Event(ada.ID, accounts.EventEmail), Link: &link, Was: ada.Link.Fingerprint, Mails: []accounts.Mail{m}, At: now(),
		Address: &bert.Identifiers[1],
	}
	is(t, "FinishDelivery of another's address", s.FinishDelivery(t.Context(), d, finish), accounts.ErrTaken)
	claimMail(t, s, now(), nil)
	backlog(t, s, 1)
	finish.Address = &accounts.Identifier{Kind: accounts.Email, Canonical: "ada@new.example", Spelling: "ada@new.example", Verified: true}
	is(t, "FinishDelivery", s.FinishDelivery(t.Context(), d, finish), nil)
	claimMail(t, s, now(), &m)
	want := asStored(ada)
	want.Credential.Version, want.Link.Fingerprint, want.Link.CopiedEpoch = 2, []byte{5}, 1
	want.Identifiers = slices.Clone(want.Identifiers)
	want.Identifiers[1] = *finish.Address
	got, err := s.ByID(t.Context(), ada.ID)
	is(t, "ByID", err, nil)
	same(t, "ByID", got, want)
	events(t, s, ada.ID, 2)

	d, err = s.BeginIntent(t.Context(), delivery(ada.ID, accounts.DeliverEmail), now().Add(time.Minute))
	is(t, "BeginIntent", err, nil)
	link.Drifted, link.Fingerprint = true, []byte{6}
	is(t, "FinishDelivery", s.FinishDelivery(t.Context(), d, accounts.Finish{Event: Event(ada.ID, accounts.EventEmail), Link: &link, Was: []byte{5}, At: now()}), nil)
	want.Link.Drifted = true
	got, err = s.ByID(t.Context(), ada.ID)
	is(t, "ByID", err, nil)
	same(t, "a link that has drifted", got, want)

	nobody := uuid.Must(uuid.NewV7())
	d, err = s.BeginIntent(t.Context(), delivery(nobody, accounts.DeliverEmail), now().Add(time.Minute))
	is(t, "BeginIntent", err, nil)
	finish = accounts.Finish{Event: Event(nobody, accounts.EventEmail), Address: finish.Address, At: now()}
	is(t, "FinishDelivery of nobody here", s.FinishDelivery(t.Context(), d, finish), nil)
	events(t, s, nobody, 1)
}

func testIntentOfNobody(t *testing.T, s accounts.Store) {
	first(t, s, phase.Lazy)
	ada, bert := Person("Ada"), Person("Bert")
	next := accounts.Credential{Scheme: accounts.SchemeArgon2id, Encoded: encoded("next")}
	begin := func(account uuid.UUID, kind accounts.DeliveryKind) accounts.Delivery {
		t.Helper()
		d, err := s.BeginIntent(t.Context(), delivery(account, kind), now().Add(time.Minute))
		is(t, "BeginIntent", err, nil)
		return d
	}
	d := begin(ada.ID, accounts.DeliverPassword)
	made := ada
	made.Credential = next
	finish := accounts.Finish{Event: Event(ada.ID, accounts.EventPassword), Credential: &next, Create: &made, At: now()}
	is(t, "FinishDelivery", s.FinishDelivery(t.Context(), d, finish), nil)
	got, err := s.ByID(t.Context(), ada.ID)
	if err != nil || got.InDoubt || got.Credential.Version != 1 || got.Credential.Encoded != next.Encoded || got.SessionEpoch != 1 {
		t.Errorf("she is %+v (%v)", got.Account, err)
	}
	events(t, s, ada.ID, 1)

	d = begin(bert.ID, accounts.DeliverPassword)
	taken := bert
	taken.Identifiers = ada.Identifiers
	finish = accounts.Finish{Event: Event(bert.ID, accounts.EventPassword), Create: &taken, At: now()}
	is(t, "FinishDelivery of names that are taken", s.FinishDelivery(t.Context(), d, finish), accounts.ErrTaken)
	none(t, s, bert)
	backlog(t, s, 1) // it has not ended
	is(t, "DropDelivery", s.DropDelivery(t.Context(), d, false), nil)

	d = begin(bert.ID, accounts.DeliverDelete)
	finish = accounts.Finish{Event: Event(bert.ID, accounts.EventDeleted), Delete: true, Link: bert.Link, At: now()}
	is(t, "FinishDelivery", s.FinishDelivery(t.Context(), d, finish), nil)
	_, err = s.Tombstone(t.Context(), bert.Link.Source, bert.Link.LegacyID)
	is(t, "Tombstone", err, nil)
	is(t, "Create", s.Create(t.Context(), bert, Event(bert.ID, accounts.EventMigrated)), accounts.ErrLinked)
}

func testInserts(t *testing.T, s accounts.Store) {
	state := first(t, s, phase.Lazy)
	want := func(source string, want ...accounts.Delivery) {
		t.Helper()
		got, err := s.Inserts(t.Context(), source)
		is(t, "Inserts", err, nil)
		ids := map[uuid.UUID]bool{}
		for _, d := range got {
			ids[d.ID] = true
		}
		for _, d := range want {
			if !ids[d.ID] {
				t.Errorf("Inserts has not %s", d.ID)
			}
		}
		same(t, "the number of inserts", len(got), len(want))
	}
	ada := Person("Ada")
	ada.Link = nil
	insert := delivery(ada.ID, accounts.DeliverInsert)
	ada.Owed = []accounts.Delivery{insert}
	create(t, s, ada)
	owe(t, s, ada, 1)
	want("shop") // her account is here, and answers
	is(t, "Delete", s.Delete(t.Context(), ada.ID, 2, now(), Event(ada.ID, accounts.EventDeleted)), nil)
	want("shop", insert)
	want("crm")
	intent, err := s.At(state.Epoch).BeginIntent(t.Context(), delivery(uuid.Must(uuid.NewV7()), accounts.DeliverInsert), now().Add(time.Minute))
	is(t, "BeginIntent", err, nil)
	want("shop", insert, intent)
	is(t, "DropDelivery", s.DropDelivery(t.Context(), intent, false), nil)
	want("shop", insert)
}

func testSessionsOfNobody(t *testing.T, s accounts.Store) {
	first(t, s, phase.Lazy)
	ada := Person("Ada")
	end := func(keep uuid.UUID) {
		t.Helper()
		d, err := s.BeginIntent(t.Context(), delivery(ada.ID, accounts.DeliverPassword), now().Add(time.Minute))
		is(t, "BeginIntent", err, nil)
		is(t, "FinishDelivery", s.FinishDelivery(t.Context(), d, accounts.Finish{Event: Event(ada.ID, accounts.EventPassword), Keep: keep, At: now()}), nil)
	}
	epoch := func(want int64) {
		t.Helper()
		got, err := s.SessionEpoch(t.Context(), ada.ID)
		is(t, "SessionEpoch", err, nil)
		same(t, "SessionEpoch", got, want)
	}
	moves := func(session accounts.Session, generation int64, want error) {
		t.Helper()
		_, err := s.RotateSession(t.Context(), session.ID, generation, now(), session.ExpiresAt)
		is(t, "RotateSession", err, want)
	}
	epoch(0)
	here, there := opened(t, s, ada.ID, 0), opened(t, s, ada.ID, 0)
	end(here.ID)
	epoch(1)
	late, next := opened(t, s, ada.ID, 0), opened(t, s, ada.ID, 1)
	superseded(t, s, "another session", there)
	superseded(t, s, "one that was being opened", late)
	moves(here, 0, nil)
	moves(next, 0, nil)
	end(uuid.Nil)
	epoch(2)
	moves(here, 1, accounts.ErrStale)

	create(t, s, ada)
	epoch(2)
	superseded(t, s, "one that ended before she came", late)
	lives(t, s, "a new one", opened(t, s, ada.ID, 2))
}
