package accounts

import (
	"context"
	"crypto/hmac"
	"errors"
	"fmt"
	"slices"

	"github.com/google/uuid"

	"rekey/accounts/phase"
	"rekey/legacy"
)

// Support and the sweeper move people without their password. It is what a login does, under the same checks, but for the
// proof: what the legacy store has is kept in another form (see unseen.go). The rules besides those of login.go:
//
//  1. The row here is read first, then legacy, and what is written names the version that was read. A login, a change or a
//     deletion that comes between makes the move begin again.
//  2. Who is answered here is not touched, however legacy looks: that is for the watcher and the validator to find, and only a
//     drift mark ends it. A drift mark of an account that was changed here is settled in favour of what is here.
//  3. To move somebody again changes nothing.
//  4. Who is disabled in the legacy store is moved disabled.
//  5. Who has the key of somebody else's account now is not made of it, nor it of them.

// A Migration is one legacy person who is to be moved without their password.
type Migration struct {
	Source, LegacyID string
	Hash             Keep // "": KeepAuto
	How              How  // "": BySupport; or BySweep, whose hashing waits for that of logins
	By               By
	// DryRun: everything is looked at and nothing is written. What others write meanwhile may make it untrue.
	DryRun bool
	// Untold: who is refused is not put into quarantine here, for the caller does it for many at a time; see NoteRefused.
	Untold bool
	// Contested reports whether several legacy people hold a name, as a walk through all of them has found; see Service.Names. nil:
	// nobody has looked. A name is asked for in a few spellings only, and whoever holds it in another is known by such a walk alone.
	Contested func(Name) bool
	// useless: nothing can be made of their hash, so that nobody loses a password by KeepReset.
	useless bool
}

// An Outcome is what came of a Migration that was not refused.
type Outcome string

// What came of it.
const (
	OutcomeMoved     Outcome = "moved"                  // from now on there is an account here: a copy, or theirs for good, as the phase says
	OutcomeProfile   Outcome = "profile-moved"          // all but the password, which only a login can show; the legacy store answers until then
	OutcomeReset     Outcome = "moved-without-password" // they have to set one by a link in a mail
	OutcomeRecopied  Outcome = "copied-again"           // the copy that was here was not equal to legacy, or not trusted
	OutcomeSettled   Outcome = "settled"                // legacy was changed by others after the account was changed here: that stands
	OutcomeUnchanged Outcome = "unchanged"
	OutcomeDeleted   Outcome = "deleted" // they were deleted here, and stay that
)

// An UnmovableError says why a person cannot be moved without their password, now or ever.
type UnmovableError struct {
	Class  NoteClass
	Reason string // fixed text
}

func (e *UnmovableError) Error() string { return e.Reason }

// ErrNothingMoves: in this phase nobody is moved.
var ErrNothingMoves = errors.New("in this phase nobody is moved or copied")

// Migrate moves or copies one person, as the phase says. Its error is an *InvalidError, an *UnmovableError, ErrNothingMoves,
// or an *UnavailableError: the same may be tried again.
func (s *Service) Migrate(ctx context.Context, m Migration) (Outcome, error) {
	outcome, err := s.force(ctx, m)
	if no, refused := errors.AsType[*UnmovableError](err); refused && m.How != BySweep && !m.DryRun {
		s.tellRefused(ctx, m, no)
	}
	return outcome, err
}

// tellRefused writes down that somebody has asked for a move in vain: who, why they wanted it, and why not.
func (s *Service) tellRefused(ctx context.Context, m Migration, no *UnmovableError) {
	event := aboutPerson(LegacyKey{Source: m.Source, LegacyID: m.LegacyID}, EventMoveRefused, m.By, s.now())
	event.Detail["class"], event.Detail["why"] = string(no.Class), no.Reason
	if err := s.outlive(ctx, func(ctx context.Context) error { return s.store.AddEvent(ctx, event) }); err != nil {
		s.log.WarnContext(ctx, "a move that was asked for and refused is not in the audit", "source", m.Source, "legacy_id", m.LegacyID, "error", err)
	}
}

