package server

import (
	"context"
	"errors"
	"fmt"

	"github.com/redis/go-redis/v9"

	"rekey/accounts/masterkey"
	"rekey/cmd/rekey/config"
	"rekey/gateway/limit"
	"rekey/gateway/token"
)

// softState is what may be lost at any moment: limits, and the sessions whose access tokens are refused early. It is
// shared by way of Redis where there is one, and kept in this process where there is none.
type softState struct {
	limiter     limit.Limiter // nil: limits are off
	rules       limit.Rules
	revocations token.Revocations

	follow func(context.Context)       // hears of other gateways' revocations; nil without Redis
	ping   func(context.Context) error // nil without Redis
	close  func() error
}

// openSoftState does not ask Redis: one that is down costs strictness, not logins.
func openSoftState(c *config.Config, key *masterkey.Key) (*softState, error) {
	s := &softState{rules: c.Limits.Rules(), close: func() error { return nil }}
	if c.Redis.IsZero() {
		s.limiter, s.revocations = limit.NewLocal(limit.LocalConfig{}), limit.NewLocalDenylist(limit.LocalConfig{})
	} else if err := s.useRedis(c, key); err != nil {
		return nil, fmt.Errorf("redis: %w", err)
	}
	if c.Limits.Off {
		s.limiter = nil
	}
	return s, nil
}

func (s *softState) useRedis(c *config.Config, key *masterkey.Key) error {
	redis.SetLogger(silence{})
	client, err := limit.NewClient(c.Redis.Reveal())
	if err != nil {
		return err
	}
	secret := key.Derive("limits")
	shared := limit.RedisConfig{Client: client, Secret: secret[:]}
	limiter, err := limit.NewRedis(shared)
	if err != nil {
		return errors.Join(err, client.Close())
	}
	denylist, err := limit.NewRedisDenylist(shared)
	if err != nil {
		return errors.Join(err, client.Close())
	}
	s.limiter, s.revocations, s.follow = limiter, denylist, denylist.Follow
	s.ping, s.close = ping(client), client.Close
	return nil
}

// silence keeps the client library from writing to standard error between our lines of JSON. What it would say, the
// limiter counts and readyz shows.
type silence struct{}

// Printf says nothing.
func (silence) Printf(context.Context, string, ...any) {}

func ping(client *redis.Client) func(context.Context) error {
	return func(ctx context.Context) error { return client.Ping(ctx).Err() }
}
