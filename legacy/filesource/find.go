package filesource

import (
	"context"
	"slices"

	"rekey/legacy"
	"rekey/legacy/guard"
)

// maxSpellings is how many are asked for by one SELECT of FindMany.
const maxSpellings = 1000

// FindsMany is legacy.ManyFinder's.
func (s *Source) FindsMany() bool { return true }

// FindMany is legacy.ManyFinder's. Where the export could not be read to its end, nobody can tell who is not in it.
func (s *Source) FindMany(ctx context.Context, spellings []string) ([]legacy.User, error) {
	var users []legacy.User
	var bad []*legacy.RowError
	for part := range slices.Chunk(askable(spellings), maxSpellings) {
		err := s.ask(ctx, "find users", func(ctx context.Context, x *index) error {
			most := len(part) * maxPeople
			found, rows, err := x.lookup(ctx, s.config, part, most)
			switch {
			case err != nil:
				return err
			case len(found)+len(rows) > most:
				return guard.Answered(legacy.ErrTooMany)
			}
			users, bad = append(users, found...), append(bad, rows...)
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	return users, joined(bad)
}
