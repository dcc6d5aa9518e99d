package password_test

import (
	"context"
	"errors"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"rekey/accounts/password"
)

const mib = 1 << 20

// lasting is work that takes d on the clock of a synctest bubble.
func lasting(d time.Duration) func() { return func() { <-time.After(d) } }

// call is a Do that runs beside the test.
type call struct {
	err  error
	took time.Duration
	done chan struct{}
}

func start(ctx context.Context, p *password.Pool, memory int64, priority password.Priority, fn func()) *call {
	c := &call{done: make(chan struct{})}
	began := time.Now()
	go func() {
		defer close(c.done)
		c.err = p.Do(ctx, memory, priority, fn)
		c.took = time.Since(began)
	}()
	return c
}

func (c *call) result() (time.Duration, error) {
	<-c.done
	return c.took, c.err
}

// login starts one and waits until it runs, queues or is refused.
func login(p *password.Pool, memory int64, fn func()) *call {
	c := start(context.Background(), p, memory, password.PriorityLogin, fn)
	synctest.Wait()
	return c
}

func sweep(p *password.Pool, memory int64, fn func()) *call {
	c := start(context.Background(), p, memory, password.PrioritySweep, fn)
	synctest.Wait()
	return c
}

// newPool returns a pool that is empty again when the test ends.
func newPool(t *testing.T, c password.PoolConfig) *password.Pool {
	t.Helper()
	p := password.NewPool(c)
	t.Cleanup(func() {
		if err := p.Close(context.Background()); err != nil {
			t.Error(err)
		}
		synctest.Wait()
		want(t, p, 0, 0)
	})
	return p
}

func want(t *testing.T, p *password.Pool, running, waiting int) {
	t.Helper()
	if s := p.Stats(); s.Running != running || s.Waiting+s.WaitingSweep != waiting {
		t.Fatalf("%d run and %d wait, want %d and %d", s.Running, s.Waiting+s.WaitingSweep, running, waiting)
	}
}

func TestPoolDefaults(t *testing.T) {
	t.Parallel()
	cores := runtime.GOMAXPROCS(0)
	for _, test := range []struct {
		config  password.PoolConfig
		permits int
		memory  int64
	}{
		{password.PoolConfig{}, cores, int64(cores) * 64 * mib},
		{password.PoolConfig{Permits: 3}, 3, 192 * mib},
		{password.PoolConfig{Permits: 3, Policy: password.Policy{MemoryKiB: 100 << 10}}, 3, 300 * mib},
		{password.PoolConfig{Permits: 3, MemoryKiB: 1 << 10, Policy: password.Policy{MemoryKiB: 100 << 10}}, 3, mib},
	} {
		if s := password.NewPool(test.config).Stats(); s.Permits != test.permits || s.Memory != test.memory {
			t.Errorf("%+v: %d permits, %d bytes", test.config, s.Permits, s.Memory)
		}
	}
}

func TestPoolBoundsWhatRuns(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newPool(t, password.PoolConfig{Permits: 2, MemoryKiB: 100 << 10})
		first := login(p, 0, lasting(time.Second))
		login(p, 0, lasting(time.Second))
		want(t, p, 2, 0)
		third := login(p, 0, lasting(time.Second))
		want(t, p, 2, 1)
		if took, err := first.result(); err != nil || took != time.Second {
			t.Errorf("first: %v after %v", err, took)
		}
		if took, err := third.result(); err != nil || took != 2*time.Second {
			t.Errorf("third: %v after %v", err, took)
		}
		want(t, p, 0, 0)
		if s := p.Stats(); s.MemoryInUse != 0 || s.Begun != 3 || s.Done != 3 || s.Waited != time.Second {
			t.Errorf("stats %+v", s)
		}
	})
}

func TestPoolWeighsMemory(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newPool(t, password.PoolConfig{Permits: 8, MemoryKiB: 100 << 10})
		login(p, 60*mib, lasting(time.Second))
		login(p, 40*mib, lasting(time.Second))
		want(t, p, 2, 0)
		login(p, 1*mib, lasting(time.Second))
		want(t, p, 2, 1)
		<-time.After(time.Second)
		synctest.Wait()
		want(t, p, 1, 0)
	})
}

