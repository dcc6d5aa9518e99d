package limit

import (
	"context"
	"crypto/rand"
	"errors"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"
)

// patience is a deadline that a machine under load keeps too.
const patience = time.Minute

var secret = []byte("0123456789abcdef")

// A clock is moved by the test.
type clock struct{ micros atomic.Int64 }

func newClock() *clock {
	c := &clock{}
	c.micros.Store(time.Date(2026, 11, 22, 8, 0, 0, 123456000, time.UTC).UnixMicro())
	return c
}

func (c *clock) Now() time.Time             { return time.UnixMicro(c.micros.Load()) }
func (c *clock) Add(d time.Duration)        { c.micros.Add(d.Microseconds()) }
func (c *clock) local() LocalConfig         { return LocalConfig{Now: c.Now} }
func (c *clock) argument(r *Redis)          { r.clock = func() any { return c.micros.Load() } }
func (c *clock) set(m *miniredis.Miniredis) { m.SetTime(c.Now()) }

// A world is a Limiter and the clock that it goes by.
type world struct {
	Limiter
	advance func(time.Duration)
}

// worlds are the twins that the suite is run by.
var worlds = []struct {
	name string
	new  func(t *testing.T) world
}{
	{"local", func(*testing.T) world {
		c := newClock()
		return world{NewLocal(c.local()), c.Add}
	}},
	{"redis", func(t *testing.T) world { // by the time that it is told
		c := newClock()
		r := newRedis(t, miniClient(t, miniredis.RunT(t)), c)
		c.argument(r)
		return world{r, c.Add}
	}},
	{"redis by its own clock", func(t *testing.T) world {
		c := newClock()
		m := miniredis.RunT(t)
		c.set(m)
		return world{newRedis(t, miniClient(t, m), c), func(d time.Duration) { c.Add(d); c.set(m) }}
	}},
	{"redis-server", func(t *testing.T) world {
		c := newClock()
		r := newRedis(t, serverClient(t), c)
		c.argument(r)
		return world{r, c.Add}
	}},
}

func miniClient(t *testing.T, m *miniredis.Miniredis) *redis.Client {
	t.Helper()
	return clientOf(t, "redis://"+m.Addr())
}

// serverClient is a client of a real Redis, which `make test` starts.
func serverClient(t testing.TB) *redis.Client {
	t.Helper()
	url := os.Getenv("REKEY_TEST_REDIS")
	if url == "" {
		t.Skip("REKEY_TEST_REDIS is not set: the twin on a real Redis server is not tried")
	}
	return clientOf(t, url)
}

