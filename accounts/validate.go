package accounts

import (
	"bytes"
	"context"
	"crypto/hmac"
	"encoding/binary"
	"errors"
	"maps"
	"slices"
	"time"

	"github.com/google/uuid"

	"rekey/accounts/phase"
	"rekey/legacy"
)

// A pass over both stores compares each legacy person with what is here, and each account with what legacy has. It judges by
// the fingerprint, and reads again before it says that something is wrong: people go on while it runs.

// A Verdict is what a comparison finds of one person.
type Verdict string

// What a comparison finds.
const (
	VerdictEqual        Verdict = "equal"
	VerdictAhead        Verdict = "ahead"         // changed here, being changed, or pinned: legacy is not asked to be equal
	VerdictDeleted      Verdict = "deleted"       // a tombstone
	VerdictUnmovable    Verdict = "unmovable"     // not here, and cannot be without a login or without support
	VerdictDifferent    Verdict = "different"     // somebody else has written to legacy since
	VerdictDisagreeing  Verdict = "disagreeing"   // equal, but one store has taken the password of a login and the other has not
	VerdictUntrusted    Verdict = "untrusted"     // equal, but marked, or copied before copies were trusted
	VerdictMissingHere  Verdict = "missing-here"  // in legacy alone, though it could be here
	VerdictMissingThere Verdict = "missing-there" // an account that was copied from somebody who is not in legacy any more
	VerdictUnreadable   Verdict = "unreadable"    // an account whose legacy record nobody can compare
	VerdictSuspended    Verdict = "suspended"     // a store did not answer for them, time after time, and did for others
	VerdictIgnored      Verdict = "ignored"       // one of those that are not clean, which somebody has looked at and accepts; see Ignored
)

// Clean reports whether people of a verdict stand in the way of going up.
func (v Verdict) Clean() bool {
	return slices.Contains([]Verdict{VerdictEqual, VerdictAhead, VerdictDeleted, VerdictUnmovable, VerdictIgnored}, v)
}

// A Comparison is what a pass has found in one source.
type Comparison struct {
	Source   string               `json:"source"`
	Counts   map[Verdict]int      `json:"counts"`
	Marked   int                  `json:"marked"`   // as drifted, by a repair
	Examples map[Verdict][]string `json:"examples"` // legacy ids
}

// A Validation is one pass.
type Validation struct {
	ID    uuid.UUID // UUIDv7
	Began time.Time
	Ended time.Time
	Epoch int64 // in which it began
	Found ValidationReport
}

// A ValidationReport is what a pass has found.
type ValidationReport struct {
	Complete bool         `json:"complete"` // it was over all sources, to their ends
	Sources  []Comparison `json:"sources"`
	// Since is when the pass began that this one, which is of what has changed, goes on from; zero for a whole one. SinceClean: it
	// had found no difference, nor had those that went on from it.
	Since      time.Time         `json:"since,omitzero"`
	SinceClean bool              `json:"since_clean,omitempty"`
	Cursors    map[string]string `json:"cursors,omitempty"` // where legacy.Watcher was when it began, by source
}

// Clean reports whether a pass has found no difference.
func (r ValidationReport) Clean() bool {
	return !slices.ContainsFunc(r.Sources, func(source Comparison) bool { return !source.Clean() })
}

// Clean reports whether no difference was found.
func (c Comparison) Clean() bool {
	for verdict, n := range c.Counts {
		if n > 0 && !verdict.Clean() {
			return false
		}
	}
	return true
}

// Validations is the part of a Store that keeps what passes have found.
type Validations interface {
	// AddValidation stores a pass that has ended, once: one that is there already stays as it is.
	AddValidation(ctx context.Context, v Validation) error
	// Validations returns up to limit passes, the one that began last first.
	Validations(ctx context.Context, limit int) ([]Validation, error)
}

// SourceNames returns the names of the sources, in order of precedence.
func (s *Service) SourceNames() []string {
	names := make([]string, len(s.sources))
	for i, source := range s.sources {
		names[i] = source.Name
	}
	return names
}

