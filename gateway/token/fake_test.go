package token

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"rekey/accounts"
	"rekey/accounts/masterkey"
)

var errDown = errors.New("the store is down")

// A memory is a store of sessions and keys with the promises of the contract. before, if set, runs ahead of each
// call with its name, outside the lock: there a test lets somebody else be faster, or the store be down.
type memory struct {
	before func(call string) error
	here   bool // the account is in the new store

	mu       sync.Mutex
	sessions map[uuid.UUID]accounts.Session
	keys     []accounts.SigningKey
	events   []accounts.Event
	calls    map[string]int
}

func newMemory() *memory {
	return &memory{sessions: map[uuid.UUID]accounts.Session{}, calls: map[string]int{}}
}

func (m *memory) call(ctx context.Context, name string) error {
	m.mu.Lock()
	m.calls[name]++
	before := m.before
	m.mu.Unlock()
	if before != nil {
		if err := before(name); err != nil {
			return err
		}
	}
	return ctx.Err()
}

func (m *memory) setBefore(before func(string) error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.before = before
}

func (m *memory) count(call string) int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.calls[call]
}

func (m *memory) eventsOf(kind accounts.EventKind) []accounts.Event {
	m.mu.Lock()
	defer m.mu.Unlock()
	var events []accounts.Event
	for _, e := range m.events {
		if e.Kind == kind {
			events = append(events, e)
		}
	}
	return events
}

func (m *memory) CreateSession(ctx context.Context, s accounts.Session) error {
	if err := m.call(ctx, "CreateSession"); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.sessions[s.ID] = s
	return nil
}

