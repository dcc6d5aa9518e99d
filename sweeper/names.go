package sweeper

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/google/uuid"

	"rekey/accounts"
	"rekey/accounts/jobs"
	"rekey/legacy"
	"rekey/sweeper/census"
)

// Before a run moves anybody, the names that several people hold are looked for: everybody else can be moved together with
// others. What was found stands with the run. It is believed for a while, and looked for again where a run is long and fast.

// Names knows them for the workers and the planner of a process. It is safe for concurrent use.
type Names struct {
	mu    sync.Mutex
	run   uuid.UUID
	read  time.Time
	found Found
}

// of returns what a run has found, as it was when the last search was read.
func (n *Names) of(ctx context.Context, store accounts.RunStore, run uuid.UUID) (Found, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if now := time.Now(); n.run != run || now.After(n.found.again()) && now.Sub(n.read) > rereadNames {
		found, err := readFound(ctx, store, run)
		if err != nil {
			return Found{}, err
		}
		n.run, n.read, n.found = run, now, found
	}
	return n.found, nil
}

// countNames looks for them, and keeps them with the run. pass is called for each person. It is accounts.ErrStale if the run has ended. Too
// many of them, a source that cannot be walked to its end and a record that panics mean that everybody goes by themselves.
func countNames(ctx context.Context, service *accounts.Service, run accounts.Run, pass func(context.Context) error) error {
	all, err := newCrowd(service, run)
	if err != nil {
		return err
	}
	found := Found{Counted: time.Now()}
	found.Shared, err = search(ctx, service, func(ctx context.Context, source string, user legacy.User) error {
		all.see(source, user)
		return pass(ctx)
	})
	if err != nil && !errors.Is(err, census.ErrMany) && !errors.As(err, new(*jobs.PanicError)) && !errors.Is(err, accounts.ErrWalkStuck) {
		return err
	}
	if err != nil {
		found.Alone = err.Error()
	}
	if found.Shared != nil {
		found.People, found.Believed = all.people, believed(found.Counted, time.Now())
	}
	return changeFound(ctx, service.RunStore(), run.ID, func(is *Found) { *is = found })
}

// search walks through everybody of all sources.
func search(ctx context.Context, service *accounts.Service, seen func(context.Context, string, legacy.User) error) (shared *census.Shared, err error) {
	err = jobs.Guarded(func() (err error) {
		shared, err = census.Take(ctx, census.Config{Service: service, Seen: seen})
		return err
	})
	if err != nil {
		err = fmt.Errorf("look for names that several people hold: %w", err)
	}
	return shared, err
}

func readFound(ctx context.Context, store accounts.RunStore, run uuid.UUID) (Found, error) {
	r, err := store.RunByID(ctx, run)
	if err != nil {
		return Found{}, err
	}
	return FoundBy(r)
}

// changeFound changes what a run has found; somebody else may change another part of it at the same time. Its error is accounts.ErrStale if
// the run has ended.
func changeFound(ctx context.Context, store accounts.RunStore, run uuid.UUID, change func(*Found)) error {
	for {
		was, err := store.RunByID(ctx, run)
		if err != nil {
			return err
		}
		if was.State != accounts.RunRunning {
			return accounts.ErrStale
		}
		found, err := FoundBy(was)
		if err != nil {
			return err
		}
		change(&found)
		text, err := json.Marshal(found)
		if err != nil {
			return err
		}
		if err := store.KeepFound(ctx, run, was.Found, string(text)); !errors.Is(err, accounts.ErrStale) {
			return err
		}
	}
}

// The claim of who counts.
const (
	countWork = "sweep-names"
	countFor  = time.Minute
)

// A look is a search for the names of a run. pass is called for each person.
type look func(ctx context.Context, service *accounts.Service, run accounts.Run, pass func(context.Context) error) error

// count begins to look for the names of the run in the background, unless somebody does.
func (p *Planner) count(ctx context.Context, o Orders, look look) error {
	if !p.counting.CompareAndSwap(false, true) {
		return nil
	}
	store, now := p.Service.RunStore(), time.Now()
	w, err := store.ClaimWork(ctx, countWork, now, now.Add(countFor), 0)
	if err != nil {
		p.counting.Store(false)
		if errors.Is(err, accounts.ErrNotFound) {
			return nil
		}
		return err
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	p.mu.Lock()
	p.cancel = cancel
	p.mu.Unlock()
	p.ending.Go(func() {
		defer p.counting.Store(false)
		defer cancel()
		at := &gate{run: o.Run.ID, desk: p.Desk, keep: func(ctx context.Context, c Counting) error {
			text, err := json.Marshal(c)
			if err != nil {
				return err
			}
			w.Cursor = string(text)
			if err := store.KeepWork(ctx, w, time.Now().Add(countFor)); errors.Is(err, accounts.ErrStale) {
				return errCounting
			}
			return nil // the claim is longer than many a failure
		}}
		err := look(ctx, p.Service, o.Run, at.pass)
		p.Desk.Forget()
		free := context.WithoutCancel(ctx)
		w.Cursor = ""
		_ = store.KeepWork(free, w, time.Now()) // and if that fails, the claim ends before long
		if err != nil && ctx.Err() == nil && !errors.Is(err, accounts.ErrStale) && !errors.Is(err, errCounting) && p.Log != nil {
			p.Log.WarnContext(free, "the names that several people hold could not be looked for; it is tried again", "error", err)
		}
	})
	return nil
}

// Close ends what the planner does in the background, and waits for it.
func (p *Planner) Close() {
	p.mu.Lock()
	cancel := p.cancel
	p.mu.Unlock()
	if cancel != nil {
		cancel()
	}
	p.ending.Wait()
}
