package accounts_test

import (
	"context"
	"database/sql"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"

	"rekey/accounts"
	"rekey/accounts/phase"
	"rekey/legacy"
	"rekey/legacy/legacytest"
)

// A village is two processes with a lease each on one new store, and an old shop that takes changes.
type village struct {
	*world // its Service is the first process
	second *accounts.Service
	shop   *shop
	doors  *doors
	clock  *clock
	leases []*accounts.Lease
	post   *postbox
}

// A clock is the time as both processes have it.
type clock struct {
	mu    sync.Mutex
	past  time.Duration
	still time.Time // not zero: it stands still
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.still.IsZero() {
		return c.still
	}
	return time.Now().Add(c.past)
}

func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.past += d
	if !c.still.IsZero() {
		c.still = c.still.Add(d)
	}
}

// A shop is an old store whose writes can be stopped at, and answered for.
type shop struct {
	*legacytest.Memory
	before func() error // runs before each write, once; what it returns is the write's answer, and it is not done

	beforeGet func() // runs before the next Get
	gets      atomic.Int64
}

func (s *shop) Get(ctx context.Context, id string) (legacy.User, error) {
	s.gets.Add(1)
	if before := s.beforeGet; before != nil {
		s.beforeGet = nil // as with before
		before()
	}
	return s.Memory.Get(ctx, id)
}

func (s *shop) stop() error {
	before := s.before
	if before == nil {
		return nil
	}
	s.before = nil // only where a test has set it, and then one process writes at a time
	return before()
}

func (s *shop) Insert(ctx context.Context, u legacy.User, pw legacy.NewPassword) (string, error) {
	if err := s.stop(); err != nil {
		return "", err
	}
	return s.Memory.Insert(ctx, u, pw)
}

func (s *shop) Update(ctx context.Context, was legacy.User, c legacy.Change) error {
	if err := s.stop(); err != nil {
		return err
	}
	return s.Memory.Update(ctx, was, c)
}

func (s *shop) Delete(ctx context.Context, was legacy.User) error {
	if err := s.stop(); err != nil {
		return err
	}
	return s.Memory.Delete(ctx, was)
}

// List implements legacy.Lister.
func (s *shop) List(context.Context, string, int) ([]legacy.User, error) {
	return nil, errors.New("the shop cannot be walked in this test")
}

// doors is the store of both processes. What comes before a write can be said, once.
type doors struct {
	accounts.Store
	beforeBegin, beforeFinish, beforeCreate, beforeRecopy, beforeSet, beforeSetLink, beforeEpoch, beforeMove, beforeRevert, beforeDelete func() error

	afterBegin, afterRecopy func()
}

func knock(door *func() error) error {
	f := *door
	if f == nil {
		return nil
	}
	*door = nil
	return f()
}

func (d *doors) FinishDelivery(ctx context.Context, owed accounts.Delivery, f accounts.Finish) error {
	if err := knock(&d.beforeFinish); err != nil {
		return err
	}
	return d.Store.FinishDelivery(ctx, owed, f)
}

func (d *doors) SessionEpoch(ctx context.Context, account uuid.UUID) (int64, error) {
	if err := knock(&d.beforeEpoch); err != nil {
		return 0, err
	}
	return d.Store.SessionEpoch(ctx, account)
}

func (d *doors) MovePhase(ctx context.Context, next phase.State, e accounts.Event) error {
	if err := knock(&d.beforeMove); err != nil {
		return err
	}
	return d.Store.MovePhase(ctx, next, e)
}

func (d *doors) At(epoch int64) accounts.Writes { return doorsAt{d.Store.At(epoch), d} }

// doorsAt are the writes of an epoch.
type doorsAt struct {
	accounts.Writes
	doors *doors
}

func (d doorsAt) BeginIntent(ctx context.Context, owed accounts.Delivery, until time.Time) (accounts.Delivery, error) {
	if err := knock(&d.doors.beforeBegin); err != nil {
		return owed, err
	}
	begun, err := d.Writes.BeginIntent(ctx, owed, until)
	if after := d.doors.afterBegin; after != nil {
		d.doors.afterBegin = nil
		after()
	}
	return begun, err
}

