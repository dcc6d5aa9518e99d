package phase

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// A Gate is something that is measured before a move.
type Gate string

// The gates.
const (
	GateSoak           Gate = "soak"                  // how long the phase has lasted without a fault that began it anew
	GateShadowFailures Gate = "shadow-failures"       // best-effort writes to the new store that failed
	GateMirrored       Gate = "shadow-reads-mirrored" // the share of logins at peak whose lookup was mirrored
	GateReadP99        Gate = "shadow-reads-p99"      // the new store's lookups against legacy's
	GateReadErrors     Gate = "shadow-reads-errors"   // mirrored lookups that failed
	GateDirty          Gate = "dirty"                 // accounts that a best-effort write did not reach
	GateDrift          Gate = "drift"                 // accounts that somebody else has written to in legacy
	GateIntents        Gate = "open-intents"          // changes to both stores that have not ended
	GateValidation     Gate = "validation"            // the last pass over both stores that found no difference
	GateCopyBack       Gate = "copy-back-backlog"     // changes made here that have not reached legacy
	GateUnmoved        Gate = "unmoved"               // people who would be given up
	GateWriters        Gate = "writers"               // sources that cannot be written as the phase needs it
	GateWayBack        Gate = "way-back"              // whether the canary account came back
	GateStaying        Gate = "staying-here"          // accounts that legacy will not answer for after a way back; never blocks
)

// CopyBackPolicy says what of a change made here a source gets.
type CopyBackPolicy uint8

// The policies. The zero policy is CopyNothing.
const (
	CopyNothing CopyBackPolicy = iota // changed accounts stay here on a way back
	CopyProfile                       // all but passwords
	CopyFull
)

var policyNames = names{"none", "profile-only", "full"}

// ParseCopyBackPolicy reads a policy's name.
func ParseCopyBackPolicy(text string) (CopyBackPolicy, error) {
	return parse[CopyBackPolicy]("copy-back policy", policyNames, text)
}

// String returns the name of p.
func (p CopyBackPolicy) String() string { return policyNames.of(uint8(p)) }

// A Source is what the gates know of a legacy store.
type Source struct {
	Name        string
	Writer      bool // it takes new passwords, as hashes
	Conditional bool // and a change can be made to depend on what was read
	CopyBack    CopyBackPolicy
}

// ShadowReads are the mirrored lookups of the time that the soak covers.
type ShadowReads struct {
	Logins       int // at the peak, in the busiest minutes
	Mirrored     int // of those
	Reads        int // mirrored lookups in all
	Errors       int // of those
	P99          time.Duration
	LegacyP99    time.Duration // of the lookups that they mirror
	LegacyErrors int           // for people; no gate
}

// Facts are what was measured. Nothing passes unmeasured: the zero Facts block every gate.
type Facts struct {
	// Known are the gates whose facts below were measured. What cannot be told blocks.
	Known []Gate

	Now       time.Time // by the clock that State.Began is from
	SoakSince time.Time // when a fault began the soak anew; zero, or before State.Began: none did

	ShadowWrites   int // best-effort writes during the soak, copies by login among them
	ShadowFailures int // of those
	Reads          ShadowReads

	Dirty   int
	Drifted int
	// OpenIntents are those older than the 30 s within which the reconciler ends them; in a frozen state, all.
	OpenIntents int
	// CleanValidation is the start of the last pass that found no difference; zero: there was none.
	CleanValidation time.Time

	CopyBackBacklog int
	Refused         int // of those: the legacy store has said no
	// Staying are accounts that legacy would not answer for: something was changed here that it has not got, for no copy-back
	// is sent, or it has not arrived.
	Staying int
	// LeaveBacklog: the operator has said that what is not delivered may stay here.
	LeaveBacklog bool

	// Unmoved are people in legacy who have no trusted copy here. Abandon is how many the operator has said may be
	// given up; nil: nothing was said.
	Unmoved int
	Abandon *int

	Sources []Source
	// CanaryFault says why the canary account did not come back; "" if it did.
	CanaryFault string
}

// Limits are what the gates ask for. The zero Limits ask for no soak and allow no fault: begin with DefaultLimits.
type Limits struct {
	Soak map[Phase]time.Duration // how long each phase lasts at least; absent: no time
	// RampStep is how long each percentage lasts before a higher one.
	RampStep time.Duration

	MinShadowWrites   int     // fewer say nothing
	ShadowFailureRate float64 // of best-effort writes, at most; 0 to 1

	MinReads      int
	MirroredShare float64 // of the logins at peak, at least; 0 to 1
	ReadErrorRate float64 // at most; 0 to 1
	// P99Ratio is how much slower than legacy's the new store's lookups may be. P99Floor is what is never too slow.
	P99Ratio float64
	P99Floor time.Duration

	Dirty       int // accounts, at most
	Drifted     int // accounts, at most
	OpenIntents int // at most
	// CopyBackBacklog is how many deliveries may be on their way on the way up, while changes go on, none of them refused; frozen,
	// and on every way back, none may.
	CopyBackBacklog int
	ValidationAge   time.Duration // of the last clean pass, at most
}

