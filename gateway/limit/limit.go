// Package limit slows down guessing: it counts attempts per client address and per identifier, and it keeps the list of
// sessions that were ended before their access tokens expire. It serves the HTTP handlers around it.
//
// Both are soft state. Each has a twin in this process and one in Redis, for gateways that count together; when Redis
// cannot be reached the twin in this process goes on alone, because a login is neither refused nor held up for it.
// Nothing here is the truth: what is lost is some strictness for some minutes, never an account or a session. No
// identifier, address or session id is written to Redis or kept in memory as it is.
package limit

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"time"
)

// A Rule lets Count tokens through per Per, and Burst of them at once after a quiet time.
type Rule struct {
	Name  string // part of the key: each rule counts for itself. A constant of the program or of configuration, never a client's text
	Count int64
	Per   time.Duration
	Burst int64
}

// Rules are the limits of login.
type Rules struct {
	Address    Rule // per AddressKey of the client
	Identifier Rule // per canonical identifier, whether or not anybody has it
}

// DefaultRules returns what applies where nothing is configured. Since success gives its token back, only failures
// count.
func DefaultRules() Rules {
	return Rules{
		// An office or a mobile carrier puts hundreds of people behind one address: 30 mistakes a minute is far above
		// what they make together, and keeps one address below 45,000 guesses a day over all accounts.
		Address: Rule{Name: "address", Count: 30, Per: time.Minute, Burst: 30},
		// A person who has forgotten which password it was tries some five to ten. After that one a minute: whoever
		// guesses at one account from any number of addresses gets 1,440 a day, hopeless against all but the very
		// commonest passwords, and the owner is never locked out for longer than a minute at a time.
		Identifier: Rule{Name: "identifier", Count: 10, Per: 10 * time.Minute, Burst: 10},
	}
}

// Or fills the fields of r that are zero from other.
func (r Rule) Or(other Rule) Rule {
	if r.Name == "" {
		r.Name = other.Name
	}
	if r.Count == 0 {
		r.Count = other.Count
	}
	if r.Per == 0 {
		r.Per = other.Per
	}
	if r.Burst == 0 {
		r.Burst = other.Burst
	}
	return r
}

// ErrRule: a rule that cannot be, or a number of tokens that it could never let through. A mistake of configuration or
// of the program.
var ErrRule = errors.New("rate limit rule")

// Check returns an error that wraps ErrRule and says what is wrong with r.
func (r Rule) Check() error {
	_, err := r.spec()
	return err
}

// A Decision is the answer to Take.
type Decision struct {
	OK         bool
	RetryAfter time.Duration // when the same Take may succeed, if nobody else takes meanwhile; 0 if OK
	Remaining  int64         // tokens that could be taken at once now
}

// A Limiter counts tokens. It is safe for concurrent use.
type Limiter interface {
	// Take takes n tokens of key's if there are n, and none otherwise; in one step, however many take at once. The only
	// error is ErrRule: a Limiter that cannot reach what it counts with decides by itself.
	Take(ctx context.Context, key string, rule Rule, n int64) (Decision, error)
	// Give gives back n tokens that were taken: the password was right, or it was our side that failed. It never makes
	// more than Burst of them, and does nothing under a rule that Take refuses.
	Give(ctx context.Context, key string, rule Rule, n int64)
	// Forget gives key all its tokens back, for everybody who counts with it. Its error is ErrRule, or ErrUnreached: what is
	// counted elsewhere is counted as before.
	Forget(ctx context.Context, key string, rule Rule) error
}

// ErrUnreached: what several gateways count together could not be reached.
var ErrUnreached = errors.New("the shared count cannot be reached")

// AddressKey returns the key to count a client address under: the address for IPv4, also when it comes mapped into IPv6,
// and the /64 for IPv6, because that is the least that one subscriber gets (RFC 6177) and each of its 2^64 addresses
// would have a limit of its own. What is not an address is a key as it is.
func AddressKey(address string) string {
	ip, err := netip.ParseAddr(address)
	if err != nil {
		return address
	}
	if ip = ip.Unmap(); ip.Is4() {
		return ip.String()
	}
	return netip.PrefixFrom(ip.WithZone(""), 64).Masked().String()
}

// spec is a Rule in the units that both twins calculate in: whole microseconds, which stay exact in Lua's doubles until
// the year 2255.
type spec struct {
	interval  int64 // between two tokens at the steady rate
	tolerance int64 // interval * Burst
	burst     int64
}

const (
	maxBurst     = 1_000_000
	maxTolerance = 366 * 24 * time.Hour
)

func (r Rule) spec() (spec, error) {
	switch {
	case r.Name == "":
		return spec{}, fmt.Errorf("%w: has no name", ErrRule)
	case r.Count < 1 || r.Per < time.Microsecond || r.Count > r.Per.Microseconds():
		return spec{}, fmt.Errorf("%w %s: %d per %v: want at least 1, and at most one a microsecond", ErrRule, r.Name, r.Count, r.Per)
	case r.Burst < 1 || r.Burst > maxBurst:
		return spec{}, fmt.Errorf("%w %s: burst %d: want 1 to %d", ErrRule, r.Name, r.Burst, maxBurst)
	}
	// Rounded up: never faster than the rule says.
	s := spec{interval: (r.Per.Microseconds() + r.Count - 1) / r.Count, burst: r.Burst}
	if s.interval > maxTolerance.Microseconds()/r.Burst {
		return spec{}, fmt.Errorf("%w %s: a burst of %d takes more than %v to come back", ErrRule, r.Name, r.Burst, maxTolerance)
	}
	s.tolerance = s.interval * s.burst
	return s, nil
}

// checked returns the spec of r, or an error if n of its tokens can never be had.
func (r Rule) checked(n int64) (spec, error) {
	s, err := r.spec()
	if err == nil && (n < 1 || n > s.burst) {
		err = fmt.Errorf("%w %s: %d tokens at once: want 1 to its burst of %d", ErrRule, r.Name, n, s.burst)
	}
	return s, err
}