func clientOf(t testing.TB, url string) *redis.Client {
	t.Helper()
	c, err := NewClient(url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
	return c
}

func newRedis(t testing.TB, client *redis.Client, c *clock) *Redis {
	t.Helper()

	r, err := NewRedis(RedisConfig{Client: client, Secret: secret, Prefix: unique(), Timeout: patience, Local: c.local()})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// TestLimiter is the contract of Limiter, run by each twin.
func TestLimiter(t *testing.T) {
	t.Parallel()
	for _, w := range worlds {
		t.Run(w.name, func(t *testing.T) {
			t.Parallel()
			for _, test := range limiterSuite {
				t.Run(test.name, func(t *testing.T) {
					t.Parallel()
					w := w.new(t)
					test.run(t, w)
					// A twin on Redis that fell back would pass for the other one.
					if r, ok := w.Limiter.(*Redis); ok && r.Stats() != (RedisStats{}) {
						t.Errorf("Redis was not reached: %+v", r.Stats())
					}
				})
			}
		})
	}
}

// aMinute lets one through every 6 s, and ten at once.
var aMinute = Rule{Name: "minute", Count: 10, Per: time.Minute, Burst: 10}

var limiterSuite = []struct {
	name string
	run  func(*testing.T, world)
}{
	{"lets a burst through and then says when", func(t *testing.T, w world) {
		for i := range int64(10) {
			takes(t, w, "ann", aMinute, 1, Decision{OK: true, Remaining: 9 - i})
		}
		takes(t, w, "ann", aMinute, 1, Decision{RetryAfter: 6 * time.Second})
		w.advance(2 * time.Second)
		takes(t, w, "ann", aMinute, 1, Decision{RetryAfter: 4 * time.Second})
		w.advance(4*time.Second - time.Microsecond)
		takes(t, w, "ann", aMinute, 1, Decision{RetryAfter: time.Microsecond})
		w.advance(time.Microsecond)
		takes(t, w, "ann", aMinute, 1, Decision{OK: true})
		takes(t, w, "ann", aMinute, 1, Decision{RetryAfter: 6 * time.Second})
	}},
	{"a refusal takes nothing", func(t *testing.T, w world) {
		takes(t, w, "ann", aMinute, 10, Decision{OK: true})
		for range 50 {
			takes(t, w, "ann", aMinute, 1, Decision{RetryAfter: 6 * time.Second})
		}
		w.advance(6 * time.Second)
		takes(t, w, "ann", aMinute, 1, Decision{OK: true})
	}},
	{"comes back at the steady rate, never beyond the burst", func(t *testing.T, w world) {
		takes(t, w, "ann", aMinute, 10, Decision{OK: true})
		w.advance(20 * time.Second)
		takes(t, w, "ann", aMinute, 1, Decision{OK: true, Remaining: 2})
		w.advance(365 * 24 * time.Hour)
		takes(t, w, "ann", aMinute, 1, Decision{OK: true, Remaining: 9})
	}},
	{"takes several or none", func(t *testing.T, w world) {
		takes(t, w, "ann", aMinute, 7, Decision{OK: true, Remaining: 3})
		takes(t, w, "ann", aMinute, 4, Decision{RetryAfter: 6 * time.Second, Remaining: 3})
		takes(t, w, "ann", aMinute, 10, Decision{RetryAfter: 42 * time.Second, Remaining: 3})
		takes(t, w, "ann", aMinute, 3, Decision{OK: true})
	}},
	{"gives back", func(t *testing.T, w world) {
		takes(t, w, "ann", aMinute, 10, Decision{OK: true})
		w.Give(t.Context(), "ann", aMinute, 1)
		takes(t, w, "ann", aMinute, 1, Decision{OK: true})
		takes(t, w, "ann", aMinute, 1, Decision{RetryAfter: 6 * time.Second})
		w.advance(time.Second)
		w.Give(t.Context(), "ann", aMinute, 3)
		takes(t, w, "ann", aMinute, 4, Decision{RetryAfter: 5 * time.Second, Remaining: 3})
	}},
	{"never gives more than a burst", func(t *testing.T, w world) {
		w.Give(t.Context(), "ann", aMinute, 10)
		takes(t, w, "ann", aMinute, 1, Decision{OK: true, Remaining: 9})
		w.Give(t.Context(), "ann", aMinute, 10)
		w.Give(t.Context(), "ann", aMinute, 10)
		takes(t, w, "ann", aMinute, 10, Decision{OK: true})
		takes(t, w, "ann", aMinute, 1, Decision{RetryAfter: 6 * time.Second})
	}},
	{"a hundred successes cost nothing", func(t *testing.T, w world) {
		for range 100 {
			takes(t, w, "ann", aMinute, 1, Decision{OK: true, Remaining: 9})
			w.Give(t.Context(), "ann", aMinute, 1)
		}
	}},
	{"keys and rules count for themselves", func(t *testing.T, w world) {
		takes(t, w, "ann", aMinute, 10, Decision{OK: true})
		takes(t, w, "ben", aMinute, 1, Decision{OK: true, Remaining: 9})
		takes(t, w, "", aMinute, 1, Decision{OK: true, Remaining: 9})
		other := Rule{Name: "other", Count: 1, Per: time.Hour, Burst: 2}
		takes(t, w, "ann", other, 2, Decision{OK: true})
		takes(t, w, "ann", other, 1, Decision{RetryAfter: time.Hour})
		takes(t, w, "ann", aMinute, 1, Decision{RetryAfter: 6 * time.Second})
	}},
	{"any key will do", func(t *testing.T, w world) {
		for _, key := range []string{"", "\x00", "a b\r\n", "{x}", string(make([]byte, 100_000)), "\xff", "ånn"} {
			takes(t, w, key, aMinute, 10, Decision{OK: true})
			takes(t, w, key, aMinute, 1, Decision{RetryAfter: 6 * time.Second})
		}
	}},
	{"a clock set back shuts nobody out for longer than a burst", func(t *testing.T, w world) {
		takes(t, w, "ann", aMinute, 10, Decision{OK: true})
		w.advance(-24 * time.Hour)
		takes(t, w, "ann", aMinute, 1, Decision{RetryAfter: 6 * time.Second})
		w.advance(time.Minute)
		takes(t, w, "ann", aMinute, 1, Decision{RetryAfter: 6 * time.Second}) // a refusal writes nothing
		w.Give(t.Context(), "ann", aMinute, 1)
		takes(t, w, "ann", aMinute, 1, Decision{OK: true})
		w.advance(time.Minute)
		takes(t, w, "ann", aMinute, 10, Decision{OK: true})
	}},
	{"rounds in favour of the limit", func(t *testing.T, w world) {
		rule := Rule{Name: "seven", Count: 7, Per: time.Minute, Burst: 1} // 8.571428571… s
		takes(t, w, "ann", rule, 1, Decision{OK: true})
		takes(t, w, "ann", rule, 1, Decision{RetryAfter: 8571429 * time.Microsecond})
	}},
	{"the largest rule is exact", func(t *testing.T, w world) {
		rule := Rule{Name: "large", Count: 1, Per: 366 * 24 * time.Hour, Burst: 1}
		takes(t, w, "ann", rule, 1, Decision{OK: true})
		w.advance(366*24*time.Hour - time.Microsecond)
		takes(t, w, "ann", rule, 1, Decision{RetryAfter: time.Microsecond})
	}},
	{"exactly a burst, however many take at once", func(t *testing.T, w world) {
		var let atomic.Int64
		var all sync.WaitGroup
		for range 20 {
			all.Go(func() {
				for range 5 {
					d, err := w.Take(t.Context(), "ann", aMinute, 1)
					if err != nil {
						t.Error(err)
					}
					if d.OK {
						let.Add(1)
					}
				}
			})
		}
		all.Wait()
		if let.Load() != 10 {
			t.Errorf("let %d through", let.Load())
		}
	}},
	{"a client that hangs up has taken all the same", func(t *testing.T, w world) {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if d, err := w.Take(ctx, "ann", aMinute, 10); !d.OK || err != nil {
			t.Errorf("got %+v, %v", d, err)
		}
		takes(t, w, "ann", aMinute, 1, Decision{RetryAfter: 6 * time.Second})
	}},
	{"refuses rules that cannot be", func(t *testing.T, w world) {
		for _, test := range []struct {
			rule Rule
			n    int64
		}{
			{Rule{}, 1},
			{Rule{Count: 1, Per: time.Second, Burst: 1}, 1},
			{Rule{Name: "x", Per: time.Second, Burst: 1}, 1},
			{Rule{Name: "x", Count: -1, Per: time.Second, Burst: 1}, 1},
			{Rule{Name: "x", Count: 1, Burst: 1}, 1},
			{Rule{Name: "x", Count: 1, Per: time.Nanosecond, Burst: 1}, 1},
			{Rule{Name: "x", Count: 1e6 + 1, Per: time.Second, Burst: 1}, 1},
			{Rule{Name: "x", Count: 1, Per: time.Second}, 1},
			{Rule{Name: "x", Count: 1, Per: time.Second, Burst: -1}, 1},
			{Rule{Name: "x", Count: 1, Per: time.Second, Burst: 1e6 + 1}, 1},
			{Rule{Name: "x", Count: 1, Per: 366*24*time.Hour + time.Microsecond, Burst: 1}, 1},
			{Rule{Name: "x", Count: 1, Per: 1 << 62, Burst: 1e6}, 1},
			{aMinute, 0},
			{aMinute, -1},
			{aMinute, 11},
		} {
			if d, err := w.Take(t.Context(), "ann", test.rule, test.n); d.OK || !errors.Is(err, ErrRule) {
				t.Errorf("%+v, %d: got %+v, %v", test.rule, test.n, d, err)
			}
			w.Give(t.Context(), "ann", test.rule, test.n)
		}
		takes(t, w, "ann", aMinute, 10, Decision{OK: true})
		w.Give(t.Context(), "ann", aMinute, -10) // takes nothing either
		w.Give(t.Context(), "ann", aMinute, 11)
		takes(t, w, "ann", aMinute, 1, Decision{RetryAfter: 6 * time.Second})
	}},
}

func takes(t *testing.T, l Limiter, key string, rule Rule, n int64, want Decision) {
	t.Helper()
	got, err := l.Take(t.Context(), key, rule, n)
	if err != nil || got != want {
		t.Fatalf("Take %d of %s: got %+v, %v; want %+v", n, rule.Name, got, err, want)
	}
}

// unique is a prefix that no other test uses.
func unique() string { return "rekey-test:" + rand.Text() + ":" }