// What needs more than the whole budget runs alone, even beside work that needs nothing.
func TestPoolRunsTheLargestAlone(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newPool(t, password.PoolConfig{Permits: 8, MemoryKiB: 100 << 10})
		login(p, 0, lasting(time.Second))
		large := login(p, 1<<40, lasting(time.Second))
		want(t, p, 1, 1)
		login(p, 0, lasting(time.Second)) // does not overtake
		want(t, p, 1, 2)
		<-time.After(time.Second)
		synctest.Wait()
		want(t, p, 1, 1)
		if s := p.Stats(); s.MemoryInUse != 100*mib {
			t.Errorf("%d bytes in use", s.MemoryInUse)
		}
		if took, err := large.result(); err != nil || took != 2*time.Second {
			t.Errorf("%v after %v", err, took)
		}
		<-time.After(time.Second)
	})
}

// The light does not overtake the heavy: a stream of light work would otherwise keep the heavy out for ever.
func TestPoolDoesNotStarveTheHeavy(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newPool(t, password.PoolConfig{Permits: 2, MemoryKiB: 100 << 10})
		stop := make(chan struct{})
		var stream sync.WaitGroup
		for i := range 2 {
			stream.Go(func() {
				<-time.After(time.Duration(i) * 50 * time.Millisecond) // their ends never coincide
				for {
					select {
					case <-stop:
						return
					default:
						if err := p.Do(t.Context(), mib, password.PriorityLogin, lasting(100*time.Millisecond)); err != nil {
							t.Error(err)
						}
					}
				}
			})
		}
		<-time.After(time.Second)
		heavy := login(p, 100*mib, lasting(100*time.Millisecond))
		if took, err := heavy.result(); err != nil || took > 300*time.Millisecond {
			t.Errorf("%v after %v", err, took)
		}
		close(stop)
		stream.Wait()
	})
}

// The guard of the whole pool: without it, requests that hang up early run any number of hashes at once.
func TestPoolPermitIsHeldByTheHashNotTheRequest(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newPool(t, password.PoolConfig{Permits: 1})
		ctx, hangUp := context.WithCancel(t.Context())
		ended := false
		gone := start(ctx, p, mib, password.PriorityLogin, func() { <-time.After(time.Second); ended = true })
		synctest.Wait()
		next := login(p, mib, lasting(time.Millisecond))

		hangUp()
		if took, err := gone.result(); !errors.Is(err, context.Canceled) || took != 0 {
			t.Errorf("the request returned %v after %v", err, took)
		}
		synctest.Wait()
		want(t, p, 1, 1) // the hash still runs and the next still waits
		if took, err := next.result(); err != nil || took != time.Second+time.Millisecond || !ended {
			t.Errorf("next: %v after %v, hash ended: %t", err, took, ended)
		}
		want(t, p, 0, 0)
	})
}

func TestPoolLeavesTheQueueWithItsContext(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newPool(t, password.PoolConfig{Permits: 2, MemoryKiB: 100 << 10})
		login(p, 60*mib, lasting(time.Second))
		never := func() { t.Error("ran after its context ended") }
		ctx, cancel := context.WithCancel(t.Context())
		heavy := start(ctx, p, 100*mib, password.PriorityLogin, never)
		synctest.Wait()
		light := login(p, mib, lasting(time.Millisecond))
		want(t, p, 1, 2)
		cancel()
		if took, err := heavy.result(); !errors.Is(err, context.Canceled) || took != 0 {
			t.Errorf("%v after %v", err, took)
		}
		// Only the heavy one stood in the way.
		if took, err := light.result(); err != nil || took != time.Millisecond {
			t.Errorf("behind it: %v after %v", err, took)
		}
		if err := p.Do(ctx, 0, password.PriorityLogin, never); !errors.Is(err, context.Canceled) {
			t.Errorf("with a context that has ended: %v", err)
		}
		if s := p.Stats(); s.Abandoned != 1 {
			t.Errorf("%d abandoned", s.Abandoned)
		}
		<-time.After(time.Second)
	})
}

// A few very slow hashes must not make the pool refuse what it has room for.
// Open loop at three times what the pool can do: it goes on at full speed, answers those it refuses at once, and lets
// nobody wait beyond the deadline.
func TestPoolSurvivesPanics(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newPool(t, password.PoolConfig{Permits: 1})
		var empty []byte
		for _, test := range []struct {
			name string
			fn   func()
			text string
		}{
			{"value", func() { panic("secret " + typed) }, "with a string"},
			{"error", func() { panic(errors.New(typed)) }, "errorString"},
			{"index", func() { _ = empty[len(typed)] }, "index out of range"},
			{"Goexit", runtime.Goexit, "panicked"},
		} {
			_, err := login(p, mib, test.fn).result()
			var panicked *password.PanicError
			if !errors.As(err, &panicked) || !strings.Contains(err.Error(), test.text) || strings.Contains(err.Error(), typed) {
				t.Errorf("%s: %v", test.name, err)
				continue
			}
			if !strings.Contains(string(panicked.Stack), "pool_test.go") && test.name != "Goexit" {
				t.Errorf("%s: the stack does not show the place", test.name)
			}
			want(t, p, 0, 0)
		}
		if s := p.Stats(); s.MemoryInUse != 0 || s.Done != 4 {
			t.Errorf("stats %+v", s)
		}
	})
}

