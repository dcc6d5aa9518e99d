package sweeper

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"slices"
	"time"

	"rekey/accounts"
	"rekey/accounts/phase"
	"rekey/sweeper/governor"
)

// PublishEvery is how often each process tells what it measures.
const PublishEvery = 2 * time.Second

// A told is a reading on its way to the leader. Clocks of two machines differ, so it has an age, and no time.
type told struct {
	Signal governor.Signal `json:"signal"`
	Of     string          `json:"of,omitempty"`
	Value  *float64        `json:"value"` // null: none that could be read
	AgeMS  int64           `json:"age_ms"`
	Limit  *governor.Limit `json:"limit,omitempty"`
}

// A tellings is what a process publishes.
type tellings struct {
	Readings []told `json:"readings"`
}

// Publish stores what a replica has measured by now. Its errors are those of accounts.Signals.
func Publish(ctx context.Context, store accounts.Signals, replica string, now time.Time, readings []governor.Reading) error {
	all := tellings{Readings: []told{}}
	for _, r := range readings {
		t := told{Signal: r.Signal, Of: r.Of, AgeMS: max(now.Sub(r.At), 0).Milliseconds(), Limit: r.Limit}
		if !math.IsNaN(r.Value) && !math.IsInf(r.Value, 0) {
			t.Value = &r.Value
		}
		all.Readings = append(all.Readings, t)
	}
	text, err := json.Marshal(all)
	if err != nil {
		return fmt.Errorf("write signals: %w", err)
	}
	return store.PublishSignals(ctx, replica, string(text))
}

// heard returns the worst that the living replicas have said of each signal. A replica that lives by its lease and has said
// nothing for too long is not read; one whose lease has ended is dead, and says nothing.
func heard(all []accounts.Measured, terms phase.Lease, now time.Time) []governor.Reading {
	type key struct {
		signal governor.Signal
		of     string
	}
	worst := map[key]governor.Reading{}
	var silent []governor.Reading
	for _, m := range all {
		if !terms.Live(m.Replica.Replica, now) {
			continue
		}
		var said tellings
		if err := json.Unmarshal([]byte(m.Text), &said); err != nil || now.Sub(m.At) > governor.Unread {
			silent = append(silent, governor.Reading{Signal: governor.Report, Of: m.Name, At: m.At})
			continue
		}
		for _, t := range said.Readings {
			age := time.Duration(min(max(t.AgeMS, 0), longAgo)) * time.Millisecond
			r := governor.Reading{Signal: t.Signal, Of: t.Of, Value: math.NaN(), At: m.At.Add(-age), Limit: t.Limit}
			if t.Value != nil {
				r.Value = *t.Value
			}
			k := key{t.Signal, t.Of}
			if before, ok := worst[k]; !ok || worse(r, before, now) {
				worst[k] = r
			}
		}
	}
	readings := slices.SortedFunc(maps.Values(worst), func(a, b governor.Reading) int {
		return cmp.Or(cmp.Compare(a.Signal, b.Signal), cmp.Compare(a.Of, b.Of))
	})
	return append(readings, silent...)
}

// longAgo is, in milliseconds, an age beyond which it makes no difference.
const longAgo = 3_600_000

// worse tells whether a says worse things than b: of two that are read the greater value, and one that is not read before all.
func worse(a, b governor.Reading, now time.Time) bool {
	unreadA, unreadB := a.Unread(now), b.Unread(now)
	return unreadA && !unreadB || unreadA == unreadB && a.Value > b.Value
}
