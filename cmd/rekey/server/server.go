// Package server wires rekey together from a configuration, serves, and takes it down again in the right order.
//
// It serves `rekey serve` and `rekey demo`. It is the only place that names stores and adapters; what they do is
// theirs. Open reads from top to bottom: that is the program.
package server

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"slices"
	"sync"
	"time"

	"rekey/accounts"
	"rekey/accounts/jobs"
	"rekey/accounts/password"
	"rekey/accounts/sqlstore"
	"rekey/cmd/rekey/config"
	"rekey/gateway"
	"rekey/gateway/token"
	"rekey/sweeper"
)

// A Server is a gateway with everything below it, listening.
type Server struct {
	config  *config.Config
	log     *slog.Logger
	store   *sqlstore.Store
	sources []*source
	permits *password.Pool
	kernel  string // of argon2
	lease   *accounts.Lease
	service *accounts.Service
	pulse   *pulse
	sweep   *sweeper.Sweeper // nil: this process does not
	jobSet  *jobs.Set
	jobs    jobs.Engine
	keys    *token.Keys
	soft    *softState
	gateway *gateway.Gateway
	doors   []*door // public first
	closers []func(context.Context) error
}

// Open makes everything ready and takes the ports, so that Serve cannot fail for want of them. What it has opened is
// closed again if it returns an error, which is config.Problems where a source cannot be opened as it is configured.
func Open(ctx context.Context, c *config.Config, log *slog.Logger) (*Server, error) {
	// The old stores first: what is wrong with how they are configured is found before anything is made or asked.
	sources, err := openSources(c)
	if err != nil {
		return nil, err
	}
	s := &Server{config: c, log: log, sources: sources}
	s.onClose(func(context.Context) error { return closeSources(s.sources) })
	for _, w := range c.Warnings() {
		log.WarnContext(ctx, "configuration", "key", w.Key, "warning", w.Reason)
	}
	if err := s.open(ctx, c, log); err != nil {
		return nil, errors.Join(err, s.close(context.WithoutCancel(ctx)))
	}
	return s, nil
}

func (s *Server) open(ctx context.Context, c *config.Config, log *slog.Logger) error {
	// The ports: one that is taken is found before anything is made.
	if err := s.listen(ctx); err != nil {
		return err
	}
	issuer := s.issuer()

	// The new store, and the key that seals what is in it.
	key, err := loadMasterKey(c)
	if err != nil {
		return err
	}
	if s.store, err = openStore(ctx, c, key); err != nil {
		return err
	}
	s.onClose(func(context.Context) error { return s.store.Close() })

	// The old ones. One that is down is no reason not to serve those who have moved.
	if err := s.checkSources(ctx); err != nil {
		return err
	}
	s.indexExports(ctx)

	// Where the installation is on its way.
	alone, closeAlone, err := openAlone(c)
	if err != nil {
		return err
	}
	s.onClose(closeAlone)
	lease, err := openLease(ctx, c, s.store, alone, s.PublicAddress(), log)
	if err != nil {
		return err
	}
	s.onClose(lease.Start(ctx))

	// The domain.
	s.lease = lease
	s.permits = newPermits(c, 0)
	s.onClose(s.permits.Close)
	argon := NewArgon2(c, s.permits, log)
	s.kernel = argon.Kernel()
	mailer, err := newMailer(c, issuer)
	if err != nil {
		return err
	}
	newPasswords, closeList, err := openPolicy(c, issuer)
	if err != nil {
		return err
	}
	s.onClose(func(context.Context) error { return closeList() })
	logins := &recent{}
	s.service, err = newService(c, parts{
		store: s.store, key: key, sources: s.sources, permits: s.permits, argon: argon, newPasswords: newPasswords, mailer: mailer, lease: lease, nudge: s.nudge, log: log,
		answered: logins.answered,
	})
	if err != nil {
		return err
	}
	s.onClose(s.service.Close)
	checks, err := newSweepChecks(c, s.store, s.sources)
	if err != nil {
		return err
	}
	s.pulse = newPulse(s.store, lease, s.sources, s.permits, logins, checks, log)
	s.openSweep()
	if err := s.openJobs(ctx); err != nil {
		return err
	}

	// Tokens and limits.
	if s.soft, err = openSoftState(c, key); err != nil {
		return err
	}
	s.onClose(func(context.Context) error { return s.soft.close() })
	if s.keys, err = OpenKeys(ctx, c, s.store, key, log); err != nil {
		return err
	}
	access, err := token.NewAccess(token.AccessConfig{
		Keys: s.keys, Issuer: issuer, Audience: c.Audience, ClientID: c.Tokens.ClientID, Revocations: s.soft.revocations,
	})
	if err != nil {
		return fmt.Errorf("tokens: %w", err)
	}
	families, err := token.NewFamilies(token.FamiliesConfig{
		Access: access, Sessions: s.store, MasterKey: key, Idle: c.Tokens.RefreshIdle, Absolute: c.Tokens.RefreshAbsolute,
	})
	if err != nil {
		return fmt.Errorf("tokens: %w", err)
	}

	// The doors.
	s.gateway, err = gateway.New(gateway.Config{
		Accounts: s.service, Tokens: families, Issuer: issuer,
		Staff:   accounts.NewStaff(accounts.StaffConfig{Store: s.store, Log: log}),
		Sweeper: sweeperDoor{SweepKeeper(c, s.store)},
		Limiter: s.soft.limiter, Rules: s.soft.rules, TrustedProxies: c.TrustedProxies,
		SweepStatus: s.sweepStatus,
		Bridge:      c.Bridge.Config(), Floor: loginFloor(c), Checks: s.checks(), Metrics: s.metrics(), Log: log, //nolint:contextcheck // a metric is read when a scraper asks, without a context
	})
	if err != nil {
		return err
	}
	s.doors[0].server.Handler = s.gateway.Public()
	if len(s.doors) > 1 {
		s.doors[1].server.Handler = s.gateway.Admin()
	}
	return nil
}

