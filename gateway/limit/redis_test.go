package limit

import (
	"context"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"
)

func TestNewClient(t *testing.T) {
	t.Parallel()
	const url = "http://user:hunter2@127.0.0.1:1/0" // not a scheme of Redis
	if _, err := NewClient(url); err == nil || strings.Contains(err.Error(), "hunter2") {
		t.Errorf("got %v", err)
	}
}

func TestNewRedisRefuses(t *testing.T) {
	t.Parallel()
	bounded := clientOf(t, "redis://127.0.0.1:1")
	unbounded := redis.NewClient(&redis.Options{Addr: "127.0.0.1:1"})
	defer func() {
		if err := unbounded.Close(); err != nil {
			t.Error(err)
		}
	}()
	for name, c := range map[string]RedisConfig{
		"no client":                  {Secret: secret},
		"a client without deadlines": {Client: unbounded, Secret: secret},
		"no secret":                  {Client: bounded},
		"a short secret":             {Client: bounded, Secret: secret[1:]},
	} {
		if _, err := NewRedis(c); err == nil {
			t.Errorf("NewRedis with %s", name)
		}
		if _, err := NewRedisDenylist(c); err == nil {
			t.Errorf("NewRedisDenylist with %s", name)
		}
	}
}

// Nothing that names a person is readable in Redis, nor can it be tried out without the secret.
func TestRedisHoldsNoIdentifier(t *testing.T) {
	t.Parallel()
	m, c := miniredis.RunT(t), newClock()
	client := miniClient(t, m)
	r := newRedis(t, client, c)
	takes(t, r, "ann@example.org", aMinute, 1, Decision{OK: true, Remaining: 9})
	d, err := NewRedisDenylist(RedisConfig{Client: client, Secret: secret, Local: c.local()})
	if err != nil {
		t.Fatal(err)
	}
	d.Revoke(t.Context(), "session-of-ann", c.Now().Add(time.Minute))
	dump := m.Dump()
	if strings.Contains(dump, "ann") || !strings.Contains(dump, "limit:minute:") || !strings.Contains(dump, "revoked") {
		t.Errorf("Redis holds\n%s", dump)
	}

	same, other := r.remote.hide("n", "ann"), &remote{secret: []byte("fedcba9876543210")}
	if same != r.remote.hide("n", "ann") || same == other.hide("n", "ann") || same == r.remote.hide("o", "ann") || same == r.remote.hide("n", "ben") {
		t.Error("the name in Redis does not depend on secret, namespace and key alone")
	}
}

func TestRedisKeysExpire(t *testing.T) {
	t.Parallel()
	m, c := miniredis.RunT(t), newClock()
	c.set(m)
	r := newRedis(t, miniClient(t, m), c)
	takes(t, r, "ann", aMinute, 3, Decision{OK: true, Remaining: 7})
	keys := m.Keys()
	if len(keys) != 1 || m.TTL(keys[0]) != 18*time.Second {
		t.Fatalf("keys %q", keys)
	}
	r.Give(t.Context(), "ann", aMinute, 3)
	if len(m.Keys()) != 0 {
		t.Error("a key that says nothing is kept")
	}
}

// A value that somebody else wrote counts as none, rather than as an error for ever.
func TestRedisForeignValue(t *testing.T) {
	t.Parallel()
	m, c := miniredis.RunT(t), newClock()
	c.set(m)
	r := newRedis(t, miniClient(t, m), c)
	takes(t, r, "ann", aMinute, 1, Decision{OK: true, Remaining: 9})
	if err := m.Set(m.Keys()[0], "nonsense"); err != nil {
		t.Fatal(err)
	}
	takes(t, r, "ann", aMinute, 1, Decision{OK: true, Remaining: 9})
}

// commands counts what is sent.
type commands struct{ eval, evalsha atomic.Int64 }

func (*commands) DialHook(next redis.DialHook) redis.DialHook { return next }
func (*commands) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return next
}

func (c *commands) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		switch cmd.Name() {
		case "eval":
			c.eval.Add(1)
		case "evalsha":
			c.evalsha.Add(1)
		}
		return next(ctx, cmd)
	}
}

func TestRedisSendsTheScriptOnce(t *testing.T) {
	t.Parallel()
	m, c := miniredis.RunT(t), newClock()
	c.set(m)
	client, sent := miniClient(t, m), &commands{}
	client.AddHook(sent)
	r := newRedis(t, client, c)
	for range 5 {
		if _, err := r.Take(t.Context(), "ann", aMinute, 1); err != nil {
			t.Fatal(err)
		}
	}
	if sent.eval.Load() != 1 || sent.evalsha.Load() != 5 {
		t.Errorf("sent the script %d times, its digest %d times", sent.eval.Load(), sent.evalsha.Load())
	}
	if err := client.ScriptFlush(t.Context()).Err(); err != nil { // as a restart does
		t.Fatal(err)
	}
	takes(t, r, "ann", aMinute, 1, Decision{OK: true, Remaining: 4})
	if sent.eval.Load() != 2 || r.Stats() != (RedisStats{}) {
		t.Errorf("after a flush: sent %d times, %+v", sent.eval.Load(), r.Stats())
	}
}

