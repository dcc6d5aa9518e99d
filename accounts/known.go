package accounts

import (
	"context"
	"time"

	"github.com/google/uuid"

	"rekey/legacy"
)

// Known is what the store held of some legacy people of one source just before they were read there; see Service.KnownBefore. The
// zero Known is that nobody has looked.
type Known struct {
	copies map[string]Copy
	epochs map[uuid.UUID]int64
	epoch  int64     // of the phase
	at     time.Time // of the store
}

// knownFor is how long ago the legacy store may have been read when accounts are made of it. Who reads it once more has read some
// milliseconds ago, and writes as long.
const knownFor = 2 * time.Second

// goodFor reports whether nobody has to look again, in an attempt at a time.
func (k Known) goodFor(a Attempt, now time.Time) bool {
	return !k.at.IsZero() && k.epoch == a.at.Epoch && now.Sub(k.at) < knownFor
}

// copies returns what is here of people of a source.
func (s *Service) copies(ctx context.Context, source string, people []legacy.User, k Known, a Attempt) (map[string]Copy, error) {
	if k.goodFor(a, s.now()) {
		return k.copies, nil
	}
	return s.store.Copies(ctx, source, legacyIDs(people))
}

func legacyIDs(people []legacy.User) []string {
	ids := make([]string, len(people))
	for i := range people {
		ids[i] = people[i].ID
	}
	return ids
}

// KnownBefore reads people of a source by a function, and returns what the store held of them in the moment before. So nobody who is
// moved soon after has to be read a second time: what was known is older than what was read. The function must not ask the store.
// The error is that of the function, or an *UnavailableError.
func (s *Service) KnownBefore(ctx context.Context, source string, read func(context.Context) ([]legacy.User, error)) (Known, error) {
	var a Attempt
	leave, err := s.enter(&a)
	if err != nil {
		return Known{}, err
	}
	leave()
	k := Known{epoch: a.at.Epoch, at: s.now()}
	var unread error
	err = s.store.Snapshot(ctx, func(held Lookups) (err error) {
		var people []legacy.User
		if people, unread = read(ctx); unread != nil || !k.goodFor(a, s.now()) {
			k = Known{} // who moves them asks
			return unread
		}
		ids := legacyIDs(people)
		subjects := make([]uuid.UUID, len(ids))
		for i, id := range ids {
			subjects[i] = SubjectFor(source, id)
		}
		if k.copies, err = held.Copies(ctx, source, ids); err == nil {
			k.epochs, err = held.SessionEpochs(ctx, subjects)
		}
		return err
	})
	if err != nil && unread == nil {
		err = cannotTell("look who is here", err)
	}
	return k, err
}
