package accounts

import (
	"context"
	"crypto/hmac"
	"errors"
	"slices"
	"time"

	"github.com/google/uuid"

	"rekey/legacy"
)

// People are compared by the page: one question to the store says how all of a page are here, and only those who are not as they
// are there are read again, and judged one by one. See validate.go and content.go for what is judged.

// An Ignored is a difference that somebody has looked at and accepts. It counts until one of the two is another.
type Ignored struct {
	Source       string
	LegacyID     string
	Verdict      Verdict
	Theirs, Ours []byte // fingerprints: of the legacy record, and of its link; nil where there is none
	Actor        string
	Reason       string
	At           time.Time
}

// Verifies is the part of a Store that compares it with the legacy stores.
type Verifies interface {
	// Contents returns what is here of some legacy people of one source, by legacy id, each as of one moment; who is not here is
	// left out.
	Contents(ctx context.Context, source string, legacyIDs []string) (map[string]Content, error)
	// EachChunk visits the chunks of a run in their order, one at a time.
	EachChunk(ctx context.Context, run uuid.UUID, visit func(Chunk) error) error
	// DropChunks removes the parts and chunks of all runs of a kind that have ended.
	DropChunks(ctx context.Context, kind RunKind) error
	// TakeVerifyTurn is Sweeps.TakeTurn for comparisons, whose turns are others, and whose rate may be another each time.
	TakeVerifyTurn(ctx context.Context, cost time.Duration) (wait time.Duration, err error)

	// Written returns the legacy people of a source whose accounts were written, as the audit tells: up to limit of them, behind
	// a place, whose zero value is the beginning. A person may come more than once. Where there are fewer, that is the end.
	Written(ctx context.Context, source string, after WrittenPlace, limit int) ([]WrittenPlace, error)
	// MarkedIDs returns up to limit keys of the people of a source whose links are marked as dirty or drifted, in their order,
	// behind one; "" is the beginning.
	MarkedIDs(ctx context.Context, source, after string, limit int) ([]string, error)

	// KeepIgnored stores a difference that is accepted, with the event, in the place of an older one of the same person.
	KeepIgnored(ctx context.Context, i Ignored, e Event) error
	// Ignored returns what is accepted of a person; ErrNotFound if nothing is.
	Ignored(ctx context.Context, source, legacyID string) (Ignored, error)
	// AllIgnored returns up to limit of them, newest first.
	AllIgnored(ctx context.Context, limit int) ([]Ignored, error)
}

// A WrittenPlace is an event about a legacy person.
type WrittenPlace struct {
	Event    uuid.UUID
	LegacyID string
}

// A pair is how both stores have somebody: the fingerprint there, and that of the link here; nil where there is none.
type pair struct{ theirs, ours []byte }

// CompareMany judges people of one source as a page of a walk has found them. Where it ends with an error, which is an
// *UnavailableError, the verdicts are of those that it had come to.
func (s *Service) CompareMany(ctx context.Context, source string, users []legacy.User) ([]Judgement, error) {
	all, err := s.compareAtOnce(ctx, source, users)
	if err != nil {
		return nil, err
	}
	for i, user := range users {
		if all[i].Verdict != "" {
			continue
		}
		if all[i], err = s.CompareLink(ctx, source, user.ID); err != nil {
			return all[:i], err
		}
	}
	return all, nil
}

// compareAtOnce judges those about whom there is no doubt, and leaves the others out. It holds the phase for no longer than two
// questions to the store take.
func (s *Service) compareAtOnce(ctx context.Context, source string, users []legacy.User) ([]Judgement, error) {
	var a Attempt
	leave, err := s.enter(&a)
	if err != nil {
		return nil, err
	}
	defer leave()
	i := s.sourceIndex(source)
	if i < 0 {
		return nil, cannotTell("compare", errNoSource)
	}
	ids := legacyIDs(users)
	contents, err := s.store.Contents(ctx, source, ids)
	if err != nil {
		return nil, cannotTell("read what is here", err)
	}
	disagree, err := s.store.DisagreementsOf(ctx, source, ids)
	if err != nil {
		return nil, cannotTell("read disagreements", err)
	}
	all := make([]Judgement, len(users))
	for n, user := range users {
		con, here := contents[user.ID]
		if !here || slices.ContainsFunc(disagree, func(d Disagreement) bool { return d.LegacyID == user.ID }) {
			continue
		}
		if j := s.judge(&con, &candidate{source: s.sources[i], user: user, order: i}, a); j.Verdict.Clean() {
			all[n] = j
		}
	}
	return all, nil
}

