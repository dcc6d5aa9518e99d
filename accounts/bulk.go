package accounts

import (
	"bytes"
	"context"
	"errors"
	"sync/atomic"
	"time"

	"github.com/google/uuid"
	"golang.org/x/sync/errgroup"

	"rekey/accounts/jobs"
	"rekey/accounts/password"
	"rekey/legacy"
	"rekey/legacy/hash"
)

// The sweeper moves people by the thousand. What is done for each of them is what Migrate does, under the rules of force.go, but
// what one read or one commit can do for all is done once. The rules besides:
//
//  1. Only who is absent here, and shares no name with anybody, moves together with others. Everybody else who is not as they
//     should be goes by Migrate, one by one, before the others: their outcome stands when the batch is written down. So does
//     everybody of a source that lists otherwise than it looks people up.
//  2. The order of reads is: what is here and how often their sessions have ended, then the legacy store. What is written names
//     the second, so that a change that somebody makes through us, while they are not here, either is in what was read or stops
//     them from being made of it. A snapshot of the first two is older than what is read while it lasts; where there is none, or
//     hashing has taken long, the legacy store is read once more. Last come the people whom we are making there: who was read and
//     is one of them either is told so, or has a link by then.
//  3. The accounts, the counts and the cursor are one transaction. Nobody is counted twice, or passed over, whoever dies.
//  4. Who shares a name is found by one search through all legacy stores, before anybody moves. Some minutes later somebody may
//     have changed their name there to that of a person who has not moved, and may be the first to come. So from then on
//     the names of all who are about to move are asked for once more, after what is here was read, together.
//  5. Where a store does not answer for several in a row, the batch is given up: nothing of it is written but who has moved by
//     themselves, and they count as unchanged the next time. Whoever else is without an answer is tried once more at the end, when
//     their store has answered for others, and counts as such only after that: nobody is passed over because a store was away.

// A Batch is people of one source who are moved together, and what is written down with them.
type Batch struct {
	Source string
	People []legacy.User // as they were just read, in the order of the source
	// Known is what the store held of them before they were read; see Service.KnownBefore. Where it is of too long ago, it is asked
	// again.
	Known Known
	// Again reads the same people once more. Who is not among them any more, or is another than before, goes by themselves. It is not
	// called where they have been read only just now, and what was Known before.
	Again func(context.Context) ([]legacy.User, error)
	// Contested reports whether several legacy people held a name at Counted; see Service.Names. nil: nobody has looked, and
	// everybody goes by themselves, as does whoever came to the legacy store since. It is believed until Believed: who has taken
	// another's name there since Counted is found by rule 4 after that; before, only if they are of one batch, or go by themselves.
	// Where a source cannot be asked for many names at once, everybody goes by themselves then.
	Contested func(Name) bool
	Counted   time.Time
	Believed  time.Time
	// Held are people who are not tried, by legacy id, and why; see Service.HeldBack.
	Held map[string]Unmoved

	Hash   Keep // "": KeepAuto
	By     By
	DryRun bool
	// Batches returns how many the process is at now, this one included; nil: one. While they are as many as permits for sweeps, none of
	// those lies idle where a batch is read or written: the others have it for their hashes. Of more batches there is always one that
	// has a hash to make, and of fewer, more hashes than batches would be made.
	Batches func() int
	// OwnPermits: the permits for sweeps are those of one run, which may make as many hashes at once as there are, of fewer batches too.
	OwnPermits bool

	// Keep returns the chunk as it is after the batch, given what came of it; and Claim is for how long its claim is kept then.
	Keep  func(Tally) (Chunk, error)
	Claim time.Duration
}

