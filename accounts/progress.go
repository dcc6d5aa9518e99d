package accounts

import (
	"context"
	"errors"
	"maps"
	"slices"
	"sync"
	"time"

	"rekey/accounts/phase"
	"rekey/legacy"
)

// How far the migration is: exact numbers, of one moment, by what the rows say. What they cost is bounded by asking seldom: a
// count that took a second is good for twenty.

// Progress is how far a migration is.
type Progress struct {
	At       time.Time        `json:"at"` // when it was counted
	Phase    phase.Phase      `json:"phase"`
	Accounts int64            `json:"accounts"` // that live, those who were born here among them
	Sources  []SourceProgress `json:"sources"`
	// Passwords counts how they are kept. Reset is how many accounts have none: their people need a reset, unless a login with the
	// legacy store brings one. It brings none to those of them whose password was taken away: AwaitResets.
	Passwords   map[Scheme]int64 `json:"passwords"`
	Reset       int64            `json:"without_password"`
	AwaitResets int64            `json:"await_resets"`
	Minute      Pace             `json:"last_minute"`
	Hour        Pace             `json:"last_hour"`
}

// A SourceProgress is how far one source is. Home, Ramp, Copied and Deleted are everybody of whom there is a link; with Unmoved
// they are everybody.
type SourceProgress struct {
	Source string `json:"source"`

	Home    int64 `json:"home"`    // this store answers, or nobody does, for they are gone from legacy and disabled
	Ramp    int64 `json:"ramp"`    // copies of a phase in which the bucket says who answers
	Copied  int64 `json:"copied"`  // legacy answers
	Deleted int64 `json:"deleted"` // here; they stay that

	// Total is how many people the source has, and At when that was counted; nil: nobody knows. Then Uncounted says why.
	Total     *int64     `json:"total,omitempty"`
	TotalAt   *time.Time `json:"total_at,omitempty"`
	Uncounted string     `json:"uncounted,omitempty"`
	// Unmoved is how many of those there is no link of. Somebody who was deleted here may be gone there too, and so may be somebody
	// of whom nobody has noticed it yet: it is a range, whose ends are the same where nobody was deleted.
	Unmoved *Between `json:"unmoved,omitempty"`
	// Held are those of them who are in quarantine, each once, as far as the source still has them.
	Held int64 `json:"held"`
	// Skipped are not among those: staff have said that nothing is to be done about them.
	Skipped int64 `json:"skipped"`

	// These are among the numbers above.

	InDoubt   int64 `json:"in_doubt"` // a change is under way
	Disabled  int64 `json:"disabled"`
	Gone      int64 `json:"gone"`      // there, and so disabled; the next three are none of them
	Dirty     int64 `json:"dirty"`     // a change that legacy got is not here
	Drifted   int64 `json:"drifted"`   // somebody else has written to legacy since
	Untrusted int64 `json:"untrusted"` // copied before copies were trusted

	How         map[How]int64       `json:"how"`         // of those who have an account: by what they moved
	Quarantined map[NoteClass]int64 `json:"quarantined"` // somebody with notes of two classes counts in both

	LegacyLogin *time.Time `json:"last_legacy_login,omitempty"` // when this source was needed for a login, to the minute; nil: never since that is noted
	Reconciled  *time.Time `json:"last_reconcile,omitempty"`    // when all links were last compared with the source
}

// Here is how many of its people have an account that lives.
func (p SourceProgress) Here() int64 { return p.Home + p.Ramp + p.Copied }

// Between is a number of which only the ends are known.
type Between struct {
	Low  int64 `json:"low"`
	High int64 `json:"high"`
}

// A Pace is how many people have moved lately.
type Pace struct {
	People  int64   `json:"people"`
	Seconds float64 `json:"seconds"` // in which they have: fewer than asked for, where very much has happened
}

// PerSecond returns people a second; 0 where nobody has moved.
func (p Pace) PerSecond() float64 {
	if p.Seconds <= 0 {
		return 0
	}
	return float64(p.People) / p.Seconds
}

const (
	countEvery   = 5 * time.Second  // a count is good for that long at least
	totalEvery   = 10 * time.Minute // the same of the people of a source
	totalTimeout = 10 * time.Second // an old store's largest table is read from end to end
	totalWait    = 2 * time.Second  // and nobody who wants to know how far it is waits longer for it: the count goes on
	paceEvents   = 200_000          // that are read for a pace: less than a tenth of a second
)

// A total is how many people a source has.
type total struct {
	people *int64
	at     time.Time
	why    string // nobody knows
}

