package password_test

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"rekey/accounts/password"
)

// What a Pool does with more work than it has permits for: whom it refuses, and how soon, and whom it lets go first.

func TestPoolQueueDeadline(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newPool(t, password.PoolConfig{Permits: 1})
		release := make(chan struct{})
		stuck := login(p, 0, func() { <-release })
		never := func() { t.Error("ran") }

		// Nobody can know yet that the pool is stuck: this one queues, and is told after 2 s.
		took, err := login(p, 0, never).result()
		var busy *password.BusyError
		if !errors.Is(err, password.ErrBusy) || !errors.As(err, &busy) || took != 2*time.Second {
			t.Fatalf("%v after %v", err, took)
		}
		if busy.RetryAfter < 2*time.Second || busy.RetryAfter > 30*time.Second {
			t.Errorf("retry after %v", busy.RetryAfter)
		}
		// By now it can be seen: at once.
		if took, err := login(p, 0, never).result(); !errors.Is(err, password.ErrBusy) || took != 0 {
			t.Errorf("%v after %v", err, took)
		}
		// However long it was stuck, the first sign of life lets people in again.
		<-time.After(24 * time.Hour)
		if _, err := login(p, 0, never).result(); !errors.As(err, &busy) || busy.RetryAfter != 30*time.Second {
			t.Errorf("after a day: %v", err)
		}
		close(release)
		if _, err := stuck.result(); err != nil {
			t.Error(err)
		}
		running := login(p, 0, lasting(10*time.Millisecond))
		if took, err := login(p, 0, lasting(10*time.Millisecond)).result(); err != nil || took != 20*time.Millisecond {
			t.Errorf("afterwards: %v after %v", err, took)
		}
		if _, err := running.result(); err != nil {
			t.Error(err)
		}
		if s := p.Stats(); s.Shed != 3 {
			t.Errorf("%d shed", s.Shed)
		}
	})
}

func TestPoolForecastRecovers(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newPool(t, password.PoolConfig{Permits: 1})
		for range 20 {
			if _, err := login(p, 0, lasting(time.Hour)).result(); err != nil {
				t.Fatal(err)
			}
		}
		shed := 0
		for range 40 {
			first := login(p, 0, lasting(10*time.Millisecond))
			second := login(p, 0, lasting(10*time.Millisecond))
			third := login(p, 0, lasting(10*time.Millisecond))
			if _, err := first.result(); err != nil {
				t.Fatalf("refused while a permit was free: %v", err)
			}
			if _, err := second.result(); err != nil {
				t.Fatalf("refused though nothing else waited: %v", err)
			}
			if _, err := third.result(); err != nil {
				shed++
			}
		}
		if shed > 10 {
			t.Errorf("refused %d of 40 pairs that waited behind one", shed)
		}
	})
}

func TestPoolUnderOverload(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const hold, every, seconds = 40 * time.Millisecond, 20 * time.Millisecond / 3, 60
		p := newPool(t, password.PoolConfig{Permits: 2})
		var calls []*call
		for range int(seconds * time.Second / every) {
			calls = append(calls, start(t.Context(), p, 19*mib, password.PriorityLogin, lasting(hold)))
			<-time.After(every)
		}
		served, shed, late := 0, 0, 0
		for _, c := range calls {
			took, err := c.result()
			switch {
			case err == nil:
				served++
				if took > 2*time.Second+hold {
					t.Errorf("served after %v", took)
				}
			case errors.Is(err, password.ErrBusy):
				shed++
				if took > 50*time.Millisecond {
					late++
				}
			default:
				t.Error(err)
			}
		}
		if capacity := int(seconds * time.Second * 2 / hold); served < capacity*98/100 {
			t.Errorf("served %d of %d that the pool could do", served, capacity)
		}
		if shed == 0 || late*100 > shed {
			t.Errorf("%d of %d refusals came after 50 ms", late, shed)
		}
	})
}

func TestPoolSweepsYield(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newPool(t, password.PoolConfig{Permits: 3})
		sweep(p, 0, lasting(time.Second))
		second := sweep(p, 0, lasting(time.Second))
		if s := p.Stats(); s.RunningSweep != 1 || s.WaitingSweep != 1 {
			t.Fatalf("%d sweeps run, %d wait: want their share of 1", s.RunningSweep, s.WaitingSweep)
		}
		// Logins take the two other permits, and the one that the sweep gives back too.
		login(p, 0, lasting(1500*time.Millisecond))
		login(p, 0, lasting(1500*time.Millisecond))
		waiting := login(p, 0, lasting(100*time.Millisecond))
		if took, err := waiting.result(); err != nil || took != 1100*time.Millisecond {
			t.Errorf("the login that came later: %v after %v", err, took)
		}
		if took, err := second.result(); err != nil || took != 2100*time.Millisecond {
			t.Errorf("the sweep that came earlier: %v after %v", err, took)
		}
	})
}

func TestPoolSweepWaitsWhileLoginsWait(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newPool(t, password.PoolConfig{Permits: 2, MemoryKiB: 100 << 10})
		login(p, 60*mib, lasting(time.Second))
		login(p, 60*mib, lasting(time.Second)) // waits for memory, while a permit is free
		light := sweep(p, mib, lasting(time.Millisecond))
		if s := p.Stats(); s.RunningSweep != 0 || s.WaitingSweep != 1 || s.Waiting != 1 {
			t.Fatalf("stats %+v", s)
		}
		if took, err := light.result(); err != nil || took != 1001*time.Millisecond {
			t.Errorf("%v after %v", err, took)
		}
		<-time.After(time.Second)
	})
}

func TestPoolSweepDeadline(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newPool(t, password.PoolConfig{Permits: 1, MaxWait: 3 * time.Second})
		login(p, 0, lasting(time.Minute))
		<-time.After(10 * time.Second)
		c := sweep(p, 0, func() { t.Error("ran") })
		if took, err := c.result(); !errors.Is(err, password.ErrBusy) || took != 3*time.Second {
			t.Errorf("%v after %v", err, took)
		}
		<-time.After(time.Minute)
	})
}
