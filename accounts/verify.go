package accounts

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"slices"
	"time"

	"github.com/google/uuid"

	"rekey/accounts/phase"
	"rekey/legacy"
)

// People are compared by the page: one question to the store says whether all of a page are here as they are there, and only
// where they are not are they judged one by one, as by Compare. See validate.go for what is judged.

// A Digest says who of some legacy people are here, and how: where two are equal, the same people are here with the same
// fingerprints. It takes two words, however many people they are.
type Digest struct {
	People int64
	Sum    uint64 // of all of them, in any order
}

// Add adds one person. The fingerprints are keyed, so that nobody can choose records whose sums cancel out.
func (d *Digest) Add(account uuid.UUID, legacyID string, fingerprint []byte) {
	one := make([]byte, 0, 128) // more than most take
	one = append(one, account[:]...)
	one = append(one, fingerprint...)
	one = append(one, legacyID...)
	sum := sha256.Sum256(one)
	d.People++
	d.Sum ^= binary.BigEndian.Uint64(sum[:])
}

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
	// CopiesDigest returns the Digest of those of some legacy people of one source who are here, and about whom there is nothing
	// that tells them from a good copy: they live, nothing of them was changed or decided here or is in doubt, their link is not
	// marked, and was copied in the epoch since or later.
	CopiesDigest(ctx context.Context, source string, legacyIDs []string, since int64) (Digest, error)
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

func (s *Service) pairOf(rec *Record, c *candidate) pair {
	var p pair
	if rec != nil && rec.Link != nil {
		p.ours = rec.Link.Fingerprint
	}
	if c != nil {
		p.theirs = s.fingerprint(*c)
	}
	return p
}

// CompareMany judges people of one source as a page of a walk has found them. Where it ends with an error, which is an
// *UnavailableError, the verdicts are of those that it had come to.
func (s *Service) CompareMany(ctx context.Context, source string, users []legacy.User) ([]Verdict, error) {
	verdicts, err := s.compareAtOnce(ctx, source, users)
	if err != nil {
		return nil, err
	}
	for i, user := range users {
		if verdicts[i] != "" {
			continue
		}
		if verdicts[i], err = s.Compare(ctx, source, user); err != nil {
			return verdicts[:i], err
		}
	}
	return verdicts, nil
}

// compareAtOnce judges those about whom there is no doubt, and leaves the others out. It holds the phase for no longer than three
// questions to the store take.
func (s *Service) compareAtOnce(ctx context.Context, source string, users []legacy.User) ([]Verdict, error) {
	var a Attempt
	leave, err := s.enter(&a)
	if err != nil {
		return nil, err
	}
	defer leave()
	verdicts := make([]Verdict, len(users))
	ids := make([]string, len(users))
	prints := s.fingerprints(users)
	var want Digest
	for i, user := range users {
		ids[i] = user.ID
		want.Add(SubjectFor(source, user.ID), user.ID, prints[i])
	}
	since := int64(0)
	if a.at.Phase >= phase.Both {
		since = max(1, a.at.TrustEpoch)
	}
	digest, err := s.store.CopiesDigest(ctx, source, ids, since)
	if err != nil {
		return nil, cannotTell("compare copies", err)
	}
	trusted := a.at.Phase < phase.Both || a.at.TrustEpoch > 0
	disagree, err := s.store.DisagreementsOf(ctx, source, ids)
	if err != nil {
		return nil, cannotTell("read disagreements", err)
	}
	if digest == want && trusted && len(disagree) == 0 {
		for i := range verdicts {
			verdicts[i] = VerdictEqual
		}
		return verdicts, nil
	}
	copies, err := s.store.Copies(ctx, source, ids)
	if err != nil {
		return nil, cannotTell("read copies", err)
	}
	for i := range users {
		disagrees := slices.ContainsFunc(disagree, func(d Disagreement) bool { return d.LegacyID == ids[i] })
		if c, here := copies[ids[i]]; here && !disagrees {
			verdicts[i] = judgeCopy(c, prints[i], a)
		}
	}
	return verdicts, nil
}

// judgeCopy is judge by what Copies tells; "" where they are to be read again first.
func judgeCopy(c Copy, fingerprint []byte, a Attempt) Verdict {
	switch link := c.Link; {
	case c.Deleted():
		return VerdictDeleted
	case c.Pinned, c.InDoubt, c.ChangedHere && hmac.Equal(link.Fingerprint, fingerprint):
		return VerdictAhead
	case c.Part:
		return VerdictEqual
	case !hmac.Equal(link.Fingerprint, fingerprint), link.Dirty, link.Drifted, a.at.Phase >= phase.Both && !a.at.Trusts(facts(c.Record)):
		return ""
	}
	return VerdictEqual
}

// fingerprints are those of people of one source.
func (s *Service) fingerprints(users []legacy.User) [][]byte {
	prints := make([][]byte, len(users))
	for i, user := range users {
		prints[i] = s.fingerprint(candidate{user: user})
	}
	return prints
}

// accepted returns VerdictIgnored in the place of a difference that somebody accepts.
func (s *Service) accepted(ctx context.Context, source, legacyID string, v Verdict, p pair) (Verdict, error) {
	if v.Clean() {
		return v, nil
	}
	i, err := s.store.Ignored(ctx, source, legacyID)
	switch {
	case errors.Is(err, ErrNotFound):
		return v, nil
	case err != nil:
		return "", cannotTell("read what is ignored", err)
	case i.Verdict == v && hmac.Equal(i.Theirs, p.theirs) && hmac.Equal(i.Ours, p.ours):
		return VerdictIgnored, nil
	}
	return v, nil
}

// letBe returns VerdictIgnored for somebody who cannot be moved, if they are in quarantine and staff have said to let them be.
func (s *Service) letBe(ctx context.Context, person LegacyKey) (Verdict, error) {
	notes, err := s.Quarantine(ctx, QuarantineQuery{Source: person.Source, After: NoteKey{LegacyKey: person}, Limit: len(noteMeanings)})
	if err != nil {
		return "", err
	}
	verdict := VerdictUnmovable
	for _, note := range notes {
		switch {
		case note.LegacyKey != person:
		case note.State == NoteOpen:
			return VerdictUnmovable, nil
		case note.State == NoteSkipped:
			verdict = VerdictIgnored
		}
	}
	return verdict, nil
}

// IgnoreDifference accepts that somebody differs, as they do now, and returns how. Who is different is marked as by MarkDrifted
// first: the old password here must not come to count because somebody has accepted that there is another. Its error is an
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
	verdict, both, err := s.compareAgain(ctx, source, legacyID, a)
	switch {
	case err != nil:
		return "", err
	case verdict == VerdictUnmovable:
		return verdict, &InvalidError{Field: "legacy_id", Reason: "is of somebody who cannot be moved: skip them in quarantine, with a reason"}
	case verdict.Clean():
		return verdict, &InvalidError{Field: "legacy_id", Reason: "is of nobody who differs: " + string(verdict)}
	case verdict == VerdictDifferent, verdict == VerdictDisagreeing:
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
