package accounts_test

import (
	"context"
	"testing"

	"rekey/accounts"
	"rekey/legacy/legacytest"
)

// Old stores are asked at once how many people they have, and nobody who wants to know how far it is waits for one that hangs.
func TestTotalsOfStoresThatHang(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	shopAsked, blogAsked, never := make(chan struct{}), make(chan struct{}), make(chan struct{})
	after := func(asked, wait chan struct{}, n int64) func(context.Context) (int64, error) {
		return func(ctx context.Context) (int64, error) {
			close(asked)
			select {
			case <-wait:
				return n, nil
			case <-ctx.Done():
				return 0, ctx.Err()
			}
		}
	}
	s := w.serve(t, func(c *accounts.Config) {
		c.Sources = []accounts.Source{
			{Name: "shop", Source: counter{legacytest.NewMemory(), after(shopAsked, blogAsked, 7)}},
			{Name: "blog", Source: counter{legacytest.NewMemory(), after(blogAsked, shopAsked, 8)}},
			{Name: "mill", Source: counter{legacytest.NewMemory(), after(make(chan struct{}), never, 9)}},
		}
	})
	p := mustProgress(t, s)
	for source, want := range map[string]int64{"shop": 7, "blog": 8} {
		if p := of(t, p, source); p.Total == nil || *p.Total != want {
			t.Errorf("%s: %+v", source, p)
		}
	}
	if p := of(t, p, "mill"); p.Total != nil || p.Uncounted != "the source has not answered yet" {
		t.Errorf("the one that hangs: %+v", p)
	}
}
