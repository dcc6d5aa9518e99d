package sweeper

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"rekey/accounts"
	"rekey/accounts/jobs"
	"rekey/legacy"
)

// batch reads the next people of the chunk, waits for its turn and moves those whom the walk takes. It returns how many were read,
// and how long that and the move took. Only who may be moved takes a turn: where few do, more are read at a time than may be moved.
func (t *task) batch(ctx context.Context, o Orders) (people int, took time.Duration, err error) {
	t.batches.Add(1)
	defer t.batches.Add(-1)
	most := o.most()
	limit := t.Sizes.Size(min(o.Batch, most*max(t.skim, 1)))
	if t.chunk.Bound > 0 {
		limit = min(limit, t.chunk.Bound)
	}
	var page accounts.Page
	var j judged
	var known accounts.Known
	movers := 0
	reading, err := t.timed(ctx, func(ctx context.Context) (err error) {
		known, err = t.Service.KnownBefore(ctx, t.chunk.Source, func(ctx context.Context) (_ []legacy.User, err error) {
			if page, err = t.page(ctx, limit); err == nil {
				j, err = t.judge(page)
			}
			return j.people, err
		})
		if movers = min(len(j.people), limit); err == nil && !math.IsInf(o.Rate, 1) && movers > 0 {
			movers, err = t.Service.ToMove(ctx, t.chunk.Source, j.people, t.held, known)
		}
		return err
	})
	if err == nil && movers > most {
		t.skim = 1
		return 0, 0, nil // they are read again, fewer at a time
	}
	if err == nil && movers > 0 {
		err = t.turn(ctx, movers)
	}
	if err != nil {
		return 0, 0, err
	}
	if 4*movers <= most {
		t.skim = min(2*max(t.skim, 1), maxSkim)
	}
	moving, err := t.timed(ctx, func(ctx context.Context) error { return t.write(ctx, o, page, j, known) })
	return len(page.People) + len(page.Unreadable), reading + moving, err
}

// maxSkim is how many times as many people as may be moved at once are read at most. The size of a batch bounds it too.
const maxSkim = 1 << 10

// errSlow is a batch that came to no end in its time. What it waited for may be a store; but each such claim is an attempt, for it
// may be a record too.
var errSlow = errors.New("it was given up")

// timed does a part of a batch, and returns how long it took.
func (t *task) timed(ctx context.Context, do func(context.Context) error) (time.Duration, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, batchTime, errSlow)
	defer cancel()
	began := time.Now()
	t.began.Store(began.UnixMicro())
	defer t.began.Store(0)
	err := jobs.Guarded(func() error { return do(ctx) })
	if err != nil && errors.Is(context.Cause(ctx), errSlow) && !errors.Is(err, accounts.ErrStale) {
		err = fmt.Errorf("a batch took longer than %s: %w", batchTime, errSlow)
	}
	return time.Since(began), err
}

// page reads the people behind the cursor.
func (t *task) page(ctx context.Context, limit int) (accounts.Page, error) {
	return t.Service.Page(ctx, t.chunk.Source, t.behind(), t.chunk.Through, limit)
}

// behind is where the chunk goes on.
func (t *task) behind() string {
	if t.chunk.Cursor != "" {
		return t.chunk.Cursor
	}
	return t.chunk.After
}

// A judged is what a page comes to before anybody is moved.
type judged struct {
	people []legacy.User      // whom the walk takes
	counts Counts             // of the chunk, with all others of the page
	told   []accounts.Unmoved // whose record nobody can be made from
}

// judge counts who is not moved, and returns who is, in the room of the page's people.
func (t *task) judge(page accounts.Page) (judged, error) {
	counts, err := CountsOf(t.chunk)
	if err != nil {
		return judged{}, err
	}
	tally := accounts.NewTally()
	j := judged{}
	refuse := func(no accounts.Unmoved) {
		tally.Refuse(no.Class, no.LegacyID)
		j.told = append(j.told, no)
	}
	var again []string
	for _, row := range page.Unreadable {
		if t.chunk.Band == 0 && (row.Key == "" || !slices.Contains(counts.Again, row.Key)) { // one walk counts them
			refuse(accounts.UnmovedRow(t.chunk.Source, row))
		}
		again = append(again, row.Key)
	}
	j.people = page.People[:0]
	for _, user := range page.People {
		switch t.choice.of(user) {
		case taken:
			j.people = append(j.people, user)
		case passed:
			counts.Passed++
		case untold:
			refuse(accounts.Unmoved{
				LegacyKey: accounts.LegacyKey{Source: t.chunk.Source, LegacyID: user.ID}, Class: accounts.NoteMapping, Reason: "the filter has no answer for this person",
			})
		case another:
		}
	}
	j.counts = counts.add(tally)
	j.counts.Again = again
	return j, nil
}

