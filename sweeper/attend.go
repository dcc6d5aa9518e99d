package sweeper

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"math"
	"sync"
	"time"

	"github.com/google/uuid"

	"rekey/accounts"
	"rekey/sweeper/pause"
	"rekey/sweeper/settings"
)

// AttendConfig says what run is attended. Service and Spec are required.
type AttendConfig struct {
	Service *accounts.Service
	Spec    Spec
	Workers int    // of this process; 0: 1
	Name    string // for people: where it works
	// GoesOn is called when the same was begun before, and this goes on with it, with when that was.
	GoesOn func(began time.Time)
	// Progress is called after each batch, with how many people of the source were counted so far.
	Progress func(source string, people int64)
	// Counting is called now and then while names that several people hold are looked for, with how many people were read so far.
	Counting func(people int64)
	// Held is called when something comes to hold it up, with what in words, and whether that is the governor alone, and with ""
	// when it goes on; by several goroutines, one at a time.
	Held func(why string, governor bool)
	// IgnoreGovernor: only a pause holds it up.
	IgnoreGovernor bool
	// Wait waits before a store that did not answer is asked again; nil waits.
	Wait func(ctx context.Context, d time.Duration) error
	Log  *slog.Logger
}

// A Report is what came of one source.
type Report struct {
	Source string `json:"source"`
	People int64  `json:"people"`
	// Outcomes counts who was not refused; Refused those who were, by class. NotAnswered could not be told about.
	Outcomes    map[accounts.Outcome]int64      `json:"outcomes"`
	Refused     map[accounts.NoteClass]int64    `json:"refused"`
	NotAnswered int64                           `json:"not_answered"`
	Examples    map[accounts.NoteClass][]string `json:"examples"` // legacy ids
}

// ErrOtherRun: another run has not ended.
var ErrOtherRun = errors.New("another run has not ended: `rekey sweep stop` ends it")

// ErrEnded: somebody has ended the run before its end.
var ErrEnded = errors.New("the run was ended")

// Attend goes through a run of its own: begins it, plans it and works on it, whatever the settings say, until it is done, and returns
// what came of each source, also beside an error. Two things hold it up: a pause, and, unless that is ignored, a stop of the governor
// where one governs. If the same was begun less than freshFor ago and has not ended, it goes on with that; another process may attend it too. Its
// error is ErrOtherRun, ErrEnded, or why it could not go on: the run stays as it is then, but in a phase in which nobody moves.
func Attend(ctx context.Context, c AttendConfig) ([]Report, error) {
	c.Spec.Attended = true
	if err := c.Service.Moves(c.Spec.Hash); errors.Is(err, accounts.ErrNothingMoves) {
		return nil, err
	}
	run, err := attended(ctx, c)
	if err != nil {
		return nil, err
	}
	a := &attendance{AttendConfig: c, keeper: settings.Keeper{Documents: accounts.SweepDocuments{Store: c.Service.RunStore()}}}
	if err := a.count(ctx, run); err != nil {
		return nil, err
	}
	defer a.present(ctx)()
	a.desk = &Desk{Read: func(ctx context.Context) (Orders, error) { return a.read(ctx, run.ID) }}
	a.planner = &Planner{Service: c.Service, Desk: a.desk}
	defer a.planner.Close()
	if run.Found == "" {
		err = countNames(ctx, c.Service, run, a.pass())
	}
	if err == nil {
		err = a.work(ctx)
	}
	if err == nil || errors.Is(err, accounts.ErrStale) {
		err = a.ended(context.WithoutCancel(ctx), run.ID)
	}
	if errors.Is(err, accounts.ErrNothingMoves) {
		_, endErr := End(context.WithoutCancel(ctx), c.Service.RunStore(), Orders{Run: run}, accounts.RunFailed, err.Error())
		if !errors.Is(endErr, accounts.ErrStale) {
			err = errors.Join(err, endErr)
		}
	}
	reports, reportErr := reportsOf(context.WithoutCancel(ctx), c.Service, run, c.Spec.Sources)
	return reports, errors.Join(err, reportErr)
}

// freshFor is how long after its beginning a run that was interrupted is gone on with. It passes over who has come to the old store
// behind its back, and of names it knows what was found when it began.
const freshFor = 24 * time.Hour

