package accounts

import (
	"context"
	"errors"
	"time"

	"rekey/accounts/phase"
)

// While the new store does not answer and the lease still runs, people go on logging in where legacy answers for everybody: in
// legacy-only and shadow, by legacy and no word of an operator. The rules:
//
//  1. A login's first read of the new store has a second there. If it does not answer, legacy answers alone, as in alone.go: an
//     access token, and nothing to renew it.
//  2. No phase in which legacy does not answer can have begun elsewhere: a move waits for this replica, or for its lease to end.
//     Then this ends too.
//  3. Staff disable, pin and delete in the new store alone. Whom they did that to is apart and gets 503, as far as it was known
//     when the lease was last renewed: who was disabled elsewhere since, which is less than a lease ago, is let in once more,
//     for as long as an access token lives. Where who is apart is not known, nobody is answered.
//  4. Nothing is written, here or there.

// awayAfter is how long a login waits for the new store where legacy can answer alone: a read takes some milliseconds, and people
// wait for it once, at each login until the store is back.
const awayAfter = time.Second

// readNamed reads who it is that logs in. Where the new store does not say, and legacy may answer without it, the attempt is alone
// from then on.
func (s *Service) readNamed(ctx context.Context, name Identifier, a *Attempt) (Record, error) {
	limited := ctx
	if !a.at.NeedsNew() {
		var cancel context.CancelFunc
		limited, cancel = context.WithTimeout(ctx, awayAfter)
		defer cancel()
	}
	rec, err := s.store.ByIdentifier(limited, name.Canonical)
	if err == nil || errors.Is(err, ErrNotFound) {
		return rec, err
	}
	s.countUnread(ctx, *a)
	a.alone = ctx.Err() == nil && s.lease.answersAlone(a.at)
	return rec, err
}

// answersAlone reports whether legacy may answer alone in a state, as long as the lease runs.
func (l *Lease) answersAlone(at phase.State) bool {
	if l == nil || at.NeedsNew() {
		return false
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.now()
	return l.terms.MayWrite(l.sent, now, 0) && l.state.Epoch == at.Epoch && l.knowsApart(now)
}

// GoesOn reports whether this process lets people in now, should the new store not answer: under its lease, or alone.
func (s *Service) GoesOn() bool {
	return s.Alone() || s.lease != nil && s.lease.answersAlone(s.lease.State())
}
