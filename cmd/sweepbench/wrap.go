package main

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"time"

	"rekey/accounts/password"
	"rekey/cmd/loadtest/gauge"
	"rekey/cmd/loadtest/load"
)

// overRaw is what of the raw hash rate is left for people who are wrapped.
const overRaw = 0.95

// wrapping: people who are wrapped a second, over argon2id alone with as many goroutines as the sweep has workers.
func wrapping(ctx context.Context, b *bench) ([]gauge.Result, error) {
	from, err := b.source(ctx, plan(b.wrap/int64(b.rounds), 0.5))
	if err != nil {
		return nil, err
	}
	var last ran
	sweep := func(ctx context.Context) (rate float64, err error) {
		err = b.with(ctx, from, func(s *stage) error {
			last, _, err = s.sweep(ctx, "wrap")
			rate = float64(from.expected.Moved["wrap"]) / last.took.Seconds()
			return err
		})
		return rate, err
	}
	raw := func(ctx context.Context) (float64, error) {
		var hasher password.Hasher
		_, rate, err := load.Closed(ctx, b.workers, b.span, func(context.Context, int64) (int, error) {
			_, err := hasher.Hash([]byte("correct horse battery staple"))
			return http.StatusOK, err
		})
		return rate, err
	}
	// Before and after: a machine that grows hot, or whose neighbours wake up, slows down one side otherwise.
	values, others, err := gauge.Compare(ctx, b.rounds, b.pids, raw, sweep, raw)
	if err != nil {
		return nil, err
	}
	swept, alone := gauge.Median(values[1]), gauge.Median(slices.Concat(values[0], values[2]))
	return []gauge.Result{{
		What:  fmt.Sprintf("people/s wrapped, %d of them, over argon2id/s of %d goroutines", int64(b.rounds)*from.expected.Moved["wrap"], b.workers),
		Value: f2(swept / alone), Goal: ">= " + f2(overRaw), Met: swept/alone >= overRaw,
		Detail: fmt.Sprintf("%.1f / %.1f; the last %s, %s", swept, alone, last.took.Round(time.Millisecond), last), Others: others,
		Samples: map[string][]float64{"wrap/sweep people/s": values[1], "wrap/raw hashes/s": slices.Concat(values[0], values[2])},
	}}, nil
}
