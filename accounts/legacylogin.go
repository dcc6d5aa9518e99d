package accounts

import (
	"context"
	"errors"
)

// Whoever wants to switch a legacy store off asks when a login last needed it. It is noted to the minute, where a password was
// proven by what that store has: guesses at the names of people who have moved need it too, and say nothing.

// legacyLoginWork is the name of the row: it is done at most once a minute, by whichever process comes first.
func legacyLoginWork(source string) string { return "legacy-login:" + source }

// noteLegacyLogin notes that a source was needed for a login. The person does not wait for it, and where it fails the next
// login does it.
func (s *Service) noteLegacyLogin(ctx context.Context, source string) {
	now := s.now()
	if s.legacyLogins.has(source, now) {
		return
	}
	s.legacyLogins.add(source, now)
	s.unended.Go(func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.writeTimeout)
		defer cancel()
		w, err := s.store.ClaimWork(ctx, legacyLoginWork(source), now, now, recentFor)
		if err == nil {
			w.DoneAt = now
			err = s.store.KeepWork(ctx, w, now)
		}
		if err != nil && !errors.Is(err, ErrNotFound) && !errors.Is(err, ErrStale) {
			s.log.WarnContext(ctx, "not noted that a login needed a legacy store; the next one notes it", "source", source, "error", err)
		}
	})
}
