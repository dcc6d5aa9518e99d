// Package jobstest is the contract of a jobs.Engine as a test suite. It serves the tests of engines.
package jobstest

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"rekey/accounts/jobs"
)

// A World is where engines of one test run.
type World struct {
	// Machine makes an engine that is not started. Several share what the engine shares.
	Machine func(*testing.T, ...jobs.Kind) jobs.Engine
	// Every is a short time that work may go without being looked for.
	Every time.Duration
	// Wait returns when all that goes on in the world is waiting for something. Nil: nobody can tell.
	Wait func()
	// Die takes a machine off the world as a power cut does, whatever it is doing, and lets the others notice. Nil: its
	// machines share nothing.
	Die func(*testing.T, jobs.Engine)
}

// Run runs the suite. in makes a world for one test, and runs it there.
func Run(t *testing.T, shared bool, in func(*testing.T, func(*testing.T, World))) {
	parts := []struct {
		name   string
		shared bool // only where machines share
		test   func(*testing.T, World)
	}{
		{"a nudge is acted on", false, nudged},
		{"a nudge before the start is acted on", false, nudgedBefore},
		{"what is there is worked off", false, workedOff},
		{"by several workers", false, workers},
		{"a nudge during the work is not lost", false, nudgedDuring},
		{"a nudge of nothing does nothing", false, nudgedUnknown},
		{"what fails is tried again", false, failing},
		{"a panic kills nobody", false, panicking},
		{"a piece ends with its time", false, slow},
		{"work is looked for without a nudge", false, periodic},
		{"closing waits", false, closing},
		{"closing does not wait for ever", false, closingCut},
		{"closing twice and unstarted", false, closingTwice},
		{"what is done alone is done alone", true, alone},
		{"a machine that died leaves its work to others", true, takenOver},
	}
	for _, part := range parts {
		if part.shared && !shared {
			continue
		}
		t.Run(part.name, func(t *testing.T) {
			t.Parallel()
			in(t, part.test)
		})
	}
}

// seldom is longer than any test.
const seldom = time.Hour

// A bench is a kind of work whose pieces a test lets end one by one.
type bench struct {
	entered chan context.Context // a piece has begun
	release chan result          // it ends like this
	working atomic.Int64
	most    atomic.Int64 // pieces at the same moment
}

type result struct {
	more bool
	err  error
}

func newBench() *bench {
	return &bench{entered: make(chan context.Context), release: make(chan result)}
}

func (b *bench) work(ctx context.Context) (bool, error) {
	now := b.working.Add(1)
	for most := b.most.Load(); now > most && !b.most.CompareAndSwap(most, now); most = b.most.Load() {
	}
	defer b.working.Add(-1)
	select {
	case b.entered <- ctx:
	case <-ctx.Done(): // the test is over
		return false, ctx.Err()
	}
	select {
	case r := <-b.release:
		return r.more, r.err
	case <-ctx.Done():
		return false, ctx.Err()
	}
}

// piece lets one piece begin, and end.
func (b *bench) piece(r result) {
	<-b.entered
	b.release <- r
}

// start starts an engine, and closes it when the test ends.
func start(t *testing.T, w World, kinds ...jobs.Kind) jobs.Engine {
	t.Helper()
	e := w.Machine(t, kinds...)
	run(t, e)
	return e
}

func run(t *testing.T, e jobs.Engine) {
	t.Helper()
	if err := e.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ended, cancel := context.WithCancel(context.Background())
		cancel() // nobody waits for pieces that a test has left
		_ = e.Close(ended)
	})
}

func nudged(t *testing.T, w World) {
	b := newBench()
	e := start(t, w, jobs.Kind{Name: "mail", Work: b.work, Every: seldom})
	b.piece(result{}) // whatever was left by somebody before
	for range 3 {
		e.Nudge("mail")
		b.piece(result{})
	}
}

func nudgedBefore(t *testing.T, w World) {
	b := newBench()
	e := w.Machine(t, jobs.Kind{Name: "mail", Work: b.work, Every: seldom})
	e.Nudge("mail")
	run(t, e)
	b.piece(result{})
}

func workedOff(t *testing.T, w World) {
	b := newBench()
	start(t, w, jobs.Kind{Name: "mail", Work: b.work, Every: seldom})
	for range 4 {
		b.piece(result{more: true})
	}
	b.piece(result{})
}

// Several pieces of one go run at once when there is more than one piece.
func workers(t *testing.T, w World) {
	b := newBench()
	start(t, w, jobs.Kind{Name: "mail", Work: b.work, Every: seldom, Workers: 3})
	b.piece(result{more: true})
	<-b.entered // those of the first worker
	<-b.entered // and of the second
	b.release <- result{more: true}
	<-b.entered
	<-b.entered
	for range 3 {
		b.release <- result{}
	}
	if most := b.most.Load(); most != 3 {
		t.Errorf("%d pieces at once, want 3", most)
	}
}

// The piece may have looked before what the nudge is about was there.
func nudgedDuring(t *testing.T, w World) {
	b := newBench()
	e := start(t, w, jobs.Kind{Name: "mail", Work: b.work, Every: seldom})
	b.piece(result{})
	e.Nudge("mail")
	<-b.entered
	e.Nudge("mail")
	b.release <- result{}
	b.piece(result{})
}

