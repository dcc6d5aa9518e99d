package server

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"time"

	"rekey/accounts/jobs"
	"rekey/cmd/rekey/config"
	"rekey/sweeper"
	"rekey/sweeper/pause"
)

// The kinds of work of a sweep.
const (
	jobSweepPlan = "sweep-plan"
	jobSweepWork = "sweep-work"
)

// sweepEvery is how often it is looked whether there is anything to sweep.
const sweepEvery = time.Second

// sweepKinds are the work of a sweep in one process, with so many workers.
func sweepKinds(s *sweeper.Sweeper, workers int) []jobs.Kind {
	return []jobs.Kind{
		{Name: jobSweepPlan, Work: s.Plan, Every: sweepEvery, Alone: true},
		{Name: jobSweepWork, Work: s.Work, Every: sweepEvery, Workers: workers},
	}
}

// openSweep makes what this process does of the sweep, unless the configuration leaves that to others.
func (s *Server) openSweep() {
	if s.config.Sweeper.Workers == 0 {
		return
	}
	s.sweep = sweeper.New(sweeper.Config{Service: s.service, Settings: s.store, Signals: s.store, Name: s.PublicAddress(), Log: s.log})
	s.onClose(func(context.Context) error { s.sweep.Close(); return nil })
}

// nudgeSweep has this process look for itself while there is something to sweep: where an engine is shared, the one of all machines
// that looks for the others may know nothing of a sweep.
func (s *Server) nudgeSweep(ctx context.Context) {
	if s.sweep == nil || s.config.Jobs != config.JobsRiver {
		return
	}
	pause.Every(ctx, sweepEvery, func(ctx context.Context) (again bool) {
		if o, err := s.sweep.Orders(ctx); err == nil && !o.Off() {
			s.nudge(jobSweepPlan)
			s.nudge(jobSweepWork)
		}
		return true
	})
}

// SweepWork sweeps until ctx ends, as a process that does nothing else and has no ports. It takes part in the phase as a gateway
// does. It looks for itself, whatever engine the gateways share: none of them depends on it.
func SweepWork(ctx context.Context, c *config.Config, log *slog.Logger, name string, workers int) (err error) {
	d, err := openDomain(ctx, c, log, name, workers)
	if err != nil {
		return err
	}
	defer func() {
		closing, cancel := context.WithTimeout(context.WithoutCancel(ctx), writesGrace)
		defer cancel()
		if closeErr := d.close(closing); err == nil {
			err = closeErr
		}
	}()
	host, err := os.Hostname()
	if err != nil {
		host = "?"
	}
	sweep := sweeper.New(sweeper.Config{Service: d.service, Settings: d.store, Signals: d.store, Name: fmt.Sprintf("%s:%d", host, os.Getpid()), Log: log})
	defer sweep.Close()
	set, err := jobs.NewSet(log, sweepKinds(sweep, workers)...)
	if err != nil {
		return err
	}
	engine := jobs.New(set)
	if err := engine.Start(ctx); err != nil {
		return err
	}
	log.InfoContext(ctx, "sweeping", "workers", workers)
	<-ctx.Done()
	ending, cancel := context.WithTimeout(context.WithoutCancel(ctx), c.Shutdown)
	defer cancel()
	return engine.Close(ending)
}
