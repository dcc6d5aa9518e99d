package accounts

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"time"

	"github.com/google/uuid"

	"rekey/accounts/failpoint"
	"rekey/accounts/journal"
	"rekey/accounts/phase"
	"rekey/legacy"
)

// While the new store is out of reach for everybody, an operator may let the replicas write to legacy alone, by a file that is put
// on each of them. The rules:
//
//  1. Only a replica whose lease has ended does so, and whose last phase was legacy-only, shadow or both, and not frozen: there
//     legacy answers for everybody, and the new store has copies, if anything.
//  2. Whom legacy alone cannot answer for gets 503: who is disabled, deleted, pinned or changed here, has a second factor, or an
//     account that is not named after the legacy person; and whom legacy does not know. The replica has the list of the former
//     from its last renewals; without one it serves nobody. Whom another replica disables after that, it does not know of.
//  3. People log in, without a session that could be renewed, and change their password. Nothing else is written.
//  4. Before a change is sent to legacy, it stands in a journal on the local disk.
//  5. When the new store is back, and before the lease is renewed, the phase becomes shadow, whose copies are made anew before
//     any of them is trusted; legacy-only, where none is, stays. Whoever stands in the journal is dirty and has no sessions. Then
//     the journal is empty.
//
// In legacy-only and shadow people also log in as long as the lease still runs; see away.go.

// AloneConfig lets a replica write to legacy alone.
type AloneConfig struct {
	File    string // as long as there is one of this name
	Journal *journal.Journal
}

// maxApart is how many people may be apart: some 20 MB. Where there are more, nobody writes alone.
const maxApart = 100_000

var (
	errAlone  = errors.New("the new store is out of reach, and only logins and changes of passwords go on without it")
	errApart  = errors.New("the new store is out of reach, and has decided something about this person")
	errNobody = errors.New("the new store is out of reach, and whom no legacy store knows may be known to it alone")
	errBusy   = errors.New("changes of legacy alone have not ended")
)

// alone is what a lease knows for the time in which it has ended. Its owner's lock guards it.
type alone struct {
	AloneConfig
	apart     map[LegacyKey]bool
	epoch     int64     // in which apart was read; 0: never
	read      time.Time // when it was asked for
	running   int       // flows
	returning bool      // the new store is back: nobody begins any more
}

// aside reports whether the lease has ended and legacy is written alone.
func (l *Lease) aside() bool {
	if l == nil || l.alone.Journal == nil {
		return false
	}
	if _, err := os.Stat(l.alone.File); err != nil {
		return false
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.mayAlone()
}

// mayAlone is asked where the file is there; l.mu is held. Who is apart must have been known when the lease was last renewed.
func (l *Lease) mayAlone() bool {
	return !l.terms.MayWrite(l.sent, l.now(), 0) && l.state.RelaxesAlone() && l.knowsApart(l.sent) && !l.alone.returning
}

// knowsApart reports whether who is apart was read in this epoch, and no longer before a time than a lease lasts; l.mu is held.
func (l *Lease) knowsApart(at time.Time) bool {
	return l.alone.epoch == l.state.Epoch && at.Before(l.terms.WriteBy(l.alone.read))
}

// enterAlone begins a flow that asks and writes legacy alone. leave must be called when it has ended.
func (l *Lease) enterAlone() (state phase.State, leave func(), ok bool) {
	if !l.aside() {
		return phase.State{}, nil, false
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.mayAlone() {
		return phase.State{}, nil, false
	}
	l.alone.running++
	return l.state, func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.alone.running--
	}, true
}

// isApart reports whether legacy alone cannot answer for somebody.
func (l *Lease) isApart(p LegacyKey) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.alone.apart[p]
}

