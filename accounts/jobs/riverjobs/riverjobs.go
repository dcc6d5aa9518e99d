// Package riverjobs is the jobs.Engine that shares the work of any number of machines, by River (https://riverqueue.com) on
// PostgreSQL. It serves installations whose machines should not each look for themselves.
//
// Each kind is a queue of its own, so that one that is slow holds up no other. A nudge is a row there, written after the
// caller has gone on, and whichever machine has a hand free takes it. One machine leads: it puts in the rows for work that
// nobody nudged for, and takes the rows of machines that died off them.
//
// What one idle process costs with it, against the engine of package jobs on the same database (medians of a few runs, both
// cores busy with other things): 35.5 MiB resident against 34.2, of which 6.6 MiB against 5.9 are its own and the rest is the
// program's file; one connection more; 8 commits a second against 6.5, most of which are others' than background work's. So it
// is chosen by who runs several machines, where one looks for all: each further machine adds one commit a second without it.
package riverjobs

import (
	"cmp"
	"context"
	"crypto/rand"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"github.com/riverqueue/river/rivertype"

	"rekey/accounts/jobs"
)

// Config is what an engine is made of. Pool and Set are required.
type Config struct {
	Pool *pgxpool.Pool // at least three connections: one of them listens for as long as the engine runs
	Set  *jobs.Set
	Log  *slog.Logger // nil means none

	// Look is the least time between two looks for work that nobody nudged for; 0 means 5 s. A look is three small writes.
	Look time.Duration

	eager bool // for tests: who leads begins at once, and not after a random moment
}

const (
	spell    = 15 * time.Second                        // of one go at a kind: then another machine may have it
	goLimit  = spell + jobs.MaxTimeout + 5*time.Second // until River ends a go that does not end by itself
	rescue   = goLimit + 10*time.Second                // after which a go is taken for that of a machine that died
	look     = 5 * time.Second                         // see Config.Look
	keepDone = time.Minute                             // how long the row of a go that ended well stays
	keepLost = time.Hour                               // and of one that was given up: the next look begins anew
	again    = 100 * time.Millisecond                  // until a nudge that met a go under way is tried again; doubled each time
	againMax = time.Second                             // up to this
	asking   = 5 * time.Second                         // to write down a nudge
)

// Engine implements jobs.Engine.
type Engine struct {
	set    *jobs.Set
	client *river.Client[pgx.Tx]
	id     string
	log    *slog.Logger
	alone  map[string]bool // by kind

	mu      sync.Mutex
	pending map[string]bool // nudges that are not written down yet
	wake    chan struct{}

	cancel  context.CancelFunc // ends the writing of nudges; nil before Start
	writing sync.WaitGroup
}

var _ jobs.Engine = (*Engine)(nil)

// New makes an engine over a database on which Migrate has been run. It asks nothing yet.
func New(c Config) (*Engine, error) {
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	every := cmp.Or(c.Look, look)
	e := &Engine{
		set: c.Set, id: rand.Text(), log: c.Log, alone: make(map[string]bool),
		pending: make(map[string]bool), wake: make(chan struct{}, 1),
	}
	queues, workers := make(map[string]river.QueueConfig), river.NewWorkers()
	river.AddWorker(workers, &worker{set: c.Set})
	var periodic []*river.PeriodicJob
	for _, k := range c.Set.Kinds() {
		e.alone[k.Name] = k.Alone
		queues[k.Name] = river.QueueConfig{MaxWorkers: 1} // a go has as many workers as the kind says
		periodic = append(periodic, river.NewPeriodicJob(river.PeriodicInterval(max(k.Every, every)), looks(k), &river.PeriodicJobOpts{RunOnStart: true}))
	}
	var err error
	e.client, err = river.NewClient(riverpgxv5.New(c.Pool), &river.Config{
		ID: e.id, Queues: queues, Workers: workers, PeriodicJobs: periodic,
		FetchPollInterval: every, FetchCooldown: min(every, river.FetchCooldownDefault),
		JobTimeout: goLimit, RescueStuckJobsAfter: rescue, RetryPolicy: backoff{c.Set},
		CompletedJobRetentionPeriod: keepDone, DiscardedJobRetentionPeriod: keepLost, CancelledJobRetentionPeriod: keepLost,
		Logger: slog.New(warnings{c.Log.Handler()}), TestOnly: c.eager,
	})
	if err != nil {
		return nil, fmt.Errorf("jobs: %w", err)
	}
	return e, nil
}

// Start begins to work, and fails if the database does not answer.
func (e *Engine) Start(ctx context.Context) error {
	ctx = context.WithoutCancel(ctx)
	if err := e.client.Start(ctx); err != nil {
		return fmt.Errorf("jobs: %w", err)
	}
	ctx, e.cancel = context.WithCancel(ctx)
	e.writing.Go(func() { e.write(ctx) })
	return nil
}

// Close implements jobs.Engine. What was not worked off is left to other machines, or to the next start.
func (e *Engine) Close(ctx context.Context) error {
	e.set.Stop()
	if e.cancel == nil {
		return nil
	}
	e.cancel()
	e.writing.Wait()
	err := e.client.Stop(ctx)
	if err != nil && ctx.Err() != nil {
		_ = e.client.StopAndCancel(ctx) // what runs is told to end, and not waited for
	}
	return err
}

