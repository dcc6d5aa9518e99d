package main

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"time"

	"rekey/cmd/loadtest/gauge"
	"rekey/cmd/sweepbench/copied"
)

// What the sweep is measured by.
const (
	overCopy     = 0.55
	overPgloader = 1.0
	carried      = 15_000 // people a second, on two cores
)

// write: rows written a second by a sweep, over COPY of the same rows, and over pgloader on the same source.
func write(ctx context.Context, b *bench) (results []gauge.Result, err error) {
	from, err := b.source(ctx, plan(b.people, 0))
	if err != nil {
		return nil, err
	}
	loader, missing := b.findLoader(ctx)
	w := writing{b: b, from: from, loader: loader}
	defer func() { err = errors.Join(err, w.spool.Remove()) }()
	sides := []gauge.Side{w.sweep, w.copy}
	if loader != "" {
		sides = append(sides, w.load)
	}
	values, others, err := gauge.Compare(ctx, b.rounds, b.pids, sides...)
	if err != nil {
		return nil, err
	}
	m := gauge.Medians(values)
	people := gauge.Median(w.people)
	samples := map[string][]float64{"write/sweep rows/s": values[0], "write/copy rows/s": values[1], "write/sweep people/s": w.people}
	results = []gauge.Result{{
		What: fmt.Sprintf("rows/s of a sweep of %d people, carried, over COPY of the same rows", b.people), Value: f2(m[0] / m[1]), Goal: ">= " + f2(overCopy),
		Met: m[0]/m[1] >= overCopy, Detail: fmt.Sprintf("%.0f / %.0f, %.2f rows and %.0f bytes for each person", m[0], m[1],
			float64(w.spool.Rows)/float64(from.expected.Moved["carry"]), float64(w.spool.Bytes)/float64(from.expected.Moved["carry"])),
		Others: others, Samples: samples,
	}}
	rows := gauge.Result{What: "rows/s of that sweep over people/s of pgloader", Goal: ">= " + f2(overPgloader), Value: "not measured", Met: true, Detail: missing, Others: others}
	if loader != "" {
		samples["write/pgloader rows/s"] = values[2]
		rows.Value, rows.Met = f2(m[0]/m[2]), m[0]/m[2] >= overPgloader
		rows.Detail = fmt.Sprintf("%.0f / %.0f; %s", m[0], m[2], w.loaded)
	} else {
		rows.Goal = "-"
	}
	return append(results, rows, gauge.Result{
		What: "people/s of that sweep", Value: fmt.Sprintf("%.0f", people), Goal: fmt.Sprintf(">= %d", carried), Met: people >= carried,
		Detail: w.swept.String(), Others: others,
	}), nil
}

// A writing is the row write while it is measured.
type writing struct {
	b      *bench
	from   *source
	loader string // its program

	spool         copied.Spool
	people        []float64 // a second, of each sweep
	swept, loaded ran       // the last
}

func (w *writing) sweep(ctx context.Context) (rate float64, err error) {
	err = w.b.with(ctx, w.from, func(s *stage) error {
		var counts map[string]int64
		if w.swept, counts, err = s.carry(ctx); err != nil {
			return err
		}
		seconds := w.swept.took.Seconds()
		rate = float64(copied.Sum(counts)) / seconds
		w.people = append(w.people, float64(counts["accounts"])/seconds)
		if w.spool.Rows > 0 {
			return nil
		}
		w.spool, err = copied.Take(ctx, s.store.DSN, w.b.dir)
		return err
	})
	return rate, err
}

func (w *writing) copy(ctx context.Context) (rate float64, err error) {
	w.b.say("COPY of %d rows", w.spool.Rows)
	err = w.b.with(ctx, w.from, func(s *stage) error {
		if err := s.checkpoint(); err != nil {
			return err
		}
		took, err := w.spool.Into(ctx, s.store.DSN)
		rate = float64(w.spool.Rows) / took.Seconds()
		return err
	})
	return rate, err
}

func (w *writing) load(ctx context.Context) (rate float64, err error) {
	w.b.say("pgloader of %d people", w.from.expected.People)
	err = w.b.with(ctx, w.from, func(s *stage) error {
		// A file, so that no password stands in the list of processes.
		file := filepath.Join(s.dir, "pgloader.load")
		text := fmt.Sprintf("LOAD DATABASE FROM %s INTO %s WITH include drop, create tables, create indexes, reset sequences;\n",
			w.from.database.DSN, asLoaded(s.store.DSN))
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			return err
		}
		if w.loaded, err = s.run(exec.CommandContext(ctx, w.loader, "--no-ssl-cert-verification", file), nil); err != nil {
			return err
		}
		rate = float64(w.from.expected.People) / w.loaded.took.Seconds()
		return s.loaded(ctx, w.from.expected.People)
	})
	return rate, err
}

// loaded looks whether pgloader, which exits with 0 in any case, has brought everybody.
func (s *stage) loaded(ctx context.Context, want int64) error {
	old, err := url.Parse(s.source.database.DSN)
	if err != nil {
		return err
	}
	var n int64
	if err := s.db.QueryRowContext(ctx, "SELECT count(*) FROM "+old.Path[1:]+".people").Scan(&n); err != nil { // it makes a schema of the database's name
		return fmt.Errorf("pgloader: %w", err)
	}
	if n != want {
		return fmt.Errorf("pgloader brought %d people, want %d", n, want)
	}
	return nil
}