func (d doorsAt) Create(ctx context.Context, r accounts.Record, e accounts.Event) error {
	if err := knock(&d.doors.beforeCreate); err != nil {
		return err
	}
	return d.Writes.Create(ctx, r, e)
}

func (d doorsAt) CreateMany(ctx context.Context, many []accounts.Made, c accounts.Chunk, claim time.Duration) ([]accounts.Refusal, error) {
	if err := knock(&d.doors.beforeCreate); err != nil {
		return nil, err
	}
	return d.Writes.CreateMany(ctx, many, c, claim)
}

func (d doorsAt) Recopy(ctx context.Context, r accounts.Record, from int64, e accounts.Event) error {
	if err := knock(&d.doors.beforeRecopy); err != nil {
		return err
	}
	err := d.Writes.Recopy(ctx, r, from, e)
	if after := d.doors.afterRecopy; after != nil {
		d.doors.afterRecopy = nil
		after()
	}
	return err
}

func (d doorsAt) SetPassword(
	ctx context.Context, id uuid.UUID, from int64, next accounts.Credential, keep uuid.UUID, e accounts.Event, owed ...accounts.Delivery,
) error {
	if err := knock(&d.doors.beforeSet); err != nil {
		return err
	}
	return d.Writes.SetPassword(ctx, id, from, next, keep, e, owed...)
}

// salted is a person of the shop, whose new passwords are made like these.
func salted(t *testing.T, id, username, pw string) legacy.User {
	t.Helper()
	return md5Salted(t, id, username, username+"@example.org", pw)
}

const example = "salt-of-nobody"

func newVillage(t *testing.T, plan phase.Plan, policy accounts.CopyBack, users ...legacy.User) *village {
	t.Helper()
	w := newWorld(t, users...)
	w.source.Allow = legacytest.AllowAll(legacy.Stored{
		Scheme: "md5(md5($pass).$salt)", Hash: md5hex(md5hex("of nobody") + example), Salt: example,
	})
	v := &village{world: w, shop: &shop{Memory: w.source}, doors: &doors{Store: w.store}, clock: &clock{}, post: &postbox{}}
	first, err := phase.Initial(plan, "0123456789abcdef", time.Now())
	must(t, "the first state", err, nil)
	v.Service = v.process(t, "first", first, policy)
	v.second = v.process(t, "second", first, policy)
	return v
}

// process starts one more process of the village.
func (v *village) process(t *testing.T, name string, first phase.State, policy accounts.CopyBack) *accounts.Service {
	t.Helper()
	lease, err := accounts.NewLease(t.Context(), accounts.LeaseConfig{Store: v.store, ID: name, Name: "host " + name, First: first, Now: v.clock.now})
	must(t, "a lease", err, nil)
	v.leases = append(v.leases, lease)
	return v.serve(t, func(c *accounts.Config) {
		c.Store, c.Lease, c.Now, c.Mailer = v.doors, lease, v.clock.now, v.post
		c.Sources = []accounts.Source{{Name: "shop", Source: v.shop, CopyBack: policy, ManageURL: manageURL, Watch: accounts.Watch{
			Every: time.Minute, Overlap: 5 * time.Second, Reconcile: time.Hour, PerSecond: 1_000_000,
		}}}
	})
}

// hear lets all processes hear of the phase and acknowledge it.
func (v *village) hear(t *testing.T) {
	t.Helper()
	for range 2 { // hear, and say so
		for _, lease := range v.leases {
			must(t, "renew", lease.Renew(t.Context()), nil)
		}
	}
}

// step stores the next state of a move, and nobody hears of it yet.
func (v *village) step(t *testing.T, to phase.Phase, percent phase.Percent) phase.State {
	t.Helper()
	at, err := v.store.Phase(t.Context())
	must(t, "read the phase", err, nil)
	next := at.Resume(time.Now())
	if !at.Moving() {
		next, err = at.Move(to, percent, time.Now())
		must(t, "move to "+to.String(), err, nil)
	}
	event := accounts.Event{ID: newID(t), At: time.Now(), AccountID: newID(t), Kind: accounts.EventPhaseMoved, Actor: "test"}
	must(t, "store the phase", v.store.MovePhase(t.Context(), next[0], event), nil)
	return next[0]
}

