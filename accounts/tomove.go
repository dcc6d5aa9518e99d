package accounts

import (
	"context"

	"rekey/legacy"
)

// ToMove returns how many people of one source may be moved or copied, as MigrateMany would try: all but those who are here as they
// should be, those who are held, and those of whom several have one key. known is what KnownBefore has said of them. It reads no
// legacy store. Its error is ErrNothingMoves, or an *UnavailableError.
func (s *Service) ToMove(ctx context.Context, source string, people []legacy.User, held map[string]Unmoved, known Known) (int, error) {
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
	copies, err := s.copies(ctx, source, people, known, a)
	if err != nil {
		return 0, cannotTell("look who is here", err)
	}
	n := 0
	records := keysOf(people)
	for _, user := range people {
		if _, no := held[user.ID]; no || !storable(user.ID) || records[user.ID] > 1 {
			continue
		}
		if copied, here := copies[user.ID]; !here || !s.isAsItShould(copied, candidate{source: s.sources[i], user: user, order: i}, a) {
			n++
		}
	}
	return n, nil
}