// A nudge is what River calls a job. It says nothing but where to look.
type nudge struct {
	Work string `json:"work"` // the kind, which is also the queue
	// Slot is what makes two nudges the same. Of work that is done alone there is one slot. Else each machine has one, and the
	// leader two, so that a go that died with its machine, whose row stands in the way until it is rescued, delays no nudge of
	// others.
	Slot string `json:"slot,omitempty"`
}

// Kind implements river.JobArgs. To River there is one.
func (nudge) Kind() string { return "rekey-nudge" }

// options put a nudge into its queue, unless one waits there already, runs, or is to be tried again.
func (n nudge) options() *river.InsertOpts {
	return &river.InsertOpts{Queue: n.Work, UniqueOpts: river.UniqueOpts{ByArgs: true, ByState: []rivertype.JobState{
		rivertype.JobStateAvailable, rivertype.JobStatePending, rivertype.JobStateRunning, rivertype.JobStateRetryable, rivertype.JobStateScheduled,
	}}}
}

// looks makes the nudges of the leader.
func looks(k jobs.Kind) river.PeriodicJobConstructor {
	slots, n := []string{"look", "look too"}, 0
	if k.Alone {
		slots = []string{""}
	}
	return func() (river.JobArgs, *river.InsertOpts) {
		n++
		args := nudge{Work: k.Name, Slot: slots[n%len(slots)]}
		return args, args.options()
	}
}

// Nudge implements jobs.Engine.
func (e *Engine) Nudge(kind string) {
	if _, known := e.alone[kind]; !known {
		return
	}
	e.mu.Lock()
	e.pending[kind] = true
	e.mu.Unlock()
	select {
	case e.wake <- struct{}{}:
	default:
	}
}

// write writes nudges down. One that meets a go under way is tried again until that has ended: the go may have looked
// already when what the nudge is about was not there yet.
func (e *Engine) write(ctx context.Context) {
	wait := again
	for {
		left := false
		for _, kind := range e.takePending() {
			done, err := e.insert(ctx, kind)
			if err != nil && ctx.Err() == nil {
				e.log.WarnContext(ctx, "background work could not be asked for; it is tried again", "kind", kind, "error", err)
			}
			if !done {
				left = true
				e.mu.Lock()
				e.pending[kind] = true
				e.mu.Unlock()
			}
		}
		if !left {
			wait = again
			select {
			case <-ctx.Done():
				return
			case <-e.wake:
			}
			continue
		}
		timer := time.NewTimer(wait)
		wait = min(2*wait, againMax)
		select {
		case <-ctx.Done():
			timer.Stop()
			return
		case <-timer.C:
		}
	}
}

func (e *Engine) takePending() []string {
	e.mu.Lock()
	defer e.mu.Unlock()
	kinds := slices.Sorted(maps.Keys(e.pending))
	clear(e.pending)
	return kinds
}

// insert reports whether a look at the kind will begin after now.
func (e *Engine) insert(ctx context.Context, kind string) (bool, error) {
	ctx, cancel := context.WithTimeout(ctx, asking)
	defer cancel()
	n := nudge{Work: kind}
	if !e.alone[kind] {
		n.Slot = e.id
	}
	inserted, err := e.client.Insert(ctx, n, n.options())
	if err != nil {
		return false, err
	}
	return !inserted.UniqueSkippedAsDuplicate || inserted.Job.State != rivertype.JobStateRunning, nil
}

// A worker has a go at a kind.
type worker struct {
	river.WorkerDefaults[nudge]
	set *jobs.Set
}

// Work implements river.Worker. What is left goes back at once, to whichever machine is free.
func (w *worker) Work(ctx context.Context, job *river.Job[nudge]) error {
	more, err := w.set.Drain(ctx, job.Args.Work, spell)
	if err == nil && more {
		return river.JobSnooze(0)
	}
	return err
}

// backoff is when a go that failed is tried again.
type backoff struct{ set *jobs.Set }

// NextRetry implements river.ClientRetryPolicy.
func (b backoff) NextRetry(job *rivertype.JobRow) time.Time {
	wait := time.Minute
	for _, k := range b.set.Kinds() {
		if k.Name == job.Queue {
			wait = k.Backoff(job.Attempt)
		}
	}
	return time.Now().Add(wait)
}

// warnings lets through what an operator should know of River, which is talkative. Failures of the work are logged by the
// Set.
type warnings struct{ slog.Handler }

// Enabled implements slog.Handler.
func (w warnings) Enabled(ctx context.Context, level slog.Level) bool {
	return level >= slog.LevelWarn && w.Handler.Enabled(ctx, level)
}

// WithAttrs implements slog.Handler.
func (w warnings) WithAttrs(attrs []slog.Attr) slog.Handler {
	return warnings{w.Handler.WithAttrs(attrs)}
}

// WithGroup implements slog.Handler.
func (w warnings) WithGroup(name string) slog.Handler { return warnings{w.Handler.WithGroup(name)} }
