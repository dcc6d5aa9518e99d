package accountstest

import (
	"testing"
	"time"

	"github.com/google/uuid"

	"rekey/accounts"
)

func lifeRules() []rule {
	return []rule{
		{"set password", "A new password is the next version, with its event; the session that is kept lives, every other one of the " +
			"account has ended, and those of others have not.", testSetPassword},
		{"set nothing", "A password that is set from a version that is not there changes nothing and ends no session.", testSetStale},
		{"keep", "What is kept is a living session of the account: another's is not touched, and one that has ended stays so.", testKeep},
		{"session epoch", "A session that is opened with the epoch from before a new password never lives: a login with the old " +
			"password may be on its way.", testSessionEpoch},
		{"moved session", "A session from before its person was moved lives on, and ends with the others of the account.",
			testMovedSession},
		{"renewed epoch", "A renewed session comes with its account as it is, epoch and all.", testRenewedEpoch},
		{"delete", "Of a deleted account stay its id, its links and its events; nobody finds it by a name, and all its sessions " +
			"have ended.", testDeleteAccount},
		{"delete nothing", "A deletion from a version that is not there changes nothing; a second one finds nobody.", testDeleteStale},
		{"tombstone", "Tombstone finds a deleted account by each of its links, and a living one by none.", testTombstone},
		{"stays deleted", "Nobody is made from a deleted person again, by whatever id, and nothing is written to the account.",
			testStaysDeleted},
		{"names are free", "Identifiers and external identities of a deleted account can be somebody else's.", testNamesAreFree},
	}
}

// opened stores a session of an account and returns it.
func opened(t *testing.T, s accounts.Store, account uuid.UUID, epoch int64) accounts.Session {
	t.Helper()
	session := newSession(account)
	session.Epoch = epoch
	is(t, "CreateSession", s.CreateSession(t.Context(), session), nil)
	return session
}

// lives fails unless a session is there as it was opened and can be moved on, by both ways.
func lives(t *testing.T, s accounts.Store, what string, session accounts.Session) {
	t.Helper()
	got, err := s.Session(t.Context(), session.ID)
	is(t, what+": Session", err, nil)
	same(t, what+": Session", got, sessionAsStored(session))
	_, err = s.RotateSession(t.Context(), session.ID, session.Generation, now(), session.ExpiresAt)
	is(t, what+": RotateSession", err, nil)
	_, _, err = s.RenewSession(t.Context(), session.ID, session.Generation+1, now(), time.Hour, 240*time.Hour)
	is(t, what+": RenewSession", err, nil)
}

// superseded fails unless a session is over together with all of its account, and cannot be moved on.
func superseded(t *testing.T, s accounts.Store, what string, session accounts.Session) {
	t.Helper()
	session.Superseded = true
	for range 2 {
		got, err := s.Session(t.Context(), session.ID)
		is(t, what+": Session", err, nil)
		same(t, what+": Session", got, sessionAsStored(session))
		_, err = s.RotateSession(t.Context(), session.ID, session.Generation, now(), session.ExpiresAt)
		is(t, what+": RotateSession", err, accounts.ErrStale)
		_, _, err = s.RenewSession(t.Context(), session.ID, session.Generation, now(), time.Hour, 240*time.Hour)
		is(t, what+": RenewSession", err, accounts.ErrStale)
	}
}

// setPassword sets a password that the test needs.
func setPassword(t *testing.T, s accounts.Store, account uuid.UUID, from int64, keep uuid.UUID) {
	t.Helper()
	err := s.SetPassword(t.Context(), account, from, newPassword(), keep, Event(account, accounts.EventPassword))
	is(t, "SetPassword", err, nil)
}

func newPassword() accounts.Credential {
	return accounts.Credential{Scheme: accounts.SchemeArgon2id, Encoded: encoded("new")}
}

// deleted deletes an account that the test needs gone.
func deleted(t *testing.T, s accounts.Store, r accounts.Record) {
	t.Helper()
	is(t, "Delete", s.Delete(t.Context(), r.ID, 1, now(), Event(r.ID, accounts.EventDeleted)), nil)
}

