package accounts

import (
	"context"
	"errors"
)

// Where the legacy store must have a change and takes none from us, whoever asks for it is sent there.

// ErrManagedElsewhere: the legacy store must have the change, and takes none from us. Where it is known which store that is,
// the error is an *ElsewhereError.
var ErrManagedElsewhere = errors.New("the account is managed in the legacy store")

// An ElsewhereError is ErrManagedElsewhere of one legacy store.
type ElsewhereError struct {
	URL string // the Source's ManageURL
}

func (e *ElsewhereError) Error() string { return ErrManagedElsewhere.Error() }

// Is makes it an ErrManagedElsewhere.
func (e *ElsewhereError) Is(target error) bool { return target == ErrManagedElsewhere }

func (s Source) elsewhere() error { return &ElsewhereError{s.ManageURL} }

// elsewhere is the answer to somebody who is logged in. That the change is not made here stands already, so where their store
// cannot be told they are sent to none.
func (s *Service) elsewhere(ctx context.Context, session Session) error {
	source := session.Source
	if rec, err := s.store.ByID(ctx, session.AccountID); err == nil && rec.Link != nil {
		source = rec.Link.Source
	}
	if i := s.sourceIndex(source); i >= 0 {
		return s.sources[i].elsewhere()
	}
	return ErrManagedElsewhere
}
