package sweeper

import (
	"math"
	"testing"
	"time"
)

// However slow a rate is, it is no fast one.
func TestCost(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		people int
		rate   float64
		want   time.Duration
	}{
		{50, 200, 250 * time.Millisecond}, {1, 0.001 * 0.05, 20_000 * time.Second}, {1, 1e-10, longestCost}, {20_000, 1e-300, longestCost},
		{1, 0, longestCost}, {1, math.NaN(), longestCost}, {1, 1e300, 1},
	} {
		if got := cost(row.people, row.rate); got != row.want {
			t.Errorf("%d people at %g a second cost %v, want %v", row.people, row.rate, got, row.want)
		}
	}
}
