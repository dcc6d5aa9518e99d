package accounts

import (
	"context"
	"errors"
	"slices"

	"github.com/google/uuid"
)

// A Barring is what disabling or enabling somebody by staff has come to.
type Barring struct {
	AccountID uuid.UUID
	Changed   bool // if not, they are so already
	Moved     bool // they were moved first, or would be
	Ended     []uuid.UUID
}

// DisableBy disables or enables the person whom a ref names, wherever they are: whom a legacy store alone has is moved first, so that
// they are disabled here, whatever that store says. Its error is an *InvalidError, ErrNotFound, ErrContestedPerson, an
// *UnmovableError, ErrNothingMoves, ErrManagedElsewhere (a legacy store has disabled them, and has to enable them), or an
// *UnavailableError.
func (s *Service) DisableBy(ctx context.Context, ref string, disabled, dryRun bool, by By) (Barring, error) {
	if err := by.Check(); err != nil {
		return Barring{}, err
	}
	a, err := s.looking(ctx)
	if err != nil {
		return Barring{}, err
	}
	p, err := s.named(ctx, ref, a)
	if err != nil {
		return Barring{}, err
	}
	b := Barring{AccountID: p.id}
	switch {
	case p.rec != nil && p.rec.Deleted():
		return Barring{}, ErrNotFound
	case p.rec != nil:
		b.Changed = p.rec.Disabled != disabled
	case disabled:
		b.Changed, b.Moved = true, true
		err = s.moveFor(ctx, p.key, dryRun, by)
	case p.there != nil && p.there.user.Disabled:
		err = p.there.source.elsewhere()
	default:
		return b, nil
	}
	if err != nil || dryRun {
		return b, err
	}
	b.Changed, b.Ended, err = s.SetDisabled(ctx, p.id, disabled, by)
	return b, err
}

// moveFor moves somebody for a change by which no password of theirs counts any more: a hash of which nobody can make anything is
// left behind. Its error is that of Migrate.
func (s *Service) moveFor(ctx context.Context, key LegacyKey, dryRun bool, by By) error {
	m := Migration{Source: key.Source, LegacyID: key.LegacyID, How: BySupport, By: by, DryRun: dryRun}
	_, err := s.Migrate(ctx, m)
	useless := []NoteClass{NoteUnusableHash, NoteUnreadableHash, NoteOverBounds}
	if no, ok := errors.AsType[*UnmovableError](err); ok && slices.Contains(useless, no.Class) {
		m.Hash, m.useless = KeepReset, true
		_, err = s.Migrate(ctx, m)
	}
	return err
}