// write moves the people, and writes down with them how far the chunk is.
func (t *task) write(ctx context.Context, o Orders, page accounts.Page, j judged, known accounts.Known) error {
	if len(j.told) > 0 && !t.spec.DryRun { // before the cursor: nobody is passed over who is neither here nor in quarantine
		if _, err := t.Service.NoteRefused(ctx, j.told, t.spec.by()); err != nil {
			return err
		}
	}
	var next accounts.Chunk
	var people int64
	keep := func(tally accounts.Tally) (accounts.Chunk, error) {
		counts := j.counts.add(tally)
		people = counts.People()
		next = t.chunk
		next.Cursor, next.Done, next.Attempts = page.Next, page.Last || page.Next == t.chunk.Through && t.chunk.Through != "", 0
		next.Bound, counts.Calm = relax(t.chunk.Bound, counts.Calm, o.Batch)
		counts.Asked = 0
		var err error
		next.Counts, err = counts.text()
		return next, err
	}
	if len(j.people) == 0 {
		next, err := keep(accounts.NewTally())
		if err == nil {
			err = t.store().KeepChunk(ctx, next, claimFor, 0)
		}
		if err != nil {
			return err
		}
	} else {
		_, err := t.Service.MigrateMany(ctx, accounts.Batch{
			Source: t.chunk.Source, People: j.people, Known: known, Held: t.held,
			Contested: t.found.Shared.Contested(), Counted: t.found.Counted, Believed: t.found.Believed,
			Again: func(ctx context.Context) ([]legacy.User, error) {
				page, err := t.page(ctx, len(page.People)+len(page.Unreadable))
				return page.People, err
			},
			Hash: t.spec.hash(), By: t.spec.by(), DryRun: t.spec.DryRun, Batches: func() int { return int(t.batches.Load()) }, OwnPermits: t.OwnPermits,
			Keep: keep, Claim: claimFor,
		})
		if err != nil {
			return err
		}
	}
	t.chunk, t.moved = next, true
	if t.Progress != nil {
		t.Progress(t.chunk, people)
	}
	return nil
}

const (
	// patience is how often a chunk is tried as it is.
	patience = 2
	// shrinking is by what the batches of a chunk are cut each time after that, down to one person, and by what they grow again.
	shrinking = 4
)

// relax returns the bound of a chunk after a batch was moved, and how many were under it: once there were as many as one was cut into,
// whatever stalled that one is behind, and the bound grows, up to none at most.
func relax(bound, calm, most int) (int, int) {
	switch {
	case bound == 0:
		return 0, 0
	case calm+1 < shrinking:
		return bound, calm + 1
	case bound*shrinking >= most:
		return 0, 0
	}
	return bound * shrinking, 0
}

// suspect does something about a chunk that is claimed again and again and does not move: somebody in it kills or stalls whoever
// comes to them. Its batches become smaller, down to one person, and when that one has done it too they are passed over. The attempts
// are counted by the claims: who dies of it cannot count.
func (t *task) suspect(ctx context.Context, o Orders) error {
	if t.chunk.Attempts <= patience {
		return nil
	}
	if t.chunk.Bound == 1 {
		return t.passOver(ctx)
	}
	was := t.chunk.Bound
	if was == 0 {
		was = t.Sizes.Size(o.most())
	}
	t.chunk.Bound = max(1, was/shrinking)
	counts, err := CountsOf(t.chunk)
	if err != nil {
		return err
	}
	counts.Calm = 0
	if t.chunk.Counts, err = counts.text(); err != nil {
		return err
	}
	t.log().WarnContext(ctx, "a chunk of the sweep does not move; its batches become smaller",
		"source", t.chunk.Source, "chunk", t.chunk.Seq, "attempts", t.chunk.Attempts, "people", t.chunk.Bound)
	return t.store().KeepChunk(ctx, t.chunk, claimFor, 0)
}

// passOver quarantines the next person, unless it may be the store; see blame.go.
func (t *task) passOver(ctx context.Context) error {
	id, err := t.nextID(ctx)
	if err != nil {
		return err
	}
	if id != "" {
		if may, err := t.mayBlame(ctx, id); err != nil || !may {
			return err
		}
	}
	next := t.chunk
	next.Attempts, next.Bound = 0, 0
	if id == "" {
		next.Done = true
	} else {
		counts, err := CountsOf(t.chunk)
		if err != nil {
			return err
		}
		tally := accounts.NewTally()
		tally.Refuse(accounts.NotePoisoned, id)
		next.Cursor, counts.Calm, counts.Asked = id, 0, 0
		if next.Counts, err = counts.add(tally).text(); err != nil {
			return err
		}
		if !t.spec.DryRun {
			if err := t.Service.NotePoisoned(ctx, t.chunk.Source, id, t.spec.by()); err != nil {
				return err
			}
		}
		t.log().WarnContext(ctx, "the sweep passes over somebody at whom it has died or stalled again and again", "source", t.chunk.Source, "legacy_id", id)
	}
	if err := t.store().KeepChunk(ctx, next, claimFor, 0); err != nil {
		return err
	}
	t.chunk, t.moved = next, true
	return nil
}

// nextID returns the key of the next person of the chunk; "" if there is none. Where only keys can be read, nothing else is.
func (t *task) nextID(ctx context.Context) (id string, err error) {
	ctx, cancel := context.WithTimeout(ctx, batchTime)
	defer cancel()
	if t.Service.Cuts(t.chunk.Source) {
		return t.nextKey(ctx)
	}
	err = jobs.Guarded(func() error {
		page, err := t.page(ctx, 1)
		id = page.Next
		if page.Next == t.behind() {
			id = ""
		}
		return err
	})
	return id, err
}

// nextKey is nextID where the source Cuts. Only the source knows the order of its keys: whoever is also the first behind the chunk is
// not in it.
func (t *task) nextKey(ctx context.Context) (string, error) {
	next, err := t.Service.CutKey(ctx, t.chunk.Source, t.behind(), 1)
	if err != nil || next == "" || t.chunk.Through == "" || next == t.chunk.Through {
		return next, err
	}
	behind, err := t.Service.CutKey(ctx, t.chunk.Source, t.chunk.Through, 1)
	if err != nil || next == behind {
		return "", err
	}
	return next, nil
}
