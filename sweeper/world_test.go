package sweeper

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"rekey/accounts"
	"rekey/accounts/masterkey"
	"rekey/accounts/password"
	"rekey/accounts/phase"
	"rekey/accounts/sqlstore"
	"rekey/accounts/sqlstore/sqlstoretest"
	"rekey/legacy"
	"rekey/legacy/hash"
	"rekey/legacy/legacytest"
)

// A shop is an old store that can be walked: its people are 1000, 1001 and so on, as texts, unless it has other keys.
type shop struct {
	*legacytest.Memory
	people int
	keys   func(i int) string // in their order; nil: as above
	uncut  bool               // it cannot be cut into pieces
	twin   string             // a key that two records have
	apart  bool               // it lists by another question than it looks people up by: everybody moves by themselves
	onCut  func()

	mu         sync.Mutex
	unreadable map[string]bool
	stalls     func(users []legacy.User) bool // a page that is not answered
	onPage     func(users []legacy.User)      // before a page is returned
	onGet      func(id string)                // before somebody is read by themselves
}

func (s *shop) key(i int) string {
	if s.keys != nil {
		return s.keys(i)
	}
	return strconv.Itoa(1000 + i)
}

func (s *shop) ListsApart() bool { return s.apart }

func (s *shop) Get(ctx context.Context, id string) (legacy.User, error) {
	if s.onGet != nil {
		s.onGet(id)
	}
	return s.Memory.Get(ctx, id)
}

// GetMany finds both records of the twin.
func (s *shop) GetMany(ctx context.Context, ids []string) ([]legacy.User, error) {
	var users []legacy.User
	for _, id := range ids {
		switch user, err := s.Memory.Get(ctx, id); {
		case err == nil && id == s.twin:
			users = append(users, user, user)
		case err == nil:
			users = append(users, user)
		case !errors.Is(err, legacy.ErrNoUser):
			return nil, err
		}
	}
	return users, nil
}

func (s *shop) List(ctx context.Context, after string, limit int) ([]legacy.User, error) {
	return s.ListTo(ctx, after, "", limit)
}

func (s *shop) Cuts() bool { return !s.uncut }

func (s *shop) Cut(ctx context.Context, after string, n int) (string, error) {
	if _, err := s.Lookup(ctx, "is it there?"); err != nil {
		return "", err
	}
	if s.onCut != nil {
		s.onCut()
	}
	for i := range s.people {
		id := s.key(i)
		if _, err := s.Memory.Get(ctx, id); id <= after || errors.Is(err, legacy.ErrNoUser) {
			continue
		}
		if n--; n == 0 {
			return id, nil
		}
	}
	return "", nil
}

func (s *shop) ListTo(ctx context.Context, after, through string, limit int) ([]legacy.User, error) {
	var users []legacy.User
	var bad []error
	for i := range s.people {
		id := s.key(i)
		if id <= after || len(users)+len(bad) == limit || through != "" && id > through {
			continue
		}
		user, err := s.Memory.Get(ctx, id)
		s.mu.Lock()
		unreadable := s.unreadable[id]
		s.mu.Unlock()
		switch {
		case unreadable:
			bad = append(bad, &legacy.RowError{Key: id, Column: "pass", Reason: "test"})
		case errors.Is(err, legacy.ErrNoUser):
		case err != nil:
			return nil, err
		default:
			users = append(users, user)
		}
		if id == s.twin && len(users)+len(bad) < limit {
			users = append(users, user)
		}
	}
	s.mu.Lock()
	onPage, stalls := s.onPage, s.stalls
	s.mu.Unlock()
	if onPage != nil {
		onPage(users)
	}
	if stalls != nil && stalls(users) {
		<-ctx.Done()
		return nil, context.Cause(ctx)
	}
	return users, errors.Join(bad...)
}

// A world is a service over a real store and such a shop.
type world struct {
	*accounts.Service
	t     *testing.T
	store *sqlstore.Store
	shop  *shop
	url   string
	pool  *password.Pool // of the Service

	unmailed bool // its processes send no mail
	others   []accounts.Source
}

// A post sends everything to nobody.
type post struct{}

func (post) Send(context.Context, accounts.Letter) error { return nil }

func newWorld(t *testing.T, people int) *world { t.Helper(); return newWorldOn(t, phase.Lazy, people) }

