package accounts

import (
	"context"
	"errors"
	"slices"

	"github.com/google/uuid"

	"rekey/accounts/phase"
)

// Staff delete somebody as they would themselves (erase.go), but for the password: what stays are the id and the links, which are
// tombstones in every phase. Where the legacy store must have the change it gets it first, by an intent. Somebody who is only in a
// legacy store that is on its way out is moved first, so that there is a tombstone.

// An Erasure is what a deletion by staff has come to.
type Erasure struct {
	AccountID uuid.UUID
	Source    string // with LegacyID, the legacy person; "" for somebody who was born here
	LegacyID  string
	// Changed: this call did it, or would with a dry run. If not, they are deleted already.
	Changed bool
	What    []string    // in words, in the order in which it is done
	Ended   []uuid.UUID // sessions
}

// What a deletion does.
const (
	erasesThere  = "the person is deleted in the legacy store, which has to take it"
	erasesMoved  = "the person is moved first, so that the deletion is known here"
	erasesHere   = "the account becomes a tombstone: nobody is ever made from the legacy person again"
	erasesOwed   = "the legacy store is told"
	erasesUntold = "the legacy record stays, and counts no more"
)

// DeleteBy deletes the person whom a ref names, for good. Its error is an *InvalidError, ErrNotFound, ErrContestedPerson, an
// *UnmovableError (who cannot be moved without a login cannot be deleted here before one), ErrManagedElsewhere, or an
// *UnavailableError.
func (s *Service) DeleteBy(ctx context.Context, ref string, dryRun bool, by By) (Erasure, error) {
	if err := by.Check(); err != nil {
		return Erasure{}, err
	}
	a := Attempt{RequestID: by.RequestID, by: &by}
	leave, err := s.enter(&a)
	if err != nil {
		return Erasure{}, err
	}
	defer leave()
	p, err := s.named(ctx, ref, a)
	if err != nil {
		return Erasure{}, err
	}
	e := Erasure{AccountID: p.id, Source: p.key.Source, LegacyID: p.key.LegacyID}
	if p.rec != nil && p.rec.Deleted() {
		return e, nil
	}
	e.Changed = true
	if p.rec == nil && p.row(a).Legacy != phase.Required {
		e.What = append(e.What, erasesMoved)
		if err := s.moveFor(ctx, p.key, dryRun, by); err != nil {
			return Erasure{}, err
		}
	}
	if !dryRun {
		living, err := s.store.LivingSessions(ctx, p.id, s.now(), MaxSessions)
		if err != nil {
			return Erasure{}, cannotTell("read sessions", err)
		}
		for _, session := range living {
			e.Ended = append(e.Ended, session.ID)
		}
	}
	begun, made := e.What, &s.stats.Deleted
	if dryRun {
		made = nil
	}
	err = s.retryStale(made, func() error {
		what, err := s.eraseBy(ctx, p, dryRun, a)
		e.What = slices.Concat(begun, what)
		return err
	})
	switch {
	case errors.Is(err, ErrCredentials): // gone meanwhile, from one store or the other
		return Erasure{}, ErrNotFound
	case err != nil:
		return Erasure{}, err
	}
	return e, nil
}

// eraseBy is one try.
func (s *Service) eraseBy(ctx context.Context, p sight, dryRun bool, a Attempt) ([]string, error) {
	row, err := s.changing(ctx, p.id, a)
	switch {
	case err != nil:
		return nil, err
	case row.Legacy == phase.Required:
		return []string{erasesThere, erasesHere}, s.eraseThere(ctx, p, row, dryRun, a)
	}
	rec := Record{Account: Account{ID: p.id}}
	if p.rec != nil || !dryRun { // or nobody is there yet
		if rec, err = s.store.ByID(ctx, p.id); err != nil {
			return nil, err
		}
	}
	if rec.Deleted() {
		return nil, ErrNotFound
	}
	if rec.Link == nil && p.key.Source != "" {
		rec.Link = &LegacyLink{Source: p.key.Source, LegacyID: p.key.LegacyID}
	}
	var owed []Delivery
	if row.Legacy == phase.CopyBack {
		if owed, err = s.oweDelete(rec); err != nil {
			return nil, cannotTell("delete account", err)
		}
	}
	what := []string{erasesHere}
	switch {
	case len(owed) > 0:
		what = append(what, erasesOwed)
	case rec.Link != nil:
		what = append(what, erasesUntold)
	}
	if dryRun {
		return what, nil
	}
	err = s.outlive(ctx, func(ctx context.Context) error {
		return s.writes(a).Delete(ctx, rec.ID, rec.Credential.Version, s.now(), s.event(rec.ID, EventDeleted, a), owed...)
	})
	s.owes(owed, err)
	return what, err
}

