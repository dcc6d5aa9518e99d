package phase

import (
	"fmt"
	"strings"
	"time"
)

// A question is what a gate is asked.
type question struct {
	state  State
	to     Phase
	facts  Facts
	limits Limits
}

// measures say how each gate is measured.
var measures = map[Gate]func(question) Finding{
	GateSoak: soak,
	GateShadowFailures: func(q question) Finding {
		return rate("writes", q.facts.ShadowFailures, q.facts.ShadowWrites, q.limits.MinShadowWrites, q.limits.ShadowFailureRate)
	},
	GateReadErrors: func(q question) Finding {
		return rate("reads", q.facts.Reads.Errors, q.facts.Reads.Reads, q.limits.MinReads, q.limits.ReadErrorRate)
	},
	GateMirrored: mirrored,
	GateReadP99:  readP99,
	GateDirty:    func(q question) Finding { return count("accounts", q.facts.Dirty, q.limits.Dirty) },
	GateDrift:    func(q question) Finding { return count("accounts", q.facts.Drifted, q.limits.Drifted) },
	GateIntents:  func(q question) Finding { return count("intents", q.facts.OpenIntents, q.limits.OpenIntents) },
	GateValidation: func(q question) Finding {
		return validation(q.facts.CleanValidation, q.facts.Now, q.limits.ValidationAge)
	},
	GateCopyBack: copyBack,
	GateUnmoved:  unmoved,
	GateWriters:  writers,
	GateWayBack: func(q question) Finding {
		if q.facts.CanaryFault != "" {
			return Finding{Value: q.facts.CanaryFault, Limit: "the canary comes back", Blocks: true}
		}
		return Finding{Value: "the canary came back", Limit: "the canary comes back"}
	},
	GateStaying: func(q question) Finding {
		return Finding{Value: counted(q.facts.Staying, "accounts"), Limit: "none: they go on being answered here"}
	},
}

func soak(q question) Finding {
	want := q.limits.Soak[q.state.Phase]
	if q.state.Phase == Ramp && q.to == Ramp {
		want = q.limits.RampStep
	}
	since := q.facts.SoakSince
	if since.Before(q.state.Began) {
		since = q.state.Began
	}
	lasted := q.facts.Now.Sub(since)
	return Finding{
		Value:  lasted.Truncate(time.Second).String(), // what has not lasted long enough must not read so
		Limit:  fmt.Sprintf("at least %s", want),
		Blocks: lasted < want,
	}
}

func rate(what string, failed, all, least int, limit float64) Finding {
	f := Finding{
		Value: fmt.Sprintf("%d of %d %s", failed, all, what),
		Limit: fmt.Sprintf("at most %s, of at least %d %s", share(limit), least, what),
	}
	f.Blocks = all < least || failed < 0 || all < 0 || float64(failed) > limit*float64(all)
	return f
}

// mirrored asks for nothing where the limit is 0, not even for logins.
func mirrored(q question) Finding {
	r, least := q.facts.Reads, q.limits.MirroredShare
	return Finding{
		Value:  fmt.Sprintf("%d of %d logins at peak", r.Mirrored, r.Logins),
		Limit:  fmt.Sprintf("at least %s", share(least)),
		Blocks: least > 0 && (r.Logins <= 0 || float64(r.Mirrored) < least*float64(r.Logins)),
	}
}

func readP99(q question) Finding {
	limit := max(time.Duration(q.limits.P99Ratio*float64(q.facts.Reads.LegacyP99)), q.limits.P99Floor)
	return Finding{
		Value:  fmt.Sprintf("%s here, %s in legacy, of %d reads", q.facts.Reads.P99, q.facts.Reads.LegacyP99, q.facts.Reads.Reads),
		Limit:  fmt.Sprintf("at most %s, of at least %d reads", limit, q.limits.MinReads),
		Blocks: q.facts.Reads.Reads < q.limits.MinReads || q.facts.Reads.P99 > limit,
	}
}

// count blocks above the limit, and on a number that cannot be one.
func count(what string, n, limit int) Finding {
	return Finding{Value: counted(n, what), Limit: atMost(limit), Blocks: n > limit || n < 0}
}

func validation(last, now time.Time, age time.Duration) Finding {
	f := Finding{Value: "none", Limit: fmt.Sprintf("a clean pass, at most %s old", age), Blocks: true}
	if !last.IsZero() {
		f.Value = fmt.Sprintf("clean, %s old", now.Sub(last).Round(time.Second))
		f.Blocks = now.Sub(last) > age || last.After(now)
	}
	return f
}

// copyBack blocks on what was refused whatever the limit: it does not arrive by itself.
func copyBack(q question) Finding {
	f := count("deliveries", q.facts.CopyBackBacklog, q.limits.CopyBackBacklog)
	if q.limits.CopyBackBacklog > 0 {
		f.Limit += ", none of them refused"
	}
	if q.facts.Refused > 0 {
		f.Value, f.Blocks = f.Value+fmt.Sprintf(", %d of them refused", q.facts.Refused), true
	}
	if q.to < q.state.Phase && q.facts.LeaveBacklog {
		f.Limit, f.Blocks = "none: the accounts stay here", q.facts.CopyBackBacklog < 0
	}
	return f
}

func unmoved(q question) Finding {
	f := Finding{Value: counted(q.facts.Unmoved, "people"), Limit: "0, or exactly as many given up", Blocks: q.facts.Unmoved != 0}
	if q.facts.Abandon != nil {
		f.Limit = fmt.Sprintf("%d given up", *q.facts.Abandon)
		f.Blocks = q.facts.Unmoved != *q.facts.Abandon || q.facts.Unmoved < 0
	}
	return f
}

// writers lists the sources that cannot be written as the phase needs it: both and ramp write every change, under a
// condition; new-first writes what the policy of the source asks for.
func writers(q question) Finding {
	var faults []string
	for _, source := range q.facts.Sources {
		policy := source.CopyBack
		if q.to != NewFirst {
			policy = CopyFull
		}
		switch {
		case policy == CopyNothing:
		case policy == CopyFull && !source.Writer:
			faults = append(faults, source.Name+" takes no changes")
		case !source.Conditional:
			faults = append(faults, source.Name+" takes no conditional changes")
		}
	}
	f := Finding{Value: counted(len(q.facts.Sources), "sources"), Limit: "each can be written", Blocks: len(faults) > 0}
	if f.Blocks {
		f.Value = strings.Join(faults, ", ")
	}
	return f
}

func counted(n int, what string) string { return fmt.Sprintf("%d %s", n, what) }

func atMost(n int) string { return fmt.Sprintf("at most %d", n) }

func share(f float64) string { return fmt.Sprintf("%.4g %%", 100*f) }
