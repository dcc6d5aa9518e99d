package pass

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"rekey/accounts"
	"rekey/legacy"
	"rekey/sweeper/pause"
)

// A comparison is done by the chunk: whoever has nothing to do claims one, or cuts the next. What was found in a chunk is written
// down with how far it is, so that a comparison that was interrupted, or killed, goes on where it was. Memory is that of a few
// chunks, however many people there are.

// CompareConfig says what is compared. Service, Sources and By are required.
type CompareConfig struct {
	Service *accounts.Service
	Sources []string
	Workers int // 0: 1
	// Repair marks accounts that differ as drifted: they count no longer until they were copied again.
	Repair   bool
	By       accounts.By
	Rate     int            // people/s that are read, of all comparisons of all processes together; 0: as fast as it goes
	Worker   string         // for people: who compares
	Progress func(Progress) // called for each batch, by one goroutine at a time
	Notice   func(string)   // told what is worth a line; nil: nobody is
	Wait     Wait           // before something is tried again, and for the rate; nil waits

	Page  int           // people of a chunk, of which a few are held for each worker; 0: 2000, about 2 MB
	Pause time.Duration // before what did not answer is asked again; 0: 5 s
	Claim time.Duration // for which a chunk is kept from others without a sign of life; 0: a minute
}

const (
	walkedLinks = 200_000 // of a chunk of the way back, where it costs a walk through everybody: 5 MB of keys
	batchPeople = 500     // between two signs of life
	batchFor    = 10 * time.Second
)

// Compare compares the sources with what is here, both ways, and stores what it has found once it came to the end. One that was
// begun for the same, in the same epoch, is gone on with. While a store does not answer it waits.
func Compare(ctx context.Context, c CompareConfig) (accounts.Validation, error) {
	c.setDefaults()
	v, err := c.Service.Verify(ctx, accounts.VerifySpec{Sources: c.Sources, Repair: c.Repair}, c.By)
	if err != nil {
		return accounts.Validation{}, err
	}
	switch {
	case v.Resumed:
		c.Notice("going on with the comparison that began at " + v.Run.Began.UTC().Format(time.RFC3339))
	case v.Anew != "":
		c.Notice("beginning anew, not going on with the comparison that was there: " + v.Anew)
	}
	r := &comparison{CompareConfig: c, v: v, pace: pace{c.Service, c.Rate}, pages: map[string]readPage{}, done: map[string]int64{}}
	r.worked.Store(time.Now().UnixNano())
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var workers sync.WaitGroup
	for range max(c.Workers, 1) {
		workers.Go(func() {
			if err := r.work(ctx); err != nil {
				cancel(err)
			}
		})
	}
	workers.Wait()
	if err := context.Cause(ctx); err != nil {
		return accounts.Validation{}, err
	}
	return v.Finish(ctx, c.By)
}

func (c *CompareConfig) setDefaults() {
	c.Pause, c.Claim, c.Worker = cmp.Or(c.Pause, 5*time.Second), cmp.Or(c.Claim, time.Minute), cmp.Or(c.Worker, "rekey verify")
	c.Page = cmp.Or(c.Page, 2000)
	if c.Wait == nil {
		c.Wait = pause.For
	}
	if c.Notice == nil {
		c.Notice = func(string) {}
	}
}

// A comparison is the work of one process.
type comparison struct {
	CompareConfig
	v    *accounts.Verification
	pace pace

	worked atomic.Int64 // when it last came from a chunk, or began: nanoseconds since 1970

	cutting sync.Mutex
	bad     map[string]bool // keys of the page before that cannot be read: they may come again. Under cutting

	mu    sync.Mutex
	pages map[string]readPage // what was read to cut a chunk, until it is compared; by pageKey
	done  map[string]int64    // people, by source
	said  string              // the last notice, so that one is not given again and again
}

// quietFor is how long it waits for others before it says so.
const quietFor = 3 * time.Second

// A readPage is what one chunk has.
type readPage struct {
	users []legacy.User
	bad   []*legacy.RowError
	next  string // "" at the end
}

func pageKey(source string, after string) string { return source + "\x00" + after }