// Redis goes down under attack and comes back: the twin in this process goes on from what was last seen.
func TestRedisDown(t *testing.T) {
	t.Parallel()
	m, c := miniredis.RunT(t), newClock()
	c.set(m)
	r := newRedis(t, miniClient(t, m), c)
	takes(t, r, "ann", aMinute, 8, Decision{OK: true, Remaining: 2})

	m.Close()
	takes(t, r, "ann", aMinute, 1, Decision{OK: true, Remaining: 1})
	takes(t, r, "ann", aMinute, 1, Decision{OK: true})
	takes(t, r, "ann", aMinute, 1, Decision{RetryAfter: 6 * time.Second})
	takes(t, r, "ben", aMinute, 1, Decision{OK: true, Remaining: 9})
	r.Give(t.Context(), "ben", aMinute, 1)
	takes(t, r, "ben", aMinute, 1, Decision{OK: true, Remaining: 9})
	if s := r.Stats(); s.Failed != redisFailures || s.Skipped == 0 || !s.Down {
		t.Errorf("stats %+v", s)
	}

	if err := m.Restart(); err != nil {
		t.Fatal(err)
	}
	r.remote.breaker.HalfOpen() // its pause is over
	takes(t, r, "ann", aMinute, 2, Decision{OK: true})
	if s := r.Stats(); s.Down {
		t.Errorf("stats %+v", s)
	}
}

// A server that answers with errors is as good as none.
func TestRedisErrors(t *testing.T) {
	t.Parallel()
	m, c := miniredis.RunT(t), newClock()
	c.set(m)
	r := newRedis(t, miniClient(t, m), c)
	m.SetError("LOADING Redis is loading the dataset in memory")
	takes(t, r, "ann", aMinute, 10, Decision{OK: true})
	takes(t, r, "ann", aMinute, 1, Decision{RetryAfter: 6 * time.Second})
	m.SetError("")
	takes(t, r, "ann", aMinute, 1, Decision{OK: true, Remaining: 9}) // two failures do not open the breaker
	if s := r.Stats(); s.Failed != 2 || s.Down {
		t.Errorf("stats %+v", s)
	}
}

// A server that accepts and never answers holds up nobody for long, and after three tries nobody at all.
func TestRedisHangs(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	}()
	r, err := NewRedis(RedisConfig{Client: clientOf(t, "redis://"+l.Addr().String()), Secret: secret, Local: newClock().local()})
	if err != nil {
		t.Fatal(err)
	}
	for i := range 20 {
		began := time.Now()
		if d, err := r.Take(t.Context(), "ann", aMinute, 1); err != nil || d.OK != (i < 10) {
			t.Errorf("take %d: %+v, %v", i, d, err)
		}
		// The deadline is 100 ms; the rest is for a machine that is busy.
		if took := time.Since(began); took > 20*defaultTimeout {
			t.Errorf("take %d took %v", i, took)
		}
	}
	if s := r.Stats(); s.Failed != redisFailures || s.Skipped != 20-redisFailures {
		t.Errorf("stats %+v", s)
	}
}

// What other gateways took counts here too when Redis goes.
func TestRedisDownKnowsWhatOthersTook(t *testing.T) {
	t.Parallel()
	m, c := miniredis.RunT(t), newClock()
	c.set(m)
	one, two := newRedis(t, miniClient(t, m), c), newRedis(t, miniClient(t, m), c)
	two.remote.prefix = one.remote.prefix
	takes(t, one, "ann", aMinute, 7, Decision{OK: true, Remaining: 3})
	takes(t, two, "ann", aMinute, 1, Decision{OK: true, Remaining: 2})
	m.Close()
	takes(t, two, "ann", aMinute, 2, Decision{OK: true})
	takes(t, two, "ann", aMinute, 1, Decision{RetryAfter: 6 * time.Second})
}

// Takes that are under way while Redis goes away count for those that come after.
func TestRedisDownCountsWhatIsUnderWay(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0") // accepts and never answers
	if err != nil {
		t.Fatal(err)
	}
	r := newRedis(t, clientOf(t, "redis://"+l.Addr().String()), newClock())
	began := make(chan Decision)
	go func() {
		d, err := r.Take(context.Background(), "ann", aMinute, 10)
		if err != nil {
			t.Error(err)
		}
		began <- d
	}()
	conn, err := l.Accept() // the first take is under way
	if err != nil {
		t.Fatal(err)
	}
	r.remote.breaker.Open()
	takes(t, r, "ann", aMinute, 1, Decision{RetryAfter: 6 * time.Second})
	if err := l.Close(); err != nil {
		t.Error(err)
	}
	if err := conn.Close(); err != nil {
		t.Error(err)
	}
	if d := <-began; !d.OK {
		t.Errorf("got %+v", d)
	}
}
