package limit

import (
	"fmt"
	"testing"
	"time"
)

// BenchmarkTake is a take and its give-back, as a login that succeeds makes them.
func BenchmarkTake(b *testing.B) {
	rule := DefaultRules().Identifier
	takeAndGive := func(b *testing.B, l Limiter, key string) {
		if d, err := l.Take(b.Context(), key, rule, 1); err != nil || !d.OK {
			b.Error(d, err)
		}
		l.Give(b.Context(), key, rule, 1)
	}
	b.Run("local", func(b *testing.B) {
		l := NewLocal(LocalConfig{})
		b.ReportAllocs()
		for b.Loop() {
			takeAndGive(b, l, "ann@example.org")
		}
	})
	b.Run("local, full of others", func(b *testing.B) {
		l := NewLocal(LocalConfig{})
		for i := range 2 * defaultMaxKeys {
			if _, err := l.Take(b.Context(), fmt.Sprint(i), rule, 1); err != nil {
				b.Fatal(err)
			}
		}
		b.ReportAllocs()
		for b.Loop() {
			takeAndGive(b, l, "ann@example.org")
		}
	})
	b.Run("local, parallel", func(b *testing.B) {
		l := NewLocal(LocalConfig{})
		b.RunParallel(func(pb *testing.PB) {
			for i := 0; pb.Next(); i++ {
				takeAndGive(b, l, fmt.Sprint(i%1000))
			}
		})
	})
	b.Run("redis-server", func(b *testing.B) {
		r := newRedis(b, serverClient(b), newClock())
		b.ReportAllocs()
		for b.Loop() {
			takeAndGive(b, r, "ann@example.org")
		}
	})
}

func BenchmarkRevoked(b *testing.B) {
	client := clientOf(b, "redis://127.0.0.1:1") // never called
	d := newDenylist(b, client, "p", &clock{})
	run := func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if d.Revoked("0193e2f0-7c1a-7000-8000-000000000000") {
				b.Fatal("revoked")
			}
		}
	}
	b.Run("none", run)
	d.local.Revoke(b.Context(), "another", time.Now())
	b.Run("some", run)
}
