package accounts

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/google/uuid"

	"rekey/accounts/phase"
	"rekey/legacy"
)

// Quarantine is where everybody is found whom a sweep, a list or support could not move, each with a class and a reason: what a
// source has, less what is here, is there. The rules:
//
//  1. One note per person and class. It is open until they move, which resolves it in the transaction of the move, or until staff
//     skip it. A note that was resolved and is true again begins anew.
//  2. Whoever is answered here for good is never shown as one who was not moved, however late a note about them was written: what
//     is read is compared with what is here.
//  3. A try again is counted before it is made, so that one that kills the process was counted too. After MaxRetries only somebody
//     who asks for just this person tries again.
//  4. Notes that say something of people who did move are kept beside, under classes of their own. Only staff end them.

// MaxRetries is how often a person is tried again with others of their class.
const MaxRetries = 5

// NoteState says what is being done about a note.
type NoteState string

// States of a note.
const (
	NoteOpen     NoteState = "open"
	NoteResolved NoteState = "resolved" // the person has moved, or it is no longer true
	NoteSkipped  NoteState = "skipped"  // staff have said so, with a reason; a move resolves it all the same
)

// A noteMeaning is what a class of notes says of its people.
type noteMeaning struct {
	class NoteClass
	moved bool // they have moved
	lasts bool // a move does not resolve it
}

// noteMeanings are all classes.
var noteMeanings = []noteMeaning{
	{NoteUnreadableHash, false, false},
	{NoteOverBounds, false, false},
	{NoteContested, false, false},
	{NoteInvalidIdentifier, false, false},
	{NoteVerifyOnly, false, false},
	{NoteUnusableHash, false, false},
	{NoteWeakHash, false, false},
	{NoteUnreadableRecord, false, false},
	{NoteMapping, false, false},
	{NoteTimeout, false, false},
	{NotePoisoned, false, false},
	{NoteNoAddress, false, false},
	{NoteGone, false, false},
	{NoteIDReused, false, true}, // the key has an account, or a tombstone: another's
	{NoteDrifted, true, true},
	{NoteExternalTaken, true, true},
	{NoteIdentifierLeftOut, true, true},
}

// NoteClasses returns the classes that are so: of people who have moved, or not; that a move does not resolve, or does.
func NoteClasses(moved, lasts bool) []NoteClass {
	var classes []NoteClass
	for _, m := range noteMeanings {
		if m.moved == moved && m.lasts == lasts {
			classes = append(classes, m.class)
		}
	}
	return classes
}

// Check returns an *InvalidError if there is no such class.
func (c NoteClass) Check() error {
	if slices.ContainsFunc(noteMeanings, func(m noteMeaning) bool { return m.class == c }) {
		return nil
	}
	return &InvalidError{Field: "class", Reason: "is none that people are put into quarantine under"}
}

// Check returns an *InvalidError if there is no such state.
func (s NoteState) Check() error {
	switch s {
	case NoteOpen, NoteResolved, NoteSkipped:
		return nil
	}
	return &InvalidError{Field: "state", Reason: "must be open, resolved or skipped"}
}

// A NoteKey names a note. The order of the keys is that of the source, then of the legacy id, then of the class, by their bytes.
type NoteKey struct {
	LegacyKey
	Class NoteClass `json:"class"`
}

// A QuarantineRow is a note and what has been done about it.
type QuarantineRow struct {
	NoteKey
	State     NoteState `json:"state"`
	Reason    string    `json:"reason"`
	FirstSeen time.Time `json:"first_seen"` // since it was last resolved
	LastSeen  time.Time `json:"last_seen"`
	Attempts  int64     `json:"attempts"`          // tries since then that were asked for, by staff or the operator
	By        string    `json:"by,omitempty"`      // who has skipped it, or opened it again
	Because   string    `json:"because,omitempty"` // why, in their words
}

// A QuarantineQuery says which notes are wanted.
type QuarantineQuery struct {
	Source     string    // "": all
	Class      NoteClass // "": all that say that somebody was not moved
	State      NoteState // "": all
	TriedBelow int64     // fewer tries than that; 0: however many
	After      NoteKey   // only behind it; zero: from the first on
	Limit      int

	// Trusted is the epoch from which on a copy counts, 0 while none does: see phase.State. Who has such a copy, or is
	// answered here for good, counts as moved.
	Trusted int64
}

