package accounts

import (
	"context"
	"errors"
	"slices"

	"rekey/legacy"
)

// What a comparison reads of the legacy stores.

// newest is how far the sources that watch are; one that does not answer is left out.
func (s *Service) newest(ctx context.Context, sources []string) map[string]string {
	cursors := map[string]string{}
	for _, name := range sources {
		watcher := s.watcher(name)
		if watcher == nil {
			continue
		}
		cursor, err := watcher.Newest(ctx)
		if err != nil {
			s.log.WarnContext(ctx, "not known what was changed last; what changes from now on is compared by the next whole pass", "source", name, "error", err)
			continue
		}
		cursors[name] = cursor
	}
	return cursors
}

// watcher returns a source that watches, or nil.
func (s *Service) watcher(name string) legacy.Watcher {
	i := s.sourceIndex(name)
	if i < 0 {
		return nil
	}
	watcher, ok := s.sources[i].Source.(legacy.Watcher)
	if !ok || !watcher.Watches() {
		return nil
	}
	return watcher
}

// SourcePage returns up to limit people of a source behind a key, as legacy.Lister does, those whose record cannot be read, and
// where to go on; "" if that was the end. It asks the replica, if there is one. Its error is an *UnavailableError if it may
// pass by itself.
func (s *Service) SourcePage(ctx context.Context, source, after string, limit int) (users []legacy.User, bad []*legacy.RowError, next string, err error) {
	i := s.sourceIndex(source)
	if i < 0 {
		return nil, nil, "", errUnknownSource
	}
	lister, ok := s.sources[i].forReading().(legacy.Lister)
	if !ok {
		return nil, nil, "", errNoLister
	}
	p, err := readPage(ctx, s.sources[i].forReading(), after, limit, lister.List)
	switch {
	case errors.Is(err, legacy.ErrMapping), errors.Is(err, ErrWalkStuck):
		return nil, nil, "", err
	case err != nil:
		return nil, nil, "", cannotTell("walk "+source, err)
	case !p.Last:
		next = p.Next
	}
	return p.People, p.Unreadable, next, nil
}

// NotThere returns those of some keys, which are sorted, under which a source has nobody whose record can be read. It asks the
// replica, if there is one. Its error is an *UnavailableError.
//
// Where people cannot be read by key, the source is walked from end to end, whatever number of keys is asked for.
func (s *Service) NotThere(ctx context.Context, source string, legacyIDs []string, page int) ([]string, error) {
	i := s.sourceIndex(source)
	if i < 0 {
		return nil, errUnknownSource
	}
	there := make([]bool, len(legacyIDs))
	met := func(user legacy.User) error {
		if at, asked := slices.BinarySearch(legacyIDs, user.ID); asked {
			there[at] = true
		}
		return nil
	}
	if getter, ok := s.sources[i].forReading().(legacy.Getter); ok {
		users, err := legacy.GetMany(ctx, getter, legacyIDs)
		if _, err = legacy.RowErrors(err); err != nil {
			return nil, cannotTell("read people of "+source, err)
		}
		for _, user := range users {
			_ = met(user) // it never fails
		}
	} else {
		all := Source{Name: source, Source: s.sources[i].forReading()}
		if err := walk(ctx, all, page, met, func(*legacy.RowError) {}); err != nil {
			return nil, cannotTell("walk "+source, err)
		}
	}
	var gone []string
	for at, id := range legacyIDs {
		if !there[at] {
			gone = append(gone, id)
		}
	}
	return gone, nil
}

// ReadByKey reports whether people of a source can be read by their keys.
func (s *Service) ReadByKey(source string) bool {
	i := s.sourceIndex(source)
	if i < 0 {
		return false
	}
	_, ok := s.sources[i].forReading().(legacy.Getter)
	return ok
}

// forReading is where much is read that need not be of this very moment.
func (s Source) forReading() legacy.Source {
	if s.Replica != nil {
		return s.Replica
	}
	return s.Source
}
