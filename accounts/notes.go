package accounts

import (
	"context"
	"sync"
	"time"
)

// noteStands is the reason of a NoteDrifted.
const noteStands = "the legacy record was changed by others after it was changed here; what was changed here stands"

// noteContested tells support about somebody who has logged in and cannot be moved.
func (s *Service) noteContested(ctx context.Context, c candidate, a Attempt) {
	s.stats.Contested.Add(1)
	s.note(ctx, c, NoteContested, "an identifier is held by several legacy people", a)
}

// noteUnreadable tells support about a hash that nobody can log in with.
func (s *Service) noteUnreadable(ctx context.Context, c candidate, class NoteClass, reason string, a Attempt) {
	s.stats.Unreadable.Add(1)
	s.note(ctx, c, class, reason, a)
}

// note tells support about a legacy person: one note and one event per person and class, however often they try.
// Failing to write it changes nothing for the person; the next attempt writes it.
func (s *Service) note(ctx context.Context, c candidate, class NoteClass, reason string, a Attempt) {
	if a.alone {
		return
	}
	key := c.source.Name + "\x00" + c.user.ID + "\x00" + string(class)
	if s.noted.has(key, s.now()) {
		return
	}
	event := s.event(SubjectFor(c.source.Name, c.user.ID), EventQuarantined, a)
	event.Actor = "system"
	event.Reason = reason
	event.Detail = map[string]string{"source": c.source.Name, "legacy_id": c.user.ID, "class": string(class)}
	err := s.outlive(ctx, func(ctx context.Context) error {
		_, err := s.store.AddNote(ctx, Note{
			Source: c.source.Name, LegacyID: c.user.ID, Class: class, Reason: reason, At: s.now(),
		}, event)
		return err
	})
	if err != nil {
		s.log.WarnContext(ctx, "note for support not written", "source", c.source.Name, "legacy_id", c.user.ID, "class", class, "error", err)
		return
	}
	s.noted.add(key, s.now())
}

// A recentSet remembers strings for a while, within a bound. It only ever saves work: forgetting is always right.
type recentSet struct {
	mu      sync.Mutex
	expires map[string]time.Time
}

const (
	recentFor = time.Minute // a namesake who registers in the legacy store has to wait no longer than this
	recentMax = 10_000      // entries; about 2 MiB
)

func (r *recentSet) has(key string, now time.Time) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return now.Before(r.expires[key])
}

func (r *recentSet) add(key string, now time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.expires == nil || len(r.expires) >= recentMax {
		r.expires = make(map[string]time.Time)
	}
	r.expires[key] = now.Add(recentFor)
}
