package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"golang.org/x/crypto/bcrypt"

	"rekey/cmd/loadtest/gauge"
	"rekey/cmd/loadtest/load"
)

// verifyRoute: forward-auth answers a second over those of a handler that does nothing, for tokens that are seen for
// the first time and for tokens that were verified before.
func verifyRoute(ctx context.Context, b *bench) ([]gauge.Result, error) {
	crowd, err := people(8, bcrypt.MinCost)
	if err != nil {
		return nil, err
	}
	var results []gauge.Result
	err = b.with(ctx, setup{people: crowd, memoryKiB: 64, time: 1}, func(srv *server) error {
		bare, stop, err := startBareEcho(ctx)
		if err != nil {
			return err
		}
		defer stop()
		get := func(url, token string) (int, error) {
			req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
			if err != nil {
				return 0, err
			}
			if token != "" {
				req.Header.Set("Authorization", "Bearer "+token)
			}
			return load.Do(srv.client, req, nil)
		}
		fresh, err := srv.freshTokens(ctx, crowd, 10000*b.rounds)
		if err != nil {
			return err
		}
		round := 0
		cpu := map[string][]float64{} // of the server, seconds per answer
		side := func(name string, ask func() (*load.Tally, float64, error)) func(context.Context) (float64, error) {
			return func(context.Context) (float64, error) {
				before := gauge.CPU(srv.cmd.Process.Pid)
				t, rate, err := ask()
				if err != nil {
					return 0, err
				}
				cpu[name] = append(cpu[name], (gauge.CPU(srv.cmd.Process.Pid)-before).Seconds()/float64(t.Count()))
				return rate, t.Only(http.StatusNoContent)
			}
		}
		m, others, err := b.compare(ctx, srv.pids,
			side("bare", func() (*load.Tally, float64, error) {
				return load.Closed(ctx, 8, b.span, func(context.Context, int64) (int, error) { return get(bare, "") })
			}),
			side("fresh", func() (*load.Tally, float64, error) {
				batch := fresh[round*10000 : (round+1)*10000]
				round++
				return load.Count(ctx, 8, 10000, func(_ context.Context, i int64) (int, error) { return get(srv.url+"/v1/verify", batch[i]) })
			}),
			side("seen", func() (*load.Tally, float64, error) {
				return load.Closed(ctx, 8, b.span, func(_ context.Context, i int64) (int, error) { return get(srv.url+"/v1/verify", fresh[i%100]) })
			}),
		)
		if err != nil {
			return err
		}
		results = []gauge.Result{
			{What: "verify/s over a bare handler's, each token for the first time", Value: f2(m[1] / m[0]), Goal: ">= 0.30", Met: m[1]/m[0] >= 0.3,
				Detail: fmt.Sprintf("%.0f / %.0f, %s of server CPU each", m[1], m[0], ms(gauge.Median(cpu["fresh"]))), Others: others},
			{What: "verify/s over a bare handler's, tokens seen before", Value: f2(m[2] / m[0]), Goal: ">= 0.50", Met: m[2]/m[0] >= 0.5,
				Detail: fmt.Sprintf("%.0f / %.0f, %s of server CPU each", m[2], m[0], ms(gauge.Median(cpu["seen"]))), Others: others},
		}
		return nil
	})
	return results, err
}

// freshTokens makes n access tokens that the server has not verified yet.
func (s *server) freshTokens(ctx context.Context, crowd []person, n int) ([]string, error) {
	tokens := make([]string, n)
	_, _, err := load.Count(ctx, 8, int64(n), func(ctx context.Context, i int64) (int, error) {
		access, _, err := s.loginTokens(ctx, crowd[i%int64(len(crowd))])
		tokens[i] = access
		return http.StatusOK, err
	})
	return tokens, err
}