// attended begins the run, or finds the one that is to go on.
func attended(ctx context.Context, c AttendConfig) (accounts.Run, error) {
	for range 2 {
		run, err := Begin(ctx, c.Service, c.Spec)
		if !errors.Is(err, accounts.ErrStale) {
			return run, err
		}
		run, err = runOf(ctx, c.Service.RunStore())
		if err != nil {
			return accounts.Run{}, err
		}
		if run.ID == uuid.Nil {
			continue // it has just ended
		}
		spec, err := SpecOf(run)
		if err != nil {
			return accounts.Run{}, err
		}
		free, err := forsaken(ctx, c.Service.RunStore(), run, spec)
		if err != nil {
			return accounts.Run{}, err
		}
		same, why := spec.same(c.Spec), "nobody attended it, and another one was begun"
		switch {
		case same && free && time.Since(run.Began) > freshFor:
			why = "nobody attended it, and it was begun too long ago to go on with it"
		case same:
			if c.GoesOn != nil {
				c.GoesOn(run.Began)
			}
			return run, nil
		case !free:
			return accounts.Run{}, ErrOtherRun
		}
		if _, err := End(ctx, c.Service.RunStore(), Orders{Run: run}, accounts.RunStopped, why); err != nil && !errors.Is(err, accounts.ErrStale) {
			return accounts.Run{}, err
		}
	}
	return accounts.Run{}, ErrOtherRun
}

// An attendance is one process at a run of its own.
type attendance struct {
	AttendConfig
	keeper  settings.Keeper
	desk    *Desk
	planner *Planner
	plans   sync.Mutex
	held    string // as Held was told; read alone changes it

	mu     sync.Mutex
	chunks map[int64]int64  // how many people of a chunk were counted
	people map[string]int64 // and of a source
}

// count begins with what was counted before.
func (a *attendance) count(ctx context.Context, run accounts.Run) error {
	a.chunks, a.people = map[int64]int64{}, map[string]int64{}
	chunks, err := a.Service.RunStore().Chunks(ctx, run.ID)
	if err != nil {
		return err
	}
	for _, c := range chunks {
		n, err := CountsOf(c)
		if err != nil {
			return err
		}
		a.counted(c, n.People())
	}
	return nil
}

// pass is called for each person who is read before anybody is moved.
func (a *attendance) pass() func(context.Context) error {
	people := int64(0)
	return func(ctx context.Context) error {
		if people++; people%gateEvery != 0 {
			return nil
		}
		if a.Counting != nil {
			a.Counting(people)
		}
		for {
			o, err := a.desk.Orders(ctx)
			switch {
			case err != nil:
				return err
			case o.held(settings.CauseNoRun):
				return accounts.ErrStale
			case o.moves():
				return ctx.Err()
			}
			if err := pause.For(ctx, obeyed); err != nil {
				return err
			}
		}
	}
}

// counted takes note of how many people of a chunk were counted.
func (a *attendance) counted(c accounts.Chunk, people int64) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.people[c.Source] += people - a.chunks[c.Seq]
	a.chunks[c.Seq] = people
	if a.Progress != nil {
		a.Progress(c.Source, a.people[c.Source])
	}
}

// What an attended run obeys: nobody shares it with people who log in but by the permits.
const (
	attendTarget = 500 * time.Millisecond
	attendBatch  = 1600 // of 2000 the memory of `sweep run` is 64 MiB and more
	attendChunk  = 10_000
)

// read says what to do: everything, until the run has ended, but while something holds it up.
func (a *attendance) read(ctx context.Context, id uuid.UUID) (Orders, error) {
	run, err := runOf(ctx, a.Service.RunStore()) // without what was found, which may be some MB
	if err == nil && run.ID != id {
		run, err = a.Service.RunStore().RunByID(ctx, id)
	}
	if err != nil {
		return Orders{}, err
	}
	spec, err := SpecOf(run)
	if err != nil {
		return Orders{}, err
	}
	o := Orders{
		Run: run, Spec: spec, Workers: math.MaxInt32, Share: 1, Rate: math.Inf(1),
		Batch: attendBatch, Target: attendTarget, Chunk: attendChunk, attends: true, own: a.Workers,
	}
	if run.State != accounts.RunRunning {
		o.Holds = []settings.Hold{{Cause: settings.CauseNoRun, Text: run.Why}}
		return o, nil
	}
	o.Holds, err = a.holds(ctx)
	if err == nil {
		a.tell(o.Holds)
	}
	return o, err
}

