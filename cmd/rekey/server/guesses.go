package server

import (
	"context"

	"rekey/accounts"
	"rekey/cmd/rekey/config"
	"rekey/gateway"
)

// Guesses are the guesses at passwords that the gateways count, as far as another process can reach them.
type Guesses struct {
	Scope gateway.Scope // of the gateways: here is not here
	soft  *softState
}

// OpenGuesses prepares the way to them, for a command over a store that is there. It asks nobody.
func OpenGuesses(c *config.Config) (*Guesses, error) {
	key, err := loadMasterKey(c)
	if err != nil {
		return nil, err
	}
	soft, err := openSoftState(c, key)
	if err != nil {
		return nil, err
	}
	return &Guesses{gateway.ScopeOf(soft.limiter), soft}, nil
}

// Forget gives somebody all guesses back, where they are counted together. Its error says that Redis was not reached.
func (c *Guesses) Forget(ctx context.Context, who accounts.Locked) error {
	if c.Scope != gateway.ScopeEverywhere {
		return nil
	}
	return gateway.Forget(ctx, c.soft.limiter, c.soft.rules, who)
}

// Reached is for whom Forget does it.
func (c *Guesses) Reached() gateway.Scope {
	if c.Scope == gateway.ScopeHere {
		return gateway.ScopeNowhere
	}
	return c.Scope
}

// Close gives the way back.
func (c *Guesses) Close() error { return c.soft.close() }