// DefaultLimits suit a shop: a day has its peak, a week has its weekend.
func DefaultLimits() Limits {
	const day = 24 * time.Hour
	return Limits{
		Soak:              map[Phase]time.Duration{Shadow: day, Both: day, Ramp: day, NewFirst: 7 * day},
		RampStep:          time.Hour,
		MinShadowWrites:   100,
		ShadowFailureRate: 0.001,
		MinReads:          1000, // a p99 of fewer is the worst ten
		MirroredShare:     0.95,
		ReadErrorRate:     0.001,
		P99Ratio:          1.2,
		P99Floor:          20 * time.Millisecond, // less than a tenth of what the password's hash takes
		CopyBackBacklog:   100,
		ValidationAge:     day,
	}
}

// Check returns an error that names every limit that cannot be meant.
func (l Limits) Check() error {
	var faults []string
	for _, v := range []struct {
		name string
		ok   bool
	}{
		{"ramp step", l.RampStep >= 0},
		{"least shadow writes", l.MinShadowWrites >= 0},
		{"shadow failure rate", isShare(l.ShadowFailureRate)},
		{"least shadow reads", l.MinReads >= 0},
		{"mirrored share", isShare(l.MirroredShare)},
		{"read error rate", isShare(l.ReadErrorRate)},
		{"p99 ratio", l.P99Ratio >= 0 && l.P99Ratio <= 1000},
		{"p99 floor", l.P99Floor >= 0},
		{"dirty", l.Dirty >= 0},
		{"drifted", l.Drifted >= 0},
		{"open intents", l.OpenIntents >= 0},
		{"copy-back backlog", l.CopyBackBacklog >= 0},
		{"validation age", l.ValidationAge >= 0},
	} {
		if !v.ok {
			faults = append(faults, v.name)
		}
	}
	for p, soak := range l.Soak {
		if soak < 0 || p < LegacyOnly || p > NewOnly {
			faults = append(faults, fmt.Sprintf("soak of phase %q", p))
		}
	}
	if len(faults) == 0 {
		return nil
	}
	slices.Sort(faults)
	return fmt.Errorf("limits of the gates: out of range: %s", strings.Join(faults, ", "))
}

func isShare(f float64) bool { return f >= 0 && f <= 1 } // and not NaN

// A Finding is what one gate says of a move.
type Finding struct {
	Gate   Gate   `json:"gate"`
	Value  string `json:"value"` // with its unit
	Limit  string `json:"limit"`
	Blocks bool   `json:"blocks"`
}

// Blockers returns the findings that hold a move up.
func Blockers(all []Finding) []Finding {
	return slices.DeleteFunc(slices.Clone(all), func(f Finding) bool { return !f.Blocks })
}

type step struct{ from, to Phase }

// gatesOf are the gates of each step, in the order in which they are shown. Ramp to ramp is a higher percentage. A step that
// is not in it has none: a lower percentage, and every step down from ramp, both or shadow.
var gatesOf = map[step][]Gate{
	{LegacyOnly, Shadow}: {GateWayBack},
	{Shadow, Both}: {
		GateWriters, GateSoak, GateShadowFailures, GateDirty, GateDrift, GateIntents,
		GateMirrored, GateReadP99, GateReadErrors, GateWayBack,
	},
	{Both, Ramp}: {
		GateWriters, GateSoak, GateDirty, GateDrift, GateIntents, GateValidation,
		GateMirrored, GateReadP99, GateReadErrors, GateWayBack,
	},
	{Ramp, Ramp}:           {GateSoak, GateDirty, GateDrift, GateIntents},
	{Ramp, NewFirst}:       {GateWriters, GateSoak, GateDirty, GateDrift, GateIntents, GateValidation, GateWayBack},
	{LegacyOnly, NewFirst}: {GateWriters, GateIntents, GateWayBack},
	{NewFirst, NewOnly}:    {GateSoak, GateDrift, GateIntents, GateCopyBack, GateUnmoved},

	{NewFirst, Ramp}:       {GateCopyBack, GateStaying},
	{NewFirst, LegacyOnly}: {GateIntents, GateCopyBack, GateStaying},
}

// again are the gates that are asked a second time, between the frozen old phase and the frozen new one: only then do their
// numbers stand still.
var again = []Gate{GateIntents, GateCopyBack, GateUnmoved, GateStaying}

// Check returns what each gate says of going from s to phase to, in a fixed order. It does not ask whether the move is
// legal: State.Move does. In the frozen first half of a crossing it asks again, and more strictly, what only now stands
// still; where the new phase has begun nothing is asked. On a way back nothing may be on its way to legacy, whatever the limits
// say: who relies on legacy alone afterwards would lose it.
func Check(s State, to Phase, percent Percent, f Facts, l Limits) []Finding {
	gates := Gates(s, to, percent)
	if s.Frozen {
		l.OpenIntents, l.CopyBackBacklog = 0, 0
	}
	if to < s.Phase {
		l.CopyBackBacklog = 0
	}
	findings := make([]Finding, 0, len(gates))
	for _, gate := range gates {
		finding := Finding{Value: "not measured", Limit: "a measured value", Blocks: gate != GateStaying}
		if slices.Contains(f.Known, gate) {
			finding = measures[gate](question{s, to, f, l})
		}
		finding.Gate = gate
		findings = append(findings, finding)
	}
	return findings
}