// move goes along the plan to a phase, past every one between. The gates are not asked.
func (v *village) move(t *testing.T, way ...phase.Phase) {
	t.Helper()
	for _, to := range way {
		var percent phase.Percent
		if to == phase.Ramp {
			percent = phase.All
		}
		for v.step(t, to, percent).Moving() {
			v.hear(t)
		}
		v.hear(t)
	}
}

// ways are how plan dual-write gets to each phase in which legacy answers or both are written.
func ways() map[string][]phase.Phase {
	return map[string][]phase.Phase{
		"legacy-only": {},
		"shadow":      {phase.Shadow},
		"both":        {phase.Shadow, phase.Both},
		"ramp":        {phase.Shadow, phase.Both, phase.Ramp},
	}
}

// inEach runs a test in each phase in which changes go by intents.
func inEach(t *testing.T, f func(t *testing.T, v *village)) {
	t.Helper()
	for name, way := range ways() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			v := newVillage(t, phase.DualWrite, accounts.CopyBackFull, salted(t, "7", "anna", "tulip"))
			v.move(t, way...)
			f(t, v)
		})
	}
}

// there returns a person as the old shop has them, and whether it has them.
func (v *village) there(t *testing.T, id string) (legacy.User, bool) {
	t.Helper()
	user, err := v.source.Get(t.Context(), id)
	if err != nil && !errors.Is(err, legacy.ErrNoUser) {
		t.Fatal(err)
	}
	return user, err == nil
}

// sold fails unless the old shop, asked alone, takes a password, or refuses it.
func (v *village) sold(t *testing.T, id, pw string, want bool) {
	t.Helper()
	user, ok := v.there(t, id)
	if ok {
		ok = user.Password.Hash == md5hex(md5hex(pw)+user.Password.Salt)
	}
	if ok != want {
		t.Errorf("the shop takes %q of %s: %v, want %v", pw, id, ok, want)
	}
}

// takes fails unless both processes take a password of anna's, under her one subject.
func (v *village) takes(t *testing.T, pw string) {
	t.Helper()
	for _, s := range []*accounts.Service{v.Service, v.second} {
		if p := mustLogin(t, s, "anna", pw); p.ID != anna {
			t.Errorf("the subject is %s, want %s", p.ID, anna)
		}
	}
}

// refuses fails unless both processes refuse a password of anna's.
func (v *village) refuses(t *testing.T, pw string) {
	t.Helper()
	mustRefuse(t, v.Service, "anna", pw)
	mustRefuse(t, v.second, "anna", pw)
}

// deliver runs the relay until nothing is due.
func (v *village) deliver(t *testing.T, s *accounts.Service) {
	t.Helper()
	for range 20 {
		more, err := s.DeliverNext(t.Context())
		must(t, "relay", err, nil)
		if !more {
			return
		}
	}
	t.Fatal("the relay does not come to rest")
}

// open deliveries are counted.
func (v *village) waiting(t *testing.T, want int) {
	t.Helper()
	all, err := v.store.Deliveries(t.Context(), accounts.DeliveryQuery{Limit: 100})
	if err != nil || len(all) != want {
		t.Errorf("%d deliveries wait (%v), want %d", len(all), err, want)
	}
}

// count returns how many events of a kind an account has.
func (v *village) count(t *testing.T, account uuid.UUID, kind accounts.EventKind) int {
	t.Helper()
	events, err := v.store.Events(t.Context(), account, 100)
	must(t, "read events", err, nil)
	n := 0
	for _, e := range events {
		if e.Kind == kind {
			n++
		}
	}
	return n
}

// raw runs a statement in the database beside the store, as a person with its file would.
func (v *village) raw(t *testing.T, text string, args ...any) {
	t.Helper()
	db, err := sql.Open("sqlite", v.path+"?_busy_timeout=5000")
	must(t, "open the file", err, nil)
	defer db.Close()
	_, err = db.ExecContext(t.Context(), text, args...)
	must(t, "write past the store", err, nil)
}

// anna is who the shop has as 7.
var anna = accounts.SubjectFor("shop", "7")
