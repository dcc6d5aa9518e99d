package accounts_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"rekey/accounts"
	"rekey/legacy"
)

// moved returns a world in which ada has logged in with "tulip" and has so many sessions.
func moved(t *testing.T, sessions int) (*world, accounts.Person) {
	t.Helper()
	w := newWorld(t, legacy.User{
		ID: "1", Username: "ada", Email: "Ada@example.org", Password: &legacy.Stored{Scheme: "plaintext", Hash: "tulip"},
		Profile: legacy.Profile{DisplayName: "Ada", RecoveryCodes: []string{"a-b", "c-d"}, Attributes: map[string]string{"shoe": "38"}},
	})
	p, err := w.Login(t.Context(), try("ada", "tulip"))
	if err != nil {
		t.Fatal(err)
	}
	for range sessions {
		openSession(t, w, p.ID)
	}
	return w, p
}

func openSession(t *testing.T, w *world, account uuid.UUID) accounts.Session {
	t.Helper()
	now := time.Now()
	s := accounts.Session{ID: uuid.Must(uuid.NewV7()), AccountID: account, CreatedAt: now, RotatedAt: now, ExpiresAt: now.Add(time.Hour)}
	if err := w.store.CreateSession(t.Context(), s); err != nil {
		t.Fatal(err)
	}
	return s
}

func TestAccountOf(t *testing.T) {
	t.Parallel()
	w, p := moved(t, 0)
	other := accounts.Record{Account: accounts.Account{
		ID: uuid.Must(uuid.NewV7()), CreatedAt: time.Now(),
		Identifiers: []accounts.Identifier{{Kind: accounts.Username, Canonical: "0197f3a2-5a0c-7cc1-8d2e-3f4f5a6b7c8d", Spelling: "0197F3A2-5A0C-7CC1-8D2E-3F4F5A6B7C8D"}},
	}, Credential: accounts.Credential{Scheme: accounts.SchemeArgon2id, Encoded: "$argon2id$x"}}
	if err := w.store.Create(t.Context(), other, accounts.Event{ID: uuid.New(), AccountID: other.ID, Kind: accounts.EventMigrated}); err != nil {
		t.Fatal(err)
	}
	for ref, want := range map[string]uuid.UUID{
		p.ID.String(): p.ID, "ada": p.ID, "ADA": p.ID, " ada@EXAMPLE.org": p.ID,
		"0197f3a2-5a0c-7cc1-8d2e-3f4f5a6b7c8d": other.ID, // a name that looks like an id
		"bob":                                  uuid.Nil, "": uuid.Nil, "a\x00b": uuid.Nil, uuid.NewString(): uuid.Nil, uuid.Nil.String(): uuid.Nil,
	} {
		rec, err := w.AccountOf(t.Context(), ref)
		if rec.ID != want || (want == uuid.Nil) != errors.Is(err, accounts.ErrNotFound) {
			t.Errorf("%q: %v, %v; want %v", ref, rec.ID, err, want)
		}
	}
	stranger := uuid.New()
	for ref, want := range map[string]uuid.UUID{stranger.String(): stranger, "urn:uuid:" + stranger.String(): uuid.Nil, strings.ReplaceAll(stranger.String(), "-", ""): uuid.Nil, "ada": p.ID, "bob": uuid.Nil, uuid.Nil.String(): uuid.Nil} {
		id, err := w.SubjectOf(t.Context(), ref)
		if id != want || (want == uuid.Nil) != errors.Is(err, accounts.ErrNotFound) {
			t.Errorf("subject %q: %v, %v; want %v", ref, id, err, want)
		}
	}
	w.store.down.Store(true)
	if _, err := w.AccountOf(t.Context(), "ada"); !isUnavailable(err) {
		t.Errorf("with the store down: %v", err)
	}
	if _, err := w.SubjectOf(t.Context(), "ada"); !isUnavailable(err) {
		t.Errorf("with the store down: %v", err)
	}
}

func isUnavailable(err error) bool {
	_, ok := errors.AsType[*accounts.UnavailableError](err)
	return ok && !errors.Is(err, accounts.ErrNotFound)
}

