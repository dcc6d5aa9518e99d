package sweeper

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"sync"
	"sync/atomic"
	"time"

	"rekey/accounts"
	"rekey/sweeper/pause"
	"rekey/sweeper/settings"
)

// A Worker works on chunks of the run that is under way, for all goroutines of a process that do. Any number of processes may: a chunk
// is claimed, and what a worker writes names its claim, so that one who stood still while another took over writes nothing any more.
//
// Between two batches it looks at its orders: whatever they are by then, it obeys. A batch is written with the counts and the cursor
// of its chunk, so whoever dies loses nothing but the batch, and that is done again.
type Worker struct {
	Service *accounts.Service
	Desk    *Desk
	Sizes   *Sizes
	Name    string // for people: where it works
	Names   *Names
	Log     *slog.Logger

	// Progress, if it is set, is told after each batch how many of the chunk were counted; by several goroutines.
	Progress func(c accounts.Chunk, people int64)
	// Waits: whoever calls Step waits after an error of a store, so that the chunk need not.
	Waits bool
	// OwnPermits: nobody's settings bound the hashes that are made at once; see accounts.Batch.
	OwnPermits bool

	batches atomic.Int64 // that are under way: whoever rests between two is at none
	// turn is one that was taken and not used, when whoever had taken it had to go.
	turns sync.Mutex
	taken turn

	// Spell is how long it stays at a chunk; 0: defaultSpell.
	Spell time.Duration
}

const (
	defaultSpell = 2 * time.Second // so that as many work as there is work for before long, and a process that ends waits for nobody

	claimFor  = 10 * time.Second // after its process has died, a chunk is another's
	holdEvery = claimFor / 4
	batchTime = 20 * time.Second // one that takes longer is given up: reading, and moving, each

	retryFailed  = 100 * time.Millisecond
	retryNothing = 5 * time.Second
)

// Step works on the next chunk for a while, and reports whether there may be more to do. Its error is why a chunk could not be
// gone on with; the chunk is given back then, and due again before long.
func (w *Worker) Step(ctx context.Context) (more bool, err error) {
	o, err := w.Desk.Orders(ctx)
	if err != nil || !o.moves() || o.held(settings.CauseDraining) {
		return false, err
	}
	c, err := w.store().ClaimChunk(ctx, o.Run.ID, w.Name, o.Workers, claimFor)
	switch {
	case errors.Is(err, accounts.ErrNotFound):
		return false, nil
	case err != nil:
		return false, err
	}
	t := &task{Worker: w, spec: o.Spec, chunk: c}
	t.letGo = t.hold(ctx)
	defer t.letGo()
	if t.found, err = w.Names.of(ctx, w.store(), o.Run.ID); err != nil {
		return true, errors.Join(err, t.giveBack(ctx, retryFailed))
	}
	if t.held, err = w.Service.HeldBack(ctx, c.Source); err != nil {
		return true, errors.Join(err, t.giveBack(ctx, retryFailed))
	}
	if err = t.work(ctx, o); errors.Is(err, accounts.ErrStale) {
		return true, nil // it took too long, and somebody else goes on
	}
	return true, err
}

func (w *Worker) store() accounts.RunStore { return w.Service.RunStore() }

func (w *Worker) log() *slog.Logger {
	if w.Log == nil {
		return slog.New(slog.DiscardHandler)
	}
	return w.Log
}

// A task is a chunk under a claim.
type task struct {
	*Worker
	spec   Spec
	chunk  accounts.Chunk
	choice choice
	letGo  func() // ends the holding of the claim

	found Found                       // of the run
	held  map[string]accounts.Unmoved // whom nobody tries
	began atomic.Int64                // the batch: microseconds since 1970; 0: none
	moved bool                        // the cursor has, under this claim
	skim  int                         // how many times as many people are read as may be moved at once; 0: once
}

