package accounts

import (
	"context"
	"sync"
	"time"
)

// Which logins are compared, and where they wait for it; see verdicts.go.

// CompareLogins says which logins are compared. The zero value compares none.
type CompareLogins struct {
	Share     float64 // 0 to 1
	PerSecond int     // at most, in this process
}

// compareQueue is how many passwords wait, at most.
const compareQueue = 8

// A comparer holds the samples that wait.
type comparer struct {
	logins CompareLogins
	jobs   chan *sample

	mu     sync.Mutex
	open   bool // somebody works on them
	second int64
	begun  int // in that second

	telling sync.Mutex
	told    Compared // what of this process others know of
}

// admits reports whether one more may be compared in this second.
func (c *comparer) admits(right bool, now time.Time) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if second := now.Unix(); second != c.second {
		c.second, c.begun = second, 0
	}
	most := c.logins.PerSecond
	if !right {
		most = (most + 1) / 2
	}
	if c.begun >= most {
		return false
	}
	c.begun++
	return true
}

// put queues a sample, unless nobody works on them or there is no room.
func (c *comparer) put(m *sample) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.open {
		return false
	}
	select {
	case c.jobs <- m:
		return true
	default:
		return false
	}
}

// setOpen says whether somebody works on samples.
func (c *comparer) setOpen(open bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.open = open
}

// CompareVerdicts compares logins until ctx ends. What waits then is dropped.
func (s *Service) CompareVerdicts(ctx context.Context) {
	c := &s.comparer
	c.setOpen(true)
	tell := time.NewTicker(verdictEvery)
	defer tell.Stop()
	for ctx.Err() == nil {
		select {
		case <-ctx.Done():
		case <-tell.C:
			s.tellCompared(ctx)
		case m := <-c.jobs:
			s.compareSample(ctx, m)
		}
	}
	c.setOpen(false)
	s.tellCompared(ctx)
	for {
		select {
		case m := <-c.jobs:
			m.forget()
			s.stats.VerdictsDropped.Add(1)
		default:
			return
		}
	}
}
