package accountstest

import (
	"crypto/sha256"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"

	"rekey/accounts"
	"rekey/accounts/phase"
)

func mailRules() []rule {
	return []rule{
		{"claims", "Of 50 who claim one mail one gets it, and nobody else until the claim ends; the one that is due first comes first.", testMailClaims},
		{"fence", "Who lost a claim neither finishes, gives up nor postpones.", testMailFence},
		{"tickets", "An account has one ticket of a kind, the newest, until it ends.", testTickets},
		{"tickets die", "Who is disabled or deleted has no ticket, and no mail waits for who is deleted.", testTicketsDie},
		{"take over", "A copy becomes equal to legacy, but for the new password; sessions end, and what is owed is there with it.", testTakeOver},
		{"address", "An address is marked, replaced or added under the version that was read, with its event and mails; another's is not.", testSetEmail},
		{"address owed", "What a legacy store is owed for an address is in the change, and makes legacy know of it when it arrives, but not " +
			"of what it was never told before.", testOweEmail},
		{"take over of nobody", "Who is not here is made, and a session of before does not outlive it.", testTakeOverOfNobody},
	}
}

// mail is a mail about somebody.
func mail(account uuid.UUID, at time.Time) accounts.Mail {
	return accounts.Mail{ID: uuid.Must(uuid.NewV7()), AccountID: account, Kind: accounts.MailReset, Sealed: []byte{0, 7}, CreatedAt: stored(at), NextAt: stored(at)}
}

// claimMail fails unless the mail that is due first at a time is want; nil: none is.
func claimMail(t *testing.T, s accounts.Store, at time.Time, want *accounts.Mail) accounts.Mail {
	t.Helper()
	got, err := s.ClaimMail(t.Context(), at, at.Add(30*time.Second))
	if want == nil {
		is(t, "ClaimMail", err, accounts.ErrNotFound)
		return got
	}
	is(t, "ClaimMail", err, nil)
	same(t, "the mail that is due", got.ID, want.ID)
	return got
}

func testMailClaims(t *testing.T, s accounts.Store) {
	claimMail(t, s, now(), nil)
	second, one := mail(uuid.Nil, now()), mail(uuid.Nil, now().Add(-time.Minute))
	event := Event(uuid.New(), accounts.EventResetAsked)
	is(t, "AddMail", s.AddMail(t.Context(), second, event), nil)
	is(t, "AddMail", s.AddMail(t.Context(), one), nil)
	events(t, s, event.AccountID, 1)
	claimMail(t, s, now().Add(-time.Hour), nil)
	got := claimMail(t, s, now(), &one)
	want := one
	want.Attempts, want.Fence = 1, 1
	same(t, "the mail", got, want)
	errs := together(crowd, func(int) error {
		_, err := s.ClaimMail(t.Context(), now(), now().Add(time.Minute))
		return err
	})
	oneWon(t, errs, accounts.ErrNotFound)
	is(t, "FinishMail", s.FinishMail(t.Context(), got), nil)
	claimMail(t, s, now().Add(time.Minute), &second)
}

func testMailFence(t *testing.T, s accounts.Store) {
	m := mail(uuid.New(), now())
	is(t, "AddMail", s.AddMail(t.Context(), m), nil)
	lost := claimMail(t, s, now(), &m)
	has := claimMail(t, s, now().Add(time.Minute), &m)
	event := Event(m.AccountID, accounts.EventMailGivenUp)
	is(t, "FinishMail", s.FinishMail(t.Context(), lost), accounts.ErrStale)
	is(t, "GiveUpMail", s.GiveUpMail(t.Context(), lost, event), accounts.ErrStale)
	is(t, "PostponeMail", s.PostponeMail(t.Context(), lost, now()), accounts.ErrStale)
	events(t, s, m.AccountID, 0)
	claimMail(t, s, now().Add(time.Minute), nil)
	is(t, "PostponeMail", s.PostponeMail(t.Context(), has, now().Add(time.Hour)), nil)
	claimMail(t, s, now().Add(59*time.Minute), nil)
	has = claimMail(t, s, now().Add(time.Hour), &m)
	same(t, "attempts", has.Attempts, 3)
	is(t, "GiveUpMail", s.GiveUpMail(t.Context(), has, event), nil)
	events(t, s, m.AccountID, 1)
	is(t, "FinishMail", s.FinishMail(t.Context(), has), accounts.ErrStale)
}

