package load_test

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"

	"rekey/cmd/loadtest/load"
)

// A server that stalls cannot hide it: who was due meanwhile waits from when they were due, not from when they were asked.
func TestOpenCountsFromWhenDue(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		one := make(chan struct{}, 1) // at a time; a mutex would not let the clock go on
		var asked atomic.Int64
		tally, err := load.Open(t.Context(), 10, 950*time.Millisecond, func(_ context.Context, i int64) (int, error) {
			asked.Add(1)
			one <- struct{}{}
			defer func() { <-one }()
			if i == 0 {
				time.Sleep(2 * time.Second) // the stall
			}
			return http.StatusOK, nil
		})
		if err != nil || asked.Load() != 10 || tally.Of(http.StatusOK) != 10 {
			t.Fatalf("%d were asked, %d counted, %v", asked.Load(), tally.Count(), err)
		}
		near := func(got, want time.Duration) bool {
			return got > want-5*time.Millisecond && got < want+5*time.Millisecond
		}
		if least, most := tally.Quantile(http.StatusOK, 1), tally.Quantile(http.StatusOK, 100); !near(least, 1100*time.Millisecond) || !near(most, 2*time.Second) {
			t.Errorf("they took %s to %s, want 1.1 s to 2 s", least, most)
		}
	})
}

func TestCount(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	var seen []int64
	tally, rate, err := load.Count(t.Context(), 3, 20, func(_ context.Context, i int64) (int, error) {
		mu.Lock()
		defer mu.Unlock()
		seen = append(seen, i)
		if i == 7 {
			return http.StatusTeapot, nil
		}
		return http.StatusOK, nil
	})
	if slices.Sort(seen); err != nil || rate <= 0 || len(seen) != 20 || seen[0] != 0 || len(slices.Compact(seen)) != 20 {
		t.Errorf("asked %v at %v/s, %v", seen, rate, err)
	}
	if tally.Of(http.StatusTeapot) != 1 || tally.Count() != 20 || tally.Only(http.StatusOK) == nil || len(tally.Statuses()) != 2 {
		t.Errorf("counted %d of %d", tally.Of(http.StatusTeapot), tally.Count())
	}
	into := hdrhistogram.New(1, int64(time.Minute/time.Microsecond), 3)
	tally.Into(into, http.StatusOK)
	tally.Into(into, http.StatusNotFound)
	if into.TotalCount() != 19 {
		t.Errorf("%d answers went into the histogram, want 19", into.TotalCount())
	}
}

// An error of one question ends all.
func TestErrors(t *testing.T) {
	t.Parallel()
	broken := errors.New("broken")
	ask := func(context.Context, int64) (int, error) { return 0, broken }
	if _, _, err := load.Count(t.Context(), 2, 10, ask); !errors.Is(err, broken) {
		t.Errorf("Count: %v", err)
	}
	if _, _, err := load.Closed(t.Context(), 2, time.Hour, ask); !errors.Is(err, broken) {
		t.Errorf("Closed: %v", err)
	}
	if _, err := load.Open(t.Context(), 1000, time.Millisecond, ask); !errors.Is(err, broken) {
		t.Errorf("Open: %v", err)
	}
}
