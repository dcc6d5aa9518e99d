package pass

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"sync"
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

	cutting sync.Mutex
	bad     map[string]bool // keys of the page before that cannot be read: they may come again. Under cutting

	mu    sync.Mutex
	pages map[string]readPage // what was read to cut a chunk, until it is compared; by pageKey
	done  map[string]int64    // people, by source
	said  string              // the last notice, so that one is not given again and again
}

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
		return true, r.chunk(ctx, c)
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

// chunk compares what is left of a chunk. What does not answer suspends it.
func (r *comparison) chunk(ctx context.Context, c accounts.Chunk) error {
	found, err := c.Found()
	if err != nil {
		return err
	}
	found.Suspended = ""
	d := &doing{comparison: r, c: c, found: found, kept: time.Now(), from: c.Cursor}
	if c.Band == accounts.WalkPeople {
		err = d.people(ctx)
	} else {
		err = d.links(ctx)
	}
	pause := time.Duration(0)
	switch doubt, ok := errors.AsType[*accounts.UnavailableError](err); {
	case errors.Is(err, accounts.ErrStale):
		return nil // it took too long, and is another's now
	case err == nil:
		d.c.Done = true
	case ok && ctx.Err() == nil:
		d.found.Suspended, pause = cutText(doubt.Err.Error()), r.Pause
		d.suspect()
	}
	if d.c.Cursor != d.from {
		d.c.Attempts = 0
	}
	if keepErr := d.keep(ctx, 0, pause); keepErr != nil && !errors.Is(keepErr, accounts.ErrStale) {
		return keepErr
	}
	return err
}

// maxWhy is how much of an error is kept.
const maxWhy = 300

func cutText(text string) string { return text[:min(len(text), maxWhy)] }

// doing is a chunk that is being compared.
type doing struct {
	*comparison
	c     accounts.Chunk
	found accounts.ChunkFound
	kept  time.Time // when it was last written down, or claimed
	from  string    // the cursor under which it was claimed
	at    string    // who was being looked up when a store did not answer; "": nobody by themselves
}

// keep writes down how far the chunk is.
func (d *doing) keep(ctx context.Context, claim, pause time.Duration) error {
	c, err := d.found.Keep(d.c)
	if err == nil {
		err = d.v.Keep(ctx, c, claim, pause)
	}
	d.kept = time.Now()
	return err
}

// signal shows that somebody is at it, if it is time to.
func (d *doing) signal(ctx context.Context) error {
	if time.Since(d.kept) < d.Claim/3 {
		return nil
	}
	return d.keep(ctx, d.Claim, 0)
}

// people compares the people of a chunk with what is here.
func (d *doing) people(ctx context.Context) error {
	for pages := 1; ; pages++ {
		page, err := d.page(ctx)
		if err != nil {
			return err
		}
		end := page.next == ""
		if i := slices.IndexFunc(page.users, func(u legacy.User) bool { return u.ID == d.c.Through }); i >= 0 {
			page.users, end = page.users[:i+1], true
		}
		// Where its last person has gone meanwhile, nobody knows the end: some of the next chunk are compared twice.
		end = end || d.c.Through != "" && (pages == 2 || slices.ContainsFunc(page.bad, func(row *legacy.RowError) bool { return row.Key == d.c.Through }))
		if err := d.readable(ctx, page); err != nil {
			return err
		}
		for _, row := range page.bad { // if somebody was made of one, the way back finds them
			d.found.Add(accounts.VerdictUnmovable, row.Key)
		}
		if end {
			return nil
		}
		d.c.Cursor = page.next
	}
}

// page returns the next page of the chunk: the one that was read to cut it, or as it is now.
func (d *doing) page(ctx context.Context) (readPage, error) {
	after := cmp.Or(d.c.Cursor, d.c.After)
	key := pageKey(d.c.Source, after)
	d.mu.Lock()
	page, ok := d.pages[key]
	delete(d.pages, key)
	d.mu.Unlock()
	if ok {
		return page, nil
	}
	users, bad, next, err := d.Service.SourcePage(ctx, d.c.Source, after, d.Page)
	return readPage{users, bad, next}, err
}

