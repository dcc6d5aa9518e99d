package password_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"rekey/accounts/password"
)

// What is lent is nobody else's until it is given back, and then somebody waits no longer.
func TestBorrow(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newPool(t, password.PoolConfig{Permits: 4, MaxWait: time.Minute})
		hash := login(p, 1, lasting(10*time.Second))
		lent, giveBack := p.Borrow(2)
		if lent != 2 || p.Stats().Running != 3 {
			t.Errorf("%d are lent, %d run", lent, p.Stats().Running)
		}
		more, giveMoreBack := p.Borrow(3)
		if more != 1 {
			t.Errorf("%d more are lent, want what there is", more)
		}
		late := login(p, 1, lasting(time.Second))
		if none, giveNone := p.Borrow(1); none != 0 || p.Stats().Waiting != 1 {
			t.Errorf("%d are lent while %d wait", none, p.Stats().Waiting)
		} else {
			giveNone()
		}
		giveMoreBack()
		if took, err := late.result(); err != nil || took != time.Second {
			t.Errorf("who waited took %v (%v)", took, err)
		}
		giveBack()
		if _, err := hash.result(); err != nil {
			t.Error(err)
		}
		synctest.Wait()
		if s := p.Stats(); s.Running != 0 {
			t.Errorf("%d run", s.Running)
		}
	})
}

// While a sweep hashes nothing is lent: logins would feel it.
func TestBorrowBesideSweep(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newPool(t, password.PoolConfig{Permits: 4})
		hash := sweep(p, 1, lasting(time.Second))
		if lent, _ := p.Borrow(3); lent != 0 {
			t.Errorf("%d are lent", lent)
		}
		if _, err := hash.result(); err != nil {
			t.Error(err)
		}
		lent, giveBack := p.Borrow(9)
		if lent != 4 {
			t.Errorf("%d are lent, want what there is", lent)
		}
		giveBack()
		if err := p.Do(context.Background(), 1, password.PriorityLogin, func() {}); err != nil {
			t.Error(err)
		}
	})
}
