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
	"rekey/sweeper/census"
	"rekey/sweeper/pause"
	"rekey/sweeper/settings"
)

// Before a run moves anybody, the names that several people hold are looked for, once: everybody else can be moved together with
// others. What was found stands with the run.

// Names knows them for the workers of a process. It is safe for concurrent use.
type Names struct {
	mu     sync.Mutex
	run    uuid.UUID
	shared *census.Shared
}

// contested returns what accounts.Batch wants of a run.
func (n *Names) contested(ctx context.Context, store accounts.RunStore, run uuid.UUID) (func(accounts.Name) bool, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.run != run {
		r, err := store.RunByID(ctx, run)
		if err != nil {
			return nil, err
		}
		found, err := FoundBy(r)
		if err != nil {
			return nil, err
		}
		n.run, n.shared = run, found.Shared
	}
	return n.shared.Contested(), nil
}

// countNames looks for them, and keeps them with the run. It is accounts.ErrStale if the run has ended. Too many of them, a source that
// cannot be walked to its end and a record that panics mean that everybody goes by themselves.
func countNames(ctx context.Context, service *accounts.Service, run uuid.UUID, progress func(int64)) error {
	var shared *census.Shared
	err := jobs.Guarded(func() (err error) {
		shared, err = census.Take(ctx, census.Config{Service: service, Progress: progress})
		return err
	})
	if err != nil && !errors.Is(err, census.ErrMany) && !errors.As(err, new(*jobs.PanicError)) && !errors.Is(err, accounts.ErrWalkStuck) {
		return fmt.Errorf("look for names that several people hold: %w", err)
	}
	text, err := json.Marshal(Found{Shared: shared})
	if err != nil {
		return err
	}
	return service.RunStore().KeepFound(ctx, run, string(text))
}

// The claim of who counts.
const (
	countWork = "sweep-names"
	countFor  = time.Minute
)

// count begins to look for the names of the run in the background, unless somebody does.
func (p *Planner) count(ctx context.Context, o Orders) error {
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
		kept := now
		err := countNames(ctx, p.Service, o.Run.ID, func(int64) {
			for ctx.Err() == nil {
				if time.Since(kept) > countFor/3 {
					if kept = time.Now(); store.KeepWork(ctx, w, kept.Add(countFor)) != nil {
						cancel() // somebody else counts
						return
					}
				}
				if o, err := p.Desk.Orders(ctx); err == nil && o.only(settings.CauseNames) {
					return
				}
				_ = pause.For(ctx, obeyed) // an old store is not read while the orders say that nothing is done
			}
		})
		p.Desk.Forget()
		free := context.WithoutCancel(ctx)
		_ = store.KeepWork(free, w, time.Now()) // and if that fails, the claim ends before long
		if err != nil && ctx.Err() == nil && !errors.Is(err, accounts.ErrStale) && p.Log != nil {
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