// MigrateMany moves or copies the people of a batch, as the phase says, and writes down how far its chunk is. Its error is an
// *InvalidError, ErrNothingMoves, ErrStale (somebody else has claimed the chunk since), an *UnavailableError: the same may be tried
// again; or a *jobs.PanicError or *password.PanicError: it may be one of the people.
func (s *Service) MigrateMany(ctx context.Context, b Batch) (Tally, error) {
	if err := errors.Join(b.By.Check(), b.Hash.Check()); err != nil {
		return Tally{}, err
	}
	i := s.sourceIndex(b.Source)
	if i < 0 {
		return Tally{}, errUnknownSource
	}
	a := Attempt{by: &b.By, how: BySweep}
	leave, err := s.enter(&a)
	if err != nil {
		return Tally{}, err
	}
	defer leave()
	if err := MovesIn(a.at, b.Hash, s.mailer != nil); err != nil {
		return Tally{}, err
	}
	m := bulk{
		Service: s, Batch: b, a: a, source: s.sources[i], order: i, apart: legacy.ListsApart(s.sources[i].Source),
		outdated: !s.now().Before(b.Believed), tally: NewTally(),
	}
	switch err := m.run(ctx); {
	case err == nil:
		return m.tally, nil
	case errors.Is(err, ErrStale), errors.Is(err, ErrNothingMoves), isAnswer(err), isPanic(err):
		return Tally{}, err
	case errors.Is(err, ErrStaleEpoch):
		return Tally{}, &UnavailableError{RetryAfter: retryFrozen, Err: err}
	default:
		return Tally{}, cannotTell("move people", err)
	}
}

func isPanic(err error) bool {
	return errors.As(err, new(*jobs.PanicError)) || errors.As(err, new(*password.PanicError))
}

// A bulk is one call of MigrateMany.
type bulk struct {
	*Service
	Batch
	a        Attempt
	source   Source
	order    int
	apart    bool // see legacy.Apart
	outdated bool // the search for shared names; see rule 4
	tally    Tally

	unanswered int       // in a row
	later      []string  // who is tried once more, by legacy id
	refused    []Unmoved // who is to be put into quarantine
	movers     []*mover
	made       []Made // of the movers, once they have been looked at again
}

// A mover is somebody who moves together with others.
type mover struct {
	user       *legacy.User
	unverified bool // see candidate
	id         uuid.UUID
	ids        []Identifier
	invalid    int
	outcome    Outcome    // what is to come of them
	hash       *hash.Hash // until the account is made
	credential Credential
}

// candidate is the mover as one.
func (b *bulk) candidate(m *mover) candidate {
	return candidate{source: b.source, user: *m.user, order: b.order, unverified: m.unverified}
}

func (b *bulk) run(ctx context.Context) error {
	if err := b.sort(ctx); err != nil {
		return err
	}
	if err := b.lookAgain(ctx); err != nil {
		return err
	}
	for range staleTries {
		// Before the cursor: nobody is passed over who is neither here nor in quarantine.
		if err := b.onceMore(ctx); err != nil {
			return err
		}
		if err := b.quarantine(ctx); err != nil {
			return err
		}
		refused, err := b.write(ctx)
		if err != nil || len(refused) == 0 {
			return err
		}
		if err := b.without(ctx, refused); err != nil {
			return err
		}
	}
	return &UnavailableError{RetryAfter: retryChanged, Err: errChanged}
}

// lookAgain makes the credentials, and the accounts with them. Where the legacy store was not read just now it is read once more, and
// those go by themselves who are not as they were.
func (b *bulk) lookAgain(ctx context.Context) error {
	if len(b.movers) == 0 {
		return nil
	}
	if b.DryRun {
		return b.namesAgain(ctx)
	}
	if err := b.credentials(ctx); err != nil {
		return err
	}
	epochs, again := b.Known.epochs, map[string]*legacy.User(nil)
	if !b.Known.goodFor(b.a, b.now()) {
		var err error
		if epochs, again, err = b.read(ctx); err != nil {
			return err
		}
	}
	if err := b.namesAgain(ctx); err != nil {
		return err
	}
	open, err := b.inserts(ctx, b.source)
	if err != nil {
		return err
	}
	same := b.movers[:0]
	b.made = make([]Made, 0, len(b.movers))
	for _, m := range b.movers {
		if open.of(*m.user) != nil || again != nil && !b.isAsBefore(m, again[m.user.ID]) {
			if err := b.alone(ctx, m.user.ID); err != nil {
				return err
			}
			continue
		}
		made, err := b.make(ctx, m, epochs[m.id])
		if err != nil {
			return err
		}
		m.hash = nil // of some thousand people it is much
		same, b.made = append(same, m), append(b.made, made)
	}
	b.movers = same
	return nil
}

