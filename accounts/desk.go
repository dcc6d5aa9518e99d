package accounts

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/google/uuid"

	"rekey/accounts/phase"
	"rekey/legacy"
)

// What staff call a person by: the id of an account, "source/legacy id", or anything that the person could type to log in.
// Where a text could be several of them, the first that it can be counts, and nothing else: whoever takes "shop/4711" for a
// user name is not the person 4711 of shop for that.

// Desk is the part of a Store through which support finds people, and lifts what keeps them out.
type Desk interface {
	// SearchIdentifiers returns up to limit accounts one of whose canonical identifiers holds a text, each once, in the order
	// of those identifiers. No character of the text means anything but itself.
	SearchIdentifiers(ctx context.Context, part string, limit int) ([]uuid.UUID, error)
	// NotesAbout returns the notes about a legacy person, moved or not, newest first.
	NotesAbout(ctx context.Context, person LegacyKey) ([]Note, error)
	// ClearGuesses gives all guesses at codes back to an account, here or not, with the event.
	ClearGuesses(ctx context.Context, account uuid.UUID, e Event) error
	// AddEvent writes an event of which nothing else tells.
	AddEvent(ctx context.Context, e Event) error
}

// legacyRef reads "source/legacy id", if there is a source of that name.
func (s *Service) legacyRef(ref string) (LegacyKey, bool) {
	key, ok := keyOf(ref)
	return key, ok && s.sourceIndex(key.Source) >= 0
}

// keyOf reads source/id, whether or not there is such a source.
func keyOf(ref string) (LegacyKey, bool) {
	source, id, ok := strings.Cut(ref, "/")
	return LegacyKey{Source: source, LegacyID: id}, ok && source != "" && id != ""
}

// looking is an attempt of somebody who only looks, in the newest state that is known.
func (s *Service) looking(ctx context.Context) (Attempt, error) {
	if s.lease != nil {
		return Attempt{at: s.lease.State()}, nil
	}
	state, err := s.store.Phase(ctx)
	switch {
	case errors.Is(err, ErrNotFound):
		return Attempt{at: alwaysNewFirst}, nil
	case err != nil:
		return Attempt{}, cannotTell("read the phase", err)
	}
	return Attempt{at: state}, nil
}

// A sight is what both stores have of one person.
type sight struct {
	id   uuid.UUID // theirs, or that which they would have
	rec  *Record   // nil: they are not here
	key  LegacyKey // zero: born here
	part bool      // the account is named after another legacy person, and made from this one too

	there  *candidate // nil: see the rest
	unread error      // why they could not be read there: an *UnmovableError, or why the store did not answer. nil: it was not asked
}

// gone reports whether the legacy store has answered that there is nobody.
func (p sight) gone() bool {
	no, ok := errors.AsType[*UnmovableError](p.unread)
	return ok && no.Class == NoteGone
}

// silent reports whether the legacy store did not answer.
func (p sight) silent() bool { return p.unread != nil && !errors.As(p.unread, new(*UnmovableError)) }

// named finds whom a ref names, wherever they are. Its error is ErrNotFound, ErrContestedPerson (several legacy people have that
// name and none of them is here), or an *UnavailableError.
func (s *Service) named(ctx context.Context, ref string, a Attempt) (sight, error) {
	p, err := s.namedUnseen(ctx, ref, a)
	if err == nil && p.rec == nil && p.silent() {
		return sight{}, cannotTell("ask the legacy store", p.unread)
	}
	return p, err
}

// namedUnseen is named that takes the key of a legacy store which does not answer for somebody's: whether there is such a person
// cannot be told, but who they would be can.
func (s *Service) namedUnseen(ctx context.Context, ref string, a Attempt) (sight, error) {
	rec, err := s.AccountOf(ctx, ref)
	key, isKey := s.legacyRef(ref)
	switch {
	case err == nil && isKey:
		return s.sightOf(ctx, &rec, key, nil, a), nil
	case err == nil && rec.Link == nil:
		return sight{id: rec.ID, rec: &rec}, nil
	case err == nil:
		return s.sightOf(ctx, &rec, LegacyKey{rec.Link.Source, rec.Link.LegacyID}, nil, a), nil
	case !errors.Is(err, ErrNotFound):
		return sight{}, err
	case !a.at.AsksLegacy():
		return sight{}, ErrNotFound
	case isKey:
		p := s.sightOf(ctx, nil, key, nil, a)
		if p.gone() {
			return sight{}, ErrNotFound
		}
		return p, nil
	}
	c, err := s.namedThere(ctx, ref)
	if err != nil {
		return sight{}, err
	}
	key = LegacyKey{c.source.Name, c.user.ID}
	linked, err := s.linked(ctx, key.Source, key.LegacyID) // under another name, or deleted
	if err != nil {
		return sight{}, err
	}
	return s.sightOf(ctx, linked, key, &c, a), nil
}