// errUnknownSource is a source that nobody has configured.
var errUnknownSource = errors.New("there is no source of that name")

// Walk visits everybody of a source in the order of its keys, and is told of each record that cannot be read.
func (s *Service) Walk(ctx context.Context, source string, page int, visit func(legacy.User) error, unreadable func(*legacy.RowError)) error {
	i := s.sourceIndex(source)
	if i < 0 {
		return errUnknownSource
	}
	return walk(ctx, s.sources[i], page, visit, unreadable)
}

// LinkedIDs returns up to limit keys of the people of a source of whom living accounts were made, in their order, behind one; ""
// is the beginning.
func (s *Service) LinkedIDs(ctx context.Context, source, after string, limit int) ([]string, error) {
	ids, err := s.store.LinkedIDs(ctx, source, after, limit)
	if err != nil {
		return nil, cannotTell("read links", err)
	}
	return ids, nil
}

// BeginValidation begins a pass. Its error is ErrNothingMoves in a phase in which there is nothing to compare, or an
// *UnavailableError.
func (s *Service) BeginValidation() (Validation, error) {
	var a Attempt
	leave, err := s.enter(&a)
	if err != nil {
		return Validation{}, err
	}
	defer leave()
	if err := a.mayMove(uuid.Nil); err != nil {
		return Validation{}, err
	}
	return Validation{ID: uuid.Must(uuid.NewV7()), Began: s.now(), Epoch: a.at.Epoch}, nil
}

// EndValidation stores what a pass has found. Its error is an *UnavailableError.
func (s *Service) EndValidation(ctx context.Context, v Validation) (Validation, error) {
	v.Ended = s.now()
	err := s.outlive(ctx, func(ctx context.Context) error { return s.store.AddValidation(ctx, v) })
	if err != nil {
		return v, cannotTell("store the validation", err)
	}
	return v, nil
}

// Validations returns the newest passes, newest first. Its error is an *UnavailableError.
func (s *Service) Validations(ctx context.Context, limit int) ([]Validation, error) {
	all, err := s.store.Validations(ctx, limit)
	if err != nil {
		return nil, cannotTell("read validations", err)
	}
	return all, nil
}

// cleanSince returns when the newest pass began, if it has found no difference and counts in a state; the zero time if not. A
// pass that was not over everything cannot clear, but what it has found stands.
func (s *Service) cleanSince(ctx context.Context, in phase.State) (time.Time, error) {
	disagree, err := s.store.CountDisagreements(ctx)
	switch {
	case err != nil:
		return time.Time{}, cannotTell("count disagreements", err)
	case disagree[phase.Legacy]+disagree[phase.New] > 0:
		return time.Time{}, nil
	}
	all, err := s.Validations(ctx, 20) // passes over one source come in between
	if err != nil {
		return time.Time{}, err
	}
	for _, v := range all {
		switch {
		case !v.Found.Clean():
			return time.Time{}, nil
		case v.Found.Complete && v.Epoch >= in.TrustEpoch:
			return v.Began, nil
		}
	}
	return time.Time{}, nil
}

// compareTries bounds how often somebody is read again because they are just being written.
const compareTries = 3

// Compare judges a legacy person as a walk has found them. Its error is an *UnavailableError.
func (s *Service) Compare(ctx context.Context, source string, user legacy.User) (Verdict, error) {
	var a Attempt
	leave, err := s.enter(&a)
	if err != nil {
		return "", err
	}
	defer leave()
	i := s.sourceIndex(source)
	if i < 0 {
		return "", cannotTell("compare", errNoSource)
	}
	rec, err := s.linked(ctx, source, user.ID)
	if err != nil {
		return "", err
	}
	c := candidate{source: s.sources[i], user: user, order: i}
	switch verdict, _, err := s.judgeWith(ctx, rec, source, user.ID, &c, a); {
	case err != nil:
		return "", err
	case verdict.Clean():
		return verdict, nil
	}
	return s.compareAccepting(ctx, source, user.ID, a)
}

