// Package load asks servers many times over and counts how long the answers took. It serves the tools that measure.
package load

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// NewClient keeps enough connections that no request waits for one or opens one.
func NewClient() *http.Client {
	return &http.Client{
		Transport: &http.Transport{MaxIdleConns: 1024, MaxIdleConnsPerHost: 1024, DisableCompression: true},
		Timeout:   30 * time.Second,
	}
}

// A Tally is what a load saw.
type Tally struct {
	mu     sync.Mutex
	status map[int]*hdrhistogram.Histogram // microseconds, from when the request was due
	asked  atomic.Int64
}

func newTally() *Tally { return &Tally{status: map[int]*hdrhistogram.Histogram{}} }

func (t *Tally) add(status int, took time.Duration) error {
	t.asked.Add(1)
	t.mu.Lock()
	defer t.mu.Unlock()
	h := t.status[status]
	if h == nil {
		h = hdrhistogram.New(1, int64(time.Minute/time.Microsecond), 3)
		t.status[status] = h
	}
	return h.RecordValue(took.Microseconds())
}

// Count returns how many answers there were.
func (t *Tally) Count() int64 { return t.asked.Load() }

// Statuses returns those that answers had.
func (t *Tally) Statuses() []int { return slices.Collect(maps.Keys(t.status)) }

// Of returns how many answers had a status.
func (t *Tally) Of(status int) int64 {
	if h := t.status[status]; h != nil {
		return h.TotalCount()
	}
	return 0
}

// Quantile returns the time that q percent of the answers with a status did not exceed.
func (t *Tally) Quantile(status int, q float64) time.Duration {
	if h := t.status[status]; h != nil {
		return time.Duration(h.ValueAtQuantile(q)) * time.Microsecond
	}
	return 0
}

// Into adds the answers with a status to a histogram of microseconds, as wide as those here.
func (t *Tally) Into(h *hdrhistogram.Histogram, status int) {
	if from := t.status[status]; from != nil {
		h.Merge(from)
	}
}

// Only returns an error unless every answer had that status.
func (t *Tally) Only(status int) error {
	for got, h := range t.status {
		if got != status && h.TotalCount() > 0 {
			return fmt.Errorf("%d answers had status %d, want %d alone", h.TotalCount(), got, status)
		}
	}
	return nil
}

// Closed keeps n clients busy for a time, each asking again as soon as it was answered: throughput.
func Closed(ctx context.Context, n int, span time.Duration, ask func(ctx context.Context, i int64) (int, error)) (*Tally, float64, error) {
	t := newTally()
	var next atomic.Int64
	begin := time.Now()
	err := Each(n, func() error {
		for time.Since(begin) < span && ctx.Err() == nil {
			start := time.Now()
			status, err := ask(ctx, next.Add(1)-1)
			if err != nil {
				return err
			}
			if err := t.add(status, time.Since(start)); err != nil {
				return err
			}
		}
		return ctx.Err()
	})
	return t, float64(t.asked.Load()) / time.Since(begin).Seconds(), err
}

// Count asks each of n questions once, with so many clients, and returns how many a second.
func Count(ctx context.Context, clients int, n int64, ask func(ctx context.Context, i int64) (int, error)) (*Tally, float64, error) {
	t := newTally()
	var next atomic.Int64
	begin := time.Now()
	err := Each(clients, func() error {
		for i := next.Add(1) - 1; i < n && ctx.Err() == nil; i = next.Add(1) - 1 {
			start := time.Now()
			status, err := ask(ctx, i)
			if err != nil {
				return err
			}
			if err := t.add(status, time.Since(start)); err != nil {
				return err
			}
		}
		return ctx.Err()
	})
	return t, float64(n) / time.Since(begin).Seconds(), err
}

// Open asks at a fixed rate, whether or not the answers keep up, and counts latency from the moment at which each
// request was due, so that a server that stalls cannot hide it.
func Open(ctx context.Context, rate float64, span time.Duration, ask func(ctx context.Context, i int64) (int, error)) (*Tally, error) {
	t := newTally()
	var wg sync.WaitGroup
	var failed atomic.Pointer[error]
	begin := time.Now()
	for i := int64(0); ; i++ {
		due := begin.Add(time.Duration(float64(i) / rate * float64(time.Second)))
		if due.Sub(begin) > span || ctx.Err() != nil {
			break
		}
		time.Sleep(time.Until(due))
		wg.Go(func() {
			status, err := ask(ctx, i)
			if err == nil {
				err = t.add(status, time.Since(due))
			}
			if err != nil {
				failed.Store(&err)
			}
		})
	}
	wg.Wait()
	if err := failed.Load(); err != nil {
		return nil, *err
	}
	return t, ctx.Err()
}

// Each runs n workers and returns the first error.
func Each(n int, work func() error) error {
	errs := make(chan error, n)
	for range n {
		go func() { errs <- work() }()
	}
	var first error
	for range n {
		if err := <-errs; err != nil && first == nil {
			first = err
		}
	}
	return first
}

// Post sends JSON and decodes a 200 into answer, unless that is nil.
func Post(ctx context.Context, client *http.Client, url string, body, answer any) (int, error) {
	text, err := json.Marshal(body)
	if err != nil {
		return 0, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(text))
	if err != nil {
		return 0, err
	}
	req.Header.Set("Content-Type", "application/json")
	return Do(client, req, answer)
}

// Do sends a request, and decodes a 200 into answer, unless that is nil.
func Do(client *http.Client, req *http.Request, answer any) (status int, err error) {
	res, err := client.Do(req)
	if err != nil {
		return 0, err
	}
	defer func() { _ = res.Body.Close() }() // it was read to its end
	if answer != nil && res.StatusCode == http.StatusOK {
		return res.StatusCode, json.NewDecoder(res.Body).Decode(answer)
	}
	_, err = io.Copy(io.Discard, res.Body)
	return res.StatusCode, err
}
