package accounts

import (
	"context"
	"errors"
	"slices"

	"rekey/legacy"
)

// Whose name has come to be another's too since the search for shared names; see rule 4 of bulk.go. While a run lasts somebody may take,
// in the legacy store, the name of a person who has not moved: moved with it, they would keep that person out. So a search is believed for
// a while; whoever runs it says for how long.

// findsMany reports whether every source can be asked for many names at once.
func (s *Service) findsMany() bool {
	return !slices.ContainsFunc(s.sources, func(source Source) bool { return legacy.FindsMany(source.Source) == nil })
}

// namesAgain moves those by themselves who share a name with another legacy person by now, where the search is too long ago to say.
func (b *bulk) namesAgain(ctx context.Context) error {
	if len(b.movers) == 0 || !b.outdated {
		return nil
	}
	shared := map[*mover]bool{}
	if err := b.findShared(ctx, b.movers, shared); err != nil {
		return err
	}
	return b.aloneIf(ctx, func(m *mover) bool { return shared[m] })
}

// findShared finds those of some movers who share a name. Where somebody who has one of the names cannot be read, or too many have
// one, it is looked for whose name that is: of them it cannot be told either.
func (b *bulk) findShared(ctx context.Context, movers []*mover, shared map[*mover]bool) error {
	var names []Identifier
	owners := make(map[string][]*mover, 2*len(movers))
	for _, m := range movers {
		for _, id := range m.ids {
			names, owners[id.Canonical] = append(names, id), append(owners[id.Canonical], m)
		}
	}
	answers := b.askEach(b.sources, names, func(source Source, spellings []string) ([]legacy.User, error) {
		return legacy.FindsMany(source.Source).FindMany(ctx, spellings)
	})
	for order, answer := range answers {
		rows, err := legacy.RowErrors(answer.err)
		tooMany := errors.Is(err, legacy.ErrTooMany)
		switch {
		case err != nil && !tooMany:
			return err
		case (len(rows) > 0 || tooMany) && len(movers) == 1:
			shared[movers[0]] = true
			return nil
		case len(rows) > 0 || tooMany:
			half := len(movers) / 2
			if err := b.findShared(ctx, movers[:half], shared); err != nil {
				return err
			}
			return b.findShared(ctx, movers[half:], shared)
		}
		for _, user := range answer.users {
			c := candidate{source: answer.source, user: user, order: order}
			ids, _ := b.identifiersOf(c, nil)
			for _, id := range ids {
				for _, m := range owners[id.Canonical] {
					shared[m] = shared[m] || !c.is(b.candidate(m))
				}
			}
		}
	}
	return nil
}

// aloneIf moves those of the movers by themselves of whom that is said.
func (b *bulk) aloneIf(ctx context.Context, so func(*mover) bool) error {
	together := b.movers[:0]
	for _, m := range b.movers {
		if !so(m) {
			together = append(together, m)
		} else if err := b.alone(ctx, m.user.ID); err != nil {
			return err
		}
	}
	b.movers = together
	return nil
}
