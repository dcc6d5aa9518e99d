package limit

import (
	"context"
	"fmt"

	"github.com/redis/go-redis/v9"
)

// gcra is spec.take and spec.give of gcra.go as a script, so that many gateways count as one.
//
// KEYS[1] the key; ARGV interval, tolerance, tokens (negative to give back), the time or "" for the server's own clock;
// all in microseconds. It returns whether it was let through, the wait, and by how much tat is ahead of now.
//
// It goes by the server's clock, so that gateways whose own clocks differ by seconds agree; only tests pass a time.
// Giving back is never refused: n is negative there, and tat at most the tolerance ahead. Numbers are written with %.0f: Lua's own text of a number this large loses digits.
const gcra = `
local interval, tolerance, n, now = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
if not now then
  local t = redis.call('TIME')
  now = tonumber(t[1]) * 1000000 + tonumber(t[2])
end
local tat = tonumber(redis.call('GET', KEYS[1]) or now) or now
tat = math.min(math.max(tat, now), now + tolerance)
local next = tat + n * interval
local wait = next - tolerance - now
if wait > 0 then
  return {0, wait, tat - now}
end
if next <= now then
  redis.call('DEL', KEYS[1])
  return {1, 0, 0}
end
redis.call('SET', KEYS[1], string.format('%.0f', next), 'PX', string.format('%.0f', math.ceil((next - now) / 1000)))
return {1, 0, next - now}
`

// Redis is the Limiter that gateways share. Each key is one string that expires when it says nothing any more.
//
// A Local counts along, and learns from each answer what other gateways took. When Redis cannot be reached, the Local
// decides, so that an attack under way does not start afresh: each gateway counts on from what it last saw, for itself.
// A token that is given back on the other side of such a change is lost, or counts for an earlier one; a few at most.
type Redis struct {
	remote *remote
	script *redis.Script
	local  *Local
	clock  func() any // the script's fourth argument
}

// NewRedis returns a Redis. It does not connect.
func NewRedis(c RedisConfig) (*Redis, error) {
	r, err := newRemote(c)
	if err != nil {
		return nil, err
	}
	return &Redis{remote: r, script: redis.NewScript(gcra), local: NewLocal(c.Local), clock: func() any { return "" }}, nil
}

// Take implements Limiter.
func (r *Redis) Take(ctx context.Context, key string, rule Rule, n int64) (Decision, error) {
	spec, err := rule.checked(n)
	if err != nil {
		return Decision{}, err
	}
	// Before the call, so that takes which are under way count for those that find Redis gone meanwhile.
	alone, err := r.local.Take(ctx, key, rule, n)
	if err != nil {
		return Decision{}, err
	}
	a, reached := r.run(ctx, key, rule, spec, n)
	if !reached {
		return alone, nil
	}
	r.local.raise(key, rule, a.debt)
	return spec.decision(a.ok, a.wait, a.debt), nil
}

// Give implements Limiter.
func (r *Redis) Give(ctx context.Context, key string, rule Rule, n int64) {
	spec, err := rule.checked(n)
	if err != nil {
		return // Take has told
	}
	r.local.Give(ctx, key, rule, n)
	r.run(ctx, key, rule, spec, -n) // where it fails the counters tell
}

// Forget implements Limiter. What the Locals of other gateways have seen counts again only for as long as Redis cannot be reached.
func (r *Redis) Forget(ctx context.Context, key string, rule Rule) error {
	spec, err := rule.spec()
	if err != nil {
		return err
	}
	r.local.Give(ctx, key, rule, rule.Burst)
	if _, reached := r.run(ctx, key, rule, spec, -rule.Burst); !reached {
		return ErrUnreached
	}
	return nil
}

// answer is what the script returns; wait and debt in microseconds.
type answer struct {
	ok         bool
	wait, debt int64
}

func (r *Redis) run(ctx context.Context, key string, rule Rule, s spec, n int64) (a answer, reached bool) {
	name := r.remote.prefix + "limit:" + rule.Name + ":" + r.remote.hide("limit:"+rule.Name, key)
	reached = r.remote.do(ctx, func(ctx context.Context) error {
		// Run sends the script's digest, and the script itself only where the server does not have it.
		v, err := r.script.Run(ctx, r.remote.client, []string{name}, s.interval, s.tolerance, n, r.clock()).Int64Slice()
		if err != nil {
			return err
		}
		if len(v) != 3 {
			return fmt.Errorf("the script returned %d values", len(v))
		}
		a = answer{ok: v[0] == 1, wait: v[1], debt: v[2]}
		return nil
	})
	return a, reached
}

// Stats tells how the way to Redis is doing.
func (r *Redis) Stats() RedisStats { return r.remote.stats() }