// readable compares the people of a page. Of a page with records that cannot be read nothing is kept before its end: nobody knows
// where they stand among the others.
func (d *doing) readable(ctx context.Context, page readPage) error {
	begunAt, begunWith := d.c, d.found.Clone()
	for batch := range slices.Chunk(page.users, d.pace.batch(batchPeople)) {
		err := d.batch(ctx, batch)
		if err == nil && len(page.bad) == 0 {
			err = d.signal(ctx)
		}
		if err != nil {
			if len(page.bad) > 0 {
				d.c, d.found.Comparison = begunAt, begunWith
			}
			return err
		}
	}
	return nil
}

// batch compares some people.
func (d *doing) batch(ctx context.Context, users []legacy.User) error {
	if err := d.pace.take(ctx, d.wait, len(users)); err != nil {
		return err
	}
	for len(users) > 0 {
		hung := slices.IndexFunc(users, func(u legacy.User) bool { return d.hangs(u.ID) })
		if hung != 0 {
			asked := users
			if hung > 0 {
				asked = users[:hung]
			}
			if err := d.compare(ctx, asked); err != nil {
				return err
			}
			users = users[len(asked):]
			continue
		}
		d.passOver(users[0].ID)
		users = users[1:]
	}
	return nil
}

// judged counts one person, and marks them where that is wanted.
func (d *doing) judged(ctx context.Context, id string, j accounts.Judgement) error {
	if d.Repair && !j.Verdict.Clean() {
		marked, err := d.Service.MarkDrifted(ctx, d.c.Source, id, d.By)
		if err != nil {
			return err
		}
		if marked {
			d.found.Marked++
		}
	}
	d.found.Add(j.Verdict, id, j.Aspects...)
	return nil
}

// links looks for those of whom there are links, and who are not there.
func (d *doing) links(ctx context.Context) error {
	for {
		limit := walkedLinks
		if d.Service.ReadByKey(d.c.Source) {
			limit = d.pace.batch(batchPeople)
			if d.c.Bound > 0 {
				limit = min(limit, d.c.Bound)
			}
		}
		ids, err := d.Service.LinkedIDs(ctx, d.c.Source, cmp.Or(d.c.Cursor, d.c.After), limit)
		if err != nil {
			return err
		}
		end := len(ids) < limit
		if i, found := slices.BinarySearch(ids, d.c.Through); d.c.Through != "" && (found || i < len(ids)) {
			end = true
			if found {
				i++
			}
			ids = ids[:i]
		}
		if err := d.linked(ctx, ids); err != nil || end {
			return err
		}
	}
}

// linked compares the people of some links, if they are not there.
func (d *doing) linked(ctx context.Context, ids []string) error {
	if len(ids) == 0 {
		return nil
	}
	if err := d.pace.take(ctx, d.wait, len(ids)); err != nil {
		return err
	}
	if len(ids) == 1 && d.hangs(ids[0]) {
		d.passOver(ids[0])
		d.c.Bound = 0
		return d.signal(ctx)
	}
	gone, err := d.Service.NotThere(ctx, d.c.Source, ids, d.Page)
	if err != nil {
		if len(ids) == 1 {
			d.at = ids[0]
		}
		return err
	}
	for _, id := range gone {
		verdict, err := d.Service.CompareLink(ctx, d.c.Source, id)
		if err == nil {
			err = d.judged(ctx, id, verdict)
		}
		if err != nil {
			d.at = id
			return err
		}
		d.c.Cursor = id
		if err := d.signal(ctx); err != nil {
			return err
		}
	}
	d.c.Cursor = ids[len(ids)-1]
	return d.signal(ctx)
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
