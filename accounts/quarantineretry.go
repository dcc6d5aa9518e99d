package accounts

import (
	"context"
	"errors"
	"strings"
	"time"
	"unicode/utf8"
)

// A Retry says who of the quarantine is tried again: one person, or all of a class that are open and were not tried too often.
type Retry struct {
	Person LegacyKey // zero: those of Class
	Class  NoteClass
	Source string  // of those; "": all sources
	After  NoteKey // where the Retry before has ended; zero: from the first on
	Limit  int     // people, at most
	Hash   Keep    // "": KeepAuto
	By     By
	DryRun bool // everybody is looked at; nothing is counted, and nothing written
}

// A Retried is what came of one person.
type Retried struct {
	NoteKey
	Outcome Outcome `json:"outcome"`
	// Now and Reason say why they were not moved.
	Now    NoteClass `json:"now,omitempty"`
	Reason string    `json:"reason,omitempty"`
}

// Outcomes that a Migration has not: it ends in an error then.
const (
	OutcomeRefused     Outcome = "refused"      // it is said why
	OutcomeGone        Outcome = "gone"         // the legacy store has nobody under that id any more
	OutcomeNotAnswered Outcome = "not-answered" // somebody could not be told about: the same may be tried again
)

const (
	// retryGiveUp is how many people in a row may find a store that does not answer before a Retry ends.
	retryGiveUp = 3
	// retryReserve is the time that one more person may take: a Retry does not begin with them where ctx ends before.
	retryReserve = 10 * time.Second
)

// reasonCleaned is of a note that was written under a key some of which could not be kept: nobody is there under what was, whoever is
// there under what is.
const reasonCleaned = "the key has a mark for what could not be kept of it, so that it cannot be asked for; mend it in the legacy store, then skip this note"

// RetryQuarantined tries to move people out of the quarantine, each as Migrate does, and returns what came of each, also beside an
// error, and where to go on: the After of the next Retry, nil if that was all. Its error is an *InvalidError, ErrNotFound (that
// person is not in quarantine), ErrNothingMoves, or an *UnavailableError.
func (s *Service) RetryQuarantined(ctx context.Context, r Retry) (done []Retried, next *NoteKey, err error) {
	if err := errors.Join(r.By.Check(), r.Hash.Check()); err != nil {
		return nil, nil, err
	}
	if err := s.mayMoveAny(r); err != nil {
		return nil, nil, err
	}
	rows, next, err := s.retryRows(ctx, r)
	if err != nil {
		return nil, nil, err
	}
	silent, at := 0, r.After
	for i, row := range rows {
		if deadline, ok := ctx.Deadline(); i > 0 && ok && time.Until(deadline) < retryReserve {
			return done, &at, nil
		}
		one, err := s.retryOne(ctx, row.NoteKey, r)
		if errors.Is(err, ErrNotFound) && r.Person == (LegacyKey{}) { // they have moved meanwhile
			continue
		}
		if one.Outcome != "" {
			done, at = append(done, one), row.NoteKey
		}
		if one.Outcome == OutcomeNotAnswered {
			if silent++; silent < retryGiveUp && ctx.Err() == nil {
				continue
			}
		} else {
			silent = 0
		}
		if err != nil {
			return done, &at, err
		}
	}
	return done, next, nil
}

// mayMoveAny returns why nobody of a Retry is moved now, if nobody is.
func (s *Service) mayMoveAny(r Retry) error {
	if r.Person == (LegacyKey{}) {
		return s.Moves(r.Hash)
	}
	var a Attempt
	leave, err := s.enter(&a)
	if err != nil {
		return err
	}
	defer leave()
	return s.mayKeep(a, SubjectFor(r.Person.Source, r.Person.LegacyID), r.Hash)
}

// retryRows returns the notes that a Retry is about, one of each person, and the last if there may be more.
func (s *Service) retryRows(ctx context.Context, r Retry) ([]QuarantineRow, *NoteKey, error) {
	if r.Person != (LegacyKey{}) {
		return []QuarantineRow{{NoteKey: NoteKey{LegacyKey: r.Person}}}, nil, nil
	}
	if r.Class == "" {
		return nil, nil, &InvalidError{Field: "class", Reason: "is missing, or source and legacy_id"}
	}
	for _, m := range noteMeanings {
		if m.class == r.Class && m.lasts {
			return nil, nil, &InvalidError{Field: "class", Reason: "is one that no move resolves"}
		}
	}
	limit := max(r.Limit, 1)
	rows, err := s.Quarantine(ctx, QuarantineQuery{
		Source: r.Source, Class: r.Class, State: NoteOpen, TriedBelow: MaxRetries, After: r.After, Limit: limit,
	})
	if err != nil || len(rows) < limit {
		return rows, nil, err
	}
	return rows, &rows[len(rows)-1].NoteKey, nil
}

// retryOne tries to move one person. Without an outcome nobody can be moved, or this was nobody; OutcomeNotAnswered comes with the
// error that says why.
func (s *Service) retryOne(ctx context.Context, key NoteKey, r Retry) (Retried, error) {
	one := Retried{NoteKey: key}
	now := s.now()
	if !r.DryRun {
		err := s.outlive(ctx, func(ctx context.Context) error {
			return s.store.BeginRetry(ctx, key.LegacyKey, now, aboutPerson(key.LegacyKey, EventQuarantineReopened, r.By, now))
		})
		switch {
		case errors.Is(err, ErrNotFound):
			return one, ErrNotFound
		case err != nil:
			return one, cannotTell("count a try", err)
		}
	}
	outcome, err := s.Migrate(ctx, Migration{
		Source: key.Source, LegacyID: key.LegacyID, Hash: r.Hash, How: BySupport, By: r.By, DryRun: r.DryRun, Untold: true,
	})
	if errors.Is(err, ErrNothingMoves) {
		return one, err
	}
	no, refused := UnmovedBy(key.LegacyKey, err)
	switch {
	case err == nil:
		one.Outcome = outcome
	case refused && no.Class == NoteGone && strings.ContainsRune(key.LegacyID, utf8.RuneError):
		one.Outcome, one.Now, one.Reason = OutcomeRefused, NoteUnreadableRecord, reasonCleaned
		return one, nil
	case refused && no.Class == NoteGone:
		one.Outcome, one.Reason = OutcomeGone, no.Reason
	case refused && no.Class != NoteTimeout:
		one.Outcome, one.Now, one.Reason = OutcomeRefused, no.Class, no.Reason
	default:
		one.Outcome, one.Reason = OutcomeNotAnswered, no.Reason
		return one, err
	}
	if r.DryRun {
		return one, nil
	}
	if one.Outcome == OutcomeRefused { // it may be another reason than before: that one first
		if _, err := s.NoteRefused(ctx, []Unmoved{no}, r.By); err != nil {
			return one, err
		}
	}
	err = s.outlive(ctx, func(ctx context.Context) error {
		return s.store.ResolveNotes(ctx, key.LegacyKey, one.Now, s.now())
	})
	if err != nil {
		return one, cannotTell("resolve a note", err)
	}
	return one, nil
}
