package survey

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"sync"
	"time"

	"rekey/legacy"
)

// Pages. They begin small, so that a slow store is met with care, and grow while it answers fast.
const (
	firstPage  = 500
	largest    = 4000 // people; some 4 MB of them, and a handful of pages are in memory at a time
	growBelow  = 300 * time.Millisecond
	triesAPage = 5
	firstPause = 500 * time.Millisecond // before the second try; then twice that, and so on
	placeEvery = 250                    // people between two places that are remembered
)

// A page is what List returned, on its way through the survey.
type page struct {
	order  int
	number int64 // of its first person
	after  string
	next   string // where the page after it begins
	last   bool
	took   time.Duration
	users  []legacy.User
	bad    []*legacy.RowError
}

// A digest is a page that has been looked at.
type digest struct {
	page
	tally  *tally
	claims []claim
	marks  []mark
	places []place
}

// walk reads a source from where the state says to its end. One goroutine reads, as many as there are cores look, and
// this one adds up, page by page in order, so that the state is always that of a whole number of pages.
func (s *survey) walk(ctx context.Context, index int, total int64) error {
	lister, ok := s.c.Sources[index].Source.(legacy.Lister)
	if !ok {
		return nil // the report says so
	}
	progress := s.state.Sources[index]
	if progress.Done {
		return nil
	}
	if s.c.Limit > 0 {
		total = min(total, s.c.Limit)
	}
	reader := &reader{s: s, lister: lister, source: s.c.Sources[index].Name, after: progress.After, read: progress.Tally.People, size: firstPage}
	pages, digests := make(chan page, 1), make(chan digest, 1)
	reading, stop := context.WithCancel(ctx)
	defer stop()

	var readErr error
	var group, lookers sync.WaitGroup
	group.Go(func() {
		defer close(pages)
		readErr = reader.run(reading, pages)
	})
	_, verifies := s.c.Sources[index].Source.(legacy.Verifier)
	j := &judge{hashes: s.c.Hashes, verifies: verifies}
	for range max(runtime.GOMAXPROCS(0), 1) {
		lookers.Go(func() {
			d := &digester{keys: s.keys}
			for p := range pages {
				digests <- s.look(j, d, index, p)
			}
		})
	}
	group.Go(func() {
		lookers.Wait()
		close(digests)
	})
	err := s.addUp(progress, digests, total, s.c.Sources[index].Name)
	if err != nil {
		stop()
		for range digests { // so that nobody waits for us
		}
	}
	group.Wait()
	if err == nil {
		err = readErr
	}
	if err == nil && !progress.Done {
		err = context.Cause(ctx)
	}
	return err
}

// addUp takes digests in the order of their pages.
func (s *survey) addUp(progress *progress, digests <-chan digest, total int64, name string) error {
	early := map[int]digest{}
	next := 0
	for d := range digests {
		early[d.order] = d
		for {
			d, ok := early[next]
			if !ok {
				break
			}
			delete(early, next)
			next++
			if err := s.addPage(progress, d); err != nil {
				return err
			}
			step := Progress{Source: name, Done: progress.Tally.People, Total: total}
			if step.Total <= step.Done { // an estimate that was too low
				step.Total = 0
			}
			s.c.Progress(step)
		}
	}
	return nil
}

func (s *survey) addPage(p *progress, d digest) error {
	for _, place := range d.places {
		if n := len(p.Places); n == 0 || place.Number >= p.Places[n-1].Number+placeEvery {
			p.Places = append(p.Places, place)
		}
	}
	p.Tally.add(d.tally)
	for _, m := range d.marks {
		p.sketch.add(m)
	}
	if err := s.ids.add(d.claims); err != nil {
		return fmt.Errorf("keep identifiers: %w", err)
	}
	p.After, p.Done, p.Reading = d.next, d.last, p.Reading+d.took
	if s.c.Now().Sub(s.saved) >= saveEvery {
		return s.save()
	}
	return nil
}

// look counts a page.
func (s *survey) look(j *judge, d *digester, index int, p page) digest {
	out := digest{page: p, tally: newTally(), marks: make([]mark, 0, len(p.users)), claims: make([]claim, 0, 2*len(p.users))}
	after := p.after
	for i := range p.users {
		u := &p.users[i]
		if number := p.number + int64(i); i == 0 || number%placeEvery == 0 {
			out.places = append(out.places, place{number, after})
		}
		after = u.ID
		for _, canonical := range out.tally.person(j, u, s.state.Started) {
			high, low := d.identifier(canonical)
			out.claims = append(out.claims, claim{high, low, personOf(index, p.number+int64(i))})
		}
		out.marks = append(out.marks, d.mark(s.c.Sources[index].Name, u))
	}
	for _, row := range p.bad {
		out.tally.badRow(row)
	}
	out.users = nil // done with; pages wait for their turn without them
	return out
}

