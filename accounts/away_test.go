package accounts_test

import (
	"context"
	"testing"
	"time"

	"rekey/accounts"
	"rekey/accounts/phase"
	"rekey/legacy/legacytest"
)

// lostStore is a store none of whose reads of a name is answered, once it is lost.
type lostStore struct {
	accounts.Store
	lost *bool
}

func (l lostStore) ByIdentifier(ctx context.Context, canonical string) (accounts.Record, error) {
	if *l.lost {
		<-ctx.Done()
		return accounts.Record{}, ctx.Err()
	}
	return l.Store.ByIdentifier(ctx, canonical)
}

// lose makes the first process one whose store can be lost.
func (v *village) lose(t *testing.T) (lost *bool) {
	t.Helper()
	lost = new(bool)
	v.Service = v.serve(t, func(c *accounts.Config) {
		c.Store, c.Lease, c.Now = lostStore{v.doors, lost}, v.leases[0], v.clock.now
		c.Sources = []accounts.Source{{Name: "shop", Source: v.shop, CopyBack: accounts.CopyBackFull}}
	})
	return lost
}

// While the lease runs, legacy answers for those whom the new store has decided nothing about, and nobody waits long for the store.
// When it has ended, nobody is answered.
func TestAway(t *testing.T) {
	t.Parallel()
	for name, way := range map[string][]phase.Phase{"legacy-only": {}, "shadow": {phase.Shadow}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			v := newVillage(t, phase.DualWrite, accounts.CopyBackFull,
				salted(t, "7", "anna", "tulip"), salted(t, "8", "bert", "daisy"), salted(t, "9", "dora", "aster"))
			v.move(t, phase.Shadow)
			mustLogin(t, v.Service, "bert", "daisy")
			mustLogin(t, v.Service, "dora", "aster")
			if len(way) == 0 {
				v.move(t, phase.LegacyOnly)
			}
			_, _, err := v.store.SetDisabled(t.Context(), accounts.SubjectFor("shop", "8"), true, time.Now(), accounts.Event{
				ID: newID(t), At: time.Now(), AccountID: accounts.SubjectFor("shop", "8"), Kind: accounts.EventDisabled, Actor: "test",
			})
			must(t, "disable", err, nil)
			v.hear(t)
			lost := v.lose(t)
			if p := mustLogin(t, v.Service, "anna", "tulip"); p.Alone {
				t.Error("she is answered alone while the store is there")
			}

			*lost = true
			if p := mustLogin(t, v.Service, "anna", "tulip"); p.ID != anna || !p.Alone || p.Challenge != nil {
				t.Errorf("she is %+v", p)
			}
			mustRefuse(t, v.Service, "anna", "rose")
			_, err = v.Login(t.Context(), try("bert", "daisy"))
			doubtful(t, "somebody whom staff have disabled", err)
			_, err = v.Login(t.Context(), try("nobody", "rose"))
			doubtful(t, "somebody whom legacy does not know", err)
			if !v.GoesOn() {
				t.Error("it does not go on")
			}
			v.clock.advance(11 * time.Second)
			if v.GoesOn() {
				t.Error("it goes on without a lease")
			}
			_, err = v.Login(t.Context(), try("anna", "tulip"))
			doubtful(t, "a login after the lease", err)
		})
	}
}

// A lease that ends while a login waits for the store answers nobody: the others may have gone on.
func TestAwayLapses(t *testing.T) {
	t.Parallel()
	v := newVillage(t, phase.DualWrite, accounts.CopyBackFull, salted(t, "7", "anna", "tulip"))
	v.move(t, phase.Shadow)
	v.Service = v.serve(t, func(c *accounts.Config) {
		c.Store, c.Lease, c.Now = lapsing{v.doors, v.clock}, v.leases[0], v.clock.now
	})
	_, err := v.Login(t.Context(), try("anna", "tulip"))
	doubtful(t, "a login whose lease has ended", err)
}

// lapsing is a store that does not answer before the lease has ended.
type lapsing struct {
	accounts.Store
	clock *clock
}

func (l lapsing) ByIdentifier(context.Context, string) (accounts.Record, error) {
	l.clock.advance(11 * time.Second)
	return accounts.Record{}, errDown
}

// Where who is apart is not known, or both stores have to agree, nobody is answered without the new one.
func TestAwayUnknown(t *testing.T) {
	t.Parallel()
	v := newVillage(t, phase.DualWrite, accounts.CopyBackFull, salted(t, "7", "anna", "tulip"))
	v.move(t, phase.Shadow)
	at, err := v.store.Phase(t.Context())
	must(t, "read the phase", err, nil)
	cut := &cutStore{Store: v.store, down: new(bool), unknown: true}
	lease, err := accounts.NewLease(t.Context(), accounts.LeaseConfig{Store: cut, ID: "third", Name: "third", First: at, Now: v.clock.now})
	must(t, "a lease", err, nil)
	s := v.serve(t, func(c *accounts.Config) { c.Lease, c.Now = lease, v.clock.now })
	v.store.down.Store(true)
	_, err = s.Login(t.Context(), try("anna", "tulip"))
	doubtful(t, "a login where nobody knows who is apart", err)

	i := newIsland(t, salted(t, "7", "anna", "tulip")) // in both, and it knows
	i.store.down.Store(true)
	_, err = i.Login(t.Context(), try("anna", "tulip"))
	doubtful(t, "a login in both", err)
	if i.GoesOn() {
		t.Error("it goes on in both")
	}
}

// Of people of several stores, one may be known by the name of another since they were linked; the new store alone says.
func TestAwayLinked(t *testing.T) {
	t.Parallel()
	v := newVillage(t, phase.DualWrite, accounts.CopyBackFull, salted(t, "7", "anna", "tulip"))
	v.move(t, phase.Shadow)
	v.Service = v.serve(t, func(c *accounts.Config) {
		c.Collisions, c.Lease, c.Now = accounts.CollisionsLink, v.leases[0], v.clock.now
		c.Sources = append(c.Sources, accounts.Source{Name: "crm", Source: legacytest.NewMemory(salted(t, "1", "berta", "daisy"))})
	})
	v.store.down.Store(true)
	if p := mustLogin(t, v.Service, "anna", "tulip"); p.ID != anna || !p.Alone {
		t.Errorf("she is %+v", p)
	}
	_, err := v.Login(t.Context(), try("berta", "daisy"))
	doubtful(t, "somebody of a later store", err)
}