// CompareLink judges somebody whom a walk has not found, though there is a link to them.
func (s *Service) CompareLink(ctx context.Context, source, legacyID string) (Verdict, error) {
	var a Attempt
	leave, err := s.enter(&a)
	if err != nil {
		return "", err
	}
	defer leave()
	return s.compareAccepting(ctx, source, legacyID, a)
}

func (s *Service) compareAccepting(ctx context.Context, source, legacyID string, a Attempt) (Verdict, error) {
	verdict, both, err := s.compareAgain(ctx, source, legacyID, a)
	if err != nil {
		return "", err
	}
	if verdict == VerdictUnmovable {
		return s.letBe(ctx, LegacyKey{source, legacyID})
	}
	return s.accepted(ctx, source, legacyID, verdict, both)
}

// compareAgain reads both stores until nobody has written here in between, and judges then. It returns what it has judged.
func (s *Service) compareAgain(ctx context.Context, source, legacyID string, a Attempt) (Verdict, pair, error) {
	before, err := s.linked(ctx, source, legacyID)
	for range compareTries {
		if err != nil {
			return "", pair{}, err
		}
		c, readErr := s.unseen(ctx, source, legacyID)
		no, unread := errors.AsType[*UnmovableError](readErr)
		if readErr != nil && !unread {
			return "", pair{}, readErr
		}
		var after *Record
		if after, err = s.linked(ctx, source, legacyID); err != nil {
			return "", pair{}, err
		}
		if !sameState(before, after) {
			before = after
			continue
		}
		if unread {
			verdict := VerdictUnreadable
			switch {
			case no.Class == NoteGone:
				verdict = s.judge(after, source, legacyID, nil, a)
			case after == nil:
				verdict = VerdictUnmovable
			}
			return verdict, s.pairOf(after, nil), nil
		}
		verdict, both, err := s.judgeWith(ctx, after, source, legacyID, &c, a)
		if verdict == VerdictMissingHere {
			verdict, err = s.couldMove(ctx, c)
		}
		return verdict, both, err
	}
	return VerdictAhead, pair{}, nil // they are being changed, over and over
}

// linked returns the account that a legacy person was made, nil if there is none.
func (s *Service) linked(ctx context.Context, source, legacyID string) (*Record, error) {
	rec, err := s.store.ByLink(ctx, source, legacyID)
	switch {
	case errors.Is(err, ErrNotFound):
		return nil, nil
	case err != nil:
		return nil, cannotTell("read account by link", err)
	}
	return &rec, nil
}

// sameState reports whether an account was not written between two reads of it.
func sameState(a, b *Record) bool {
	if a == nil || b == nil {
		return a == b
	}
	return a.Credential.Version == b.Credential.Version && a.Deleted() == b.Deleted() && facts(*a) == facts(*b) &&
		(a.Link == nil) == (b.Link == nil) && (a.Link == nil || bytes.Equal(a.Link.Fingerprint, b.Link.Fingerprint))
}

// judge compares an account with the legacy person of an id; either may be nil.
func (s *Service) judge(rec *Record, source, legacyID string, c *candidate, a Attempt) Verdict {
	switch {
	case rec == nil && c == nil:
		return VerdictEqual // gone from both, or never here
	case rec == nil:
		return VerdictMissingHere
	case rec.Deleted():
		return VerdictDeleted
	case rec.ChangedHere && !rec.Credential.AwaitsReset(), rec.Pinned, rec.InDoubt:
		return VerdictAhead
	case rec.Link.Source != source || rec.Link.LegacyID != legacyID:
		return VerdictEqual // part of an account that is named after another: nothing of theirs answers
	case c == nil:
		return VerdictMissingThere
	case !hmac.Equal(rec.Link.Fingerprint, s.fingerprint(*c)):
		return VerdictDifferent
	case rec.ChangedHere:
		return VerdictAhead
	case s.stale(*rec, *c, a):
		return VerdictUntrusted
	}
	return VerdictEqual
}