// Progress returns how far the migration is. It is everybody's: who gets it does not change it. What a legacy store does not tell is
// left out. Its error is an *UnavailableError.
func (s *Service) Progress(ctx context.Context) (Progress, error) {
	counted := s.progress.get(ctx, s, countEvery, s.reckon)
	if counted.err != nil {
		return Progress{}, cannotTell("count", counted.err)
	}
	return counted.value, nil
}

func (s *Service) reckon(ctx context.Context) (Progress, error) {
	p := Progress{At: s.now()}
	state, err := s.phaseNow(ctx)
	if err != nil {
		return p, err
	}
	p.Phase = state.Phase
	links, err := s.store.CountLinks(ctx, state.TrustEpoch)
	if err != nil {
		return p, err
	}
	notes, err := s.store.CountNotes(ctx)
	if err != nil {
		return p, err
	}
	held, err := s.store.CountHeld(ctx)
	if err != nil {
		return p, err
	}
	credentials, err := s.store.CountCredentials(ctx)
	if err != nil {
		return p, err
	}
	p.Accounts, p.Passwords, p.Reset = credentials.Accounts, credentials.Passwords, credentials.Accounts
	for _, n := range p.Passwords {
		p.Reset -= n
	}
	p.AwaitResets = credentials.AwaitResets
	if p.Minute, err = s.pace(ctx, time.Minute); err != nil {
		return p, err
	}
	if p.Hour, err = s.pace(ctx, time.Hour); err != nil {
		return p, err
	}
	works, err := s.store.Works(ctx)
	if err != nil {
		return p, err
	}
	for _, name := range s.namesIn(links) {
		p.Sources = append(p.Sources, sourceProgress(name, state, links, notes, works))
		last := &p.Sources[len(p.Sources)-1]
		last.Held, last.Skipped = held[name].Open, held[name].Skipped
	}
	return p, s.addTotals(ctx, p.Sources)
}

// phaseNow is the state that is in the store.
func (s *Service) phaseNow(ctx context.Context) (phase.State, error) {
	state, err := s.store.Phase(ctx)
	if errors.Is(err, ErrNotFound) { // before the first gateway
		return alwaysNewFirst, nil
	}
	return state, err
}

// namesIn returns the sources in order of precedence, and then those of which there are only links.
func (s *Service) namesIn(links []LinkCount) []string {
	names := s.SourceNames()
	others := map[string]bool{}
	for _, l := range links {
		if !slices.Contains(names, l.Source) {
			others[l.Source] = true
		}
	}
	return append(names, slices.Sorted(maps.Keys(others))...)
}

func sourceProgress(name string, state phase.State, links []LinkCount, notes []NoteCount, works []Work) SourceProgress {
	p := SourceProgress{Source: name, How: map[How]int64{}, Quarantined: map[NoteClass]int64{}}
	for _, l := range links {
		if l.Source == name {
			p.add(l, state)
		}
	}
	for _, n := range notes {
		if n.Source == name {
			p.Quarantined[n.Class] += n.People
		}
	}
	for _, w := range works {
		switch at := w.DoneAt; {
		case at.IsZero():
		case w.Name == legacyLoginWork(name):
			p.LegacyLogin = &at
		case w.Name == "reconcile:"+name:
			p.Reconciled = &at
		}
	}
	return p
}

// add counts people of one kind.
func (p *SourceProgress) add(l LinkCount, state phase.State) {
	lives := !l.Deleted && !l.Gone // in both stores
	for _, n := range []struct {
		is    bool
		count *int64
	}{
		{l.Deleted, &p.Deleted},
		{!l.Deleted && l.InDoubt, &p.InDoubt},
		{!l.Deleted && l.Disabled, &p.Disabled},
		{lives && l.Dirty, &p.Dirty},
		{lives && l.Drifted, &p.Drifted},
		{lives && !l.Trusted, &p.Untrusted},
		{!l.Deleted && l.Gone, &p.Gone},
	} {
		if n.is {
			*n.count += l.People
		}
	}
	if l.Deleted {
		return
	}
	p.How[l.How] += l.People
	switch answers := answersFor(l.LinkKind, state); {
	case answers == phase.New, l.Gone:
		p.Home += l.People
	case answers == phase.Legacy:
		p.Copied += l.People
	default:
		p.Ramp += l.People
	}
}

