package accounts

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"slices"
	"time"

	"github.com/google/uuid"

	"rekey/legacy"
)

// A pass over both stores compares each legacy person with what is here, and each account with what legacy has. It judges by
// the fingerprint and by what the account holds (see content.go), and reads again before it says that something is wrong: people
// go on while it runs.

// A Verdict is what a comparison finds of one person.
type Verdict string

// What a comparison finds.
const (
	VerdictEqual        Verdict = "equal"
	VerdictAhead        Verdict = "ahead"         // changed here, being changed, or pinned: legacy is not asked to be equal
	VerdictDeleted      Verdict = "deleted"       // a tombstone
	VerdictGone         Verdict = "gone"          // from legacy, and disabled here for that
	VerdictUnmovable    Verdict = "unmovable"     // not here, and cannot be without a login or without support
	VerdictWaiting      Verdict = "waiting"       // their profile is here, and their password waits for a login that legacy answers
	VerdictDifferent    Verdict = "different"     // somebody else has written to legacy since, or what is here is not what was copied
	VerdictDisagreeing  Verdict = "disagreeing"   // equal, but one store has taken the password of a login and the other has not
	VerdictUntrusted    Verdict = "untrusted"     // equal, but marked, or copied before copies were trusted
	VerdictIDReused     Verdict = "id-reused"     // the key of an account is another person's in legacy now: a repair touches neither
	VerdictMissingHere  Verdict = "missing-here"  // in legacy alone, though it could be here
	VerdictMissingThere Verdict = "missing-there" // an account that was copied from somebody who is not in legacy any more
	VerdictUnreadable   Verdict = "unreadable"    // an account whose legacy record nobody can compare, or whose key several have
	VerdictSuspended    Verdict = "suspended"     // a store did not answer for them, time after time, and did for others
	VerdictIgnored      Verdict = "ignored"       // one of those that are not clean, which somebody has looked at and accepts; see Ignored
)