func (m *memory) Session(ctx context.Context, id uuid.UUID) (accounts.Session, error) {
	if err := m.call(ctx, "Session"); err != nil {
		return accounts.Session{}, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	s, ok := m.sessions[id]
	if !ok {
		return accounts.Session{}, accounts.ErrNotFound
	}
	return s, nil
}

func (m *memory) RotateSession(ctx context.Context, id uuid.UUID, from int64, at, expires time.Time) (accounts.Session, error) {
	if err := m.call(ctx, "RotateSession"); err != nil {
		return accounts.Session{}, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	s, ok := m.sessions[id]
	if !ok {
		return accounts.Session{}, accounts.ErrNotFound
	}
	if s.Generation != from || !s.RevokedAt.IsZero() || !at.Before(s.ExpiresAt) {
		return accounts.Session{}, accounts.ErrStale
	}
	s.Generation, s.RotatedAt, s.ExpiresAt = from+1, at, expires
	m.sessions[id] = s
	return s, nil
}

func (m *memory) RenewSession(
	ctx context.Context, id uuid.UUID, from int64, at time.Time, idle, absolute time.Duration,
) (accounts.Session, accounts.Account, error) {
	if err := m.call(ctx, "RenewSession"); err != nil {
		return accounts.Session{}, accounts.Account{}, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	s, ok := m.sessions[id]
	if !ok || !m.here || s.Generation != from || !s.RevokedAt.IsZero() || !at.Before(s.ExpiresAt) {
		return accounts.Session{}, accounts.Account{}, accounts.ErrStale
	}
	s.Generation, s.RotatedAt, s.ExpiresAt = from+1, at, at.Add(idle)
	if end := s.CreatedAt.Add(absolute); end.Before(s.ExpiresAt) {
		s.ExpiresAt = end
	}
	m.sessions[id] = s
	return s, accounts.Account{ID: s.AccountID}, nil
}

func (m *memory) RevokeSession(ctx context.Context, id uuid.UUID, at time.Time, e accounts.Event) (bool, error) {
	if err := m.call(ctx, "RevokeSession"); err != nil {
		return false, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	s, ok := m.sessions[id]
	if !ok || !s.RevokedAt.IsZero() {
		return false, nil
	}
	s.RevokedAt = at
	m.sessions[id] = s
	m.events = append(m.events, e)
	return true, nil
}

func (m *memory) DeleteSessions(context.Context, time.Time, int) (int64, error) { return 0, errDown } // not used here

func (m *memory) SigningKeys(ctx context.Context) ([]accounts.SigningKey, error) {
	if err := m.call(ctx, "SigningKeys"); err != nil {
		return nil, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.keys), nil
}

func (m *memory) AddSigningKey(ctx context.Context, key accounts.SigningKey, e accounts.Event) error {
	if err := m.call(ctx, "AddSigningKey"); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, k := range m.keys {
		if k.Seq == key.Seq {
			return accounts.ErrStale
		}
	}
	m.keys = append(m.keys, key)
	m.events = append(m.events, e)
	return nil
}

func (m *memory) DeleteSigningKeys(ctx context.Context, below int64) (int64, error) {
	if err := m.call(ctx, "DeleteSigningKeys"); err != nil {
		return 0, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	before := len(m.keys)
	m.keys = slices.DeleteFunc(m.keys, func(k accounts.SigningKey) bool { return k.Seq < below })
	return int64(before - len(m.keys)), nil
}

// A list is the revocations of one process.
type list struct{ sessions sync.Map }

func (l *list) Revoke(_ context.Context, session string, until time.Time) {
	l.sessions.Store(session, until)
}

func (l *list) Revoked(session string) bool {
	_, ok := l.sessions.Load(session)
	return ok
}

// A clock stands still until it is moved.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func newClock() *clock { return &clock{now: time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)} }

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) Add(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// A store is what the package needs of one.
type store interface {
	accounts.Sessions
	accounts.SigningKeys
}

// A house is one replica with everything in it.
type house struct {
	clock    *clock
	keys     *Keys
	families *Families
	people   People
	revoked  *list
	master   *masterkey.Key
}

func testMaster(t testing.TB) *masterkey.Key {
	t.Helper()
	k, err := masterkey.Parse([]byte("000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"))
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func openKeys(t testing.TB, s accounts.SigningKeys, now func() time.Time, change func(*KeysConfig)) *Keys {
	t.Helper()
	c := KeysConfig{Store: s, MasterKey: testMaster(t), Now: now}
	if change != nil {
		change(&c)
	}
	k, err := OpenKeys(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func newAccess(t testing.TB, keys *Keys, revoked Revocations, now func() time.Time) *Access {
	t.Helper()
	a, err := NewAccess(AccessConfig{
		Keys: keys, Issuer: "https://login.example.org", Audience: "rekey", Revocations: revoked, Now: now,
	})
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func newHouse(t testing.TB, s store, c *clock, change func(*KeysConfig)) *house {
	t.Helper()
	h := &house{clock: c, people: people{sessions: s}, revoked: &list{}, master: testMaster(t)}
	h.keys = openKeys(t, s, c.Now, change)
	var err error
	h.families, err = NewFamilies(FamiliesConfig{Access: newAccess(t, h.keys, h.revoked, c.Now), Sessions: s, MasterKey: h.master})
	if err != nil {
		t.Fatal(err)
	}
	return h
}

var alice = Person{ID: uuid.MustParse("4f5c9d2e-6f0a-5d1b-9c53-0f7f3a8b1c2d"), Name: "alice", Source: "shop", LegacyID: "17"}

// people are the accounts that a store of sessions may hold beside them.
type people struct {
	sessions accounts.Sessions
	resume   func(accounts.Session) (Person, error) // nil: it is Alice
}

func (p people) Renew(
	ctx context.Context, id uuid.UUID, from int64, at time.Time, idle, absolute time.Duration,
) (accounts.Session, Person, error) {
	s, account, err := p.sessions.RenewSession(ctx, id, from, at, idle, absolute)
	if err != nil && !errors.Is(err, accounts.ErrStale) {
		err = cannotTell("renew session", err)
	}
	return s, Person{ID: account.ID, Name: alice.Name}, err
}

func (p people) Resume(_ context.Context, s accounts.Session) (Person, error) {
	if p.resume == nil {
		return alice, nil
	}
	return p.resume(s)
}

func (h *house) open(t testing.TB) Tokens {
	t.Helper()
	tokens, err := h.families.Open(t.Context(), Login{Person: alice, Client: "test", Address: "192.0.2.1"})
	if err != nil {
		t.Fatal(err)
	}
	return tokens
}

func (h *house) refresh(t testing.TB, raw string) (Tokens, error) {
	t.Helper()
	return h.families.Refresh(t.Context(), raw, "request", h.people)
}

func wantInvalid(t testing.TB, what string, err error) {
	t.Helper()
	if !errors.Is(err, ErrInvalid) {
		t.Errorf("%s: error %v, want ErrInvalid", what, err)
	}
}

// wantUnavailable checks that an error is "cannot tell" and no verdict.
func wantUnavailable(t testing.TB, what string, err error) {
	t.Helper()
	var unavailable *accounts.UnavailableError
	if !errors.As(err, &unavailable) || errors.Is(err, ErrInvalid) || unavailable.RetryAfter <= 0 {
		t.Errorf("%s: error %v, want an UnavailableError that says when to try again", what, err)
	}
}