// refreshRotations: rotations a second over single-row INSERT commits a second, both with 8 connections.
func refreshRotations(ctx context.Context, b *bench) ([]gauge.Result, error) {
	if b.postgres == "" {
		return nil, nil
	}
	crowd, err := people(8, bcrypt.MinCost)
	if err != nil {
		return nil, err
	}
	var results []gauge.Result
	err = b.with(ctx, setup{postgres: true, people: crowd, memoryKiB: 64, time: 1}, func(srv *server) error {
		inserts, done, err := b.inserts(ctx)
		if err != nil {
			return err
		}
		defer done()
		newest := make(chan string, 64)
		for range cap(newest) {
			_, refresh, err := srv.loginTokens(ctx, crowd[0])
			if err != nil {
				return err
			}
			newest <- refresh
		}
		rotate := func(ctx context.Context, _ int64) (int, error) {
			var answer struct {
				Refresh string `json:"refresh_token"`
			}
			status, err := load.Post(ctx, srv.client, srv.url+"/v1/token/refresh", map[string]string{"refresh_token": <-newest}, &answer)
			newest <- answer.Refresh
			return status, err
		}
		var server, postgres []float64 // CPU, seconds per rotation
		rateOf := func(ask func(context.Context, int64) (int, error), rotations bool) func(context.Context) (float64, error) {
			return func(ctx context.Context) (float64, error) {
				serverBefore, postgresBefore := gauge.CPU(srv.cmd.Process.Pid), gauge.CPU(gauge.Family(srv.pg)...)
				t, rate, err := load.Closed(ctx, 8, b.span, ask)
				if err != nil {
					return 0, err
				}
				if n := float64(t.Count()); rotations {
					server = append(server, (gauge.CPU(srv.cmd.Process.Pid)-serverBefore).Seconds()/n)
					postgres = append(postgres, (gauge.CPU(gauge.Family(srv.pg)...)-postgresBefore).Seconds()/n)
				}
				return rate, t.Only(http.StatusOK)
			}
		}
		m, others, err := b.compare(ctx, srv.pids, rateOf(rotate, true), rateOf(inserts, false))
		if err != nil {
			return err
		}
		ratio := m[0] / m[1]
		results = []gauge.Result{{
			What: "refresh rotations/s over raw INSERT commits/s, 8 clients", Value: f2(ratio), Goal: ">= 0.35", Met: ratio >= 0.35,
			Detail: fmt.Sprintf("%.0f / %.0f; CPU each: server %s, PostgreSQL %s", m[0], m[1], ms(gauge.Median(server)), ms(gauge.Median(postgres))), Others: others,
		}}
		return nil
	})
	return results, err
}

// clock: whether the time of a refusal tells who exists. Open loop, at a rate that leaves the machine idle.
func clock(ctx context.Context, b *bench) ([]gauge.Result, error) {
	crowd, err := people(40, 10)
	if err != nil {
		return nil, err
	}
	here, legacyOnly := crowd[:20], crowd[20:]
	engine := b.engines()[0]
	var results []gauge.Result
	err = b.with(ctx, setup{postgres: engine == "PostgreSQL", people: crowd}, func(srv *server) error {
		if err := srv.migrate(ctx, here); err != nil {
			return err
		}
		p50 := func(name func(i int64) string) func(context.Context) (float64, error) {
			return func(ctx context.Context) (float64, error) {
				t, err := load.Open(ctx, 8, b.span, func(ctx context.Context, i int64) (int, error) {
					return srv.login(ctx, person{name: name(i), password: "wrong"})
				})
				if err != nil {
					return 0, err
				}
				return t.Quantile(http.StatusUnauthorized, 50).Seconds(), t.Only(http.StatusUnauthorized)
			}
		}
		m, others, err := b.compare(ctx, srv.pids,
			p50(func(i int64) string { return fmt.Sprint("nobody", i) }),
			p50(func(i int64) string { return here[i%20].name }),
			p50(func(i int64) string { return legacyOnly[i%20].name }),
		)
		if err != nil {
			return err
		}
		for i, who := range []string{"of the new store", "of legacy only"} {
			ratio := m[0] / m[i+1]
			results = append(results, gauge.Result{
				What: "p50 unknown over p50 wrong password, " + who, Value: fmt.Sprintf("%.3f", ratio), Goal: "0.95 to 1.05", Met: ratio >= 0.95 && ratio <= 1.05,
				Detail: ms(m[0]) + " / " + ms(m[i+1]), Others: others,
			})
		}
		return nil
	})
	return results, err
}