// A QuarantineCount is how many notes of a kind there are.
type QuarantineCount struct {
	Source string    `json:"source"`
	Class  NoteClass `json:"class"`
	State  NoteState `json:"state"`
	People int64     `json:"people"`
}

// Quarantined is the part of a Store that keeps who could not be moved; see quarantine.go.
type Quarantined interface {
	// AddNotes is AddNote for many, with one event for all. The event's detail says how many were new, in all under "people" and
	// under the name of each class; where none was, it is not written. Of a class that a move resolves nothing is kept of
	// somebody who has moved, by trusted as in a QuarantineQuery.
	AddNotes(ctx context.Context, notes []Note, trusted int64, e Event) (added int64, err error)
	// Quarantine returns notes in the order of their keys.
	Quarantine(ctx context.Context, q QuarantineQuery) ([]QuarantineRow, error)
	// QuarantineCounts counts all notes, in the order of source, class and state.
	QuarantineCounts(ctx context.Context, trusted int64) ([]QuarantineCount, error)
	// BeginRetry counts a try to move a person, on each note about them that a move would resolve and that is not resolved. Who
	// was skipped is open again, with the event. It returns ErrNotFound if there is no such note.
	BeginRetry(ctx context.Context, person LegacyKey, at time.Time, e Event) error
	// ResolveNotes resolves the notes about a person that a move would, but for one class.
	ResolveNotes(ctx context.Context, person LegacyKey, but NoteClass, at time.Time) error
	// SkipNotes skips every open note about a person, with one event that names their classes under "classes", and reports
	// whether there was one: where there is none it changes nothing and writes no event.
	SkipNotes(ctx context.Context, person LegacyKey, at time.Time, e Event) (bool, error)
}

// Quarantine returns notes as q says; whom it takes for moved is the phase's to say. Its error is an *InvalidError, or an
// *UnavailableError.
func (s *Service) Quarantine(ctx context.Context, q QuarantineQuery) ([]QuarantineRow, error) {
	if q.Class != "" {
		if err := q.Class.Check(); err != nil {
			return nil, err
		}
	}
	if q.State != "" {
		if err := q.State.Check(); err != nil {
			return nil, err
		}
	}
	var err error
	if q.Trusted, err = s.trustedFrom(ctx); err != nil {
		return nil, err
	}
	rows, err := s.store.Quarantine(ctx, q)
	if err != nil {
		return nil, cannotTell("read the quarantine", err)
	}
	return rows, nil
}

// quarantined returns the notes about a person; there are none under a key that cannot be kept.
func (s *Service) quarantined(ctx context.Context, person LegacyKey) ([]QuarantineRow, error) {
	if !storable(person.LegacyID) {
		return nil, nil
	}
	rows, err := s.Quarantine(ctx, QuarantineQuery{Source: person.Source, After: NoteKey{LegacyKey: person}, Limit: len(noteMeanings)})
	return slices.DeleteFunc(rows, func(row QuarantineRow) bool { return row.LegacyKey != person }), err
}

// HeldBack returns the people of a source whom a sweep leaves alone, and why: staff have skipped them, or whoever tries to move them
// dies of it. Its error is an *UnavailableError.
func (s *Service) HeldBack(ctx context.Context, source string) (map[string]Unmoved, error) {
	held := make(map[string]Unmoved)
	for _, q := range []QuarantineQuery{{State: NoteSkipped}, {Class: NotePoisoned, State: NoteOpen}} {
		q.Source, q.Limit = source, heldPage
		for {
			rows, err := s.Quarantine(ctx, q)
			if err != nil {
				return nil, err
			}
			for _, r := range rows {
				held[r.LegacyID] = Unmoved{r.LegacyKey, r.Class, r.Reason}
			}
			if len(rows) < q.Limit {
				break
			}
			q.After = rows[len(rows)-1].NoteKey
		}
	}
	return held, nil
}

// heldPage is how many people are read at once. There are as many in all as staff have had the patience to skip.
const heldPage = 1000

