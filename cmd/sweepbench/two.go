package main

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"time"

	"rekey/cmd/chaos/proxy"
	"rekey/cmd/loadtest/gauge"
	"rekey/cmd/loadtest/rig"
)

const (
	chunks     = 20  // into which the people are cut, so that both processes have some to the end
	leastChunk = 100 // people, that settings take
)

// overOne is what two processes are to move over what one does.
const overOne = 1.6

// twoProcesses: people moved a second by two processes of rekey sweep worker over those of one.
func twoProcesses(ctx context.Context, b *bench) ([]gauge.Result, error) {
	var results []gauge.Result
	for _, test := range []struct {
		what, key, hash string
		people          int64
		held            time.Duration
	}{
		{fmt.Sprintf("carried, behind lines that hold each piece back for %s", b.held), "held", "carry", b.two, b.held},
		{"wrapped, on a core each", "wrapped", "wrap", b.twoWrap, 0},
	} {
		from, err := b.source(ctx, plan(test.people, 0))
		if err != nil {
			return nil, err
		}
		var peak int64
		var busy float64 // of the last, which are two
		side := func(n int) gauge.Side {
			return func(ctx context.Context) (rate float64, err error) {
				b.say("%d processes, %d people %s", n, test.people, test.what)
				err = b.with(ctx, from, func(s *stage) error {
					var most int64
					rate, most, busy, err = s.work(ctx, n, test.hash, test.held)
					peak = max(peak, most)
					return err
				})
				return rate, err
			}
		}
		values, others, err := gauge.Compare(ctx, b.rounds, b.pids, side(1), side(2))
		if err != nil {
			return results, err
		}
		m := gauge.Medians(values)
		results = append(results, gauge.Result{
			What: "people/s of two worker processes over one, " + test.what, Value: f2(m[1] / m[0]), Goal: ">= " + f2(overOne), Met: m[1]/m[0] >= overOne,
			Detail: fmt.Sprintf("%.0f / %.0f; with two the databases took %.0f %% of the CPU; peak of a worker %s", m[1], m[0], 100*busy, mib(peak)), Others: others,
			Samples: map[string][]float64{"two/" + test.key + "/one people/s": values[0], "two/" + test.key + "/two people/s": values[1]},
		})
	}
	return results, nil
}

// work moves everybody with n worker processes, and returns how many a second, from when the first had moved, the greatest peak of
// a process, and the share of the CPU that both databases took.
func (s *stage) work(ctx context.Context, n int, hash string, held time.Duration) (rate float64, peak int64, busy float64, err error) {
	if err := s.begin(ctx); err != nil {
		return 0, 0, 0, err
	}
	// Who sets and starts goes past the lines.
	chunk := max(leastChunk, s.source.expected.People/chunks)
	set := []string{"sweep", "set", fmt.Sprint("workers=", n), fmt.Sprint("chunk=", chunk), `accounts_per_second="max"`, "hash=" + hash, s.b.governorOff, "--reason", "bench"}
	if err := s.ask(ctx, set...); err != nil {
		return 0, 0, 0, err
	}
	if held > 0 {
		hang, err := s.hold(held)
		defer func() { _ = hang() }() // everybody has hung up by now
		if err != nil {
			return 0, 0, 0, err
		}
	}
	var workers []*process
	defer func() {
		for _, w := range workers {
			err = errors.Join(err, w.end())
		}
	}()
	for i := range n {
		w, err := s.worker(ctx, i)
		if err != nil {
			return 0, 0, 0, err
		}
		workers = append(workers, w)
	}
	if err := s.ask(ctx, "sweep", "start", "--reason", "bench"); err != nil {
		return 0, 0, 0, err
	}
	before, began := s.b.busy(), time.Now()
	rate, err = s.pace(ctx, s.source.expected.Moved[hash])
	if err != nil {
		return 0, 0, 0, fmt.Errorf("%w\n%s", err, workers[0].words())
	}
	after := s.b.busy()
	busy = (after[0] + after[1] - before[0] - before[1]).Seconds() / time.Since(began).Seconds() / float64(runtime.NumCPU())
	for _, w := range workers {
		peak = max(peak, gauge.Memory(w.cmd.Process.Pid, "VmHWM"))
	}
	return rate, peak, busy, nil
}

// pace waits until so many people are there, and returns how many a second came behind the first.
func (s *stage) pace(ctx context.Context, want int64) (rate float64, err error) {
	var first, last int64
	var began time.Time
	for moved := time.Now(); ; {
		var now int64
		if err := s.db.QueryRowContext(ctx, "SELECT count(*) FROM accounts").Scan(&now); err != nil {
			return 0, err
		}
		if now > last {
			moved = time.Now()
			if last = now; first == 0 {
				first, began = now, moved
			}
		}
		switch {
		case last >= want && first >= want:
			return 0, errors.New("all had moved at once: too few people")
		case last >= want:
			return float64(last-first) / moved.Sub(began).Seconds(), nil
		case time.Since(moved) > obeyedIn:
			return 0, fmt.Errorf("the workers stand still at %d of %d people", last, want)
		}
		if err := wait(ctx, paceEvery); err != nil {
			return 0, err
		}
	}
}

// paceEvery is how often accounts are counted, of which there are few.
const paceEvery = 50 * time.Millisecond

// hold puts a line that holds each piece back before both stores, in the configuration, and returns what takes them away.
func (s *stage) hold(held time.Duration) (hang func() error, err error) {
	var slow []*proxy.Proxy
	hang = func() error {
		var errs []error
		for _, p := range slow {
			errs = append(errs, p.Close())
		}
		return errors.Join(errs...)
	}
	behind := func(dsn string) (string, error) {
		u, err := url.Parse(dsn)
		if err != nil {
			return "", err
		}
		p, err := proxy.New(u.Host)
		if err != nil {
			return "", err
		}
		slow = append(slow, p)
		p.Set(proxy.Slow, held)
		u.Host = p.Address()
		return u.String(), nil
	}
	store, err := behind(s.store.DSN)
	if err != nil {
		return hang, err
	}
	legacy, err := behind(s.source.database.DSN)
	if err != nil {
		return hang, err
	}
	return hang, s.configure(lines{store, legacy})
}

// A process is one that runs until it is told to end.
type process struct {
	cmd *exec.Cmd
	log *os.File
}

// worker starts rekey sweep worker on one core.
func (s *stage) worker(ctx context.Context, i int) (*process, error) {
	log, err := os.Create(filepath.Join(s.dir, fmt.Sprintf("worker%d.log", i)))
	if err != nil {
		return nil, err
	}
	cmd := s.command(ctx, "sweep", "worker", "--workers", "1")
	cmd.Stdout, cmd.Stderr = log, log
	cmd.Env = append(os.Environ(), "GOMAXPROCS=1")
	if err := cmd.Start(); err != nil {
		return nil, errors.Join(err, log.Close())
	}
	return &process{cmd, log}, nil
}

func (p *process) end() error { return errors.Join(rig.End(p.cmd), p.log.Close()) }

// words are the last that it wrote.
func (p *process) words() []byte {
	text, err := os.ReadFile(p.log.Name())
	if err != nil {
		return []byte(err.Error())
	}
	return lastOf(text)
}
