package server

import (
	"context"
	"math"
	"sync"
	"time"

	"rekey/accounts"
	"rekey/accounts/phase"
	"rekey/gateway"
)

// phaseMetrics tell where the installation is, as this process sees it, and what the store says of all of them.
func (s *Server) phaseMetrics() []gateway.Metric {
	backlog := &watched[accounts.Backlog]{ask: s.store.Backlog}
	live := &watched[float64]{ask: s.liveReplicas}
	metrics := []gateway.Metric{
		{Name: "rekey_phase_epoch", Help: "Epoch of the phase that this process acts on.", Read: func() float64 { return float64(s.lease.State().Epoch) }},
		{Name: "rekey_phase_percent", Help: "Share of the accounts in the ramp, in percent; 0 in other phases.", Read: func() float64 {
			return float64(s.lease.State().Percent) * 100 / float64(phase.All)
		}},
		{Name: "rekey_phase_frozen", Help: "1 while a move has the phase frozen: nobody is moved, and changes are answered 503.", Read: func() float64 {
			return oneIf(s.lease.State().Frozen)
		}},
		{Name: "rekey_lease_renewals_failed_total", Help: "Renewals of the lease on the phase that failed.", Counter: true, Read: func() float64 {
			return float64(s.lease.Failed())
		}},
		{Name: "rekey_replicas_live", Help: "Processes whose lease on the phase runs.", Read: func() float64 { return live.read(justIt) }},
		{Name: "rekey_copy_back_backlog", Help: "Changes that legacy stores have yet to hear of, those that they refused too.", Read: func() float64 {
			return backlog.read(func(b accounts.Backlog) float64 { return float64(b.Waiting) })
		}},
		{Name: "rekey_copy_back_refused", Help: "Changes that a legacy store has refused: somebody has to look.", Read: func() float64 {
			return backlog.read(func(b accounts.Backlog) float64 { return float64(b.Refused) })
		}},
		{Name: "rekey_copy_back_oldest_seconds", Help: "Age of the oldest change that a legacy store has yet to hear of; 0 if there is none.", Read: func() float64 {
			return backlog.read(func(b accounts.Backlog) float64 {
				if b.Oldest.IsZero() {
					return 0
				}
				return max(0, time.Since(b.Oldest).Seconds())
			})
		}},
	}
	for p := phase.LegacyOnly; p <= phase.NewOnly; p++ {
		metrics = append(metrics, gateway.Metric{
			Name: "rekey_phase", Help: "1 for the phase that this process acts on.", Labels: map[string]string{"phase": p.String()},
			Read: func() float64 { return oneIf(s.lease.State().Phase == p) },
		})
	}
	return append(metrics, s.shadowMetrics()...)
}

func oneIf(is bool) float64 {
	if is {
		return 1
	}
	return 0
}

func justIt(n float64) float64 { return n }

func (s *Server) liveReplicas(ctx context.Context) (float64, error) {
	all, clock, err := s.store.Replicas(ctx)
	live := 0.0
	for _, r := range all {
		live += oneIf(s.service.Terms().Live(r.Replica, clock))
	}
	return live, err
}

// A watched is something of the store that is asked for seldom, however many scrapers there are.
type watched[T any] struct {
	ask func(context.Context) (T, error)

	mu    sync.Mutex
	at    time.Time
	value T
	err   error
}

const (
	watchEvery   = 5 * time.Second
	watchTimeout = 2 * time.Second // less than a scraper waits
)

// read returns a number of it; NaN where the store does not answer.
func (w *watched[T]) read(of func(T) float64) float64 {
	w.mu.Lock()
	defer w.mu.Unlock()
	if now := time.Now(); now.Sub(w.at) >= watchEvery {
		ctx, cancel := context.WithTimeout(context.Background(), watchTimeout)
		defer cancel()
		w.value, w.err = w.ask(ctx)
		w.at = now
	}
	if w.err != nil {
		return math.NaN()
	}
	return of(w.value)
}
