package accounts

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"rekey/legacy"
)

// The legacy stores go on living: somebody is disabled there, removed, or gets a new password. Two looks find out, in rules:
//
//  1. Changes are read by the time that a store keeps with each record (WatchNext), and all links are compared with the stores,
//     slowly, once in a while (ReconcileNext): only so is it seen that a record has gone. Each is done by one process at a time,
//     goes on where it was, and does nothing twice.
//  2. The link is read here first, then the person there, and what differs is written only if the link is still as it was.
//     Our own writes give the link the fingerprint that they leave behind, and so differ from nothing. While a change is on
//     its way the relay settles what differs.
//  3. The stricter wins: who is disabled or gone there is disabled here and out, whatever the phase. Who is let in again there
//     is let in here, unless staff have disabled them. A key that has come back as somebody else's brings nobody back.
//  4. A record that is otherwise another than the one that was copied has drifted: from then on legacy alone answers, and the
//     next right password copies again. If its person has changed something here since, that stands, and support gets a note.
//  5. Many who are gone or other than they were at once are a mistake of ours, such as another table, rather than of theirs:
//     the reconcile pass stops at them, and says so, until somebody has looked.

// A Watch says how a legacy store is looked at.
type Watch struct {
	Every     time.Duration // between two looks at what was changed; 0: never. It needs a legacy.Watcher
	Overlap   time.Duration // what is read again of the time before: as long as a transaction may last there, and a move here
	Reconcile time.Duration // between two passes over all links; 0: never. Both need a legacy.Getter
	PerSecond int           // people who are read, at most; 0: defaultPerSecond
	// MostChanged is how many of a hundred a pass may find gone or drifted at once; 0: defaultMostChanged.
	MostChanged int
}

const (
	defaultPerSecond   = 50
	defaultMostChanged = 10
	fewChanged         = 3 // of a page, that may have changed whatever the share

	lookPage  = 100             // people whose links are compared before anything is written
	lookClaim = 5 * time.Minute // longer than a page takes where a store needs its whole timeout for each
	lookRetry = 30 * time.Second
)

// ErrManyChanged is why a reconcile pass stops, and a repair.
var ErrManyChanged = errors.New("so many people are gone, or other than they were, at once: is it the right store, whole, and mapped as it was? If so, raise most_changed")

// watchCursor is how far WatchNext is.
type watchCursor struct {
	Next  string    `json:"next"`  // of legacy.Changes
	Since time.Time `json:"since"` // when it was seen first
}

// reconcileCursor is how far ReconcileNext is.
type reconcileCursor struct {
	After string `json:"after"` // a key
}

// WatchNext looks at what was changed in a source, if it is time to, and reports whether it was.
func (s *Service) WatchNext(ctx context.Context, name string) (bool, error) {
	source, err := s.watched(name)
	if err != nil {
		return false, err
	}
	watcher, ok := source.Source.(legacy.Watcher)
	if !ok || !watcher.Watches() || source.Watch.Every == 0 {
		return false, nil
	}
	return s.work(ctx, "watch:"+name, source.Watch.Every, func(ctx context.Context, w *Work) error {
		var at watchCursor
		if err := readCursor(w, &at); err != nil {
			return err
		}
		// What was seen first may not be all of its time. Once it has stood long enough it is.
		start, back := at.Next, time.Duration(0)
		if at.Next != "" && s.now().Sub(at.Since) < source.Watch.Overlap+source.Watch.Every {
			back = source.Watch.Overlap
		}
		next := start
		for again, more := back > 0, true; more; back = 0 {
			page, err := watcher.Changed(ctx, next, back, lookPage)
			if err != nil {
				return fmt.Errorf("read what was changed in %s: %w", name, err)
			}
			if err := s.lookAt(ctx, source, page.IDs, false); err != nil {
				return err
			}
			next, more = page.Next, page.More
			if next != start && (!again || !more) {
				at = watchCursor{next, s.now()}
			}
			if err := s.keep(ctx, w, at); err != nil {
				return err
			}
		}
		return nil
	})
}

// ReconcileNext compares all links with a source, if it is time to, and reports whether it was. A pass that was interrupted goes
// on where it stopped.
func (s *Service) ReconcileNext(ctx context.Context, name string) (bool, error) {
	source, err := s.watched(name)
	if err != nil || source.Watch.Reconcile == 0 {
		return false, err
	}
	return s.work(ctx, "reconcile:"+name, source.Watch.Reconcile, func(ctx context.Context, w *Work) error {
		var at reconcileCursor
		if err := readCursor(w, &at); err != nil {
			return err
		}
		for {
			ids, err := s.store.LinkedIDs(ctx, name, at.After, lookPage)
			if err != nil {
				return err
			}
			if err := s.lookAt(ctx, source, ids, true); err != nil {
				return err
			}
			if len(ids) < lookPage {
				return s.keep(ctx, w, reconcileCursor{}) // the next pass begins anew
			}
			at.After = ids[len(ids)-1]
			if err := s.keep(ctx, w, at); err != nil {
				return err
			}
		}
	})
}