// answersFor is the store that answers for people of a kind, and phase.Neither where that depends on each of them.
func answersFor(k LinkKind, state phase.State) phase.Store {
	rec := Record{Account: Account{InDoubt: k.InDoubt, Pinned: k.Stays}, Link: &LegacyLink{Dirty: k.Dirty, Drifted: k.Drifted}}
	if k.Trusted {
		rec.Link.CopiedEpoch = state.TrustEpoch
	}
	row := Attempt{at: state}.row(rec)
	switch {
	case state.Phase == phase.Ramp && !k.Stays && !k.InDoubt && state.Trusts(facts(rec)):
		return phase.Neither
	case row.Answers == phase.New:
		return phase.New
	}
	return phase.Legacy // in new-only nobody does
}

// pace counts who has moved in the last while.
func (s *Service) pace(ctx context.Context, last time.Duration) (Pace, error) {
	now := s.now()
	moved, from, err := s.store.CountMoved(ctx, now.Add(-last), paceEvents)
	return Pace{moved, now.Sub(from).Seconds()}, err
}

// addTotals says how many people there are in the sources, and so how many have not moved.
func (s *Service) addTotals(ctx context.Context, sources []SourceProgress) error {
	limited, cancel := context.WithTimeout(ctx, totalWait)
	defer cancel()
	asked := s.totalsOf(limited)
	totals := make([]total, len(sources))
	silent := map[string]*total{}
	for i, p := range sources {
		totals[i].why = "the configuration does not name it"
		if at := s.sourceIndex(p.Source); at >= 0 {
			totals[i] = asked[at]
		}
		if totals[i].people == nil {
			silent[p.Source] = &totals[i]
		}
	}
	if err := s.countedByRuns(ctx, silent); err != nil {
		return err
	}
	for i, t := range totals {
		p := &sources[i]
		p.Uncounted = t.why
		if t.people == nil {
			continue
		}
		p.Total, p.TotalAt, p.Uncounted = t.people, &t.at, ""
		living := p.Here() - p.Gone
		left := *t.people - living - p.Skipped
		p.Unmoved = &Between{max(0, left-p.Deleted), max(0, left)}
	}
	return nil
}

// totalsOf asks all sources at once how many people they have, until ctx ends.
func (s *Service) totalsOf(ctx context.Context) []total {
	totals := make([]total, len(s.sources))
	var asked sync.WaitGroup
	for i := range s.sources {
		asked.Go(func() { totals[i] = s.totalOf(ctx, i) })
	}
	asked.Wait()
	return totals
}

// totalOf asks a source how many people it has, if it can tell.
func (s *Service) totalOf(ctx context.Context, source int) total {
	counter, ok := s.sources[source].Source.(legacy.Counter)
	if !ok || !s.asksLegacy() {
		return total{why: legacy.ErrNotCounted.Error()}
	}
	counted := s.totals[source].get(ctx, s, totalEvery, func(ctx context.Context) (int64, error) {
		limited, cancel := context.WithTimeout(ctx, totalTimeout)
		defer cancel()
		return counter.Count(limited)
	})
	switch {
	case errors.Is(counted.err, legacy.ErrNotCounted):
		return total{why: legacy.ErrNotCounted.Error()}
	case counted.err != nil && counted.at.IsZero():
		return total{why: "the source has not answered yet"}
	case counted.err != nil:
		return total{why: "the source did not answer"}
	}
	return total{people: &counted.value, at: counted.at}
}

// firstRuns are as many of the newest runs as are looked through first for how many people a source has: verifications come between,
// and runs of other sources.
const firstRuns = 20

// countedByRuns says how many people sources have that do not tell it themselves: as many as the newest run that has counted them found.
// Those it finds are wanted no more.
func (s *Service) countedByRuns(ctx context.Context, wanted map[string]*total) error {
	for seen, limit := 0, firstRuns; len(wanted) > 0; seen, limit = limit, 10*limit {
		runs, err := s.store.Runs(ctx, limit)
		if err != nil {
			return err
		}
		for _, run := range runs[min(seen, len(runs)):] {
			if run.Kind != RunMove || len(wanted) == 0 { // no other counts
				continue
			}
			parts, err := s.store.Parts(ctx, run.ID)
			if err != nil {
				return err
			}
			for source, people := range peopleOf(parts) {
				if t := wanted[source]; t != nil {
					*t = total{people: &people, at: run.Began}
					delete(wanted, source)
				}
			}
		}
		if len(runs) < limit {
			return nil
		}
	}
	return nil
}

// peopleOf returns how many people the sources have of which every part is counted.
func peopleOf(parts []Part) map[string]int64 {
	of, uncounted := map[string]int64{}, map[string]bool{}
	for _, p := range parts {
		of[p.Source] += max(0, p.Total)
		uncounted[p.Source] = uncounted[p.Source] || p.Total == 0
	}
	maps.DeleteFunc(of, func(source string, _ int64) bool { return uncounted[source] })
	return of
}
