package accounts_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/google/uuid"

	"rekey/accounts"
	"rekey/accounts/password"
	"rekey/legacy"
)

// Passwords that may be set: 15 characters or more.
const (
	tulips  = "tulips from amsterdam"
	orchids = "orchids of the night"
	fifteen = "fünfzehn Zeichä" // characters, of more bytes
)

// open opens a session for somebody who has just logged in, as the gateway does.
func (w *world) open(t *testing.T, p accounts.Person) accounts.Session {
	t.Helper()
	now := time.Now().UTC().Truncate(time.Microsecond)
	session := accounts.Session{
		ID: newID(t), AccountID: p.ID, Source: p.Source, LegacyID: p.LegacyID, Epoch: p.SessionEpoch,
		CreatedAt: now, RotatedAt: now, ExpiresAt: now.Add(time.Hour),
	}
	if err := w.store.CreateSession(t.Context(), session); err != nil {
		t.Fatal(err)
	}
	return session
}

// mustLive fails unless a session can be renewed, or has ended if live is false.
func (w *world) mustLive(t *testing.T, what string, s accounts.Session, live bool) {
	t.Helper()
	got, err := w.store.Session(t.Context(), s.ID)
	if err != nil || got.Superseded == live {
		t.Errorf("%s: superseded is %v (%v), want it to live: %v", what, got.Superseded, err, live)
	}
	_, _, err = w.Renew(t.Context(), s.ID, got.Generation, time.Now(), time.Hour, 24*time.Hour)
	if live && err != nil || !live && !errors.Is(err, accounts.ErrStale) {
		t.Errorf("%s: renewed with %v, want it to live: %v", what, err, live)
	}
}

func change(s *accounts.Service, session accounts.Session, current, next string) error {
	return s.ChangePassword(context.Background(), accounts.Change{
		Session: session, Current: password.NewSecret([]byte(current)), New: password.NewSecret([]byte(next)), RequestID: "test",
	})
}

func erase(s *accounts.Service, session accounts.Session, current string) error {
	return s.Delete(context.Background(), accounts.Deletion{Session: session, Current: password.NewSecret([]byte(current)), RequestID: "test"})
}

func register(s *accounts.Service, username, email, pw string) (accounts.Person, error) {
	return s.Register(context.Background(), accounts.Registration{
		Username: username, Email: email, Password: password.NewSecret([]byte(pw)), RequestID: "test",
	})
}

func mustRegister(t *testing.T, s *accounts.Service, username, email, pw string) accounts.Person {
	t.Helper()
	person, err := register(s, username, email, pw)
	if err != nil {
		t.Fatalf("%q could not be registered: %v", username, err)
	}
	return person
}

// must fails unless err is want; nil means no error.
func must(t *testing.T, what string, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Fatalf("%s: got %v, want %v", what, err, want)
	}
}

// doubtful fails unless err is "cannot tell", with a time to retry, and no verdict.
func doubtful(t *testing.T, what string, err error) {
	t.Helper()
	var unavailable *accounts.UnavailableError
	if !errors.As(err, &unavailable) || unavailable.RetryAfter <= 0 {
		t.Fatalf("%s: got %v, want \"cannot tell\" with a time to retry", what, err)
	}
	for _, verdict := range []error{accounts.ErrCredentials, accounts.ErrTakenIdentifier, accounts.ErrContestedPerson} {
		if errors.Is(err, verdict) {
			t.Fatalf("%s: \"cannot tell\" is the verdict %v too", what, verdict)
		}
	}
}

// kinds returns the kinds of an account's events, oldest first, and fails if one of them lacks who or by which request.
func (w *world) kinds(t *testing.T, account uuid.UUID) []accounts.EventKind {
	t.Helper()
	events, err := w.store.Events(t.Context(), account, 100)
	if err != nil {
		t.Fatal(err)
	}
	var kinds []accounts.EventKind
	for _, e := range events {
		kinds = append(kinds, e.Kind)
		if e.Actor == "" || e.RequestID != "test" || e.At.IsZero() {
			t.Errorf("the event %s is %+v, want an actor, a time and the request", e.Kind, e)
		}
	}
	return kinds
}

// stopStore is a store that calls something before a write, once, or always if again is set: a race decided by the test.
type stopStore struct {
	accounts.Store
	again                                                bool
	beforeSet, beforeDelete, beforeReplace, beforeCreate func()
	afterTombstone                                       func()
	enabled                                              bool // nobody is shown as disabled, as if somebody had cleared the flag
}

func (s *stopStore) stop(before *func()) {
	f := *before
	if !s.again {
		*before = nil
	}
	if f != nil {
		f()
	}
}

func (s *stopStore) Tombstone(ctx context.Context, source, legacyID string) (accounts.LegacyLink, error) {
	link, err := s.Store.Tombstone(ctx, source, legacyID)
	s.stop(&s.afterTombstone)
	return link, err
}

func (s *stopStore) ByID(ctx context.Context, id uuid.UUID) (accounts.Record, error) {
	rec, err := s.Store.ByID(ctx, id)
	rec.Disabled = rec.Disabled && !s.enabled
	return rec, err
}

func (s *stopStore) ByLink(ctx context.Context, source, legacyID string) (accounts.Record, error) {
	rec, err := s.Store.ByLink(ctx, source, legacyID)
	rec.Disabled = rec.Disabled && !s.enabled
	return rec, err
}

func (s *stopStore) SetPassword(
	ctx context.Context, id uuid.UUID, from int64, next accounts.Credential, keep uuid.UUID, e accounts.Event, owed ...accounts.Delivery,
) error {
	s.stop(&s.beforeSet)
	return s.Store.SetPassword(ctx, id, from, next, keep, e, owed...)
}

func (s *stopStore) Delete(ctx context.Context, id uuid.UUID, from int64, at time.Time, e accounts.Event, owed ...accounts.Delivery) error {
	s.stop(&s.beforeDelete)
	return s.Store.Delete(ctx, id, from, at, e, owed...)
}

func (s *stopStore) ReplaceCredential(ctx context.Context, id uuid.UUID, from int64, next accounts.Credential, e accounts.Event) error {
	s.stop(&s.beforeReplace)
	return s.Store.ReplaceCredential(ctx, id, from, next, e)
}

func (s *stopStore) Create(ctx context.Context, r accounts.Record, e accounts.Event) error {
	s.stop(&s.beforeCreate)
	return s.Store.Create(ctx, r, e)
}

// stopped returns a service whose store stops before its writes.
func (w *world) stopped(t *testing.T, s *stopStore, policy password.Policy) *accounts.Service {
	t.Helper()
	s.Store = w.store
	return w.serve(t, func(c *accounts.Config) { c.Store, c.Hasher.Policy = s, policy })
}

// plain is a person whose password the old store holds as it is.
func plain(id, username, pw string) legacy.User {
	return legacy.User{
		ID: id, Username: username, CreatedAt: time.Date(2019, 3, 1, 12, 0, 0, 0, time.UTC),
		Password: &legacy.Stored{Scheme: "plaintext", Hash: pw},
	}
}
