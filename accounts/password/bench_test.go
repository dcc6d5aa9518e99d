package password_test

import (
	"context"
	"testing"

	"rekey/accounts/password"
)

func BenchmarkHash(b *testing.B) {
	var h password.Hasher
	b.ReportAllocs()
	for b.Loop() {
		if _, err := h.Hash([]byte(typed)); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkVerify(b *testing.B) {
	var h password.Hasher
	encoded := h.Dummy()
	b.ReportAllocs()
	for b.Loop() {
		if ok, err := h.Verify(encoded, []byte(typed)); ok || err != nil {
			b.Fatal(ok, err)
		}
	}
}

// BenchmarkParse is what a stored string costs beside the hash.
func BenchmarkParse(b *testing.B) {
	encoded := password.Hasher{}.Dummy()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := password.MemoryOf(encoded); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkThroughput compares verifications on all cores: bare, with as many goroutines as cores, and through the pool
// from eight times as many clients.
func BenchmarkThroughput(b *testing.B) {
	var h password.Hasher
	encoded := h.Dummy()
	verify := func() { h.VerifyDummy([]byte(typed)) }
	memory, err := password.MemoryOf(encoded)
	if err != nil {
		b.Fatal(err)
	}
	b.Run("bare", func(b *testing.B) {
		b.RunParallel(func(pb *testing.PB) {
			for pb.Next() {
				verify()
			}
		})
	})
	b.Run("pool", func(b *testing.B) {
		p := password.NewPool(password.PoolConfig{})
		b.SetParallelism(8)
		b.RunParallel(func(pb *testing.PB) {
			for pb.Next() {
				if err := p.Do(context.Background(), memory, password.PriorityLogin, verify); err != nil {
					b.Error(err)
				}
			}
		})
	})
}

// BenchmarkPoolOverhead is what the pool costs beside the work: a permit that is free, and one that has to be waited for.
func BenchmarkPoolOverhead(b *testing.B) {
	for name, clients := range map[string]int{"free": 1, "contended": 16} {
		b.Run(name, func(b *testing.B) {
			p := password.NewPool(password.PoolConfig{Permits: 1, MaxWait: 1 << 40})
			b.ReportAllocs()
			b.SetParallelism(clients)
			run := func(pb *testing.PB) {
				for pb.Next() {
					if err := p.Do(context.Background(), 1, password.PriorityLogin, func() {}); err != nil {
						b.Error(err)
					}
				}
			}
			b.RunParallel(run)
		})
	}
}
