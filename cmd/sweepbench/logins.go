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
	least     float64 // people a second who have to move meanwhile: a sweep that stands still disturbs nobody
}

var modes = []mode{
	{"paced at 5,000/s", "paced", []string{"accounts_per_second=5000", "hash=carry"}, "carry", 1.1, 4500},
	{"at full speed", "full", []string{`accounts_per_second="max"`, "hash=carry"}, "carry", 1.3, 1000},
	{"wrapping with one worker", "wrapping", []string{`accounts_per_second="max"`, "hash=wrap", "workers=1"}, "wrap", 1.5, 1},
}

// awake is how many people log in, in turn. They have moved before.
const awake = 64

// logins: p99 of logins while the sweeper runs, over that just before it began.
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
		two, err := b.whileSweeping(ctx, from, people, m)
		switch {
		case ctx.Err() != nil:
			return results, ctx.Err()
		case err != nil:
			failed = append(failed, fmt.Errorf("%s: %w", m.name, err))
		default:
			results = append(results, two...)
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

// A loginSide is what logins met in all rounds of one side. Of few logins a second no single round has a p99.
type loginSide struct {
	all     *hdrhistogram.Histogram
	refused int64     // not let in
	p99s    []float64 // of each round, seconds
	rates   []float64 // people a second who moved meanwhile, of each round
}

func newLoginSide() *loginSide { return &loginSide{all: newHistogram()} }

// p99 is in milliseconds.
func (s *loginSide) p99() float64 { return float64(s.all.ValueAtQuantile(99)) / 1000 }

func (s *loginSide) String() string {
	return fmt.Sprintf("%.1f ms (p50 %.1f) of %d logins, %d not let in", s.p99(), float64(s.all.ValueAtQuantile(50))/1000, s.all.TotalCount(), s.refused)
}

// whileSweeping measures one mode, without the governor and with it. Each round has a store of its own: logins of nobody else, then
// the sweep. The governor comes second: where it has put a sweep to sleep, turning it off does not wake it.
func (b *bench) whileSweeping(ctx context.Context, from *source, people []crowd.Person, m mode) ([]gauge.Result, error) {
	idle, off, on := newLoginSide(), newLoginSide(), newLoginSide()
	var peak int64 // of the gateway
	watch := gauge.NewWatch(b.pids())
	for round := range b.rounds {
		b.say("logins while sweeping %s, round %d", m.name, round+1)
		err := b.with(ctx, from, func(s *stage) error {
			l := listening{stage: s, people: people, enough: from.expected.Moved[m.hash]}
			if err := l.during(ctx, l.first); err != nil {
				return fmt.Errorf("the first logins: %w", err)
			}
			// A first login takes longer than those to come. To the governor it would be what logins take without a sweep.
			if _, err := s.db.ExecContext(ctx, "DELETE FROM sweep_verdict"); err != nil {
				return err
			}
			return l.during(ctx, func(ctx context.Context) error {
				err := l.measure(ctx, m, idle, off, on)
				peak = max(peak, gauge.Memory(l.serve.cmd.Process.Pid, "VmHWM"))
				return err
			})
		})
		if err != nil {
			return nil, err
		}
	}
	others := watch.Others(b.pids())
	result := func(side *loginSide, word string) gauge.Result {
		ratio, rate := side.p99()/idle.p99(), gauge.Median(side.rates)
		return gauge.Result{
			What: "login p99 while sweeping " + m.name + " over idle, " + word, Value: f2(ratio), Goal: fmt.Sprintf("<= %.2f, at %.0f/s or more", m.most, m.least),
			Met:    ratio <= m.most && side.refused == 0 && rate >= m.least,
			Detail: fmt.Sprintf("%s / %s, at %g a second; %.0f people/s meanwhile; the gateway's peak %s", side, idle, b.logins, rate, mib(peak)),
			Others: others,
			Samples: map[string][]float64{
				"logins/" + m.key + "/idle s/p99": idle.p99s, "logins/" + m.key + "/" + word + " s/p99": side.p99s,
				"logins/" + m.key + "/" + word + " people/s": side.rates,
			},
		}
	}
	with, without := result(on, "governor on"), result(off, "governor off")
	without.Goal = "-"
	return []gauge.Result{with, without}, nil
}

// A listening is one round of logins.
type listening struct {
	*stage
	serve  *serving
	people []crowd.Person
	enough int64 // so many are all
}

// during runs do while a gateway runs.
func (l *listening) during(ctx context.Context, do func(context.Context) error) (err error) {
	if l.serve, err = l.stage.serve(ctx); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, l.serve.end()) }()
	return do(ctx)
}

// first lets everybody log in once, which moves them.
func (l *listening) first(ctx context.Context) error {
	moved, _, err := load.Count(ctx, 4, int64(len(l.people)), l.login)
	return errors.Join(err, moved.Only(http.StatusOK))
}

// measure measures one round of all sides.
func (l *listening) measure(ctx context.Context, m mode, idle, off, on *loginSide) error {
	if err := l.checkpoint(); err != nil { // what came before is on disk
		return err
	}
	if err := l.side(ctx, idle); err != nil {
		return err
	}
	for _, sweeping := range []struct {
		governor string
		side     *loginSide
	}{{l.b.governorOff, off}, {"governor=null", on}} {
		set := append([]string{"sweep", "set", sweeping.governor, "--reason", "bench"}, m.set...)
		if err := l.ask(ctx, set...); err != nil {
			return err
		}
		if sweeping.side == off {
			if err := l.ask(ctx, "sweep", "start", "--reason", "bench"); err != nil {
				return err
			}
			if err := l.moving(ctx); err != nil {
				return err
			}
		}
		if err := wait(ctx, l.b.warm); err != nil {
			return err
		}
		if err := l.side(ctx, sweeping.side); err != nil {
			return err
		}
	}
	return nil
}

func (l *listening) login(ctx context.Context, i int64) (int, error) {
	p := l.people[i%int64(len(l.people))]
	return load.Post(ctx, l.serve.client, l.url+"/v1/login", map[string]string{"identifier": p.Username, "password": p.Password}, nil)
}

// side measures one side of a round.
func (l *listening) side(ctx context.Context, side *loginSide) error {
	before, begin := l.made(ctx), time.Now()
	t, err := load.Open(ctx, l.b.logins, l.b.span, l.login)
	if err != nil {
		return err
	}
	after := l.made(ctx)
	if after >= l.enough-l.enough/100 {
		return errors.New("the sweep came to its end while logins were measured: more -people, or less -span or -warm")
	}
	side.rates = append(side.rates, float64(after-before)/time.Since(begin).Seconds())
	side.p99s = append(side.p99s, t.Quantile(http.StatusOK, 99).Seconds())
	side.refused += t.Count() - t.Of(http.StatusOK)
	t.Into(side.all, http.StatusOK)
	return nil
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

// obeyedIn is how long it may take until a sweep moves somebody: it counts the names of all first.
const obeyedIn = 3 * time.Minute

// moving waits until people are being moved.
func (s *stage) moving(ctx context.Context) error {
	waiting, cancel := context.WithTimeout(ctx, obeyedIn)
	defer cancel()
	for before := s.made(ctx); s.made(waiting) <= before; {
		if err := wait(waiting, lookEvery); err != nil {
			return fmt.Errorf("nobody is being moved: %w", err)
		}
	}
	return nil
}

// lookEvery is how often the store is asked how far it is.
const lookEvery = 250 * time.Millisecond

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