// QuarantineCounts counts notes. Its error is an *UnavailableError.
func (s *Service) QuarantineCounts(ctx context.Context) ([]QuarantineCount, error) {
	trusted, err := s.trustedFrom(ctx)
	if err != nil {
		return nil, err
	}
	counts, err := s.store.QuarantineCounts(ctx, trusted)
	if err != nil {
		return nil, cannotTell("count the quarantine", err)
	}
	return counts, nil
}

// trustedFrom is the epoch from which on a copy counts; 0: none does.
func (s *Service) trustedFrom(ctx context.Context) (int64, error) {
	at, err := s.store.Phase(ctx)
	switch {
	case errors.Is(err, ErrNotFound):
		at = alwaysNewFirst
	case err != nil:
		return 0, cannotTell("read the phase", err)
	}
	if at.Phase < phase.Both {
		return 0, nil
	}
	return at.TrustEpoch, nil
}

// An Unmoved is why one person was not moved.
type Unmoved struct {
	LegacyKey
	Class  NoteClass
	Reason string // fixed text
}

// UnmovedBy reports whether an error of Migrate or PersonOf says that a person cannot be moved as things are, and why. Who could
// not be told about for another reason can be tried again: that is no refusal.
func UnmovedBy(person LegacyKey, err error) (Unmoved, bool) {
	no, unmovable := errors.AsType[*UnmovableError](err)
	switch {
	case unmovable:
		return Unmoved{person, no.Class, no.Reason}, true
	case errors.Is(err, ErrContestedPerson):
		return Unmoved{person, NoteContested, "an identifier is held by several legacy people"}, true
	case errors.Is(err, errLegacySilent):
		return Unmoved{person, NoteTimeout, "the legacy store did not answer for this person"}, true
	}
	return Unmoved{}, false
}

// UnmovedRow is a person whose record a walk through a source could not read.
func UnmovedRow(source string, row *legacy.RowError) Unmoved {
	no := unreadableRow(row)
	return Unmoved{LegacyKey{source, row.Key}, no.Class, no.Reason}
}

// NoteRefused puts people into quarantine whom a sweep or a list could not move, with one event for all of them, and returns how
// many were not there. Who is in the legacy store no more is left out: nobody misses them here. So is who has no key
// that can be kept as it is: under any other the note would be somebody else's. Its error is
// an *InvalidError, or an *UnavailableError: the same may be tried again.
func (s *Service) NoteRefused(ctx context.Context, refused []Unmoved, by By) (int64, error) {
	if err := by.Check(); err != nil {
		return 0, err
	}
	now := s.now()
	notes := make([]Note, 0, len(refused))
	for _, r := range refused {
		if r.Class != NoteGone && r.LegacyID != "" && storable(r.LegacyID) {
			notes = append(notes, Note{r.Source, r.LegacyID, r.Class, r.Reason, now})
		}
	}
	if len(notes) == 0 {
		return 0, nil
	}
	trusted, err := s.trustedFrom(ctx)
	if err != nil {
		return 0, err
	}
	var added int64
	err = s.outlive(ctx, func(ctx context.Context) (err error) {
		added, err = s.store.AddNotes(ctx, notes, trusted, by.event(uuid.Nil, EventQuarantined, now))
		return err
	})
	if err != nil {
		return 0, cannotTell("put people into quarantine", err)
	}
	return added, nil
}

// SkipQuarantined says that nothing is to be done about a person, and reports whether something was to be. Its error is an
// *InvalidError, or an *UnavailableError.
func (s *Service) SkipQuarantined(ctx context.Context, person LegacyKey, by By) (skipped bool, err error) {
	if err := by.Check(); err != nil {
		return false, err
	}
	err = s.outlive(ctx, func(ctx context.Context) (err error) {
		now := s.now()
		skipped, err = s.store.SkipNotes(ctx, person, now, aboutPerson(person, EventQuarantineSkipped, by, now))
		return err
	})
	if err != nil {
		return false, cannotTell("skip a note", err)
	}
	return skipped, nil
}

// aboutPerson is the audit line of a change of a person's notes.
func aboutPerson(person LegacyKey, kind EventKind, by By, now time.Time) Event {
	e := by.event(SubjectFor(person.Source, person.LegacyID), kind, now)
	e.Detail = map[string]string{"source": person.Source, "legacy_id": person.LegacyID}
	return e
}
