package sweeper

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// A line is what a batch waits for: some round trips, and each person.
type line struct {
	trips     int
	trip      time.Duration
	each      time.Duration
	jitter    float64 // of each round trip, and of all people together: up to so much more or less
	randomly  *rand.Rand
	sizes     *Sizes
	took      []time.Duration
	tookSizes []int
}

const lineTarget = 500 * time.Millisecond

// batches goes through so many batches of at most so many people.
func (l *line) batches(t *testing.T, n, most int) {
	t.Helper()
	if l.randomly == nil {
		l.randomly = rand.New(rand.NewPCG(1, 2))
	}
	if l.sizes == nil {
		l.sizes = &Sizes{}
	}
	l.took, l.tookSizes = nil, nil
	about := func(d time.Duration) time.Duration {
		return time.Duration(float64(d) * (1 + l.jitter*(2*l.randomly.Float64()-1)))
	}
	for range n {
		people := l.sizes.Size(most)
		before := l.sizes.size
		began := time.Now()
		for range l.trips {
			time.Sleep(about(l.trip))
		}
		time.Sleep(about(time.Duration(people) * l.each))
		took := time.Since(began)
		l.sizes.Took(people, took, lineTarget)
		if is := l.sizes.size; is > 2.01 && is > growth*before*1.001 {
			t.Errorf("from %g people to %g at once", before, is)
		}
		l.took, l.tookSizes = append(l.took, took), append(l.tookSizes, people)
	}
}

// typical is the size in the middle of the last batches.
func (l *line) typical() int {
	last := slices.Sorted(slices.Values(l.tookSizes[max(0, len(l.tookSizes)-2*recent):]))
	return last[len(last)/2]
}

// What a batch waits for whoever is in it does not make it small, and what its people take does.
func TestSizes(t *testing.T) {
	t.Parallel()
	const each = 100 * time.Microsecond
	for name, row := range map[string]struct {
		line        line
		least, most int // people of a batch, in the end
	}{
		"no line":             {line{each: each}, 3000, 5200},
		"a short line":        {line{trips: 10, trip: time.Millisecond, each: each, jitter: 0.3}, 2500, 5500},
		"50 ms a round trip":  {line{trips: 8, trip: 50 * time.Millisecond, each: each}, 1700, 2600},
		"and not always":      {line{trips: 8, trip: 50 * time.Millisecond, each: each, jitter: 0.3}, 1000, 4000},
		"a wild line":         {line{trips: 2, trip: 400 * time.Millisecond, each: each, jitter: 0.9}, 500, 5000},
		"200 ms":              {line{trips: 8, trip: 200 * time.Millisecond, each: each, jitter: 0.1}, 1000, 4000},
		"wrapping":            {line{trips: 8, trip: time.Millisecond, each: 50 * time.Millisecond, jitter: 0.1}, 6, 11},
		"wrapping far away":   {line{trips: 8, trip: 50 * time.Millisecond, each: 50 * time.Millisecond, jitter: 0.1}, 2, 8},
		"one is too much":     {line{each: 3 * time.Second}, 1, 1},
		"a line without work": {line{trips: 8, trip: 50 * time.Millisecond, jitter: 0.5}, 15_000, maxSize},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				l := row.line
				l.batches(t, 100, maxSize)
				if got := l.typical(); got < row.least || got > row.most {
					t.Errorf("batches of %d people, want %d to %d: %v", got, row.least, row.most, l.tookSizes)
				}
			})
		})
	}
}

// A store whose people take long has its batches made smaller at once, and a line that is slow has them made large again.
func TestSizesChange(t *testing.T) {
	t.Parallel()
	far := line{trips: 8, trip: 50 * time.Millisecond, each: 100 * time.Microsecond, jitter: 0.1}
	near := line{trips: 8, trip: time.Millisecond, each: 100 * time.Microsecond, jitter: 0.1}
	for name, row := range map[string]struct {
		is          line
		change      func(*line)
		within      int // batches
		least, most int
	}{
		"people become slow":               {near, func(l *line) { l.each *= 20 }, 8, 100, 300},
		"people become slow behind a line": {far, func(l *line) { l.each *= 20 }, 8, 50, 300},
		"and very slow":                    {far, func(l *line) { l.each *= 1000 }, 14, 1, 8},
		"people become quick":              {line{trips: 8, trip: time.Millisecond, each: 10 * time.Millisecond}, func(l *line) { l.each /= 100 }, 30, 2500, 6000},
		"the line becomes slow":            {near, func(l *line) { l.trip *= 50 }, 40, 1000, 5000},
		"the line becomes quick":           {far, func(l *line) { l.trip /= 50 }, 40, 2500, 6000},
		"it fails, and has a long line":    {far, func(l *line) { failed(l.sizes); l.trip *= 5 }, 60, 1000, 5000},
		"it fails":                         {far, func(l *line) { failed(l.sizes) }, 60, 1000, 5000},
		"it fails, before anything is told": {line{}, func(l *line) {
			failed(l.sizes)
			*l = line{sizes: l.sizes, trips: 8, trip: 200 * time.Millisecond, each: far.each}
		}, 60, 1000, 5000},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				l := row.is
				l.batches(t, 60, maxSize)
				row.change(&l)
				before := l.sizes.Size(maxSize)
				l.batches(t, row.within, maxSize)
				if strings.Contains(name, "slow") && l.each > row.is.each && l.tookSizes[1] > before/2 {
					t.Errorf("after the first slow one of %d people came one of %d", before, l.tookSizes[1])
				}
				if got := l.sizes.Size(maxSize); got < row.least || got > row.most {
					t.Errorf("%d people, then %v, then %d; want %d to %d", before, l.tookSizes, got, row.least, row.most)
				}
			})
		})
	}
}

func failed(s *Sizes) {
	for range 20 {
		s.Failed()
	}
}

// Nine of ten batches take no longer than they should, where no line is in the way.
func TestSizesTarget(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := line{each: time.Millisecond, jitter: 0.4}
		l.batches(t, 400, maxSize)
		late := 0
		for _, took := range l.took[50:] {
			if took > lineTarget*11/10 {
				late++
			}
		}
		if late > len(l.took)/10 || l.typical() < 300 {
			t.Errorf("%d of %d took longer than they should, of %d people", late, len(l.took), l.typical())
		}
	})
}
