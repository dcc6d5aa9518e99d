package gateway

import (
	"context"

	"rekey/accounts"
	"rekey/gateway/limit"
)

// limits keep guessing slow, by who asks and by whom they ask for. A name that nobody has is counted like any other.
type limits struct {
	limiter limit.Limiter // nil: no limits
	rules   limit.Rules
}

// take takes a token for the address and one for the identifier before anything is hashed. giveBack returns both: a
// login that succeeded, or failed on our side, was no guess.
func (l limits) take(ctx context.Context, address, identifier string) (giveBack func(), err error) {
	id, err := accounts.ParseIdentifier(identifier)
	if err != nil {
		return nil, invalid("identifier", err.Error())
	}
	if l.limiter == nil {
		return func() {}, nil
	}
	addressKey := limit.AddressKey(address)
	if err := l.takeOne(ctx, addressKey, l.rules.Address); err != nil {
		return nil, err
	}
	if err := l.takeOne(ctx, id.Canonical, l.rules.Identifier); err != nil {
		l.limiter.Give(ctx, addressKey, l.rules.Address, 1) // nothing was tried
		return nil, err
	}
	ctx = context.WithoutCancel(ctx)
	return func() {
		l.limiter.Give(ctx, addressKey, l.rules.Address, 1)
		l.limiter.Give(ctx, id.Canonical, l.rules.Identifier, 1)
	}, nil
}

// takeAddress takes a token for the address alone: what is asked names nobody.
func (l limits) takeAddress(ctx context.Context, address string) error {
	if l.limiter == nil {
		return nil
	}
	return l.takeOne(ctx, limit.AddressKey(address), l.rules.Address)
}

func (l limits) takeOne(ctx context.Context, key string, rule limit.Rule) error {
	decision, err := l.limiter.Take(ctx, key, rule, 1)
	if err == nil && !decision.OK {
		err = &limitedError{decision.RetryAfter}
	}
	return err
}
