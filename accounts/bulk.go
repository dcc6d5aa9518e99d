package accounts

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/google/uuid"

	"rekey/accounts/password"
	"rekey/accounts/phase"
	"rekey/legacy"
	"rekey/legacy/hash"
)

// The sweeper moves people by the thousand. What is done for each of them is what Migrate does, under the rules of force.go, but
// what one read or one commit can do for all is done once. The rules besides:
//
//  1. Only who is absent here, and shares no name with anybody, moves together with others. Everybody else who is not as they
//     should be goes by Migrate, one by one, before the others: their outcome stands when the batch is written down. So does
//     everybody of a source that lists otherwise than it looks people up.
//  2. The order of reads is: what is here, then how often their sessions have ended, then the legacy store once more. What is
//     written names the second, so that a change that somebody makes through us, while they are not here, either is in what was
//     read or stops them from being made of it. Last come the people whom we are making there: who was read and is one of them
//     either is told so, or has a link by then.
//  3. The accounts, the counts and the cursor are one transaction. Nobody is counted twice, or passed over, whoever dies.
//  4. Where a store does not answer for several in a row, the batch is given up: nothing of it is written but who has moved by
//     themselves, and they count as unchanged the next time.

// A Batch is people of one source who are moved together, and what is written down with them.
type Batch struct {
	Source string
	People []legacy.User // as they were just read, in the order of the source
	// Again reads the same people once more. Who is not among them any more, or is another than before, goes by themselves.
	Again func(context.Context) ([]legacy.User, error)
	// Contested reports whether several legacy people held a name at Counted; see Service.Names. nil: nobody has looked, and
	// everybody goes by themselves, as does whoever came to the legacy store since. Who has taken another's name there since is
	// found by nobody but a login.
	Contested func(Name) bool
	Counted   time.Time
	// Held are people who are not tried, by legacy id, and why; see Service.HeldBack.
	Held map[string]Unmoved

	Hash   Keep // "": KeepAuto
	By     By
	DryRun bool

	// Keep returns the chunk as it is after the batch, given what came of it; and Claim is for how long its claim is kept then.
	Keep  func(Tally) (Chunk, error)
	Claim time.Duration
}

// MigrateMany moves or copies the people of a batch, as the phase says, and writes down how far its chunk is. Its error is an
// *InvalidError, ErrNothingMoves, ErrStale (somebody else has claimed the chunk since), or an *UnavailableError: the same may be
// tried again.
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
	m := bulk{Service: s, Batch: b, a: a, source: s.sources[i], order: i, apart: legacy.ListsApart(s.sources[i].Source), tally: NewTally()}
	switch err := m.run(ctx); {
	case err == nil:
		return m.tally, nil
	case errors.Is(err, ErrStale), errors.Is(err, ErrNothingMoves), isAnswer(err):
		return Tally{}, err
	case errors.Is(err, ErrStaleEpoch):
		return Tally{}, &UnavailableError{RetryAfter: retryFrozen, Err: err}
	default:
		return Tally{}, cannotTell("move people", err)
	}
}

// A bulk is one call of MigrateMany.
type bulk struct {
	*Service
	Batch
	a      Attempt
	source Source
	order  int
	apart  bool // see legacy.Apart
	tally  Tally

	unanswered int       // in a row
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
	hash       *hash.Hash
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
		if err := b.quarantine(ctx); err != nil {
			return err
		}
		refused, err := b.write(ctx)
		if err != nil || len(refused) == 0 {
			return err
		}
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
	}
	return &UnavailableError{RetryAfter: retryChanged, Err: errChanged}
}

// refuse counts somebody who cannot be moved, and is to be put into quarantine.
func (b *bulk) refuse(no Unmoved) {
	b.tally.Refuse(no.Class, no.LegacyID)
	b.refused = append(b.refused, no)
}

