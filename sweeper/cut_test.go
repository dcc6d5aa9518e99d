package sweeper

import (
	"math"
	"testing"
	"testing/synctest"
	"time"

	"rekey/accounts"
)

// However small a chunk is, so many are cut that the rate is kept until the next cut.
func TestReady(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct {
		orders Orders
		want   int
	}{
		"as it is by default": {Orders{Workers: 2, Rate: 200, Chunk: 10_000}, 4},
		"full speed":          {Orders{Workers: 2, Rate: math.Inf(1), Chunk: 10_000}, 4},
		"many workers":        {Orders{Workers: 16, Rate: 200, Chunk: 10_000}, 32},
		"small chunks":        {Orders{Workers: 2, Rate: 1000, Chunk: 100}, 20},
		"and full speed":      {Orders{Workers: 2, Rate: math.Inf(1), Chunk: 100}, 400},
		"a rate of 0":         {Orders{Workers: 1, Rate: 0, Chunk: 100}, 2},
	} {
		if got := row.orders.ready(); got != row.want {
			t.Errorf("%s: %d chunks, want %d", name, got, row.want)
		}
	}
}

// A cut that takes long ends, and the next goes on where it was.
func TestCutInPieces(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 1000)
		run := w.begin(nil)
		p := &Planner{Service: w.Service, Desk: &Desk{}}
		orders := Orders{Run: run, Spec: aSpec(), Workers: 1, Rate: math.Inf(1), Chunk: 100}
		cut := func() (bool, []accounts.Chunk) {
			t.Helper()
			chunks, _ := w.counts(run.ID)
			whole, err := p.cut(t.Context(), orders, chunks)
			if err != nil {
				t.Fatal(err)
			}
			chunks, _ = w.counts(run.ID)
			return whole, chunks
		}
		w.shop.onCut = func() { time.Sleep(cutFor / 4) } // of the bubble's clock
		for i, want := range []int{4, 8, 11, 11} {
			if whole, chunks := cut(); len(chunks) != want || whole != (i == 3) {
				t.Errorf("%d: %d chunks, whole %v; want %d", i, len(chunks), whole, want)
			}
		}
	})
}