// eraseThere deletes somebody in the legacy store first.
func (s *Service) eraseThere(ctx context.Context, p sight, row phase.Row, dryRun bool, a Attempt) error {
	if p.key.Source == "" {
		return ErrManagedElsewhere
	}
	c, err := s.unseen(ctx, p.key.Source, p.key.LegacyID)
	no, unread := errors.AsType[*UnmovableError](err)
	switch {
	case unread && no.Class == NoteGone:
		return refused("legacy-gone")
	case unread:
		return s.sources[s.sourceIndex(p.key.Source)].elsewhere() // who cannot be read cannot be written to under a condition
	case err != nil:
		return err
	}
	if p.rec != nil {
		switch other, err := s.reusedKey(ctx, *p.rec, c); {
		case err != nil:
			return err
		case other: // the record is not the one of whom is to be deleted
			return refused("legacy-reused")
		}
	}
	if can := c.source.writes(); !can.Conditional || !can.Delete {
		return c.source.elsewhere()
	}
	switch inserted, err := s.inserted(ctx, c); {
	case err != nil:
		return cannotTell("read what is on its way to the legacy store", err)
	case inserted != nil:
		return &UnavailableError{RetryAfter: retryChanged, Err: errInDoubt}
	case dryRun:
		return nil
	}
	parcel := parcel{LegacyID: c.user.ID, Intent: s.intentOf(legacyPerson{c, row}, a)}
	parcel.Intent.CreatedAt = c.user.CreatedAt
	_, err = s.runIntent(ctx, p.id, c.source, DeliverDelete, parcel, a)
	return err
}

// Locked is what counts guesses at one person.
type Locked struct {
	AccountID   uuid.UUID
	Identifiers []string // canonical: guesses at the password are counted by them, and by the id
}

// Unlock gives all guesses at codes back to the person whom a ref names, wherever they are, with one event, and returns what guesses
// at their password are counted by, for whoever counts them. Its error is an *InvalidError, ErrNotFound, ErrContestedPerson, or an
// *UnavailableError.
func (s *Service) Unlock(ctx context.Context, ref string, dryRun bool, by By) (Locked, error) {
	if err := by.Check(); err != nil {
		return Locked{}, err
	}
	a, err := s.looking(ctx)
	if err != nil {
		return Locked{}, err
	}
	p, err := s.named(ctx, ref, a)
	if err != nil {
		return Locked{}, err
	}
	if p.rec != nil && p.rec.Deleted() {
		return Locked{}, ErrNotFound
	}
	locked := Locked{AccountID: p.id}
	add := func(ids []Identifier) {
		for _, id := range ids {
			locked.Identifiers = append(locked.Identifiers, id.Canonical)
		}
	}
	if p.rec != nil {
		add(p.rec.Identifiers)
	} else if p.there != nil {
		ids, _ := s.identifiersOf(*p.there, nil)
		add(ids)
	}
	if dryRun {
		return locked, nil
	}
	err = s.outlive(ctx, func(ctx context.Context) error {
		return s.store.ClearGuesses(ctx, p.id, by.event(p.id, EventUnlocked, s.now()))
	})
	if err != nil {
		return Locked{}, cannotTell("give guesses back", err)
	}
	return locked, nil
}
