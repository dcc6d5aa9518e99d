package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"

	"rekey/cmd/loadtest/gauge"
	"rekey/cmd/loadtest/load"
	"rekey/cmd/loadtest/rig"
	"rekey/cmd/sweepbench/crowd"
)

// A mode is a way in which the sweeper runs while people log in.
type mode struct {
	name, key string
	set       []string // of rekey sweep set
	hash      string
	most      float64 // p99 over that without a sweep, with the governor
}

var modes = []mode{
	{"paced at 5,000/s", "paced", []string{"accounts_per_second=5000", "hash=carry"}, "carry", 1.1},
	{"at full speed", "full", []string{`accounts_per_second="max"`, "hash=carry"}, "carry", 1.3},
	{"wrapping with one worker", "wrapping", []string{`accounts_per_second="max"`, "hash=wrap", "workers=1"}, "wrap", 1.5},
}

// awake is how many people log in, in turn. They have moved before.
const awake = 64

// logins: p99 of logins while the sweeper runs, over that while it is paused.
func logins(ctx context.Context, b *bench) ([]gauge.Result, error) {
	p := plan(b.people, 0)
	from, err := b.source(ctx, p)
	if err != nil {
		return nil, err
	}
	people := b.awake(p)
	var results []gauge.Result
	var failed []error
	for _, m := range modes {
		for _, governed := range []bool{true, false} {
			result, err := b.whileSweeping(ctx, from, people, m, governed)
			switch {
			case ctx.Err() != nil:
				return results, ctx.Err()
			case err != nil:
				failed = append(failed, fmt.Errorf("%s, governor on %t: %w", m.name, governed, err))
			default:
				results = append(results, result)
			}
		}
	}
	return results, errors.Join(failed...)
}

// awake are people of a plan who can log in, the last of it: the sweep comes to them last.
func (b *bench) awake(p crowd.Plan) []crowd.Person {
	var all []crowd.Person
	var counts crowd.Counts
	movable := int64(0)
	for person := range crowd.Everybody(p, b.pool, &counts) {
		ordinary := counts.Moved["carry"] > movable
		movable = counts.Moved["carry"]
		if ordinary && !person.Disabled {
			all = append(all, person)
		}
		if len(all) > 2*awake {
			all = slices.Delete(all, 0, awake)
		}
	}
	return all[max(0, len(all)-awake):]
}

// whileSweeping measures one mode, on stores of its own. Rounds of both sides are one histogram each: of few logins a second no
// single round has a p99.
func (b *bench) whileSweeping(ctx context.Context, from *source, people []crowd.Person, m mode, governed bool) (result gauge.Result, err error) {
	word := "governor on"
	settings := m.set
	if !governed {
		word, settings = "governor off", append(slices.Clone(m.set), b.governorOff)
	}
	b.say("logins while sweeping %s, %s", m.name, word)
	err = b.with(ctx, from, func(s *stage) error {
		serve, err := s.serve(ctx)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, serve.end()) }()
		login := func(ctx context.Context, i int64) (int, error) {
			p := people[i%int64(len(people))]
			return load.Post(ctx, serve.client, s.url+"/v1/login", map[string]string{"identifier": p.Username, "password": p.Password}, nil)
		}
		moved, _, err := load.Count(ctx, 4, int64(len(people)), login)
		if err := errors.Join(err, moved.Only(http.StatusOK)); err != nil {
			return fmt.Errorf("the first logins: %w", err)
		}
		if err := s.ask(ctx, append(append([]string{"sweep", "set"}, settings...), "--reason", "bench")...); err != nil {
			return err
		}
		if err := s.ask(ctx, "sweep", "start", "--reason", "bench"); err != nil {
			return err
		}
		if err := s.moving(ctx, b.warm); err != nil {
			return err
		}

		all := [2]*hdrhistogram.Histogram{newHistogram(), newHistogram()}
		var rates []float64
		var refused [2]int64
		side := func(which int) (float64, error) {
			t, err := load.Open(ctx, b.logins, b.span, login)
			if err != nil {
				return 0, err
			}
			refused[which] += t.Count() - t.Of(http.StatusOK)
			t.Into(all[which], http.StatusOK)
			return t.Quantile(http.StatusOK, 99).Seconds(), nil
		}
		idle := func(ctx context.Context) (float64, error) {
			if err := s.ask(ctx, "sweep", "pause", "--reason", "bench"); err != nil {
				return 0, err
			}
			if err := s.still(ctx); err != nil {
				return 0, err
			}
			return side(0)
		}
		sweeping := func(ctx context.Context) (float64, error) {
			if err := s.ask(ctx, "sweep", "resume", "--reason", "bench"); err != nil {
				return 0, err
			}
			if err := s.moving(ctx, b.warm); err != nil {
				return 0, err
			}
			before, begin := s.made(ctx), time.Now()
			p99, err := side(1)
			after := s.made(ctx)
			rates = append(rates, float64(after-before)/time.Since(begin).Seconds())
			if err == nil && after >= from.expected.Moved[m.hash]-from.expected.Moved[m.hash]/100 {
				err = errors.New("the sweep came to its end while logins were measured: more -people, or less -span or -warm")
			}
			return p99, err
		}
		values, others, err := gauge.Compare(ctx, b.rounds, b.pids, idle, sweeping)
		if err != nil {
			return err
		}
		p99 := func(h *hdrhistogram.Histogram) float64 { return float64(h.ValueAtQuantile(99)) / 1000 }
		ratio := p99(all[1]) / p99(all[0])
		rate := gauge.Median(rates)
		result = gauge.Result{
			What: "login p99 while sweeping " + m.name + " over idle, " + word, Value: f2(ratio), Goal: "<= " + f2(m.most), Met: ratio <= m.most && refused[1] == 0 && rate >= 1, // a sweep that stands still disturbs nobody
			Detail: fmt.Sprintf("%.1f / %.1f ms of %d and %d logins at %g/s, %d and %d not let in; %.0f people/s meanwhile; the gateway's peak %s",
				p99(all[1]), p99(all[0]), all[1].TotalCount(), all[0].TotalCount(), b.logins, refused[1], refused[0], rate, mib(gauge.Memory(serve.cmd.Process.Pid, "VmHWM"))),
			Others: others,
			Samples: map[string][]float64{
				"logins/" + m.key + "/" + word + "/idle s/p99": values[0], "logins/" + m.key + "/" + word + "/sweeping s/p99": values[1],
				"logins/" + m.key + "/" + word + "/sweeping people/s": rates,
			},
		}
		if !governed {
			result.Goal = "-"
		}
		return nil
	})
	return result, err
}

