package main

import (
	"context"
	"fmt"
	"net/http"
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
	took := b.span // of the sweep before
	sweep := func(ctx context.Context) (rate float64, err error) {
		err = b.with(ctx, from, func(s *stage) error {
			last, _, err = s.sweep(ctx, "wrap")
			took = last.took
			rate = float64(from.expected.Moved["wrap"]) / last.took.Seconds()
			return err
		})
		return rate, err
	}
	raw := func(ctx context.Context) (float64, error) {
		var hasher password.Hasher
		span := min(took, time.Minute) // as long as the sweep, and as hot
		_, rate, err := load.Closed(ctx, b.workers, span, func(context.Context, int64) (int, error) {
			_, err := hasher.Hash([]byte("correct horse battery staple"))
			return http.StatusOK, err
		})
		return rate, err
	}
	values, others, err := gauge.Compare(ctx, b.rounds, b.pids, sweep, raw)
	if err != nil {
		return nil, err
	}
	m := gauge.Medians(values)
	return []gauge.Result{{
		What:  fmt.Sprintf("people/s wrapped, %d of them, over argon2id/s of %d goroutines", int64(b.rounds)*from.expected.Moved["wrap"], b.workers),
		Value: f2(m[0] / m[1]), Goal: ">= " + f2(overRaw), Met: m[0]/m[1] >= overRaw,
		Detail: fmt.Sprintf("%.1f / %.1f; %s", m[0], m[1], last), Others: others,
		Samples: map[string][]float64{"wrap/sweep people/s": values[0], "wrap/raw hashes/s": values[1]},
	}}, nil
}
