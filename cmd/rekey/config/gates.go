package config

import (
	"path/filepath"
	"time"

	"rekey/accounts"
	"rekey/accounts/phase"
)

// Phase says what a step of the plan asks for, and what is measured for it.
type Phase struct {
	Limits           GateLimits `yaml:"limits"`
	Compare          float64    `yaml:"compare"`            // share of the logins about which the other store is asked too
	ComparePerSecond int64      `yaml:"compare_per_second"` // of them, at most, in each process
}

// CompareLogins returns which logins are compared.
func (p Phase) CompareLogins() accounts.CompareLogins {
	return accounts.CompareLogins{Share: p.Compare, PerSecond: int(p.ComparePerSecond)}
}

// GateLimits are what the gates ask for; see phase.Limits.
type GateLimits struct {
	Soak              Soak          `yaml:"soak"`
	RampStep          time.Duration `yaml:"ramp_step"`
	MinShadowWrites   int64         `yaml:"min_shadow_writes"`
	ShadowFailureRate float64       `yaml:"shadow_failure_rate"`
	MinShadowReads    int64         `yaml:"min_shadow_reads"`
	MirroredShare     float64       `yaml:"mirrored_share"`
	ReadErrorRate     float64       `yaml:"read_error_rate"`
	P99Ratio          float64       `yaml:"p99_ratio"`
	P99Floor          time.Duration `yaml:"p99_floor"`
	Dirty             int64         `yaml:"dirty"`
	Drifted           int64         `yaml:"drifted"`
	OpenIntents       int64         `yaml:"open_intents"`
	CopyBackBacklog   int64         `yaml:"copy_back_backlog"`
	ValidationAge     time.Duration `yaml:"validation_age"`
}

// Soak is how long each phase lasts at least before the one above.
type Soak struct {
	Shadow   time.Duration `yaml:"shadow"`
	Both     time.Duration `yaml:"both"`
	Ramp     time.Duration `yaml:"ramp"`
	NewFirst time.Duration `yaml:"new_first"`
}

func defaultGateLimits() GateLimits {
	l := phase.DefaultLimits()
	return GateLimits{
		Soak:     Soak{Shadow: l.Soak[phase.Shadow], Both: l.Soak[phase.Both], Ramp: l.Soak[phase.Ramp], NewFirst: l.Soak[phase.NewFirst]},
		RampStep: l.RampStep, MinShadowWrites: int64(l.MinShadowWrites), ShadowFailureRate: l.ShadowFailureRate,
		MinShadowReads: int64(l.MinReads), MirroredShare: l.MirroredShare, ReadErrorRate: l.ReadErrorRate,
		P99Ratio: l.P99Ratio, P99Floor: l.P99Floor, Dirty: int64(l.Dirty), Drifted: int64(l.Drifted),
		OpenIntents: int64(l.OpenIntents), CopyBackBacklog: int64(l.CopyBackBacklog), ValidationAge: l.ValidationAge,
	}
}

// Limits returns the limits as package phase takes them.
func (l GateLimits) Limits() phase.Limits {
	return phase.Limits{
		Soak: map[phase.Phase]time.Duration{
			phase.Shadow: l.Soak.Shadow, phase.Both: l.Soak.Both, phase.Ramp: l.Soak.Ramp, phase.NewFirst: l.Soak.NewFirst,
		},
		RampStep: l.RampStep, MinShadowWrites: int(l.MinShadowWrites), ShadowFailureRate: l.ShadowFailureRate,
		MinReads: int(l.MinShadowReads), MirroredShare: l.MirroredShare, ReadErrorRate: l.ReadErrorRate,
		P99Ratio: l.P99Ratio, P99Floor: l.P99Floor, Dirty: int(l.Dirty), Drifted: int(l.Drifted),
		OpenIntents: int(l.OpenIntents), CopyBackBacklog: int(l.CopyBackBacklog), ValidationAge: l.ValidationAge,
	}
}

// checkGateLimits refuses limits that cannot be meant, and warns of soaks that are good for a rehearsal alone.
func (l *loader) checkGateLimits() {
	const at = "phase.limits."
	g, year := l.config.Phase.Limits, 365*24*time.Hour
	checkSpans(l, []span[time.Duration]{
		{at + "soak.shadow", g.Soak.Shadow, 0, year}, {at + "soak.both", g.Soak.Both, 0, year},
		{at + "soak.ramp", g.Soak.Ramp, 0, year}, {at + "soak.new_first", g.Soak.NewFirst, 0, year},
		{at + "ramp_step", g.RampStep, 0, year}, {at + "p99_floor", g.P99Floor, 0, time.Minute},
		{at + "validation_age", g.ValidationAge, 0, year},
	})
	checkSpans(l, []span[int64]{
		{at + "min_shadow_writes", g.MinShadowWrites, 0, 1e9}, {at + "min_shadow_reads", g.MinShadowReads, 0, 1e9},
		{at + "dirty", g.Dirty, 0, 1e9}, {at + "drifted", g.Drifted, 0, 1e9}, {at + "open_intents", g.OpenIntents, 0, 1e9},
		{at + "copy_back_backlog", g.CopyBackBacklog, 0, 1e9},
		{"phase.compare_per_second", l.config.Phase.ComparePerSecond, 0, 1000},
	})
	checkSpans(l, []span[float64]{
		{at + "shadow_failure_rate", g.ShadowFailureRate, 0, 1}, {at + "mirrored_share", g.MirroredShare, 0, 1},
		{at + "read_error_rate", g.ReadErrorRate, 0, 1}, {at + "p99_ratio", g.P99Ratio, 0, 1000},
		{"phase.compare", l.config.Phase.Compare, 0, 1},
	})
	for _, soak := range []struct {
		key string
		is  time.Duration
	}{{"shadow", g.Soak.Shadow}, {"both", g.Soak.Both}, {"ramp", g.Soak.Ramp}, {"new_first", g.Soak.NewFirst}} {
		if soak.is < time.Hour {
			l.warn(at+"soak."+soak.key, "a soak of %s is for a rehearsal: nobody has seen a day's peak then", soak.is)
		}
	}
}

// checkRelax looks at what lets a replica write to legacy alone.
func (l *loader) checkRelax() {
	c := l.config
	switch {
	case c.RelaxFile == "" && c.RelaxJournal == "":
		return
	case c.RelaxFile == "":
		l.problem("relax_file", "is missing: relax_journal is for what is written while it is there")
	case c.RelaxJournal == "":
		l.problem("relax_journal", "is missing: without it nobody would know afterwards what was written while relax_file is there")
	case !filepath.IsAbs(c.RelaxFile) || !filepath.IsAbs(c.RelaxJournal) || filepath.Clean(c.RelaxFile) == filepath.Clean(c.RelaxJournal):
		l.problem("relax_journal", "want two different absolute paths, for this and relax_file")
	case c.Plan == phase.Lazy.String():
		l.warn("relax_file", "counts in legacy-only alone with plan lazy, which has no shadow and no both")
	}
}
