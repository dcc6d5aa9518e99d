package sweeper

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"

	"rekey/accounts"
	"rekey/sweeper/settings"
)

// A Planner begins and ends runs, and cuts them into chunks, a little ahead of the workers. Every process has one; of those on one
// store one plans at a time.
type Planner struct {
	Service *accounts.Service
	Desk    *Desk
	Log     *slog.Logger
	Names   Names // for the workers of this process too

	// Govern has the governor decide, under the claim with this fence; nil: nobody does.
	Govern func(ctx context.Context, fence int64) error
	// Settle changes the state of the settings, for a reason, if they still have a version; nil: there are none.
	Settle func(ctx context.Context, version int64, to settings.State, why string) error

	counting atomic.Bool    // names
	ending   sync.WaitGroup // of the counting
	mu       sync.Mutex
	forsaken struct { // an attended run at which nobody was seen
		run   uuid.UUID
		since time.Time
	}
	forgiven struct { // what was read of a run's last
		run uuid.UUID
		Forgiven
	}
	pace      pace
	cancel    context.CancelFunc // of the counting; nil before
	recountAt atomic.Int64       // when names may be looked for again, after it was tried: microseconds since 1970
	movedAt   atomic.Int64       // when people were last moved anywhere, as far as is known: likewise
}

// The lease of the planner. A tick that asks an old store for keys takes seconds at most.
const (
	planWork  = "sweep-planner"
	planFor   = 15 * time.Second
	planEvery = 800 * time.Millisecond // though every process may tick each second
)

const (
	ahead    = 2               // chunks that are cut for each worker at least: one to work on, and one to go on with
	aheadFor = 2 * time.Second // and for so long there is work at the rate, though a tick may come late
	fastest  = 20_000          // people a second, where the rate is none: more than was ever seen
	cutFor   = time.Second     // after it the rest of a cut is the next tick's: the governor is heard in each
)

// A stock is what is cut and not done.
type stock struct{ chunks, people int } // people: about

// stock counts it.
func (o Orders) stock(chunks []accounts.Chunk, parts []accounts.Part) stock {
	var s stock
	for _, c := range chunks {
		if c.Done {
			continue
		}
		s.chunks++
		for _, part := range parts {
			if part.Source == c.Source && part.Band == c.Band {
				s.people += o.chunkOf(part.Total)
			}
		}
	}
	return s
}

// missing is how many more chunks, of so many people each, are to be cut.
func (o Orders) missing(s stock, each int) int {
	people := min(o.Rate, fastest)*aheadFor.Seconds() - float64(s.people)
	return max(ahead*o.Workers-s.chunks, int(math.Ceil(people/float64(max(each, 1)))))
}

// shares is how many chunks each worker gets of a source at least, if it has the people for it: what is one's alone at the end of a run
// takes no longer than that part of it.
const (
	shares     = 16
	worthLeast = 250  // people: a smaller chunk is not worth the question that cuts it
	worthWhole = 1000 // people who are not worth being shared
)

// chunkOf is how many people the chunks of a part are to have; of so many, if that is known.
func (o Orders) chunkOf(people int64) int {
	if people <= worthWhole {
		return o.Chunk
	}
	workers := o.Workers
	if o.attends {
		workers = o.own // how many others there are nobody knows
	}
	share := people / int64(shares*max(workers, 1))
	return int(min(max(share, worthLeast), int64(o.Chunk)))
}

// Tick plans once, unless somebody else does. It is to be called each second.
func (p *Planner) Tick(ctx context.Context) error {
	o, err := p.Desk.Orders(ctx)
	if err != nil {
		return err
	}
	if o.Off() {
		return nil // and an idle store is not written to each second
	}
	if o.moves() || o.Run.ID != uuid.Nil && o.Spec.Attended {
		p.movedAt.Store(time.Now().UnixMicro())
	}
	store, now := p.Service.RunStore(), time.Now()
	w, err := store.ClaimWork(ctx, planWork, now, now.Add(planFor), planEvery)
	switch {
	case errors.Is(err, accounts.ErrNotFound):
		return nil
	case err != nil:
		return err
	}
	if p.Govern != nil {
		err = p.Govern(ctx, w.Fence)
	}
	err = errors.Join(err, p.plan(ctx, o))
	w.DoneAt = time.Now()
	keepErr := store.KeepWork(context.WithoutCancel(ctx), w, w.DoneAt)
	if errors.Is(keepErr, accounts.ErrStale) {
		keepErr = nil // it took too long, and somebody else has planned since: what was written says what it was read under
	}
	return errors.Join(err, keepErr)
}

// Idle reports whether nobody has been moved for half a minute, as far as this process knows.
func (p *Planner) Idle() bool { return time.Since(time.UnixMicro(p.movedAt.Load())) > idleFor }

