package sweeper

import (
	"math"
	"slices"
	"sync"
	"time"
)

// A Sizes says how many people a batch is to have so that it takes about as long as it should. The workers of a process share one.
// It is safe for concurrent use.
type Sizes struct {
	mu   sync.Mutex
	size float64
	each []time.Duration // what a person took in the last batches
}

const (
	firstSize = 64
	growth    = 1.5 // at most, from one batch to the next
	recent    = 10  // batches that are looked at
)

// Size returns the size of the next batch, of at most so many.
func (s *Sizes) Size(most int) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.size == 0 {
		s.size = firstSize
	}
	return max(1, min(int(s.size), most))
}

// Took says how long a batch took, and how long it was to. It grows by what the slowest of ten batches would have allowed, and
// never by much; one that takes twice as long as it should halves it at once.
func (s *Sizes) Took(people int, took, target time.Duration) {
	if people < 1 {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.each = append(s.each, took/time.Duration(people))
	if len(s.each) > recent {
		s.each = slices.Delete(s.each, 0, len(s.each)-recent)
	}
	if took > 2*target {
		s.size = max(1, min(s.size, float64(people))/2)
		s.each = nil // they were too hopeful
		return
	}
	sorted := slices.Sorted(slices.Values(s.each))
	slow := sorted[(len(sorted)*9-1)/10] // the 90th percentile
	fits := float64(target) / float64(max(slow, 1))
	if fits > s.size && float64(people) < s.size/growth {
		return // a small batch, such as the end of a chunk, does not show that a larger one would do
	}
	s.size = max(1, min(fits, s.size*growth, maxSize))
}

// maxSize is more than any batch may have; what the settings say is less.
const maxSize = 20_000

// Failed halves the size: a batch of a store that did not answer in time may have been too large.
func (s *Sizes) Failed() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.size = max(1, s.size/2)
	s.each = nil
}

// rest is how long a worker that may work for a share of its time rests after a piece of work.
func rest(took time.Duration, share float64) time.Duration {
	if share >= 1 {
		return 0
	}
	return min(time.Duration(float64(took)*(1/max(share, leastShare)-1)), longestRest)
}

const (
	leastShare  = 0.01
	longestRest = 10 * time.Second
)

// cost is what so many people cost of the fleet's time. Whatever the rate, it is a time that can be waited for.
func cost(people int, rate float64) time.Duration {
	seconds := float64(people) / rate
	if !(seconds < longestCost.Seconds()) {
		return longestCost
	}
	return time.Duration(math.Ceil(seconds * float64(time.Second)))
}

const longestCost = 365 * 24 * time.Hour
