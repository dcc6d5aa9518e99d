// Package governor decides how fast a sweep may go: from what is measured of everybody else who uses the same machines to
// a zone, a share of full speed, and the reasons.
//
// It serves the planner. It measures nothing, keeps no clock and never blocks: all that it knows is handed to Step, and the same
// readings at the same times give the same verdicts. What it remembers is a State, which can be stored, so that a leader goes
// on where the last one ended.
//
// The rules:
//   - The worst signal decides. A zone gets worse at once, and better only when the better one has lasted for a while.
//   - Grow slowly: one step, no sooner than the cool-down after the last step, in whichever direction. Shrink fast: halve, at once,
//     and again after a shorter cool-down. Never below a least share: throttled is not stuck.
//   - Stop means nothing at all, until a time that is told. Then it is tried again, slowly; if that goes wrong soon, the next
//     sleep is twice as long, up to a bound. Nobody has to do anything for it to wake.
//   - What cannot be read for 15 s counts as stop: nobody knows what a sweep does there. What was never wired is not missed.
package governor

import (
	"errors"
	"math"
	"slices"
	"time"
)

// A Zone is what a signal asks for, and what is done. Greater is slower.
type Zone int

// The zones.
const (
	Grow Zone = iota
	Hold
	Shrink
	Stop
)

var zoneNames = [...]string{"grow", "hold", "shrink", "stop"}

func (z Zone) String() string {
	if z < Grow || z > Stop {
		return "unknown"
	}
	return zoneNames[z]
}

// MarshalText writes a zone by its name.
func (z Zone) MarshalText() ([]byte, error) { return []byte(z.String()), nil }

// UnmarshalText reads the name of a zone.
func (z *Zone) UnmarshalText(text []byte) error {
	for i, name := range zoneNames {
		if name == string(text) {
			*z = Zone(i)
			return nil
		}
	}
	return errors.New("not a zone")
}

// Unread is how old the last value of a signal, or a verdict, may be.
const Unread = 15 * time.Second

const (
	growStep   = 0.05             // of full speed, or
	growRatio  = 1.1              // times, whichever is more: from the least share to full speed in 19 steps
	leastShare = 0.05             // of full speed, where it is not a stop
	wakeShare  = 0.1              // of full speed, after a sleep
	settle     = 5 * time.Second  // how long a better zone has to last
	idleWeight = 1.0 / 60         // of a reading in the p99 of a time without a sweep: about a minute's worth
	soonSleeps = 2                // a stop within so many sleeps of the last waking is the same trouble
	soonLeast  = 60 * time.Second // and at least within this
)

// A Reading is the newest value of a signal.
type Reading struct {
	Signal Signal  `json:"signal"`
	Of     string  `json:"of,omitempty"` // the legacy source, the check or the process that it is of
	Value  float64 `json:"value"`
	// At is when it was read; while it cannot be read, when it was the last time, or was to be for the first.
	At time.Time `json:"at"`
	// Limit is what the configuration of a check says; nil: nothing. Limits may say otherwise.
	Limit *Limit `json:"limit,omitempty"`
}

// Unread tells whether r says nothing about now: it is too old, or no number.
func (r Reading) Unread(now time.Time) bool { return now.Sub(r.At) > Unread || math.IsNaN(r.Value) }

// A Tripped is a signal that has reached a limit.
type Tripped struct {
	Signal Signal  `json:"signal"`
	Of     string  `json:"of,omitempty"`
	Zone   Zone    `json:"zone"`
	Value  float64 `json:"value"`
	Limit  float64 `json:"limit"`
	// Since is when a signal that cannot be read was read the last time; zero if it can.
	Since time.Time `json:"unread_since,omitzero"`
}

// A Verdict is how fast a sweep may go, and why.
type Verdict struct {
	Zone   Zone    `json:"zone"`
	Factor float64 `json:"factor"` // the share of full speed: 0 after a stop, else above 0, and at most 1
	// WakesAt is when it is tried again after a stop; zero if nothing sleeps.
	WakesAt time.Time `json:"wakes_at,omitzero"`
	// Tripped are all signals that have reached a limit now. None, in a zone other than grow, means that it waits to see whether
	// what is better stays so, or sleeps on.
	Tripped []Tripped `json:"tripped"`
	// Stopped is what it was stopped by, while it sleeps, and StoppedAt when: nobody asks an old store meanwhile that nobody logs in to, and
	// what is not measured has tripped nothing.
	Stopped   []Tripped `json:"stopped_by,omitempty"`
	StoppedAt time.Time `json:"stopped_at,omitzero"`
	At        time.Time `json:"at"`
}

