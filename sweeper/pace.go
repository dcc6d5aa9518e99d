package sweeper

import (
	"math"
	"slices"
	"sync"
	"time"
)

// A Sizes says how many people a batch is to have so that it takes about as long as it should. The workers of a process share one.
// It is safe for concurrent use.
//
// Of the time of a batch a part is the same whoever is in it: the ways to the stores and back. A smaller batch saves none of that, so
// only the people's part is held to the target. What the two are is told by batches of different sizes.
type Sizes struct {
	mu      sync.Mutex
	size    float64
	batches []timing // the last ones
	slow    bool     // the only one of them was too slow: it counts for fixed alone
	fixed   float64  // nanoseconds of a batch that are nobody's
}

// A timing is how long a batch took.
type timing struct {
	people int
	took   time.Duration
}

const (
	firstSize = 64
	growth    = 1.5  // at most, from one batch to the next
	recent    = 10   // batches that are looked at
	differ    = 1.25 // how many times as large one of two is that tell what is fixed
	leastPart = 0.5  // of the target, that is the people's however long the ways are: a slow line would leave nobody any
	mostSlow  = 2.0  // how many times as long as in the middle one of the last batches people are taken to take
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

// Took says how long a batch took, and how long it was to. The next one grows by what the slowest of ten batches would have allowed,
// and never by much; one whose people took twice as long as they should halves it at once. If it was the line after all, the half
// batch shows it.
func (s *Sizes) Took(people int, took, target time.Duration) {
	if people < 1 {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.batches = append(s.batches, timing{people, took})
	if len(s.batches) > recent {
		s.batches = slices.Delete(s.batches, 0, len(s.batches)-recent)
	}
	told := s.fit()
	if float64(took)-s.fixed > 2*float64(target) && people > 1 {
		s.size = max(1, min(s.size, float64(people))/2)
		s.batches, s.slow = []timing{{people, took}}, true // those before were too hopeful
		return
	}
	if s.slow {
		s.batches, s.slow = s.batches[1:], false
	}
	fits := max(float64(target)-s.fixed, leastPart*float64(target)) / s.each()
	switch {
	case fits > s.size && float64(people) < s.size/growth:
		return // a small batch, such as the end of a chunk, does not show that a larger one would do
	case !told && s.size < 2 && len(s.batches) == recent:
		s.size = 2 // one person at a time never shows what is theirs
		return
	case !told && fits < s.size*growth && people >= int(s.size):
		fits = min(fits, s.size/growth) // a whole step, which shows it
	}
	s.size = max(1, min(fits, s.size*growth, maxSize))
}

// fit finds what is fixed: where the line through the last batches, by the middle of the slopes between two of them (Theil and Sen),
// begins. It reports whether they tell; if all are of about one size, what was known before stands.
func (s *Sizes) fit() (told bool) {
	var slopes, starts []float64
	for i, a := range s.batches {
		for _, b := range s.batches[i+1:] {
			if float64(max(a.people, b.people)) >= differ*float64(min(a.people, b.people)) {
				slopes = append(slopes, float64(b.took-a.took)/float64(b.people-a.people))
			}
		}
	}
	if len(slopes) == 0 {
		return false
	}
	slope := max(0, middle(slopes))
	for _, b := range s.batches {
		starts = append(starts, float64(b.took)-slope*float64(b.people))
	}
	s.fixed = max(0, middle(starts))
	return true
}

// each is what a person takes, in nanoseconds: the 90th percentile of the last batches. One that is far from the middle says more of
// the line than of its people.
func (s *Sizes) each() float64 {
	all := make([]float64, len(s.batches))
	for i, b := range s.batches {
		all[i] = (float64(b.took) - s.fixed) / float64(b.people)
	}
	slices.Sort(all)
	return max(1, min(all[(len(all)*9-1)/10], mostSlow*middle(all)))
}

// middle returns the lower median, and sorts.
func middle(all []float64) float64 {
	slices.Sort(all)
	return all[(len(all)-1)/2]
}

// maxSize is more than any batch may have; what the settings say is less.
const maxSize = 20_000

// Failed halves the size: a batch of a store that did not answer in time may have been too large.
func (s *Sizes) Failed() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.size = max(1, s.size/2)
	s.batches, s.slow = nil, false
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
