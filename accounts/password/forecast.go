package password

import "time"

// A forecast tells how long a login that queues now would wait, so that one whose turn would come too late is told at
// once, not after it has waited in vain.
//
// It can be wrong, but not for good. It is asked only when work has to queue: while a permit is free, work begins
// whatever the forecast says, and its end corrects the average. And one sample counts for no more than limit, so an
// average spoilt by a few slow hashes still lets a pool's worth of work queue.
type forecast struct {
	limit  time.Duration // the longest wait that is let in
	hold   time.Duration // moving average of how long recent logins held their permit
	queued float64       // the part of the pool that what waits will occupy: 3 is three poolfuls
	moved  time.Time     // when work last began or ended
}

const (
	// firstHold is what a hash is taken to cost before one has been seen; the default policy takes about this long.
	firstHold = 30 * time.Millisecond
	// holdWeight is the weight of a new sample in the average, as a divisor.
	holdWeight = 8
)

// newForecast leaves a quarter of maxWait as margin: what is let in and then waits in vain is answered late, so it is
// better to refuse a few that would just have made it.
func newForecast(maxWait time.Duration) forecast {
	limit := maxWait * 3 / 4
	return forecast{limit: limit, hold: min(firstHold, limit)}
}

// ended notes that a login held its permit for d.
func (f *forecast) ended(d time.Duration) { f.hold += (min(d, f.limit) - f.hold) / holdWeight }

// wait predicts how long work that occupies share of the pool would queue behind what already does: the work ahead at
// the recent pace. If nothing has begun or ended for longer than that, the wait is taken to last as long again as it
// has: a pool that is stuck is noticed after limit, and trusted again at the first sign of life.
func (f *forecast) wait(now time.Time, share float64) time.Duration {
	return max(time.Duration(float64(f.hold)*(f.queued+share)), now.Sub(f.moved))
}

// busy is the refusal of work that would wait that long.
func busy(wait time.Duration) *BusyError {
	// Retry-After counts in seconds, and a forecast of more than half a minute is no forecast.
	return &BusyError{RetryAfter: min(max(wait, time.Second), 30*time.Second)}
}
