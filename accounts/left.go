package accounts

import (
	"context"
	"time"

	"rekey/legacy"
)

// WalkLeft visits everybody of a source as Walk does, and tells of each whether there is nothing of them here: neither an account
// nor that they were deleted. What is here is read for a page at a time.
func (s *Service) WalkLeft(
	ctx context.Context, source string, page int, visit func(user legacy.User, left bool) error, unreadable func(*legacy.RowError),
) error {
	var read []legacy.User
	tell := func() error {
		here, err := s.store.Copies(ctx, source, legacyIDs(read))
		if err != nil {
			return cannotTell("read accounts by their links", err)
		}
		for _, user := range read {
			_, found := here[user.ID]
			if err := visit(user, !found); err != nil {
				return err
			}
		}
		read = read[:0]
		return nil
	}
	err := s.Walk(ctx, source, page, func(user legacy.User) error {
		if read = append(read, user); len(read) < page {
			return nil
		}
		return tell()
	}, unreadable)
	if err != nil {
		return err
	}
	return tell()
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
