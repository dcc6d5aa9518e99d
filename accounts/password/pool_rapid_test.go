package password_test

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"rekey/accounts/password"
)

// an arrival is one Do of the property below; times in milliseconds.
type arrival struct {
	after, hold, cancel int // cancel: 0 for never
	memory              int64
	priority            password.Priority
}

// TestPoolProperty: whatever comes, whenever it gives up, the bounds hold, logins start in order, every answer comes
// in time, everything that was let in runs once, and afterwards the pool is empty.
func TestPoolProperty(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		config, arrivals := drawPool(rt)
		var faults []string
		synctest.Test(t, func(*testing.T) { faults = playPool(config, arrivals) })
		if len(faults) > 0 {
			rt.Fatalf("%q", faults)
		}
	})
}

func drawPool(t *rapid.T) (password.PoolConfig, []arrival) {
	config := password.PoolConfig{
		Permits:      rapid.IntRange(1, 4).Draw(t, "permits"),
		SweepPermits: rapid.IntRange(1, 2).Draw(t, "sweep permits"),
		MemoryKiB:    100,
		MaxWait:      500 * time.Millisecond,
	}
	arrivals := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) arrival {
		return arrival{
			after:    rapid.IntRange(0, 100).Draw(t, "after"),
			hold:     rapid.IntRange(0, 400).Draw(t, "hold"),
			cancel:   rapid.SampledFrom([]int{0, 0, 1, 50, 300}).Draw(t, "cancel"),
			memory:   rapid.Int64Range(0, 150<<10).Draw(t, "memory"),
			priority: rapid.SampledFrom([]password.Priority{password.PriorityLogin, password.PriorityLogin, password.PrioritySweep}).Draw(t, "priority"),
		}
	}), 1, 30).Draw(t, "arrivals")
	return config, arrivals
}

func playPool(config password.PoolConfig, arrivals []arrival) (faults []string) {
	pool := password.NewPool(config)
	budget := config.MemoryKiB << 10
	var (
		mu             sync.Mutex
		starts         = make([]time.Time, len(arrivals)) // of the logins that ran
		ran            = make([]int, len(arrivals))
		running, swept int
		memory         int64
		all            sync.WaitGroup
	)
	check := func(ok bool, fault string) {
		if !ok {
			faults = append(faults, fault)
		}
	}
	for i, a := range arrivals {
		<-time.After(time.Duration(a.after) * time.Millisecond)
		weight := min(a.memory, budget)
		work := func() {
			mu.Lock()
			ran[i]++
			running++
			memory += weight
			check(running <= config.Permits, "more run than there are permits")
			check(memory <= budget, "more memory than the budget")
			check(a.memory < budget || running == 1, "the largest is not alone")
			if a.priority == password.PrioritySweep {
				swept++
				check(swept <= config.SweepPermits, "more sweeps than their share")
			} else {
				starts[i] = time.Now()
			}
			mu.Unlock()
			<-time.After(time.Duration(a.hold) * time.Millisecond)
			mu.Lock()
			running--
			memory -= weight
			if a.priority == password.PrioritySweep {
				swept--
			}
			mu.Unlock()
		}
		all.Go(func() {
			ctx, cancel := context.WithCancel(context.Background())
			defer cancel()
			if a.cancel > 0 {
				defer time.AfterFunc(time.Duration(a.cancel)*time.Millisecond, cancel).Stop()
			}
			began := time.Now()
			err := pool.Do(ctx, a.memory, a.priority, work)
			took := time.Since(began)
			mu.Lock()
			defer mu.Unlock()
			switch {
			case err == nil:
				check(ran[i] == 1, "said to have run, but did not")
				check(took <= config.MaxWait+time.Duration(a.hold)*time.Millisecond, "served too late")
			case errors.Is(err, password.ErrBusy):
				check(ran[i] == 0, "refused, but ran")
				check(took == 0 || took == config.MaxWait, "refused neither at once nor at the deadline")
			case errors.Is(err, context.Canceled):
				check(a.cancel > 0 && took == time.Duration(a.cancel)*time.Millisecond, "given up at the wrong time")
			default:
				check(false, err.Error())
			}
		})
		synctest.Wait() // arrivals are ordered
	}
	all.Wait()
	if err := pool.Close(context.Background()); err != nil {
		return append(faults, err.Error())
	}
	mu.Lock()
	defer mu.Unlock()
	// Those that start at one instant have no order among them.
	starts = slices.DeleteFunc(starts, time.Time.IsZero)
	check(slices.IsSortedFunc(starts, time.Time.Compare), "logins did not start in order")
	s := pool.Stats()
	check(s.Running+s.Waiting+s.WaitingSweep == 0 && s.MemoryInUse == 0, "the pool is not empty")
	for _, n := range ran {
		check(n <= 1, "ran twice")
	}
	return faults
}