// Clean reports whether people of a verdict stand in the way of going up.
func (v Verdict) Clean() bool {
	return slices.Contains([]Verdict{VerdictEqual, VerdictAhead, VerdictDeleted, VerdictGone, VerdictUnmovable, VerdictWaiting, VerdictIgnored}, v)
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

// Validations is the part of a Store that keeps what passes have found.
type Validations interface {
	// AddValidation stores a pass that has ended, once: one that is there already stays as it is.
	AddValidation(ctx context.Context, v Validation) error
	// Validations returns up to limit passes, the one that began last first.
	Validations(ctx context.Context, limit int) ([]Validation, error)
	// LastComplete returns the pass over everything that began last, of those of an epoch and later; ErrNotFound if there is none.
	LastComplete(ctx context.Context, epoch int64) (Validation, error)
	// LastUnclean returns the pass that began last of those that have found a difference; ErrNotFound if there is none.
	LastUnclean(ctx context.Context) (Validation, error)
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

// LinkedIDs returns up to limit keys of the people of a source of whom living accounts were made, in their order, behind one; ""
// is the beginning.
func (s *Service) LinkedIDs(ctx context.Context, source, after string, limit int) ([]string, error) {
	ids, err := s.store.LinkedIDs(ctx, source, after, limit)
	if err != nil {
		return nil, cannotTell("read links", err)
	}
	return ids, nil
}

// CountLinked returns of how many people of a source there are living accounts. Its error is an *UnavailableError.
func (s *Service) CountLinked(ctx context.Context, source string) (int64, error) {
	p, err := s.Progress(ctx)
	if err != nil {
		return 0, err
	}
	for _, of := range p.Sources {
		if of.Source == source {
			return of.Here(), nil
		}
	}
	return 0, nil
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

// compareTries bounds how often somebody is read again because they are just being written.
const compareTries = 3

// Compare judges a legacy person as a walk has found them. Its error is an *UnavailableError.
func (s *Service) Compare(ctx context.Context, source string, user legacy.User) (Judgement, error) {
	all, err := s.CompareMany(ctx, source, []legacy.User{user})
	if err != nil {
		return Judgement{}, err
	}
	return all[0], nil
}

// CompareLink judges somebody whom a walk has not found, though there is a link to them.
func (s *Service) CompareLink(ctx context.Context, source, legacyID string) (Judgement, error) {
	var a Attempt
	leave, err := s.enter(&a)
	if err != nil {
		return Judgement{}, err
	}
	defer leave()
	j, both, err := s.compareAgain(ctx, source, legacyID, a)
	if err != nil {
		return Judgement{}, err
	}
	if j.Verdict == VerdictUnmovable || j.Verdict == VerdictIDReused {
		verdict, err := s.letBe(ctx, LegacyKey{source, legacyID})
		if err != nil || verdict == VerdictIgnored || j.Verdict == VerdictUnmovable {
			return Judgement{Verdict: verdict}, err
		}
	}
	return s.accepted(ctx, source, legacyID, j, both)
}

// compareAgain reads both stores until nobody has written here in between, and judges then. It returns what it has judged.
func (s *Service) compareAgain(ctx context.Context, source, legacyID string, a Attempt) (Judgement, pair, error) {
	before, err := s.content(ctx, source, legacyID)
	for range compareTries {
		if err != nil {
			return Judgement{}, pair{}, err
		}
		c, readErr := s.unseen(ctx, source, legacyID)
		no, unread := errors.AsType[*UnmovableError](readErr)
		if readErr != nil && !unread {
			return Judgement{}, pair{}, readErr
		}
		var after *Content
		if after, err = s.content(ctx, source, legacyID); err != nil {
			return Judgement{}, pair{}, err
		}
		if !sameState(before.record(), after.record()) {
			before = after
			continue
		}
		if unread {
			j := Judgement{Verdict: VerdictUnreadable}
			switch {
			case no.Class == NoteGone:
				j = s.judge(after, nil, a)
			case after == nil:
				j.Verdict = VerdictUnmovable
			}
			return j, s.pairOf(after, nil, j), nil
		}
		j, both, err := s.judgeWith(ctx, after, source, legacyID, c, a)
		if j.Verdict == VerdictMissingHere {
			j.Verdict, err = s.couldMove(ctx, c)
		}
		j.Marks = after != nil && j.marks(*after.Link)
		return j, both, err
	}
	return Judgement{Verdict: VerdictAhead}, pair{}, nil // they are being changed, over and over
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
	return a.Credential.Version == b.Credential.Version && a.Deleted() == b.Deleted() && a.Disabled == b.Disabled && facts(*a) == facts(*b) &&
		(a.Link == nil) == (b.Link == nil) && (a.Link == nil || bytes.Equal(a.Link.Fingerprint, b.Link.Fingerprint))
}

// judgeWith is judge that also explains who differs, and knows what comparing logins has found of who does not. It returns what it
// has judged.
func (s *Service) judgeWith(ctx context.Context, con *Content, source, legacyID string, c candidate, a Attempt) (Judgement, pair, error) {
	j := s.judge(con, &c, a)
	if j.Verdict == VerdictDifferent {
		var err error
		if j, err = s.explained(ctx, j, con, c, a); err != nil {
			return Judgement{}, pair{}, err
		}
	}
	both := s.pairOf(con, &c, j)
	if con == nil || !j.otherwiseEqual() {
		return j, both, nil
	}
	d, err := s.disagreement(ctx, source, legacyID)
	if err != nil || d == nil {
		return j, both, err
	}
	both.ours = binary.BigEndian.AppendUint64(slices.Clone(both.ours), uint64(d.Version)) // who accepts it accepts no later one
	j.Verdict = VerdictDisagreeing
	return j, both, nil
}

// couldMove tells somebody who could be here and is not from somebody who cannot.
func (s *Service) couldMove(ctx context.Context, c candidate) (Verdict, error) {
	if !storable(c.user.ID) {
		return VerdictUnmovable, nil
	}
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
// and reports whether this call did. Where legacy is as it was copied, and what is here is not, or the stores disagree about the
// password, the mark says dirty: the watcher, who looks at legacy alone, would take that of a drift away. Who was changed here
// meanwhile, or is equal again, or is not there, is not marked. Whoever marks many asks MayMark first. Its error is an *InvalidError or an *UnavailableError.
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
	was, err := s.content(ctx, source, legacyID)
	if err != nil || was == nil {
		return false, err
	}
	j, _, err := s.compareAgain(ctx, source, legacyID, a)
	if err != nil || !j.marks(*was.Link) {
		return false, err
	}
	event := s.event(was.ID, EventDrifted, a)
	event.Detail = map[string]string{"source": source, "legacy_id": legacyID, "found": string(j.Verdict)}
	for _, of := range j.Aspects {
		event.Detail["differs:"+string(of)] = "yes"
	}
	err = s.outlive(ctx, func(ctx context.Context) error {
		return s.writes(a).SetLink(ctx, *was.Link, j.marked(*was.Link), event)
	})
	switch {
	case err == nil:
		return true, nil
	case overtaken(err):
		return false, nil
	}
	return false, cannotTell("mark account", err)
}