// elsewhereMended says what to do about differences that neither a repair nor a sweep ends.
func elsewhereMended(found map[Verdict]int) (text string) {
	if found[VerdictMissingThere] > 0 {
		text += "; who is missing-there is disabled by the next reconcile, and counts no more then"
	}
	if found[VerdictIDReused] > 0 {
		text += "; who is id-reused has another's key in the old store: give them another there, or skip them in quarantine"
	}
	return text
}

// accepted returns VerdictIgnored in the place of a difference that somebody accepts.
func (s *Service) accepted(ctx context.Context, source, legacyID string, j Judgement, p pair) (Judgement, error) {
	if j.Verdict.Clean() {
		return j, nil
	}
	i, err := s.store.Ignored(ctx, source, legacyID)
	switch {
	case errors.Is(err, ErrNotFound):
		return j, nil
	case err != nil:
		return Judgement{}, cannotTell("read what is ignored", err)
	case i.Verdict == j.Verdict && hmac.Equal(i.Theirs, p.theirs) && hmac.Equal(i.Ours, p.ours):
		return Judgement{Verdict: VerdictIgnored}, nil
	}
	return j, nil
}

// letBe returns VerdictIgnored for somebody who cannot be moved, if they are in quarantine and staff have said to let them be.
func (s *Service) letBe(ctx context.Context, person LegacyKey) (Verdict, error) {
	notes, err := s.quarantined(ctx, person)
	if err != nil {
		return "", err
	}
	verdict := VerdictUnmovable
	for _, note := range notes {
		switch {
		case note.State == NoteOpen:
			return VerdictUnmovable, nil
		case note.State == NoteSkipped:
			verdict = VerdictIgnored
		}
	}
	return verdict, nil
}

// IgnoreDifference accepts that somebody differs, as they do now, and returns how. Who is different is marked as by MarkDrifted
// first, unless it is of something that lets nobody in: the old password here must not come to count because somebody has accepted
// that there is another. Its error is an
// *InvalidError (the reason, or there is no difference), ErrNothingMoves, or an *UnavailableError.
func (s *Service) IgnoreDifference(ctx context.Context, source, legacyID string, by By) (Verdict, error) {
	if err := by.Check(); err != nil {
		return "", err
	}
	if s.sourceIndex(source) < 0 {
		return "", &InvalidError{Field: "source", Reason: "is none that is configured"}
	}
	a := Attempt{by: &by}
	leave, err := s.enter(&a)
	if err != nil {
		return "", err
	}
	defer leave()
	if err := a.mayMove(uuid.Nil); err != nil {
		return "", err
	}
	j := SeveralOfOneKey()
	several, both, err := s.twins(ctx, source, legacyID)
	if err == nil && !several {
		j, both, err = s.compareAgain(ctx, source, legacyID, a)
	}
	verdict := j.Verdict
	switch {
	case err != nil:
		return "", err
	case verdict == VerdictUnmovable:
		return verdict, &InvalidError{Field: "legacy_id", Reason: "is of somebody who cannot be moved: skip them in quarantine, with a reason"}
	case verdict.Clean():
		return verdict, &InvalidError{Field: "legacy_id", Reason: "is of nobody who differs: " + string(verdict)}
	case verdict == VerdictDisagreeing,
		verdict == VerdictDifferent && (len(j.Aspects) == 0 || slices.ContainsFunc(j.Aspects, Aspect.opens)):
		if _, err := s.MarkDrifted(ctx, source, legacyID, by); err != nil {
			return "", err
		}
	}
	event := s.event(SubjectFor(source, legacyID), EventDifferenceIgnored, a)
	event.Detail = map[string]string{"source": source, "legacy_id": legacyID, "found": string(verdict)}
	i := Ignored{
		Source: source, LegacyID: legacyID, Verdict: verdict, Theirs: both.theirs, Ours: both.ours, Actor: by.Actor, Reason: by.Reason, At: event.At,
	}
	if err := s.outlive(ctx, func(ctx context.Context) error { return s.store.KeepIgnored(ctx, i, event) }); err != nil {
		return "", cannotTell("store what is ignored", err)
	}
	return verdict, nil
}

// AllIgnored returns up to limit differences that are accepted, newest first. Its error is an *UnavailableError.
func (s *Service) AllIgnored(ctx context.Context, limit int) ([]Ignored, error) {
	all, err := s.store.AllIgnored(ctx, limit)
	if err != nil {
		return nil, cannotTell("read what is ignored", err)
	}
	return all, nil
}
