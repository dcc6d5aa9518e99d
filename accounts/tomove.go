package accounts

import (
	"context"

	"rekey/legacy"
)

// ToMove returns how many people of one source may be moved or copied, as MigrateMany would try: all but those who are here as they
// should be, and those who are held. It reads no legacy store. Its error is ErrNothingMoves, or an *UnavailableError.
func (s *Service) ToMove(ctx context.Context, source string, people []legacy.User, held map[string]Unmoved) (int, error) {
	i := s.sourceIndex(source)
	if i < 0 {
		return 0, errUnknownSource
	}
	a := Attempt{how: BySweep}
	leave, err := s.enter(&a)
	if err != nil {
		return 0, err
	}
	defer leave()
	ids := make([]string, 0, len(people))
	for _, user := range people {
		if _, no := held[user.ID]; !no && storable(user.ID) {
			ids = append(ids, user.ID)
		}
	}
	copies, err := s.store.Copies(ctx, source, ids)
	if err != nil {
		return 0, cannotTell("look who is here", err)
	}
	b := bulk{Service: s, a: a}
	n := len(ids)
	for _, user := range people {
		if copied, here := copies[user.ID]; here && b.isAsItShould(copied, candidate{source: s.sources[i], user: user, order: i}) {
			n--
		}
	}
	return n, nil
}