// ticket is one that ends ten minutes after now.
func ticket(account uuid.UUID, token string) accounts.Ticket {
	return accounts.Ticket{
		AccountID: account, Kind: accounts.TicketReset, Digest: sha256.Sum256([]byte(token)), Sealed: []byte{0, 9}, ExpiresAt: stored(now()).Add(10 * time.Minute),
	}
}

// counts fails unless a ticket counts at a time, or does not.
func counts(t *testing.T, s accounts.Store, what string, k accounts.Ticket, at time.Time, want bool) {
	t.Helper()
	got, err := s.TicketByDigest(t.Context(), k.Digest, at)
	if !want {
		is(t, what, err, accounts.ErrNotFound)
		return
	}
	is(t, what, err, nil)
	same(t, what, got, k)
}

func testTickets(t *testing.T, s accounts.Store) {
	ada, bert := uuid.New(), uuid.New()
	older, newer, other := ticket(ada, "older"), ticket(ada, "newer"), ticket(bert, "other")
	for _, k := range []accounts.Ticket{older, other} {
		is(t, "KeepTicket", s.KeepTicket(t.Context(), k, now()), nil)
		counts(t, s, "a ticket", k, now(), true)
	}
	is(t, "KeepTicket", s.KeepTicket(t.Context(), newer, now()), nil)
	counts(t, s, "an older one", older, now(), false)
	counts(t, s, "a newer one", newer, now(), true)
	counts(t, s, "another's", other, now(), true)
	counts(t, s, "at its last moment", newer, newer.ExpiresAt.Add(-time.Microsecond), true)
	counts(t, s, "at its end", newer, newer.ExpiresAt, false)
	is(t, "DropTicket", s.DropTicket(t.Context(), newer.Digest), nil)
	is(t, "DropTicket again", s.DropTicket(t.Context(), newer.Digest), nil)
	counts(t, s, "one that was dropped", newer, now(), false)
	late := ticket(uuid.New(), "late")
	late.ExpiresAt = other.ExpiresAt.Add(time.Hour)
	is(t, "KeepTicket", s.KeepTicket(t.Context(), late, other.ExpiresAt), nil)
	counts(t, s, "one that had ended", other, now(), false)
	counts(t, s, "the last", late, now(), true)
}

func testTicketsDie(t *testing.T, s accounts.Store) {
	ada, bert := Person("Ada"), Person("Bert")
	for _, r := range []accounts.Record{ada, bert} {
		create(t, s, r)
		is(t, "KeepTicket", s.KeepTicket(t.Context(), ticket(r.ID, r.Link.LegacyID), now()), nil)
		is(t, "AddMail", s.AddMail(t.Context(), mail(r.ID, now())), nil)
	}
	_, _, err := s.SetDisabled(t.Context(), ada.ID, true, now(), Event(ada.ID, accounts.EventDisabled))
	is(t, "SetDisabled", err, nil)
	is(t, "Delete", s.Delete(t.Context(), bert.ID, 1, now(), Event(bert.ID, accounts.EventDeleted)), nil)
	for _, r := range []accounts.Record{ada, bert} {
		counts(t, s, "a ticket of before", ticket(r.ID, r.Link.LegacyID), now(), false)
	}
	if got, err := s.ClaimMail(t.Context(), now(), now().Add(time.Minute)); err != nil || got.AccountID != ada.ID {
		t.Errorf("ClaimMail() = a mail of %s, %v; want Ada's", got.AccountID, err)
	}
	claimMail(t, s, now(), nil)
}