// quarantine writes down who cannot be moved.
func (b *bulk) quarantine(ctx context.Context) error {
	if len(b.refused) == 0 || b.DryRun {
		return nil
	}
	// A store that answers for nobody is not one that does not answer for somebody.
	if slices.ContainsFunc(b.refused, func(no Unmoved) bool { return no.Class == NoteTimeout }) {
		if _, err := b.Again(ctx); err != nil {
			return err
		}
	}
	_, err := b.NoteRefused(ctx, b.refused, b.By)
	if err == nil {
		b.refused = nil
	}
	return err
}

// sort says of each person whether they move with the others, and moves those who do not.
func (b *bulk) sort(ctx context.Context) error {
	ids := make([]string, 0, len(b.People))
	for _, user := range b.People {
		if storable(user.ID) {
			ids = append(ids, user.ID)
		}
	}
	copies, err := b.store.Copies(ctx, b.Source, ids)
	if err != nil {
		return err
	}
	records := keysOf(b.People)
	names := namesakes{holder: make(map[string]string, 2*len(b.People)), shared: map[string]bool{}}
	for i, user := range b.People {
		c := candidate{source: b.source, user: user, order: b.order}
		if !storable(user.ID) {
			b.tally.Refuse(NoteUnreadableRecord, strings.ToValidUTF8(user.ID, "\uFFFD"))
			continue
		}
		if n := records[user.ID]; n != 1 {
			b.alike(user.ID, n)
			records[user.ID] = 0
			continue
		}
		copied, here := copies[user.ID]
		if here && b.isAsItShould(copied, c) {
			b.tally.Outcomes[OutcomeUnchanged]++
			continue
		}
		if no, held := b.Held[user.ID]; held {
			b.tally.Refuse(no.Class, user.ID) // it stands in quarantine
			continue
		}
		m, together := b.mover(&b.People[i])
		if here || !together {
			if err := b.alone(ctx, user.ID); err != nil {
				return err
			}
			continue
		}
		names.meet(m)
		if err := b.open(m); err != nil {
			return err
		}
	}
	apart := b.movers[:0]
	for _, m := range b.movers {
		if !names.shared[m.user.ID] {
			apart = append(apart, m)
		} else if err := b.alone(ctx, m.user.ID); err != nil {
			return err
		}
	}
	b.movers = apart
	return nil
}

// alike refuses a record whose key several have; of the first of them, n is how many. The others are told by the same note.
func (b *bulk) alike(id string, n int) {
	if n > 1 {
		b.refused = append(b.refused, Unmoved{LegacyKey{b.Source, id}, NoteMapping, "several records have this key"})
	}
	b.tally.Refuse(NoteMapping, id)
}

// keysOf counts the records of each key: more than one are of nobody knows how many people.
func keysOf(people []legacy.User) map[string]int {
	keys := make(map[string]int, len(people))
	for i := range people {
		keys[people[i].ID]++
	}
	return keys
}

// storable reports whether both databases can keep a text.
func storable(text string) bool { return utf8.ValidString(text) && !strings.ContainsRune(text, 0) }

// isAsItShould reports whether nothing is to be done for somebody who is here.
func (b *bulk) isAsItShould(copied Copy, c candidate) bool {
	switch {
	case copied.Part && !copied.Deleted():
		return true
	case copied.Deleted(), copied.InDoubt:
		return false
	case b.a.row(copied.Record).Answers == phase.New:
		return !copied.Link.Drifted
	}
	return !b.stale(copied.Record, c, b.a)
}

// mover prepares somebody who is absent. together is false if they have to go by themselves.
func (b *bulk) mover(user *legacy.User) (m *mover, together bool) {
	p := &user.Profile
	if b.Contested == nil || b.apart || len(p.TOTP)+len(p.RecoveryCodes)+len(p.External) > 0 {
		return nil, false
	}
	if !b.Counted.IsZero() && user.CreatedAt.After(b.Counted.Add(-zones)) {
		return nil, false
	}
	m = &mover{user: user}
	m.ids, m.invalid = b.identifiersOf(b.candidate(m), nil)
	return m, !slices.ContainsFunc(m.ids, func(id Identifier) bool { return b.Contested(b.name(id)) })
}

// zones is by how much the times of an old store may be late: it keeps them in some zone, and we read them in another.
const zones = 27 * time.Hour

