package password

import (
	"container/list"
	"context"
	"errors"
	"fmt"
	"runtime"
	"runtime/debug"
	"sync"
	"time"
)

// Errors of Pool.Do.
var (
	// ErrBusy is what a *BusyError matches under errors.Is.
	ErrBusy = errors.New("too many passwords are being hashed")
	// ErrClosed: the pool takes no more work; the program is shutting down.
	ErrClosed = errors.New("the hashing pool is closed")
)

// A BusyError says that the work was not begun, because its turn would not have come within the queue's deadline.
type BusyError struct {
	RetryAfter time.Duration // when a try is likely to be let in; 1 s to 30 s
}

func (e *BusyError) Error() string { return fmt.Sprintf("%v; try again in %v", ErrBusy, e.RetryAfter) }

// Unwrap returns ErrBusy.
func (e *BusyError) Unwrap() error { return ErrBusy }

// A PanicError says that the work panicked. Its text never contains the panic's value, which may hold anything that the
// work held.
type PanicError struct {
	Value any    // nil if the work ended its goroutine by runtime.Goexit
	Stack []byte // of the goroutine, for the log
}

func (e *PanicError) Error() string {
	if err, ok := e.Value.(runtime.Error); ok {
		return "hashing panicked: " + err.Error() // "index out of range [5]": numbers and types, no content
	}
	return fmt.Sprintf("hashing panicked with a %T", e.Value)
}

// Priority orders what waits for a permit.
type Priority int

// The priorities.
const (
	// PriorityLogin is for work that a person waits for.
	PriorityLogin Priority = iota
	// PrioritySweep is for background work. It is let in only when no login waits, and holds a small share of the
	// permits. It may wait long while people log in: that is its purpose.
	PrioritySweep
	priorities
)

// PoolConfig sizes a Pool. A field that is zero means the default.
type PoolConfig struct {
	// Permits is how many hashes run at once; by default as many as there are cores (GOMAXPROCS): more do not finish
	// sooner, they only take more memory.
	Permits int
	// SweepPermits is how many of them PrioritySweep may hold; by default 1.
	SweepPermits int
	// MemoryKiB is what all hashes that run may take together; by default 64 MiB a permit, or one hash of Policy a
	// permit if that is more. What needs more than all of it runs alone.
	MemoryKiB int64
	// MaxWait is how long work may queue for a permit; by default 2 s.
	MaxWait time.Duration
	// Policy is what most hashes will cost; it sizes the default of MemoryKiB.
	Policy Policy
}

const (
	defaultMemoryPerPermit = 64 << 10 // KiB
	defaultMaxWait         = 2 * time.Second
)

// A Pool bounds how many hashes run at once and how much memory they take together.
//
// The permit is held by the goroutine that hashes, not by the request: a client that hangs up does not free the core
// its hash is running on, so it does not free the permit either. Otherwise many short-lived requests could run any
// number of hashes at once.
//
// Work of one priority starts in the order in which it came, whatever its weight: what is light does not overtake what
// is heavy, so the heavy is never starved.
type Pool struct {
	permits, sweepPermits int
	memory                int64 // bytes
	maxWait               time.Duration

	mu      sync.Mutex
	waiting [priorities]list.List // of *ticket
	running [priorities]int
	lent    int   // permits, beside those of what runs
	inUse   int64 // bytes
	load    forecast
	stats   counters
	closed  bool
	idle    chan struct{} // closed when the pool is closed and empty
}

// A ticket is one call of Do.
type ticket struct {
	priority Priority
	memory   int64         // bytes: 1 to the whole budget
	came     time.Time     // when it began to wait
	began    time.Time     // zero while it waits
	turn     chan struct{} // closed when it begins
}

// NewPool returns a Pool. It starts nothing and hashes nothing.
func NewPool(c PoolConfig) *Pool {
	p := &Pool{permits: c.Permits, sweepPermits: c.SweepPermits, memory: c.MemoryKiB << 10, maxWait: c.MaxWait, idle: make(chan struct{})}
	if p.permits <= 0 {
		p.permits = runtime.GOMAXPROCS(0)
	}
	if p.sweepPermits <= 0 {
		p.sweepPermits = 1
	}
	if p.memory <= 0 {
		p.memory = int64(p.permits) * max(defaultMemoryPerPermit<<10, c.Policy.orDefault().memory())
	}
	if p.maxWait <= 0 {
		p.maxWait = defaultMaxWait
	}
	p.load = newForecast(p.maxWait)
	return p
}