// A reader walks a source by its keys.
type reader struct {
	s      *survey
	lister legacy.Lister
	source string
	after  string
	read   int64 // people
	size   int
	known  map[string]bool // bad rows of the page before, which lie behind the key that this one begins at
}

func (r *reader) run(ctx context.Context, pages chan<- page) error {
	for order := 0; ; order++ {
		p, err := r.page(ctx)
		if err != nil {
			return err
		}
		p.order = order
		select {
		case pages <- p:
		case <-ctx.Done():
			return ctx.Err()
		}
		if p.last {
			return nil
		}
	}
}

// page reads the next page. It tries again, with smaller pages and longer pauses, before it gives the store up.
func (r *reader) page(ctx context.Context) (page, error) {
	pause := firstPause
	for try := 1; ; try++ {
		size := r.limited()
		if err := r.s.pace.wait(ctx, r.s.c.Rate, size); err != nil {
			return page{}, err
		}
		began := time.Now()
		users, err := r.lister.List(ctx, r.after, size)
		took := time.Since(began)
		bad, err := legacy.RowErrors(err)
		if err == nil {
			p, err := r.made(users, bad, size, took)
			if !errors.Is(err, errStuck) {
				return p, err
			}
			if r.size >= largest {
				return page{}, err
			}
			r.size = min(r.size*2, largest)
			continue
		}
		if ctx.Err() != nil || errors.Is(err, legacy.ErrMapping) || try == triesAPage {
			return page{}, err
		}
		r.size = max(r.size/2, 1)
		if err := sleep(ctx, pause); err != nil {
			return page{}, err
		}
		pause *= 2
	}
}

// limited is the size of the next page: no more than are wanted, and no more than half a second's worth of the rate.
func (r *reader) limited() int {
	size := r.size
	if r.s.c.Rate > 0 {
		size = min(size, max(int(r.s.c.Rate/2), 1))
	}
	if r.s.c.Limit > 0 {
		size = int(min(int64(size), max(r.s.c.Limit-r.read, 1)))
	}
	return size
}

// errStuck: no row of a page has a key to go on from.
var errStuck = errors.New("no row of a whole page has a key to go on from")

// made makes a page of what List returned, and moves on.
func (r *reader) made(users []legacy.User, bad []*legacy.RowError, size int, took time.Duration) (page, error) {
	p := page{number: r.read, after: r.after, next: r.after, took: took, users: users, last: len(users)+len(bad) < size}
	fresh := map[string]bool{}
	for _, row := range bad {
		if row.Key == "" || !r.known[row.Key] {
			p.bad = append(p.bad, row)
		}
		fresh[row.Key] = true
	}
	switch {
	case len(users) > 0:
		p.next = users[len(users)-1].ID
	case len(bad) > 0 && bad[len(bad)-1].Key != "":
		p.next = bad[len(bad)-1].Key
	case !p.last:
		return page{}, fmt.Errorf("legacy source %s: behind %d people: %w", r.source, r.read, errStuck)
	}
	if !p.last && p.next == r.after {
		return page{}, fmt.Errorf("legacy source %s: behind %d people: the store returns the same page again", r.source, r.read)
	}
	r.read += int64(len(users))
	if r.s.c.Limit > 0 && r.read >= r.s.c.Limit {
		p.last = true
	}
	r.after, r.known = p.next, fresh
	if took < growBelow {
		r.size = min(r.size*2, largest)
	}
	return p, nil
}

// A pacer keeps to a rate.
type pacer struct{ free time.Time }

// wait returns when n more may be read.
func (p *pacer) wait(ctx context.Context, rate float64, n int) error {
	if rate <= 0 {
		return ctx.Err()
	}
	now := time.Now()
	if p.free.Before(now) {
		p.free = now // what was not used before is not made up for
	}
	until := p.free.Sub(now)
	p.free = p.free.Add(time.Duration(float64(n) / rate * float64(time.Second)))
	return sleep(ctx, until)
}

func sleep(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return ctx.Err()
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// placeBefore returns the last remembered place at or before a person.
func (p *progress) placeBefore(number int64) place {
	i, found := slices.BinarySearchFunc(p.Places, number, func(a place, n int64) int { return cmp.Compare(a.Number, n) })
	switch {
	case found:
		return p.Places[i]
	case i == 0:
		return place{}
	}
	return p.Places[i-1]
}
