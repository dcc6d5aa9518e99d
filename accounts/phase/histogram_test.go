package phase

import (
	"bytes"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

// Quantiles are those of the numbers themselves, a twelfth too high at most.
func TestHistogram(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(1, 2))
	var all []time.Duration
	var whole Histogram
	for range 3 {
		var part Histogram
		for range 500 {
			d := time.Duration(random.ExpFloat64() * float64(3*time.Millisecond))
			all = append(all, d)
			part.Add(d)
		}
		whole.Merge(&part)
	}
	slices.Sort(all)
	for _, q := range []float64{0.5, 0.99, 1} {
		exact := all[int(q*float64(len(all)))-1]
		got := whole.Quantile(q)
		if got < max(exact, time.Microsecond)-time.Nanosecond || got > exact*13/12+2*time.Microsecond {
			t.Errorf("quantile %v is %s, want %s and a twelfth at most", q, got, exact)
		}
	}
	if n := whole.Count(); n != int64(len(all)) {
		t.Errorf("it counted %d of %d", n, len(all))
	}
}

func TestHistogramEdges(t *testing.T) {
	t.Parallel()
	var h Histogram
	if h.Quantile(0.99) != 0 || h.Count() != 0 {
		t.Error("nothing was counted")
	}
	for _, d := range []time.Duration{-time.Second, 0, time.Hour} {
		h.Add(d)
	}
	if got := h.Quantile(1); got < time.Minute || got > 70*time.Second {
		t.Errorf("the longest is %s, want a minute", got)
	}
	if got := h.Quantile(0.1); got != time.Microsecond {
		t.Errorf("the shortest is %s", got)
	}
	for range 40 {
		h.Merge(&h)
	}
	if h.Quantile(1) < time.Minute {
		t.Error("counts have run over")
	}
}

func FuzzHistogram(f *testing.F) {
	for _, seed := range [][]byte{nil, {0, 1}, {224, 1, 1}, {0x80, 0, 1}, {3, 5, 0, 1}, {0, 0}} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		var h Histogram
		if h.UnmarshalBinary(data) != nil {
			if h.Count() != 0 {
				t.Error("half of what cannot be read was taken")
			}
			return
		}
		again, err := h.MarshalBinary()
		if err != nil || !bytes.Equal(again, data) {
			t.Errorf("% x is written as % x (%v)", data, again, err)
		}
		_ = h.Quantile(0.99)
	})
}