// force is Migrate, of which nothing is told yet.
func (s *Service) force(ctx context.Context, m Migration) (Outcome, error) {
	if err := errors.Join(m.By.Check(), m.Hash.Check()); err != nil {
		return "", err
	}
	if m.How == "" {
		m.How = BySupport
	}
	a := Attempt{RequestID: m.By.RequestID, by: &m.By, how: m.How}
	leave, err := s.enter(&a)
	if err != nil {
		return "", err
	}
	defer leave()
	var outcome Outcome
	for range staleTries {
		if outcome, err = s.migrateUnseen(ctx, m, a); !overtaken(err) {
			break
		}
	}
	switch {
	case err == nil:
		s.countMoved(outcome, m.DryRun)
		return outcome, nil
	case errors.Is(err, errChanged) && s.deletedUnlinked(ctx, m):
		return OutcomeDeleted, nil
	case errors.Is(err, errChanged) && s.unfindable(ctx, m):
		c := candidate{source: Source{Name: m.Source}, user: legacy.User{ID: m.LegacyID}}
		return "", s.refuseUnseen(ctx, c, &UnmovableError{NoteInvalidIdentifier, "the legacy store does not find this person by what they would type"}, m, a)
	case overtaken(err):
		return "", &UnavailableError{RetryAfter: retryChanged, Err: err}
	case errors.Is(err, ErrStaleEpoch):
		return "", &UnavailableError{RetryAfter: retryFrozen, Err: err}
	case isAnswer(err), errors.As(err, new(*UnmovableError)), errors.Is(err, ErrNothingMoves):
		return "", err
	}
	return "", cannotTell("move account", err)
}

// unfindable reports whether the legacy store has somebody, as they were a moment ago, and does not return them by any of their
// identifiers: so it is where one was cleaned into a spelling that cannot be asked for.
func (s *Service) unfindable(ctx context.Context, m Migration) bool {
	before, err := s.unseen(ctx, m.Source, m.LegacyID)
	if err != nil {
		return false
	}
	ids, _ := s.identifiersOf(before, nil)
	found, err := s.lookup(ctx, []Source{before.source}, ids)
	if err != nil || slices.ContainsFunc(found, before.is) {
		return false
	}
	after, err := s.unseen(ctx, m.Source, m.LegacyID)
	return err == nil && hmac.Equal(s.fingerprint(before), s.fingerprint(after))
}

// deletedUnlinked reports whether somebody was deleted here whom the legacy store has from us, and no link says so yet.
func (s *Service) deletedUnlinked(ctx context.Context, m Migration) bool {
	c, err := s.unseen(ctx, m.Source, m.LegacyID)
	if err != nil {
		return false
	}
	deleted, err := s.tombstoned(ctx, &c)
	return err == nil && deleted
}

// overtaken reports whether somebody else has written between what was read and what was to be written.
func overtaken(err error) bool {
	return errors.Is(err, ErrStale) || errors.Is(err, ErrLinked) || errors.Is(err, ErrNotFound) || errors.Is(err, errChanged)
}

func (s *Service) countMoved(outcome Outcome, dryRun bool) {
	switch {
	case dryRun:
	case outcome == OutcomeMoved, outcome == OutcomeProfile, outcome == OutcomeReset:
		s.stats.Migrated.Add(1)
	case outcome == OutcomeRecopied:
		s.stats.Recopied.Add(1)
	}
}

// migrateUnseen is one try.
func (s *Service) migrateUnseen(ctx context.Context, m Migration, a Attempt) (Outcome, error) {
	id, keep := SubjectFor(m.Source, m.LegacyID), m.Hash
	if m.useless {
		keep = KeepAuto
	}
	if err := s.mayKeep(a, id, keep); err != nil {
		return "", err
	}
	rec, err := s.store.ByLink(ctx, m.Source, m.LegacyID)
	absent := errors.Is(err, ErrNotFound)
	if err != nil && !absent {
		return "", cannotTell("read account by link", err)
	}
	if !absent && (rec.Link.Source != m.Source || rec.Link.LegacyID != m.LegacyID) && !rec.Deleted() {
		return OutcomeUnchanged, nil // they are a part of an account that is named after another
	}
	row := a.row(rec)
	switch {
	case absent, rec.Deleted():
	case rec.InDoubt:
		return "", &UnavailableError{RetryAfter: retryChanged, Err: errInDoubt}
	case row.Answers == phase.New && !rec.Link.Drifted:
		return OutcomeUnchanged, nil
	}
	c, err := s.unseen(ctx, m.Source, m.LegacyID)
	switch {
	case rec.Deleted() && errors.As(err, new(*UnmovableError)): // gone there too
		return OutcomeDeleted, nil
	case err != nil:
		return "", s.refuseUnseen(ctx, candidate{source: Source{Name: m.Source}, user: legacy.User{ID: m.LegacyID}}, err, m, a)
	case rec.Deleted():
		return s.deletedUnseen(ctx, c, m, a)
	case absent:
		return s.moveUnseen(ctx, c, m, a)
	case s.isOther(c, *rec.Link):
		return "", s.refuseUnseen(ctx, c, reused(), m, a)
	case row.Answers == phase.New && !rec.Credential.AwaitsReset():
		return s.settleUnseen(ctx, rec, c, m, a)
	case !s.stale(rec, c, a), s.waitsForLogin(rec, c):
		return OutcomeUnchanged, nil
	}
	return s.recopyUnseen(ctx, rec, c, m, a)
}

