package server

import (
	"context"
	"math"
	"time"

	"rekey/gateway"
	"rekey/sweeper"
	"rekey/sweeper/governor"
)

// governorMetrics tell how fast a sweep may go, as the leader says, and what this process measures for that.
func (s *Server) governorMetrics() []gateway.Metric {
	verdict := &watched[governor.Verdict]{ask: func(ctx context.Context) (governor.Verdict, error) { return sweeper.CurrentVerdict(ctx, s.store) }}
	metrics := []gateway.Metric{
		{Name: "rekey_sweep_governor_factor", Help: "Share of full speed that a sweep may have; 0 while it is stopped, and where nobody leads sweeps.", Read: func() float64 {
			return verdict.read(func(v governor.Verdict) float64 { return v.Factor })
		}},
		{Name: "rekey_sweep_governor_wakes_timestamp_seconds", Help: "When a sweep that is stopped is tried again; 0 if none sleeps.", Read: func() float64 {
			return verdict.read(func(v governor.Verdict) float64 {
				if v.WakesAt.IsZero() {
					return 0
				}
				return float64(v.WakesAt.UnixMilli()) / float64(time.Second/time.Millisecond)
			})
		}},
	}
	for _, zone := range []governor.Zone{governor.Grow, governor.Hold, governor.Shrink, governor.Stop} {
		metrics = append(metrics, gateway.Metric{
			Name: "rekey_sweep_governor_zone", Help: "1 for the zone that sweeps are in.", Labels: map[string]string{"zone": zone.String()},
			Read: func() float64 { return verdict.read(func(v governor.Verdict) float64 { return oneIf(v.Zone == zone) }) },
		})
	}
	for _, signal := range governor.Signals() {
		metrics = append(metrics, gateway.Metric{
			Name: "rekey_sweep_governor_tripped", Help: "How many signals of this kind hold, slow down or stop sweeps.", Labels: map[string]string{"signal": string(signal)},
			Read: func() float64 {
				return verdict.read(func(v governor.Verdict) float64 {
					n := 0.0
					for _, t := range v.Tripped {
						n += oneIf(t.Signal == signal)
					}
					return n
				})
			},
		})
	}
	return append(metrics, s.signalMetrics()...)
}

// signalMetrics are what this process measures of itself.
func (s *Server) signalMetrics() []gateway.Metric {
	var metrics []gateway.Metric
	add := func(signal governor.Signal, of string) {
		metrics = append(metrics, gateway.Metric{
			Name: "rekey_sweep_signal", Help: "What this process measures for the governor of sweeps, in the unit of the signal's name; NaN where it cannot be read.",
			Labels: map[string]string{"signal": string(signal), "of": of},
			Read: func() float64 {
				for _, r := range s.pulse.readings() {
					if r.Signal == signal && r.Of == of && !r.Unread(time.Now()) {
						return r.Value
					}
				}
				return math.NaN()
			},
		})
	}
	for _, signal := range []governor.Signal{governor.LoginP99, governor.LoginErrors, governor.HashWait, governor.StoreLatency} {
		add(signal, "")
	}
	if s.store.Postgres() != nil {
		add(governor.StoreWait, "")
		add(governor.ReplicaLag, "")
	}
	for _, source := range s.sources {
		add(governor.LegacyP95, source.name)
		add(governor.LegacyErrors, source.name)
	}
	for _, check := range s.config.Sweeper.Checks {
		add(governor.Check, check.Name)
	}
	return metrics
}