// manyClients: whether a crowd slows the work down, and how fast those learn that must come again.
func manyClients(ctx context.Context, b *bench) ([]gauge.Result, error) {
	crowd, err := people(64, bcrypt.MinCost)
	if err != nil {
		return nil, err
	}
	engine := b.engines()[0]
	var results []gauge.Result
	err = b.with(ctx, setup{postgres: engine == "PostgreSQL", people: crowd}, func(srv *server) error {
		if err := srv.migrate(ctx, crowd); err != nil {
			return err
		}
		rate := func(n int) func(context.Context) (float64, error) {
			return func(ctx context.Context) (float64, error) {
				begin := time.Now()
				t, _, err := load.Closed(ctx, n, b.span, func(ctx context.Context, i int64) (int, error) {
					status, err := srv.login(ctx, crowd[i%64])
					if status == http.StatusServiceUnavailable {
						time.Sleep(time.Second) // as Retry-After asks, at least
					}
					return status, err
				})
				if err != nil {
					return 0, err
				}
				// On a busy machine some of 64 are shed; only those who got in count.
				return float64(t.Of(http.StatusOK)) / time.Since(begin).Seconds(), nil
			}
		}
		m, others, err := b.compare(ctx, srv.pids, rate(64), rate(2))
		if err != nil {
			return err
		}
		ratio := m[0] / m[1]
		results = append(results, gauge.Result{
			What: "logins/s of 64 clients over those of 2", Value: f2(ratio), Goal: ">= 0.95", Met: ratio >= 0.95,
			Detail: fmt.Sprintf("%.1f / %.1f", m[0], m[1]), Others: others,
		})

		// Three times what the machine can hash arrives: most of it has to be shed.
		watch := gauge.NewWatch(srv.pids())
		t, err := load.Open(ctx, 3*m[1], 2*b.span, func(ctx context.Context, i int64) (int, error) { return srv.login(ctx, crowd[i%64]) })
		if err != nil {
			return err
		}
		p99 := t.Quantile(http.StatusServiceUnavailable, 99)
		shed := t.Of(http.StatusServiceUnavailable)
		results = append(results, gauge.Result{
			What: "p99 of the answers that were shed, at three times the capacity", Value: p99.String(), Goal: "<= 50 ms", Met: shed > 0 && p99 <= 50*time.Millisecond,
			Detail: fmt.Sprintf("%d shed, %d logged in", shed, t.Of(http.StatusOK)), Others: watch.Others(srv.pids()),
		})
		return nil
	})
	return results, err
}

// size: memory of the process and the time it takes to be ready.
func size(ctx context.Context, b *bench) ([]gauge.Result, error) {
	crowd, err := people(500, bcrypt.MinCost)
	if err != nil {
		return nil, err
	}
	var results []gauge.Result
	for _, engine := range b.engines() {
		s := setup{postgres: engine == "PostgreSQL", people: crowd}
		watch := gauge.NewWatch(nil)
		var first, started, idle []float64
		for range b.rounds {
			err := b.with(ctx, s, func(srv *server) error {
				first = append(first, srv.started.Seconds())
				if err := errors.Join(srv.end(), srv.begin()); err != nil {
					return err
				}
				started = append(started, srv.started.Seconds())
				time.Sleep(time.Second) // idle is what is left when starting is over
				idle = append(idle, float64(gauge.Memory(srv.cmd.Process.Pid, "VmRSS")))
				return nil
			})
			if err != nil {
				return nil, err
			}
		}
		var peak int64
		err := b.with(ctx, s, func(srv *server) error {
			if err := srv.migrate(ctx, crowd[:64]); err != nil {
				return err
			}
			_, _, err := load.Count(ctx, 500, 1500, func(ctx context.Context, i int64) (int, error) { return srv.login(ctx, crowd[i%500]) })
			peak = gauge.Memory(srv.cmd.Process.Pid, "VmHWM")
			return err
		})
		if err != nil {
			return nil, err
		}
		others := watch.Others(nil)
		m := func(bytes float64) string { return fmt.Sprintf("%.0f MiB", bytes/(1<<20)) }
		results = append(results,
			gauge.Result{What: "peak memory with 500 parallel logins, " + engine, Value: m(float64(peak)), Goal: "< 200 MiB", Met: peak < 200<<20, Detail: "VmHWM", Others: others},
			gauge.Result{What: "memory when idle, " + engine, Value: m(gauge.Median(idle)), Goal: "< 30 MiB", Met: gauge.Median(idle) < 30<<20, Detail: "VmRSS, 1 s after the start", Others: others},
			gauge.Result{What: "start to ready, " + engine, Value: ms(gauge.Median(started)), Goal: "< 100 ms", Met: gauge.Median(started) < 0.1, Detail: "exec to the first 200 of readyz; the very first time, with tables to make, " + ms(gauge.Median(first)), Others: others},
		)
	}
	return results, nil
}
