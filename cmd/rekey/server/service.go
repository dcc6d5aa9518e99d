package server

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"

	"rekey/accounts"
	"rekey/accounts/masterkey"
	"rekey/accounts/password"
	"rekey/accounts/policy"
	"rekey/cmd/rekey/config"
	"rekey/legacy/hash"
)

func newPermits(c *config.Config) *password.Pool {
	return password.NewPool(password.PoolConfig{Permits: int(c.Password.Permits), MaxWait: c.Password.Queue, Policy: passwordPolicy(c)})
}

// newService makes the domain over a store and sources that are open. newPasswords and lease are nil in a process that serves
// nobody.
func newService(
	c *config.Config, store accounts.Store, key *masterkey.Key, sources []*source, permits *password.Pool,
	newPasswords *policy.Policy, lease *accounts.Lease, mailer accounts.Mailer, log *slog.Logger,
) (*accounts.Service, error) {
	limits := c.Phase.Limits.Limits()
	service, err := accounts.New(accounts.Config{
		Store: store, Sources: accountSources(sources), Collisions: accounts.Collisions(c.Collisions), Required: c.Required.Actions(),
		Hashes: hash.New(hash.Config{Bounds: c.HashBounds.Bounds()}), Hasher: password.Hasher{Policy: passwordPolicy(c)},
		Permits: permits, NewPasswords: newPasswords, Key: key, Lease: lease, Mailer: mailer, Limits: &limits, Log: log,
	})
	if err != nil {
		return nil, fmt.Errorf("accounts: %w", err)
	}
	return service, nil
}

// OpenService opens the domain for a command: over the store, which must be there already, and the sources, without a port
// and without a lease on the phase. It asks no source. close gives everything back, and waits for what is being written.
func OpenService(ctx context.Context, c *config.Config, log *slog.Logger) (service *accounts.Service, closeAll func(context.Context) error, err error) {
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
		return nil, nil, err
	}
	closers = append(closers, func(context.Context) error { return store.Close() })
	sources, err := openSources(c)
	if err != nil {
		return nil, nil, err
	}
	closers = append(closers, func(context.Context) error { return closeSources(sources) })
	permits := newPermits(c)
	closers = append(closers, permits.Close)
	if service, err = newService(c, store, key, sources, permits, nil, nil, nil, log); err != nil {
		return nil, nil, err
	}
	closers = append(closers, service.Close)
	return service, closeOpened, nil
}