// credentials makes those of the movers.
func (b *bulk) credentials(ctx context.Context) error {
	group, ctx := errgroup.WithContext(ctx)
	var next atomic.Int64
	work := func(while func() bool) {
		group.Go(func() error {
			return jobs.Guarded(func() error {
				for while() {
					i := int(next.Add(1)) - 1
					if i >= len(b.movers) {
						return nil
					}
					m := b.movers[i]
					made, err := b.keepNew(ctx, m.id, m.hash, b.candidate(m), b.Hash, password.PrioritySweep)
					if err != nil {
						return err
					}
					m.credential = made
				}
				return nil
			})
		})
	}
	work(func() bool { return true })
	permits := b.permits.SweepPermits()
	all := func() bool {
		batches := 1
		if b.Batches != nil {
			batches = b.Batches()
		}
		return batches == permits || b.OwnPermits && batches < permits
	}
	for extra := 1; extra < permits && all(); extra++ {
		work(all)
	}
	return group.Wait()
}

// read reads the legacy store once more, and before that how often the sessions of the movers have ended.
func (b *bulk) read(ctx context.Context) (epochs map[uuid.UUID]int64, again map[string]*legacy.User, err error) {
	subjects := make([]uuid.UUID, len(b.movers))
	for i, m := range b.movers {
		subjects[i] = m.id
	}
	if epochs, err = b.store.SessionEpochs(ctx, subjects); err != nil {
		return nil, nil, err
	}
	people, err := b.Again(ctx)
	if err != nil {
		return nil, nil, err
	}
	again = make(map[string]*legacy.User, len(people))
	for i := range people {
		again[people[i].ID] = &people[i]
	}
	return epochs, again, nil
}

// isAsBefore reports whether somebody is still who they were; now is nil if they are not there any more.
func (b *bulk) isAsBefore(m *mover, now *legacy.User) bool {
	return now != nil && bytes.Equal(b.fingerprint(b.candidate(m)), b.fingerprint(candidate{user: *now}))
}

// make makes the account of somebody.
func (b *bulk) make(ctx context.Context, m *mover, epoch int64) (Made, error) {
	rec, err := b.recordOf(ctx, m.id, b.candidate(m), nil, m.ids, m.credential, b.a)
	if err != nil {
		return Made{}, err
	}
	p := proof{hash: m.hash}
	b.owe(&rec, p, m.user.Profile)
	return Made{Record: rec, Event: b.movedEvent(b.candidate(m), rec, p, m.invalid, b.a), Epoch: epoch}, nil
}

// write commits those who move together, and how far the chunk is. Of whom it returns, nothing was written.
func (b *bulk) write(ctx context.Context) ([]NotMade, error) {
	tally := NewTally()
	tally.Add(b.tally)
	for _, m := range b.movers {
		tally.Outcomes[m.outcome]++
	}
	chunk, err := b.Keep(tally)
	if err != nil {
		return nil, err
	}
	var refused []NotMade
	err = b.outlive(ctx, func(ctx context.Context) (err error) {
		if b.DryRun || len(b.movers) == 0 {
			return b.store.KeepChunk(ctx, chunk, b.Claim, 0)
		}
		refused, err = b.writes(b.a).CreateMany(ctx, b.made, chunk, b.Claim)
		return err
	})
	if err != nil || len(refused) > 0 {
		return refused, err
	}
	b.tally = tally
	if b.DryRun {
		return nil, nil
	}
	b.stats.Migrated.Add(int64(len(b.movers)))
	for _, m := range b.movers {
		if m.invalid > 0 {
			b.note(ctx, b.candidate(m), NoteIdentifierLeftOut, noteLeftOut, b.a)
		}
	}
	return nil, nil
}

// without moves those by themselves whom the store has not made with the others.
func (b *bulk) without(ctx context.Context, refused []NotMade) error {
	out := map[int]bool{}
	for _, r := range refused {
		out[r.Index] = true
		if err := b.alone(ctx, b.movers[r.Index].user.ID); err != nil {
			return err
		}
	}
	movers, made := b.movers[:0], b.made[:0]
	for i, m := range b.movers {
		if !out[i] {
			movers, made = append(movers, m), append(made, b.made[i])
		}
	}
	b.movers, b.made = movers, made
	return nil
}