// mayMove returns why nobody is moved now, if nobody is.
func (a Attempt) mayMove(id uuid.UUID) error {
	switch row := a.rowOfAbsent(id); {
	case row.Frozen:
		return &UnavailableError{RetryAfter: retryFrozen, Err: errFrozen}
	case row.Login == phase.TakeNothing:
		return fmt.Errorf("%w: %s", ErrNothingMoves, a.at.Phase)
	}
	return nil
}

// unseen reads a legacy person by the store's own key.
func (s *Service) unseen(ctx context.Context, source, legacyID string) (candidate, error) {
	i := s.sourceIndex(source)
	if i < 0 {
		return candidate{}, cannotTell("read person from the legacy store", errNoSource)
	}
	getter, ok := s.sources[i].Source.(legacy.Getter)
	if !ok {
		return candidate{}, &UnmovableError{NoteVerifyOnly, "the legacy store cannot be read by key: only a login can move this person"}
	}
	user, err := getter.Get(ctx, legacyID)
	switch rows, unreadable := legacy.RowErrors(err); {
	case errors.Is(err, legacy.ErrNoUser):
		return candidate{}, &UnmovableError{NoteGone, "the legacy store has nobody under that id"}
	case err != nil && unreadable == nil:
		return candidate{}, unreadableRow(rows[0])
	case err != nil:
		return candidate{}, cannotTell("read person from the legacy store", fmt.Errorf("%w: %w", errLegacySilent, err))
	}
	return candidate{source: s.sources[i], user: user, order: i}, nil
}

// errLegacySilent is the legacy store that says nothing about one person.
var errLegacySilent = errors.New("the legacy store did not answer")

// unreadableRow says why nobody can be made from a record.
func unreadableRow(row *legacy.RowError) *UnmovableError {
	if row.Mapping {
		return &UnmovableError{NoteMapping, "an expression of the mapping has no result for this person"}
	}
	return &UnmovableError{NoteUnreadableRecord, "the legacy record cannot be read"}
}

// deletedUnseen looks whose the id of somebody who was deleted is now.
func (s *Service) deletedUnseen(ctx context.Context, c candidate, m Migration, a Attempt) (Outcome, error) {
	deleted, err := s.tombstoned(ctx, &c)
	switch {
	case err != nil:
		return "", cannotTell("read tombstone", err)
	case deleted:
		return OutcomeDeleted, nil
	}
	return "", s.refuseUnseen(ctx, c, &UnmovableError{NoteIDReused, noteReusedDeleted}, m, a)
}

// waitsForLogin reports whether only a login can bring somebody further.
func (s *Service) waitsForLogin(rec Record, c candidate) bool {
	return rec.Credential.Waits() && !rec.Credential.AwaitsReset() && rec.Link.Drifted && hmac.Equal(rec.Link.Fingerprint, s.fingerprint(c))
}

// PersonOf returns the legacy person whom a ref names, for Migrate, and the account that is theirs or will be: the one that an
// account is named after, the one of that key, or somebody who has not moved and holds the identifier alone. Its error is
// ErrNotFound, ErrContestedPerson, or an *UnavailableError.
func (s *Service) PersonOf(ctx context.Context, ref string) (account uuid.UUID, source, legacyID string, err error) {
	rec, err := s.AccountOf(ctx, ref)
	switch key, isKey := s.legacyRef(ref); {
	case isKey && errors.Is(err, ErrNotFound):
		return SubjectFor(key.Source, key.LegacyID), key.Source, key.LegacyID, nil
	case err == nil && rec.Link == nil:
		return uuid.Nil, "", "", ErrNotFound // born here
	case err == nil && isKey:
		return rec.ID, key.Source, key.LegacyID, nil
	case err == nil:
		return rec.ID, rec.Link.Source, rec.Link.LegacyID, nil
	case !errors.Is(err, ErrNotFound):
		return uuid.Nil, "", "", err
	}
	name, parseErr := ParseIdentifier(ref)
	if parseErr != nil {
		return uuid.Nil, "", "", ErrNotFound
	}
	found, err := s.ask(ctx, name)
	switch {
	case errors.Is(err, legacy.ErrTooMany), err == nil && len(found) > 1:
		return uuid.Nil, "", "", ErrContestedPerson
	case err != nil:
		return uuid.Nil, "", "", cannotTell("ask the legacy store", err)
	case len(found) == 0:
		return uuid.Nil, "", "", ErrNotFound
	}
	source, legacyID = found[0].source.Name, found[0].user.ID
	return SubjectFor(source, legacyID), source, legacyID, nil
}