// SweepPermits returns how many hashes of PrioritySweep may run at once.
func (p *Pool) SweepPermits() int { return min(p.permits, p.sweepPermits) }

// Do waits for a permit and for memory bytes of the budget, runs fn in a goroutine of its own, and returns when fn has
// ended. It returns
//
//   - nil: fn has run to its end, and what it wrote may be read;
//   - a *BusyError: fn has not run and will not. At once if the wait would be too long, or after MaxWait;
//   - ctx.Err(): nobody waits any more. If fn had begun, it runs on to its end and only then gives back its permit, so
//     what it writes must not be read;
//   - a *PanicError: fn panicked;
//   - ErrClosed: Close was called before.
func (p *Pool) Do(ctx context.Context, memory int64, priority Priority, fn func()) error {
	t := p.ticket(memory, priority)
	if err := p.enter(ctx, t); err != nil {
		return err
	}
	done := make(chan error, 1) // room for one: the goroutine ends also when nobody waits for it
	go p.run(t, fn, done)
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		select {
		case err := <-done: // both at once: the work is done, so let it count
			return err
		default:
			return ctx.Err()
		}
	}
}

func (p *Pool) ticket(memory int64, priority Priority) *ticket {
	return &ticket{
		priority: priority,
		// At least a byte, so that work which takes the whole budget is alone even beside work that needs next to none.
		memory: min(max(memory, 1), p.memory),
		turn:   make(chan struct{}),
	}
}

// run does the work and gives back the permit, in this order, and then tells.
func (p *Pool) run(t *ticket, fn func(), done chan<- error) {
	panicked := true // by panic or Goexit, unless fn returns
	defer func() {
		var err error
		if panicked {
			err = &PanicError{Value: recover(), Stack: debug.Stack()}
		}
		p.leave(t)
		done <- err
	}()
	fn()
	panicked = false
}

// enter returns nil when t has begun.
func (p *Pool) enter(ctx context.Context, t *ticket) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	place, err := p.queue(t)
	if err != nil {
		return err
	}
	if place == nil {
		return nil
	}
	deadline := time.NewTimer(p.maxWait)
	defer deadline.Stop()
	select {
	case <-t.turn:
		return nil
	case <-ctx.Done():
		return p.giveUp(t, place, ctx.Err())
	case <-deadline.C:
		return p.giveUp(t, place, nil)
	}
}

// queue begins t if it can begin now. Otherwise it queues it and returns its place, or refuses it.
func (p *Pool) queue(t *ticket) (*list.Element, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return nil, ErrClosed
	}
	t.came = time.Now()
	if p.waiting[t.priority].Len() == 0 && p.mayBegin(t) {
		p.begin(t, t.came)
		return nil, nil
	}
	// Nobody waits for the answer of a sweep, and how long logins will keep it out cannot be known: it is not refused
	// beforehand.
	if t.priority == PriorityLogin {
		if err := p.refusal(t); err != nil {
			return nil, err
		}
		p.load.queued += p.share(t)
	}
	return p.waiting[t.priority].PushBack(t), nil
}

// refusal returns the *BusyError for a login whose turn would come too late.
func (p *Pool) refusal(t *ticket) error {
	if wait := p.load.wait(t.came, p.share(t)); wait > p.load.limit {
		p.stats.shed++
		return busy(wait)
	}
	return nil
}

// Full returns the *BusyError with which Do would refuse a login that takes so many bytes of memory now, or nil. Who
// asks first spares a store the questions of logins that would be shed anyway. It promises nothing: Do may still refuse.
func (p *Pool) Full(memory int64) error {
	t := p.ticket(memory, PriorityLogin)
	p.mu.Lock()
	defer p.mu.Unlock()
	t.came = time.Now()
	if p.waiting[PriorityLogin].Len() == 0 && p.mayBegin(t) {
		return nil
	}
	return p.refusal(t)
}