// work compares until nothing is left.
func (r *comparison) work(ctx context.Context) error {
	for {
		more, err := r.next(ctx)
		switch doubt, ok := errors.AsType[*accounts.UnavailableError](err); {
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case ok:
			r.say(doubt.Err.Error() + "; waiting for it")
			more, err = true, r.Wait(ctx, r.Pause)
		}
		if err != nil || !more {
			return err
		}
	}
}

// next does one thing, and reports whether there may be another.
func (r *comparison) next(ctx context.Context) (bool, error) {
	c, err := r.v.Claim(ctx, r.Worker, r.Claim)
	if err == nil {
		err = r.chunk(ctx, c)
		r.worked.Store(time.Now().UnixNano())
		return true, err
	}
	if !errors.Is(err, accounts.ErrNotFound) {
		return false, err
	}
	if cut, err := r.cut(ctx); cut || err != nil {
		return true, err
	}
	waits, err := r.v.Waits(ctx)
	if err != nil || !waits {
		return false, err
	}
	if time.Since(time.Unix(0, r.worked.Load())) > quietFor {
		r.say(fmt.Sprintf("waiting for pieces that others have claimed: they are at them, or have died less than %s ago", r.Claim))
	}
	return true, r.Wait(ctx, min(r.Pause, time.Second)) // others are at it, or have died
}

// cut cuts the next chunk, and reports whether there was one to cut.
func (r *comparison) cut(ctx context.Context) (bool, error) {
	r.cutting.Lock()
	defer r.cutting.Unlock()
	parts, err := r.v.Parts(ctx)
	if err != nil {
		return false, err
	}
	i := slices.IndexFunc(parts, func(p accounts.Part) bool { return !p.Whole })
	if i < 0 {
		return false, nil
	}
	was := parts[i]
	is := was
	var page readPage
	if was.Band == accounts.WalkPeople {
		page, err = r.peopleAfter(ctx, was.Source, was.Cut)
		is.Cut = page.next
	} else {
		is.Cut, err = r.linksAfter(ctx, was.Source, was.Cut)
	}
	if err != nil {
		return false, err
	}
	is.Whole = is.Cut == ""
	if is.Whole {
		is.Cut = was.Cut
	}
	if was.Band == accounts.WalkPeople {
		r.keepPage(was, page)
	}
	err = r.v.Cut(ctx, was, is, accounts.Chunk{After: was.Cut, Through: page.through(is)})
	if errors.Is(err, accounts.ErrStale) {
		err = nil // somebody else has cut it
	}
	return true, err
}

// through is where a chunk ends whose part is cut as far as is; "" is the end.
func (readPage) through(is accounts.Part) string {
	if is.Whole {
		return ""
	}
	return is.Cut
}

// peopleAfter reads a page, without those who cannot be read and came with the page before already.
func (r *comparison) peopleAfter(ctx context.Context, source, after string) (readPage, error) {
	users, bad, next, err := r.Service.SourcePage(ctx, source, after, r.Page)
	if err != nil {
		return readPage{}, err
	}
	before := r.bad
	r.bad = map[string]bool{}
	for _, row := range bad {
		r.bad[row.Key] = true
	}
	bad = slices.DeleteFunc(bad, func(row *legacy.RowError) bool { return row.Key != "" && before[row.Key] && after != "" })
	return readPage{users, bad, next}, nil
}

// linksAfter returns the key of the last link of the next chunk; "" if that is the end.
func (r *comparison) linksAfter(ctx context.Context, source, after string) (string, error) {
	limit := r.linksOf(source)
	ids, err := r.Service.LinkedIDs(ctx, source, after, limit)
	if err != nil || len(ids) < limit {
		return "", err
	}
	return ids[limit-1], nil
}

func (r *comparison) linksOf(source string) int {
	if r.Service.ReadByKey(source) {
		return r.Page
	}
	return walkedLinks
}

// keepPage keeps what was read for whoever claims the chunk next, if that is one of ours.
func (r *comparison) keepPage(p accounts.Part, page readPage) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.pages) <= max(r.Workers, 1) { // others may have claimed those that were kept
		r.pages[pageKey(p.Source, p.Cut)] = page
	}
}

func (r *comparison) progress(source string, n int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.done[source] += int64(n)
	if r.Progress != nil {
		r.Progress(Progress{source, r.done[source]})
	}
}

// say gives a notice, unless it is the one before again.
func (r *comparison) say(text string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if text != r.said {
		r.said = text
		r.Notice(text)
	}
}
