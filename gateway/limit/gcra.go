package limit

import "time"

// The algorithm is the generic cell rate algorithm in its form as virtual scheduling: ATM Forum, Traffic Management
// Specification Version 4.1 (af-tm-0121.000, 1999), section 4.4 and annex; also ITU-T I.371, annex A. For HTTP it was
// retold by Brandur Leach, "Rate Limiting, Cells, and GCRA" (brandur.org/rate-limiting), whose words are used here.
//
// One number is kept for a key: tat, the theoretical arrival time, until which the tokens taken so far are spread at the
// steady rate. Taking one moves tat forward by an interval. It is refused where that would put tat further ahead of now
// than the tolerance, which is the burst times the interval. A key whose tat has passed is as one never seen, so it
// need not be kept.

// take returns what tat becomes and the decision. A refused take leaves tat as it was.
func (s spec) take(tat, now, n int64) (int64, Decision) {
	tat = s.clamp(tat, now)
	next := tat + n*s.interval
	if wait := next - s.tolerance - now; wait > 0 {
		return tat, s.decision(false, wait, tat-now)
	}
	return next, s.decision(true, 0, next-now)
}

// give returns what tat becomes.
func (s spec) give(tat, now, n int64) int64 {
	return max(s.clamp(tat, now)-n*s.interval, now)
}

// clamp keeps tat between now and a burst ahead of it. It is further ahead only if the clock was set back or the rule
// was changed, and nobody is shut out for that longer than a burst takes to come back.
func (s spec) clamp(tat, now int64) int64 { return min(max(tat, now), now+s.tolerance) }

// decision is made of numbers of microseconds: wait until a try may succeed, and debt, by which tat is ahead of now.
func (s spec) decision(ok bool, wait, debt int64) Decision {
	return Decision{
		OK:         ok,
		RetryAfter: time.Duration(wait) * time.Microsecond,
		Remaining:  (s.tolerance - debt) / s.interval,
	}
}
