package server

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"rekey/accounts"
	"rekey/accounts/failpoint"
	"rekey/accounts/masterkey"
	"rekey/accounts/password"
	"rekey/accounts/policy"
	"rekey/accounts/sqlstore"
	"rekey/cmd/rekey/config"
)

func newPermits(c *config.Config, sweep int) *password.Pool {
	return password.NewPool(password.PoolConfig{Permits: int(c.Password.Permits), SweepPermits: sweep, MaxWait: c.Password.Queue, Policy: passwordPolicy(c)})
}

// parts are what a service is made of, and open. Those after log are nil in a process that serves nobody.
type parts struct {
	store   accounts.Store
	key     *masterkey.Key
	sources []*source
	permits *password.Pool
	argon   Argon2
	log     *slog.Logger

	newPasswords *policy.Policy
	mailer       accounts.Mailer
	lease        *accounts.Lease
	nudge        func(kind string)
	answered     func(took time.Duration, err error)
}

// newService makes the domain.
func newService(c *config.Config, p parts) (*accounts.Service, error) {
	limits := c.Phase.Limits.Limits()
	service, err := accounts.New(accounts.Config{
		Store: p.store, Sources: accountSources(p.sources), Collisions: accounts.Collisions(c.Collisions), Required: c.Required.Actions(),
		Hashes: p.argon.Hashes(c), Hasher: p.argon.Hasher(c), Permits: p.permits,
		NewPasswords: p.newPasswords, Key: p.key, Lease: p.lease, Mailer: p.mailer, Limits: &limits, Nudge: p.nudge, Answered: p.answered,
		Compare: c.Phase.CompareLogins(), Now: failpoint.Now, Log: p.log,
	})
	if err != nil {
		return nil, fmt.Errorf("accounts: %w", err)
	}
	return service, nil
}

// OpenService opens the domain for a command: over the store, which must be there already, and the sources, without a port
// and without a lease on the phase. It asks no source. close gives everything back, and waits for what is being written.
func OpenService(ctx context.Context, c *config.Config, log *slog.Logger) (*accounts.Service, func(context.Context) error, error) {
	return openService(ctx, c, log, "", 0)
}

// OpenSweeper is OpenService for a command that writes to people's accounts, with so many workers: it takes part in the phase as
// a gateway does, under the name of the command. A move waits for it, and it obeys a move. Its error is accounts.ErrNotFound
// where no gateway has begun with a phase yet.
func OpenSweeper(ctx context.Context, c *config.Config, log *slog.Logger, name string, workers int) (*accounts.Service, func(context.Context) error, error) {
	return openService(ctx, c, log, name, workers)
}

// openService is both: without a name there is no lease.
func openService(ctx context.Context, c *config.Config, log *slog.Logger, name string, sweep int) (*accounts.Service, func(context.Context) error, error) {
	d, err := openDomain(ctx, c, log, name, sweep)
	return d.service, d.close, err
}

// A domain is the service of a process that serves nobody, and what it is made over. close gives everything back.
type domain struct {
	service *accounts.Service
	store   *sqlstore.Store
	close   func(context.Context) error
}

func openDomain(ctx context.Context, c *config.Config, log *slog.Logger, name string, sweep int) (d domain, err error) {
	var closers []func(context.Context) error
	closeOpened := func(ctx context.Context) error {
		var errs []error
		for _, closer := range slices.Backward(closers) {
			errs = append(errs, closer(ctx))
		}
		return errors.Join(errs...)
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, closeOpened(context.WithoutCancel(ctx)))
		}
	}()
	store, key, err := OpenExisting(ctx, c)
	if err != nil {
		return domain{}, err
	}
	closers = append(closers, func(context.Context) error { return store.Close() })
	sources, err := openSources(c)
	if err != nil {
		return domain{}, err
	}
	closers = append(closers, func(context.Context) error { return closeSources(sources) })
	var lease *accounts.Lease
	if name != "" {
		if _, err := store.Phase(ctx); err != nil {
			return domain{}, err
		}
		if lease, err = openLease(ctx, c, store, accounts.AloneConfig{}, name, log); err != nil {
			return domain{}, err
		}
		closers = append(closers, lease.Start(ctx))
	}
	mailer, err := newMailer(c, c.Issuer) // mails are stored by commands, and sent by gateways
	if err != nil {
		return domain{}, err
	}
	permits := newPermits(c, sweep)
	closers = append(closers, permits.Close)
	service, err := newService(c, parts{store: store, key: key, sources: sources, permits: permits, argon: NewArgon2(c, permits, log), lease: lease, mailer: mailer, log: log})
	if err != nil {
		return domain{}, err
	}
	closers = append(closers, service.Close)
	if lease != nil {
		checks, err := newSweepChecks(c, store, sources)
		if err != nil {
			return domain{}, err
		}
		closers = append(closers, newPulse(store, lease, sources, permits, nil, checks, log).start(ctx))
	}
	return domain{service, store, closeOpened}, nil
}