func testTakeOver(t *testing.T, s accounts.Store) {
	state := first(t, s, phase.Lazy)
	ada, bert := Person("Ada"), Person("Bert")
	create(t, s, ada)
	create(t, s, bert)
	session := newSession(ada.ID)
	is(t, "CreateSession", s.CreateSession(t.Context(), session), nil)
	next := ada
	next.Credential = accounts.Credential{Scheme: accounts.SchemeArgon2id, Encoded: encoded("next")}
	next.Identifiers = []accounts.Identifier{{Kind: accounts.Email, Canonical: "ada@new.example", Spelling: "Ada@New.example", Verified: true}}
	link := *ada.Link
	link.Fingerprint, link.CopiedEpoch = []byte{8}, 9
	next.Link = &link
	next.Owed = []accounts.Delivery{delivery(ada.ID, accounts.DeliverPassword)}
	event := Event(ada.ID, accounts.EventReset)
	writes := s.At(state.Epoch)
	is(t, "TakeOver of another version", writes.TakeOver(t.Context(), next, 2, event), accounts.ErrStale)
	taken := next
	taken.Identifiers = bert.Identifiers
	is(t, "TakeOver of another's name", writes.TakeOver(t.Context(), taken, 1, event), accounts.ErrTaken)
	is(t, "TakeOver in another epoch", s.At(state.Epoch+1).TakeOver(t.Context(), next, 1, event), accounts.ErrStaleEpoch)
	backlog(t, s, 0)
	events(t, s, ada.ID, 1)
	is(t, "TakeOver", writes.TakeOver(t.Context(), next, 1, event), nil)
	got, err := s.ByID(t.Context(), ada.ID)
	is(t, "ByID", err, nil)
	want := asStored(next)
	want.Credential.Version, want.SessionEpoch, want.ChangedHere, want.Owed = 2, 1, true, nil
	same(t, "the account", got, want)
	if kept, err := s.Session(t.Context(), session.ID); err != nil || !kept.Superseded {
		t.Errorf("the session lives (%v)", err)
	}
	backlog(t, s, 1)
	events(t, s, ada.ID, 2)
}

func testTakeOverOfNobody(t *testing.T, s accounts.Store) {
	state := first(t, s, phase.Lazy)
	ada, bert := Person("Ada"), Person("Bert")
	create(t, s, bert)
	session := newSession(ada.ID)
	is(t, "CreateSession", s.CreateSession(t.Context(), session), nil)
	event, writes := Event(ada.ID, accounts.EventReset), s.At(state.Epoch)
	taken := ada
	taken.Identifiers = bert.Identifiers
	is(t, "TakeOver of another's name", writes.TakeOver(t.Context(), taken, 0, event), accounts.ErrTaken)
	is(t, "TakeOver in another epoch", s.At(state.Epoch+1).TakeOver(t.Context(), ada, 0, event), accounts.ErrStaleEpoch)
	ada.ChangedHere = true
	ada.Owed = []accounts.Delivery{delivery(ada.ID, accounts.DeliverPassword)}
	is(t, "TakeOver", writes.TakeOver(t.Context(), ada, 0, event), nil)
	got, err := s.ByID(t.Context(), ada.ID)
	is(t, "ByID", err, nil)
	want := asStored(ada)
	want.SessionEpoch, want.Owed = 1, nil
	same(t, "the account", got, want)
	if kept, err := s.Session(t.Context(), session.ID); err != nil || !kept.Superseded {
		t.Errorf("the session lives (%v)", err)
	}
	backlog(t, s, 1)
	events(t, s, ada.ID, 1)
	is(t, "TakeOver of who is here", writes.TakeOver(t.Context(), ada, 0, event), accounts.ErrLinked)
}