// readApart reads whom legacy alone cannot answer for, as long as the store says it.
func (l *Lease) readApart(ctx context.Context) {
	state, asked := l.State(), l.now()
	if state.NeedsNew() && (l.alone.Journal == nil || !state.RelaxesAlone()) {
		return
	}
	people, err := l.store.Apart(ctx, maxApart)
	if err != nil {
		l.log.WarnContext(ctx, "who is apart is not known: without the new store nobody would be served", "error", err)
		return
	}
	apart := make(map[LegacyKey]bool, len(people))
	for _, p := range people {
		apart[p] = true
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.alone.apart, l.alone.epoch, l.alone.read = apart, state.Epoch, asked
}

// comeBack tells the store what was written without it. Until it has returned nil the lease is not renewed. Where the store is
// still away, and that is what it mostly says, the replica goes on alone.
func (l *Lease) comeBack(ctx context.Context) error {
	if l.alone.Journal == nil || !l.lapsed() && len(l.alone.Journal.Entries()) == 0 {
		return nil
	}
	state, err := l.store.Phase(ctx)
	l.mu.Lock()
	l.alone.returning = err == nil
	busy := l.alone.running > 0
	l.mu.Unlock()
	entries := l.alone.Journal.Entries() // nobody adds to them any more
	switch {
	case err != nil:
		return err
	case busy:
		return errBusy
	case len(entries) == 0:
		return nil
	}
	return l.tell(ctx, state, entries)
}

// lapsed reports whether the lease has ended.
func (l *Lease) lapsed() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return !l.terms.MayWrite(l.sent, l.now(), 0)
}

// tell is comeBack of a journal that is not empty.
func (l *Lease) tell(ctx context.Context, state phase.State, entries []journal.Entry) error {
	all, clock, err := l.store.Replicas(ctx)
	if err != nil {
		return err
	}
	for _, r := range all {
		if r.ID != l.self.ID && r.Epoch < state.Epoch && l.terms.Live(r.Replica, clock) {
			return fmt.Errorf("%s has not acknowledged epoch %d", r.Name, state.Epoch)
		}
	}
	var people []LegacyKey
	var events []Event
	seen := map[LegacyKey]bool{}
	for _, e := range entries {
		key := LegacyKey{e.Source, e.LegacyID}
		if !seen[key] {
			seen[key] = true
			people = append(people, key)
		}
		if e.Done {
			events = append(events, Event{
				ID: e.EventID, At: e.At, AccountID: SubjectFor(e.Source, e.LegacyID), Kind: EventPassword,
				Actor: "person", RequestID: e.RequestID, Detail: map[string]string{"source": e.Source, "alone": "true"},
			})
		}
	}
	next, moves := state.Returned(l.now())
	if moves {
		events = append(events, Event{
			ID: uuid.Must(uuid.NewV7()), At: l.now(), AccountID: phaseAccount, Kind: EventPhaseMoved, Actor: "system",
			Reason: "legacy was written alone by " + l.self.Name, Detail: map[string]string{
				"epoch": strconv.FormatInt(next.Epoch, 10), "phase": next.Phase.String(), "people": strconv.Itoa(len(people)),
			},
		})
	}
	failpoint.Hit(failpoint.AloneBack)
	if err := l.store.EndAlone(ctx, next, people, l.now(), events...); err != nil {
		return err
	}
	failpoint.Hit(failpoint.AloneTold)
	l.log.WarnContext(ctx, "what was written to legacy alone is noted", "people", len(people), "epoch", state.Epoch, "moved", moves)
	return l.alone.Journal.Clear()
}

// Alone reports whether this process answers by legacy alone now.
func (s *Service) Alone() bool { return s.lease.aside() }

// enterOrAlone is enter for the flows that go on without the new store.
func (s *Service) enterOrAlone(a *Attempt) (leave func(), err error) {
	leave, err = s.enter(a)
	if !errors.Is(err, errLapsed) {
		return leave, err
	}
	state, leaveAlone, ok := s.lease.enterAlone()
	if !ok {
		return nil, err
	}
	a.at, a.alone = state, true
	return leaveAlone, nil
}

// askAlone is ask while the new store cannot say who was deleted: they are apart. That legacy knows nobody is no answer: they may
// have been born or been given the name here.
func (s *Service) askAlone(ctx context.Context, name Identifier) ([]candidate, error) {
	found, err := s.askBy(ctx, name, nobodyGone)
	if err == nil && len(found) == 0 {
		err = errNobody
	}
	return found, err
}

