package accounts

import (
	"context"
	"errors"
	"slices"

	"github.com/google/uuid"

	"rekey/accounts/password"
	"rekey/accounts/phase"
	"rekey/legacy"
)

// A reset gives somebody a new password who has forgotten the old one. What proves who they are is the mailbox: the address is
// the one on file, never the one that was typed. It works for people who have not logged in since the move began: the proof
// moves them, with the new password and without the old one.
//
//  1. AskReset answers the same to everybody and looks nowhere. MailNext does the rest.
//  2. ConfirmReset changes the password where a change by its owner would: here, here and owed to legacy, or there first, by
//     an intent. No older password counts afterwards, anywhere, and all sessions end.
//  3. Disabled and deleted people get no mail, and no token of before revives them. Second factors stay as they are.

// ByReset is How of somebody who was moved by a reset.
const ByReset How = "reset"

// AskReset takes the wish for a new password. Its error is an *InvalidError, ErrNoMail, or an *UnavailableError; it never tells
// whether anybody has the name.
func (s *Service) AskReset(ctx context.Context, identifier, requestID string) error {
	if s.mailer == nil {
		return ErrNoMail
	}
	if _, err := ParseIdentifier(identifier); err != nil {
		return &InvalidError{Field: "identifier", Reason: err.Error()}
	}
	return s.post(ctx, MailReset, sealedMail{Identifier: identifier, RequestID: requestID})
}

// post stores a mail, with events.
func (s *Service) post(ctx context.Context, kind MailKind, about sealedMail, events ...Event) error {
	m, err := s.newMail(kind, about)
	if err == nil {
		err = s.outlive(ctx, func(ctx context.Context) error { return s.store.AddMail(ctx, m, events...) })
	}
	if err != nil {
		return cannotTell("store a mail", err)
	}
	s.nudge(JobMail)
	return nil
}

// AskResetFor sends somebody a link to reset their password, because staff say so, and returns whose. Ref is an id of somebody
// who is here, or a name. Its error is an *InvalidError, ErrNotFound, a *PolicyError where no mail can do it, ErrNoMail, or an
// *UnavailableError.
func (s *Service) AskResetFor(ctx context.Context, ref string, by By) (uuid.UUID, error) {
	if err := by.Check(); err != nil {
		return uuid.Nil, err
	}
	return s.resetFor(ctx, ref, by.RequestID, func(st standing) error {
		about := sealedMail{AccountID: st.id, RequestID: by.RequestID}
		if st.there != nil {
			about.Source, about.LegacyID = st.there.source.Name, st.there.user.ID
		}
		return s.post(ctx, MailReset, about, by.event(st.id, EventResetAsked, s.now()))
	})
}

// MayResetFor returns whom AskResetFor would send a link to, and sends none. Its error is one of those.
func (s *Service) MayResetFor(ctx context.Context, ref string) (uuid.UUID, error) {
	return s.resetFor(ctx, ref, "", func(standing) error { return nil })
}

// resetFor finds somebody whom a link can be sent to.
func (s *Service) resetFor(ctx context.Context, ref, requestID string, send func(standing) error) (uuid.UUID, error) {
	if s.mailer == nil {
		return uuid.Nil, ErrNoMail
	}
	a := Attempt{RequestID: requestID}
	leave, err := s.enter(&a)
	if err != nil {
		return uuid.Nil, err
	}
	defer leave()
	st, err := s.standOf(ctx, ref, a)
	switch {
	case errors.Is(err, ErrCredentials):
		return uuid.Nil, ErrNotFound
	case err != nil:
		return uuid.Nil, err
	case len(s.addresses(st)) == 0:
		return uuid.Nil, &PolicyError{Field: "ref", Reason: "has no e-mail address of its own"}
	}
	return st.id, send(st)
}

// standOf returns the account that a ref of staff names, here or not.
func (s *Service) standOf(ctx context.Context, ref string, a Attempt) (standing, error) {
	rec, err := s.AccountOf(ctx, ref)
	switch {
	case err == nil && rec.Disabled && !rec.Deleted():
		return standing{}, &PolicyError{Field: "ref", Reason: "is disabled: enable the account first"}
	case err == nil:
		return s.stand(ctx, rec.ID, "", "", a)
	case !errors.Is(err, ErrNotFound):
		return standing{}, err
	}
	person, err := s.Find(ctx, ref)
	if err != nil {
		return standing{}, err
	}
	return s.stand(ctx, person.ID, person.Source, person.LegacyID, a)
}

// sendReset sends a link to whom a mail is for, if there is somebody.
func (s *Service) sendReset(ctx context.Context, about sealedMail) error {
	st, err := s.standing(ctx, about)
	switch {
	case errors.Is(err, ErrCredentials):
		return s.sendContested(ctx, about)
	case err != nil:
		return err
	}
	to := s.addresses(st)
	if len(to) == 0 {
		return nil
	}
	typed, _ := ParseIdentifier(about.Identifier) // empty if it was asked by staff
	i := slices.IndexFunc(to, func(id Identifier) bool { return id.Canonical == typed.Canonical })
	address := to[max(i, 0)]
	token, err := s.ticket(ctx, TicketReset, st, address)
	if err != nil {
		return err
	}
	letter := Letter{Kind: LetterReset, To: address.Spelling, Token: token, Life: ticketLife}
	s.personal(ctx, st, &letter)
	return s.deliverLetter(ctx, letter)
}

// A Reset is a new password from somebody who has the token of a mail.
type Reset struct {
	Token     password.Secret
	New       password.Secret
	RequestID string
}

