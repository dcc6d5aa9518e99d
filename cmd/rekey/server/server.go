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
	"net/http"
	"slices"
	"sync"
	"time"

	"rekey/accounts"
	"rekey/accounts/password"
	"rekey/accounts/sqlstore"
	"rekey/cmd/rekey/config"
	"rekey/gateway"
	"rekey/gateway/token"
)

// A Server is a gateway with everything below it, listening.
type Server struct {
	config  *config.Config
	log     *slog.Logger
	store   *sqlstore.Store
	sources []*source
	permits *password.Pool
	lease   *accounts.Lease
	service *accounts.Service
	keys    *token.Keys
	soft    *softState
	gateway *gateway.Gateway
	doors   []door // public first
	closers []func(context.Context) error
}

// Open makes everything ready and takes the ports, so that Serve cannot fail for want of them. What it has opened is
// closed again if it returns an error.
func Open(ctx context.Context, c *config.Config, log *slog.Logger) (*Server, error) {
	for _, w := range c.Warnings() {
		log.WarnContext(ctx, "configuration", "key", w.Key, "warning", w.Reason)
	}
	s := &Server{config: c, log: log}
	if err := s.open(ctx, c, log); err != nil {
		return nil, errors.Join(err, s.close(context.WithoutCancel(ctx)))
	}
	return s, nil
}

func (s *Server) open(ctx context.Context, c *config.Config, log *slog.Logger) error {
	// The ports first: one that is taken is found before anything is made.
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
	if s.sources, err = openSources(c); err != nil {
		return err
	}
	s.onClose(func(context.Context) error { return closeSources(s.sources) })
	if err := s.checkSources(ctx); err != nil {
		return err
	}
	s.indexExports(ctx)

	// Where the installation is on its way.
	lease, err := openLease(ctx, c, s.store, s.PublicAddress(), log)
	if err != nil {
		return err
	}
	s.onClose(lease.Start(ctx))

	// The domain.
	s.lease = lease
	s.permits = newPermits(c)
	s.onClose(s.permits.Close)
	if s.service, err = newService(c, s.store, key, s.sources, s.permits, lease, log); err != nil {
		return err
	}
	s.onClose(s.service.Close)

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
		Limiter: s.soft.limiter, Rules: s.soft.rules, TrustedProxies: c.TrustedProxies,
		Bridge: bridgeConfig(c), Floor: loginFloor(c), Checks: s.checks(), Metrics: s.metrics(), Log: log, //nolint:contextcheck // a metric is read when a scraper asks, without a context
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

// Serve answers until ctx ends, then closes: readyz says 503, requests in flight get the configured time to end, writes
// that outlive their request are waited for, and the stores close last.
func (s *Server) Serve(ctx context.Context) error {
	running, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	var loops sync.WaitGroup
	loops.Go(func() { s.keys.Start(running) })
	loops.Go(func() { s.removeSessions(running) })
	loops.Go(func() { s.service.Relay(running) })
	if s.soft.follow != nil {
		loops.Go(func() { s.soft.follow(running) })
	}

	broken := make(chan error, len(s.doors))
	for _, d := range s.doors {
		go func() { broken <- d.serve() }()
	}
	s.log.InfoContext(ctx, "ready", "public", s.PublicAddress(), "admin", s.AdminAddress())

	var failure error
	select {
	case <-ctx.Done():
	case failure = <-broken:
	}
	s.gateway.Drain()
	s.log.InfoContext(ctx, "closing")
	ending, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.config.Shutdown)
	defer cancel()
	for _, d := range s.doors { // the admin door last: it tells that we are draining
		if err := d.server.Shutdown(ending); err != nil {
			failure = errors.Join(failure, fmt.Errorf("requests were cut off on %s: %w", d.listener.Addr(), err))
		}
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

// sessionSweep is how often sessions that have expired are removed, and how many at a time.
const (
	sessionSweep      = 10 * time.Minute
	sessionSweepLimit = 1000
)

// removeSessions keeps the table of sessions from growing for ever.
func (s *Server) removeSessions(ctx context.Context) {
	tick := time.NewTicker(sessionSweep)
	defer tick.Stop()
	for {
		for removed := int64(sessionSweepLimit); removed == sessionSweepLimit; {
			var err error
			if removed, err = s.store.DeleteSessions(ctx, time.Now(), sessionSweepLimit); err != nil && ctx.Err() == nil {
				s.log.WarnContext(ctx, "remove expired sessions", "error", err)
			}
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// A door is a listener and what answers on it.
type door struct {
	listener net.Listener
	server   *http.Server
}

func (d door) serve() error {
	if err := d.server.Serve(d.listener); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve on %s: %w", d.listener.Addr(), err)
	}
	return nil
}

// listen takes the ports. Nothing is answered before Serve.
func (s *Server) listen(ctx context.Context) error {
	for _, address := range []string{s.config.Listen, s.config.Admin.Listen} {
		if address == "off" {
			continue
		}
		listener, err := new(net.ListenConfig).Listen(ctx, "tcp", address)
		if err != nil {
			return fmt.Errorf("listen on %s: %w", address, err)
		}
		d := door{listener, &http.Server{
			ReadHeaderTimeout: 5 * time.Second,
			ReadTimeout:       10 * time.Second, // a body has at most 4 KiB
			WriteTimeout:      30 * time.Second, // longer than any handler takes
			IdleTimeout:       60 * time.Second,
			MaxHeaderBytes:    16 << 10,
			ErrorLog:          slog.NewLogLogger(s.log.Handler(), slog.LevelWarn),
		}}
		s.doors = append(s.doors, d)
		s.onClose(func(context.Context) error { return d.close() })
	}
	return nil
}

// close closes a door that was never served, or whose requests did not end in time.
func (d door) close() error {
	err := errors.Join(d.server.Close(), d.listener.Close())
	if errors.Is(err, net.ErrClosed) {
		return nil // Shutdown was here before
	}
	return err
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
