package phase

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"time"
)

// A Histogram counts durations, from a microsecond to a minute, in buckets of which each is a twelfth wider than the one
// before: a quantile is told up to 8 % too high, and never too low. The zero Histogram has counted nothing.
type Histogram struct {
	counts [histogramBuckets]uint32
}

const (
	histogramBuckets = 225 // 1.0833^224 microseconds are a minute
	histogramGrowth  = 13.0 / 12
)

// Add counts a duration. What is longer than a minute counts as the last bucket.
func (h *Histogram) Add(d time.Duration) {
	i := 0
	if micros := float64(d) / float64(time.Microsecond); micros > 1 {
		i = min(int(math.Ceil(math.Log(micros)/math.Log(histogramGrowth))), histogramBuckets-1)
	}
	h.counts[i] = add(h.counts[i], 1)
}

// Merge adds what another histogram has counted.
func (h *Histogram) Merge(other *Histogram) {
	for i, n := range other.counts {
		h.counts[i] = add(h.counts[i], n)
	}
}

// add stops at the largest number there is.
func add(a, b uint32) uint32 {
	if a > math.MaxUint32-b {
		return math.MaxUint32
	}
	return a + b
}

// Count returns how many durations were counted.
func (h *Histogram) Count() int64 {
	var n int64
	for _, c := range h.counts {
		n += int64(c)
	}
	return n
}

// Quantile returns a duration that the share q of what was counted does not exceed; 0 if nothing was counted.
func (h *Histogram) Quantile(q float64) time.Duration {
	want := max(int64(math.Ceil(q*float64(h.Count()))), 1)
	var n int64
	for i, c := range h.counts {
		if n += int64(c); n >= want {
			return time.Duration(math.Pow(histogramGrowth, float64(i)) * float64(time.Microsecond))
		}
	}
	return 0
}

// MarshalBinary writes the buckets that are not empty: each is how many are skipped before it and its count, as varints.
func (h *Histogram) MarshalBinary() ([]byte, error) {
	var data []byte
	last := -1
	for i, c := range h.counts {
		if c > 0 {
			data = binary.AppendUvarint(data, uint64(i-last-1))
			data = binary.AppendUvarint(data, uint64(c))
			last = i
		}
	}
	return data, nil
}

// UnmarshalBinary reads what MarshalBinary writes, and nothing else.
func (h *Histogram) UnmarshalBinary(data []byte) error {
	var read Histogram
	for at := -1; len(data) > 0; {
		var pair [2]uint64
		for i := range pair {
			n, size := binary.Uvarint(data)
			if size <= 0 || size > 1 && data[size-1] == 0 {
				return errHistogram
			}
			pair[i], data = n, data[size:]
		}
		if pair[0] >= uint64(histogramBuckets-at-1) || pair[1] == 0 || pair[1] > math.MaxUint32 {
			return fmt.Errorf("%w: a bucket or a count that cannot be", errHistogram)
		}
		at += int(pair[0]) + 1
		read.counts[at] = uint32(pair[1])
	}
	*h = read
	return nil
}

var errHistogram = errors.New("not a histogram")
