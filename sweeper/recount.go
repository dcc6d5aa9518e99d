package sweeper

import (
	"context"
	"maps"
	"time"

	"github.com/google/uuid"

	"rekey/accounts"
	"rekey/legacy"
)

// A search for shared names is believed for a while. After that the names of everybody who moves are asked for once more, which costs
// several times what moving them does. So while many are moved another search is made before that, beside them.

const (
	believedLeast = 2 * time.Minute
	believedMost  = 30 * time.Minute
	believedTimes = 15 // as long as it took: under load it may take three times that, and is a tenth of what is done even then
	rereadNames   = 10 * time.Second
	worthAsking   = 10 // people are read in a search at the cost of asking for the names of one
	paceFor       = 30 * time.Second
)

// believed returns until when a search is believed.
func believed(began, ended time.Time) time.Time {
	return began.Add(min(max(believedTimes*ended.Sub(began), believedLeast), believedMost))
}

// again is when the next search may begin, so that it ends while this one is believed.
func (f Found) again() time.Time { return f.Counted.Add(2 * f.Believed.Sub(f.Counted) / 3) }

// A pace is how fast the people of a run are gone through.
type pace struct {
	run       uuid.UUID
	at        time.Time
	people    int64
	perSecond float64 // over half a minute or more; 0: nobody knows yet
}

func (p *pace) see(run uuid.UUID, people int64, now time.Time) {
	switch took := now.Sub(p.at); {
	case p.run != run:
		*p = pace{run: run, at: now, people: people}
	case took >= paceFor:
		*p = pace{run: run, at: now, people: people, perSecond: float64(people-p.people) / took.Seconds()}
	}
}

// spares reports whether another search would spare more than it costs: it is believed for as long as this one was.
func (f Found) spares(through int64, perSecond float64) bool {
	var all int64
	for people := range maps.Values(f.People) {
		for _, n := range people {
			all += max(n, 0)
		}
	}
	spared := min(perSecond*f.Believed.Sub(f.Counted).Seconds(), float64(all-through))
	return f.Shared != nil && spared*worthAsking > float64(all)
}

// recount begins another search in the background when it is time to, and worth it.
func (p *Planner) recount(ctx context.Context, o Orders, counts Counts) error {
	now := time.Now()
	p.pace.see(o.Run.ID, counts.People(), now)
	if p.counting.Load() || now.UnixMicro() < p.recountAt.Load() {
		return nil
	}
	found, err := p.Names.of(ctx, p.Service.RunStore(), o.Run.ID)
	if err != nil || now.Before(found.again()) || !found.spares(counts.People(), p.pace.perSecond) {
		return err
	}
	return p.count(ctx, o, p.countAgain)
}

// countAgain looks for the names of a run that goes on, and keeps what it finds in place of what was found before. If it cannot, that
// stays, and it is tried again later.
func (p *Planner) countAgain(ctx context.Context, service *accounts.Service, run accounts.Run, pass func(context.Context) error) error {
	p.recountAt.Store(time.Now().Add(believedLeast).UnixMicro())
	began := time.Now()
	shared, err := search(ctx, service, func(ctx context.Context, _ string, _ legacy.User) error { return pass(ctx) })
	if err != nil || shared == nil {
		return err
	}
	until := believed(began, time.Now())
	return changeFound(ctx, service.RunStore(), run.ID, func(found *Found) {
		found.Shared, found.Counted, found.Believed = shared, began, until
	})
}