// work goes on with a chunk until it is done, the spell is over, or the orders say otherwise. It gives the chunk back, but after an
// ErrStale.
func (t *task) work(ctx context.Context, o Orders) error {
	var err error
	if t.choice, err = newChoice(t.spec, t.chunk.Source, t.chunk.Band, o.Run.Began, t.Service.LegacyHash); err != nil {
		return t.fail(ctx, fmt.Errorf("the filter: %w", err))
	}
	if err := t.unstick(ctx, o); err != nil {
		return t.fail(ctx, err)
	}
	spell := t.Spell
	if spell == 0 {
		spell = defaultSpell
	}
	for until := time.Now().Add(spell); !t.chunk.Done; {
		if ctx.Err() != nil || !time.Now().Before(until) && !o.held(settings.CauseDraining) {
			break
		}
		if o, err = t.orders(ctx); err != nil || !t.goesOn(o) {
			return errors.Join(err, t.giveBack(ctx, 0))
		}
		people, took, err := t.batch(ctx, o)
		if err != nil {
			return t.fail(ctx, err)
		}
		t.Sizes.Took(people, took, o.Target)
		if err := t.wait(ctx, rest(took, o.Share)); err != nil {
			return t.fail(ctx, err)
		}
	}
	if t.chunk.Done {
		return nil
	}
	return t.giveBack(ctx, 0)
}

// orders reads what is to be obeyed now.
func (t *task) orders(ctx context.Context) (Orders, error) { return t.Desk.Orders(ctx) }

// goesOn reports whether the orders let this chunk go on. What was begun is ended while the sweep is drained.
func (t *task) goesOn(o Orders) bool {
	return o.Run.ID == t.chunk.Run && (o.moves() || o.only(settings.CauseDraining))
}

// wait waits, and looks at the orders while it does.
func (t *task) wait(ctx context.Context, d time.Duration) error {
	for until := time.Now().Add(d); ; {
		left := time.Until(until)
		if left <= 0 {
			return nil
		}
		if err := pause.For(ctx, min(left, obeyed)); err != nil {
			return err
		}
		o, err := t.orders(ctx)
		if err != nil {
			return err
		}
		if !t.goesOn(o) {
			return nil // which the next look finds too
		}
	}
}

// hold keeps the claim until stop is called, but not while a batch takes longer than it may: whatever it hangs in, others are to
// find the chunk.
func (t *task) hold(ctx context.Context) (stop func()) {
	c := t.chunk
	return pause.Beside(ctx, holdEvery, func(ctx context.Context) (again bool) {
		if began := t.began.Load(); began > 0 && time.Since(time.UnixMicro(began)) > 2*batchTime {
			return false
		}
		return !errors.Is(t.store().HoldChunk(ctx, c, claimFor), accounts.ErrStale) // what is written finds it too
	})
}

// A turn is a moment from which on so many people may be moved.
type turn struct {
	version int64 // of accounts.Sweeps.TakeTurn
	people  int
	at      time.Time
}

// takeTurn takes one, or the one that was left.
func (w *Worker) takeTurn(ctx context.Context, o Orders, people int) (turn, error) {
	w.turns.Lock()
	left := w.taken
	w.taken = turn{}
	w.turns.Unlock()
	if left.version == o.Turns && left.people >= people {
		return left, nil
	}
	wait, err := w.store().TakeTurn(ctx, o.Turns, cost(people, o.Rate))
	return turn{o.Turns, people, time.Now().Add(wait)}, err
}

// keepTurn leaves one to who comes next: at a slow rate nobody would ever get one otherwise.
func (w *Worker) keepTurn(t turn) {
	w.turns.Lock()
	defer w.turns.Unlock()
	w.taken = t
}

// errNotTurn ends a wait for a turn that nobody wants any more.
var errNotTurn = errors.New("the orders have changed")

// turn waits until so many people may be moved. Its error is errNotTurn if that is not wanted any more.
func (t *task) turn(ctx context.Context, people int) error {
	for {
		o, err := t.orders(ctx)
		switch {
		case err != nil:
			return err
		case !t.goesOn(o), people > o.most():
			return errNotTurn
		case math.IsInf(o.Rate, 1):
			return nil
		}
		mine, err := t.takeTurn(ctx, o, people)
		if err != nil {
			return err
		}
		again, err := t.await(ctx, mine)
		if err != nil && ctx.Err() != nil {
			t.keepTurn(mine)
		}
		if err != nil || !again {
			return err
		}
	}
}

