package sweeper

import (
	"math"
	"testing"
	"testing/synctest"
	"time"

	"rekey/accounts"
)

// However small a chunk is, so many are cut that the rate is kept until the next cut.
func TestMissing(t *testing.T) {
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
		if got := row.orders.missing(stock{}, row.orders.Chunk); got != row.want {
			t.Errorf("%s: %d chunks, want %d", name, got, row.want)
		}
		if got := row.orders.missing(stock{row.want, row.want * row.orders.Chunk}, row.orders.Chunk); got > 0 {
			t.Errorf("%s: %d more chunks", name, got)
		}
	}
}

// Of a small source the chunks are smaller than the settings say, and there are as many more of them.
func TestCutKeepsTheRate(t *testing.T) {
	t.Parallel()
	const people = 1100
	w := newWorld(t, people)
	run := w.begin(nil)
	parts, err := w.store.Parts(t.Context(), run.ID)
	if err != nil {
		t.Fatal(err)
	}
	counted := parts[0]
	counted.Total = people
	if err := w.store.CutChunks(t.Context(), run.ID, parts[0], counted, nil); err != nil {
		t.Fatal(err)
	}
	p := &Planner{Service: w.Service, Desk: &Desk{}}
	orders := Orders{Run: run, Spec: aSpec(), Workers: 1, Rate: 480, Chunk: 10_000}
	for range 5 { // on a slow machine a cut ends before it is done
		chunks, _ := w.counts(run.ID)
		if _, err := p.cut(t.Context(), orders, chunks); err != nil {
			t.Fatal(err)
		}
	}
	chunks, _ := w.counts(run.ID)
	if each := orders.chunkOf(people); each != 250 || len(chunks) != 4 { // two seconds' people
		t.Errorf("%d chunks of %d people", len(chunks), each)
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
