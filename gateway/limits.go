package gateway

import (
	"context"

	"github.com/google/uuid"

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
	return l.takeBoth(ctx, address, id.Canonical)
}

// takeAccount is take for somebody who is logged in and is asked for their password once more: guesses at it count by
// whose it is. The key holds a space at its start, so that no identifier is it: nobody who types an id locks its owner out.
func (l limits) takeAccount(ctx context.Context, address string, account uuid.UUID) (giveBack func(), err error) {
	return l.takeBoth(ctx, address, accountKey(account))
}

// accountKey is what guesses of those who are logged in are counted by.
func accountKey(account uuid.UUID) string { return " account " + account.String() }

func (l limits) takeBoth(ctx context.Context, address, key string) (giveBack func(), err error) {
	giveAddress, err := l.takeAddress(ctx, address)
	if err != nil || l.limiter == nil {
		return giveAddress, err
	}
	if err := l.takeOne(ctx, key, l.rules.Identifier); err != nil {
		giveAddress() // nothing was tried
		return nil, err
	}
	ctx = context.WithoutCancel(ctx)
	return func() {
		giveAddress()
		l.limiter.Give(ctx, key, l.rules.Identifier, 1)
	}, nil
}

// takeAddress takes a token for the address alone: what is asked names nobody.
func (l limits) takeAddress(ctx context.Context, address string) (giveBack func(), err error) {
	if l.limiter == nil {
		return func() {}, nil
	}
	key := limit.AddressKey(address)
	if err := l.takeOne(ctx, key, l.rules.Address); err != nil {
		return nil, err
	}
	ctx = context.WithoutCancel(ctx)
	return func() { l.limiter.Give(ctx, key, l.rules.Address, 1) }, nil
}

func (l limits) takeOne(ctx context.Context, key string, rule limit.Rule) error {
	decision, err := l.limiter.Take(ctx, key, rule, 1)
	if err == nil && !decision.OK {
		err = &limitedError{decision.RetryAfter}
	}
	return err
}