func TestPoolClose(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newPool(t, password.PoolConfig{Permits: 1})
		ctx, hangUp := context.WithCancel(t.Context())
		gone := start(ctx, p, 0, password.PriorityLogin, lasting(3*time.Second))
		synctest.Wait()
		queued := login(p, 0, lasting(time.Second))
		sweeping := sweep(p, 0, lasting(time.Second))
		<-time.After(1500 * time.Millisecond)
		hangUp()
		if _, err := gone.result(); !errors.Is(err, context.Canceled) {
			t.Error(err)
		}

		short, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		defer cancel()
		if err := p.Close(short); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Close did not wait for the hash whose request has gone: %v", err)
		}
		if _, err := login(p, 0, func() { t.Error("ran") }).result(); !errors.Is(err, password.ErrClosed) {
			t.Errorf("Do after Close: %v", err)
		}
		if err := p.Close(t.Context()); err != nil {
			t.Error(err)
		}
		want(t, p, 0, 0)
		for _, c := range []*call{queued, sweeping} {
			if _, err := c.result(); err != nil && !errors.Is(err, password.ErrBusy) {
				t.Errorf("what was queued: %v", err)
			}
		}
		if err := p.Close(t.Context()); err != nil {
			t.Errorf("closed twice: %v", err)
		}
	})
}

// Real goroutines and real cancellations, for the race detector.
func TestPoolInParallel(t *testing.T) {
	t.Parallel()
	const permits, budget = 4, 64 * mib
	p := password.NewPool(password.PoolConfig{Permits: permits, MemoryKiB: budget >> 10, MaxWait: time.Minute})
	var running, memory, most atomic.Int64
	var all sync.WaitGroup
	for i := range 64 {
		all.Go(func() {
			for j := range 50 {
				need := int64((i*7+j*13)%40+1) * mib
				ctx, cancel := context.WithCancel(t.Context())
				if j%5 == 0 {
					go cancel()
				}
				priority := password.Priority((i + j) % 2)
				err := p.Do(ctx, need, priority, func() {
					if n := running.Add(1); n > permits {
						t.Errorf("%d run", n)
					}
					n := memory.Add(need)
					if n > budget {
						t.Errorf("%d MiB in use", n/mib)
					}
					if n > most.Load() {
						most.Store(n)
					}
					runtime.Gosched()
					memory.Add(-need)
					running.Add(-1)
				})
				if err != nil && !errors.Is(err, context.Canceled) {
					t.Error(err)
				}
				cancel()
			}
		})
	}
	all.Wait()
	if err := p.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	s := p.Stats()
	if s.Running != 0 || s.MemoryInUse != 0 || s.Waiting+s.WaitingSweep != 0 || s.Done != s.Begun+s.BegunSweep && s.Abandoned == 0 {
		t.Errorf("stats %+v", s)
	}
	if most.Load() < budget/4 {
		t.Errorf("never more than %d MiB in use: the test tried nothing", most.Load()/mib)
	}
}

// Full refuses just when Do would, and takes nothing.
func TestPoolFull(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newPool(t, password.PoolConfig{Permits: 1, MaxWait: 2 * time.Second})
		for range 100 {
			if err := p.Full(mib); err != nil {
				t.Fatalf("an empty pool: %v", err)
			}
		}
		var calls []*call
		for p.Full(mib) == nil {
			if len(calls) > 1000 {
				t.Fatal("a pool that is never full")
			}
			calls = append(calls, login(p, mib, lasting(100*time.Millisecond)))
		}
		if _, err := login(p, mib, lasting(0)).result(); !errors.Is(err, password.ErrBusy) {
			t.Errorf("Full refused what Do takes: %v", err)
		}
		for i, c := range calls[:2] {
			if _, err := c.result(); err != nil {
				t.Errorf("call %d, that was let in: %v", i, err)
			}
		}
		if err := p.Full(mib); err != nil && !errors.Is(err, password.ErrBusy) {
			t.Errorf("got %v", err)
		}
		for _, c := range calls {
			<-c.done
		}
		if err := p.Full(mib); err != nil {
			t.Errorf("empty again: %v", err)
		}
	})
}
