package server

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"rekey/accounts"
	"rekey/accounts/password"
	"rekey/accounts/sqlstore"
	"rekey/sweeper"
	"rekey/sweeper/governor"
)

// A pulse measures what this process feels of a sweep, whoever runs it, and tells the leader.
type pulse struct {
	store   *sqlstore.Store
	replica string
	logins  *recent // nil: this process serves nobody
	sources []*source
	permits *password.Pool
	checks  []*sweepCheck
	log     *slog.Logger

	waits, conns mean
	pings        recent
	pinged       time.Time // when the store answered the last time, or was to for the first
	lag          *sqlstore.ReplicaLag
	lagged       time.Time // when the lag was read the last time; zero: there is none to read
	lastLag      time.Duration
	silent       bool // the last try to tell has failed

	mu   sync.Mutex
	last []governor.Reading
}

// looks is how many times a second's worth of counts is looked at until it is forgotten.
const looks = recentSeconds / int(sweeper.PublishEvery/time.Second)

// pulseTimeout bounds each question of a pulse to the store.
const pulseTimeout = time.Second

func newPulse(store *sqlstore.Store, lease *accounts.Lease, sources []*source, permits *password.Pool, logins *recent, checks []*sweepCheck, log *slog.Logger) *pulse {
	return &pulse{
		store: store, replica: lease.ID(), logins: logins, sources: sources, permits: permits, checks: checks, log: log,
		lag: store.ReplicaLag(),
	}
}

// answered counts a login, as accounts.Config wants to tell it.
func (r *recent) answered(took time.Duration, err error) {
	_, failed := errors.AsType[*accounts.UnavailableError](err)
	r.add(time.Now(), took, failed)
}

// oneQuestion is how long a question about so many people took, as one that a login asks: a page of more than a thousand may
// take longer, in proportion.
func oneQuestion(took time.Duration, people int) time.Duration {
	return took * 1000 / time.Duration(max(people, 1000))
}

// start runs until stop is called, which waits for it.
func (p *pulse) start(ctx context.Context) (stop func(context.Context) error) {
	running, cancel := context.WithCancel(context.WithoutCancel(ctx))
	done := make(chan struct{})
	go func() {
		defer close(done)
		p.run(running)
	}()
	return func(context.Context) error {
		cancel()
		<-done // it ends at once: nothing of it outlives its context
		return nil
	}
}

// run measures and tells until ctx ends.
func (p *pulse) run(ctx context.Context) {
	var asking sync.WaitGroup
	defer asking.Wait()
	for _, c := range p.checks {
		asking.Go(func() { c.run(ctx, p.log) })
	}
	tick := time.NewTicker(sweeper.PublishEvery)
	defer tick.Stop()
	for {
		p.beat(ctx)
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// beat measures once and tells.
func (p *pulse) beat(ctx context.Context) {
	readings := p.measure(ctx, time.Now())
	p.mu.Lock()
	p.last = readings
	p.mu.Unlock()
	limited, cancel := context.WithTimeout(ctx, sweeper.PublishEvery) // a batch of a sweep may hold up a write
	defer cancel()
	err := sweeper.Publish(limited, p.store, p.replica, time.Now(), readings)
	if err != nil && ctx.Err() == nil && !p.silent {
		p.log.WarnContext(ctx, "what this process measures is not told; sweeps stop until it is", "error", err)
	}
	p.silent = err != nil
}

// readings returns what was measured last.
func (p *pulse) readings() []governor.Reading {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.last
}

// measure reads every signal that is wired here.
func (p *pulse) measure(ctx context.Context, now time.Time) []governor.Reading {
	var all []governor.Reading
	add := func(signal governor.Signal, of string, value float64, at time.Time) {
		all = append(all, governor.Reading{Signal: signal, Of: of, Value: value, At: at})
	}
	if p.logins != nil {
		s := p.logins.last(now)
		add(governor.LoginP99, "", milliseconds(s.quantile(0.99)), now)
		add(governor.LoginErrors, "", s.failures(), now)
	}
	add(governor.HashWait, "", milliseconds(p.hashWait()), now)
	for _, source := range p.sources {
		s := source.asked.last(now)
		add(governor.LegacyP95, source.name, milliseconds(s.quantile(0.95)), now)
		add(governor.LegacyErrors, source.name, s.failures(), now)
	}
	latency, pinged := p.ping(ctx, now)
	add(governor.StoreLatency, "", milliseconds(latency), pinged)
	if conns := p.store.Postgres(); conns != nil {
		stat := conns.Stat()
		wait := p.conns.over(looks, total{uint64(max(stat.AcquireCount(), 0)), stat.AcquireDuration()})
		add(governor.StoreWait, "", milliseconds(wait), now)
	}
	if lag, at, wired := p.readLag(ctx, now); wired {
		add(governor.ReplicaLag, "", milliseconds(lag), at)
	}
	for _, c := range p.checks {
		all = append(all, c.reading())
	}
	return all
}

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

// hashWait is how long logins have waited for a permit, or, if that is more, would wait behind those who do now.
func (p *pulse) hashWait() time.Duration {
	stats := p.permits.Stats()
	wait := p.waits.over(looks, total{stats.Begun, stats.Waited})
	if stats.Waiting > 0 {
		wait = max(wait, stats.Forecast)
	}
	return wait
}

// ping asks the store for something small, and returns how long that takes of late, and when it answered the last time.
func (p *pulse) ping(ctx context.Context, now time.Time) (time.Duration, time.Time) {
	if p.pinged.IsZero() {
		p.pinged = now
	}
	limited, cancel := context.WithTimeout(ctx, pulseTimeout)
	defer cancel()
	begun := time.Now()
	if err := p.store.Ping(limited); err == nil {
		p.pings.add(now, time.Since(begun), false)
		p.pinged = now
	}
	s := p.pings.last(now)
	return s.quantile(0.5), p.pinged
}

// readLag reads how far the standbys are behind. wired is false where there are none, where we may not know, and where it was never
// to be read; once it was, one that cannot be read is no longer nothing.
func (p *pulse) readLag(ctx context.Context, now time.Time) (lag time.Duration, at time.Time, wired bool) {
	limited, cancel := context.WithTimeout(ctx, pulseTimeout)
	defer cancel()
	lag, standbys, err := p.lag.Read(limited, now)
	switch {
	case err != nil:
		return p.lastLag, p.lagged, !p.lagged.IsZero()
	case !standbys:
		p.lagged = time.Time{}
		return 0, time.Time{}, false
	}
	p.lastLag, p.lagged = lag, now
	return lag, now, true
}