// await waits for a turn, and reports whether another has to be taken: the settings have changed, and those of before count no
// more.
func (t *task) await(ctx context.Context, mine turn) (again bool, err error) {
	for {
		left := time.Until(mine.at)
		if left <= 0 {
			return false, nil
		}
		if err := pause.For(ctx, min(left, obeyed)); err != nil {
			return false, err
		}
		now, err := t.orders(ctx)
		switch {
		case err != nil:
			return false, err
		case !t.goesOn(now):
			return false, errNotTurn
		case now.Turns != mine.version:
			return true, nil
		}
	}
}

// giveBack lets others claim the chunk after a pause. A claim under which nothing was tried in vain does not count as an attempt.
func (t *task) giveBack(ctx context.Context, after time.Duration) error {
	if !t.moved {
		t.chunk.Attempts = max(0, t.chunk.Attempts-1)
	}
	return t.leave(ctx, after)
}

// leave gives the chunk back as it was read: what came of a batch that has failed is not known. The time of it is its own: who ends
// gives back what they hold.
func (t *task) leave(ctx context.Context, after time.Duration) error {
	t.letGo() // else what was given back might be held once more
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), leaveTime)
	defer cancel()
	return t.store().LeaveChunk(ctx, t.chunk, after)
}

const leaveTime = 3 * time.Second

// fail gives the chunk back after an error, and returns it, unless it means nothing. A store that does not answer, and a phase in
// which nobody moves, are not the chunk's fault; everything else counts as an attempt.
func (t *task) fail(ctx context.Context, err error) error {
	doubt, unavailable := errors.AsType[*accounts.UnavailableError](err)
	switch {
	case errors.Is(err, accounts.ErrStale):
		t.Sizes.Failed()
		return err
	case errors.Is(err, errNotTurn):
		return t.giveBack(ctx, 0)
	case ctx.Err() != nil:
		return errors.Join(context.Cause(ctx), t.giveBack(ctx, 0))
	case errors.Is(err, accounts.ErrNothingMoves):
		return errors.Join(err, t.giveBack(ctx, t.unlessWaits(retryNothing)))
	case unavailable:
		t.Sizes.Failed()
		return errors.Join(err, t.giveBack(ctx, t.unlessWaits(doubt.RetryAfter)))
	case errors.Is(err, errSlow):
		t.Sizes.Failed()
		t.chunk.Attempts = max(t.chunk.Attempts, patience) // it is not tried as it is again
	case errors.Is(err, accounts.ErrWalkStuck), errors.Is(err, errImpassable):
		err = errors.Join(err, t.giveUp(ctx, err))
	}
	return errors.Join(err, t.leave(ctx, t.unlessWaits(retryFailed)))
}

func (t *task) unlessWaits(after time.Duration) time.Duration {
	if t.Waits {
		return 0
	}
	return after
}

// giveUp ends the run: it cannot be gone on with.
func (t *task) giveUp(ctx context.Context, why error) error {
	run, err := t.store().RunByID(ctx, t.chunk.Run)
	if err == nil {
		o, _ := t.Desk.last()
		_, err = End(ctx, t.store(), Orders{Run: run, Starts: o.Starts}, accounts.RunFailed, t.chunk.Source+": "+why.Error())
	}
	t.Desk.Forget()
	if errors.Is(err, accounts.ErrStale) {
		return nil
	}
	return err
}

// runOf returns the run that is under way; the zero Run if there is none.
func runOf(ctx context.Context, store accounts.RunStore) (accounts.Run, error) {
	run, err := store.Running(ctx, accounts.RunMove)
	if errors.Is(err, accounts.ErrNotFound) {
		return accounts.Run{}, nil
	}
	return run, err
}