func testSetPassword(t *testing.T, s accounts.Store) {
	ada, bob := Person("Ada"), Person("Bob")
	ada.Credential = accounts.Credential{Scheme: accounts.SchemeWrapped, Encoded: "$wrap$1", Fold: "trim", Legacy: `{"a":"b"}`}
	create(t, s, ada)
	create(t, s, bob)
	keep, other, bobs := opened(t, s, ada.ID, 0), opened(t, s, ada.ID, 0), opened(t, s, bob.ID, 0)
	next, e := newPassword(), Event(ada.ID, accounts.EventPassword)
	next.Version = 40 // the version that counts is the one that is named
	is(t, "SetPassword", s.SetPassword(t.Context(), ada.ID, 1, next, keep.ID, e), nil)

	want := asStored(ada)
	want.Credential = next // and nothing of the old one
	want.Credential.Version = 2
	want.SessionEpoch, want.ChangedHere = 1, true
	got, err := s.ByID(t.Context(), ada.ID)
	is(t, "ByID", err, nil)
	same(t, "ByID", got, want)
	same(t, "event", events(t, s, ada.ID, 2)[1], eventAsStored(e))
	superseded(t, s, "another session of hers", other)
	keep.Epoch = 1
	lives(t, s, "the session that is kept", keep)
	lives(t, s, "somebody else's session", bobs)
	whole(t, s, bob)
}

func testSetStale(t *testing.T, s accounts.Store) {
	r := Person("Ada")
	create(t, s, r)
	session := opened(t, s, r.ID, 0)
	for _, from := range []int64{0, 2, -1} {
		err := s.SetPassword(t.Context(), r.ID, from, newPassword(), uuid.Nil, Event(r.ID, accounts.EventPassword))
		is(t, "SetPassword from another version", err, accounts.ErrStale)
	}
	whole(t, s, r)
	lives(t, s, "after stale changes", session)
	nobody := uuid.Must(uuid.NewV7())
	err := s.SetPassword(t.Context(), nobody, 1, newPassword(), uuid.Nil, Event(nobody, accounts.EventPassword))
	is(t, "SetPassword of nobody", err, accounts.ErrNotFound)
	events(t, s, nobody, 0)
}

func testKeep(t *testing.T, s accounts.Store) {
	ada, bob := Person("Ada"), Person("Bob")
	create(t, s, ada)
	create(t, s, bob)
	first, bobs := opened(t, s, ada.ID, 0), opened(t, s, bob.ID, 0)

	setPassword(t, s, ada.ID, 1, bobs.ID)
	superseded(t, s, "hers, when somebody else's is kept", first)
	second := opened(t, s, ada.ID, 1)
	setPassword(t, s, ada.ID, 2, first.ID)
	superseded(t, s, "the kept one, which had ended before", first)
	superseded(t, s, "the one that lived", second)

	revoked := opened(t, s, ada.ID, 2)
	did, err := s.RevokeSession(t.Context(), revoked.ID, now(), Event(ada.ID, accounts.EventSessionRevoked))
	is(t, "RevokeSession", onceTrue(did, err), nil)
	setPassword(t, s, ada.ID, 3, revoked.ID)
	_, _, err = s.RenewSession(t.Context(), revoked.ID, 0, now(), time.Hour, 240*time.Hour)
	is(t, "RenewSession of a kept one that was revoked", err, accounts.ErrStale)
	setPassword(t, s, ada.ID, 4, uuid.Nil)
	lives(t, s, "somebody else's", bobs)
}

func testSessionEpoch(t *testing.T, s accounts.Store) {
	r := Person("Ada")
	create(t, s, r)
	setPassword(t, s, r.ID, 1, uuid.Nil)
	superseded(t, s, "with the old epoch", opened(t, s, r.ID, 0))
	superseded(t, s, "with an epoch that is yet to come", opened(t, s, r.ID, 2))
	lives(t, s, "with the account's epoch", opened(t, s, r.ID, 1))
}

func testMovedSession(t *testing.T, s accounts.Store) {
	r := Person("Ada")
	session := opened(t, s, r.ID, 0)
	got, err := s.Session(t.Context(), session.ID)
	is(t, "Session", err, nil)
	same(t, "Session of somebody who is not here", got, sessionAsStored(session))
	create(t, s, r)
	lives(t, s, "after the move", session)
	setPassword(t, s, r.ID, 1, uuid.Nil)
	session, err = s.Session(t.Context(), session.ID)
	is(t, "Session", err, nil)
	same(t, "superseded", session.Superseded, true)
}