// issuer is the configured one. Where the system was to pick the port, only now it is known.
func (s *Server) issuer() string {
	if s.config.Issuer == "http://"+s.config.Listen {
		if _, port, err := net.SplitHostPort(s.config.Listen); err == nil && port == "0" {
			return "http://" + s.PublicAddress()
		}
	}
	return s.config.Issuer
}

// writesGrace is what writes that have outlived their requests get to end: a little more than the time that each has.
const writesGrace = 12 * time.Second

// handshakes is what a connection that a client has begun to make may take to be made, at the end of the drain.
const handshakes = 200 * time.Millisecond

// Serve answers until ctx ends, then closes: readyz says 503 while people are still let in, for the configured time; then
// nobody new is, and requests in flight are answered, both within the time for the whole; writes that outlive their
// request are waited for, and the stores close last.
func (s *Server) Serve(ctx context.Context) error {
	if err := s.jobs.Start(ctx); err != nil {
		return errors.Join(err, s.close(context.WithoutCancel(ctx)))
	}
	running, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	var loops sync.WaitGroup
	loops.Go(func() { s.keys.Start(running) })
	loops.Go(func() { s.service.Measure(running) })
	loops.Go(func() { s.service.CompareVerdicts(running) })
	loops.Go(func() { s.service.Look(running) })
	loops.Go(func() { s.pulse.run(running) })
	loops.Go(func() { s.nudgeSweep(running) })
	if s.soft.follow != nil {
		loops.Go(func() { s.soft.follow(running) })
	}

	broken := make(chan error, len(s.doors))
	for _, d := range s.doors {
		go func() { broken <- d.serve() }()
	}
	s.log.InfoContext(ctx, "ready", "public", s.PublicAddress(), "admin", s.AdminAddress(), "argon2", s.kernel)

	var failure error
	select {
	case <-ctx.Done():
	case failure = <-broken:
	}
	s.gateway.Drain()
	s.log.InfoContext(ctx, "closing", "drain", s.config.Drain.String())
	ending, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.config.Shutdown)
	defer cancel()
	drained := time.NewTimer(s.config.Drain)
	defer drained.Stop()
	select {
	case <-drained.C:
	case <-ending.Done():
	}
	for _, d := range s.doors { // the admin door last: it tells that we are draining
		failure = errors.Join(failure, d.leave(ending, min(handshakes, s.config.Drain)))
	}
	stop()
	loops.Wait()
	closing, cancelClosing := context.WithTimeout(context.WithoutCancel(ctx), writesGrace)
	defer cancelClosing()
	return errors.Join(failure, s.close(closing))
}

// onClose remembers how to close what was just opened.
func (s *Server) onClose(c func(context.Context) error) { s.closers = append(s.closers, c) }

// close closes everything, last opened first.
func (s *Server) close(ctx context.Context) error {
	var errs []error
	for _, c := range slices.Backward(s.closers) {
		errs = append(errs, c(ctx))
	}
	s.closers = nil
	return errors.Join(errs...)
}

// listen takes the ports. Nothing is answered before Serve.
func (s *Server) listen(ctx context.Context) error {
	for _, address := range []string{s.config.Listen, s.config.Admin.Listen} {
		if address == "off" {
			continue
		}
		d, err := listen(ctx, address, s.log)
		if err != nil {
			return err
		}
		s.doors = append(s.doors, d)
		s.onClose(func(context.Context) error { return d.close() })
	}
	return nil
}

// PublicAddress returns where the public listener is, with the port that it was given.
func (s *Server) PublicAddress() string { return s.doors[0].listener.Addr().String() }

// AdminAddress returns where the admin listener is, or "off".
func (s *Server) AdminAddress() string {
	if len(s.doors) < 2 {
		return "off"
	}
	return s.doors[1].listener.Addr().String()
}
