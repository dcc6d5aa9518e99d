package accounts

import (
	"fmt"

	"github.com/google/uuid"

	"rekey/accounts/phase"
)

// Whether anybody is moved is for the phase to say, and so is whether a password can be taken away: where legacy answers, the first
// login there would copy it again, and it would count from new-first on. Where no mail is sent it is never taken away: nobody could set
// another.

// resetsNobodyError is an ErrNothingMoves for KeepReset alone.
type resetsNobodyError struct{ at phase.State }

// Error says when it may.
func (e resetsNobodyError) Error() string {
	return fmt.Sprintf("in phase %s the old store answers, so that a login there would bring a password back that is taken away here: hash reset may be used from new-first on, or in a ramp for whom it has reached", e.at.Phase)
}

// Is says that it is one.
func (resetsNobodyError) Is(target error) bool { return target == ErrNothingMoves }

// resetsUnmailedError is an *InvalidError, and an ErrNothingMoves too, so that who is to move many waits, as in a phase in which nobody
// moves: it is nobody's record that is wrong.
type resetsUnmailedError struct{}

// Error says what is missing.
func (e resetsUnmailedError) Error() string { return e.Unwrap().Error() }

// Unwrap names the field.
func (resetsUnmailedError) Unwrap() error { return &InvalidError{Field: "hash", Reason: ResetUnmailed} }

// Is says that it is one.
func (resetsUnmailedError) Is(target error) bool { return target == ErrNothingMoves }

// ResetUnmailed is why KeepReset is refused where no mail is sent.
const ResetUnmailed = "cannot be reset where no mail is sent (mail in the configuration): nobody could set a new password"

// mayKeep is mayMove for a way to keep the hash of somebody who is absent.
func (s *Service) mayKeep(a Attempt, id uuid.UUID, keep Keep) error {
	if err := a.mayMove(id); err != nil {
		return err
	}
	return mayReset(a.at, keep, s.mailer != nil, a.answersCopy(id))
}

// answersCopy reports whether this store answers for somebody who is absent once they are here.
func (a Attempt) answersCopy(id uuid.UUID) bool {
	return a.at.Row(phase.Account{ID: id, CopiedEpoch: max(a.at.Epoch, 1)}).Answers == phase.New
}

// Moves returns nil if everybody may be moved or copied now, with their hashes kept in some way, or why not: ErrNothingMoves, which
// is an *InvalidError too where no mail is sent that the way needs, or an *UnavailableError.
func (s *Service) Moves(keep Keep) error {
	var a Attempt
	leave, err := s.enter(&a)
	if err != nil {
		return err
	}
	defer leave()
	return MovesIn(a.at, keep, s.mailer != nil)
}

// MovesIn is Moves in a state of the installation, where mails are sent or not.
func MovesIn(at phase.State, keep Keep, mails bool) error {
	if err := (Attempt{at: at}).mayMove(uuid.Max); err != nil { // of who is absent it says the same, whoever they are, but for a ramp
		return err
	}
	return mayReset(at, keep, mails, at.NewAnswers())
}

// mayReset returns why nobody's password is taken away by a way to keep it, where mails are sent or not, and where this store answers for
// whoever it would be, or not.
func mayReset(at phase.State, keep Keep, mails, answers bool) error {
	switch {
	case keep != KeepReset:
		return nil
	case !mails:
		return resetsUnmailedError{}
	case !answers:
		return resetsNobodyError{at}
	}
	return nil
}
