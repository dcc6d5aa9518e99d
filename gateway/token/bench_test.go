package token

import (
	"testing"
	"time"

	"github.com/google/uuid"

	"rekey/accounts"
)

func benchHouse(b *testing.B, algorithm string, s store) *house {
	b.Helper()
	h := newHouse(b, s, newClock(), func(k *KeysConfig) { k.Algorithm = algorithm })
	b.ReportAllocs()
	return h
}

func BenchmarkSign(b *testing.B) {
	for _, algorithm := range supported() {
		b.Run(algorithm, func(b *testing.B) {
			h := benchHouse(b, algorithm, newMemory())
			now := h.clock.Now()
			s := accounts.Session{ID: uuid.New(), AccountID: alice.ID, CreatedAt: now, ExpiresAt: now.Add(time.Hour)}
			for b.Loop() {
				if _, _, err := h.families.Sign(s, alice.Name, ""); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkVerify(b *testing.B) {
	for _, algorithm := range supported() {
		b.Run(algorithm, func(b *testing.B) {
			h := benchHouse(b, algorithm, newMemory())
			h.families.cache = newCache(-1)
			verify(b, h)
		})
	}
	b.Run("remembered", func(b *testing.B) { verify(b, benchHouse(b, EdDSA, newMemory())) })
}

func verify(b *testing.B, h *house) {
	b.Helper()
	raw, ctx := h.open(b).Access, b.Context()
	for b.Loop() {
		if _, err := h.families.Verify(ctx, raw); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkVerifyParallel shows what the locks of the cache cost.
func BenchmarkVerifyParallel(b *testing.B) {
	h := benchHouse(b, EdDSA, newMemory())
	raw, ctx := h.open(b).Access, b.Context()
	b.RunParallel(func(p *testing.PB) {
		for p.Next() {
			if _, err := h.families.Verify(ctx, raw); err != nil {
				b.Error(err)
			}
		}
	})
}

func BenchmarkRefresh(b *testing.B) {
	for name, open := range map[string]func() store{
		"memory": func() store { return newMemory() },
		"SQLite": func() store { return openSQLite(b) },
	} {
		b.Run(name, func(b *testing.B) {
			h := benchHouse(b, EdDSA, open())
			tokens := h.open(b)
			for b.Loop() {
				var err error
				if tokens, err = h.refresh(b, tokens.Refresh); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
