package pass

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"time"

	"rekey/accounts"
	"rekey/legacy"
)

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

	several map[string]bool // keys of the page that several people have
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
	d.several = severalOf(page.users)
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
	if d.Repair && j.Marks {
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
			err = d.mayMark([]accounts.Judgement{verdict})
		}
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
