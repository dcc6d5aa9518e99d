package limit

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"
)

// TestDenylist is the contract of Denylist, run by each twin.
func TestDenylist(t *testing.T) {
	t.Parallel()
	for name, build := range map[string]func(*testing.T, *clock) Denylist{
		"local": func(_ *testing.T, c *clock) Denylist { return NewLocalDenylist(c.local()) },
		"redis": func(t *testing.T, c *clock) Denylist {
			return newDenylist(t, miniClient(t, miniredis.RunT(t)), t.Name(), c)
		},
		"redis-server": func(t *testing.T, c *clock) Denylist { return newDenylist(t, serverClient(t), unique(), c) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newClock()
			d := build(t, c)
			ctx := t.Context()
			expect := func(session string, want bool) {
				t.Helper()
				if got := d.Revoked(session); got != want {
					t.Errorf("Revoked %q: got %t", session, got)
				}
			}
			expect("a", false)
			d.Revoke(ctx, "a", c.Now().Add(time.Minute))
			d.Revoke(ctx, "past", c.Now())
			expect("a", true)
			expect("A", false)
			expect("", false)
			expect("past", false)
			d.Revoke(ctx, "a", c.Now().Add(time.Second)) // shortens nothing
			c.Add(time.Minute - time.Microsecond)
			expect("a", true)
			d.Revoke(ctx, "a", c.Now().Add(time.Minute))
			c.Add(time.Microsecond)
			expect("a", true)
			c.Add(time.Minute)
			expect("a", false)
			if r, ok := d.(*RedisDenylist); ok && r.Stats() != (RedisStats{}) {
				t.Errorf("Redis was not reached: %+v", r.Stats())
			}
		})
	}
}

func newDenylist(t testing.TB, client *redis.Client, prefix string, c *clock) *RedisDenylist {
	t.Helper()
	d, err := NewRedisDenylist(RedisConfig{Client: client, Secret: secret, Prefix: prefix, Timeout: patience, Local: c.local()})
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// What one gateway revokes the others hear of, also those that start later or were cut off.
func TestRedisDenylistIsShared(t *testing.T) {
	t.Parallel()
	m := miniredis.RunT(t)
	for name, build := range map[string]func(*testing.T) (*redis.Client, string){
		"redis":        func(t *testing.T) (*redis.Client, string) { return miniClient(t, m), unique() },
		"redis-server": func(t *testing.T) (*redis.Client, string) { return serverClient(t), unique() },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			client, prefix := build(t)
			c, ctx := newClock(), t.Context()
			one, two := newDenylist(t, client, prefix, c), newDenylist(t, client, prefix, c)
			two.pull(ctx) // there is nothing yet
			for i := range 2*followBatch + 1 {
				one.Revoke(ctx, fmt.Sprint(i), c.Now().Add(time.Minute))
			}
			if two.Revoked("0") {
				t.Fatal("heard of it before it asked")
			}
			two.pull(ctx)
			late := newDenylist(t, client, prefix, c)
			late.pull(ctx)
			for _, d := range []*RedisDenylist{one, two, late} {
				for i := range 2*followBatch + 1 {
					if !d.Revoked(fmt.Sprint(i)) {
						t.Fatalf("did not hear of %d", i)
					}
				}
				if d.Revoked("other") {
					t.Error("heard of what was not said")
				}
				if d.Stats() != (RedisStats{}) {
					t.Errorf("stats %+v", d.Stats())
				}
			}
			if ttl := client.TTL(ctx, one.stream).Val(); ttl <= 0 || ttl > streamLife {
				t.Errorf("the stream lives for %v", ttl)
			}
		})
	}
}

func TestRedisDenylistSurvivesRedis(t *testing.T) {
	t.Parallel()
	m, c := miniredis.RunT(t), newClock()
	ctx := t.Context()
	one, two := newDenylist(t, miniClient(t, m), "p", c), newDenylist(t, miniClient(t, m), "p", c)
	one.Revoke(ctx, "before", c.Now().Add(time.Minute))
	two.pull(ctx)

	m.Close()
	one.Revoke(ctx, "during", c.Now().Add(time.Minute))
	two.pull(ctx)
	if !one.Revoked("during") || !two.Revoked("before") || one.Stats().Failed != 1 || two.Stats().Failed != 1 {
		t.Errorf("stats %+v and %+v", one.Stats(), two.Stats())
	}

	// It comes back empty and with an earlier clock, so its entries have earlier ids than those already read.
	m.FlushAll()
	m.SetTime(time.Unix(1, 0))
	if err := m.Restart(); err != nil {
		t.Fatal(err)
	}
	one.Revoke(ctx, "after", c.Now().Add(time.Minute))
	two.pull(ctx)
	if !two.Revoked("after") || !two.Revoked("before") {
		t.Error("lost after a restart of Redis")
	}
}

// Entries that this version does not understand stop nothing.
func TestRedisDenylistPassesOverNonsense(t *testing.T) {
	t.Parallel()
	m, c := miniredis.RunT(t), newClock()
	client := miniClient(t, m)
	d := newDenylist(t, client, "p", c)
	for _, values := range [][]string{{"x", "y"}, {"session", "s"}, {"session", "s", "until", "soon"}, {"session", "", "until", "99999999999999"}} {
		if err := client.XAdd(t.Context(), &redis.XAddArgs{Stream: d.stream, Values: values}).Err(); err != nil {
			t.Fatal(err)
		}
	}
	newDenylist(t, client, "p", c).Revoke(t.Context(), "real", c.Now().Add(time.Minute))
	d.pull(t.Context())
	if !d.Revoked("real") || d.local.count.Load() != 1 {
		t.Errorf("%d entries", d.local.count.Load())
	}
}

func TestRedisDenylistFollows(t *testing.T) {
	t.Parallel()
	m, c := miniredis.RunT(t), newClock()
	one, two := newDenylist(t, miniClient(t, m), "p", c), newDenylist(t, miniClient(t, m), "p", c)
	one.Revoke(t.Context(), "a", c.Now().Add(time.Minute))
	ctx, stop := context.WithCancel(t.Context())
	var following sync.WaitGroup
	following.Go(func() { two.Follow(ctx) })
	for deadline := time.After(10 * time.Second); !two.Revoked("a"); {
		select {
		case <-deadline:
			t.Fatal("did not hear of it")
		case <-time.After(time.Millisecond):
		}
	}
	stop()
	following.Wait()
}

func TestLocalDenylistIsBounded(t *testing.T) {
	t.Parallel()
	c := newClock()
	d := NewLocalDenylist(LocalConfig{MaxKeys: 10, Now: c.Now})
	if d.Revoke(t.Context(), "past", c.Now()); d.count.Load() != 0 {
		t.Error("what has ended is kept")
	}
	for i := range 30 {
		d.Revoke(t.Context(), fmt.Sprint(i), c.Now().Add(time.Duration(i+1)*time.Minute))
	}
	for i := range 30 {
		if got := d.Revoked(fmt.Sprint(i)); got != (i >= 20) {
			t.Errorf("Revoked %d: %t", i, got)
		}
	}
	if d.Evicted() != 20 || d.count.Load() != 10 {
		t.Errorf("%d evicted, %d kept", d.Evicted(), d.count.Load())
	}
	c.Add(time.Hour)
	for i := range 20 {
		d.Revoke(t.Context(), fmt.Sprint("new", i%2), c.Now().Add(time.Minute))
	}
	if d.count.Load() != 2 {
		t.Errorf("%d kept after the others had expired", d.count.Load())
	}
}
