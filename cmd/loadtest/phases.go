package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/http"
	"time"

	"golang.org/x/crypto/bcrypt"

	"rekey/accounts/phase"
	"rekey/accounts/sqlstore"
	"rekey/cmd/loadtest/gauge"
	"rekey/cmd/loadtest/load"
)

// phases: what a login and a changed password cost where both stores are read or written, over what they cost where one is.
// Hashes cost next to nothing here.
func phases(ctx context.Context, b *bench) (results []gauge.Result, err error) {
	crowd, err := people(32, bcrypt.MinCost)
	if err != nil {
		return nil, err
	}
	engine := b.engines()[0]
	servers := map[phase.Phase]*server{}
	for _, in := range []phase.Phase{phase.LegacyOnly, phase.Both, phase.Ramp, phase.NewFirst} {
		srv, err := b.start(ctx, setup{postgres: engine == "PostgreSQL", people: crowd, memoryKiB: 64, time: 1, in: in})
		if err != nil {
			return nil, fmt.Errorf("in %s: %w", in, err)
		}
		defer func() { err = errors.Join(err, srv.stop()) }()
		if err := srv.migrate(ctx, crowd); err != nil {
			return nil, fmt.Errorf("in %s: %w", in, err)
		}
		servers[in] = srv
	}
	pids := servers[phase.NewFirst].pids

	login := func(in phase.Phase) func(context.Context) (float64, error) {
		return func(ctx context.Context) (float64, error) {
			t, _, err := load.Closed(ctx, 2, b.span, func(ctx context.Context, i int64) (int, error) {
				return servers[in].login(ctx, crowd[i%int64(len(crowd))])
			})
			if err != nil {
				return 0, err
			}
			return t.Quantile(http.StatusOK, 50).Seconds(), t.Only(http.StatusOK)
		}
	}
	logins, others, err := b.compare(ctx, pids, login(phase.Both), login(phase.Ramp), login(phase.NewFirst))
	if err != nil {
		return nil, err
	}
	for i, in := range []phase.Phase{phase.Both, phase.Ramp} {
		results = append(results, gauge.Result{
			What:  fmt.Sprintf("login p50 in %s over new-first, %s", in, engine),
			Value: f2(logins[i] / logins[2]), Goal: "-", Met: true,
			Detail: ms(logins[i]) + " / " + ms(logins[2]), Others: others,
		})
	}

	changes, others, err := b.compare(ctx, pids,
		b.changes(servers[phase.Both], crowd), b.changes(servers[phase.LegacyOnly], crowd), b.changes(servers[phase.NewFirst], crowd))
	if err != nil {
		return nil, err
	}
	ratio := changes[0] / (changes[1] + changes[2])
	return append(results, gauge.Result{
		What:  "changed password p50 in both over those of each store alone, " + engine,
		Value: f2(ratio), Goal: "<= 1.30", Met: ratio <= 1.3,
		Detail: ms(changes[0]) + " / (" + ms(changes[1]) + " + " + ms(changes[2]) + ")", Others: others,
	}), nil
}

// changes measures the median time of a changed password, in seconds. Each change is to the same password, so that everybody
// can be asked again.
func (b *bench) changes(srv *server, crowd []person) func(context.Context) (float64, error) {
	access := make([]string, 2)
	return func(ctx context.Context) (float64, error) {
		for i := range access {
			var err error
			if access[i], _, err = srv.loginTokens(ctx, crowd[i]); err != nil {
				return 0, err
			}
		}
		t, _, err := load.Closed(ctx, 1, b.span, func(ctx context.Context, i int64) (int, error) {
			return srv.changePassword(ctx, access[i%int64(len(access))])
		})
		if err != nil {
			return 0, err
		}
		return t.Quantile(http.StatusNoContent, 50).Seconds(), t.Only(http.StatusNoContent)
	}
}

// moveRate is the load under which the phase is moved, in requests a second, and loginEvery which of them are logins.
const (
	moveRate   = 1000
	loginEvery = 20
)

// phaseMove: the longest that anybody waits while the phase is moved, down and up again.
func phaseMove(ctx context.Context, b *bench) (results []gauge.Result, err error) {
	crowd, err := people(32, bcrypt.MinCost)
	if err != nil {
		return nil, err
	}
	engine := b.engines()[0]
	err = b.with(ctx, setup{postgres: engine == "PostgreSQL", people: crowd, memoryKiB: 64, time: 1}, func(srv *server) error {
		if err := srv.migrate(ctx, crowd); err != nil {
			return err
		}
		token, _, err := srv.loginTokens(ctx, crowd[0])
		if err != nil {
			return err
		}
		mixed := func(ctx context.Context, span time.Duration) (*load.Tally, error) {
			return load.Open(ctx, moveRate, span, func(ctx context.Context, i int64) (int, error) {
				if i%loginEvery == 0 {
					return srv.login(ctx, crowd[i/loginEvery%int64(len(crowd))])
				}
				return srv.verify(ctx, token)
			})
		}
		longest := func(t *load.Tally) (float64, error) {
			for _, status := range t.Statuses() {
				if status != http.StatusOK && status != http.StatusNoContent {
					return 0, fmt.Errorf("%d answers had status %d", t.Of(status), status)
				}
			}
			return max(t.Quantile(http.StatusOK, 100), t.Quantile(http.StatusNoContent, 100)).Seconds(), nil
		}
		still := func(ctx context.Context) (float64, error) {
			t, err := mixed(ctx, b.span)
			if err != nil {
				return 0, err
			}
			return longest(t)
		}
		moving := func(ctx context.Context) (float64, error) {
			moves := make(chan error, 1)
			go func() {
				moves <- errors.Join(srv.command(ctx, "phase", "rollback", "--reason", "a bench"), srv.command(ctx, "phase", "advance", "--reason", "a bench"))
			}()
			var worst float64
			for {
				t, err := mixed(ctx, b.span)
				if err != nil {
					return 0, err
				}
				took, err := longest(t)
				if err != nil {
					return 0, err
				}
				worst = max(worst, took)
				select {
				case err := <-moves:
					return worst, err
				default:
				}
			}
		}
		m, others, err := b.compare(ctx, srv.pids, moving, still)
		if err != nil {
			return err
		}
		results = []gauge.Result{{
			What:  fmt.Sprintf("longest wait while the phase is moved twice under %d requests/s, %s", moveRate, engine),
			Value: ms(m[0]), Goal: "< 100 ms", Met: m[0] < 0.1, Detail: ms(m[1]) + " without a move", Others: others,
		}}
		return nil
	})
	return results, err
}

// settle puts a store that is not used yet into a phase of plan dual-write.
func settle(ctx context.Context, store string, in phase.Phase) error {
	state, err := phase.Initial(phase.DualWrite, rand.Text(), time.Now())
	if err != nil {
		return err
	}
	for state.Phase != in {
		to, _ := phase.DualWrite.Next(state.Phase) // in is a phase of the plan
		percent := phase.Percent(0)
		if to == phase.Ramp {
			percent = phase.All
		}
		through, err := state.Move(to, percent, time.Now())
		if err != nil {
			return err
		}
		state = through[len(through)-1]
	}
	s, err := sqlstore.Open(ctx, store, sqlstore.Options{})
	if err != nil {
		return err
	}
	_, err = s.InitPhase(ctx, state)
	return errors.Join(err, s.Close())
}
