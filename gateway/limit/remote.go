package limit

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"time"

	"github.com/failsafe-go/failsafe-go/circuitbreaker"
	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"
)

const (
	// defaultTimeout bounds one call, connecting included: a login never waits longer for a count. Redis on the same
	// network answers in less than a millisecond.
	defaultTimeout = 100 * time.Millisecond
	// clientTimeout bounds what the client does by itself, such as connecting for calls to come.
	clientTimeout = 5 * time.Second
	// After redisFailures calls in a row have failed, none is tried for redisPause; then one is, to see.
	redisFailures = 3
	redisPause    = time.Second
	// minSecret is the least length of RedisConfig.Secret in bytes.
	minSecret = 16
)

// NewClient returns a client of the Redis server at url (redis://, rediss:// or unix://) whose calls are bounded as
// this package needs. It does not connect. The error does not contain the URL, which may contain a password.
func NewClient(url string) (*redis.Client, error) {
	o, err := redis.ParseURL(url)
	if err != nil {
		return nil, errors.New("redis: the URL is malformed: want redis://[user:password@]host:port/database")
	}
	o.ContextTimeoutEnabled = true // without it a deadline does not reach a read that hangs
	o.DialTimeout, o.ReadTimeout, o.WriteTimeout, o.PoolTimeout = clientTimeout, clientTimeout, clientTimeout, clientTimeout
	o.DialerRetries = 1
	o.MaxRetries = -1 // a take whose answer was lost would be taken twice
	// Plain Redis does not know the command that subscribes to maintenance notices.
	o.MaintNotificationsConfig = &maintnotifications.Config{Mode: maintnotifications.ModeDisabled}
	return redis.NewClient(o), nil
}

// RedisConfig is what the twins on Redis are made of. Client and Secret are required.
type RedisConfig struct {
	Client *redis.Client // of NewClient. It stays the caller's, who closes it
	// Secret keys the hashes that keys go to Redis as: who reads Redis can neither read identifiers there nor try
	// out which ones are. At least 16 bytes, the same for all gateways.
	Secret  []byte
	Prefix  string        // before every key; "rekey:" by default
	Timeout time.Duration // of a call; 100 ms by default
	Local   LocalConfig   // of the twin in this process, which takes over when Redis cannot be reached
}

// A remote is the way to Redis: it hides keys, bounds calls and gives up for a while on a server that does not answer.
type remote struct {
	client  *redis.Client
	secret  []byte
	prefix  string
	timeout time.Duration
	breaker circuitbreaker.CircuitBreaker[any]
	failed  atomic.Uint64
	skipped atomic.Uint64
}

func newRemote(c RedisConfig) (*remote, error) {
	if c.Client == nil || !c.Client.Options().ContextTimeoutEnabled {
		return nil, errors.New("redis: the client must be one of NewClient, whose calls are bounded")
	}
	if len(c.Secret) < minSecret {
		return nil, fmt.Errorf("redis: the secret for keys has %d bytes: want at least %d", len(c.Secret), minSecret)
	}
	if c.Prefix == "" {
		c.Prefix = "rekey:"
	}
	if c.Timeout <= 0 {
		c.Timeout = defaultTimeout
	}
	return &remote{
		client: c.Client, secret: slices.Clone(c.Secret), prefix: c.Prefix, timeout: c.Timeout,
		breaker: circuitbreaker.NewBuilder[any]().
			WithFailureThreshold(redisFailures).WithSuccessThreshold(1).WithDelay(redisPause).Build(),
	}, nil
}

// do calls Redis unless it has been failing, and reports whether that went well. The call outlives the request's
// context: a client that hangs up is not a failure of Redis, and must not be able to undo a take.
func (r *remote) do(ctx context.Context, call func(context.Context) error) bool {
	if !r.breaker.TryAcquirePermit() {
		r.skipped.Add(1)
		return false
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), r.timeout)
	defer cancel()
	if err := call(ctx); err != nil {
		// Not logged: at a thousand logins a second that would be a second fault. The counters and Down tell.
		r.breaker.RecordFailure()
		r.failed.Add(1)
		return false
	}
	r.breaker.RecordSuccess()
	return true
}

// hide returns the name under which key is known to Redis, in the namespace of what it is for.
func (r *remote) hide(namespace, key string) string {
	mac := hmac.New(sha256.New, r.secret)
	mac.Write([]byte(namespace))
	mac.Write([]byte{0}) // namespaces have no NUL, so no two pairs run together
	mac.Write([]byte(key))
	return base64.RawURLEncoding.EncodeToString(mac.Sum(nil)[:16])
}

// RedisStats is how the way to Redis is doing, for metrics.
type RedisStats struct {
	Failed  uint64 // calls that failed or took too long; the twin in this process decided
	Skipped uint64 // calls that were not tried, because others had just failed; likewise
	Down    bool   // calls are being skipped now
}

func (r *remote) stats() RedisStats {
	return RedisStats{Failed: r.failed.Load(), Skipped: r.skipped.Load(), Down: !r.breaker.IsClosed()}
}