// namesakes are people of one batch who share a name: they came to be after the census, or the store tells apart what it did not.
type namesakes struct {
	holder map[string]string // legacy ids by canonical name
	shared map[string]bool   // by legacy id
}

func (n namesakes) meet(m *mover) {
	for _, id := range m.ids {
		if other, there := n.holder[id.Canonical]; there {
			n.shared[other], n.shared[m.user.ID] = true, true
		}
		n.holder[id.Canonical] = m.user.ID
	}
}

// open reads somebody's hash. Its error ends the batch: the configuration is wrong.
func (b *bulk) open(m *mover) error {
	m.id = SubjectFor(b.Source, m.user.ID)
	if err := b.a.mayMove(m.id); err != nil {
		return err
	}
	c, h, err := b.openNew(b.candidate(m), m.ids, b.Hash)
	no, refused := errors.AsType[*UnmovableError](err)
	switch {
	case refused:
		b.refuse(Unmoved{LegacyKey{b.Source, m.user.ID}, no.Class, no.Reason})
		return nil
	case err != nil:
		return err
	}
	m.unverified, m.hash = c.unverified, h
	b.movers = append(b.movers, m)
	return nil
}

// lookAgain makes the credentials, reads the legacy store once more, and leaves those to move together who are as they were.
func (b *bulk) lookAgain(ctx context.Context) error {
	if len(b.movers) == 0 || b.DryRun {
		return nil
	}
	subjects := make([]uuid.UUID, len(b.movers))
	for i, m := range b.movers {
		subjects[i] = m.id
		var err error
		if m.credential, err = b.keepNew(ctx, m.id, m.hash, b.candidate(m), b.Hash, password.PrioritySweep); err != nil {
			return err
		}
	}
	epochs, err := b.store.SessionEpochs(ctx, subjects)
	if err != nil {
		return err
	}
	people, err := b.Again(ctx)
	if err != nil {
		return err
	}
	again := make(map[string]*legacy.User, len(people))
	for i := range people {
		again[people[i].ID] = &people[i]
	}
	open, err := b.inserts(ctx, b.source)
	if err != nil {
		return err
	}
	same := b.movers[:0]
	b.made = make([]Made, 0, len(b.movers))
	for _, m := range b.movers {
		now, there := again[m.user.ID]
		if !there || open.of(*now) != nil || !bytes.Equal(b.fingerprint(b.candidate(m)), b.fingerprint(candidate{user: *now})) {
			if err := b.alone(ctx, m.user.ID); err != nil {
				return err
			}
			continue
		}
		made, err := b.make(ctx, m, epochs[m.id])
		if err != nil {
			return err
		}
		same, b.made = append(same, m), append(b.made, made)
	}
	b.movers = same
	return nil
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
		tally.Outcomes[outcomeOf(b.candidate(m), m.hash)]++
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

// giveUpAfter is how many people in a row may be without an answer before a batch is given up.
const giveUpAfter = 3

// alone moves one person by themselves, and counts what came of them. Its error ends the batch.
func (b *bulk) alone(ctx context.Context, legacyID string) error {
	outcome, err := b.Migrate(ctx, Migration{
		Source: b.Source, LegacyID: legacyID, Hash: b.Hash, How: BySweep, By: b.By, DryRun: b.DryRun, Untold: true,
	})
	if err == nil {
		b.unanswered = 0
		b.tally.Outcomes[outcome]++
		return nil
	}
	if !errors.As(err, new(*UnavailableError)) && !errors.As(err, new(*UnmovableError)) {
		return err
	}
	// A store that does not answer for one person may be about to answer for nobody.
	if errors.As(err, new(*UnavailableError)) {
		if b.unanswered++; b.unanswered >= giveUpAfter || ctx.Err() != nil {
			return err
		}
	} else {
		b.unanswered = 0
	}
	if no, refused := UnmovedBy(LegacyKey{b.Source, legacyID}, err); refused {
		b.refuse(no)
		return nil
	}
	b.tally.NotAnswered++
	return nil
}
