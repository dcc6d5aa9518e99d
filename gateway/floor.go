package gateway

import (
	"context"
	"slices"
	"sync"
	"time"
)

// A floor hides how long a refusal took. Every "no" to a password is held until a time counted from the request's
// arrival, so that the clock does not tell whether an account exists, where it lives or how its password is stored.
//
// The floor is base, raised to 1.2 times the recent 95th percentile of the slowest class of refusals, and at most
// max: beyond that the wait would be a way to fill the server with held requests.
type floor struct {
	base time.Duration
	max  time.Duration
	now  func() time.Time

	mu      sync.Mutex
	classes map[string]*recentTimes
	current time.Duration
}

const (
	floorWindow = 64              // refusals of a class that are looked at
	floorEvery  = 8               // refusals between two looks
	floorRecent = 5 * time.Minute // age at which a refusal no longer counts
)

func newFloor(base, max time.Duration, now func() time.Time) *floor {
	return &floor{base: base, max: max, now: now, classes: make(map[string]*recentTimes), current: base}
}

// hold waits until the floor, counted from arrived, or until ctx ends. It holds no permit and no lock.
func (f *floor) hold(ctx context.Context, class string, arrived time.Time) {
	rest := f.observe(class, f.now().Sub(arrived))
	if rest <= 0 {
		return
	}
	timer := time.NewTimer(rest)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

// observe counts a refusal and returns how long it has to wait yet.
func (f *floor) observe(class string, took time.Duration) time.Duration {
	f.mu.Lock()
	defer f.mu.Unlock()
	times := f.classes[class]
	if times == nil {
		times = &recentTimes{}
		f.classes[class] = times
	}
	if times.add(took, f.now()) || took > f.current {
		f.raise()
	}
	return f.current - took
}

// raise sets the floor from what the classes took lately.
func (f *floor) raise() {
	oldest := f.now().Add(-floorRecent)
	slowest := time.Duration(0)
	for _, times := range f.classes {
		slowest = max(slowest, times.p95(oldest))
	}
	f.current = min(max(f.base, slowest*6/5), f.max)
}

// recentTimes are the last refusals of a class.
type recentTimes struct {
	took  [floorWindow]time.Duration
	at    [floorWindow]time.Time
	count int
}

// add reports whether it is time to look again.
func (r *recentTimes) add(took time.Duration, at time.Time) bool {
	i := r.count % floorWindow
	r.took[i], r.at[i] = took, at
	r.count++
	return r.count%floorEvery == 0
}

func (r *recentTimes) p95(oldest time.Time) time.Duration {
	var recent []time.Duration
	for i := range min(r.count, floorWindow) {
		if r.at[i].After(oldest) {
			recent = append(recent, r.took[i])
		}
	}
	if len(recent) == 0 {
		return 0
	}
	slices.Sort(recent)
	return recent[(len(recent)*95-1)/100]
}