// namedThere finds the one legacy person who has a name. Of several those who were deleted here do not count.
func (s *Service) namedThere(ctx context.Context, ref string) (candidate, error) {
	name, err := ParseIdentifier(ref)
	if err != nil {
		return candidate{}, ErrNotFound
	}
	found, err := s.askBy(ctx, name, nobodyGone)
	if err == nil && len(found) > 1 {
		found, err = s.ask(ctx, name)
	}
	switch {
	case errors.Is(err, legacy.ErrTooMany), err == nil && len(found) > 1:
		return candidate{}, ErrContestedPerson
	case err != nil:
		return candidate{}, cannotTell("ask the legacy store", err)
	case len(found) == 0:
		return candidate{}, ErrNotFound
	}
	return found[0], nil
}

// sightOf looks at a person in their legacy store, unless found is what was just read there.
func (s *Service) sightOf(ctx context.Context, rec *Record, key LegacyKey, found *candidate, a Attempt) sight {
	p := sight{id: SubjectFor(key.Source, key.LegacyID), rec: rec, key: key, there: found}
	if rec != nil {
		p.id = rec.ID
		p.part = rec.Link != nil && (rec.Link.Source != key.Source || rec.Link.LegacyID != key.LegacyID)
	}
	if found == nil && a.at.AsksLegacy() {
		c, err := s.readThere(ctx, rec, key)
		if err != nil {
			p.unread = err
		} else {
			p.there = &c
		}
	}
	return p
}

// readThere reads a legacy person by their key, or, where the store cannot be read by key, by the names that they have here.
func (s *Service) readThere(ctx context.Context, rec *Record, key LegacyKey) (candidate, error) {
	i := s.sourceIndex(key.Source)
	if i >= 0 && rec != nil && len(rec.Identifiers) > 0 {
		if _, gets := s.sources[i].Source.(legacy.Getter); !gets {
			found, err := s.lookup(ctx, s.sources[i:i+1], rec.Identifiers)
			at := slices.IndexFunc(found, func(c candidate) bool { return c.user.ID == key.LegacyID })
			switch {
			case at >= 0:
				return found[at], nil
			case err != nil:
				return candidate{}, cannotTell("ask the legacy store", err)
			}
			return candidate{}, &UnmovableError{NoteGone, "the legacy store has nobody under that id who has one of the names"}
		}
	}
	return s.unseen(ctx, key.Source, key.LegacyID)
}

// row is what the phase says of the person.
func (p sight) row(a Attempt) phase.Row {
	if p.rec == nil {
		return a.rowOfAbsent(p.id)
	}
	return a.row(*p.rec)
}

// SubjectAnywhere returns the id of the person whom a ref names, wherever they are. An id or a key without an account is somebody's if
// there are events or sessions of it, or if the legacy store says so. Its error is ErrNotFound, ErrContestedPerson, or an *UnavailableError.
func (s *Service) SubjectAnywhere(ctx context.Context, ref string) (uuid.UUID, error) {
	rec, err := s.AccountOf(ctx, ref)
	if !errors.Is(err, ErrNotFound) {
		return rec.ID, err
	}
	id, ok := parseID(ref)
	if key, isKey := keyOf(ref); isKey { // also of a source that is configured no more
		id, ok = SubjectFor(key.Source, key.LegacyID), true
	}
	if ok {
		if left, err := s.hasLeft(ctx, id); left || err != nil {
			return id, err
		}
	}
	a, err := s.looking(ctx)
	if err != nil {
		return uuid.Nil, err
	}
	p, err := s.named(ctx, ref, a)
	return p.id, err
}

// hasLeft reports whether there is anything of a subject without an account.
func (s *Service) hasLeft(ctx context.Context, subject uuid.UUID) (bool, error) {
	events, err := s.Events(ctx, EventQuery{Account: subject, Limit: 1})
	if err != nil || len(events) > 0 {
		return err == nil, err
	}
	sessions, err := s.SessionsOf(ctx, subject)
	return len(sessions) > 0, err
}

// History returns the events of the person whom a ref names, newest first: those older than the event before, or, for uuid.Nil,
// from the newest on. Its errors are those of SubjectAnywhere.
func (s *Service) History(ctx context.Context, ref string, before uuid.UUID, limit int) (account uuid.UUID, events []Event, err error) {
	if account, err = s.SubjectAnywhere(ctx, ref); err != nil {
		return uuid.Nil, nil, err
	}
	events, err = s.Events(ctx, EventQuery{Account: account, Before: before, Limit: limit})
	return account, events, err
}
