package main

import (
	"context"
	"crypto/rand"
	"fmt"
	"net/http"
	"os"

	"github.com/jackc/pgx/v5/pgxpool"
	"golang.org/x/crypto/bcrypt"

	"rekey/accounts/password"
	"rekey/cmd/loadtest/gauge"
	"rekey/cmd/loadtest/load"
	"rekey/cmd/loadtest/rig"
)

// rows is the table of what is measured.
var rows = []row{
	{"argon2", hashing},
	{"kernels", kernels},
	{"login", throughput},
	{"overhead", overhead},
	{"postgres", postgresCPU},
	{"first", firstLogin},
	{"verify", verifyRoute},
	{"refresh", refreshRotations},
	{"clock", clock},
	{"clients", manyClients},
	{"size", size},
	{"phases", phases},
	{"move", phaseMove},
}

// typed is the password of everybody here.
const typed = "correct horse battery staple"

// people makes n people with bcrypt hashes of a cost. They share a few hashes: making them is not what is measured.
func people(n, cost int) ([]person, error) {
	var hashes []string
	for range 4 {
		h, err := bcrypt.GenerateFromPassword([]byte(typed), cost)
		if err != nil {
			return nil, err
		}
		hashes = append(hashes, string(h))
	}
	all := make([]person, n)
	for i := range all {
		all[i] = person{fmt.Sprintf("person%d", i), typed, hashes[i%len(hashes)]}
	}
	return all, nil
}

// with starts a server, runs fn and stops the server.
func (b *bench) with(ctx context.Context, s setup, fn func(*server) error) (err error) {
	srv, err := b.start(ctx, s)
	if err != nil {
		return err
	}
	defer func() {
		if stopErr := srv.stop(); err == nil {
			err = stopErr
		}
	}()
	return fn(srv)
}

// engines are the stores that can be measured here.
func (b *bench) engines() []string {
	if b.postgres == "" {
		return []string{"SQLite"}
	}
	return []string{"PostgreSQL", "SQLite"}
}

