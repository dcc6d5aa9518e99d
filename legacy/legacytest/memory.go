package legacytest

import (
	"context"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"rekey/legacy"
)

// Memory is a legacy store for the tests of its users. It compares byte by byte, as PostgreSQL and SQLite do, shows
// its hashes, takes what Allow lets be written, and can be made to fail. It is safe for concurrent use.
type Memory struct {
	// Lookups counts the calls of Lookup.
	Lookups atomic.Int64
	// Finds counts the calls of FindMany.
	Finds atomic.Int64
	// OnLookup, if set before the first call, runs inside each Lookup, before it answers.
	OnLookup func()
	// Allow is what Writes says, set before the first call; without it nothing can be written. AllowAll is everything.
	Allow legacy.Writes
	// Written counts the writes that were done, those among them whose answer was lost.
	Written atomic.Int64

	// Pages counts the calls of Changed.
	Pages atomic.Int64

	mu        sync.Mutex
	users     []legacy.User
	writtenAt map[string]int
	lastWrite int
	down      error
	lost      error
	lastID    int64
}

// NewMemory returns a store with these people in it.
func NewMemory(users ...legacy.User) *Memory {
	m := &Memory{users: slices.Clone(users)} // two stores may be made of the same people
	for _, u := range users {
		m.touched(u.ID)
	}
	return m
}

// Lookup implements legacy.Source.
func (m *Memory) Lookup(ctx context.Context, spellings ...string) ([]legacy.User, error) {
	m.Lookups.Add(1)
	if m.OnLookup != nil {
		m.OnLookup()
	}
	return m.holders(ctx, spellings)
}

// holders are the people who have one of some spellings.
func (m *Memory) holders(ctx context.Context, spellings []string) ([]legacy.User, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.down != nil {
		return nil, m.down
	}
	var found []legacy.User
	for _, u := range m.users {
		if slices.ContainsFunc(u.Identifiers(), func(id string) bool { return slices.Contains(spellings, id) }) {
			found = append(found, own(u))
		}
	}
	return found, nil
}

// FindsMany implements legacy.ManyFinder.
func (m *Memory) FindsMany() bool { return true }

// FindMany implements legacy.ManyFinder.
func (m *Memory) FindMany(ctx context.Context, spellings []string) ([]legacy.User, error) {
	m.Finds.Add(1)
	return m.holders(ctx, spellings)
}

// Get implements legacy.Getter.
func (m *Memory) Get(ctx context.Context, id string) (legacy.User, error) {
	if err := ctx.Err(); err != nil {
		return legacy.User{}, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.down != nil {
		return legacy.User{}, m.down
	}
	for _, u := range m.users {
		if u.ID == id {
			return own(u), nil
		}
	}
	return legacy.User{}, legacy.ErrNoUser
}

// Searches implements legacy.Searcher.
func (m *Memory) Searches() bool { return true }

// Search implements legacy.Searcher.
func (m *Memory) Search(ctx context.Context, part string, limit int) ([]legacy.User, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.down != nil {
		return nil, m.down
	}
	var found []legacy.User
	for _, u := range m.users {
		has := func(id string) bool { return strings.Contains(strings.ToLower(id), strings.ToLower(part)) }
		if len(found) < limit && part != "" && slices.ContainsFunc(u.Identifiers(), has) {
			found = append(found, own(u))
		}
	}
	return found, nil
}

// Count implements legacy.Counter.
func (m *Memory) Count(ctx context.Context) (int64, error) {
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	return int64(len(m.users)), m.down
}

// own returns u with a password of its own, which the caller may change.
func own(u legacy.User) legacy.User {
	if u.Password != nil {
		stored := *u.Password
		stored.Params = maps.Clone(stored.Params)
		u.Password = &stored
	}
	return u
}

// SetDown makes every question fail with err, or with nil be answered again.
func (m *Memory) SetDown(err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.down = err
}

// Change edits a person, as the old application would.
func (m *Memory) Change(id string, change func(*legacy.User)) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for i := range m.users {
		if m.users[i].ID == id {
			change(&m.users[i])
			m.touched(id)
		}
	}
}

// Put adds a person, as the old application would, or a backup that is read in again.
func (m *Memory) Put(user legacy.User) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.users = append(m.users, own(user))
	m.touched(user.ID)
}