// judgeWith is judge that also knows what comparing logins has found. It returns what it has judged.
func (s *Service) judgeWith(ctx context.Context, rec *Record, source, legacyID string, c *candidate, a Attempt) (Verdict, pair, error) {
	verdict, both := s.judge(rec, source, legacyID, c, a), s.pairOf(rec, c)
	if rec == nil || verdict != VerdictEqual && verdict != VerdictUntrusted {
		return verdict, both, nil
	}
	d, err := s.disagreement(ctx, source, legacyID)
	if err != nil || d == nil {
		return verdict, both, err
	}
	both.ours = binary.BigEndian.AppendUint64(slices.Clone(both.ours), uint64(d.Version)) // who accepts it accepts no later one
	return VerdictDisagreeing, both, nil
}

// couldMove tells somebody who could be here and is not from somebody who cannot.
func (s *Service) couldMove(ctx context.Context, c candidate) (Verdict, error) {
	_, err := s.openUnseen(c, KeepAuto)
	if err == nil {
		_, _, err = s.stillSo(ctx, c, nil)
	}
	switch {
	case errors.As(err, new(*UnmovableError)), errors.Is(err, errContested):
		return VerdictUnmovable, nil
	case err == nil, errors.Is(err, errChanged):
		return VerdictMissingHere, nil
	case isAnswer(err):
		return "", err
	}
	return "", cannotTell("compare", err)
}

// MarkDrifted marks the link of an account that differs from legacy, so that it counts no longer until it was copied again,
// and reports whether this call did; that of one whose password the stores disagree about is marked as dirty. Who was changed here meanwhile, or is equal again, is not marked. Its error is an
// *InvalidError or an *UnavailableError.
func (s *Service) MarkDrifted(ctx context.Context, source, legacyID string, by By) (bool, error) {
	if err := by.Check(); err != nil {
		return false, err
	}
	a := Attempt{by: &by}
	leave, err := s.enter(&a)
	if err != nil {
		return false, err
	}
	defer leave()
	if err := a.mayMove(uuid.Nil); err != nil {
		return false, err
	}
	was, err := s.linked(ctx, source, legacyID)
	if err != nil || was == nil {
		return false, err
	}
	verdict, _, err := s.compareAgain(ctx, source, legacyID, a)
	is := *was.Link
	switch {
	case verdict == VerdictDifferent, verdict == VerdictMissingThere:
		is.Drifted = true
	case verdict == VerdictDisagreeing:
		is.Dirty = true // a look at the record, which is as it was, would take a drift mark back
	}
	if err != nil || is.Drifted == was.Link.Drifted && is.Dirty == was.Link.Dirty {
		return false, err
	}
	event := s.event(was.ID, EventDrifted, a)
	event.Detail = map[string]string{"source": source, "legacy_id": legacyID, "found": string(verdict)}
	err = s.outlive(ctx, func(ctx context.Context) error { return s.writes(a).SetLink(ctx, *was.Link, is, event) })
	switch {
	case err == nil:
		return true, nil
	case overtaken(err):
		return false, nil
	}
	return false, cannotTell("mark account", err)
}

// maxExamples is how many people of each verdict a pass names: enough to look at.
const maxExamples = 20

// NewComparison returns a Comparison of nobody yet.
func NewComparison(source string) Comparison {
	return Comparison{Source: source, Counts: map[Verdict]int{}, Examples: map[Verdict][]string{}}
}

// Clone returns a copy that can be counted on by itself.
func (c *Comparison) Clone() Comparison {
	clone := *c
	clone.Counts, clone.Examples = maps.Clone(c.Counts), make(map[Verdict][]string, len(c.Examples))
	for verdict, ids := range c.Examples {
		clone.Examples[verdict] = slices.Clone(ids)
	}
	return clone
}

// Add counts one person.
func (c *Comparison) Add(v Verdict, legacyID string) {
	c.Counts[v]++
	if v != VerdictEqual && v != VerdictAhead && v != VerdictDeleted && len(c.Examples[v]) < maxExamples {
		c.Examples[v] = append(c.Examples[v], legacyID)
	}
}

// Verdicts returns what was found, in the order of their names.
func (c *Comparison) Verdicts() []Verdict { return slices.Sorted(maps.Keys(c.Counts)) }