const idleFor = 30 * time.Second

// plan does what the orders ask for.
func (p *Planner) plan(ctx context.Context, o Orders) error {
	switch {
	case o.Run.ID == uuid.Nil && o.held(settings.CauseDraining) && p.Settle != nil:
		p.Desk.Forget()
		return p.Settle(ctx, o.Version, settings.Off, "there was nothing to drain")
	case o.Run.ID == uuid.Nil:
		return p.beginWanted(ctx, o)
	case o.Spec.Attended && !o.attends:
		return p.endForsaken(ctx, o)
	case o.held(settings.CauseOff):
		return p.end(ctx, o, accounts.RunStopped, o.hold(settings.CauseOff))
	case o.held(settings.CauseDraining):
		return p.drain(ctx, o)
	case o.only(settings.CauseOutdated):
		return p.end(ctx, o, accounts.RunStopped, "the settings ask for another")
	case o.Run.Found == "" && o.only(settings.CauseNames):
		return p.count(ctx, o, countNames)
	case !o.moves():
		return nil
	}
	chunks, err := p.Service.RunStore().Chunks(ctx, o.Run.ID)
	if err != nil {
		return err
	}
	counts, err := Sum(chunks)
	if err != nil {
		return err
	}
	if spent, err := p.spent(ctx, o, counts); err != nil || spent {
		return err
	}
	whole, err := p.cut(ctx, o, chunks)
	switch {
	case err != nil:
		return err
	case !whole || slices.ContainsFunc(chunks, func(c accounts.Chunk) bool { return !c.Done }):
		return p.recount(ctx, o, counts)
	}
	return p.end(ctx, o, accounts.RunDone, p.leftOut(o))
}

// leftOut says which sources of a run nobody could go through; "" if there are none.
func (p *Planner) leftOut(o Orders) string {
	names := p.Service.Unwalkable(o.Spec.Sources)
	if len(names) == 0 {
		return ""
	}
	return "left out, because its people can only be asked for by name, and move when they log in: " + strings.Join(names, ", ")
}

// beginWanted begins the run that the settings ask for, if it is time to.
func (p *Planner) beginWanted(ctx context.Context, o Orders) error {
	if o.Wanted == nil || !o.only(settings.CauseNoRun) || time.Now().Before(o.Begins) {
		return nil
	}
	if _, err := Begin(ctx, p.Service, o.Wanted.Spec); err != nil && !errors.Is(err, accounts.ErrStale) {
		return err
	}
	p.Desk.Forget()
	return nil
}

// Begin begins a run. Its error is accounts.ErrStale if another one has not ended.
func Begin(ctx context.Context, service *accounts.Service, spec Spec) (accounts.Run, error) {
	text, err := json.Marshal(spec)
	if err != nil {
		return accounts.Run{}, fmt.Errorf("begin a run: %w", err)
	}
	r := accounts.Run{ID: uuid.Must(uuid.NewV7()), Kind: accounts.RunMove, State: accounts.RunRunning, Spec: string(text), Began: time.Now()}
	if err := service.BeginRun(ctx, r, spec.parts(), spec.by()); err != nil {
		return accounts.Run{}, err
	}
	return r, nil
}

// forsakenFor is how long nobody is at a run of somebody at a terminal until it is in the way of the settings' own.
const forsakenFor = time.Minute

// endForsaken ends a run that was attended, and is no more, if another one is wanted.
func (p *Planner) endForsaken(ctx context.Context, o Orders) error {
	free, err := forsaken(ctx, p.Service.RunStore(), o.Run, o.Spec)
	if err != nil {
		return err
	}
	p.mu.Lock()
	if !free || p.forsaken.run != o.Run.ID {
		p.forsaken.run, p.forsaken.since = o.Run.ID, time.Now()
	}
	since := p.forsaken.since
	p.mu.Unlock()
	if o.Wanted == nil || time.Since(since) < forsakenFor {
		return nil
	}
	return p.end(ctx, o, accounts.RunStopped, "nobody attended it any more, and the settings ask for another")
}

// drain ends the run when nobody is at it any more.
func (p *Planner) drain(ctx context.Context, o Orders) error {
	chunks, err := p.Service.RunStore().Chunks(ctx, o.Run.ID)
	if err != nil {
		return err
	}
	if claimed(chunks) {
		return nil
	}
	if err := p.end(ctx, o, accounts.RunStopped, o.hold(settings.CauseDraining)); err != nil || p.Settle == nil {
		return err
	}
	return p.Settle(ctx, o.Version, settings.Off, "it has been drained")
}