func testRenewedEpoch(t *testing.T, s accounts.Store) {
	r := Person("Ada")
	create(t, s, r)
	setPassword(t, s, r.ID, 1, uuid.Nil)
	session := opened(t, s, r.ID, 1)
	renewed, account, err := s.RenewSession(t.Context(), session.ID, 0, now(), time.Hour, 240*time.Hour)
	is(t, "RenewSession", err, nil)
	same(t, "epoch of the session", renewed.Epoch, 1)
	want := asStored(r).Account
	want.SessionEpoch, want.ChangedHere = 1, true
	same(t, "account", account, want)
}

func testDeleteAccount(t *testing.T, s accounts.Store) {
	ada, bob := Person("Ada"), Person("Bob")
	ada.Profile = &accounts.Profile{DisplayName: "Ada", Roles: []string{"admin"}, Attributes: map[string]string{"plan": "gold"}}
	ada.Factors = []accounts.Factor{{ID: uuid.Must(uuid.NewV7()), Kind: accounts.FactorTOTP, Name: "phone", Secret: []byte("s")}}
	ada.External = []accounts.ExternalIdentity{{Provider: "google", Subject: "17"}}
	create(t, s, ada)
	create(t, s, bob)
	hers, bobs := opened(t, s, ada.ID, 0), opened(t, s, bob.ID, 0)
	e := Event(ada.ID, accounts.EventDeleted)
	is(t, "Delete", s.Delete(t.Context(), ada.ID, 1, now().Add(time.Hour), e), nil)

	want := accounts.Record{Account: accounts.Account{
		ID: ada.ID, Disabled: true, CreatedAt: stored(ada.CreatedAt), DeletedAt: stored(now().Add(time.Hour)), SessionEpoch: 1,
	}, Link: asStored(ada).Link}
	got, err := s.ByID(t.Context(), ada.ID)
	is(t, "ByID", err, nil)
	same(t, "ByID", got, want)
	same(t, "Deleted", got.Deleted(), true)
	got, err = s.ByLink(t.Context(), ada.Link.Source, ada.Link.LegacyID)
	is(t, "ByLink", err, nil)
	same(t, "ByLink", got, want)
	for _, id := range ada.Identifiers {
		_, err = s.ByIdentifier(t.Context(), id.Canonical)
		is(t, "ByIdentifier", err, accounts.ErrNotFound)
	}
	profile, err := s.Profile(t.Context(), ada.ID)
	is(t, "Profile", err, nil)
	same(t, "Profile", profile, accounts.Profile{})
	factors, err := s.Factors(t.Context(), ada.ID)
	is(t, "Factors", err, nil)
	same(t, "Factors", len(factors), 0)
	external, err := s.ExternalIdentities(t.Context(), ada.ID)
	is(t, "ExternalIdentities", err, nil)
	same(t, "ExternalIdentities", len(external), 0)
	same(t, "event", events(t, s, ada.ID, 2)[1], eventAsStored(e))
	superseded(t, s, "her session", hers)
	superseded(t, s, "one that a login was just opening", opened(t, s, ada.ID, 0))
	_, _, err = s.RenewSession(t.Context(), opened(t, s, ada.ID, 1).ID, 0, now(), time.Hour, 240*time.Hour)
	is(t, "RenewSession with the tombstone's own epoch", err, accounts.ErrStale)
	lives(t, s, "somebody else's session", bobs)
	whole(t, s, bob)
	count(t, s, 1)
}

func testDeleteStale(t *testing.T, s accounts.Store) {
	r := Person("Ada")
	create(t, s, r)
	session := opened(t, s, r.ID, 0)
	for _, from := range []int64{0, 2, -1} {
		err := s.Delete(t.Context(), r.ID, from, now(), Event(r.ID, accounts.EventDeleted))
		is(t, "Delete from another version", err, accounts.ErrStale)
	}
	whole(t, s, r)
	count(t, s, 1)
	lives(t, s, "after stale deletions", session)
	nobody := uuid.Must(uuid.NewV7())
	is(t, "Delete of nobody", s.Delete(t.Context(), nobody, 1, now(), Event(nobody, accounts.EventDeleted)), accounts.ErrNotFound)
	events(t, s, nobody, 0)

	deleted(t, s, r)
	for _, from := range []int64{0, 1, 2} {
		err := s.Delete(t.Context(), r.ID, from, now(), Event(r.ID, accounts.EventDeleted))
		is(t, "Delete again", err, accounts.ErrNotFound)
	}
	events(t, s, r.ID, 2)
}

