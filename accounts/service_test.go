package accounts_test

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"

	"rekey/accounts"
	"rekey/accounts/masterkey"
	"rekey/accounts/password"
	"rekey/accounts/sqlstore"
	"rekey/accounts/sqlstore/sqlstoretest"
	"rekey/legacy"
	"rekey/legacy/hash"
	"rekey/legacy/legacytest"
)

// cheap is a policy under which a hash takes microseconds; what is tested here is the flow.
var cheap = password.Policy{MemoryKiB: 64, Time: 1, Lanes: 1}

// A world is a service between a real SQLite store and an old store that lives in memory.
type world struct {
	*accounts.Service
	store  *faultyStore
	source *legacytest.Memory
	path   string // of the database
}

func newWorld(t *testing.T, users ...legacy.User) *world {
	t.Helper()
	url := sqlstoretest.SQLite(t)
	store, err := sqlstore.Open(t.Context(), url, sqlstore.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = store.Close() }) // nothing is lost with a temporary folder
	w := &world{store: &faultyStore{Store: store}, source: legacytest.NewMemory(users...), path: strings.TrimPrefix(url, "sqlite://")}
	w.Service = w.restart(t, cheap)
	return w
}

// restart returns another service over the same stores, as after a restart or on a second machine.
func (w *world) restart(t *testing.T, policy password.Policy) *accounts.Service {
	t.Helper()
	return w.serve(t, func(c *accounts.Config) { c.Hasher.Policy = policy })
}

// serve returns a service over the same stores, configured a little differently.
func (w *world) serve(t *testing.T, change func(*accounts.Config)) *accounts.Service {
	t.Helper()
	c := accounts.Config{
		Store:   w.store,
		Sources: []accounts.Source{{Name: "shop", Source: w.source}},
		Hashes:  hash.New(hash.Config{}), Hasher: password.Hasher{Policy: cheap},
		Permits: password.NewPool(password.PoolConfig{Permits: 4}), Key: testKey(t),
	}
	change(&c)
	s, err := accounts.New(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return s
}

func testKey(t testing.TB) *masterkey.Key {
	t.Helper()
	key, err := masterkey.Parse([]byte(strings.Repeat("42", 32)))
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func try(identifier, pw string) accounts.Attempt {
	return accounts.Attempt{Identifier: identifier, Password: password.NewSecret([]byte(pw)), RequestID: "test"}
}

// faultyStore is a store whose writes, or everything, can be made to fail.
type faultyStore struct {
	accounts.Store
	failCreate  atomic.Bool
	failReplace atomic.Bool
	down        atomic.Bool
	claims      atomic.Int64 // of work
}

var errDown = errors.New("connection refused")

func (f *faultyStore) ByIdentifier(ctx context.Context, canonical string) (accounts.Record, error) {
	if f.down.Load() {
		return accounts.Record{}, errDown
	}
	return f.Store.ByIdentifier(ctx, canonical)
}

func (f *faultyStore) ClaimWork(ctx context.Context, name string, at, until time.Time, every time.Duration) (accounts.Work, error) {
	f.claims.Add(1)
	return f.Store.ClaimWork(ctx, name, at, until, every)
}

func (f *faultyStore) CountLinks(ctx context.Context, trustEpoch int64) ([]accounts.LinkCount, error) {
	if f.down.Load() {
		return nil, errDown
	}
	return f.Store.CountLinks(ctx, trustEpoch)
}

func (f *faultyStore) Create(ctx context.Context, r accounts.Record, e accounts.Event) error {
	if f.failCreate.Load() {
		return errDown
	}
	return f.Store.Create(ctx, r, e)
}

func (f *faultyStore) ReplaceCredential(ctx context.Context, id uuid.UUID, from int64, next accounts.Credential, e accounts.Event) error {
	if f.failReplace.Load() {
		return errDown
	}
	return f.Store.ReplaceCredential(ctx, id, from, next, e)
}

// md5Salted is a person of a shop with the recipe md5(md5($pass).$salt).
func md5Salted(t *testing.T, id, username, email, pw string) legacy.User {
	t.Helper()
	return legacy.User{
		ID: id, Username: username, Email: email, CreatedAt: time.Date(2019, 3, 1, 12, 0, 0, 0, time.UTC),
		Password: &legacy.Stored{Scheme: "md5(md5($pass).$salt)", Hash: md5hex(md5hex(pw) + "s" + id), Salt: "s" + id},
	}
}

func newID(t *testing.T) uuid.UUID {
	t.Helper()
	id, err := uuid.NewV7()
	if err != nil {
		t.Fatal(err)
	}
	return id
}

// A row is a stored hash that another program wrote.
type row struct{ password, hash string }

// vector returns the first valid row of a format that fits.
func vector(t *testing.T, format string, fits func(pw, stored string) bool) row {
	t.Helper()
	file, err := os.Open("../legacy/hash/testdata/vectors.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	for dec := json.NewDecoder(file); ; {
		var line struct {
			Format, Password, Hash string
			Valid                  bool
		}
		if err := dec.Decode(&line); err != nil {
			t.Fatalf("no row of %s fits: %v", format, err)
		}
		if line.Format == format && line.Valid && fits(line.Password, line.Hash) {
			return row{line.Password, line.Hash}
		}
	}
}
