package accounts

import (
	"context"
	"errors"
	"slices"
	"time"

	"rekey/legacy"
)

// Who is deleted stays deleted. The legacy row may live on (nobody may write there, or not yet), and old stores give a
// number out again; neither brings the person back, and neither lets somebody else in as them.

// tombstoned reports whether a legacy person was deleted here. Where the row under their key is not theirs any more, as
// its time of creation tells, c is marked as reused instead.
func (s *Service) tombstoned(ctx context.Context, c *candidate) (bool, error) {
	link, err := s.store.Tombstone(ctx, c.source.Name, c.user.ID)
	switch {
	case errors.Is(err, ErrNotFound):
		// Somebody who was born here may be there before any link says so.
		inserted, err := s.inserted(ctx, *c)
		return inserted != nil && !inserted.Intent, err
	case err != nil:
		return false, err
	}
	c.reused = !link.LegacyCreatedAt.IsZero() && !c.user.CreatedAt.IsZero() &&
		link.LegacyCreatedAt.UnixMicro() != c.user.CreatedAt.UnixMicro()
	return !c.reused, nil
}

// inserted returns the delivery that has made a legacy person, if it has not ended: an intent, or one of somebody who was deleted
// before. Nobody else has the hash that it brings.
func (s *Service) inserted(ctx context.Context, c candidate) (*Delivery, error) {
	open, err := s.inserts(ctx, c.source)
	if err != nil {
		return nil, err
	}
	return open.of(c.user), nil
}

// inserts are the deliveries that make people in a legacy store and have not ended.
type inserts []*delivery

// of returns the one that has made a legacy person, or nil.
func (open inserts) of(user legacy.User) *Delivery {
	for _, d := range open {
		if d.carries(user) {
			return &d.Delivery
		}
	}
	return nil
}

func (s *Service) inserts(ctx context.Context, source Source) (inserts, error) {
	if !source.writes().Insert {
		return nil, nil // nobody is made there
	}
	found, err := s.store.Inserts(ctx, source.Name)
	if err != nil {
		return nil, err
	}
	open := make(inserts, len(found))
	for i, d := range found {
		p, err := s.unpack(d)
		if err != nil {
			return nil, err
		}
		open[i] = &delivery{Delivery: d, parcel: p}
	}
	return open, nil
}

// errReused says why somebody cannot be logged in: their subject would be another person's.
var errReused = errors.New("the legacy id belonged to another person's account")

// retryReused is when to try again after errReused: support has to settle it.
const retryReused = time.Minute

// Why a person is in quarantine as NoteIDReused.
const (
	noteReusedDeleted = "the id belonged to a person who was deleted, and its row is another's now"
	noteReused        = "the id belonged to another person, who is gone from the legacy store"
)

func (s *Service) doubtReused(ctx context.Context, c candidate, why string, a Attempt) error {
	s.note(ctx, c, NoteIDReused, why, a)
	return &UnavailableError{RetryAfter: retryReused, Err: errReused}
}

// reused is why nothing is made of somebody for another's account, nor of the account for them.
func reused() error { return &UnmovableError{NoteIDReused, noteReused} }

// isReused reports whether an error is that.
func isReused(err error) bool {
	no, ok := errors.AsType[*UnmovableError](err)
	return ok && no.Class == NoteIDReused
}

// reusedKey reports whether the key that an account is linked by is another person's in the legacy store now; see isOther. rec may be
// nobody's.
func (s *Service) reusedKey(ctx context.Context, rec Record, c candidate) (bool, error) {
	if rec.Link == nil || rec.Deleted() {
		return false, nil
	}
	link := *rec.Link
	if link.Source != c.source.Name || link.LegacyID != c.user.ID { // they are a part of it
		links, err := s.store.Links(ctx, rec.ID)
		if err != nil {
			return false, cannotTell("read links", err)
		}
		i := slices.IndexFunc(links, func(l LegacyLink) bool { return l.Source == c.source.Name && l.LegacyID == c.user.ID })
		if i < 0 {
			return false, nil // it went just now
		}
		link = links[i]
	}
	return s.isOther(c, link), nil
}

// ownKey returns an *UnavailableError for somebody whose key another's account is linked by. Whatever password they have: it would be
// answered with the other's subject.
func (s *Service) ownKey(ctx context.Context, rec Record, c candidate, a Attempt) error {
	switch other, err := s.reusedKey(ctx, rec, c); {
	case err != nil:
		return err
	case other:
		return s.doubtReused(ctx, c, noteReused, a)
	}
	return nil
}