func testTombstone(t *testing.T, s accounts.Store) {
	r := Person("Ada")
	second := *r.Link
	second.Source, second.LegacyID, second.LegacyCreatedAt, second.At = "crm", "a-7", time.Time{}, r.Link.At.Add(time.Microsecond)
	r.Also = []accounts.LegacyLink{second}
	create(t, s, r)
	create(t, s, Person("Bob"))
	for _, link := range []accounts.LegacyLink{*r.Link, second, {Source: "shop", LegacyID: "nobody"}} {
		_, err := s.Tombstone(t.Context(), link.Source, link.LegacyID)
		is(t, "Tombstone of the living", err, accounts.ErrNotFound)
	}
	deleted(t, s, r)
	for _, link := range []accounts.LegacyLink{*r.Link, second} {
		want := link
		want.At = stored(want.At)
		if !want.LegacyCreatedAt.IsZero() {
			want.LegacyCreatedAt = stored(want.LegacyCreatedAt)
		}
		got, err := s.Tombstone(t.Context(), link.Source, link.LegacyID)
		is(t, "Tombstone", err, nil)
		same(t, "Tombstone", got, want)
	}
	for _, link := range []accounts.LegacyLink{{Source: "crm", LegacyID: "Ada"}, {Source: "shop", LegacyID: "a-7"}, {Source: "shop", LegacyID: "Bob"}} {
		_, err := s.Tombstone(t.Context(), link.Source, link.LegacyID)
		is(t, "Tombstone of somebody else", err, accounts.ErrNotFound)
	}
}

func testStaysDeleted(t *testing.T, s accounts.Store) {
	r := Person("Ada")
	create(t, s, r)
	deleted(t, s, r)
	tombstone, err := s.ByID(t.Context(), r.ID)
	is(t, "ByID", err, nil)

	other, unlinked := r, r
	other.ID = uuid.Must(uuid.NewV7())
	unlinked.Link = nil
	for name, again := range map[string]accounts.Record{"the same": r, "another id": other, "no link": unlinked} {
		is(t, "Create, "+name, s.Create(t.Context(), again, Event(again.ID, accounts.EventMigrated)), accounts.ErrLinked)
	}
	_, err = s.ByID(t.Context(), other.ID)
	is(t, "ByID of another id", err, accounts.ErrNotFound)
	for version := range int64(3) {
		err = s.ReplaceCredential(t.Context(), r.ID, version, newPassword(), Event(r.ID, accounts.EventRehashed))
		is(t, "ReplaceCredential", err, accounts.ErrNotFound)
		err = s.SetPassword(t.Context(), r.ID, version, newPassword(), uuid.Nil, Event(r.ID, accounts.EventPassword))
		is(t, "SetPassword", err, accounts.ErrNotFound)
	}
	got, err := s.ByID(t.Context(), r.ID)
	is(t, "ByID", err, nil)
	same(t, "the tombstone afterwards", got, tombstone)
	events(t, s, r.ID, 2)
	count(t, s, 0)
}

func testNamesAreFree(t *testing.T, s accounts.Store) {
	ada, bob := Person("Ada"), Person("Bob")
	ada.External = []accounts.ExternalIdentity{{Provider: "google", Subject: "17"}}
	create(t, s, ada)
	deleted(t, s, ada)
	bob.Identifiers, bob.External = ada.Identifiers, ada.External
	create(t, s, bob)
	external, err := s.ExternalIdentities(t.Context(), bob.ID)
	is(t, "ExternalIdentities", err, nil)
	same(t, "ExternalIdentities", external, bob.External)
	bob.External = nil // which is not read with an account
	whole(t, s, bob)
	got, err := s.ByID(t.Context(), ada.ID)
	is(t, "ByID", err, nil)
	same(t, "identifiers of the tombstone", len(got.Identifiers), 0)
}