// giveUp takes t out of the queue. cause is why: nil for the queue's deadline.
func (p *Pool) giveUp(t *ticket, place *list.Element, cause error) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !t.began.IsZero() { // its turn came at this very moment
		if cause == nil {
			return nil
		}
		p.stats.abandoned++
		p.free(t)
		p.admit()
		return cause
	}
	p.unqueue(t, place)
	p.admit() // what was behind t may be light enough
	if cause != nil {
		p.stats.abandoned++
		return cause
	}
	p.stats.shed++
	return busy(max(p.maxWait, p.load.wait(time.Now(), p.share(t))))
}

// leave is called when the work of t has ended.
func (p *Pool) leave(t *ticket) {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := time.Now()
	p.load.moved = now
	if t.priority == PriorityLogin {
		p.load.ended(now.Sub(t.began))
	}
	p.stats.done++
	p.free(t)
	p.admit()
}

// The rest needs p.mu.

func (p *Pool) begin(t *ticket, now time.Time) {
	t.began = now
	p.running[t.priority]++
	p.inUse += t.memory
	p.load.moved = now
	p.stats.began(t.priority, now.Sub(t.came))
}

func (p *Pool) unqueue(t *ticket, place *list.Element) {
	p.waiting[t.priority].Remove(place)
	if t.priority != PriorityLogin {
		return
	}
	p.load.queued -= p.share(t)
	if p.waiting[PriorityLogin].Len() == 0 {
		p.load.queued = 0 // so that rounding does not add up
	}
}

func (p *Pool) free(t *ticket) {
	p.running[t.priority]--
	p.inUse -= t.memory
}

// admit begins what may begin, logins first.
func (p *Pool) admit() {
	now := time.Now()
	for priority := range p.waiting {
		for e := p.waiting[priority].Front(); e != nil; e = p.waiting[priority].Front() {
			t := e.Value.(*ticket) //nolint:errcheck,forcetypeassert // the lists hold nothing else
			if !p.mayBegin(t) {
				break
			}
			p.unqueue(t, e)
			p.begin(t, now)
			close(t.turn)
		}
	}
	p.tellIfEmpty()
}

func (p *Pool) mayBegin(t *ticket) bool {
	if p.held() >= p.permits || p.inUse+t.memory > p.memory {
		return false
	}
	return t.priority == PriorityLogin ||
		p.running[PrioritySweep] < p.sweepPermits && p.waiting[PriorityLogin].Len() == 0
}

// held is how many permits are not free.
func (p *Pool) held() int { return p.running[PriorityLogin] + p.running[PrioritySweep] + p.lent }

// share is the part of the pool that t occupies while it runs: a permit, or its memory if that is the scarcer.
func (p *Pool) share(t *ticket) float64 {
	return max(1/float64(p.permits), float64(t.memory)/float64(p.memory))
}

// Borrow lends up to so many permits to a hash that runs and can use several cores, and returns how many, and what gives them back, which
// is to be called once. Only what nobody waits for is lent, and nothing while a sweep hashes: logins would wait for it.
func (p *Pool) Borrow(most int) (lent int, giveBack func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.waiting[PriorityLogin].Len()+p.waiting[PrioritySweep].Len()+p.running[PrioritySweep] > 0 {
		return 0, func() {}
	}
	lent = max(0, min(most, p.permits-p.held()))
	p.lent += lent
	return lent, func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.lent -= lent
		p.admit()
	}
}

// Close stops the pool from taking more work, lets what is queued or running end, and waits for it until ctx ends.
// Hashes whose request has gone are waited for too. It may be called more than once.
func (p *Pool) Close(ctx context.Context) error {
	p.mu.Lock()
	p.closed = true
	p.tellIfEmpty()
	p.mu.Unlock()
	select {
	case <-p.idle:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("wait for the hashes that run: %w", ctx.Err())
	}
}

func (p *Pool) tellIfEmpty() {
	if !p.closed || p.running != [priorities]int{} || p.waiting[PriorityLogin].Len()+p.waiting[PrioritySweep].Len() > 0 {
		return
	}
	select {
	case <-p.idle:
	default:
		close(p.idle)
	}
}