// work works with all workers until the run has ended, and returns what ended it before that.
func (a *attendance) work(ctx context.Context) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var all sync.WaitGroup
	w := &Worker{
		Service: a.Service, Desk: a.desk, Sizes: &Sizes{}, Names: &a.planner.Names, Name: a.Name, Log: a.Log, Progress: a.counted, Waits: true, OwnPermits: true,
	}
	for range max(a.Workers, 1) {
		all.Go(func() {
			if err := a.loop(ctx, w); err != nil {
				cancel(err)
			}
		})
	}
	all.Wait()
	return context.Cause(ctx)
}

// lookEvery is how often it is looked whether others have left something to do.
const lookEvery = 100 * time.Millisecond

// tries are how often in a row what does not answer is asked before it is given up.
const tries = 5

// loop works on one chunk after the other, and plans where there is none.
func (a *attendance) loop(ctx context.Context, w *Worker) error {
	failures := 0
	for ctx.Err() == nil {
		goesOn, err := a.once(ctx, w)
		switch {
		case ctx.Err() != nil:
			return nil //nolint:nilerr // whoever ended it knows why
		case err == nil && !goesOn:
			return nil
		case err == nil:
			failures = 0
			continue
		}
		doubt, unavailable := errors.AsType[*accounts.UnavailableError](err)
		if failures++; errors.Is(err, accounts.ErrNothingMoves) || errors.Is(err, accounts.ErrWalkStuck) || unavailable && failures >= tries {
			return err
		}
		after := retryFailed
		if unavailable {
			after = doubt.RetryAfter
		} else {
			w.log().WarnContext(ctx, "a chunk of the sweep could not be gone on with; it is tried again", "error", err)
		}
		if err := a.wait(ctx, after); err != nil {
			return nil //nolint:nilerr // likewise
		}
	}
	return nil
}

// once does what is next, and reports whether the run goes on.
func (a *attendance) once(ctx context.Context, w *Worker) (bool, error) {
	if worked, err := w.Step(ctx); worked || err != nil {
		return true, err
	}
	o, err := a.desk.Orders(ctx)
	switch {
	case err != nil || o.held(settings.CauseNoRun):
		return false, err
	case !o.moves():
		return true, pause.For(ctx, obeyed)
	}
	a.plans.Lock()
	err = a.planner.plan(ctx, o)
	a.plans.Unlock()
	if err != nil {
		return false, err
	}
	if worked, err := w.Step(ctx); worked || err != nil {
		return true, err
	}
	if o, err = a.desk.Orders(ctx); err != nil || o.held(settings.CauseNoRun) {
		return false, err
	}
	return true, pause.For(ctx, lookEvery) // others are at what there is
}

func (a *attendance) wait(ctx context.Context, d time.Duration) error {
	if a.Wait != nil {
		return a.Wait(ctx, d)
	}
	return pause.For(ctx, d)
}

// reportsOf returns what came of each source.
func reportsOf(ctx context.Context, service *accounts.Service, run accounts.Run, sources []string) ([]Report, error) {
	chunks, err := service.RunStore().Chunks(ctx, run.ID)
	if err != nil {
		return nil, err
	}
	var reports []Report
	for _, source := range sources {
		var of []accounts.Chunk
		for _, c := range chunks {
			if c.Source == source {
				of = append(of, c)
			}
		}
		n, err := Sum(of)
		if err != nil {
			return nil, err
		}
		r := Report{
			Source: source, People: n.People(), NotAnswered: n.NotAnswered,
			Outcomes: map[accounts.Outcome]int64{}, Refused: map[accounts.NoteClass]int64{}, Examples: map[accounts.NoteClass][]string{},
		}
		maps.Copy(r.Outcomes, n.Outcomes)
		maps.Copy(r.Refused, n.Refused)
		maps.Copy(r.Examples, n.Examples)
		reports = append(reports, r)
	}
	return reports, nil
}