func TestOverview(t *testing.T) {
	t.Parallel()
	w, p := moved(t, 3)
	o, err := w.Overview(t.Context(), "ada")
	if err != nil {
		t.Fatal(err)
	}
	if o.ID != p.ID || o.Disabled || len(o.Identifiers) != 2 || o.Scheme != accounts.SchemeArgon2id || o.Version != 1 {
		t.Errorf("account: %+v", o)
	}
	if len(o.Links) != 1 || o.Links[0].LegacyID != "1" || o.Profile.DisplayName != "Ada" || o.Factors[accounts.FactorRecovery] != 2 ||
		o.Sessions != 3 || len(o.Notes) != 0 || len(o.Events) != 1 || o.Events[0].Kind != accounts.EventMigrated {
		t.Errorf("what belongs to it: %+v", o)
	}
	if _, err := w.Overview(t.Context(), "bob"); !errors.Is(err, accounts.ErrNotFound) {
		t.Errorf("of nobody: %v", err)
	}
}

func TestSetDisabled(t *testing.T) {
	t.Parallel()
	w, p := moved(t, 2)
	if _, _, err := w.SetDisabled(t.Context(), p.ID, true, accounts.By{Actor: "staff:anna"}); !isInvalid(err, "reason") {
		t.Errorf("without a reason: %v", err)
	}
	by := accounts.By{Actor: "staff:anna", Reason: "stolen phone", RequestID: "r7"}
	for i, want := range []int{2, 0} {
		changed, ended, err := w.SetDisabled(t.Context(), p.ID, true, by)
		if err != nil || changed != (i == 0) || len(ended) != want {
			t.Errorf("disable %d: %v, %v, %v", i, changed, ended, err)
		}
	}
	events := eventsAbout(t, w.store, p.ID)
	if last := events[len(events)-1]; len(events) != 2 || last.Kind != accounts.EventDisabled || last.Actor != "staff:anna" ||
		last.Reason != "stolen phone" || last.RequestID != "r7" || last.Detail["sessions"] != "2" {
		t.Errorf("events: %+v", events)
	}
	if _, err := w.Login(t.Context(), try("ada", "tulip")); !errors.Is(err, accounts.ErrCredentials) {
		t.Errorf("login while disabled: %v", err)
	}
	// A login whose password was verified before may open its session now. It must not live on when the account does.
	slipped := openSession(t, w, p.ID)
	if changed, ended, err := w.SetDisabled(t.Context(), p.ID, false, by); err != nil || !changed || len(ended) != 1 || ended[0] != slipped.ID {
		t.Errorf("enable: %v, %v, %v", changed, ended, err)
	}
	if _, err := w.Login(t.Context(), try("ada", "tulip")); err != nil {
		t.Errorf("login when enabled again: %v", err)
	}
	if _, _, err := w.SetDisabled(t.Context(), uuid.New(), true, by); !errors.Is(err, accounts.ErrNotFound) {
		t.Errorf("of nobody: %v", err)
	}
}

// What staff have asked for is done, though they hang up.
func TestStaffHangUp(t *testing.T) {
	t.Parallel()
	w, p := moved(t, 2)
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	by := accounts.By{Actor: "staff:anna", Reason: "x"}
	if ended, err := w.RevokeSessions(gone, p.ID, by); err != nil || len(ended) != 2 {
		t.Errorf("RevokeSessions: %v, %v", ended, err)
	}
	if changed, _, err := w.SetDisabled(gone, p.ID, true, by); err != nil || !changed {
		t.Errorf("SetDisabled: %v, %v", changed, err)
	}
}

func TestRevokeSessions(t *testing.T) {
	t.Parallel()
	w, p := moved(t, 2)
	if _, err := w.RevokeSessions(t.Context(), p.ID, accounts.By{}); !isInvalid(err, "reason") {
		t.Errorf("without a reason: %v", err)
	}
	by := accounts.By{Actor: "staff:anna", Reason: "x"}
	for i, want := range []int{2, 0} {
		if ended, err := w.RevokeSessions(t.Context(), p.ID, by); err != nil || len(ended) != want {
			t.Errorf("%d: %v, %v", i, ended, err)
		}
	}
	if living, err := w.SessionsOf(t.Context(), p.ID); err != nil || len(living) != 0 {
		t.Errorf("living: %v, %v", living, err)
	}
	events, err := w.Events(t.Context(), accounts.EventQuery{Account: p.ID, Limit: 10})
	if err != nil || len(events) != 2 || events[0].Kind != accounts.EventSessionsRevoked {
		t.Errorf("events: %v, %v", events, err)
	}
}
