package pass

import (
	"context"
	"hash/maphash"
	"slices"
	"sync"

	"rekey/accounts"
	"rekey/legacy"
)

// CompareConfig says what is compared. Service and Sources are required, By for a repair.
type CompareConfig struct {
	Service *accounts.Service
	Sources []string
	Workers int // 0: 1
	// Repair marks accounts that differ as drifted: they count no longer until they were copied again.
	Repair   bool
	By       accounts.By
	Progress func(Progress) // called for each person, by one goroutine at a time
	Wait     Wait           // before somebody is tried again; nil waits
}

// Compare compares the sources with what is here, both ways, and stores what it has found if it came to the end.
func Compare(ctx context.Context, c CompareConfig) (accounts.Validation, error) {
	v, err := c.Service.BeginValidation()
	if err != nil {
		return v, err
	}
	w := walker{c.Service, c.Workers, c.Progress}
	for _, source := range c.Sources {
		run := compareRun{CompareConfig: c, seed: maphash.MakeSeed(), found: accounts.NewComparison(source)}
		err := w.source(ctx, source, run.one, run.unreadable)
		if err == nil {
			err = run.back(ctx)
		}
		v.Found.Sources = append(v.Found.Sources, run.found)
		if err != nil {
			return v, err
		}
	}
	v.Found.Complete = !slices.ContainsFunc(c.Service.SourceNames(), func(name string) bool { return !slices.Contains(c.Sources, name) })
	return c.Service.EndValidation(ctx, v)
}

// A compareRun is the pass through one source.
type compareRun struct {
	CompareConfig

	seed maphash.Seed

	mu    sync.Mutex
	seen  []uint64 // digests of the ids that the walk has found: 8 bytes for each person
	found accounts.Comparison
}

// one compares a legacy person with what is here.
func (r *compareRun) one(ctx context.Context, user legacy.User) error {
	r.see(user.ID)
	return r.judge(ctx, user.ID, func() (accounts.Verdict, error) { return r.Service.Compare(ctx, r.found.Source, user) })
}

func (r *compareRun) see(id string) {
	digest := maphash.String(r.seed, id)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.seen = append(r.seen, digest)
}

// unreadable counts a record that nobody can be made from. If somebody was, the way back finds them.
func (r *compareRun) unreadable(row *legacy.RowError) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.found.Add(accounts.VerdictUnmovable, row.Key)
}

// judge counts one person, and marks them where that is wanted. Its error ends the pass: half a comparison says nothing.
func (r *compareRun) judge(ctx context.Context, id string, compare func() (accounts.Verdict, error)) error {
	var verdict accounts.Verdict
	err := r.Wait.again(ctx, func() (err error) {
		verdict, err = compare()
		return err
	})
	if err != nil {
		return err
	}
	marked := false
	if r.Repair && !verdict.Clean() {
		err = r.Wait.again(ctx, func() (err error) {
			marked, err = r.Service.MarkDrifted(ctx, r.found.Source, id, r.By)
			return err
		})
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.found.Add(verdict, id)
	if marked {
		r.found.Marked++
	}
	return err
}

// back goes through the accounts that the walk has not met.
func (r *compareRun) back(ctx context.Context) error {
	slices.Sort(r.seen)
	for after := ""; ; {
		var ids []string
		err := r.Wait.again(ctx, func() (err error) {
			ids, err = r.Service.LinkedIDs(ctx, r.found.Source, after, page)
			return err
		})
		if err != nil {
			return err
		}
		for _, id := range ids {
			if _, met := slices.BinarySearch(r.seen, maphash.String(r.seed, id)); met {
				continue
			}
			err := r.judge(ctx, id, func() (accounts.Verdict, error) { return r.Service.CompareLink(ctx, r.found.Source, id) })
			if err != nil {
				return err
			}
		}
		if len(ids) < page {
			return nil
		}
		after = ids[len(ids)-1]
	}
}