func (s *Service) watched(name string) (Source, error) {
	i := s.sourceIndex(name)
	if i < 0 {
		return Source{}, errNoSource
	}
	return s.sources[i], nil
}

// work does some work if it is due, nobody else is at it, and the legacy stores are asked at all. What fails is due again
// before long.
func (s *Service) work(ctx context.Context, name string, every time.Duration, do func(context.Context, *Work) error) (bool, error) {
	if !s.asksLegacy() {
		return false, nil
	}
	now := s.now()
	w, err := s.store.ClaimWork(ctx, name, now, now.Add(lookClaim), every)
	switch {
	case errors.Is(err, ErrNotFound):
		return false, nil
	case err != nil:
		return false, err
	}
	if err := do(ctx, &w); err != nil {
		if errors.Is(err, ErrStale) {
			return true, nil // the claim has ended, and somebody else goes on
		}
		s.stats.NotLooked.Add(1)
		free := context.WithoutCancel(ctx) // so that who comes after us need not wait for the claim to end
		return true, errors.Join(err, s.store.KeepWork(free, w, s.now().Add(lookRetry)))
	}
	w.DoneAt = s.now()
	return true, s.store.KeepWork(ctx, w, w.DoneAt)
}

// keep writes down how far some work is, and goes on with it.
func (s *Service) keep(ctx context.Context, w *Work, cursor any) error {
	text, err := json.Marshal(cursor)
	if err != nil {
		return err
	}
	w.Cursor = string(text)
	return s.store.KeepWork(ctx, *w, s.now().Add(lookClaim))
}

func readCursor(w *Work, into any) error {
	if w.Cursor == "" {
		return nil
	}
	if err := json.Unmarshal([]byte(w.Cursor), into); err != nil {
		return fmt.Errorf("read how far %s is: %w", w.Name, err)
	}
	return nil
}

// lookAt compares people with their links, all of them before anything is written. careful stops at many who have changed.
func (s *Service) lookAt(ctx context.Context, source Source, ids []string, careful bool) error {
	perSecond := source.Watch.PerSecond
	if perSecond == 0 {
		perSecond = defaultPerSecond
	}
	pace := time.NewTicker(time.Second / time.Duration(perSecond))
	defer pace.Stop()
	var looks []look
	linked, changed := 0, 0
	for _, id := range ids {
		l, err := s.observe(ctx, source, id)
		switch {
		case err != nil:
			return err
		case l == nil:
			continue
		}
		linked++
		if was, now := l.sighting.Was, l.sighting.Now; was.Barred != BarredGone && now.Barred == BarredGone || !was.Drifted && now.Drifted {
			changed++
		}
		looks = append(looks, *l)
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-pace.C:
		}
	}
	if careful {
		if err := source.mayChange(changed, linked); err != nil {
			return err
		}
	}
	for _, l := range looks {
		if err := s.settleLook(ctx, l); err != nil {
			return err
		}
	}
	return nil
}

// mayChange returns ErrManyChanged where too many have changed at once, of those who were looked at.
func (s Source) mayChange(changed, of int) error {
	most := cmp.Or(s.Watch.MostChanged, defaultMostChanged)
	if changed > fewChanged && changed*100 > most*of {
		return fmt.Errorf("%s: %d of %d: %w", s.Name, changed, of, ErrManyChanged)
	}
	return nil
}

// MayMark returns why no more people of a source are to be marked by MarkDrifted, if so many of those who were compared have been, or
// would be: each of them can log in by the legacy store alone from then on. Nothing is to be tried again before somebody has looked.
// The error is ErrManyChanged.
func (s *Service) MayMark(source string, marked, compared int) error {
	i := s.sourceIndex(source)
	if i < 0 {
		return errUnknownSource
	}
	return s.sources[i].mayChange(marked, compared)
}

// Look looks at all sources until ctx ends, each at its own pace. Several processes may at once.
func (s *Service) Look(ctx context.Context) {
	var all sync.WaitGroup
	for _, source := range s.sources {
		for _, look := range []struct {
			every time.Duration
			next  func(context.Context, string) (bool, error)
		}{{source.Watch.Every, s.WatchNext}, {source.Watch.Reconcile, s.ReconcileNext}} {
			if look.every > 0 {
				all.Go(func() { s.lookOften(ctx, source.Name, look.every, look.next) })
			}
		}
	}
	all.Wait()
}

// dueEvery is how often it is asked, at most, whether it is time to look; at least it is as often as what failed is tried again.
const dueEvery = time.Second

// lookOften asks whether it is time to look, some thirty times in the time between two looks.
func (s *Service) lookOften(ctx context.Context, source string, every time.Duration, next func(context.Context, string) (bool, error)) {
	tick := time.NewTicker(min(max(every/30, dueEvery), lookRetry))
	defer tick.Stop()
	for {
		if _, err := next(ctx, source); err != nil && ctx.Err() == nil {
			s.log.WarnContext(ctx, "a legacy store could not be looked at; it is tried again", "source", source, "error", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}