// end ends the run, with what it came to.
func (p *Planner) end(ctx context.Context, o Orders, state accounts.RunState, why string) error {
	r, err := End(ctx, p.Service.RunStore(), o, state, why)
	p.Desk.Forget()
	if errors.Is(err, accounts.ErrStale) {
		return nil // somebody else has
	}
	if err == nil && p.Log != nil {
		p.Log.InfoContext(ctx, "a run of the sweep has ended", "run", r.ID.String(), "state", string(r.State), "why", r.Why, "found", r.Found)
	}
	return err
}

// End ends the run of the orders in the name of who has begun it, and writes down what it came to.
func End(ctx context.Context, store accounts.Sweeps, o Orders, state accounts.RunState, why string) (accounts.Run, error) {
	spec, err := SpecOf(o.Run)
	if err != nil {
		return o.Run, err
	}
	return endBy(ctx, store, o, state, why, spec.by())
}

// endBy is End in somebody's name.
func endBy(ctx context.Context, store accounts.Sweeps, o Orders, state accounts.RunState, why string, by accounts.By) (accounts.Run, error) {
	r := o.Run
	chunks, err := store.Chunks(ctx, r.ID)
	if err != nil {
		return r, err
	}
	counts, err := Sum(chunks)
	if err != nil {
		return r, err
	}
	found, err := json.Marshal(Found{Counts: &counts, Starts: o.Starts, Replaced: o.held(settings.CauseOutdated)})
	if err != nil {
		return r, err
	}
	r.Found = string(found)
	r.State, r.Why, r.Ended = state, why, time.Now()
	return r, accounts.EndRun(ctx, store, r, by)
}

// cut cuts as many chunks as the workers may soon want, and reports whether there is nothing left to cut.
func (p *Planner) cut(ctx context.Context, o Orders, chunks []accounts.Chunk) (whole bool, err error) {
	parts, err := p.Service.RunStore().Parts(ctx, o.Run.ID)
	if err != nil {
		return false, err
	}
	slices.SortStableFunc(parts, func(a, b accounts.Part) int { // one band of all sources before the next
		if a.Band != b.Band {
			return a.Band - b.Band
		}
		return slices.Index(o.Spec.Sources, a.Source) - slices.Index(o.Spec.Sources, b.Source)
	})
	if err := p.total(ctx, o.Run.ID, parts); err != nil {
		return false, err
	}
	ready := o.stock(chunks, parts)
	whole = true
	for _, part := range parts {
		if part.Whole {
			continue
		}
		whole = false
		each := o.chunkOf(part.Total)
		most := o.missing(ready, each)
		if most <= 0 {
			break
		}
		is, pieces, err := p.pieces(ctx, part, each, most)
		if err == nil {
			err = p.Service.RunStore().CutChunks(ctx, o.Run.ID, part, is, pieces)
		}
		if err != nil {
			if errors.Is(err, accounts.ErrStale) {
				err = nil // somebody else has, or the run has ended
			}
			return false, err
		}
		if !is.Whole {
			break // there are enough, or it has taken long enough
		}
		ready.chunks, ready.people = ready.chunks+len(pieces), ready.people+len(pieces)*each
	}
	return whole, nil
}

// total writes down how many people each part has, where the search for names has counted them.
func (p *Planner) total(ctx context.Context, run uuid.UUID, parts []accounts.Part) error {
	found, err := p.Names.of(ctx, p.Service.RunStore(), run)
	if err != nil {
		return err
	}
	for i, part := range parts {
		people := found.People[part.Source]
		if part.Total != 0 || part.Whole || part.Band >= len(people) {
			continue
		}
		is := part
		if is.Total = people[part.Band]; is.Total == 0 {
			is.Total = -1
		}
		switch err := p.Service.RunStore().CutChunks(ctx, run, part, is, nil); {
		case err == nil:
			parts[i] = is
		case !errors.Is(err, accounts.ErrStale): // somebody else has cut it, or the run has ended: which the cut finds too
			return err
		}
	}
	return nil
}

// pieces returns the next chunks of a part, each of about n people, and how far it is cut then: at most so many, and what a while
// is enough for. Of a source that cannot be gone through there is none.
func (p *Planner) pieces(ctx context.Context, part accounts.Part, n, most int) (is accounts.Part, pieces []accounts.Chunk, err error) {
	is = part
	is.Whole = len(p.Service.Unwalkable([]string{part.Source})) > 0
	for began := time.Now(); len(pieces) < most && !is.Whole && (len(pieces) == 0 || time.Since(began) < cutFor); {
		key := ""
		if p.Service.Cuts(part.Source) {
			if key, err = p.Service.CutKey(ctx, part.Source, is.Cut, n); err != nil {
				return is, nil, err
			}
		}
		pieces = append(pieces, accounts.Chunk{After: is.Cut, Through: key})
		is.Cut, is.Whole = key, key == ""
	}
	return is, pieces, nil
}
