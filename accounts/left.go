package accounts

import (
	"context"
	"time"

	"rekey/legacy"
)

// WalkLeft visits everybody of a source in the order of its keys, and tells of each whether there is nothing of them here: neither an
// account nor that they were deleted. What is here is read for a page at a time. unreadable is told of each
// record that nobody can be made of.
func (s *Service) WalkLeft(
	ctx context.Context, source string, page int, visit func(user legacy.User, left bool) error, unreadable func(*legacy.RowError),
) error {
	i := s.sourceIndex(source)
	if i < 0 {
		return errUnknownSource
	}
	return walkPages(ctx, s.sources[i], page, func(people []legacy.User) error {
		here, err := s.store.Copies(ctx, source, legacyIDs(people))
		if err != nil {
			return cannotTell("read accounts by their links", err)
		}
		for _, user := range people {
			_, found := here[user.ID]
			if err := visit(user, !found); err != nil {
				return err
			}
		}
		return nil
	}, unreadable)
}

// MovingSince returns the day on which the first one moved by logging in; the zero time if nobody has. Its error is an
// *UnavailableError.
func (s *Service) MovingSince(ctx context.Context) (time.Time, error) {
	days, err := s.store.MovedByDay(ctx)
	if err != nil {
		return time.Time{}, cannotTell("count by day", err)
	}
	for _, d := range days {
		if d.How == ByLogin {
			return d.Day, nil
		}
	}
	return time.Time{}, nil
}
