package accounts

import (
	"context"
	"errors"

	"rekey/accounts/password"
	"rekey/accounts/phase"
)

// An address becomes somebody's when they have shown that they read what is sent there. Until then it is nobody's: an account
// that is registered with it has it unverified, and one that asks for it keeps the old one.
//
// A legacy store hears of it where it takes addresses; see emailthere.go. Where it must have the address and takes none, nobody
// gets another. Where it is to be told and is not, an account whose address was set here is answered here from then on, whatever the
// phase goes back to.

// An EmailChange is somebody who is logged in and wants another address, or to show that theirs is theirs.
type EmailChange struct {
	Session   Session
	Current   password.Secret
	Email     string
	RequestID string
}

// AskEmail takes the wish, after the password was proven once more, and a letter with a token goes to the address. Whether
// another account has it is not told. Its errors are those of ChangePassword, ErrManagedElsewhere, and ErrNoMail.
func (s *Service) AskEmail(ctx context.Context, c EmailChange) error {
	if s.mailer == nil {
		return ErrNoMail
	}
	address, err := parseEmail(c.Email)
	if err != nil {
		return err
	}
	a := Attempt{Password: c.Current, RequestID: c.RequestID}
	there := func(a Attempt) error { return s.askEmailThere(ctx, c, address, a) }
	return s.change(ctx, c.Session, a, &s.stats.EmailsAsked, there, func(_ Attempt, rec Record, _ phase.Row) error {
		return s.post(ctx, MailVerify, sealedMail{AccountID: rec.ID, Address: address.Spelling, RequestID: c.RequestID})
	})
}

func parseEmail(typed string) (Identifier, error) {
	id, err := ParseIdentifier(typed)
	switch {
	case err != nil:
		return Identifier{}, &InvalidError{Field: "email", Reason: err.Error()}
	case id.Kind != Email:
		return Identifier{}, &InvalidError{Field: "email", Reason: shapes[Email]}
	}
	return id, nil
}

// welcome sends somebody who has just registered a letter with which they show that the address is theirs. They can ask for
// another, so failing at it is no reason to fail.
func (s *Service) welcome(ctx context.Context, p Person, a Attempt) {
	address := (Account{Identifiers: p.Identifiers}).Named(Email)
	if s.mailer == nil || address == "" {
		return
	}
	if err := s.post(ctx, MailVerify, sealedMail{AccountID: p.ID, Source: p.Source, LegacyID: p.LegacyID, Address: address, RequestID: a.RequestID}); err != nil {
		s.log.WarnContext(ctx, "no letter to somebody who has registered; they can ask for one", "account", p.ID, "error", err)
	}
}

// sendVerify sends a token to an address that somebody wants. Where it is another's, nothing is sent.
func (s *Service) sendVerify(ctx context.Context, about sealedMail) error {
	address, err := parseEmail(about.Address)
	if err != nil {
		return err
	}
	st, err := s.standing(ctx, about)
	switch {
	case errors.Is(err, ErrCredentials):
		return nil // they have gone since
	case err != nil:
		return err
	case st.there != nil && st.row.Legacy != phase.Required:
		return nil // legacy has come to answer for them since
	case st.there != nil:
		if _, err := emailFor(*st.there, st.row, address); err != nil {
			return nil //nolint:nilerr // and must have the address, which it does not take
		}
	}
	switch err := s.checkAddress(ctx, st, address); {
	case errors.Is(err, ErrTakenIdentifier):
		return nil
	case err != nil:
		return err
	}
	token, err := s.ticket(ctx, TicketEmail, st, address)
	if err != nil {
		return err
	}
	letter := Letter{Kind: LetterVerify, To: address.Spelling, Token: token, Life: ticketLife}
	s.personal(ctx, st, &letter)
	return s.deliverLetter(ctx, letter)
}

// checkAddress returns ErrTakenIdentifier if an address is not an account's own and any store has it.
func (s *Service) checkAddress(ctx context.Context, st standing, address Identifier) error {
	if st.there == nil && st.rec.holds(address) || st.there != nil && st.there.holds(address.Canonical) {
		return nil
	}
	return s.checkFree(ctx, st.rec, []Identifier{address})
}

// sendEmailChanged tells an old address of the new one.
func (s *Service) sendEmailChanged(ctx context.Context, about sealedMail) error {
	return s.deliverLetter(ctx, Letter{Kind: LetterEmailChanged, To: about.Address})
}

// An EmailConfirmation is somebody who has the token of a letter.
type EmailConfirmation struct {
	Token     password.Secret
	RequestID string
}

// ConfirmEmail makes the address that a token was sent to its account's, and verified. Where it replaces another, that one is
// told. Its errors are ErrTicket, ErrTakenIdentifier, ErrManagedElsewhere, a *PolicyError, or an *UnavailableError.
func (s *Service) ConfirmEmail(ctx context.Context, c EmailConfirmation) error {
	t, bound, err := s.ticketOf(ctx, TicketEmail, c.Token)
	if err != nil {
		return err
	}
	a := Attempt{RequestID: c.RequestID}
	leave, err := s.enter(&a)
	if err != nil {
		return err
	}
	defer leave()
	err = s.retryStale(&s.stats.EmailsConfirmed, func() error {
		st, err := s.redeem(ctx, t, bound, a)
		if err != nil {
			return err
		}
		return s.setEmail(ctx, st, bound.Spelling, a)
	})
	if errors.Is(err, ErrCredentials) {
		return ErrTicket
	}
	if err == nil {
		s.dropTicket(ctx, t)
	}
	return err
}

func (s *Service) setEmail(ctx context.Context, st standing, spelling string, a Attempt) error {
	address, err := parseEmail(spelling)
	if err != nil {
		return err
	}
	if err := s.checkAddress(ctx, st, address); err != nil {
		return err
	}
	switch {
	case st.row.Legacy == phase.Required:
		return s.setEmailThere(ctx, st, address, a)
	case st.there != nil: // legacy knows better, and what is here of them is no account to be changed
		return st.there.source.elsewhere()
	}
	return s.setEmailHere(ctx, st, address, a)
}

// setEmailHere is for an account that the new store answers for.
func (s *Service) setEmailHere(ctx context.Context, st standing, address Identifier, a Attempt) error {
	var owed []Delivery
	if st.row.Legacy == phase.CopyBack {
		var err error
		if owed, err = s.oweEmail(st.rec, address); err != nil {
			return cannotTell("set address", err)
		}
	}
	address.Verified = true
	old := st.rec.Named(Email)
	replaced, _ := ParseIdentifier(old) // empty if there is none
	var told []Mail
	if old != "" && replaced.Canonical != address.Canonical {
		m, err := s.newMail(MailEmailChanged, sealedMail{AccountID: st.id, Address: old, RequestID: a.RequestID})
		if err != nil {
			return cannotTell("store a mail", err)
		}
		told = append(told, m)
	}
	event := s.event(st.id, EventEmail, a)
	err := s.outlive(ctx, func(ctx context.Context) error {
		return s.writes(a).SetEmail(ctx, st.id, st.rec.Credential.Version, address, event, told, owed...)
	})
	s.owes(owed, err)
	if err == nil {
		s.nudge(JobMail)
	}
	if errors.Is(err, ErrTaken) {
		return ErrTakenIdentifier
	}
	return err
}
