// Package policy says which new passwords are accepted: long enough, not made of what everybody knows of their owner, not
// among those that everybody tries, and, where there is a list of them, never breached.
//
// It serves the flows in which somebody chooses a password. No login asks it: a password that works goes on working. It keeps
// nothing, and no error or reason of it has a byte of a password.
//
// The rules are those of NIST SP 800-63B-4, section 3.1.1.2. Nobody has to mix kinds of characters.
package policy

import (
	"context"
	"crypto/sha1"
	"fmt"
	"unicode/utf8"
)

// The lengths, in Unicode code points, that NIST asks for: where the password is all there is, and beside a second factor.
const (
	DefaultMinLength           = 15
	DefaultMinLengthWithFactor = 8
)

// leastLength is what no configuration can go below, and what has to be left of a password without what can be guessed of it.
const leastLength = 8

// MaxLength is the most that an operator may ask for: NIST wants 64 to be accepted.
const MaxLength = 64

// Breached knows passwords that were found in breaches, by their SHA-1.
type Breached interface {
	// Has reports whether the password was. An error means that it cannot be told.
	Has(ctx context.Context, sum [sha1.Size]byte) (bool, error)
}

// Config is what a Policy is made of. Its zero value is usable.
type Config struct {
	MinLength           int      // code points; 0: DefaultMinLength
	MinLengthWithFactor int      // of somebody who has a second factor; 0: DefaultMinLengthWithFactor
	Words               []string // names of the product and of who runs it
	Breached            Breached // nil: nobody is asked
}

// A Policy judges new passwords. It is safe for concurrent use.
type Policy struct {
	min, minWithFactor int
	words              []string // folded
	breached           Breached
}

// New returns a Policy.
func New(c Config) (*Policy, error) {
	p := &Policy{min: c.MinLength, minWithFactor: c.MinLengthWithFactor, breached: c.Breached}
	if p.min == 0 {
		p.min = DefaultMinLength
	}
	if p.minWithFactor == 0 {
		p.minWithFactor = min(DefaultMinLengthWithFactor, p.min)
	}
	if p.minWithFactor < leastLength || p.minWithFactor > p.min || p.min > MaxLength {
		return nil, fmt.Errorf("password policy: lengths of %d, and %d with a second factor: want %d to %d, and no more with one than without",
			p.min, p.minWithFactor, leastLength, MaxLength)
	}
	for _, word := range c.Words {
		p.words = appendWords(p.words, word)
	}
	return p, nil
}

// About is whose password it is to be.
type About struct {
	Names     []string // what they log in with and how they are called, as typed
	HasFactor bool     // nobody gets in with the password alone
}

// Why a password is not accepted, as it is told to whoever chose it.
const (
	ReasonKnown     = "has your name or address in it, or ours, and too little besides; other people would try that first"
	ReasonRepeats   = "is a few characters again and again; choose several words that have nothing to do with one another"
	ReasonSequence  = "is made of runs on the keyboard or in the alphabet; choose several words that have nothing to do with one another"
	ReasonCommon    = "is one that many people use, or close to one; choose several words that have nothing to do with one another"
	ReasonBreached  = "is known from a breach of another service, and is tried by attackers; choose one that you use nowhere else"
	reasonTooShort  = "must have at least %d characters"
	reasonMalformed = "must be text in UTF-8"
)

// Check returns why a password is not accepted, "" if it is. Its error says that the breached passwords could not be asked,
// and no reason was found without them: whether that is good enough is the caller's to say.
func (p *Policy) Check(ctx context.Context, password []byte, about About) (reason string, err error) {
	least := p.min
	if about.HasFactor {
		least = p.minWithFactor
	}
	if !utf8.Valid(password) {
		return reasonMalformed, nil
	}
	if utf8.RuneCount(password) < least {
		return fmt.Sprintf(reasonTooShort, least), nil
	}
	if reason := p.guessable(string(password), about.Names); reason != "" {
		return reason, nil
	}
	if p.breached == nil {
		return "", nil
	}
	found, err := p.breached.Has(ctx, sha1.Sum(password))
	if found {
		return ReasonBreached, nil
	}
	return "", err
}

// guessable returns why a password is one that somebody would guess without any list of breaches.
func (p *Policy) guessable(password string, names []string) string {
	plain := lower(password)
	if rest, known := without(plain, append(wordsOf(names), p.words...)); known && !holds(rest) {
		return ReasonKnown
	}
	return weak(plain)
}