// Workers is how many of so many workers may work at once.
func (v Verdict) Workers(all int) int {
	if v.Factor <= 0 {
		return 0
	}
	return min(max(int(math.Ceil(v.Factor*float64(all))), 1), all)
}

// Silent reports whether v says nothing but that no leader has said anything for too long; see Current.
func (v Verdict) Silent() bool {
	return len(v.Tripped) == 1 && v.Tripped[0].Signal == Report && v.Tripped[0].Of == theGovernor
}

// theGovernor is who is silent where there is no verdict.
const theGovernor = "the governor"

// Current returns v, or, if it is too old to say anything about now, a stop that says so.
func (v Verdict) Current(now time.Time) Verdict {
	if !v.At.IsZero() && now.Sub(v.At) <= Unread {
		return v
	}
	return Verdict{Zone: Stop, Tripped: []Tripped{{Signal: Report, Of: theGovernor, Zone: Stop, Since: v.At}}, At: now}
}

// A State is what a governor remembers between two steps. The zero State is that of one that has never decided: it begins at
// full speed, which is what the operator has asked for.
type State struct {
	Zone       Zone          `json:"zone"`
	Better     time.Time     `json:"better_since,omitzero"` // since when the signals have been better than Zone; zero: they are not
	Factor     float64       `json:"factor"`                // 0: never decided
	Stepped    time.Time     `json:"stepped,omitzero"`      // when the factor changed, or the sleep ended
	Sleep      time.Duration `json:"sleep,omitempty"`       // the last
	WakesAt    time.Time     `json:"wakes_at,omitzero"`
	Stopped    []Tripped     `json:"stopped_by,omitempty"` // while it sleeps, which it does since Stepped
	Woke       time.Time     `json:"woke,omitzero"`
	IdleP99    float64       `json:"idle_p99_ms,omitempty"` // logins without a sweep; 0: not known
	IdleSeenAt time.Time     `json:"idle_seen_at,omitzero"` // the reading that was added last
}

// A Governor decides. It is not safe for concurrent use.
type Governor struct {
	Limits Limits // may be changed between two steps
	state  State
}

// New returns a Governor that goes on from a state.
func New(limits Limits, state State) *Governor { return &Governor{limits, state} }

// State returns what the next leader has to know.
func (g *Governor) State() State { return g.state }

// Step decides. readings are the worst of each signal; of one that is read nowhere there is none. idle tells that no sweep has been
// moving anybody for as long as the readings go back.
func (g *Governor) Step(now time.Time, readings []Reading, idle bool) Verdict {
	g.believe(now)
	readings = g.withRatio(readings, idle, now)
	zone, tripped := Grow, []Tripped{}
	for _, r := range readings {
		if t := g.trip(r, now); t.Zone > Grow {
			tripped = append(tripped, t)
			zone = max(zone, t.Zone)
		}
	}
	g.decide(now, zone, tripped)
	v := Verdict{Zone: g.state.Zone, Factor: g.state.Factor, WakesAt: g.state.WakesAt, Tripped: tripped, Stopped: g.state.Stopped, At: now}
	if len(v.Stopped) > 0 {
		v.StoppedAt = g.state.Stepped
	}
	return v
}

// trip tells what one signal asks for.
func (g *Governor) trip(r Reading, now time.Time) Tripped {
	t := Tripped{Signal: r.Signal, Of: r.Of, Value: r.Value}
	limit := g.Limits.of(r)
	switch {
	case limit.Off() && r.Signal != Report:
		return t
	case r.Signal == Report || r.Unread(now):
		t.Zone, t.Value, t.Since = Stop, 0, r.At
	default:
		t.Zone, t.Limit = limit.zone(r.Value)
	}
	return t
}

