package limit

import (
	"fmt"
	"maps"
	"math"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// A bucket is GCRA's other form, the continuous-state leaky bucket of the same specification, written down apart from
// the code: it leaks a microsecond a microsecond, a token pours an interval, and what would spill is refused.
type bucket struct{ level int64 }

func (b *bucket) leak(d time.Duration) { b.level = max(0, b.level-d.Microseconds()) }

func (b *bucket) take(s spec, n int64) Decision {
	if spill := b.level + n*s.interval - s.interval*s.burst; spill > 0 {
		return Decision{RetryAfter: time.Duration(spill) * time.Microsecond, Remaining: (s.interval*s.burst - b.level) / s.interval}
	}
	b.level += n * s.interval
	return Decision{OK: true, Remaining: (s.interval*s.burst - b.level) / s.interval}
}

func (b *bucket) give(s spec, n int64) { b.level = max(0, b.level-n*s.interval) }

// TestTwinsAreEqual: whatever is taken and given back, and whenever, each twin decides as the leaky bucket does, to the
// microsecond, and so as each other twin.
func TestTwinsAreEqual(t *testing.T) {
	t.Parallel()
	rules := []Rule{
		aMinute,
		{Name: "seven", Count: 7, Per: time.Minute, Burst: 3},
		{Name: "slow", Count: 1, Per: time.Hour, Burst: 5},
		{Name: "one", Count: 3, Per: 10 * time.Second, Burst: 1},
	}
	for _, w := range worlds {
		t.Run(w.name, func(t *testing.T) {
			t.Parallel()
			w, round := w.new(t), 0
			rapid.Check(t, func(t *rapid.T) {
				round++ // each round has keys of its own
				buckets := map[string]*bucket{}
				for range rapid.IntRange(1, 30).Draw(t, "steps") {
					d := time.Duration(rapid.SampledFrom([]int64{0, 0, 0, 1, 999, 1e6, 5_999_999, 6e6, 37e6, 4e9}).Draw(t, "advance")) * time.Microsecond
					w.advance(d)
					for _, b := range buckets {
						b.leak(d)
					}
					rule := rapid.SampledFrom(rules).Draw(t, "rule")
					key := fmt.Sprint(round, rapid.SampledFrom([]string{"ann", "ben"}).Draw(t, "key"))
					n := rapid.Int64Range(1, rule.Burst).Draw(t, "n")
					s, err := rule.spec()
					if err != nil {
						t.Fatal(err)
					}
					b := buckets[rule.Name+key]
					if b == nil {
						b = &bucket{}
						buckets[rule.Name+key] = b
					}
					if rapid.IntRange(0, 3).Draw(t, "give") == 0 {
						b.give(s, n)
						w.Give(t.Context(), key, rule, n)
						continue
					}
					want := b.take(s, n)
					if got, err := w.Take(t.Context(), key, rule, n); err != nil || got != want {
						t.Fatalf("Take %d of %s: got %+v, %v; want %+v", n, rule.Name, got, err, want)
					}
				}
			})
			if r, ok := w.Limiter.(*Redis); ok && r.Stats() != (RedisStats{}) {
				t.Errorf("Redis was not reached: %+v", r.Stats())
			}
		})
	}
}

// TestForgettingFailsSafe: with room for next to nothing, what a Local lets through never exceeds the rule, whoever
// floods it.
func TestForgettingFailsSafe(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		rule := Rule{Name: "r", Count: 1, Per: time.Second, Burst: rapid.Int64Range(1, 4).Draw(t, "burst")}
		s, err := rule.spec()
		if err != nil {
			t.Fatal(err)
		}
		c := newClock()
		l := NewLocal(LocalConfig{MaxKeys: rapid.IntRange(1, 3).Draw(t, "room"), Now: c.Now})
		buckets := map[string]*bucket{}
		for range rapid.IntRange(1, 80).Draw(t, "steps") {
			d := time.Duration(rapid.SampledFrom([]int64{0, 0, 0, 300, 1000, 2500}).Draw(t, "advance")) * time.Millisecond
			c.Add(d)
			for _, b := range buckets {
				b.leak(d)
			}
			key := rapid.SampledFrom([]string{"a", "b", "c", "d", "e", "f"}).Draw(t, "key")
			if buckets[key] == nil {
				buckets[key] = &bucket{}
			}
			got, err := l.Take(t.Context(), key, rule, 1)
			if err != nil {
				t.Fatal(err)
			}
			if got.OK && !buckets[key].take(s, 1).OK {
				t.Fatal("a key that was forgotten got a token that it had used")
			}
			if got.OK && rapid.IntRange(0, 3).Draw(t, "give") == 0 {
				buckets[key].give(s, 1)
				l.Give(t.Context(), key, rule, 1)
			}
		}
	})
}

// TestTable: a table is a map that, when full, forgets the key with the earliest time.
func TestTable(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		size := rapid.IntRange(1, 8).Draw(t, "size")
		table, model := newTable(size), map[uint64]int64{}
		least := func() (at int64) {
			at = math.MaxInt64
			for _, v := range model {
				at = min(at, v)
			}
			return at
		}
		for range rapid.IntRange(1, 60).Draw(t, "steps") {
			key := rapid.Uint64Range(0, 12).Draw(t, "key")
			_, had := model[key]
			switch rapid.IntRange(0, 3).Draw(t, "what") {
			case 0:
				table.drop(key)
				delete(model, key)
			case 1:
				now := rapid.Int64Range(0, 100).Draw(t, "now")
				table.trim(now)
				gone := 0
				maps.DeleteFunc(model, func(k uint64, at int64) bool {
					_, ok := table.get(k)
					if !ok && at > now {
						t.Fatal("trimmed a time to come")
					}
					if !ok {
						gone++
					}
					return !ok
				})
				if gone < 2 && least() <= now {
					t.Fatalf("trimmed only %d", gone)
				}
			default:
				at := rapid.Int64Range(0, 100).Draw(t, "at")
				want := least()
				evicted, full := table.set(key, at)
				if full != (!had && len(model) == size) || full && evicted != want {
					t.Fatalf("evicted %d, %t; the earliest was %d", evicted, full, want)
				}
				if full {
					maps.DeleteFunc(model, func(k uint64, _ int64) bool { _, ok := table.get(k); return !ok })
				}
				model[key] = at
			}
			if len(table.heap) != len(model) || len(table.byKey) != len(model) {
				t.Fatalf("%d and %d are kept, want %d", len(table.heap), len(table.byKey), len(model))
			}
			for k, at := range model {
				if got, ok := table.get(k); !ok || got != at {
					t.Fatalf("%d: got %d, %t; want %d", k, got, ok, at)
				}
			}
		}
	})
}