func newWorldOn(t *testing.T, plan phase.Plan, people int) *world {
	t.Helper()
	users := make([]legacy.User, people)
	for i := range users {
		users[i] = legacy.User{
			ID: strconv.Itoa(1000 + i), Username: fmt.Sprintf("user%d", i), Password: &legacy.Stored{Scheme: "plaintext", Hash: fmt.Sprintf("secret%d", i)},
		}
	}
	w := &world{t: t, url: sqlstoretest.SQLite(t), shop: &shop{Memory: legacytest.NewMemory(users...), people: people}}
	w.Service, w.store = w.process(plan, "one")
	return w
}

// process opens the store once more, as another process would.
func (w *world) process(plan phase.Plan, id string) (*accounts.Service, *sqlstore.Store) {
	t := w.t
	t.Helper()
	store, err := sqlstore.Open(t.Context(), w.url, sqlstore.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = store.Close() }) // nothing is lost with a temporary folder
	key, err := masterkey.Parse([]byte(strings.Repeat("42", 32)))
	if err != nil {
		t.Fatal(err)
	}
	first, err := phase.Initial(plan, "0123456789abcdef", time.Now())
	if err != nil {
		t.Fatal(err)
	}
	lease, err := accounts.NewLease(t.Context(), accounts.LeaseConfig{Store: store, ID: id, Name: id, First: first, Terms: phase.Lease{TTL: time.Hour, Renew: time.Minute}})
	if err != nil {
		t.Fatal(err)
	}
	var mailer accounts.Mailer = post{}
	if w.unmailed {
		mailer = nil
	}
	pool := password.NewPool(password.PoolConfig{Permits: 4, SweepPermits: 4, MaxWait: time.Minute})
	if w.pool == nil {
		w.pool = pool
	}
	service, err := accounts.New(accounts.Config{
		Store: store, Mailer: mailer, Sources: append([]accounts.Source{{Name: "shop", Source: w.shop}}, w.others...), Hashes: hash.New(hash.Config{}),
		Hasher:  password.Hasher{Policy: password.Policy{MemoryKiB: 64, Time: 1, Lanes: 1}},
		Permits: pool, Key: key, Lease: lease,
	})
	if err != nil {
		t.Fatal(err)
	}
	return service, store
}

func aSpec() Spec { return Spec{Sources: []string{"shop"}, Actor: "cli:test", Reason: "test"} }

// attend goes through everybody.
func (w *world) attend(ctx context.Context, change func(*AttendConfig)) (Report, error) {
	c := AttendConfig{Service: w.Service, Workers: 4, Spec: aSpec(), Name: "test"}
	if change != nil {
		change(&c)
	}
	reports, err := Attend(ctx, c)
	if len(reports) == 0 {
		return Report{}, err
	}
	return reports[0], err
}

// begin begins a run of the settings.
func (w *world) begin(change func(*Spec)) accounts.Run {
	w.t.Helper()
	s := aSpec()
	if change != nil {
		change(&s)
	}
	r, err := Begin(w.t.Context(), w.Service, s)
	if err != nil {
		w.t.Fatal(err)
	}
	return r
}

// runs returns the chunks of a run, and what came of it so far.
func (w *world) counts(run uuid.UUID) ([]accounts.Chunk, Counts) {
	w.t.Helper()
	chunks, err := w.store.Chunks(w.t.Context(), run)
	if err != nil {
		w.t.Fatal(err)
	}
	n, err := Sum(chunks)
	if err != nil {
		w.t.Fatal(err)
	}
	return chunks, n
}

// exactly fails unless just so many accounts are here, each with one link and one event.
func (w *world) exactly(want int) {
	w.t.Helper()
	n, err := w.store.CountAccounts(w.t.Context())
	if err != nil || n != int64(want) {
		w.t.Errorf("%d accounts (%v), want %d", n, err, want)
	}
	links := 0
	for after := ""; ; {
		ids, err := w.store.LinkedIDs(w.t.Context(), "shop", after, 500)
		if err != nil {
			w.t.Fatal(err)
		}
		if len(ids) == 0 {
			break
		}
		for _, id := range ids {
			events, err := w.store.Events(w.t.Context(), accounts.SubjectFor("shop", id), 10)
			if err != nil || len(events) != 1 {
				w.t.Errorf("%s has %d events (%v)", id, len(events), err)
			}
		}
		links += len(ids)
		after = ids[len(ids)-1]
	}
	if links != want {
		w.t.Errorf("%d links, want %d", links, want)
	}
}