// asLoaded is a DSN of PostgreSQL as pgloader writes it.
func asLoaded(dsn string) string { return "postgresql" + dsn[len("postgres"):] }

// findLoader returns pgloader, or why it is not there.
func (b *bench) findLoader(ctx context.Context) (path, missing string) {
	if !b.pgloader {
		return "", "-pgloader=false"
	}
	if path, err := exec.LookPath("pgloader"); err == nil {
		return path, ""
	}
	if out, err := exec.CommandContext(ctx, "deploy/dev/services", "install", "pgloader").CombinedOutput(); err != nil {
		b.say("pgloader: %s", lastOf(out))
		return "", "pgloader is not there, and could not be installed"
	}
	path, err := exec.LookPath("pgloader")
	if err != nil {
		return "", err.Error()
	}
	return path, ""
}

// A carrying is what sweeps of so many people took, which several rows tell something of.
type carrying struct {
	peaks []float64 // bytes
	took  time.Duration
	other float64 // of the CPU, in the last
}

// peak is the greatest: the garbage of one sweep is not that of another.
func (c carrying) peak() int64 { return int64(slices.Max(c.peaks)) }

// carry moves everybody, and keeps what that took and, where it is wanted, what rekey verify says after the first such sweep.
func (s *stage) carry(ctx context.Context) (ran, map[string]int64, error) {
	b, people := s.b, s.source.expected.People
	watch := gauge.NewWatch(b.pids())
	r, counts, err := s.sweep(ctx, "carry")
	if err != nil {
		return r, nil, err
	}
	b.carried[people] = carrying{append(b.carried[people].peaks, float64(r.peak)), r.took, watch.Others(b.pids())}
	if people == b.people && b.verifies && b.verified == nil {
		if err := s.verify(ctx); err != nil {
			return r, nil, err
		}
	}
	return r, counts, nil
}

// exitRefused is what rekey verify exits with where the stores differ.
const exitRefused = 3

// verify asks whether both stores are equal.
func (s *stage) verify(ctx context.Context) error {
	b := s.b
	b.say("rekey verify")
	watch := gauge.NewWatch(b.pids())
	r, err := s.run(s.command(ctx, "verify", "--workers", strconv.Itoa(b.workers)), nil)
	result := gauge.Result{
		What: fmt.Sprintf("rekey verify after a sweep of %d people", b.people), Goal: "no difference", Value: "no difference", Met: true,
		Detail: fmt.Sprintf("%s, %.0f people/s; %s", r.took.Round(time.Millisecond), float64(s.source.expected.People)/r.took.Seconds(), r), Others: watch.Others(b.pids()),
	}
	if exit := (*exec.ExitError)(nil); errors.As(err, &exit) && exit.ExitCode() == exitRefused {
		b.say("%v", err) // with what differs
		result.Value, result.Met, err = "the stores differ", false, nil
	}
	b.verified = &result
	return err
}

// verify: that a sweep leaves both stores equal, and how long it takes to see that.
func verify(ctx context.Context, b *bench) ([]gauge.Result, error) {
	if b.verified == nil {
		from, err := b.source(ctx, plan(b.people, 0))
		if err != nil {
			return nil, err
		}
		if err := b.with(ctx, from, func(s *stage) error { _, _, err := s.carry(ctx); return err }); err != nil {
			return nil, err
		}
	}
	return []gauge.Result{*b.verified}, nil
}

// The memory that a sweep may take, and how much more of it for a hundred times as many people.
const (
	mostMemory = 64 << 20
	mostGrowth = 4 << 20
)

// memory: the peak of a sweep, and how it grows with the number of people.
func memory(ctx context.Context, b *bench) ([]gauge.Result, error) {
	var results []gauge.Result
	var peaks []int64
	for _, n := range b.sizes {
		for len(b.carried[n].peaks) < b.rounds {
			from, err := b.source(ctx, plan(n, 0))
			if err != nil {
				return results, err
			}
			if err := b.with(ctx, from, func(s *stage) error { _, _, err := s.carry(ctx); return err }); err != nil {
				return results, err
			}
		}
		r := b.carried[n]
		peaks = append(peaks, r.peak())
		results = append(results, gauge.Result{
			What: fmt.Sprintf("peak memory of a sweep of %d people", n), Value: mib(r.peak()), Goal: "<= " + mib(mostMemory), Met: r.peak() <= mostMemory,
			Detail: fmt.Sprintf("VmHWM, the greatest of %d sweeps; the last took %s", len(r.peaks), r.took.Round(time.Millisecond)), Others: r.other,
			Samples: map[string][]float64{fmt.Sprintf("memory/people=%d B", n): r.peaks},
		})
	}
	if last := len(peaks) - 1; last > 0 {
		results = append(results, growth(b.sizes[0], b.sizes[last], peaks[0], peaks[last]))
	}
	return results, nil
}

// growth is how much more memory many people take than few.
func growth(few, many, first, last int64) gauge.Result {
	return gauge.Result{
		What: fmt.Sprintf("its growth from %d to %d people", few, many), Value: mib(last - first), Goal: "<= " + mib(mostGrowth), Met: last-first <= mostGrowth,
		Detail: mib(first) + " to " + mib(last),
	}
}

func f2(v float64) string { return fmt.Sprintf("%.2f", v) }
