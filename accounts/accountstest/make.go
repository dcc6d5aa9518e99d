package accountstest

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"rekey/accounts"
)

// now is the time of the tests: past the microsecond, so that a store that keeps less is found out.
func now() time.Time { return time.Date(2026, 3, 29, 1, 59, 59, 123456789, time.UTC) }

// stored is what a store gives back for a time: microseconds, in UTC.
func stored(t time.Time) time.Time { return t.Truncate(time.Microsecond).UTC() }

// encoded is a password hash as far as a store can tell.
func encoded(name string) string { return "$argon2id$v=19$m=19456,t=2,p=1$c2FsdHNhbHRzYWx0$" + name }

// Person returns a record that can be created: the person name of the legacy store "shop", who has a username and an
// e-mail address.
func Person(name string) accounts.Record {
	return accounts.Record{
		Account: accounts.Account{
			ID: accounts.SubjectFor("shop", name),
			Identifiers: []accounts.Identifier{
				{Kind: accounts.Username, Canonical: strings.ToLower(name), Spelling: name},
				{Kind: accounts.Email, Canonical: strings.ToLower(name) + "@example.org", Spelling: name + "@Example.org"},
			},
			CreatedAt: now(),
		},
		Credential: accounts.Credential{Scheme: accounts.SchemeArgon2id, Encoded: encoded(name)},
		Link: &accounts.LegacyLink{
			Source: "shop", LegacyID: name, Fingerprint: []byte{0, 1, 0xff}, LegacyCreatedAt: now().AddDate(-9, 0, 0),
			How: accounts.ByLogin, At: now(), CopiedEpoch: 7,
		},
	}
}

// Event returns an event about an account.
func Event(account uuid.UUID, kind accounts.EventKind) accounts.Event {
	return accounts.Event{
		ID: uuid.Must(uuid.NewV7()), At: now(), AccountID: account, Kind: kind, Actor: "person",
		Reason: "the reason", RequestID: "req-1", Detail: map[string]string{"source": "shop", "note": `a "quoted" word`},
	}
}

// asStored is a record as the store gives it back after Create.
func asStored(r accounts.Record) accounts.Record {
	r.CreatedAt = stored(r.CreatedAt)
	r.Credential.Version = 1
	if r.Link != nil {
		link := *r.Link
		link.At = stored(link.At)
		if !link.LegacyCreatedAt.IsZero() {
			link.LegacyCreatedAt = stored(link.LegacyCreatedAt)
		}
		if r.Disabled && link.Barred == accounts.NotBarred {
			link.Barred = accounts.BarredDisabled
		}
		r.DisabledThere = r.Disabled // nobody here can have said so yet
		r.Link = &link
	}
	return r
}

func eventAsStored(e accounts.Event) accounts.Event {
	e.At = stored(e.At)
	return e
}

// create makes an account that the test needs.
func create(t *testing.T, s accounts.Store, r accounts.Record) {
	t.Helper()
	if err := s.Create(t.Context(), r, Event(r.ID, accounts.EventMigrated)); err != nil {
		t.Fatalf("Create(%s): %v", r.Named(accounts.Username), err)
	}
}

// same fails unless both are equal.
func same[T any](t *testing.T, what string, got, want T) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", what, diff)
	}
}

// is fails unless err is want; nil means no error.
func is(t *testing.T, what string, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Errorf("%s: got error %v, want %v", what, err, want)
	}
}

// noVerdict fails unless err is an error from which nothing follows about what is stored.
func noVerdict(t *testing.T, what string, err error) {
	t.Helper()
	if err == nil {
		t.Errorf("%s: no error", what)
	}
	for _, verdict := range []error{accounts.ErrNotFound, accounts.ErrLinked, accounts.ErrTaken, accounts.ErrStale} {
		if errors.Is(err, verdict) {
			t.Errorf("%s: got the verdict %q, want an error that is none", what, err)
		}
	}
}

// none fails unless the store has no trace of a record.
func none(t *testing.T, s accounts.Store, r accounts.Record) {
	t.Helper()
	_, err := s.ByID(t.Context(), r.ID)
	is(t, "ByID", err, accounts.ErrNotFound)
	if r.Link != nil {
		_, err = s.ByLink(t.Context(), r.Link.Source, r.Link.LegacyID)
		is(t, "ByLink", err, accounts.ErrNotFound)
	}
	for _, id := range r.Identifiers {
		_, err = s.ByIdentifier(t.Context(), id.Canonical)
		is(t, "ByIdentifier "+id.Canonical, err, accounts.ErrNotFound)
	}
	events(t, s, r.ID, 0)
}

// whole fails unless the store has all of a record and exactly one event about it.
func whole(t *testing.T, s accounts.Store, r accounts.Record) {
	t.Helper()
	for _, id := range r.Identifiers {
		got, err := s.ByIdentifier(t.Context(), id.Canonical)
		is(t, "ByIdentifier "+id.Canonical, err, nil)
		same(t, "ByIdentifier "+id.Canonical, got, asStored(r))
	}
	if r.Link != nil {
		got, err := s.ByLink(t.Context(), r.Link.Source, r.Link.LegacyID)
		is(t, "ByLink", err, nil)
		same(t, "ByLink", got, asStored(r))
	}
	events(t, s, r.ID, 1)
}

// events fails unless an account has so many, and returns them.
func events(t *testing.T, s accounts.Store, account uuid.UUID, want int) []accounts.Event {
	t.Helper()
	got, err := s.Events(t.Context(), account, 1000)
	if err != nil {
		t.Fatalf("Events: %v", err)
	}
	if len(got) != want {
		t.Errorf("the account has %d events, want %d", len(got), want)
	}
	return got
}

// count fails unless the store holds so many accounts.
func count(t *testing.T, s accounts.Store, want int64) {
	t.Helper()
	got, err := s.CountAccounts(t.Context())
	if err != nil || got != want {
		t.Errorf("CountAccounts() = %d, %v; want %d", got, err, want)
	}
}

// together calls f from n goroutines that start at once, and returns the errors by goroutine.
func together(n int, f func(i int) error) []error {
	var (
		start = make(chan struct{})
		wait  sync.WaitGroup
		errs  = make([]error, n)
	)
	for i := range n {
		wait.Go(func() {
			<-start
			errs[i] = f(i)
		})
	}
	close(start)
	wait.Wait()
	return errs
}

// oneWon fails unless exactly one error is nil and all others are loser. It returns the index of the winner.
func oneWon(t *testing.T, errs []error, loser error) int {
	t.Helper()
	winner := -1
	for i, err := range errs {
		switch {
		case err == nil && winner >= 0:
			t.Errorf("%d and %d both won", winner, i)
		case err == nil:
			winner = i
		case !errors.Is(err, loser):
			t.Errorf("%d lost with %v, want %v", i, err, loser)
		}
	}
	if winner < 0 {
		t.Fatal("nobody won")
	}
	return winner
}

// onceTrue is like oneWon for calls that say whether it was they: it turns false into errNotMe.
func onceTrue(did bool, err error) error {
	if err == nil && !did {
		return errNotMe
	}
	return err
}

var errNotMe = errors.New("it was somebody else")

// cancelled returns a context that has ended.
func cancelled() context.Context {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	return ctx
}

func numbered(name string, i int) string { return fmt.Sprintf("%s-%03d", name, i) }