// loginAlone answers for one legacy person while the new store is out of reach.
func (s *Service) loginAlone(ctx context.Context, c candidate, a Attempt) (Person, error) {
	linked := s.collisions == CollisionsLink && c.order > 0 // maybe, and then by the name of a person of a store before
	if linked || s.lease.isApart(LegacyKey{c.source.Name, c.user.ID}) || len(c.user.Profile.TOTP) > 0 {
		return Person{}, cannotTell("answer for the person without the new store", errApart)
	}
	switch _, err := s.prove(ctx, c, a); {
	case err != nil:
		return Person{}, err
	case c.user.Disabled:
		return Person{}, refused("legacy-disabled")
	}
	person := s.unmoved(c)
	person.Alone = true
	return person, nil
}

// passwordAlone is ChangePassword while the new store is out of reach. Where it is back by now, the session has to be read.
func (s *Service) passwordAlone(ctx context.Context, c Change, a Attempt) error {
	state, leave, ok := s.lease.enterAlone()
	if !ok {
		return &UnavailableError{RetryAfter: retryChanged, Err: errLapsed}
	}
	defer leave()
	a.at, a.alone = state, true
	return s.retryStale(&s.stats.Changed, func() error { return s.changeAlone(ctx, c, a) })
}

// changeAlone changes a password in legacy alone.
func (s *Service) changeAlone(ctx context.Context, c Change, a Attempt) error {
	if err := a.Password.Check(); err != nil {
		return &InvalidError{Field: "current_password", Reason: err.Error()}
	}
	person, err := s.holderAlone(ctx, c)
	if err != nil {
		return err
	}
	writer, _, err := person.source.writer()
	if can := person.source.writes(); err != nil || can.Password != legacy.PasswordHashed || !can.Conditional {
		return person.source.elsewhere()
	}
	if _, err := s.loginAlone(ctx, person, a); err != nil {
		return err
	}
	if err := s.checkNew(ctx, aboutThere(person.user), c.New); err != nil {
		return err
	}
	made, err := s.legacyHash(ctx, person.source, person.user.ID, person.user.Username, c.New)
	if err != nil {
		return err
	}
	entry := journal.Entry{Source: person.source.Name, LegacyID: person.user.ID, RequestID: c.RequestID, At: s.now()}
	return s.outlive(ctx, func(ctx context.Context) error { return s.writeAlone(ctx, writer, person.user, made, entry) })
}

// writeAlone sends a change to legacy that stands in the journal before. Whoever is told that it is done has it there as done.
func (s *Service) writeAlone(ctx context.Context, writer legacy.Writer, was legacy.User, made legacy.Stored, entry journal.Entry) error {
	if err := s.lease.alone.Journal.Add(entry); err != nil {
		return cannotTell("write down a change", err)
	}
	failpoint.Hit(failpoint.AloneJournalled)
	if err := writer.Update(ctx, was, legacy.Change{Password: &legacy.NewPassword{Hashed: made}}); err != nil {
		if answer := refusal(err); answer != nil {
			return answer
		}
		return cannotTell("change the legacy record", err)
	}
	failpoint.Hit(failpoint.AloneWritten)
	entry.Done, entry.At, entry.EventID = true, s.now(), uuid.Must(uuid.NewV7())
	if err := s.lease.alone.Journal.Add(entry); err != nil {
		return cannotTell("write down a change", err)
	}
	return nil
}

// holderAlone finds the legacy person of a session that cannot be read: by the key that it names, if this process has opened it,
// else by the name in its token.
func (s *Service) holderAlone(ctx context.Context, c Change) (candidate, error) {
	unknown := cannotTell("find the person without the new store", errAlone)
	var found []candidate
	if i := s.sourceIndex(c.Session.Source); i >= 0 {
		getter, ok := s.sources[i].Source.(legacy.Getter)
		if !ok {
			return candidate{}, unknown
		}
		user, err := getter.Get(ctx, c.Session.LegacyID)
		if err != nil {
			return candidate{}, cannotTell("read person from the legacy store", err)
		}
		found = []candidate{{source: s.sources[i], user: user}}
	} else {
		name, err := ParseIdentifier(c.Name)
		if err != nil {
			return candidate{}, unknown
		}
		if found, err = s.askAlone(ctx, name); err != nil {
			return candidate{}, cannotTell("ask the legacy store", err)
		}
	}
	for _, one := range found {
		if SubjectFor(one.source.Name, one.user.ID) == c.Session.AccountID {
			return one, nil
		}
	}
	return candidate{}, unknown
}
