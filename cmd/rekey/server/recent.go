package server

import (
	"sync"
	"time"

	"rekey/accounts/phase"
)

// recentSeconds is how far a recent looks back.
const recentSeconds = 10

// A recent counts what has happened in the last ten seconds. It is safe for concurrent use; adding costs a small part of a
// microsecond. The zero recent has counted nothing.
type recent struct {
	mu     sync.Mutex
	begun  time.Time // the first moment that was told
	ring   [recentSeconds + 1]second
	newest int64
}

// A second is what has happened in one.
type second struct {
	at     int64 // since begun, from 1
	took   phase.Histogram
	failed int64
}

// add counts something that has ended at a time. How long it took does not count if it has failed: some fail at once.
func (r *recent) add(now time.Time, took time.Duration, failed bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	s := r.second(now)
	if failed {
		s.failed++
		return
	}
	s.took.Add(took)
}

// second returns that of a time, emptied if it is another by now. r.mu is held.
func (r *recent) second(now time.Time) *second {
	if r.begun.IsZero() {
		r.begun = now
	}
	at := max(int64(now.Sub(r.begun)/time.Second)+1, r.newest) // two who add at once may come in either order
	r.newest = at
	s := &r.ring[at%int64(len(r.ring))]
	if s.at != at {
		*s = second{at: at}
	}
	return s
}

// A summary is what a recent has counted.
type summary struct {
	took   phase.Histogram // of what did not fail
	failed int64
}

// last sums up the last ten seconds.
func (r *recent) last(now time.Time) summary {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.second(now)
	var all summary
	for i := range r.ring {
		if s := &r.ring[i]; s.at > r.newest-recentSeconds {
			all.took.Merge(&s.took)
			all.failed += s.failed
		}
	}
	return all
}

// quantile returns a duration that the share q did not exceed. The slowest one alone says nothing: somewhere there is always one.
func (s *summary) quantile(q float64) time.Duration {
	n := float64(s.took.Count())
	if n < 2 {
		return s.took.Quantile(q)
	}
	return s.took.Quantile(min(q, (n-1)/n))
}

// failures returns the share that has failed. One alone says nothing.
func (s *summary) failures() float64 {
	if s.failed < 2 {
		return 0
	}
	return float64(s.failed) / float64(s.failed+s.took.Count())
}

// A mean is the mean of what is counted and summed up since the start, over the last so many times that it was looked at.
type mean struct {
	seen []total
}

type total struct {
	n   uint64
	sum time.Duration
}

// over returns the mean of what has come since some looks ago.
func (m *mean) over(looks int, now total) time.Duration {
	m.seen = append(m.seen, now)
	if len(m.seen) > looks+1 {
		m.seen = m.seen[1:]
	}
	first := m.seen[0]
	if now.n <= first.n {
		return 0
	}
	return (now.sum - first.sum) / time.Duration(now.n-first.n)
}