func newHistogram() *hdrhistogram.Histogram {
	return hdrhistogram.New(1, int64(time.Minute/time.Microsecond), 3)
}

// A serving is a gateway that runs.
type serving struct {
	*process
	client *http.Client
}

// serve starts rekey serve, with the sweeper inside, and waits until it is ready.
func (s *stage) serve(ctx context.Context) (*serving, error) {
	log, err := os.Create(filepath.Join(s.dir, "serve.log"))
	if err != nil {
		return nil, err
	}
	cmd := s.command(ctx, "serve")
	cmd.Stdout, cmd.Stderr = log, log
	client := load.NewClient()
	if _, err := rig.Begin(cmd, client, s.url); err != nil {
		text, _ := os.ReadFile(log.Name()) // without its words, the error is all there is
		if cmd.Process != nil {
			err = errors.Join(err, rig.End(cmd))
		}
		return nil, fmt.Errorf("%w\n%s", errors.Join(err, log.Close()), lastOf(text))
	}
	return &serving{&process{cmd, log}, client}, nil
}

// made is how many accounts were ever made in the stage's store, as PostgreSQL counts for itself: about a second late, and for
// nothing, while count(*) would be work beside what is measured.
func (s *stage) made(ctx context.Context) int64 {
	var n int64
	if err := s.db.QueryRowContext(ctx, "SELECT n_tup_ins FROM pg_stat_user_tables WHERE relname = 'accounts'").Scan(&n); err != nil {
		return 0
	}
	return n
}

// A sweep has begun, or stands still, within so long.
const obeyedIn = time.Minute

// moving waits until people are being moved, and then for a while.
func (s *stage) moving(ctx context.Context, while time.Duration) error {
	before := s.made(ctx)
	if err := s.await(ctx, func() bool { return s.made(ctx) > before }); err != nil {
		return fmt.Errorf("nobody is being moved: %w", err)
	}
	return wait(ctx, while)
}

// still waits until nobody is being moved.
func (s *stage) still(ctx context.Context) error {
	last, same := s.made(ctx), 0
	err := s.await(ctx, func() bool {
		now := s.made(ctx)
		if same++; now != last {
			last, same = now, 0
		}
		return same >= int(3*time.Second/lookEvery)
	})
	if err != nil {
		return fmt.Errorf("people are still being moved: %w", err)
	}
	return nil
}

// lookEvery is how often the store is asked how far it is.
const lookEvery = 250 * time.Millisecond

func (s *stage) await(ctx context.Context, reached func() bool) error {
	ctx, cancel := context.WithTimeout(ctx, obeyedIn)
	defer cancel()
	for !reached() {
		if err := wait(ctx, lookEvery); err != nil {
			return err
		}
	}
	return nil
}

func wait(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}