func nudgedUnknown(t *testing.T, w World) {
	b := newBench()
	e := start(t, w, jobs.Kind{Name: "mail", Work: b.work, Every: seldom})
	e.Nudge("male")
	b.piece(result{})
}

var errPlanted = errors.New("planted")

func failing(t *testing.T, w World) {
	b := newBench()
	start(t, w, jobs.Kind{Name: "mail", Work: b.work, Every: seldom})
	b.piece(result{err: errPlanted})
	b.piece(result{})
}

func panicking(t *testing.T, w World) {
	b, other := newBench(), newBench()
	bad := func(ctx context.Context) (bool, error) {
		more, err := b.work(ctx)
		if errors.Is(err, errPlanted) {
			panic("planted")
		}
		return more, err
	}
	e := start(t, w,
		jobs.Kind{Name: "bad", Work: bad, Every: seldom}, jobs.Kind{Name: "good", Work: other.work, Every: seldom})
	b.piece(result{err: errPlanted})
	other.piece(result{})
	e.Nudge("good")
	other.piece(result{})
	b.piece(result{}) // tried again
}

func slow(t *testing.T, w World) {
	b := newBench()
	start(t, w, jobs.Kind{Name: "mail", Work: b.work, Every: seldom, Timeout: w.Every})
	ctx := <-b.entered
	<-ctx.Done()
	b.piece(result{}) // tried again
}

func periodic(t *testing.T, w World) {
	b := newBench()
	start(t, w, jobs.Kind{Name: "mail", Work: b.work, Every: w.Every})
	for range 3 {
		b.piece(result{})
	}
}

// A piece that runs is waited for, and none is begun after it, whatever there is to do.
func closing(t *testing.T, w World) {
	b := newBench()
	e := start(t, w, jobs.Kind{Name: "mail", Work: b.work, Every: seldom})
	ctx := <-b.entered
	e.Nudge("mail")
	closed := make(chan error)
	go func() { closed <- e.Close(context.Background()) }()
	if w.Wait != nil {
		w.Wait()
	}
	select {
	case err := <-closed:
		t.Fatalf("closed (%v) while a piece was running", err)
	case b.release <- result{more: true}:
	}
	select {
	case <-b.entered:
		if w.Wait != nil {
			t.Error("a piece was begun while closing")
		}
		b.release <- result{} // Close may have come after the end of the first one

		if err := <-closed; err != nil {
			t.Error(err)
		}
	case err := <-closed:
		if err != nil {
			t.Error(err)
		}
	}
	if b.working.Load() != 0 {
		t.Error("closed while a piece was running")
	}
	if ctx.Err() == nil {
		t.Error("the context of a piece goes on after it")
	}
}

func closingCut(t *testing.T, w World) {
	b := newBench()
	e := start(t, w, jobs.Kind{Name: "mail", Work: b.work, Every: seldom})
	piece := <-b.entered
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if err := e.Close(ended); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v, want that of the context", err)
	}
	<-piece.Done()
	if err := piece.Err(); !errors.Is(err, context.Canceled) {
		t.Errorf("the piece has ended by %v, want to have been told to", err)
	}
}

func closingTwice(t *testing.T, w World) {
	b := newBench()
	kind := jobs.Kind{Name: "mail", Work: b.work, Every: seldom}
	e := start(t, w, kind)
	b.piece(result{})
	for range 2 {
		if err := e.Close(t.Context()); err != nil {
			t.Error(err)
		}
		e.Nudge("mail")
	}
	if err := w.Machine(t, kind).Close(t.Context()); err != nil {
		t.Errorf("one that was never started: %v", err)
	}
}

// While one machine is at it, the other is nudged again and again, and shown to be awake.
func alone(t *testing.T, w World) {
	b, mail := newBench(), newBench()
	kinds := []jobs.Kind{
		{Name: "clean", Work: b.work, Every: seldom, Alone: true},
		{Name: "mail", Work: mail.work, Every: seldom},
	}
	first, second := start(t, w, kinds...), start(t, w, kinds...)
	mail.piece(result{})
	<-b.entered
	for range 5 {
		for _, e := range []jobs.Engine{first, second} {
			e.Nudge("clean")
			e.Nudge("mail")
			select {
			case <-b.entered:
				t.Fatal("two at once")
			case <-mail.entered:
				mail.release <- result{}
			}
		}
	}
	b.release <- result{}
	b.piece(result{}) // the nudges meanwhile
	if most := b.most.Load(); most != 1 {
		t.Errorf("%d at once", most)
	}
}

// Even what is done alone.
func takenOver(t *testing.T, w World) {
	left, b := newBench(), newBench()
	first := start(t, w, jobs.Kind{Name: "clean", Work: left.work, Every: seldom, Alone: true})
	<-left.entered
	w.Die(t, first)
	start(t, w, jobs.Kind{Name: "clean", Work: b.work, Every: seldom, Alone: true})
	b.piece(result{})
}
