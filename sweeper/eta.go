package sweeper

import (
	"slices"
	"time"

	"rekey/accounts"
)

// An ETA is when a run will have ended, between two moments.
type ETA struct {
	Earliest time.Time `json:"earliest"`
	Latest   time.Time `json:"latest"`
}

// left returns how many people a run has yet to come to, between two numbers, and false where nobody has counted. How far a
// comparison is in the links it has not ended is not told, and they take less time than people: so it is none of them, or all.
func (r RunStatus) left() (n accounts.Between, known bool) {
	for _, p := range r.Parts {
		if p.Whole && p.Open == 0 {
			continue
		}
		if p.Total == nil {
			return accounts.Between{}, false
		}
		people := max(0, *p.Total-p.People)
		n.High += people
		if r.Kind != accounts.RunVerify || p.Band != accounts.WalkLinks {
			n.Low += people
		}
	}
	return n, len(r.Parts) > 0
}

// totals says of the parts of a comparison, which nobody counts for it, how many people and links there are.
func (r *RunStatus) totals(p accounts.Progress) {
	for i, part := range r.Parts {
		at := slices.IndexFunc(p.Sources, func(s accounts.SourceProgress) bool { return s.Source == part.Source })
		if at < 0 || part.Total != nil {
			continue
		}
		source := p.Sources[at]
		r.Parts[i].Total = source.Total
		if part.Band == accounts.WalkLinks {
			links := source.Here() + source.Deleted
			r.Parts[i].Total = &links
		}
	}
}

// unmoved is how many people of the run's sources take a turn, at least.
func (r RunStatus) unmoved(p accounts.Progress) (n int64) {
	for _, source := range p.Sources {
		if source.Unmoved != nil && slices.ContainsFunc(r.Parts, func(p PartStatus) bool { return p.Source == source.Source }) {
			n += max(0, source.Unmoved.Low-source.Held)
		}
	}
	return n
}

// eta is between the pace of the run as a whole, over the time in which it may have worked, and, where it moves people, of the last
// minute and hour, if it is as old. The windows count where the run obeys them, and so does the rate, of who is not here yet. Of a
// comparison that was gone on with, the pace is that since then.
func (c StatusConfig) eta(r RunStatus, p accounts.Progress, obeys bool) *ETA {
	if c.Remaining == nil || !obeys {
		c.Remaining = func(from time.Time, work time.Duration) time.Time { return from.Add(work) }
	}
	if c.Worked == nil || !obeys {
		c.Worked = func(from, to time.Time) time.Duration { return to.Sub(from) }
	}
	left, known := r.left()
	now := c.Now()
	since, people := r.Began, r.Counts.People
	if r.Kind == accounts.RunVerify {
		if t := accounts.TakenUpOf(r.Found); !t.At.IsZero() {
			since, people = t.At, people-t.People
		}
	}
	paces := []accounts.Pace{{People: people, Seconds: c.Worked(since, now).Seconds()}}
	if r.Kind == accounts.RunMove && now.Sub(r.Began) >= time.Minute {
		paces = append(paces, p.Minute)
	}
	if r.Kind == accounts.RunMove && now.Sub(r.Began) >= time.Hour {
		paces = append(paces, p.Hour)
	}
	var slow, fast float64
	for _, pace := range paces {
		if a := pace.PerSecond(); a > 0 {
			fast = max(fast, a)
			if slow == 0 || a < slow {
				slow = a
			}
		}
	}
	if !known || slow == 0 {
		return nil
	}
	// Three years are as good as never, and a Duration holds them.
	const longest = 3 * 365 * 24 * time.Hour
	var least float64 // seconds; at a rate of 0 it is held
	if c.Rate != nil && obeys && c.Rate() > 0 {
		least = float64(min(r.unmoved(p), left.Low)) / c.Rate()
	}
	work := func(people int64, pace float64) time.Duration {
		return time.Duration(min(max(float64(people)/pace, least), longest.Seconds()) * float64(time.Second))
	}
	if work(left.High, slow) == longest {
		return nil
	}
	eta := &ETA{c.Remaining(now, work(left.Low, fast)), c.Remaining(now, work(left.High, slow))}
	if eta.Earliest.IsZero() || eta.Latest.IsZero() {
		return nil
	}
	return eta
}
