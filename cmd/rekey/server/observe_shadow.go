package server

import (
	"sync/atomic"
	"time"

	"rekey/accounts/phase"
	"rekey/gateway"
)

// shadowMetrics tell what this process measures of the new store while legacy answers. What all of them have measured is what
// the gates of a step say.
func (s *Server) shadowMetrics() []gateway.Metric {
	stats := s.service.Stats()
	counter := func(name, help string, n *atomic.Int64) gateway.Metric {
		return gateway.Metric{Name: name, Help: help, Counter: true, Read: func() float64 { return float64(n.Load()) }}
	}
	p99 := func(store string, of func(here, legacy time.Duration) time.Duration) gateway.Metric {
		return gateway.Metric{
			Name: "rekey_shadow_read_p99_seconds", Help: "99th percentile of the mirrored lookups of the last minutes; 0 if there were none.",
			Labels: map[string]string{"store": store}, Read: func() float64 { return of(s.service.ShadowP99()).Seconds() },
		}
	}
	metrics := []gateway.Metric{
		counter("rekey_shadow_reads_total", "Lookups of logins that were mirrored to the new store.", &stats.ShadowReads),
		counter("rekey_shadow_reads_failed_total", "Mirrored lookups that the new store did not answer.", &stats.ShadowReadsFailed),
		counter("rekey_shadow_reads_differing_total", "Mirrored lookups where one store has somebody and the other nobody.", &stats.ShadowReadsDiffering),
		counter("rekey_shadow_reads_skipped_total", "Lookups that nobody was free to mirror.", &stats.ShadowReadsSkipped),
		counter("rekey_shadow_writes_total", "Writes that were tried in the new store after the old one had them.", &stats.ShadowWrites),
		counter("rekey_shadow_writes_lost_total", "Of those, the ones that failed; each is made good.", &stats.ShadowWritesLost),
		{Name: "rekey_relaxed_alone", Help: "1 while this process answers and writes by the legacy stores alone.", Read: func() float64 {
			return oneIf(s.service.Alone())
		}},
		p99("new", func(here, _ time.Duration) time.Duration { return here }),
		p99("legacy", func(_, legacy time.Duration) time.Duration { return legacy }),
	}
	for _, verdict := range []struct {
		name string
		n    *atomic.Int64
	}{
		{"agreed", &stats.VerdictsAgreed}, {"legacy-alone", &stats.VerdictsLegacyAlone}, {"new-alone", &stats.VerdictsNewAlone},
		{"unknown", &stats.VerdictsUnknown}, {"stale", &stats.VerdictsStale}, {"dropped", &stats.VerdictsDropped},
	} {
		metrics = append(metrics, gateway.Metric{
			Name: "rekey_verdicts_total", Counter: true, Labels: map[string]string{"outcome": verdict.name},
			Help: "Logins about which the other store was asked too, by what came of it: both said the same; one store alone took the password; one could not tell; somebody was written meanwhile; there was no room.",
			Read: func() float64 { return float64(verdict.n.Load()) },
		})
	}
	disagree := &watched[map[phase.Store]int64]{ask: s.store.CountDisagreements}
	for _, taken := range []phase.Store{phase.Legacy, phase.New} {
		metrics = append(metrics, gateway.Metric{
			Name: "rekey_verdicts_disagreeing", Labels: map[string]string{"taken": taken.String()},
			Help: "People about whose password the stores disagree, by the store that took it; without those that somebody has accepted.",
			Read: func() float64 {
				return disagree.read(func(n map[phase.Store]int64) float64 { return float64(n[taken]) })
			},
		})
	}
	return metrics
}
