package server

import (
	"context"
	"fmt"
	"time"

	"rekey/accounts"
	"rekey/accounts/jobs"
	"rekey/accounts/jobs/riverjobs"
	"rekey/cmd/rekey/config"
	"rekey/gateway"
)

// sessionSweepLimit is how many sessions that have expired are removed at a time.
const sessionSweepLimit = 1000

// kinds are all that is worked on beside requests and may be done by any machine. What each process needs for itself, such as
// the signing keys that it knows and its lease on the phase, is not among them: that must not depend on an engine.
func (s *Server) kinds() []jobs.Kind {
	kinds := []jobs.Kind{
		{Name: accounts.JobCopyBack, Work: s.service.DeliverNext, Every: time.Second, Workers: 2},
		{Name: accounts.JobMail, Work: s.service.MailNext, Every: time.Second},
		{Name: "expired-sessions", Work: s.removeSessions, Every: 10 * time.Minute, Alone: true},
	}
	if s.sweep != nil {
		kinds = append(kinds, sweepKinds(s.sweep, int(s.config.Sweeper.Workers))...)
	}
	return kinds
}

// removeSessions keeps the table of sessions from growing for ever.
func (s *Server) removeSessions(ctx context.Context) (more bool, err error) {
	removed, err := s.store.DeleteSessions(ctx, time.Now(), sessionSweepLimit)
	return removed == sessionSweepLimit, err
}

// openJobs makes the engine for background work. It works from Serve on.
func (s *Server) openJobs(ctx context.Context) error {
	set, err := jobs.NewSet(s.log, s.kinds()...)
	if err != nil {
		return err
	}
	engine := jobs.New(set)
	if s.config.Jobs == config.JobsRiver {
		if err := riverjobs.Migrate(ctx, s.store.Postgres()); err != nil {
			return fmt.Errorf("store: %w", err)
		}
		if engine, err = riverjobs.New(riverjobs.Config{Pool: s.store.Postgres(), Set: set, Log: s.log}); err != nil {
			return err
		}
	}
	s.jobSet, s.jobs = set, engine
	s.onClose(engine.Close)
	return nil
}

// nudge tells the engine of work. The service is made before it, and asks nothing of it until it serves.
func (s *Server) nudge(kind string) {
	if s.jobs != nil {
		s.jobs.Nudge(kind)
	}
}

// jobMetrics tell what this process does of each kind.
func (s *Server) jobMetrics() []gateway.Metric {
	var metrics []gateway.Metric
	for _, k := range s.jobSet.Kinds() {
		count := func(read func(jobs.Count) float64) func() float64 {
			return func() float64 { return read(s.jobSet.Count(k.Name)) }
		}
		labels := map[string]string{"kind": k.Name}
		metrics = append(metrics,
			gateway.Metric{Name: "rekey_job_runs_total", Help: "Pieces of background work that this process has done or looked for.", Labels: labels, Counter: true,
				Read: count(func(c jobs.Count) float64 { return float64(c.Runs) })},
			gateway.Metric{Name: "rekey_job_failures_total", Help: "Pieces of background work that failed in this process; each is tried again.", Labels: labels, Counter: true,
				Read: count(func(c jobs.Count) float64 { return float64(c.Failures) })},
			gateway.Metric{Name: "rekey_job_age_seconds", Help: "Time since this process last did or looked for a piece without failure, or since its start.", Labels: labels,
				Read: count(func(c jobs.Count) float64 { return c.Age.Seconds() })},
		)
	}
	return metrics
}