// ConfirmReset replaces the password of whom the token is for. Its errors are ErrTicket, an *InvalidError, a *PolicyError (the
// token still counts), ErrContestedPerson, ErrManagedElsewhere, or an *UnavailableError (it still counts then too, unless the
// password was changed).
func (s *Service) ConfirmReset(ctx context.Context, r Reset) error {
	if err := r.New.Check(); err != nil {
		return &InvalidError{Field: "new_password", Reason: err.Error()}
	}
	t, bound, err := s.ticketOf(ctx, TicketReset, r.Token)
	if err != nil {
		return err
	}
	a := Attempt{RequestID: r.RequestID}
	leave, err := s.enter(&a)
	if err != nil {
		return err
	}
	defer leave()
	err = s.retryStale(&s.stats.Reset, func() error {
		st, err := s.redeem(ctx, t, bound, a)
		if err != nil {
			return err
		}
		return s.reset(ctx, st, bound.Address, r, a)
	})
	if errors.Is(err, ErrCredentials) {
		return ErrTicket // whoever it was for has gone
	}
	if err != nil {
		return err
	}
	s.dropTicket(ctx, t)
	return nil
}

// reset sets a password in the store that has to have it.
func (s *Service) reset(ctx context.Context, st standing, address string, r Reset, a Attempt) error {
	if err := s.checkNewFor(ctx, st, r.New); err != nil {
		return err
	}
	switch {
	case st.row.Legacy == phase.Required:
		return s.resetThere(ctx, st, r, a)
	case st.there != nil:
		return s.resetMoving(ctx, st, address, r, a)
	}
	return s.resetHere(ctx, st, r, a)
}

// checkNewFor is checkNew for somebody who may not be here.
func (s *Service) checkNewFor(ctx context.Context, st standing, pw password.Secret) error {
	if st.here() {
		return s.checkNewOf(ctx, st.rec, pw)
	}
	return s.checkNew(ctx, aboutThere(st.there.user), pw)
}

// resetHere is for an account that the new store answers for.
func (s *Service) resetHere(ctx context.Context, st standing, r Reset, a Attempt) error {
	next, owed, err := s.newPassword(ctx, st.rec, st.row, r.New)
	if err != nil {
		return err
	}
	err = s.outlive(ctx, func(ctx context.Context) error {
		return s.writes(a).SetPassword(ctx, st.id, st.rec.Credential.Version, next, uuid.Nil, s.event(st.id, EventReset, a), owed...)
	})
	s.owes(owed, err)
	return err
}

// resetThere is for somebody whose password the legacy store must have.
func (s *Service) resetThere(ctx context.Context, st standing, r Reset, a Attempt) error {
	if can := st.there.source.writes(); !can.Conditional || can.Password != legacy.PasswordHashed {
		return st.there.source.elsewhere()
	}
	if !st.here() {
		if _, err := s.ownIdentifiers(ctx, *st.there, a); err != nil {
			return err
		}
	}
	person := legacyPerson{*st.there, st.row}
	intent := s.intentOf(person, a)
	intent.Reset = true
	return s.setThere(ctx, st.id, person, r.New, intent, a)
}

// resetMoving moves somebody whom legacy answers for, with the new password in the place of the old one. It is one transaction,
// so that there is no moment in which they are moved and the old one counts.
func (s *Service) resetMoving(ctx context.Context, st standing, address string, r Reset, a Attempt) error {
	ids, err := s.ownIdentifiers(ctx, *st.there, a)
	if err != nil {
		return err
	}
	if i := slices.IndexFunc(ids, func(id Identifier) bool { return id.Canonical == address }); i >= 0 {
		ids[i].Verified = true // that is what the token has shown
	}
	rec, err := s.recordOf(ctx, st.id, *st.there, nil, ids, Credential{}, a)
	if err != nil {
		return err
	}
	s.owe(&rec, proof{}, st.there.user.Profile)
	rec.Link.How, rec.ChangedHere = ByReset, true
	if rec.Credential, rec.Owed, err = s.newPassword(ctx, rec, st.row, r.New); err != nil {
		return err
	}
	event := s.event(st.id, EventReset, a)
	event.Detail = map[string]string{"source": rec.Link.Source, "legacy_id": rec.Link.LegacyID, "how": string(ByReset)}
	err = s.outlive(ctx, func(ctx context.Context) error {
		return s.writes(a).TakeOver(ctx, rec, st.rec.Credential.Version, event)
	})
	s.owes(rec.Owed, err)
	switch {
	case err == nil && !st.here():
		s.stats.Migrated.Add(1)
	case errors.Is(err, ErrLinked):
		return ErrStale // somebody has just moved them
	case errors.Is(err, ErrTaken):
		s.noteContested(ctx, *st.there, a)
		return ErrContestedPerson
	}
	return err
}

// newPassword makes the credential of a new password, and what the legacy stores are owed for it.
func (s *Service) newPassword(ctx context.Context, rec Record, row phase.Row, pw password.Secret) (next Credential, owed []Delivery, err error) {
	if next, err = s.hash(ctx, "", pw); err != nil {
		return Credential{}, nil, cannotTell("hash the new password", err)
	}
	if row.Legacy == phase.CopyBack {
		owed, err = s.owePassword(ctx, rec, pw)
	}
	return next, owed, err
}

// ownIdentifiers returns what a legacy person takes with them. Nobody can be given a new password while others have one of
// their names too.
func (s *Service) ownIdentifiers(ctx context.Context, c candidate, a Attempt) ([]Identifier, error) {
	ids, _, err := s.stillSo(ctx, c, nil)
	if err != nil {
		return nil, s.unmovable(ctx, c, err, a)
	}
	return ids, nil
}