// decide moves from the state before to the zone that the signals ask for.
func (g *Governor) decide(now time.Time, zone Zone, tripped []Tripped) {
	s := &g.state
	if s.Factor == 0 && s.WakesAt.IsZero() {
		s.Factor = 1
	}
	switch {
	case now.Before(s.WakesAt):
		return // asleep
	case zone == Stop:
		g.sleep(now, tripped)
		return
	case !s.WakesAt.IsZero():
		*s = State{Zone: max(zone, Hold), Factor: wakeShare, Stepped: now, Sleep: s.Sleep, Woke: now, IdleP99: s.IdleP99, IdleSeenAt: s.IdleSeenAt}
		return
	}
	g.enter(now, zone)
	sinceStep := now.Sub(s.Stepped)
	switch {
	case zone == Shrink && sinceStep >= seconds(g.Limits.ShrinkEveryS) && s.Factor > leastShare:
		s.Factor, s.Stepped = max(s.Factor/2, leastShare), now
	case s.Zone == Grow && sinceStep >= seconds(g.Limits.GrowEveryS) && s.Factor < 1:
		s.Factor, s.Stepped = min(max(s.Factor*growRatio, s.Factor+growStep), 1), now
	}
}

// enter changes the zone: to a worse one at once, to a better one when it has lasted.
func (g *Governor) enter(now time.Time, zone Zone) {
	s := &g.state
	if zone >= s.Zone {
		s.Zone, s.Better = zone, time.Time{}
		return
	}
	if s.Better.IsZero() {
		s.Better = now
	}
	if now.Sub(s.Better) >= settle {
		s.Zone, s.Better = zone, time.Time{}
	}
}

// sleep stops, for twice as long as the last time if that is not long ago.
func (g *Governor) sleep(now time.Time, tripped []Tripped) {
	s := &g.state
	least, most := seconds(g.Limits.SleepS), seconds(g.Limits.SleepMaxS)
	soon := !s.WakesAt.IsZero() || !s.Woke.IsZero() && now.Sub(s.Woke) < max(soonSleeps*s.Sleep, soonLeast)
	if soon && s.Sleep > 0 {
		least = min(2*s.Sleep, most)
	}
	s.Sleep = least
	s.Zone, s.Better, s.Factor, s.Stepped, s.WakesAt = Stop, time.Time{}, 0, now, now.Add(s.Sleep)
	s.Stopped = tripped
}

// believe corrects a state that cannot be: somebody has set the clock back, or the limits have changed. A time that is to come
// would keep the governor from doing anything until then.
func (g *Governor) believe(now time.Time) {
	s := &g.state
	for _, t := range []*time.Time{&s.Better, &s.Stepped, &s.Woke, &s.IdleSeenAt} {
		if t.After(now) {
			*t = now
		}
	}
	if latest := now.Add(seconds(g.Limits.SleepMaxS)); s.WakesAt.After(latest) {
		s.WakesAt = latest
	}
	if s.Zone < Grow || s.Zone > Stop {
		s.Zone = Hold
	}
	if !(s.Factor >= 0 && s.Factor <= 1) { // NaN too
		s.Factor = leastShare
	}
}

// withRatio adds the login p99 over that of an idle time, once one is known.
func (g *Governor) withRatio(readings []Reading, idle bool, now time.Time) []Reading {
	for _, r := range readings {
		if r.Signal != LoginP99 || r.Unread(now) || r.Value <= 0 {
			continue
		}
		if s := &g.state; idle && r.At.After(s.IdleSeenAt) {
			if s.IdleP99 == 0 {
				s.IdleP99 = r.Value
			}
			s.IdleP99 += (r.Value - s.IdleP99) * idleWeight
			s.IdleSeenAt = r.At
		}
		ratio := 1.0
		if g.state.IdleP99 > 0 && r.Value > g.Limits.RatioFloorMS {
			ratio = r.Value / g.state.IdleP99
		}
		return append(slices.Clip(readings), Reading{Signal: LoginRatio, Value: ratio, At: r.At})
	}
	return readings
}

// A Memory is what is stored of a governor: the verdict, and what the next leader has to know.
type Memory struct {
	Verdict Verdict `json:"verdict"`
	State   State   `json:"state"`
}