func testSetEmail(t *testing.T, s accounts.Store) {
	state := first(t, s, phase.Lazy)
	ada, bert := Person("Ada"), Person("Bert")
	bert.Identifiers = bert.Identifiers[:1]
	create(t, s, ada)
	create(t, s, bert)
	owed := owe(t, s, ada, 1)
	writes, event := s.At(state.Epoch), Event(ada.ID, accounts.EventEmail)
	own := accounts.Identifier{Kind: accounts.Email, Canonical: "ada@example.org", Spelling: "ADA@example.org", Verified: true}
	next := accounts.Identifier{Kind: accounts.Email, Canonical: "ada@new.example", Spelling: "Ada@New.example", Verified: true}
	m := mail(ada.ID, now())
	is(t, "SetEmail of another version", writes.SetEmail(t.Context(), ada.ID, 1, next, event, []accounts.Mail{m}), accounts.ErrStale)
	is(t, "SetEmail of nobody", writes.SetEmail(t.Context(), uuid.New(), 1, next, event, []accounts.Mail{m}), accounts.ErrNotFound)
	is(t, "SetEmail in another epoch", s.At(state.Epoch+1).SetEmail(t.Context(), ada.ID, 2, next, event, []accounts.Mail{m}), accounts.ErrStaleEpoch)
	is(t, "SetEmail of another's", writes.SetEmail(t.Context(), bert.ID, 1, own, Event(bert.ID, accounts.EventEmail), []accounts.Mail{m}), accounts.ErrTaken)
	claimMail(t, s, now(), nil)
	events(t, s, ada.ID, 2)
	events(t, s, bert.ID, 1)

	is(t, "SetEmail of the own", writes.SetEmail(t.Context(), ada.ID, 2, own, event, nil), nil)
	ids, verified := slices.Clone(ada.Identifiers), ada.Identifiers[1]
	verified.Verified = true
	ids[1] = verified
	hasAddress := func(what string, id uuid.UUID, version int64, want []accounts.Identifier, pinned bool) {
		t.Helper()
		got, err := s.ByID(t.Context(), id)
		is(t, what, err, nil)
		same(t, what, got.Identifiers, want)
		if got.Credential.Version != version || got.Pinned != pinned {
			t.Errorf("%s: version %d, pinned %v", what, got.Credential.Version, got.Pinned)
		}
	}
	hasAddress("the own", ada.ID, 3, ids, false)
	is(t, "FinishDelivery", s.FinishDelivery(t.Context(), claim(t, s, now(), &owed), accounts.Finish{Event: Event(ada.ID, accounts.EventDelivered)}), nil)
	if got, err := s.ByID(t.Context(), ada.ID); err != nil || got.ChangedHere {
		t.Errorf("the password that was on its way is not known to have arrived (%v)", err)
	}
	event.ID = uuid.Must(uuid.NewV7())
	is(t, "SetEmail", writes.SetEmail(t.Context(), ada.ID, 3, next, event, []accounts.Mail{m}), nil)
	ids[1] = next
	hasAddress("another", ada.ID, 4, ids, true)
	claimMail(t, s, now(), &m)
	is(t, "SetEmail of who has none", writes.SetEmail(t.Context(), bert.ID, 1, own, Event(bert.ID, accounts.EventEmail), nil), nil)
	hasAddress("the first", bert.ID, 2, append(slices.Clone(bert.Identifiers), own), true)
}

func testOweEmail(t *testing.T, s accounts.Store) {
	state := first(t, s, phase.Lazy)
	ada := Person("Ada")
	create(t, s, ada)
	version := int64(1)
	set := func(address string, waits int64, changed, pinned bool) accounts.Delivery {
		t.Helper()
		owed := delivery(ada.ID, accounts.DeliverEmail)
		is(t, "SetEmail", s.At(state.Epoch).SetEmail(t.Context(), ada.ID, version, accounts.Identifier{
			Kind: accounts.Email, Canonical: address, Spelling: address, Verified: true,
		}, Event(ada.ID, accounts.EventEmail), nil, owed), nil)
		version++
		backlog(t, s, waits)
		got, err := s.ByID(t.Context(), ada.ID)
		is(t, "ByID", err, nil)
		if got.Named(accounts.Email) != address || got.ChangedHere != changed || got.Pinned != pinned || got.Credential.Version != version {
			t.Errorf("%s: she is %+v, version %d", address, got.Account, got.Credential.Version)
		}
		return owed
	}
	arrive := func(want accounts.Delivery, known bool) {
		t.Helper()
		d := claim(t, s, now(), &want)
		is(t, "FinishDelivery", s.FinishDelivery(t.Context(), d, accounts.Finish{Event: Event(ada.ID, accounts.EventDelivered)}), nil)
		got, err := s.ByID(t.Context(), ada.ID)
		is(t, "ByID", err, nil)
		same(t, "what legacy does not know", got.ChangedHere, !known)
	}
	arrive(set("ada@one.example", 1, true, false), true)
	password := owe(t, s, ada, version)
	version++
	address := set("ada@two.example", 2, true, false) // while a password is on its way
	arrive(password, false)
	arrive(address, true)

	// A password that no store is told of: the arrival of an address must not say that legacy knows all.
	setPassword(t, s, ada.ID, version, uuid.Nil)
	version++
	arrive(set("ada@three.example", 1, true, false), false)
}
