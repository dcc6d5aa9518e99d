package sqlsource

import (
	"context"
	"slices"

	"rekey/legacy"
	"rekey/legacy/guard"
)

const (
	// maxSpellings is how many arguments one SELECT of FindMany has, of all columns: SQL Server takes 2100. They are asked for in
	// powers of two, so that a database that keeps plans has few of them to keep.
	maxSpellings = 2048
	// fewSpellings is how many are asked for at once where the database has refused one of many: then it is asked about each.
	fewSpellings = 32
)

// FindsMany is legacy.ManyFinder's: an operator's own query knows the names of one person.
func (s *Source) FindsMany() bool { return s.config.Table != "" && s.customs.lookup == nil }

// FindMany is legacy.ManyFinder's: one SELECT for some hundred spellings, each under a deadline of its own.
func (s *Source) FindMany(ctx context.Context, spellings []string) ([]legacy.User, error) {
	columns := 0
	for _, f := range s.schema.fields {
		if f.kind.isIdentifier() {
			columns++
		}
	}
	each := fewSpellings
	for 2*each*columns <= maxSpellings {
		each *= 2
	}
	var users []legacy.User
	var bad []*legacy.RowError
	for part := range slices.Chunk(askable(spellings), each) {
		err := s.findMany(ctx, toPowerOfTwo(part), &users, &bad)
		if err != nil {
			return nil, err
		}
	}
	return users, joined(bad)
}

// findMany asks for those who have one of some spellings, and for few at a time where the database cannot hold one of them.
func (s *Source) findMany(ctx context.Context, spellings []string, users *[]legacy.User, bad *[]*legacy.RowError) error {
	refused := false
	err := s.ask(ctx, "find users", func(ctx context.Context) error {
		shape, err := s.types(ctx)
		if err != nil {
			return err
		}
		most := len(spellings) * maxPeople
		found, rows, err := s.find(ctx, shape, spellings, nil, most)
		if refused = isCharsetError(err); refused {
			if len(spellings) > fewSpellings {
				return nil
			}
			unfit, err := s.unfit(ctx, shape, spellings)
			if err != nil {
				return err
			}
			refused = false
			if found, rows, err = s.find(ctx, shape, spellings, unfit, most); err != nil {
				return err
			}
		} else if err != nil {
			return err
		}
		if len(found)+len(rows) > most {
			return guard.Answered(legacy.ErrTooMany)
		}
		*users, *bad = append(*users, found...), append(*bad, rows...)
		return nil
	})
	if err != nil || !refused {
		return err
	}
	for part := range slices.Chunk(spellings, fewSpellings) {
		if err := s.findMany(ctx, part, users, bad); err != nil {
			return err
		}
	}
	return nil
}

// toPowerOfTwo repeats the last of some spellings until there are as many.
func toPowerOfTwo(spellings []string) []string {
	full := 1
	for full < len(spellings) {
		full *= 2
	}
	last := spellings[len(spellings)-1:]
	return slices.Concat(spellings, slices.Repeat(last, full-len(spellings)))
}