// throughput: logins a second of 8 clients over verifications a second of two goroutines with the same argon2id.
func throughput(ctx context.Context, b *bench) ([]gauge.Result, error) {
	crowd, err := people(64, bcrypt.MinCost)
	if err != nil {
		return nil, err
	}
	goals := map[string]float64{"PostgreSQL": 0.85, "SQLite": 0.92}
	var results []gauge.Result
	for _, engine := range b.engines() {
		err := b.with(ctx, setup{postgres: engine == "PostgreSQL", people: crowd}, func(srv *server) error {
			if err := srv.migrate(ctx, crowd); err != nil {
				return err
			}
			m, others, err := b.compare(ctx, srv.pids, b.logins(srv, crowd, 8), b.rawVerifications)
			if err != nil {
				return err
			}
			ratio := m[0] / m[1]
			results = append(results, gauge.Result{
				What: "logins/s of 8 clients over raw verifications/s, " + engine, Value: f2(ratio), Goal: ">= " + f2(goals[engine]), Met: ratio >= goals[engine],
				Detail: fmt.Sprintf("%.1f / %.1f", m[0], m[1]), Others: others,
			})
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	return results, nil
}

// logins measures right logins a second of n clients.
func (b *bench) logins(srv *server, crowd []person, n int) func(context.Context) (float64, error) {
	return func(ctx context.Context) (float64, error) {
		t, rate, err := load.Closed(ctx, n, b.span, func(ctx context.Context, i int64) (int, error) {
			return srv.login(ctx, crowd[i%int64(len(crowd))])
		})
		if err != nil {
			return 0, err
		}
		return rate, t.Only(http.StatusOK)
	}
}

// rawVerifications measures argon2id verifications a second on two goroutines, with nothing around them.
func (b *bench) rawVerifications(ctx context.Context) (float64, error) {
	var hasher password.Hasher
	encoded, err := hasher.Hash([]byte(typed))
	if err != nil {
		return 0, err
	}
	_, rate, err := load.Closed(ctx, 2, b.span, func(context.Context, int64) (int, error) {
		if ok, err := hasher.Verify(encoded, []byte(typed)); err != nil || !ok {
			return 0, fmt.Errorf("verification gave %v, %w", ok, err)
		}
		return http.StatusOK, nil
	})
	return rate, err
}

// overhead: CPU of the server for a login whose hash costs next to nothing, beside that hash.
func overhead(ctx context.Context, b *bench) ([]gauge.Result, error) {
	crowd, err := people(64, bcrypt.MinCost)
	if err != nil {
		return nil, err
	}
	tiny := password.Hasher{Policy: password.Policy{MemoryKiB: 64, Time: 1, Lanes: 1}}
	var results []gauge.Result
	for _, engine := range b.engines() {
		err := b.with(ctx, setup{postgres: engine == "PostgreSQL", people: crowd, memoryKiB: 64, time: 1}, func(srv *server) error {
			if err := srv.migrate(ctx, crowd); err != nil {
				return err
			}
			m, others, err := b.compare(ctx, srv.pids, b.cpuPerLogin(srv, crowd), b.cpuOfHash(tiny))
			if err != nil {
				return err
			}
			beside := m[0] - m[1]
			results = append(results, gauge.Result{
				What: "server CPU of a login beside its hash, " + engine, Value: ms(beside), Goal: "<= 0.60 ms", Met: beside <= 0.0006,
				Detail: ms(m[0]) + " - " + ms(m[1]) + " of a 64 KiB argon2id", Others: others,
			})
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	return results, nil
}

// cpuPerLogin measures seconds of the server's CPU per login of a migrated person.
func (b *bench) cpuPerLogin(srv *server, crowd []person) func(context.Context) (float64, error) {
	return func(ctx context.Context) (float64, error) {
		before := gauge.CPU(srv.cmd.Process.Pid)
		t, _, err := load.Closed(ctx, 8, b.span, func(ctx context.Context, i int64) (int, error) {
			return srv.login(ctx, crowd[i%int64(len(crowd))])
		})
		if err != nil {
			return 0, err
		}
		return (gauge.CPU(srv.cmd.Process.Pid) - before).Seconds() / float64(t.Count()), t.Only(http.StatusOK)
	}
}

// cpuOfHash measures seconds of CPU of one argon2id verification in this process.
func (b *bench) cpuOfHash(hasher password.Hasher) func(context.Context) (float64, error) {
	return func(ctx context.Context) (float64, error) {
		encoded, err := hasher.Hash([]byte(typed))
		if err != nil {
			return 0, err
		}
		return b.cpuOfWork(ctx, func() error {
			_, err := hasher.Verify(encoded, []byte(typed))
			return err
		})
	}
}

// cpuOfWork measures seconds of this process's CPU per call, on two goroutines, as a server hashes on two cores: two
// hashes at once share the memory's bandwidth, and each takes longer than alone.
func (b *bench) cpuOfWork(ctx context.Context, work func() error) (float64, error) {
	before := gauge.CPU(os.Getpid())
	t, _, err := load.Closed(ctx, 2, b.span/2, func(context.Context, int64) (int, error) { return http.StatusOK, work() })
	if err != nil {
		return 0, err
	}
	return (gauge.CPU(os.Getpid()) - before).Seconds() / float64(t.Count()), nil
}

// postgresCPU: what a login costs PostgreSQL, over a single-row INSERT that is committed.
func postgresCPU(ctx context.Context, b *bench) ([]gauge.Result, error) {
	if b.postgres == "" {
		return nil, nil
	}
	crowd, err := people(64, bcrypt.MinCost)
	if err != nil {
		return nil, err
	}
	var results []gauge.Result
	err = b.with(ctx, setup{postgres: true, people: crowd, memoryKiB: 64, time: 1}, func(srv *server) error {
		if err := srv.migrate(ctx, crowd); err != nil {
			return err
		}
		inserts, done, err := b.inserts(ctx)
		if err != nil {
			return err
		}
		defer done()
		perLogin := func(ctx context.Context) (float64, error) {
			return srv.pgCPU(func() (*load.Tally, error) {
				t, _, err := load.Closed(ctx, 8, b.span, func(ctx context.Context, i int64) (int, error) {
					return srv.login(ctx, crowd[i%int64(len(crowd))])
				})
				return t, err
			})
		}
		perInsert := func(ctx context.Context) (float64, error) {
			return srv.pgCPU(func() (*load.Tally, error) {
				t, _, err := load.Closed(ctx, 8, b.span, inserts)
				return t, err
			})
		}
		m, others, err := b.compare(ctx, srv.pids, perLogin, perInsert)
		if err != nil {
			return err
		}
		ratio := m[0] / m[1]
		results = []gauge.Result{{
			What: "PostgreSQL CPU of a login over that of one INSERT commit", Value: f2(ratio), Goal: "<= 3.00", Met: ratio <= 3,
			Detail: ms(m[0]) + " / " + ms(m[1]), Others: others,
		}}
		return nil
	})
	return results, err
}

// pgCPU returns seconds of PostgreSQL's CPU per answer of a load.
func (s *server) pgCPU(ask func() (*load.Tally, error)) (float64, error) {
	before := gauge.CPU(gauge.Family(s.pg)...)
	t, err := ask()
	if err != nil {
		return 0, err
	}
	return (gauge.CPU(gauge.Family(s.pg)...) - before).Seconds() / float64(t.Count()), t.Only(http.StatusOK)
}

// inserts returns a load of single-row INSERT commits, what a session row is, over 8 connections.
func (b *bench) inserts(ctx context.Context) (ask func(context.Context, int64) (int, error), done func(), err error) {
	made, err := rig.NewDatabase(ctx, b.postgres)
	if err != nil {
		return nil, nil, err
	}
	config, err := pgxpool.ParseConfig(made.DSN)
	if err != nil {
		return nil, nil, err
	}
	config.MinConns, config.MaxConns = 8, 8
	pool, err := pgxpool.NewWithConfig(ctx, config)
	if err != nil {
		return nil, nil, err
	}
	if _, err := pool.Exec(ctx, "CREATE TABLE t (id text PRIMARY KEY, account text NOT NULL, at bigint NOT NULL)"); err != nil {
		return nil, nil, err
	}
	ask = func(ctx context.Context, i int64) (int, error) {
		_, err := pool.Exec(ctx, "INSERT INTO t (id, account, at) VALUES ($1, $2, $3)", rand.Text(), "account", i)
		return http.StatusOK, err
	}
	return ask, func() {
		pool.Close()
		if err := made.Drop(); err != nil {
			fmt.Fprintln(os.Stderr, "loadtest: drop database:", err)
		}
	}, nil
}

// firstLogin: CPU of a login that moves its user, over one legacy verification and one argon2id.
func firstLogin(ctx context.Context, b *bench) ([]gauge.Result, error) {
	var results []gauge.Result
	for _, test := range []struct {
		cost, people int
		goal         float64
	}{{4, 120, 1.15}, {10, 60, 1.05}} {
		crowd, err := people(test.people*b.rounds, test.cost)
		if err != nil {
			return nil, err
		}
		engine := b.engines()[0]
		err = b.with(ctx, setup{postgres: engine == "PostgreSQL", people: crowd}, func(srv *server) error {
			round := 0
			move := func(ctx context.Context) (float64, error) {
				batch := crowd[round*test.people : (round+1)*test.people]
				round++
				before := gauge.CPU(srv.cmd.Process.Pid)
				err := srv.migrate(ctx, batch)
				return (gauge.CPU(srv.cmd.Process.Pid) - before).Seconds() / float64(len(batch)), err
			}
			var hasher password.Hasher
			hashes := func(ctx context.Context) (float64, error) {
				return b.cpuOfWork(ctx, func() error {
					if err := bcrypt.CompareHashAndPassword([]byte(crowd[0].hash), []byte(typed)); err != nil {
						return err
					}
					_, err := hasher.Hash([]byte(typed))
					return err
				})
			}
			m, others, err := b.compare(ctx, srv.pids, move, hashes)
			if err != nil {
				return err
			}
			ratio := m[0] / m[1]
			results = append(results, gauge.Result{
				What:  fmt.Sprintf("CPU of a first login over its two hashes, bcrypt %d, %s", test.cost, engine),
				Value: f2(ratio), Goal: "<= " + f2(test.goal), Met: ratio <= test.goal, Detail: ms(m[0]) + " / " + ms(m[1]), Others: others,
			})
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	return results, nil
}

func f2(v float64) string { return fmt.Sprintf("%.2f", v) }

func ms(seconds float64) string { return fmt.Sprintf("%.2f ms", 1000*seconds) }
