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

// countNames looks for them, and keeps them with the run. pass is called for each person. It is accounts.ErrStale if the run has ended. Too
// many of them, a source that cannot be walked to its end and a record that panics mean that everybody goes by themselves.
func countNames(ctx context.Context, service *accounts.Service, run accounts.Run, pass func(context.Context) error) error {
	all, err := newCrowd(service, run)
	if err != nil {
		return err
	}
	var found Found
	err = jobs.Guarded(func() (err error) {
		found.Shared, err = census.Take(ctx, census.Config{Service: service, Seen: func(ctx context.Context, source string, user legacy.User) error {
			all.see(source, user)
			return pass(ctx)
		}})
		return err
	})
	if err != nil && !errors.Is(err, census.ErrMany) && !errors.As(err, new(*jobs.PanicError)) && !errors.Is(err, accounts.ErrWalkStuck) {
		return fmt.Errorf("look for names that several people hold: %w", err)
	}
	if err != nil {
		found.Alone = err.Error()
	}
	if found.Shared != nil {
		found.People = all.people
	}
	text, err := json.Marshal(found)
	if err != nil {
		return err
	}
	return service.RunStore().KeepFound(ctx, run.ID, string(text))
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
		err := countNames(ctx, p.Service, o.Run, at.pass)
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
